"""Slides into a study: added once, found again, refused one by one."""

import shutil

import numpy as np
import pytest

from rimlight.errors import StudyError
from rimlight.io.pyramids import write_pyramid
from rimlight.io.store import slides
from rimlight.io.study import create_study
from rimlight.workflows.register import SlideEntry, entries_of_manifest, register_slides
from scenes import stained, write_as


def write_slide(path, *, mpp=0.5, size=(320, 256), seed=0):
    """A small slide; each seed gives another file."""
    picture = stained(*size)
    picture[10:40, 10:40] = np.random.default_rng(seed).integers(90, 160, (30, 30, 3))
    path.parent.mkdir(exist_ok=True)
    write_pyramid(path, picture, mpp=mpp)
    return path


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


@pytest.fixture
def file(tmp_path):
    return write_slide(tmp_path / "scans" / "a1.tiff")


def only_slide(study):
    (info,) = slides(study.engine)
    return info


def register(study, path, **said):
    return register_slides(study, [SlideEntry(path=path, **said)])


def test_a_slide_is_added_with_what_is_said_of_it(study, file):
    result = register(study, file, case="p7", assay="sp263-uc", scanner="GT450")
    assert result.added == ("a1",)
    assert (result.known, result.refused, result.notices) == ((), (), ())
    info = only_slide(study)
    assert (info.slide_id, info.case_id) == ("a1", "p7")
    assert (info.assay, info.scanner) == ("sp263-uc", "GT450")
    assert info.path == str(file)
    assert info.mpp == 0.5


def test_what_is_not_said_comes_from_the_study_and_the_file(study, file):
    register(study, file, case="p7")
    assert only_slide(study).assay == study.settings.study.assay
    assert only_slide(study).scanner == ""


def test_without_a_case_each_slide_is_its_own_and_one_notice_says_so(study, tmp_path):
    files = [write_slide(tmp_path / f"{n}.tiff", seed=n) for n in range(3)]
    result = register_slides(study, [SlideEntry(path=path) for path in files])
    assert [info.case_id for info in slides(study.engine)] == ["0", "1", "2"]
    (notice,) = result.notices
    assert notice.startswith("3 slide(s) name no case")
    assert "--case" in notice


def test_adding_a_slide_again_changes_nothing(study, file):
    register(study, file, case="p7")
    before = only_slide(study)
    result = register(study, file)
    assert (result.added, result.known) == ((), ("a1",))
    assert (result.refused, result.notices) == ((), ())
    assert only_slide(study) == before


def test_a_bad_slide_does_not_stop_the_others(study, file, tmp_path):
    text = tmp_path / "text.svs"
    text.write_text("no slide")
    paths = [tmp_path / "none.svs", text, file, tmp_path]
    result = register_slides(study, [SlideEntry(path=path, case="p") for path in paths])
    assert result.added == ("a1",)
    assert len(result.refused) == 3
    for path, sentence in zip([paths[0], text, tmp_path], result.refused, strict=True):
        assert sentence.startswith(f"{path}: ")
        assert "\n" not in sentence
        assert "Traceback" not in sentence


def test_a_moved_slide_is_linked_anew_by_its_fingerprint(study, file, tmp_path):
    register(study, file, case="p7")
    moved = tmp_path / "elsewhere" / "a1.tiff"
    moved.parent.mkdir()
    file.rename(moved)
    result = register(study, moved)
    assert (result.added, result.known, result.refused) == ((), ("a1",), ())
    assert only_slide(study).path == str(moved)
    assert only_slide(study).case_id == "p7"
    assert str(moved) in result.notices[0]


def test_a_slide_renamed_by_its_owner_keeps_its_name_in_the_study(study, file):
    register(study, file, case="p7")
    renamed = file.rename(file.with_name("other.tiff"))
    result = register(study, renamed)
    assert (result.added, result.known) == ((), ("a1",))
    assert only_slide(study).path == str(renamed)


def test_a_copy_of_a_slide_under_another_name_is_refused(study, file):
    register(study, file, case="p7")
    copy = shutil.copy(file, file.with_name("copy.tiff"))
    result = register(study, copy, case="p8")
    assert result.added == ()
    assert "same file as slide a1" in result.refused[0]
    assert len(slides(study.engine)) == 1


def test_another_file_under_the_same_name_is_refused_and_nothing_mixed(study, file):
    register(study, file, case="p7")
    before = only_slide(study)
    write_slide(file, seed=9, size=(640, 512))
    result = register(study, file)
    assert "another file than the one registered as a1" in result.refused[0]
    assert only_slide(study) == before


