"""Which scored cells are meant: counted ones, near ones, those of a region, a fair draw."""

import numpy as np
import pytest

from rimlight.errors import NotEnoughDataError, StudyError
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.records import ReaderId, Region, RegionId, RegionKind, SlideId
from rimlight.workflows.cell_choice import CellChoice, chosen_rows
from small_studies import slide_info

INFO = slide_info("s1")  # 2000 x 1000 px at 0.25 um


def scored(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return ScoredCells(
        x_l0=rng.uniform(0, 2000, n),
        y_l0=rng.uniform(0, 1000, n),
        logit=rng.normal(size=n),
        probability=np.full(n, 0.5),
        od_ring=np.full(n, 0.1),
        level=np.zeros(n, dtype=int),
        reason=rng.integers(0, 3, n),
        reasons=("", "near_edge", "called_other"),
        has_levels=True,
    )


def region(name="core A", kind=RegionKind.INCLUDE):
    corners = ((0.0, 0.0), (1000.0, 0.0), (1000.0, 300.0), (0.0, 300.0))
    return Region(
        region_id=RegionId("r1"),
        slide_id=SlideId("s1"),
        name=name,
        kind=kind,
        polygons=((corners,),),
        reader=ReaderId("anna"),
        source="",
    )


def rows_of(given=None, *, labelled=None, regions=(), seed=0, **choice):
    given = scored() if given is None else given
    return chosen_rows(
        CellChoice(**choice), given, INFO, labelled=labelled or {}, regions=regions, seed=seed
    )


def test_positive_cells_are_those_that_count_and_are_called_positive():
    cells = scored()
    rows = rows_of(cells)
    assert (cells.reason[rows] == 0).all()
    assert (cells.logit[rows] > 0).all()
    assert len(rows) == ((cells.reason == 0) & (cells.logit > 0)).sum()


def test_all_means_all_that_count():
    cells = scored()
    assert sorted(rows_of(cells, cells="all")) == np.flatnonzero(cells.reason == 0).tolist()


def test_cells_come_tile_after_tile():
    cells = scored()
    rows = rows_of(cells, cells="all")
    tile = (cells.y_l0[rows] // 2048).astype(int) * 10 + (cells.x_l0[rows] // 2048).astype(int)
    assert (np.diff(tile) >= 0).all()


def test_a_region_keeps_the_cells_within_it():
    cells = scored()
    rows = rows_of(cells, cells="all", region="core A", regions=[region()])
    inside = (cells.reason == 0) & (cells.x_l0 < 1000) & (cells.y_l0 < 300)
    assert sorted(rows) == np.flatnonzero(inside).tolist()


def test_an_unknown_region_is_named_with_those_that_are_known():
    with pytest.raises(StudyError, match=r"'core B'.*known are core A"):
        rows_of(region="core B", regions=[region()])
    with pytest.raises(StudyError, match="it has none"):
        rows_of(region="core B")


def test_a_place_means_the_nearest_scored_cell_whether_it_counts_or_not():
    cells = scored()
    x, y = cells.x_l0[17] + 4, cells.y_l0[17] - 3
    assert rows_of(cells, cells=(f"{x:.2f}:{y:.2f}",)).tolist() == [17]


def test_x_comes_first_in_a_place():
    cells = scored()
    with pytest.raises(NotEnoughDataError, match="no scored cell within 4 um"):
        rows_of(cells, cells=("5000:10",))
    row = int(np.argmax(cells.x_l0 - cells.y_l0))
    name = f"{cells.x_l0[row]:.2f}:{cells.y_l0[row]:.2f}"
    assert rows_of(cells, cells=(name,)).tolist() == [row]


def test_a_labelled_cell_means_the_scored_one_at_its_click():
    cells = scored()
    labelled = {"c7": (cells.x_l0[3] + 2, cells.y_l0[3])}
    assert rows_of(cells, cells=("c7",), labelled=labelled).tolist() == [3]


def test_a_cell_that_nobody_knows_is_one_clear_sentence():
    with pytest.raises(StudyError, match="'c9': is no labelled cell of slide s1"):
        rows_of(cells=("c9",))


def test_a_cell_named_twice_is_explained_once():
    cells = scored()
    name = f"{cells.x_l0[3]:.2f}:{cells.y_l0[3]:.2f}"
    assert rows_of(cells, cells=(name, name)).tolist() == [3]


def test_at_most_so_many_are_drawn_the_same_ones_each_time():
    cells = scored()
    first = rows_of(cells, cells="all", most=20)
    assert len(first) == 20
    assert first.tolist() == rows_of(cells, cells="all", most=20).tolist()
    assert first.tolist() != rows_of(cells, cells="all", most=20, seed=1).tolist()
    assert set(first) < set(rows_of(cells, cells="all", most=40))
    assert len(rows_of(cells, cells="all", most=10_000)) == (cells.reason == 0).sum()
