"""Slides are kept by id, with every field as it went in."""

from dataclasses import replace

import pytest

from rimlight.io.journal import append_labels, current_labels
from rimlight.io.store import put_slides, slides
from rimlight.io.study import create_study
from rimlight.records import Box
from small_studies import label_of, slide_info


@pytest.fixture
def engine(tmp_path):
    return create_study(tmp_path / "study").engine


def test_a_slide_comes_back_field_by_field(engine):
    bounds = Box(left_l0=-5.5, top_l0=20.0, width_l0=300.0, height_l0=400.0)
    slide = slide_info("s1", bounds=bounds, white=(1.5, 2.5, 3.5), width_l0=2**33)
    put_slides(engine, [slide, slide_info("s0", is_white_estimated=False)])
    assert slides(engine) == [slide_info("s0", is_white_estimated=False), slide]


def test_storing_a_slide_again_changes_nothing(engine):
    assert put_slides(engine, [slide_info("s1"), slide_info("s2")]) == 2
    assert put_slides(engine, [slide_info("s2"), slide_info("s1")]) == 0
    assert len(slides(engine)) == 2


def test_a_slide_known_by_its_id_takes_the_new_record_and_keeps_its_labels(engine):
    put_slides(engine, [slide_info("s1"), slide_info("s2")])
    append_labels(engine, [label_of(1)])
    moved = replace(slide_info("s1"), path="/elsewhere/s1.svs", bounds=None)
    assert put_slides(engine, [moved]) == 0
    assert slides(engine) == [moved, slide_info("s2")]
    assert current_labels(engine) == [label_of(1)]
