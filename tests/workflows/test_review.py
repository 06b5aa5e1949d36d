"""What a run would look at again: which cells, with which cause, and what people say of them."""

import os

import pytest

from review_studies import reviewed_run, reviewed_study
from rimlight.errors import RunError, StudyError
from rimlight.io.journal import append_labels
from rimlight.io.runs import open_run
from rimlight.workflows.blinding import disclose
from rimlight.workflows.judgements import judge, judgements, rejected
from rimlight.workflows.remembered import Remembered, print_of
from rimlight.workflows.review import HiddenError, review_of, row_of, run_states, table_of
from rimlight.workflows.review_queue import cells_to_ask
from rimlight.workflows.review_table import review_table
from small_studies import label_of


@pytest.fixture
def study(tmp_path):
    return reviewed_study(tmp_path / "study")


def opened(study, reader="olga", run_id="0001"):
    disclose(study, reader=reader, scope="run", subject=run_id)
    return study


def cells_of(study, kind, reader="olga"):
    review = review_of(study, "0001", kind=kind, reader=reader, remembered=Remembered())
    return {str(row.cell.cell.cell_id): row for row in review.rows}


def test_wrong_calls_stand_with_their_cause_and_what_its_edit_did(study):
    found = cells_of(opened(study), "errors")
    assert list(found) == ["c1", "c4", "c3"]  # proved, not looked for, unexplained
    it = found["c1"].cell
    assert (it.cause, it.also, it.status) == ("neighbour_membrane", ("surroundings",), "confirmed")
    assert (it.logit, it.logit_after, it.placebo_logit, it.recovered) == (1.5, -1.0, 1.4, 1.7)
    assert (it.number, it.cell.slide_id, it.cell.x_l0, it.cell.y_l0) == (0, "s1", 10.0, 5.0)
    assert [(str(cell), said.value) for cell, said in it.nearest] == [
        ("c2", "weak"), ("c4", "moderate"),
    ]  # fmt: skip


def test_a_wrong_call_that_no_cause_was_looked_for_is_there_without_one(study):
    it = cells_of(opened(study), "errors")["c4"].cell
    assert (it.status, it.cause, it.number, it.logit_after) == ("not_asked", "", None, None)


def test_doubtful_labels_are_those_of_the_report_the_most_doubtful_first(study):
    found = cells_of(opened(study), "doubtful")
    assert [(cell, row.cell.doubt) for cell, row in found.items()] == [("c4", 0.9), ("c2", 0.6)]
    assert found["c2"].cell.evidence == ("The ten cells most like it are negative.",)


def test_right_calls_that_are_uncertain_stand_apart_from_wrong_ones(study):
    found = cells_of(opened(study), "uncertain")
    assert list(found) == ["c2"]
    assert found["c2"].cell.kind == "uncertain"


def test_what_readers_say_now_stands_beside_what_the_run_knew(study):
    append_labels(study.engine, [label_of(1, "strong", "ben", label_id="later")])
    row = cells_of(opened(study), "errors")["c1"]
    assert row.cell.expression.value == "negative"
    assert [(reader, said.value) for reader, said in row.said] == [
        ("anna", "negative"), ("ben", "strong"),
    ]  # fmt: skip


def test_a_run_is_hidden_until_it_was_disclosed_to_the_very_reader(study):
    opened(study, reader="anna")
    with pytest.raises(HiddenError, match="run 0001: what it says of the cells is hidden"):
        cells_of(study, "errors", reader="olga")
    assert cells_of(study, "errors", reader="anna")


def test_the_latest_judgement_of_each_reader_counts_and_can_be_taken_back(study):
    def said():
        return [(one.reader, one.is_confirmed, one.note) for one in _judged(study)]

    facts = {"run_id": "0001", "cell_id": "c1", "cause": "neighbour_membrane"}
    judge(study, reader="olga", is_confirmed=True, note="  plain \n to see ", **facts)
    judge(study, reader="ben", is_confirmed=True, **facts)
    assert said() == [("olga", True, "plain to see"), ("ben", True, "")]
    judge(study, reader="olga", is_confirmed=False, **facts)
    assert said() == [("ben", True, ""), ("olga", False, "")]
    judge(study, reader="olga", is_confirmed=None, **facts)
    assert said() == [("ben", True, "")]


def _judged(study):
    return row_of(
        opened(study), open_run(study, "0001"), "c1", reader="olga", remembered=Remembered()
    ).judged


def test_a_judgement_belongs_to_its_run(study):
    judge(study, reader="olga", run_id="0002", cell_id="c1", cause="pigment", is_confirmed=True)
    assert not judgements(study, "0001")
    assert list(judgements(study, "0002")) == ["c1"]


def test_a_cause_counts_as_rejected_where_more_people_say_so(study):
    def say(reader, cell, is_confirmed):
        facts = {"run_id": "0001", "cell_id": cell, "cause": "pigment"}
        judge(study, reader=reader, is_confirmed=is_confirmed, **facts)

    say("olga", "c1", False)
    say("olga", "c2", False)
    say("ben", "c2", True)
    say("ben", "c4", True)
    assert rejected(study, "0001") == {("c1", "pigment")}
    say("olga", "c1", None)
    assert rejected(study, "0001") == set()


def test_held_out_cells_are_never_asked_again(study):
    table = review_table(open_run(study, "0001"))
    assert [str(cell.cell_id) for cell in cells_to_ask(table, ["c4", "c1", "c4"])] == ["c4", "c1"]
    with pytest.raises(StudyError, match="cell c3: was held out by run 0001"):
        cells_to_ask(table, ["c1", "c3"])
    with pytest.raises(StudyError, match="cell c9: is none that run 0001"):
        cells_to_ask(table, ["c9"])


def test_runs_say_how_far_they_are(study):
    reviewed_run(study, run_id="0002", is_asked=False)
    (study.runs / "0003").mkdir()
    (study.runs / "0003" / "run.json").write_text("{}", encoding="utf-8")
    opened(study)
    assert [
        (it.run_id, it.is_trained, it.is_asked, it.is_disclosed)
        for it in run_states(study, reader="olga")
    ] == [("0003", False, False, False), ("0002", True, False, False), ("0001", True, True, True)]


def test_a_run_without_causes_still_lists_its_wrong_calls(study):
    reviewed_run(study, run_id="0002", is_asked=False)
    opened(study, run_id="0002")
    review = review_of(study, "0002", kind="errors", reader="olga", remembered=Remembered())
    assert not review.is_asked
    assert {row.cell.status for row in review.rows} == {"not_asked"}


def test_tables_that_do_not_belong_together_are_refused(study):
    path = study.runs / "0001" / "predictions.csv"
    path.write_text(path.read_text().replace("c4,", "c7,"), encoding="utf-8")
    with pytest.raises(RunError, match="run 0001: its tables do not belong together"):
        review_table(open_run(study, "0001"))


def test_a_table_is_read_again_only_when_its_file_changes(study):
    remembered, run = Remembered(), open_run(study, "0001")
    first = table_of(run, remembered)
    assert table_of(run, remembered) is first
    path = run.folder / "causes.csv"
    os.utime(path, ns=(1, 1))
    assert table_of(run, remembered) is not first


def test_what_was_asked_for_longest_ago_is_forgotten_first():
    made, remembered = [], Remembered(n_most=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        remembered.kept((name,), 1, lambda name=name: made.append(name))
    assert made == ["a", "b", "c", "b"]


def test_a_file_that_is_not_there_has_a_print_of_its_own(tmp_path):
    path = tmp_path / "a"
    before = print_of([path])
    path.write_text("x")
    assert before == (None,) != print_of([path])
