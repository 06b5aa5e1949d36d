"""The network of a run as a folder for QuPath: the same calls on patches as QuPath cuts them."""

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from rimlight.errors import ModelError, RunError
from rimlight.io.runs import create_run
from rimlight.io.slides import open_slide
from rimlight.model.prediction import logits_of
from rimlight.workflows.explain import study_of
from rimlight.workflows.export_model import export_model
from rimlight.workflows.label import labelled_cells
from rimlight.workflows.models import read_network
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.train import fold_folder


def _as_qupath_cuts_it(slide, cell, *, size_px, mpp, slide_mpp):
    """The formula of the extension: whole level-0 pixels, then resized."""
    side = round(size_px * mpp / slide_mpp)
    left, top = (round(place - side / 2) for place in (cell.x_l0, cell.y_l0))
    piece = slide.raster.read(0, _window(left, top, side), white=np.full(3, 255.0))
    rows = slice(top - int(piece.top_px), top - int(piece.top_px) + side)
    columns = slice(left - int(piece.left_px), left - int(piece.left_px) + side)
    light = torch.from_numpy(np.array(piece.pixels[rows, columns])).permute(2, 0, 1)[None]
    small = interpolate(light.to(torch.float32), (size_px, size_px), mode="bilinear")
    return small[0].permute(1, 2, 0).round().to(torch.uint8).numpy()


def _window(left, top, side):
    from rimlight.io.rasters import PixelWindow

    return PixelWindow(left_px=left, top_px=top, width_px=side, height_px=side)


def test_qupath_would_call_cells_as_the_product_does(trained, tmp_path):
    said = export_model(trained, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        model = torch.jit.load(tmp_path / "model" / "torchscript_model.pt")
    study = study_of(trained)
    cells = cell_patches(study, labelled_cells(study))
    info = cells.slide_of_cell[0]
    mine = [
        n
        for n, (cell, slide) in enumerate(zip(cells.cells, cells.slide_of_cell, strict=True))
        if slide == info
        and 64 < cell.cell.x_l0 < info.width_l0 - 64
        and 64 < cell.cell.y_l0 < info.height_l0 - 64
    ]
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        cut = np.stack(
            [
                _as_qupath_cuts_it(
                    slide,
                    cells.cells[n].cell,
                    size_px=config["patch_size_pixels"],
                    mpp=config["spacing_um_px"],
                    slide_mpp=info.mpp,
                )
                for n in mine
            ]
        )
    network = read_network(fold_folder(trained, 0), patch=study.settings.patch).network
    light = torch.from_numpy(cut).permute(0, 3, 1, 2).to(torch.float32) / 255
    with torch.no_grad():
        two = model(light).numpy()
    same_patches = logits_of(network, cut, size_px=config["patch_size_pixels"])
    np.testing.assert_allclose(two[:, 1] * said.temperature, same_patches, atol=1e-4)
    ours = logits_of(network, cells.patches[mine], size_px=config["patch_size_pixels"])
    is_clear = np.abs(ours) > 0.2 * np.abs(ours).max()  # a part of a pixel apart, no call is
    assert is_clear.sum() > 5
    np.testing.assert_array_equal((two.argmax(1) == 1)[is_clear], (ours > 0)[is_clear])


def test_what_cannot_be_exported_is_one_sentence(trained, study, tmp_path):
    with pytest.raises(ModelError, match="--threshold 1: is no probability"):
        export_model(trained, tmp_path / "m", threshold=1.0)
    with pytest.raises(RunError, match="was not trained; do rimlight train first"):
        export_model(create_run(study, command="x"), tmp_path / "m")
