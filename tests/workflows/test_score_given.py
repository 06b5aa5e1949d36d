"""Given candidates go before the search: exactly these cells are scored, and the score says so."""

import shutil

import numpy as np
import pytest

from rimlight.io.formats.tables import read_table
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.given_candidates import (
    import_candidates,
    remove_candidates,
    tiles_with_given,
)
from rimlight.workflows.score import score
from rimlight.workflows.train import train


@pytest.fixture(scope="module")
def _scored_folder(_study_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    train(open_study(folder), command="rimlight train")
    score(open_run(open_study(folder)))
    return folder


@pytest.fixture
def study(_scored_folder, tmp_path):
    return open_study(shutil.copytree(_scored_folder, tmp_path / "study"))


def given_to(study, slide_id, places, folder):
    rows = "".join(f"{x},{y}\n" for x, y in places)
    (folder / "cells.csv").write_text("x_l0,y_l0\n" + rows)
    return import_candidates(study, folder / "cells.csv", slide=slide_id, tool="StarDist")


def cells_of(run, slide):
    import gzip

    with gzip.open(run.folder / "scores" / f"{slide}.csv.gz", "rt") as handle:
        lines = [line.rstrip("\n").split(",") for line in handle]
    return dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))


def test_exactly_the_given_cells_are_scored_and_the_others_are_searched_for(study, tmp_path):
    run = open_run(study)
    mine, other = (info.slide_id for info in slides(study.engine)[:2])
    before = cells_of(run, other)
    places = [(200.5, 300.25), (310, 305), (400.125, 210.5)]
    given_to(study, mine, places, tmp_path)
    section = score(run)
    found = cells_of(run, mine)
    scored = sorted(zip(map(float, found["x_l0"]), map(float, found["y_l0"]), strict=True))
    np.testing.assert_allclose(scored, sorted(places), atol=1.0)  # on the grid of patch pixels
    assert cells_of(run, other) == before
    rows = {row["slide"]: row for row in section["slides"]}
    assert rows[mine]["candidates"] == "imported from cells.csv (StarDist)"
    assert rows[other]["candidates"] == "found by rimlight"
    assert rows[mine]["n_seen"] == 3
    said = f"On 1 of {len(rows)} slides the cells were not searched for but imported from cells.csv"
    assert any(sentence.startswith(said) for sentence in section["sentences"])
    table = read_table(run.folder / "scores.csv")
    assert dict(zip(table["slide"], table["candidates"], strict=True))[mine].startswith("imported")


def test_other_candidates_or_none_score_the_slide_again(study, tmp_path):
    run = open_run(study)
    slide = slides(study.engine)[0].slide_id
    record = run.folder / "scores" / f"{slide}.json"
    found_by_rimlight = cells_of(run, slide)
    given_to(study, slide, [(200, 300)], tmp_path)
    score(run, slides=[slide])
    first = record.read_text()
    score(run, slides=[slide])
    assert record.read_text() == first
    given_to(study, slide, [(200, 300), (300, 300)], tmp_path)
    assert {row["slide"]: row["n_seen"] for row in score(run)["slides"]}[slide] == 2
    remove_candidates(study, slide)
    section = score(run)
    assert cells_of(run, slide) == found_by_rimlight
    assert not any("not searched for" in sentence for sentence in section["sentences"])


def test_damaged_candidates_fail_their_slide_and_no_other(study, tmp_path):
    run = open_run(study)
    slide = slides(study.engine)[0].slide_id
    given_to(study, slide, [(200, 300)], tmp_path)
    (study.folder / "candidates" / slide / "places_l0.npy").write_bytes(b"torn")
    section = score(run)
    assert [failed["slide"] for failed in section["failed"]] == [slide]
    assert (
        "its candidates from cells.csv are damaged; import them again"
        in (section["failed"][0]["words"])
    )
    assert section["n_slides"] == len(slides(study.engine))


def test_a_stream_of_slides_takes_given_cells_where_there_are_some(study, tmp_path):
    infos = slides(study.engine)[:3]
    searched = [tile for tile in candidate_tiles(study, infos) if tile.slide != infos[1]]
    given_to(study, infos[1].slide_id, [(200, 300), (300, 200)], tmp_path)
    told = []
    tiles = list(tiles_with_given(study, infos, on_tile=lambda *done: told.append(done)))
    mine = [tile for tile in tiles if tile.slide == infos[1]]
    assert sum(map(len, mine)) == 2
    others = [tile for tile in tiles if tile.slide != infos[1]]
    for one, two in zip(searched, others, strict=True):
        np.testing.assert_array_equal(one.x_l0, two.x_l0)
        np.testing.assert_array_equal(one.patches, two.patches)
    assert told == sorted(told)
    assert told[-1] == (300, 300)
