"""A trained run to a model folder that QuPath runs through its WSInfer extension."""

from math import log
from pathlib import Path

from rimlight import __version__
from rimlight.errors import ModelError, RunError
from rimlight.io.checkpoints import MANIFEST, weights_hash
from rimlight.io.formats.wsinfer import WsinferModel, write_wsinfer
from rimlight.io.runs import Run
from rimlight.workflows.explain import study_of
from rimlight.workflows.models import read_network
from rimlight.workflows.train import fold_folder


def export_model(run: Run, folder: Path, *, threshold: float = 0.5) -> WsinferModel:
    """Write the network that scores slides of new cases as a WSInfer model folder.

    A run by folds has several networks; the first is taken, as for slides of new cases.

    Args:
        run: Trained.
        folder: Its name is the name of the model in QuPath.
        threshold: Probability above which a cell is positive; 0.5 as in scores.

    Raises:
        ModelError: The threshold is none, or the folder holds something else.
        RunError: The run was not trained.
        StorageError: The disk refuses.
    """
    from rimlight.model.network import ARCHITECTURE
    from rimlight.model.torchscript import torchscript_of

    if not 0 < threshold < 1:
        raise ModelError(f"--threshold {threshold:g}: is no probability; give one such as 0.5")
    study = study_of(run)
    home = fold_folder(run, 0)
    if not (home / MANIFEST).is_file():
        raise RunError(f"run {run.run_id}: was not trained; do rimlight train first")
    patch = study.settings.patch
    model = read_network(home, patch=patch)
    said = WsinferModel(
        architecture=ARCHITECTURE,
        size_px=patch.size_px,
        mpp=patch.mpp,
        temperature=model.temperature,
        threshold=threshold,
        shift=log(threshold / (1 - threshold)),
        run_id=str(run.run_id),
        fold=0,
        weights_hash=weights_hash(home),
        version=__version__,
    )
    weights = torchscript_of(model.network, temperature=model.temperature, threshold=threshold)
    write_wsinfer(folder, weights, said)
    return said
