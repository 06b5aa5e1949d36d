"""Patches of cells: the right place, the right order, and no slide that has changed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from rimlight.errors import NotEnoughDataError, SlideError
from rimlight.io.store import slides
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches, wide_px
from rimlight.workflows.synth import read_truth


@pytest.fixture(scope="module")
def cells(shared_study):
    return cell_patches(shared_study, consensus_of_study(shared_study).cells)


def test_patches_come_in_the_order_of_slide_and_cell(cells):
    keys = [(cell.cell.slide_id, cell.cell.cell_id) for cell in cells.cells]
    assert keys == sorted(keys)
    assert cells.patches.shape == (150, 72, 72, 3)
    assert len(cells.level) == len(cells.case) == len(cells.white) == 150


def test_stain_lies_where_the_truth_says_that_the_cell_has_its_membrane(cells, synthetic_folder):
    """A shift of two pixels or swapped axes would take the masks off the membranes."""
    strong = np.flatnonzero(cells.level == 3)
    on, moved, swapped = [], [], []
    for row in strong:
        cell = cells.cells[row].cell
        own = read_truth(synthetic_folder, cell.slide_id).masks(cell, size_px=64).own
        dab = cells.dab(np.array([row]))[0]
        on.append(dab[own].mean())
        moved.append(dab[np.roll(own, 3, axis=1)].mean())
        swapped.append(dab[own.T].mean())
    assert len(strong) > 10
    assert np.mean(on) > 1.4 * np.mean(moved)
    assert np.mean(on) > 1.4 * np.mean(swapped)


def test_the_cache_gives_the_same_patches_as_the_slides(study, cells):
    labelled = consensus_of_study(study).cells
    first = cell_patches(study, labelled)
    assert list(study.cache.glob("patches-*"))
    np.testing.assert_array_equal(first.patches, cell_patches(study, labelled).patches)
    np.testing.assert_array_equal(first.patches, cells.patches)


def test_another_white_point_or_patch_size_is_never_served_from_the_cache(study):
    labelled = consensus_of_study(study).cells
    cell_patches(study, labelled)
    patch = replace(study.settings.patch, size_px=48)
    smaller = replace(study, settings=replace(study.settings, patch=patch))
    assert cell_patches(smaller, labelled).patches.shape[1] == wide_px(patch) == 56


def test_a_slide_that_was_replaced_is_refused(study, tmp_path):
    from rimlight.io.store import put_slides

    info = slides(study.engine)[0]
    other = tmp_path / "other.tiff"
    data = bytearray((study.folder / info.path).read_bytes())
    data[-1] ^= 255
    other.write_bytes(data)
    put_slides(study.engine, [replace(info, path=str(other))])
    shutil.rmtree(study.cache, ignore_errors=True)  # patches cut before are those of the old file
    with pytest.raises(SlideError, match=str(info.slide_id)):
        cell_patches(study, consensus_of_study(study).cells)


def test_a_study_without_scored_cells_says_what_to_do(study):
    with pytest.raises(NotEnoughDataError, match="import labels first"):
        cell_patches(study, [])
