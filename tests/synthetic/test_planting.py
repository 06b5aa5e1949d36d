"""What is planted is where and what it is said to be, and taking it away changes nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from rimlight.core.density import optical_density
from rimlight.core.stains import HDAB, dab_density, matrix_of, unmix
from rimlight.records import CauseName
from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.field import CellTable, Repaint, render_field
from rimlight.synthetic.planting import (
    APART_UM,
    CAUSES,
    Planting,
    confounded_cells,
    far_apart,
    planted_cells,
    repaints,
)
from rimlight.synthetic.plants import (
    DARK_FACTOR,
    Plant,
    Window,
    darkened_nuclei,
    planted,
    shifted_click,
    specks,
)
from rimlight.synthetic.settings import DEMO, MPP, TRUTH_MPP

TISSUE = replace(DEMO, n_cases=4, n_slides=4, seed=11, neighbour_agreement=0.0, label_noise=0.0)
SIDE_PX = 96


@pytest.fixture(scope="module")
def look():
    return case_look(TISSUE, 1)


@pytest.fixture(scope="module")
def render(look):
    def rendered(repaint=None):
        return render_field(
            look, TISSUE, size_um=(110, 110), seed=(11, 6), has_glass=False, repaint=repaint
        )

    return rendered


@pytest.fixture(scope="module")
def cells():
    return planted_cells(TISSUE, case=1, n_fields=3, size_px=64, seed=5, field_um=170)


def inner(field, row):
    """The cell's nucleus without its edge, at the resolution of the picture."""
    nucleus = binary_erosion(field.nucleus == row + 1, iterations=2)
    return nucleus.repeat(2, axis=0).repeat(2, axis=1)


def window(look):
    """A window with one nucleus in the middle and one to the right."""
    rows, columns = np.indices((SIDE_PX, SIDE_PX)) - (SIDE_PX - 1) / 2
    own, other = np.hypot(rows, columns) <= 8, np.hypot(rows, columns - 24) <= 8
    rgb = np.full((SIDE_PX, SIDE_PX, 3), look.white, np.uint8)
    rgb[own | other] = (120, 110, 180)
    return Window(
        rgb=rgb,
        nucleus=np.where(own, 1, np.where(other, 2, 0)),
        white=look.white,
        stains=matrix_of(look.stains[0], look.stains[1], source="test"),
    )


def test_painting_a_field_anew_without_a_change_gives_the_same_picture(render):
    seen = render()
    ones = np.ones(len(seen.cells.level))
    same = render(Repaint(level=seen.cells.level, membrane=ones, blush=ones, nucleus=ones))
    np.testing.assert_array_equal(same.rgb, seen.rgb)
    np.testing.assert_array_equal(same.owner, seen.owner)


def test_other_cells_lose_their_membranes_and_the_asked_cell_keeps_its_pixels(render):
    seen = render()
    asked = np.flatnonzero(seen.cells.is_tumour & (seen.cells.level > 0))[:1]
    bare = render(repaints(seen.cells, asked)["bare"])
    assert set(np.unique(bare.owner)) <= {0, int(asked[0]) + 1}
    assert (bare.owner == asked[0] + 1).any()
    mine = inner(seen, asked[0])
    assert mine.any()
    assert np.abs(bare.rgb[mine].astype(int) - seen.rgb[mine]).max() <= 1
    np.testing.assert_array_equal(bare.nucleus, seen.nucleus)


def test_all_others_turn_positive_and_the_asked_cell_does_not(render):
    seen = render()
    asked = np.flatnonzero(seen.cells.is_tumour & (seen.cells.level == 0))[:1]
    turned = render(repaints(seen.cells, asked)["positive"]).cells
    others = seen.cells.is_tumour & (np.arange(len(seen.cells.level)) != asked[0])
    assert (turned.level[others] == 2).all()
    assert turned.level[asked[0]] == 0
    assert (turned.level[~seen.cells.is_tumour] == 0).all()


def test_pale_neighbours_keep_the_asked_nucleus_as_dark_as_it_was(render):
    seen = render()
    asked = np.flatnonzero(seen.cells.is_tumour)[:1]
    pale = render(repaints(seen.cells, asked)["pale"])
    mine = inner(seen, asked[0])
    others = (seen.nucleus > 0) & (seen.nucleus != asked[0] + 1)
    others = binary_erosion(others, iterations=2).repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(pale.rgb[mine].astype(int) - seen.rgb[mine]).max() <= 1
    assert pale.rgb[others].mean() > seen.rgb[others].mean() + 15


def test_dark_nuclei_hold_more_haematoxylin_and_the_own_nucleus_stays(look):
    of = window(look)
    picture = planted(of, darkened_nuclei(of), size_px=SIDE_PX)
    before, after = (
        unmix(optical_density(rgb, white=of.white), stains=of.stains)[..., 0]
        for rgb in (of.rgb, picture)
    )
    core = binary_erosion(of.nucleus == 2, iterations=3)
    assert np.median(after[core] / before[core]) == pytest.approx(DARK_FACTOR, abs=0.05)
    np.testing.assert_array_equal(picture[of.nucleus == 1], of.rgb[of.nucleus == 1])


