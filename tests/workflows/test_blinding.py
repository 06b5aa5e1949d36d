"""Readers see the model's word on a cell only after their own, or once it was disclosed."""

from dataclasses import replace

import pytest
from sqlalchemy import insert

from rimlight.io.acts import acts, verify_acts
from rimlight.io.database import writing
from rimlight.io.journal import append_labels
from rimlight.io.schema import assignment_cells_table, assignments_table
from rimlight.settings import Settings, WorkbenchSettings
from rimlight.workflows.blinding import disclose, is_disclosed, may_see
from small_studies import label_of, study_of

CELLS = ("c1", "c2", "c3")


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study")
    append_labels(study.engine, [label_of(1), label_of(2, reader="ben")])
    return study


def seen(study, reader="anna", **given):
    return may_see(study, reader=reader, slide_id="s1", cell_ids=CELLS, **given)


def test_a_reader_sees_the_word_on_cells_they_labelled_and_no_others(study):
    assert seen(study) == {"c1"}
    assert seen(study, "ben") == {"c2"}
    assert seen(study, "eve") == set()


def test_a_disclosed_slide_is_open_to_that_reader_only(study):
    disclose(study, reader="anna", scope="slide", subject="s1")
    assert seen(study) == set(CELLS)
    assert seen(study, "ben") == {"c2"}
    assert not is_disclosed(study, reader="anna", scope="run", subject="s1")


def test_a_disclosed_run_opens_its_own_word_only(study):
    disclose(study, reader="anna", scope="run", subject="0001")
    assert seen(study, run_id="0001") == set(CELLS)
    assert seen(study, run_id="0002") == seen(study) == {"c1"}


def test_cells_that_wait_in_an_assignment_stay_hidden_on_a_disclosed_slide(study):
    disclose(study, reader="anna", scope="slide", subject="s1")
    assign(study, "anna", ["c1", "c3"])
    assert seen(study) == {"c1", "c2"}


def test_disclosing_twice_is_one_act(study):
    for _ in range(2):
        disclose(study, reader="anna", scope="slide", subject="s1")
    assert [act.subject for act in acts(study.engine, "disclose")] == ["slide:s1"]
    assert verify_acts(study.engine) == 1


def test_a_study_that_is_not_blind_hides_nothing(study):
    open_to_all = Settings(workbench=WorkbenchSettings(blind=False))
    assert seen(replace(study, settings=open_to_all), "eve") == set(CELLS)


def assign(study, reader, cell_ids):
    made = {
        "assignment_id": 1, "reader": reader, "name": "a", "round_id": None, "made_at": "",
        "made_by": "eve", "seed": 1, "n_cells": len(cell_ids), "settings": "{}",
    }  # fmt: skip
    with writing(study.engine) as connection:
        connection.execute(insert(assignments_table).values(made))
        for place, cell_id in enumerate(cell_ids, start=1):
            connection.execute(
                insert(assignment_cells_table).values(
                    assignment_id=1, place=place, cell_id=cell_id, slide_id="s1",
                    x_l0=1.0, y_l0=1.0, is_repeat=False,
                )
            )  # fmt: skip
