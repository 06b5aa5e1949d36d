"""What several readers say together, by a rule worked out by hand."""

from dataclasses import replace

import pytest

from rimlight.io.journal import append_labels
from rimlight.records import Cell, Expression
from rimlight.workflows.label import consensus, consensus_of_study, labelled_cells
from small_studies import label_of, slide_info, study_of

LEVELS = ["negative", "weak", "moderate", "strong"]


@pytest.mark.parametrize(
    ("said", "together"),
    [
        ("0", "0"),
        ("o", "o"),
        ("12", "1"),
        ("13", "2"),
        ("23", "2"),
        ("33", "3"),
        ("01", None),
        ("03", None),
        ("0123", "1"),
        ("0033", None),
        ("001", "0"),
        ("011", "1"),
        ("0001", "0"),
        ("0333", "3"),
        ("01o", None),
        ("1o", "o"),
        ("11o", "1"),
        ("11oo", "o"),
        ("1233", "2"),
        ("", None),
    ],
)
def test_readers_together_say_the_median_level_or_that_they_are_split(said, together):
    word = {"o": "other", **dict(zip("0123", LEVELS, strict=True))}
    expected = None if together is None else Expression(word[together])
    assert consensus([Expression(word[letter]) for letter in said]) == expected
    assert consensus([Expression(word[letter]) for letter in reversed(said)]) == expected


def test_cells_others_and_disputed_are_kept_apart_and_in_order(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s2"), slide_info("s1", case_id="p1"))
    labels = [
        label_of(9, "weak"),
        label_of(2, "weak"),
        label_of(2, "strong", "björn"),
        label_of(3, "other"),
        label_of(4, "negative"),
        label_of(4, "weak", "björn"),
        label_of(5, "negative", slide_id="s2"),
    ]
    append_labels(study.engine, labels)
    found = consensus_of_study(study)
    assert [(each.cell.cell_id, each.expression.value) for each in found.cells] == [
        ("c2", "moderate"),
        ("c9", "weak"),
        ("c5", "negative"),
    ]
    assert [each.n_readers for each in found.cells] == [2, 1, 1]
    assert [each.case_id for each in found.cells] == ["p1", "p1", "case of s2"]
    assert [each.cell.cell_id for each in found.others] == ["c3"]
    assert [cell.cell_id for cell in found.disputed] == ["c4"]
    assert labelled_cells(study) == list(found.cells)


def test_only_the_latest_label_of_a_reader_counts(tmp_path):
    study = study_of(tmp_path / "study")
    append_labels(study.engine, [label_of(1, "negative"), label_of(1, "strong", "björn")])
    assert labelled_cells(study) == []
    append_labels(study.engine, [label_of(1, "weak")])
    assert [each.expression.value for each in labelled_cells(study)] == ["moderate"]


def test_a_cell_lies_where_it_was_clicked_first(tmp_path):
    study = study_of(tmp_path / "study")
    second = label_of(1, "weak", "björn")
    second = replace(second, cell=replace(second.cell, x_l0=11.0, y_l0=6.0))
    append_labels(study.engine, [label_of(1), second])
    assert [each.cell for each in labelled_cells(study)] == [
        Cell(cell_id="c1", slide_id="s1", x_l0=10.0, y_l0=5.0)
    ]
