"""Scored cells as tables: what is written is there again, in the same words, for other tools."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats.candidate_files import read_candidates
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.score_formats import score_format_of
from rimlight.io.formats.scored_columns import (
    SCORED_COLUMNS,
    scored_columns,
    write_scored_csv,
    write_scored_parquet,
)
from small_studies import slide_info

GOLDEN = Path(__file__).parent / "golden"
SLIDES = (slide_info("s1"), slide_info("s2", case_id="case, two", mpp=0.5))


def cells(n=3, *, has_levels=True):
    number = np.arange(n)
    return ScoredCells(
        x_l0=number * 10 + 1 / 3,
        y_l0=number * 7 + 100.125,
        logit=number - 0.5,
        probability=(number + 1) / (n + 1),
        od_ring=np.where(number % 2, 0.25, np.nan),
        level=np.array([0, 3, 1])[number % 3] if has_levels else (number > 0).astype(int),
        reason=np.array([0, 0, 2])[number % 3],
        reasons=("", "near_edge", "called_other"),
        has_levels=has_levels,
    )


def both():
    return [(SLIDES[0], cells()), (SLIDES[1], cells(2, has_levels=False))]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_of_two_slides_is_this_golden_file(tmp_path, name):
    assert write_scored_csv(tmp_path / name, both()) == 5
    opener = gzip.open if name.endswith("gz") else open
    with opener(tmp_path / name, "rt", encoding="utf-8", newline="") as handle:
        text = handle.read()
    assert text == (GOLDEN / "scores.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == SCORED_COLUMNS
    assert [float(row["x_l0"]) for row in rows[:3]] == cells().x_l0.tolist()
    assert [row["level"] for row in rows] == ["0", "3", "1", "0", ""]
    assert rows[3]["case"] == "case, two"
    assert float(rows[4]["x_um"]) == float(rows[4]["x_l0"]) / 2


def test_a_table_of_scores_is_a_table_of_candidates(tmp_path):
    write_scored_csv(tmp_path / "a.csv", both())
    found = read_candidates(tmp_path / "a.csv")
    assert (found.slide_names, found.frame) == (("s1", "s2"), "level0")
    np.testing.assert_array_equal(found.x, [*cells().x_l0, *cells(2).x_l0])


def test_parquet_holds_the_same_and_is_asked_by_duckdb(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert write_scored_parquet(tmp_path / "a.parquet", both(), run_id="0001") == 5
    table = parquet.read_table(tmp_path / "a.parquet")
    assert tuple(table.column_names) == SCORED_COLUMNS
    for n, (slide, found) in enumerate(both()):
        part = table.slice(3 * n, len(found)).to_pydict()
        for name, column in scored_columns(found, slide).items():
            wanted = [None if value != value or value == "" else value for value in column.tolist()]
            exact = name not in ("logit", "probability", "od_ring")
            assert part[name] == (wanted if exact else [pytest.approx(v, abs=1e-6) for v in wanted])
    said = json.loads(table.schema.metadata[b"rimlight"])
    assert said == {"version": 1, "run": "0001", "frame": "level0", "research_use_only": True}


def test_the_queries_of_the_page_run_in_duckdb(tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    write_scored_parquet(tmp_path / "scores.parquet", both(), run_id="0001")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "howto" / "exchange.md").read_text()
    block = page.split("```sql\n-- scores", 1)[1].split("```", 1)[0]
    queries = [query.strip() for query in f"-- scores{block}".split(";") if query.strip()]
    assert len(queries) >= 2
    shares = duckdb.sql(queries[0]).fetchall()
    assert shares == [("s1", 2, 50.0), ("s2", 2, 50.0)]
    for query in queries[1:]:
        assert duckdb.sql(query).fetchall()


def test_no_cells_are_a_table_without_rows(tmp_path):
    pytest.importorskip("pyarrow")
    write_scored_csv(tmp_path / "a.csv", [(SLIDES[0], cells(0))])
    assert (tmp_path / "a.csv").read_text() == ",".join(SCORED_COLUMNS) + "\n"
    assert write_scored_parquet(tmp_path / "a.parquet", [(SLIDES[0], cells(0))], run_id="1") == 0


@pytest.mark.parametrize(
    ("name", "asked", "kind"),
    [
        ("a.geojson.gz", None, ("qupath", True)),
        ("a.CSV", None, ("csv", True)),
        ("a.h5ad", "h5ad", ("h5ad", True)),
        ("folder", None, ("qupath", False)),
        ("folder", "h5ad", ("h5ad", False)),
    ],
)
def test_the_format_is_told_from_the_name(name, asked, kind):
    assert score_format_of(Path(name), asked) == kind


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("a.csv", "h5ad", "h5ad is written as .h5ad; name it so"),
        ("a.xml", None, "scores are written as .geojson.gz, .csv, .parquet, .h5ad, .dcm"),
        ("a.json", "qupath", "scores are written as"),
    ],
)
def test_a_name_that_fits_no_format_is_one_sentence(name, asked, reason):
    with pytest.raises(LabelFileError, match=reason):
        score_format_of(Path(name), asked)
