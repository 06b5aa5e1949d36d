"""Networks to model folders and back: the place where tensors meet files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight import __version__
from rimlight.errors import ModelError
from rimlight.io.checkpoints import read_model, write_model
from rimlight.settings import PatchSettings

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

CARD = """# Patch classifier of rimlight

For research use only; not for diagnosis.

Says whether the cell in the centre of a patch has membrane staining (weak, moderate or strong)
or none. Input: {size_px} x {size_px} px of RGB light at {mpp} um/px, 0..1, pixels as the scanner
stored them (no ICC conversion). Output: one logit; divide by the temperature {temperature:.3f}
for a calibrated log-odds.

- Architecture: {architecture}, width {width}, {n_parameters} parameters.
- Training: {n_train} cells of {n_train_cases} cases; stopped by {n_validation} cells of
  {n_validation_cases} other cases. Synthetic cells: {synthetic}.
- Limits: made for the stain, scanner and tissue it was trained on; it does not know cells that are
  no tumour cells. Hold-out figures with intervals stand in metrics.json of run {run_id}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network with what its folder says of it; temperature in logits per log-odds."""

    network: "PatchNetwork"
    temperature: float
    manifest: dict[str, Any]


def write_network(
    folder: Path, network: "PatchNetwork", *, patch: PatchSettings, facts: dict[str, Any]
) -> None:
    """Write a model folder: weights, ``model.json`` and a model card.

    Args:
        facts: temperature, run_id, seed, and counts of training and validation as the card
            names them.
    """
    from rimlight.model.network import ARCHITECTURE

    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    manifest = {
        "name": f"rimlight-{facts['run_id']}",
        "version": __version__,
        "intended_use": "research use only",
        "architecture": {
            "name": ARCHITECTURE,
            "settings": network.settings.as_dict(),
            "n_parameters": n_parameters,
        },
        "input": {
            "patch_px": patch.size_px,
            "mpp": patch.mpp,
            "colour": "RGB",
            "range": [0, 1],
            "normalisation": "inside",
            "icc": "none",
        },
        "output": {
            "kind": "single_logit",
            "positive_is": ["weak", "moderate", "strong"],
            "negative_is": ["negative"],
            "threshold": 0.5,
            "temperature": facts["temperature"],
        },
        "training": {name: facts[name] for name in sorted(facts) if name != "temperature"},
    }
    card = CARD.format(
        size_px=patch.size_px,
        mpp=patch.mpp,
        architecture=ARCHITECTURE,
        width=network.settings.width,
        n_parameters=n_parameters,
        **facts,
    )
    arrays = {name: np.array(t.numpy()) for name, t in network.state_dict().items()}
    write_model(folder, arrays, manifest=manifest, card=card)


def read_network(folder: Path, *, patch: PatchSettings) -> Model:
    """Return the network of a model folder, in evaluation mode, ready for the study's patches.

    Raises:
        ModelError: The folder is no model, was changed, or takes other patches than the study.
    """
    arrays, manifest = read_model(folder)
    taken, given = (_part(folder, manifest, name) for name in ("input", "output"))
    if (taken.get("patch_px"), taken.get("mpp")) != (patch.size_px, patch.mpp):
        raise ModelError(
            f"{folder}: takes patches of {taken.get('patch_px')} px at {taken.get('mpp')} um/px, "
            f"the study has {patch.size_px} px at {patch.mpp} um/px; change one of them"
        )
    temperature = given.get("temperature")
    if not isinstance(temperature, int | float) or not 0 < temperature < 1e6:
        raise ModelError(
            f"{folder}: model.json gives {temperature!r} for the temperature, a number above 0 is "
            "needed; copy the model again"
        )
    return Model(
        network=network_from(folder, arrays, manifest),
        temperature=float(temperature),
        manifest=manifest,
    )


def _part(folder: Path, manifest: dict[str, Any], name: str) -> dict[str, Any]:
    found = manifest.get(name)
    if not isinstance(found, dict):
        raise ModelError(f"{folder}: model.json has no {name}; copy the model again")
    return found


def network_from(
    folder: Path, arrays: dict[str, np.ndarray], manifest: dict[str, Any]
) -> "PatchNetwork":
    """Return the network of arrays and manifest as ``read_model`` gives them.

    Raises:
        ModelError: The manifest or the arrays are not those of a patch network.
    """
    import torch

    from rimlight.model.network import ARCHITECTURE, NetworkSettings, new_network

    architecture = _part(folder, manifest, "architecture")
    if architecture.get("name") != ARCHITECTURE:
        raise ModelError(
            f"{folder}: architecture {architecture.get('name')!r} is not known here; "
            f"this version reads {ARCHITECTURE}"
        )
    try:
        settings = dict(architecture["settings"])
        if "shape" in settings:
            settings["shape"] = tuple(settings["shape"])
        network = new_network(NetworkSettings(**settings), seed=0)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder}: model.json does not say how the network is built; copy the model again"
        ) from error
    try:
        network.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    except RuntimeError as error:
        raise ModelError(
            f"{folder}: the weights do not fit the architecture that model.json names; "
            "copy the model again"
        ) from error
    return network.eval()
