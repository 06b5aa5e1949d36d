"""A model folder for WSInfer, whose extension runs it inside QuPath on chosen detections.

``config.json`` and ``README.md`` beside exactly one ``torchscript_model.pt``. We write such
folders and never read one: TorchScript can run code.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.errors import ModelError
from rimlight.io.files import storage_error, write_whole

WEIGHTS = "torchscript_model.pt"
CONFIG = "config.json"
README = "README.md"
CLASSES = ("Tumor: Negative", "Tumor: Positive")
_README = """# {name}: a patch classifier of rimlight for WSInfer

For research use only; not for diagnosis.

Says of the cell in the centre of a patch of {size_px} x {size_px} px at {mpp} um/px whether its
membrane is stained. It finds no cells: detect them first (QuPath, StarDist), select them, then run
the model on these detections. It does not know cells that are no tumour cells.

Put this folder into `local` of the WSInfer model folder that is set in QuPath's preferences, so
that the files stand in `local/{name}/`.

- The patch is cut around the centre of a detection and resized to {size_px} px. The slide must have
  its pixel size set in QuPath; without it the patch is of a wrong scale, and nothing says so.
- At pixel sizes other than {mpp} um/px QuPath resizes in another way than rimlight, which averages
  by area: calls near the threshold can differ.
- At the border of a slide QuPath fills up the patch; rimlight does not count such cells.
- Outputs are two logits, 0 and the calibrated log-odds (temperature {temperature:.4f}) less
  {shift:.4f}, the log-odds of the threshold {threshold:g}. The class with the larger value is the
  call of rimlight.{shifted} Normalisation is inside the network: light 0..1 goes in.
- Classes are `Tumor: Negative` and `Tumor: Positive`: QuPath shows the positive percentage of
  them. There are no levels, so there is no H-score.

From run {run_id}, fold {fold}; weights {weights_hash}; rimlight {version}.
"""
_SHIFTED = " QuPath's probability is shifted by the threshold."


@dataclass(frozen=True, slots=True, kw_only=True)
class WsinferModel:
    """What a model folder says; threshold: probability above which a cell is positive."""

    architecture: str
    size_px: int
    mpp: float
    temperature: float
    threshold: float
    shift: float
    run_id: str
    fold: int
    weights_hash: str
    version: str

    def config(self) -> dict[str, Any]:
        """Return ``config.json``: all seven keys of the layout, none of ours.

        Resize is always named: without it the side of a patch may be one pixel off.
        """
        return {
            "spec_version": "1.0",
            "architecture": self.architecture,
            "num_classes": len(CLASSES),
            "patch_size_pixels": self.size_px,
            "spacing_um_px": self.mpp,
            "class_names": list(CLASSES),
            "transform": [
                {"name": "Resize", "arguments": {"size": self.size_px}},
                {"name": "ToTensor"},
            ],
        }


def write_wsinfer(folder: Path, weights: bytes, model: WsinferModel) -> None:
    """Write a model folder; ``config.json`` comes last.

    Args:
        folder: Made if absent; its name is the name of the model in QuPath.
        weights: A TorchScript file.
        model: What the folder says of it.

    Raises:
        ModelError: The folder holds something else than such a model.
        StorageError: The disk refuses.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = {path.name for path in folder.iterdir()} - {WEIGHTS, CONFIG, README}
        if strange:
            raise ModelError(
                f"{folder}: already holds {min(strange)!r}; name a new folder, since WSInfer takes "
                "a folder with one model only"
            )
        (folder / CONFIG).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    shifted = "" if model.shift == 0 else _SHIFTED
    facts = {name: getattr(model, name) for name in model.__dataclass_fields__}
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / README, _README.format(name=folder.name, shifted=shifted, **facts))
    write_whole(folder / CONFIG, json.dumps(model.config(), indent=2) + "\n")
