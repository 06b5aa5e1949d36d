"""A study folder is made whole or not at all, and nothing else is taken for one."""

import pytest

from rimlight.errors import SettingsError, StorageError, StudyError
from rimlight.io.study import create_study, open_study
from rimlight.settings import PatchSettings, Settings, StudySettings


def test_a_new_study_has_its_settings_its_database_and_its_folders(tmp_path):
    create_study(tmp_path / "of" / "mine")
    names = sorted(path.name for path in (tmp_path / "of" / "mine").iterdir())
    assert names == ["cache", "rimlight.db", "runs", "study.toml"]
    assert [path.name for path in (tmp_path / "of").iterdir()] == ["mine"]


def test_settings_come_back_as_they_were_given(tmp_path):
    settings = Settings(study=StudySettings(name="lung", seed=7), patch=PatchSettings(mpp=0.25))
    create_study(tmp_path / "study", settings)
    assert open_study(tmp_path / "study").settings == settings


def test_an_empty_folder_may_become_a_study(tmp_path):
    (tmp_path / "study").mkdir()
    assert create_study(tmp_path / "study").folder == tmp_path / "study"


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("years of work")
    with pytest.raises(StudyError, match="already holds something"):
        create_study(tmp_path / "study")
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "study").write_text("")
    with pytest.raises(StudyError, match="already holds something"):
        create_study(tmp_path / "study")


def test_a_study_that_cannot_be_made_leaves_nothing(tmp_path):
    broken = Settings(study=StudySettings(name="two\nlines"))
    with pytest.raises(SettingsError):
        create_study(tmp_path / "study", broken)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        create_study(tmp_path / "file" / "study")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_study_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(StudyError, match="no such folder; make a study with rimlight init"):
        open_study(tmp_path / "absent")
    with pytest.raises(StudyError, match=r"has no study.toml, so it is no study"):
        open_study(tmp_path)
    (tmp_path / "study.toml").write_text("[study]\nname = 1\n")
    with pytest.raises(SettingsError, match=r"study.name: must be str"):
        open_study(tmp_path)
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="cannot be read"):
        open_study(tmp_path)


def test_a_study_without_its_database_is_refused_and_none_is_made(tmp_path):
    study = create_study(tmp_path / "study")
    study.engine.dispose()
    (tmp_path / "study" / "rimlight.db").unlink()
    with pytest.raises(StudyError, match="restore it from a backup"):
        open_study(tmp_path / "study")
    assert not (tmp_path / "study" / "rimlight.db").exists()
