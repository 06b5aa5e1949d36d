"""The network that tells tumour cells from other candidates: fitted once a fold, kept in the run.

``models/tumour-fold-N`` holds its weights and what they were made from. It is fitted on training
cases, its epoch is chosen by validation cases, and held-out cases only tell how often it errs.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight import __version__
from rimlight.core.stains import StainMatrix
from rimlight.errors import ModelError
from rimlight.io.checkpoints import MANIFEST, read_model, weights_hash, write_model
from rimlight.io.runs import Run
from rimlight.settings import PatchSettings
from rimlight.workflows.models import network_from
from rimlight.workflows.score_examples import Examples

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork
    from rimlight.model.training import PatchSet

LEAST_OTHERS_OF_A_NETWORK = 100
LEAST_CASES_OF_A_NETWORK = 4
_VERSION = 1  # of the way to fit it; another fits it again
_CARD = """# Tumour cell or other: the small network of rimlight

For research use only; not for diagnosis.

Says whether the candidate in the centre of a patch is a tumour cell (logit above 0) or not. Input:
{size_px} x {size_px} px of RGB light at {mpp:g} um/px, 0..1.

- Training: {n_tumour} tumour cells and {n_others} cells labelled other of {n_cases} cases;
  {n_validation} cells of other cases chose the epoch. No held-out case was used.
- Limits: made for the stain, scanner and tissue it was trained on. How often it errs on held-out
  cases stands with the scores.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class TumourNetwork:
    """The small network, and what it was fitted on.

    block: patch pixels in one of its own, each way. weights: the hash of its weights. n_others,
    n_tumour: labelled training cells; n_cases: with a cell labelled other.
    """

    network: "PatchNetwork"
    block: int
    weights: str
    n_others: int
    n_tumour: int
    n_cases: int

    def is_other(self, patches: np.ndarray) -> np.ndarray:
        """Return which patches of the classifier show no tumour cell in their middle."""
        from rimlight.model.tumour_network import is_other

        return is_other(self.network, patches, block=self.block)


def tumour_folder(run: Run, fold: int) -> Path:
    """Return the model folder of the small network of a fold."""
    return run.folder / "models" / f"tumour-fold-{fold}"


def tumour_weights(run: Run, fold: int) -> str:
    """Return the hash of the weights of a fold's small network; empty without a sound one."""
    try:
        return weights_hash(tumour_folder(run, fold))
    except ModelError:
        return ""


def tumour_network(
    run: Run,
    examples: Examples,
    *,
    fold: int,
    patch: PatchSettings,
    stains: StainMatrix,
    width: int,
    seed: int,
) -> TumourNetwork | None:
    """Return the small network of a fold, fitted unless it lies there made from the same.

    Args:
        run: It is kept in.
        examples: Labelled cells at their candidates.
        fold: Its number.
        patch: Of the classifier.
        stains: In which patches are changed while it is fitted.
        width: Of the classifier.
        seed: Of the study.

    Returns:
        None with fewer than 100 training cells labelled other, of fewer than four cases, or
        without a tumour cell.

    Raises:
        StorageError: The disk refuses.
    """
    train = examples.part == "train"
    others = train & examples.is_other
    n_cases = len(np.unique(examples.case[others]))
    n_others, n_tumour = int(others.sum()), int((train & ~examples.is_other).sum())
    if n_others < LEAST_OTHERS_OF_A_NETWORK or n_cases < LEAST_CASES_OF_A_NETWORK or not n_tumour:
        return None
    folder = tumour_folder(run, fold)
    facts: dict[str, Any] = {
        "made_from": _made_from(
            examples, [_VERSION, asdict(patch), stains.fingerprint, width, seed, fold]
        ),
        "n_others": n_others,
        "n_tumour": n_tumour,
        "n_cases": n_cases,
        "n_validation": int((examples.part == "validation").sum()),
        "seed": seed,
    }
    if not _is_kept(folder, facts["made_from"]):
        _fit(folder, examples, patch=patch, stains=stains, width=width, facts=facts)
    return read_tumour_network(folder)


def kept_tumour_network(run: Run, fold: int) -> TumourNetwork | None:
    """Return the small network that a score kept in the run; None where there is none.

    Raises:
        ModelError: It was changed or damaged.
    """
    folder = tumour_folder(run, fold)
    return read_tumour_network(folder) if (folder / MANIFEST).is_file() else None


def read_tumour_network(folder: Path) -> TumourNetwork:
    """Return the small network of a model folder.

    Raises:
        ModelError: The folder holds none, or it was changed.
    """
    from rimlight.model.network import folded

    arrays, manifest = read_model(folder)
    try:
        training, block = manifest["training"], int(manifest["input"]["block_px"])
        counts = {name: int(training[name]) for name in ("n_others", "n_tumour", "n_cases")}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder}: not a network that tells tumour cells; delete it and score again"
        ) from error
    return TumourNetwork(
        network=folded(network_from(folder, arrays, manifest)),
        block=block,
        weights=weights_hash(folder),
        **counts,
    )


def _made_from(examples: Examples, how: list[Any]) -> str:
    """Return the hash of all that the fit depends on: fitted cells alone, with their pixels."""
    fit = examples.is_fitted
    found = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
    for name in ("cell", "part", "is_other", "patches", "white"):
        found.update(np.ascontiguousarray(getattr(examples, name)[fit]).tobytes())
    return found.hexdigest()


def _is_kept(folder: Path, made_from: str) -> bool:
    if not (folder / MANIFEST).is_file():
        return False
    try:
        training = read_model(folder)[1].get("training")
    except ModelError:
        return False
    return isinstance(training, dict) and training.get("made_from") == made_from


def _fit(
    folder: Path,
    examples: Examples,
    *,
    patch: PatchSettings,
    stains: StainMatrix,
    width: int,
    facts: dict[str, Any],
) -> None:
    from rimlight.model.network import ARCHITECTURE, n_multiplications
    from rimlight.model.tumour_network import coarse_block, fitted_tumour_network, tumour_settings

    block = coarse_block(patch.size_px, mpp=patch.mpp)
    settings = tumour_settings(patch.size_px, mpp=patch.mpp, width=width)
    network = fitted_tumour_network(
        _patch_set(examples, examples.part == "train", block=block),
        _patch_set(examples, examples.part == "validation", block=block),
        mpp=patch.mpp * block,
        stains=stains,
        settings=settings,
        seed=facts["seed"],
    )
    taken = {"size_px": settings.size_px, "mpp": patch.mpp * block}
    manifest = {
        "name": "rimlight tumour or other",
        "version": __version__,
        "intended_use": "research use only",
        "architecture": {
            "name": ARCHITECTURE,
            "settings": settings.as_dict(),
            "n_multiplications": n_multiplications(network),
        },
        "input": {**taken, "block_px": block, "colour": "RGB", "range": [0, 1]},
        "output": {
            "kind": "single_logit",
            "positive_is": ["tumour cell"],
            "negative_is": ["other"],
        },
        "training": facts,
    }
    arrays = {name: np.array(t.numpy()) for name, t in network.state_dict().items()}
    write_model(folder, arrays, manifest=manifest, card=_CARD.format(**taken, **facts))


def _patch_set(examples: Examples, chosen: np.ndarray, *, block: int) -> "PatchSet":
    from rimlight.model.training import PatchSet
    from rimlight.model.tumour_network import coarse

    return PatchSet(
        patches=coarse(examples.patches[chosen], block=block),
        is_positive=~examples.is_other[chosen],
        white=examples.white[chosen],
    )
