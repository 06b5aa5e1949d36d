"""Regions are put and withdrawn; nothing is lost, and saying it twice changes nothing."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from rimlight.errors import StudyError
from rimlight.io.regions import (
    current_regions,
    put_regions,
    region_events,
    verify_regions,
    withdraw_regions,
)
from rimlight.records import RegionKind
from small_studies import region_of, slide_info, study_of

HOLE = ((300.5, 60.25), (400.0, 60.0), (400.0, 1 / 3), (300.0, 90.0))
OTHER_ID = "0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a02"


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))


def test_a_region_comes_back_to_the_last_digit(study):
    whole = region_of().polygons[0]
    far = ((900.0, 0.1), (910.0, 0.2), (905.0, 900.7))
    region = region_of(
        kind="core", name="A-1", polygons=((*whole, HOLE), (far,)), case_id="k7", is_missing=True
    )
    assert put_regions(study.engine, [region]) == 1
    assert current_regions(study.engine) == [region]


def test_the_same_again_changes_nothing_whoever_says_it(study):
    region = region_of()
    assert put_regions(study.engine, [region]) == 1
    assert put_regions(study.engine, [region, replace(region, reader="ben", source="b")]) == 0
    assert [event.seq for event in region_events(study.engine)] == [1]


def test_a_changed_region_takes_the_place_of_what_stood_and_what_stood_is_kept(study):
    before = region_of()
    after = replace(before, kind=RegionKind.EXCLUDE)
    put_regions(study.engine, [before])
    put_regions(study.engine, [after])
    assert current_regions(study.engine) == [after]
    assert [event.region for event in region_events(study.engine)] == [before, after]


def test_a_withdrawn_region_stands_no_more_and_can_be_put_again(study):
    region = region_of()
    put_regions(study.engine, [region, region_of(region_id=OTHER_ID, name="Region 2")])
    assert withdraw_regions(study.engine, [region], reader="ben") == 1
    assert [each.name for each in current_regions(study.engine)] == ["Region 2"]
    assert withdraw_regions(study.engine, [region], reader="ben") == 0
    assert put_regions(study.engine, [region]) == 1
    assert [each.name for each in current_regions(study.engine)] == ["Region 1", "Region 2"]
    acts = [(event.action, event.region.reader) for event in region_events(study.engine)]
    assert acts == [("put", "anna"), ("put", "anna"), ("withdraw", "ben"), ("put", "anna")]
    assert verify_regions(study.engine) == 4


def test_one_id_on_two_slides_is_two_regions(study):
    put_regions(study.engine, [region_of("s1"), region_of("s2")])
    assert [r.slide_id for r in current_regions(study.engine, "s2")] == ["s2"]
    withdraw_regions(study.engine, [region_of("s2")], reader="ben")
    assert [r.slide_id for r in current_regions(study.engine)] == ["s1"]


def test_two_regions_of_a_slide_never_have_one_name(study):
    with pytest.raises(ValueError, match="two regions of one name: s1: Region 1"):
        put_regions(study.engine, [region_of(), region_of(region_id=OTHER_ID)])
    assert region_events(study.engine) == []


def test_a_region_of_a_slide_that_is_not_there_is_refused_whole(study):
    with pytest.raises(StudyError, match="a slide that is not in the study"):
        put_regions(study.engine, [region_of(), region_of("s9")])
    assert region_events(study.engine) == []


def test_an_event_that_was_tampered_with_shows(study):
    put_regions(study.engine, [region_of(), region_of("s2")])
    with closing(sqlite3.connect(study.folder / "rimlight.db")) as connection:
        connection.execute("DROP TRIGGER region_events_no_update")
        connection.execute("DROP TRIGGER region_events_no_delete")
        connection.execute("UPDATE region_events SET kind = 'exclude' WHERE seq = 2")
        connection.commit()
        with pytest.raises(StudyError, match="region event 2: was changed"):
            verify_regions(study.engine)
        connection.execute("DELETE FROM region_events WHERE seq = 2")
        connection.commit()
    with pytest.raises(StudyError, match="region event 2: is missing, there once were 2"):
        verify_regions(study.engine)
