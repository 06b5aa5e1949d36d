"""The table of scored cells read back: every number and reason, no level where there was none."""

import gzip

import numpy as np
import pytest

from rimlight.errors import RunError
from rimlight.io.formats.scored_table import read_scored_cells

HEADER = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded"


def written(path, *rows):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join([HEADER, *rows]) + "\n")
    return path


def test_numbers_levels_and_reasons_come_back(tmp_path):
    cells = read_scored_cells(
        written(
            tmp_path / "a.csv.gz",
            "742,1638.5,3.25,0.96,1,2,0.31,",
            "9,8,-1,0.2,0,0,,near_edge",
            "7,6,-2,0.1,0,0,0.1,called_other",
            "5,4,-3,0.05,0,0,0.2,near_edge",
        )
    )
    assert cells.x_l0.tolist() == [742, 9, 7, 5]
    assert cells.y_l0.tolist() == [1638.5, 8, 6, 4]
    assert cells.logit.tolist() == [3.25, -1, -2, -3]
    assert cells.probability.tolist() == [0.96, 0.2, 0.1, 0.05]
    np.testing.assert_array_equal(cells.od_ring, [0.31, np.nan, 0.1, 0.2])
    assert cells.level.tolist() == [2, 0, 0, 0]
    assert [cells.reasons[n] for n in cells.reason] == [
        "",
        "near_edge",
        "called_other",
        "near_edge",
    ]
    assert cells.has_levels


def test_without_levels_the_call_stands_in_their_place(tmp_path):
    path = written(tmp_path / "a.csv.gz", "7,6,2,0.9,1,,,", "5,4,-3,0.05,0,0,,")
    cells = read_scored_cells(path)
    assert cells.level.tolist() == [1, 0]
    assert not cells.has_levels


def test_a_slide_without_cells_has_none(tmp_path):
    assert len(read_scored_cells(written(tmp_path / "a.csv.gz"))) == 0


@pytest.mark.parametrize("row", ["7,6,2", "7,six,2,0.9,1,,,", "7,6,2,0.9,,,,"])
def test_a_damaged_row_is_one_clear_sentence(tmp_path, row):
    with pytest.raises(RunError, match="run rimlight score again"):
        read_scored_cells(written(tmp_path / "a.csv.gz", row))


def test_a_file_cut_short_or_missing_is_one_clear_sentence(tmp_path):
    path = written(tmp_path / "a.csv.gz", *["7,6,2,0.9,1,1,0.2,"] * 500)
    path.write_bytes(path.read_bytes()[:-30])
    for file in (path, tmp_path / "none.csv.gz"):
        with pytest.raises(RunError, match="cannot be read"):
            read_scored_cells(file)
