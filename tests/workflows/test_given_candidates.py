"""Candidates of other programs: placed as labels are, kept by slide, and no labels."""

import json

import numpy as np
import pytest

from rimlight.errors import LabelFileError, SlideError, StudyError
from rimlight.io.journal import current_labels
from rimlight.io.store import slides
from rimlight.records import Box
from rimlight.workflows.given_candidates import (
    given_candidates,
    import_candidates,
    list_candidates,
    remove_candidates,
    where_from,
)
from small_studies import slide_info, study_of

BOUNDS = Box(left_l0=100, top_l0=60, width_l0=900, height_l0=500)


def table(folder, text, name="cells.csv"):
    (folder / name).write_text(text)
    return folder / name


def given_of(study, slide_id="s1"):
    info = next(info for info in slides(study.engine) if info.slide_id == slide_id)
    return given_candidates(study, info)


def test_centres_are_kept_by_slide_and_are_no_labels(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"), slide_info("s3"))
    path = table(tmp_path, "slide,x_l0,y_l0\ns1,10,20\ns2.svs,30,40\ns1,5,900\ns1,10,20\n")
    done = import_candidates(study, path, tool="StarDist")
    assert [(made.slide, made.n_cells) for made in done.sets] == [("s1", 2), ("s2", 1)]
    np.testing.assert_array_equal(given_of(study), [[5, 900], [10, 20]])
    np.testing.assert_array_equal(given_of(study, "s2"), [[30, 40]])
    assert given_of(study, "s3") is None
    assert not current_labels(study.engine)
    assert list_candidates(study) == list(done.sets)
    assert where_from(done.sets[0]) == "imported from cells.csv (StarDist)"


def test_a_second_file_replaces_what_the_slide_was_given(tmp_path):
    study = study_of(tmp_path / "study")
    first = import_candidates(study, table(tmp_path, "x,y\n1,2\n"), slide="s1")
    again = import_candidates(study, table(tmp_path, "x,y\n3,4\n"), slide="s1")
    assert (first.replaced, again.replaced) == ((), ("s1",))
    np.testing.assert_array_equal(given_of(study), [[3, 4]])
    assert first.sets[0].places_sha256 != again.sets[0].places_sha256
    remove_candidates(study, "s1")
    assert given_of(study) is None
    with pytest.raises(StudyError, match="'s1': has no imported candidates; name a slide that has"):
        remove_candidates(study, "s1")


@pytest.mark.parametrize(("frame", "place"), [("bounds", [110, 80]), ("level0", [10, 20])])
def test_x_and_y_count_from_the_frame_that_was_said(tmp_path, frame, place):
    study = study_of(tmp_path / "study", slide_info("s1", bounds=BOUNDS))
    path = table(tmp_path, "x,y\n10,20\n")
    with pytest.raises(LabelFileError, match="slide s1 has an empty margin"):
        import_candidates(study, path, slide="s1")
    import_candidates(study, path, slide="s1", frame=frame)
    np.testing.assert_array_equal(given_of(study), [place])


def test_micrometres_become_level_0_pixels_of_the_slide(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1", mpp=0.5, bounds=BOUNDS))
    path = table(tmp_path, "Image\tCentroid X µm\tCentroid Y µm\ns1.svs\t10\t20\n", "cells.tsv")
    import_candidates(study, path, frame="bounds")
    np.testing.assert_array_equal(given_of(study), [[120, 100]])


def test_the_file_name_or_the_header_says_the_slide(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    import_candidates(study, table(tmp_path, "x,y\n1,2\n", "s2.csv"))
    header = {"slide": "s1", "slide_hash": "sha256 of s1", "frame": "level0"}
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 4]}}
    data = {"rimlight": header, "features": [point]}
    import_candidates(study, table(tmp_path, json.dumps(data), "any.geojson"))
    assert [made.slide for made in list_candidates(study)] == ["s1", "s2"]
    data["rimlight"]["slide_hash"] = "of another"
    with pytest.raises(LabelFileError, match="another content than any in this study"):
        import_candidates(study, table(tmp_path, json.dumps(data), "any.geojson"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x,y\n1,2\n", "does not say which slide it is of; name it with --slide"),
        ("slide,x,y\ns1,1,2\ns9,1,2\n", "the slide 's9' is not in this study"),
        ("slide,x,y\ns1,1,2\ns1.svs,1,2\n", "names slide s1 in several ways"),
        ("slide,x,y\ns1,1,2\ns1,2001,2\n", "1 of 2 centres lie outside slide s1, first x 2001"),
        ("slide,x,y\ns1,1,1500\n", "1 of 1 centres lie outside slide s1"),
    ],
)
def test_what_cannot_be_placed_leaves_what_was_there(tmp_path, text, reason):
    study = study_of(tmp_path / "study")
    import_candidates(study, table(tmp_path, "x,y\n7,8\n"), slide="s1")
    with pytest.raises(LabelFileError, match=reason):
        import_candidates(study, table(tmp_path, text))
    np.testing.assert_array_equal(given_of(study), [[7, 8]])


def test_centres_beyond_level_0_of_a_slide_that_reaches_there_are_left_out(tmp_path):
    box = Box(left_l0=-50, top_l0=0, width_l0=900, height_l0=500)
    study = study_of(tmp_path / "study", slide_info("s1", bounds=box))
    import_candidates(study, table(tmp_path, "x_l0,y_l0\n-10,5\n10,5\n"), slide="s1")
    np.testing.assert_array_equal(given_of(study), [[10, 5]])


def test_damaged_candidates_and_another_content_of_the_slide_are_said(tmp_path):
    study = study_of(tmp_path / "study")
    import_candidates(study, table(tmp_path, "x,y\n7,8\n"), slide="s1")
    with pytest.raises(SlideError, match=r"from cells\.csv were placed on another file"):
        given_candidates(study, slide_info("s1", fingerprint="changed"))
    array = study.folder / "candidates" / "s1" / "places_l0.npy"
    array.write_bytes(array.read_bytes()[:-1])
    with pytest.raises(SlideError, match=r"its candidates from cells\.csv are damaged; import"):
        given_of(study)
