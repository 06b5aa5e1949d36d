"""Cells on which readers differ: how they differ, and who may see them."""

import pytest

from rimlight.io.journal import append_labels
from rimlight.workflows.blinding import disclose
from rimlight.workflows.disagreements import OF_READERS, disagreements
from rimlight.workflows.remembered import Remembered
from small_studies import label_of, study_of

SAID = {
    1: ("weak", "strong", None),
    2: ("negative", "weak", "weak"),
    3: ("moderate", "moderate", "moderate"),
    4: ("other", "weak", None),
    5: ("negative", "strong", None),
    6: ("weak", None, None),
}


@pytest.fixture
def study(tmp_path):
    made = study_of(tmp_path / "study")
    append_labels(
        made.engine,
        [
            label_of(number, said, reader)
            for number, row in SAID.items()
            for reader, said in zip(("anna", "ben", "carla"), row, strict=True)
            if said is not None
        ],
    )
    return made


def found_by(study, reader="anna", **asked):
    return disagreements(study, reader=reader, remembered=Remembered(), **asked)


def ids(found):
    return [str(it.cell.cell_id) for it in found.cells]


def test_the_widest_gap_comes_first_and_cells_that_all_see_alike_are_left_out(study):
    found = found_by(study)
    assert ids(found) == ["c5", "c2", "c4", "c1"]
    assert [it.gap for it in found.cells] == ["side", "side", "kind", "level"]
    assert found.n_of_gap == {"side": 2, "kind": 1, "level": 1}
    assert found.n_shared == 5


def test_the_consensus_is_the_one_of_the_named_rule(study):
    together = {str(it.cell.cell_id): it.together for it in found_by(study).cells}
    assert together["c5"] is None  # as many positive as negative
    assert (together["c1"].value, together["c2"].value, together["c4"].value) == (
        "moderate", "weak", "other",
    )  # fmt: skip


def test_two_readers_and_a_gap_can_be_named(study):
    assert ids(found_by(study, between=("anna", "carla"))) == ["c2"]
    assert ids(found_by(study, between=("ben", "carla"))) == []
    assert ids(found_by(study, gap="level")) == ["c1"]


def test_a_page_is_a_part_of_all(study):
    found = found_by(study, part=slice(1, 3))
    assert (ids(found), found.n) == (["c2", "c4"], 4)


def test_cells_that_the_asker_has_not_labelled_are_hidden_until_they_are_opened(study):
    found = found_by(study, reader="carla")
    assert (ids(found), found.n_hidden) == (["c2"], 3)
    disclose(study, reader="carla", scope="run", subject=OF_READERS)
    found = found_by(study, reader="carla")
    assert (ids(found), found.n_hidden) == (["c5", "c2", "c4", "c1"], 0)


def test_a_new_label_is_seen_at_once(study):
    remembered = Remembered()
    assert len(disagreements(study, reader="anna", remembered=remembered).cells) == 4
    append_labels(study.engine, [label_of(5, "negative", "ben", label_id="later")])
    assert len(disagreements(study, reader="anna", remembered=remembered).cells) == 3
