"""The doctor finds what is broken, says the remedy, and is content with this computer."""

import re
from importlib import metadata

import numpy as np
import pytest

from rimlight.io.pyramids import write_pyramid
from rimlight.io.slides import open_slide
from rimlight.workflows import doctor
from rimlight.workflows.doctor import GOLDEN_SLIDE, checks, old_versions


def _check(name, study=None):
    return next(check for check in checks(study) if check.name == name)


def test_every_core_part_works_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = list(checks())
    assert [check.sentence for check in found if check.is_core and not check.is_ok] == []
    assert {"versions", "torch", "slides", "attribution", "database", "writing"} <= {
        check.name for check in found
    }


@pytest.mark.parametrize(
    ("name", "version", "is_old"),
    [
        ("torch", "2.6", False),
        ("torch", "2.6.0+cpu", False),
        ("torch", "2.10.1", False),
        ("torch", "2.5.9", True),
        ("pillow", "12.9.9", True),
        ("openslide-bin", "4.0.0.13", True),
        ("openslide-bin", "4.0.1.2", False),
    ],
)
def test_versions_are_compared_as_numbers(monkeypatch, name, version, is_old):
    true_version = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda asked: version if asked == name else true_version(asked)
    )
    assert [sentence.split()[0] for sentence in old_versions()] == ([name] if is_old else [])


def test_a_golden_tile_that_reads_one_pixel_aside_is_found(tmp_path, monkeypatch):
    changed = tmp_path / "golden.tiff"
    with open_slide(GOLDEN_SLIDE) as slide:
        write_pyramid(changed, np.roll(slide.overview(1000), 1, axis=1), mpp=slide.mpp)
    monkeypatch.setattr(doctor, "GOLDEN_SLIDE", changed)
    check = _check("slides")
    assert not check.is_ok
    assert "other pixels" in check.sentence


def test_a_damaged_golden_tile_is_found(tmp_path, monkeypatch):
    changed = tmp_path / "golden.tiff"
    changed.write_bytes(GOLDEN_SLIDE.read_bytes()[:5000])
    monkeypatch.setattr(doctor, "GOLDEN_SLIDE", changed)
    assert not _check("slides").is_ok


def test_a_folder_that_is_no_study_is_named(tmp_path):
    check = _check("study", tmp_path)
    assert not check.is_ok
    assert str(tmp_path) in check.sentence


def test_each_sentence_is_one_line(tmp_path):
    for check in checks(tmp_path / "nowhere"):
        assert check.sentence
        assert not re.search(r"[\n\r]", check.sentence)


def test_a_page_that_is_not_built_is_a_note_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "workflows" / "doctor.py"))
    check = _check("workbench")
    assert (check.is_ok, check.is_core) == (False, False)
    assert "scripts/page" in check.sentence
