"""How often the network as QuPath's WSInfer extension runs it calls a cell as rimlight does.

    python benchmarks/wsinfer_calls.py STUDY --slides 5

Patches are cut by the formula of the extension (whole level-0 pixels, then resized); the network
is the exported file. Labelled cells only, at most 60 a slide, none at the border.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from rimlight.core.planes import patch_box
from rimlight.io.rasters import PixelWindow
from rimlight.io.runs import open_run
from rimlight.io.slides import Slide, open_slide
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.model.prediction import logits_of
from rimlight.records import Cell
from rimlight.workflows.explain import study_of
from rimlight.workflows.export_model import export_model
from rimlight.workflows.label import labelled_cells
from rimlight.workflows.models import read_network
from rimlight.workflows.train import fold_folder

MOST = 60


def cut(slide: Slide, cell: Cell, *, side_l0: int, size_px: int) -> torch.Tensor:
    """Return light 0..1 of one patch as the extension cuts and resizes it, (3, size, size)."""
    left, top = (round(place - side_l0 / 2) for place in (cell.x_l0, cell.y_l0))
    wanted = PixelWindow(left_px=left, top_px=top, width_px=side_l0, height_px=side_l0)
    piece = slide.raster.read(0, wanted, white=np.full(3, 255.0))
    row, column = top - int(piece.top_px), left - int(piece.left_px)
    pixels = np.array(piece.pixels[row : row + side_l0, column : column + side_l0])
    light = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(torch.float32) / 255
    return interpolate(light, (size_px, size_px), mode="bilinear")[0]


def main() -> None:
    """Print how many calls are the same, slide by slide."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--slides", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = open_run(open_study(given.study))
    study = study_of(run)
    patch = study.settings.patch
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_model(run, Path(folder) / "model")
        model = torch.jit.load(Path(folder) / "model" / "torchscript_model.pt")
    network = read_network(fold_folder(run, 0), patch=patch).network
    cells = [each.cell for each in labelled_cells(study) if each.expression.level is not None]
    n_same = n_cells = 0
    for info in slides(study.engine)[: given.slides]:
        edge = patch.size_px * patch.mpp / info.mpp / 2 + 4
        mine = [
            cell
            for cell in cells
            if cell.slide_id == info.slide_id
            and edge < cell.x_l0 < info.width_l0 - edge
            and edge < cell.y_l0 < info.height_l0 - edge
        ][:MOST]
        if not mine:
            continue
        how = {"size_px": patch.size_px, "patch_mpp": patch.mpp, "slide_mpp": info.mpp}
        side_l0 = round(patch.size_px * patch.mpp / info.mpp)
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            theirs = [cut(slide, cell, side_l0=side_l0, size_px=patch.size_px) for cell in mine]
            boxes = [patch_box(cell, **how) for cell in mine]
            ours = slide.read_patches(boxes, size_px=patch.size_px, white=info.white)
        with torch.no_grad():
            is_positive = model(torch.stack(theirs)).argmax(1).numpy() == 1
        same = is_positive == (logits_of(network, ours, size_px=patch.size_px) > 0)
        n_same, n_cells = n_same + int(same.sum()), n_cells + len(mine)
        print(f"{info.slide_id}: {info.mpp:g} um/px, {same.sum()} of {len(mine)} calls the same")
    print(f"{n_same} of {n_cells} calls the same; patches at {patch.mpp:g} um/px")


if __name__ == "__main__":
    main()
