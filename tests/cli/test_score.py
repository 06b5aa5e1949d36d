"""What rimlight score prints of each slide: value, interval, band, doubt, or why there is none."""

import threading
from types import SimpleNamespace

from rimlight.cli import runs
from rimlight.cli import score as verb
from rimlight.cli.score import _lines
from rimlight.io.claims import claimed
from rimlight.workflows import score_pictures


def row(**changes):
    facts = {
        "slide": "a12",
        "part": "hold-out",
        "profile": "22c3-nsclc",
        "is_evaluable": True,
        "reason": None,
        "words": "",
        "score": "TPS",
        "value": 49.6,
        "low": 38.24,
        "high": 61.0,
        "shown": "49.6 %",
        "band": "1-49",
        "borderline": [50.0],
        "h_score": 88.2,
        "n_positive": 1240,
        "n_negative": 1260,
        "n_seen": 3000,
    }
    return facts | changes


def section(*rows, **changes):
    facts = {
        "slides": rows,
        "sentences": ["Every candidate counts."],
        "warnings": ["profile not checked: 22c3-nsclc"],
        "failed": [],
        "n_slides": len(rows),
        "n_evaluable": 1,
        "n_borderline": 1,
    }
    return facts | changes


def test_a_score_is_told_with_interval_band_cut_off_and_counts():
    lines = list(_lines(section(row()), "runs/0001"))
    assert lines == [
        "Research use only. A score is an aid that a pathologist checks.",
        "a12: TPS 49.6 % [38.2, 61.0], band 1-49, borderline at 50, 1240 of 2500 cells, H-score 88",
        "Every candidate counts.",
        "warning: profile not checked: 22c3-nsclc",
        "1 slides, 1 evaluable, 1 borderline; table: runs/0001/scores.csv",
    ]


def test_a_slide_without_a_score_says_why_and_shows_no_number():
    found = row(
        is_evaluable=False,
        value=None,
        reason="too_few_tumour_cells",
        words="found 3 tumour cells, needed 100",
        part="train",
    )
    line = list(_lines(section(found), "runs/0001"))[1]
    assert line == (
        "a12 (seen in training): TPS not evaluable: too_few_tumour_cells, "
        "found 3 tumour cells, needed 100"
    )
    assert "%" not in line


def test_a_score_of_regions_is_called_one_and_each_area_has_its_line():
    area = row(area="A-1", kind="core", case="k7", part="validation")
    del area["profile"]
    other = row(slide="b1", area="Centre", kind="region")
    lines = list(_lines(section(row(extent="cores"), areas=[area, other]), "runs/0001"))
    assert lines[1].startswith("a12, region score of its cores: TPS 49.6 %")
    assert lines[2].startswith("  core A-1 (seen in training): TPS 49.6 %")
    assert "Centre" not in "".join(lines)


def test_a_slide_that_failed_is_named_at_the_end():
    failed = [{"slide": "b1", "reason": "damaged_image", "words": "b1.tiff: is damaged"}]
    lines = list(_lines(section(row(), failed=failed), "runs/0001"))
    assert lines[-2] == "failed: b1: b1.tiff: is damaged"


def test_no_interval_is_said_in_words():
    line = list(_lines(section(row(low=None, high=None, borderline=[])), "x"))[1]
    assert "no interval" in line
    assert "borderline" not in line


def test_only_one_command_at_a_time_writes_the_report(tmp_path, monkeypatch):
    (tmp_path / "jobs").mkdir()
    run, done, waits = SimpleNamespace(folder=tmp_path), [], threading.Event()
    monkeypatch.setattr(score_pictures, "write_score_pictures", lambda _: done.append("pictures"))
    monkeypatch.setattr(runs, "page_of", lambda _: done.append("page"))
    monkeypatch.setattr(verb, "sleep", lambda _: waits.set() or threading.Event().wait(0.01))
    other = threading.Thread(target=verb._page_of, args=(run,))
    with claimed(tmp_path / "jobs", "report"):
        other.start()
        assert waits.wait(60)
        assert done == []
    other.join(60)
    assert done == ["pictures", "page"]
