"""Agreement of a study's readers, and of a run with them, on cells that no network trained on."""

import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rimlight.errors import NotEnoughDataError
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.journal import append_labels
from rimlight.io.runs import open_run
from rimlight.workflows.agree import AgreeSettings, agree
from rimlight.workflows.agree_calls import calls_of_run
from rimlight.workflows.agree_study import ratings_of_study
from small_studies import label_of, slide_info, study_of

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def said(number, expression, reader="anna", *, days=0.0, slide_id="s1"):
    at = (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")
    label_id = f"{slide_id}-{number}-{reader}-{days}"
    return label_of(number, expression, reader, made_at=at, label_id=label_id, slide_id=slide_id)


def two_readers(folder):
    study = study_of(folder, slide_info("s1"), slide_info("s2"))
    append_labels(
        study.engine,
        [
            said(1, "weak"), said(2, "negative"), said(3, "strong"), said(4, "other"),
            said(1, "moderate", "ben"), said(2, "negative", "ben"), said(4, "weak", "ben"),
            said(3, "strong", days=20), said(2, "weak", days=30.5),
            said(1, "negative", "ben", days=0.01),
        ],
    )  # fmt: skip
    return study


def scale_of(ratings, key):
    return next(scale for scale in ratings.scales if scale.key == key)


def test_labels_become_levels_calls_and_whether_a_level_was_given(tmp_path):
    ratings = ratings_of_study(two_readers(tmp_path / "study"), None, days_apart=1)
    assert (ratings.readers, ratings.n_missing) == (("anna", "ben"), (0, 1))
    assert ratings.item.tolist() == ["c1", "c2", "c3", "c4"]
    assert set(ratings.case) == {"case of s1"}
    assert not ratings.is_synthetic
    nan = np.nan
    np.testing.assert_array_equal(
        scale_of(ratings, "level").ratings, [[1, 0], [0, 0], [3, nan], [nan, 1]]
    )
    np.testing.assert_array_equal(
        scale_of(ratings, "positive").ratings, [[1, 0], [0, 0], [1, nan], [nan, 1]]
    )
    np.testing.assert_array_equal(
        scale_of(ratings, "scored").ratings, [[1, 1], [1, 1], [1, nan], [0, 1]]
    )


def test_a_later_label_within_a_day_is_a_correction_and_after_it_another_reading(tmp_path):
    study = two_readers(tmp_path / "study")
    ratings = ratings_of_study(study, None, days_apart=1)
    # ben corrected cell 1 after minutes; anna read cells 2 and 3 again.
    assert scale_of(ratings, "level").repeats.tolist() == [[0, 1], [3, 3]]
    assert ratings.repeats.reader.tolist() == [0, 0]
    assert ratings.repeats.days.tolist() == [30.5, 20]
    all_repeats = ratings_of_study(study, None, days_apart=0).repeats
    assert all_repeats.reader.tolist() == [1, 0, 0]
    strict = ratings_of_study(study, None, days_apart=25).repeats
    assert strict.days.tolist() == [30.5]


def test_the_last_reading_may_be_compared_instead(tmp_path):
    ratings = ratings_of_study(two_readers(tmp_path / "study"), None, days_apart=1, reading="last")
    assert scale_of(ratings, "level").ratings[1].tolist() == [1, 0]


def test_a_study_without_labels_is_refused(tmp_path):
    with pytest.raises(NotEnoughDataError, match="has no label yet"):
        ratings_of_study(study_of(tmp_path / "study"), None, days_apart=1)


@pytest.fixture
def run(study, trained):
    """The trained run, in a study of its own that a test may change."""
    shutil.copytree(trained.folder, study.runs / "0001")
    return open_run(study)


def held_out_table(run):
    table = read_table(run.folder / "predictions.csv")
    return table, [i for i, part in enumerate(table["part"]) if part == "hold-out"]


def test_a_run_is_compared_on_its_held_out_cells_alone(study, run):
    ratings = ratings_of_study(study, run, days_apart=1)
    assert (ratings.readers[-1], ratings.is_model[-1]) == ("run 0001", True)
    table, rows = held_out_table(run)
    call_of_cell = {table["cell"][i]: float(table["call"][i]) for i in rows}
    calls = scale_of(ratings, "held_out").ratings[:, -1]
    found = {cell: call for cell, call in zip(ratings.item, calls, strict=True) if call == call}
    assert found == call_of_cell
    assert np.isnan(scale_of(ratings, "level").ratings[:, -1]).all()
    known = ~np.isnan(scale_of(ratings, "held_out").ratings).all(axis=1)
    assert set(ratings.item[known]) == set(call_of_cell)  # readers on the same cells
    section = agree(ratings, AgreeSettings(n_resamples=20), source="study")
    assert section["is_synthetic"] is True
    assert [scale["key"] for scale in section["scales"] if scale["pairs"]] == ["held_out"]


def test_cells_without_a_consensus_are_called_as_the_run_would_have_called_them(study, run):
    table, rows = held_out_table(run)
    dropped = set(rows[::7])
    kept = {
        name: [value for i, value in enumerate(column) if i not in dropped]
        for name, column in table.items()
    }
    write_table(run.folder / "predictions.csv", kept)
    ratings = ratings_of_study(study, run, days_apart=1)
    calls = dict(zip(ratings.item, scale_of(ratings, "held_out").ratings[:, -1], strict=True))
    for i in dropped:
        assert calls[table["cell"][i]] == float(table["call"][i])
    assert any(f"{len(dropped)} of them have no consensus" in note for note in ratings.notes)


def test_a_cell_of_a_case_that_is_not_held_out_is_never_called(study, run):
    ratings = ratings_of_study(study, None, days_apart=1)
    parts = read_table(run.folder / "parts.csv")
    held = {c for c, p in zip(parts["case"], parts["part"], strict=True) if p == "hold-out"}
    cell = label_of(1).cell
    calls, n_made = calls_of_run(run, [(cell, next(c for c in ratings.case if c not in held))])
    assert np.isnan(calls).all()
    assert n_made == 0


def test_a_disputed_cell_counts_against_readers_and_not_only_against_the_model(study, run):
    table, rows = held_out_table(run)
    labels = {e.cell.cell_id: e for e in _labels(study)}
    opposite = {"negative": "weak"}
    second = []
    for n, i in enumerate(rows):
        first = labels[table["cell"][i]]
        word = first.expression.value
        word = opposite.get(word, "negative") if n % 10 == 0 else word
        second.append(_by_ben(first, word))
    append_labels(study.engine, second)
    ratings = ratings_of_study(study, run, days_apart=1)
    section = agree(ratings, AgreeSettings(n_resamples=20), source="study")
    scale = next(scale for scale in section["scales"] if scale["key"] == "held_out")
    row = next(row for row in scale["means"] if row["figure"] == "opa")
    assert row["reader_reader"]["value"] == pytest.approx(1 - -(-len(rows) // 10) / len(rows))


def _labels(study):
    from rimlight.io.journal import current_labels

    return current_labels(study.engine)


def _by_ben(first, word):
    from dataclasses import replace

    from rimlight.records import Expression

    return replace(
        first, label_id=f"ben-{first.label_id}", reader="ben", expression=Expression(word)
    )
