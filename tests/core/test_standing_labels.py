"""The latest label of a place stands; what is taken back uncovers what was said before."""

from rimlight.core.standing_labels import Said, answers_of, standing
from small_studies import label_of


def of_place(expression, place=None, flags="", number=1):
    track = f" assignment=1 place={place}" if place else ""
    source = f"workbench mode=queue act=a1{track}{flags}"
    return label_of(number, expression, source=source)


def said(*labels, **how):
    return [label.expression.value for label in standing(labels, **how)]


def test_the_latest_label_stands():
    assert said(of_place("weak"), of_place("strong")) == ["strong"]


def test_what_was_taken_back_leaves_nothing():
    assert said(of_place("weak"), of_place("strong"), of_place("withdrawn")) == []


def test_taking_an_answer_of_a_place_back_leaves_what_was_said_elsewhere():
    events = [of_place("weak"), of_place("strong", 7), of_place("withdrawn", 7)]
    assert said(*events) == ["weak"]
    assert said(*events[:2]) == ["strong"]


def test_a_repeat_stands_in_the_readers_own_view_only():
    events = [of_place("weak", 1), of_place("strong", 9, " repeat")]
    assert said(*events) == ["weak"]
    assert said(*events, with_repeats=True) == ["strong"]


def test_readers_and_cells_stand_apart():
    ben = label_of(1, "other", "ben")
    assert said(of_place("weak"), ben, of_place("strong", number=2)) == ["weak", "other", "strong"]


def test_views_of_many_labels_find_the_same_as_views_of_few():
    events = [
        of_place("weak"), of_place("strong", 7), of_place("other", 9, " repeat"),
        of_place("withdrawn", 9, " repeat"), of_place("negative", number=2),
        of_place("withdrawn", number=2),
    ]  # fmt: skip
    rows = [
        Said(
            label_id=label.label_id, cell_id=label.cell.cell_id, x_l0=0.0, y_l0=0.0,
            expression=label.expression.value, source=label.source,
        )
        for label in events
    ]  # fmt: skip
    found = [next(reversed(tracks.values())) for tracks in answers_of(rows).values() if tracks]
    assert [each.expression for each in found] == said(*events, with_repeats=True) == ["strong"]