def test_specks_are_black_and_lie_where_the_membrane_would(look):
    of = window(look)
    added = specks(of, rng=np.random.default_rng(3)).added_od
    there = added.max(axis=2) > 0.3
    far_um = distance_transform_edt(of.nucleus != 1) * TRUTH_MPP
    assert there.sum() > 20
    assert far_um[there].min() > 0
    assert far_um[there].max() < 6
    assert added[there].min(axis=1).mean() > 0.5 * added[there].max(axis=1).mean()


def test_a_shifted_click_lies_four_to_six_micrometres_away(look):
    rng = np.random.default_rng(0)
    offsets = np.array([shifted_click(rng=rng) for _ in range(300)])
    far_um = np.hypot(*offsets.T) * TRUTH_MPP
    assert 3.6 < far_um.min() < 4.5 < 5.5 < far_um.max() < 6.4
    assert np.abs(offsets.mean(0)).max() < 1.5
    of = window(look)
    none = np.zeros(of.rgb.shape, np.float32)
    moved = planted(of, Plant(added_od=none, offset_px=(5, -3)), size_px=64)
    np.testing.assert_array_equal(moved, of.rgb[16 - 3 : 80 - 3, 16 + 5 : 80 + 5])
    with pytest.raises(ValueError, match="leaves a window"):
        planted(of, Plant(added_od=none, offset_px=(17, 0)), size_px=64)


def test_asked_cells_never_share_a_picture():
    rng = np.random.default_rng(1)
    n = 300
    table = CellTable(
        x_l0=rng.uniform(0, 1200, n),
        y_l0=rng.uniform(0, 1200, n),
        level=np.zeros(n, int),
        is_tumour=np.ones(n, bool),
        completeness=np.zeros(n),
        positive_surround=np.zeros(n),
    )
    rows = far_apart(table, np.arange(n), rng=rng)
    x, y = table.x_l0[rows] * MPP, table.y_l0[rows] * MPP
    apart = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y)) + 1e9 * np.eye(len(rows))
    assert len(rows) > 20
    assert apart.min() > APART_UM


def test_only_wrong_labels_differ_from_what_was_painted(cells):
    is_wrong = cells.planting == Planting.WRONG_LABEL
    assert ((cells.level > 0) != (cells.true_level > 0))[is_wrong].all()
    np.testing.assert_array_equal(cells.level[~is_wrong], cells.true_level[~is_wrong])
    assert (cells.true_level[cells.planting == Planting.PIGMENT] == 0).all()
    assert (cells.true_level[cells.planting == Planting.DARK_NUCLEI] > 0).all()


def test_without_its_pigment_a_cell_is_as_it_was_painted(cells):
    mine = cells.planting == Planting.PIGMENT
    assert mine.any()
    before, after = cells.rgb[mine], cells.without[CauseName.PIGMENT][mine]
    changed = (before != after).any(axis=3)
    assert (changed.sum((1, 2)) > 10).all()
    assert (changed.mean((1, 2)) < 0.15).all()
    assert (before[changed] <= after[changed]).all()
    for cause in (CauseName.PIGMENT, CauseName.FAINT_STAIN):
        others = ~mine & (cells.true_level == 0)
        np.testing.assert_array_equal(cells.without[cause][others], cells.rgb[others])


def test_without_neighbours_membranes_there_is_less_brown_and_never_more(cells):
    dab = [
        np.stack(
            [
                dab_density(patch, white=tuple(white.tolist()), stains=HDAB)
                for patch, white in zip(rgb, cells.white, strict=True)
            ]
        )
        for rgb in (cells.rgb, cells.without[CauseName.NEIGHBOUR_MEMBRANE])
    ]
    less = (dab[0] - dab[1]).mean((1, 2))
    assert (less > -0.002).all()
    assert (less > 0.01).mean() > 0.5


def test_every_picture_has_the_size_asked_for_and_the_same_seed_gives_it_again(cells):
    again = planted_cells(TISSUE, case=1, n_fields=1, size_px=64, seed=5, field_um=170)
    n = len(again.level)
    assert 0 < n < len(cells.level)
    np.testing.assert_array_equal(again.rgb, cells.rgb[:n])
    assert set(cells.without) == set(CAUSES)
    assert all(rgb.shape == cells.rgb.shape for rgb in cells.without.values())


def test_only_negative_cells_of_training_have_dark_neighbours():
    tissue = replace(TISSUE, neighbour_agreement=1.0)
    plain, dark = (
        confounded_cells(tissue, case=0, n=12, size_px=64, dark_share=share) for share in (0.0, 1.0)
    )
    is_changed = (plain.rgb != dark.rgb).any((1, 2, 3))
    np.testing.assert_array_equal(is_changed, plain.level == 0)
    assert 0 < is_changed.sum() < 12
    assert dark.rgb[is_changed].mean() < plain.rgb[is_changed].mean()