def test_two_files_of_one_name_need_names_in_a_manifest(study, file, tmp_path):
    other = write_slide(tmp_path / "more" / "a1.tiff", seed=5)
    result = register_slides(study, [SlideEntry(path=file), SlideEntry(path=other)])
    assert result.added == ("a1",)
    assert "columns path and slide" in result.refused[0]
    again = register_slides(study, [SlideEntry(path=other, slide="a1-more")])
    assert again.added == ("a1-more",)


def test_a_corrected_case_is_taken_and_told(study, file):
    register(study, file, case="p7")
    result = register(study, file, case="p8")
    assert only_slide(study).case_id == "p8"
    assert result.notices == ("a1: its case was p7 and is now p8",)


def test_a_corrected_mpp_is_taken_and_told(study, file):
    register(study, file, case="p7")
    result = register(study, file, mpp=0.25)
    assert (only_slide(study).mpp, only_slide(study).mpp_source) == (0.25, "user")
    assert any("the file says 0.5" in notice for notice in result.notices)
    assert "a1: its mpp was 0.5 and is now 0.25" in result.notices


def test_a_slide_within_the_study_is_kept_by_a_path_from_the_study(study):
    inner = write_slide(study.folder / "slides" / "b.tiff")
    register(study, inner, case="p")
    assert only_slide(study).path == "slides/b.tiff"


@pytest.mark.parametrize("name", ["a/b", "a\\b", "a\nb"])
def test_a_name_that_cannot_be_one_is_refused(study, file, name):
    result = register(study, file, slide=name)
    assert "cannot name a slide" in result.refused[0]
    assert "\n" not in result.refused[0]


def test_the_slide_file_and_its_folder_are_not_touched(study, file):
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    file.parent.chmod(0o555)
    register(study, file, case="p")
    file.parent.chmod(0o755)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert list(file.parent.iterdir()) == [file]


def test_progress_counts_every_entry(study, file, tmp_path):
    seen = []
    entries = [SlideEntry(path=tmp_path / "none.svs"), SlideEntry(path=file)]
    register_slides(study, entries, progress=lambda *step: seen.append(step[1:]))
    assert seen == [(1, 2), (2, 2)]


# manifest


def manifest(tmp_path, text):
    path = tmp_path / "cases.csv"
    path.write_text(text)
    return path


def test_paths_of_a_manifest_count_from_its_folder(tmp_path):
    path = manifest(
        tmp_path,
        "slide,case,assay,scanner,mpp,note\nscans/a.svs,p1,22c3,GT450,0.25,x\n/b.svs,,,,,\n",
    )
    first, second = entries_of_manifest(path)
    assert first == SlideEntry(
        path=tmp_path / "scans" / "a.svs", case="p1", assay="22c3", scanner="GT450", mpp=0.25
    )
    assert str(second.path) == "/b.svs"
    assert (second.case, second.assay, second.scanner, second.mpp) == (None,) * 4


def test_a_manifest_may_name_slides_apart_from_their_files(tmp_path):
    (entry,) = entries_of_manifest(manifest(tmp_path, "path,slide\nx/1.svs,first\n"))
    assert (entry.path, entry.slide) == (tmp_path / "x" / "1.svs", "first")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file,case\na.svs,p1\n", "no column slide"),
        ("slide,mpp\na.svs,0;25\n", "row 1: mpp must be a number"),
        ("slide,case\n,p1\n", "row 1 names no file"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_where(tmp_path, text, reason):
    with pytest.raises(StudyError, match=reason):
        entries_of_manifest(manifest(tmp_path, text))


def test_plain_images_need_the_mpp_of_the_manifest(study, tmp_path):
    write_as("png", tmp_path / "core", stained(300, 200))
    path = manifest(tmp_path, "slide,case,mpp\ncore.png,p1,0.24\n")
    assert register_slides(study, entries_of_manifest(path)).added == ("core",)
    assert (only_slide(study).mpp, only_slide(study).mpp_source) == (0.24, "user")


@pytest.mark.parametrize("said", ["", "0", "-1", "nan", "352.8"])
def test_a_slide_without_a_pixel_size_never_gets_into_a_study(study, tmp_path, said):
    write_as("png", tmp_path / "core", stained(300, 200))
    path = manifest(tmp_path, f"slide,case,mpp\ncore.png,p1,{said}\n")
    result = register_slides(study, entries_of_manifest(path))
    assert slides(study.engine) == []
    assert len(result.refused) == 1
    assert "mpp" in result.refused[0]
