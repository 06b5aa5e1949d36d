"""Candidates of whole slides: patches as training cuts them, whatever the tiles."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from rimlight.core.planes import patch_box
from rimlight.io.pyramids import write_pyramid
from rimlight.io.slides import open_slide
from rimlight.io.store import put_slides, slides
from rimlight.records import Cell
from rimlight.workflows import candidates
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.patches import wide_px
from rimlight.workflows.register import SlideEntry, register_slides
from rimlight.workflows.slide_planes import SlidePlane
from rimlight.workflows.synth import read_truth


def found_on(study, infos, **how):
    tiles = list(candidate_tiles(study, infos, **how))
    x, y = (np.concatenate([getattr(tile, name) for tile in tiles]) for name in ("x_l0", "y_l0"))
    return x, y, np.concatenate([tile.patches for tile in tiles])


def cut_for_training(study, info, x, y):
    settings = study.settings.patch
    boxes = [
        patch_box(
            Cell(cell_id="c", slide_id=info.slide_id, x_l0=float(a), y_l0=float(b)),
            size_px=wide_px(settings),
            patch_mpp=settings.mpp,
            slide_mpp=info.mpp,
        )
        for a, b in zip(x, y, strict=True)
    ]
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        return slide.read_patches(boxes, size_px=wide_px(settings), white=info.white)


def test_patches_are_those_that_training_would_cut(study):
    info = slides(study.engine)[0]
    x, y, patches = found_on(study, [info])
    assert len(x) > 50
    assert (patches == cut_for_training(study, info, x, y)).all()


@pytest.mark.parametrize("tile_um", [60.0, 101.0])
def test_the_tiles_change_nothing(study, tile_um):
    info = slides(study.engine)[1]
    x, y, patches = found_on(study, [info])
    for path in study.cache.glob("candidates-*"):
        path.rename(path.with_name("other"))
    again = found_on(study, [info], tile_um=tile_um)
    order, same = np.lexsort((x, y)), np.lexsort((again[0], again[1]))
    for one, other in zip((x, y, patches), again, strict=True):
        assert (one[order] == other[same]).all()


def test_most_tumour_cells_with_a_nucleus_are_candidates(study, synthetic_folder):
    for info in slides(study.engine)[:3]:
        truth = read_truth(synthetic_folder, info.slide_id)
        has_nucleus = np.bincount(truth.nucleus.ravel(), minlength=len(truth.cells["name"]) + 1)
        rows = [
            row
            for row, kind in enumerate(truth.cells["kind"])
            if kind == "tumour" and has_nucleus[int(truth.cells["name"][row])] > 80
        ]
        place = np.array([truth.cells["x_l0"], truth.cells["y_l0"]], dtype=float).T[rows]
        x, y, _ = found_on(study, [info])
        far, _ = cKDTree(np.column_stack([x, y])).query(place)
        assert (far * info.mpp <= 4).mean() > 0.85


def test_a_second_search_takes_the_centres_that_were_kept(study, monkeypatch):
    info = slides(study.engine)[0]
    first = found_on(study, [info])

    def none(*_, **__):
        raise AssertionError("searched again")

    monkeypatch.setattr(candidates, "candidate_centres", none)
    again = found_on(study, [info], tile_um=90.0)
    assert sorted(zip(*first[:2], strict=True)) == sorted(zip(*again[:2], strict=True))


def test_a_search_that_was_stopped_keeps_no_half_slide(study):
    info = slides(study.engine)[0]
    stream = candidate_tiles(study, [info], tile_um=60.0)
    next(stream)
    stream.close()
    assert not list(study.cache.glob("candidates-*"))


def test_progress_goes_up_to_the_number_of_all_tiles(study):
    told = []
    infos = slides(study.engine)[:3]
    for _ in range(2):  # searched, then known
        told.clear()
        list(candidate_tiles(study, infos, tile_um=60.0, on_tile=lambda *said: told.append(said)))
        done, total = zip(*told, strict=True)
        assert list(done) == sorted(done)
        assert set(total) == {done[-1]}


def test_another_white_is_another_search(study):
    from dataclasses import replace

    info = slides(study.engine)[0]
    list(candidate_tiles(study, [info]))
    put_slides(study.engine, [replace(info, white=(230.0, 230.0, 230.0))])
    list(candidate_tiles(study, slides(study.engine)[:1]))
    assert len(list(study.cache.glob("candidates-*"))) == 2


def test_pixels_that_do_not_divide_give_the_same_patches_to_a_grey_value(study, tmp_path):
    info = slides(study.engine)[0]
    with open_slide(study.folder / info.path) as slide:
        rgb = slide.raster.read(0, _window(slide), white=np.float32([255] * 3)).pixels
    path = tmp_path / "odd.tiff"
    write_pyramid(path, np.asarray(rgb)[: slide.height_l0, : slide.width_l0], mpp=0.2313)
    register_slides(study, [SlideEntry(path=path, case="odd", assay=None, scanner=None, mpp=None)])
    odd = next(info for info in slides(study.engine) if info.case_id == "odd")
    x, y, patches = found_on(study, [odd])
    cut = cut_for_training(study, odd, x, y)
    assert len(x) > 50
    assert np.abs(patches.astype(int) - cut).max() <= 1
    assert (patches != cut).mean() < 1e-3


def test_tiles_not_wanted_are_neither_read_nor_yielded_and_the_others_hold_the_same(
    study, monkeypatch
):
    info = slides(study.engine)[0]
    middle = info.width_l0 / 2
    asked = []

    def is_wanted(left, top, right, bottom):
        asked.append((left, top, right, bottom))
        return left >= middle

    x, y, patches = found_on(study, [info], tile_um=64.0, is_wanted=is_wanted)
    assert not list(study.cache.glob("candidates-*"))
    boxes = np.array(asked)
    assert boxes.min() == 0
    assert boxes[:, 2].max() == info.width_l0
    assert boxes[:, 3].max() == info.height_l0
    first = boxes[boxes[:, 0] >= middle, 0].min()

    every = found_on(study, [info], tile_um=64.0)
    kept = every[0] >= first
    assert 0 < kept.sum() < len(kept)
    for some, all_ in zip((x, y, patches), every, strict=True):
        assert (some == all_[kept]).all()

    n_read = []
    inner = SlidePlane.read
    monkeypatch.setattr(SlidePlane, "read", lambda *given: n_read.append(given) or inner(*given))
    again = found_on(study, [info], tile_um=64.0, is_wanted=is_wanted)  # now of known centres
    assert (again[0] == x).all()
    assert len(n_read) == sum(box[0] >= middle for box in set(asked))


def test_given_points_are_taken_as_they_are_on_the_grid_of_patch_pixels(study, monkeypatch):
    info = slides(study.engine)[1]

    def none(*_, **__):
        raise AssertionError("searched")

    monkeypatch.setattr(candidates, "candidate_centres", none)
    monkeypatch.setattr(candidates, "tissue_of", none)
    width, height = info.width_l0, info.height_l0
    given = np.array([[0.0, 0.0], [70.2, 31.4], [70.2, 31.4], [width, height], [width - 3.4, 12.0]])
    x, y, patches = found_on(study, [info], given=given, tile_um=60.0)
    step = study.settings.patch.mpp / info.mpp
    assert len(x) == len(given)
    order, same = np.lexsort((x, y)), np.lexsort(given.T)
    off = np.abs(np.column_stack([x, y])[order] - given[same])
    assert off.max() <= step  # the last corner of the slide is in its last pixel
    assert (off <= step / 2).all(axis=1).sum() == 4
    assert (patches == cut_for_training(study, info, x, y)).all()
    assert not list(study.cache.glob("candidates-*"))


def test_points_beyond_the_slide_or_of_several_slides_are_refused(study):
    infos = slides(study.engine)[:2]
    with pytest.raises(ValueError, match="lie on the slide"):
        found_on(study, infos[:1], given=np.array([[5.0, 5.0], [infos[0].width_l0 + 1.0, 5.0]]))
    with pytest.raises(ValueError, match="one slide"):
        found_on(study, infos, given=np.array([[5.0, 5.0]]))


def _window(slide):
    from rimlight.io.rasters import PixelWindow

    return PixelWindow(left_px=0, top_px=0, width_px=slide.width_l0, height_px=slide.height_l0)
