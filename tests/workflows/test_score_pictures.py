"""Pictures of scored slides: whose, how many, and that cells lie where they lie."""

import gzip

import numpy as np
import pytest
from PIL import Image

from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays
from rimlight.io.files import write_json
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.regions import put_regions
from rimlight.io.runs import create_run
from rimlight.io.study import open_study
from rimlight.records import Region, RegionKind
from rimlight.workflows import score_pictures
from rimlight.workflows.score_pictures import chosen, write_score_pictures
from small_studies import slide_info, study_of

CELLS = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n"


def row(slide, value=40.0, **changes):
    facts = {
        "slide": slide, "case": slide, "part": "hold-out", "borderline": "", "reason": "",
        "value": "" if value is None else f"{value}",
    }  # fmt: skip
    return facts | changes


@pytest.fixture
def scored(tmp_path):
    """A run with one slide of 300 x 200 px at 0.5 um, its right half dark, and four cells."""
    pixels = np.full((200, 300, 3), 240, np.uint8)
    pixels[:, 150:] = 60
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    info = slide_info("a", path=str(path), width_l0=300, height_l0=200, mpp=0.5)
    study = study_of(tmp_path / "study", info, slide_info("gone", path=str(tmp_path / "no.png")))
    run = create_run(study, command="rimlight train")
    rows = [row("a"), row("gone"), row("left the study")]
    write_table(run.folder / "scores.csv", {name: [r[name] for r in rows] for name in rows[0]})
    (run.folder / "scores").mkdir()
    lines = (
        "200,50,2,0.9,1,3,0.5,\n"
        "210,60,2,0.9,1,1,0.1,\n"
        "40,150,-2,0.1,0,0,0.1,\n"
        "41,151,2,0.9,1,2,0.1,called_other\n"
    )
    for slide in ("a", "gone"):
        with gzip.open(run.folder / "scores" / f"{slide}.csv.gz", "wt") as handle:
            handle.write(CELLS + lines)
    return run


def pictures_of(run):
    return read_table(run.folder / "score_pictures" / "pictures.csv"), read_arrays(
        run.folder, "score_pictures"
    )


def test_a_slide_is_shown_with_its_cells_by_place_and_field(scored):
    assert write_score_pictures(scored) == 1
    table, arrays = pictures_of(scored)
    assert table["slide"] == ["a"]
    assert (table["n_cells"], table["has_levels"], table["field_l0"]) == (["3"], ["1"], ["128"])
    overview = arrays["overview-0"]
    assert overview.shape == (200, 300, 3)
    assert overview[50, 200, 0] < 100 < overview[50, 100, 0]
    # Fields of 128 px: three columns, two rows; row 0 at the top.
    assert arrays["positive-0"].tolist() == [[0, 2, 0], [0, 0, 0]]
    assert arrays["negative-0"].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert arrays["dots-0"].tolist() == [[200, 50, 3], [210, 60, 1], [40, 150, 0]]


def test_pictures_that_stand_are_not_made_again(scored, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("made again")

    rows = [row("a")]
    write_table(scored.folder / "scores.csv", {name: [r[name] for r in rows] for name in rows[0]})
    record = scored.folder / "scores" / "a.json"
    write_json(record, {"made_from": "x"})
    assert write_score_pictures(scored) == 1
    with monkeypatch.context() as patched:
        patched.setattr(score_pictures, "write_arrays", refuse)
        assert write_score_pictures(scored) == 1
        write_json(record, {"made_from": "y"})
        with pytest.raises(AssertionError, match="made again"):
            write_score_pictures(scored)


def test_the_outlines_of_regions_and_whether_they_leave_cells_out_are_kept(scored):
    study = open_study(scored.folder.parent.parent)
    square = ((10.0, 20.0), (90.0, 20.0), (90.0, 70.0))
    hole = ((20.0, 30.0), (30.0, 30.0), (30.0, 40.0))
    put_regions(
        study.engine,
        [
            region("1", RegionKind.INCLUDE, (square, hole)),
            region("2", RegionKind.EXCLUDE, (square,)),
            region("3", RegionKind.INCLUDE, (square,), slide_id="gone"),
        ],
    )
    write_score_pictures(scored)
    outlines = pictures_of(scored)[1]["outlines-0"]
    assert outlines.tolist() == [
        *([0, 0, x, y] for x, y in square),
        *([1, 0, x, y] for x, y in hole),
        *([2, 1, x, y] for x, y in square),
    ]


def region(name, kind, polygon, slide_id="a"):
    return Region(
        region_id=f"r{name}", slide_id=slide_id, name=name, kind=kind, polygons=(polygon,),
        reader="anna", source="test",
    )  # fmt: skip


def test_a_slide_of_many_cells_has_fields_alone(scored, monkeypatch):
    monkeypatch.setattr(score_pictures, "MOST_DOTS", 2)
    write_score_pictures(scored)
    assert set(pictures_of(scored)[1]) == {"overview-0", "positive-0", "negative-0"}


def test_cells_that_are_damaged_are_refused_with_the_way_out(scored):
    with gzip.open(scored.folder / "scores" / "a.csv.gz", "wt") as handle:
        handle.write(CELLS + "nonsense\n")
    with pytest.raises(RunError, match="run rimlight score again"):
        write_score_pictures(scored)


def test_a_run_without_scores_is_refused(scored):
    (scored.folder / "scores.csv").unlink()
    with pytest.raises(RunError, match="run rimlight score first"):
        write_score_pictures(scored)


def names(rows):
    return [found["slide"] for found in rows]


def test_few_slides_are_all_shown_by_case_but_not_those_that_cannot_be_read():
    rows = [row("b"), row("a", None, reason="too_few_tumour_cells"),
            row("c", None, reason="damaged_image")]  # fmt: skip
    assert names(chosen(rows)) == ["a", "b"]


def test_of_many_slides_those_in_doubt_come_first_and_the_rest_from_low_to_high():
    rows = [row(f"s{n:02d}", float(n)) for n in range(40)]
    rows += [row(f"x{n}", None, reason="too_few_tumour_cells") for n in range(6)]
    rows += [row(f"b{n}", 50.0, borderline="50", part="train") for n in range(2)]
    rows += [row(f"t{n}", 99.0, part="train") for n in range(9)]
    shown = names(chosen(rows))
    assert len(shown) == 12
    assert shown == [
        "b0", "b1", "s00", "s08", "s16", "s23", "s31", "s39", "x0", "x1", "x2", "x3",
    ]  # fmt: skip


def test_slides_seen_in_training_fill_up_what_held_out_ones_leave_free():
    rows = [row(f"h{n}", float(n)) for n in range(3)]
    rows += [row(f"t{n:02d}", float(n), part="train") for n in range(20)]
    shown = names(chosen(rows))
    assert shown[:3] == ["h0", "h1", "h2"]
    assert len(shown) == 12
    assert {"t00", "t19"} < set(shown)
