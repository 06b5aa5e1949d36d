"""Regions drawn over a slide, by the rules of imported ones."""

from dataclasses import replace

import pytest

from rimlight.errors import StudyError
from rimlight.io.regions import current_regions, put_regions, region_events, verify_regions
from rimlight.records import RegionId, RegionKind
from rimlight.workflows.region_drawing import (
    Drawing,
    DrawingError,
    Pen,
    draw_region,
    withdraw_region,
)
from small_studies import region_of, slide_info, study_of

INFO = slide_info("s1")
ANNA, BELA = Pen(reader="anna", is_owner=False), Pen(reader="bela", is_owner=False)
OWNER = Pen(reader="olga", is_owner=True)
SQUARE = ((200.0, 50.0), (600.0, 50.0), (600.0, 150.0), (200.0, 150.0))
BOW_TIE = ((0.0, 0.0), (100.0, 100.0), (100.0, 0.0), (0.0, 100.0))
FIRST = "0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a01"
SECOND = "0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a02"


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", INFO)


def drawing(region_id=FIRST, ring=SQUARE, **changes):
    facts = {"kind": RegionKind.INCLUDE, "name": None} | changes
    return Drawing(region_id=RegionId(region_id), polygons=((ring,),), **facts)


def test_a_drawn_region_stands_under_a_name_of_its_own(study):
    first, note = draw_region(study, INFO, drawing(), pen=ANNA)
    second, _ = draw_region(study, INFO, drawing(SECOND), pen=BELA)
    assert (first.name, second.name, note) == ("Region 1", "Region 2", None)
    assert [each.reader for each in current_regions(study.engine)] == ["anna", "bela"]
    assert first.source == "workbench"


def test_drawing_again_changes_nothing_and_another_outline_is_a_new_event(study):
    for _ in range(2):
        draw_region(study, INFO, drawing(), pen=ANNA)
    assert len(region_events(study.engine)) == 1
    moved = tuple((x + 1, y) for x, y in SQUARE)
    draw_region(study, INFO, drawing(ring=moved, name="Edge"), pen=ANNA)
    (standing,) = current_regions(study.engine)
    assert (standing.name, standing.polygons) == ("Edge", ((moved,),))
    assert verify_regions(study.engine) == 2


def test_an_outline_that_crosses_itself_is_repaired_and_said(study):
    region, note = draw_region(study, INFO, drawing(ring=BOW_TIE), pen=ANNA)
    assert len(region.polygons) == 2
    assert "crosses itself" in note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ring": ((5.0, 5.0), (9.0, 5.0), (7.0, 5.0))}, "no area"),
        ({"ring": tuple((x + 9000, y) for x, y in SQUARE)}, "outside the slide"),
        ({"name": "bell\x07"}, "cannot be written"),
        ({"kind": RegionKind.CORE}, "dearray"),
    ],
)
def test_what_cannot_stand_is_refused_and_leaves_no_event(study, changes, words):
    with pytest.raises(DrawingError, match=words):
        draw_region(study, INFO, drawing(**changes), pen=ANNA)
    assert region_events(study.engine) == []


def test_a_name_that_is_taken_is_refused(study):
    draw_region(study, INFO, drawing(name="Edge"), pen=ANNA)
    with pytest.raises(DrawingError, match="one of that name"):
        draw_region(study, INFO, drawing(SECOND, name="Edge"), pen=ANNA)


def test_readers_change_their_own_regions_and_owners_all_but_cores(study):
    draw_region(study, INFO, drawing(), pen=ANNA)
    with pytest.raises(StudyError, match="of anna"):
        draw_region(study, INFO, drawing(name="mine"), pen=BELA)
    with pytest.raises(StudyError, match="of anna"):
        withdraw_region(study, INFO, RegionId(FIRST), pen=BELA)
    assert withdraw_region(study, INFO, RegionId(FIRST), pen=OWNER) == 1
    core = replace(region_of("s1", "core"), region_id=RegionId(SECOND))
    put_regions(study.engine, [core])
    with pytest.raises(StudyError, match="a core"):
        withdraw_region(study, INFO, RegionId(SECOND), pen=OWNER)


def test_a_withdrawn_region_stays_among_the_events_and_can_stand_again(study):
    draw_region(study, INFO, drawing(), pen=ANNA)
    assert withdraw_region(study, INFO, RegionId(FIRST), pen=ANNA) == 1
    assert withdraw_region(study, INFO, RegionId(FIRST), pen=ANNA) == 0
    assert current_regions(study.engine) == []
    draw_region(study, INFO, drawing(), pen=ANNA)
    assert len(current_regions(study.engine)) == 1
    assert len(region_events(study.engine)) == 3
