"""Profiles that come with rimlight are sound and unchecked; a study's own goes before them."""

import pytest

from rimlight.errors import SettingsError
from rimlight.io.assays import profile_ids, read_profile

OWN = """id = "mine"
assay = "a"
clone = "b"
platform = "c"
tumour = "d"
score = "TPS"
cut_offs = [10]
bands = ["low", "high"]
min_viable_tumour_cells = 50
cells_counted = "e"
source = "f"
source_date = "g"
checked_by = ""
checked_on = ""
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "assays").mkdir()

    def write(text, name="mine"):
        (tmp_path / "assays" / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_every_profile_that_ships_is_sound_has_a_source_and_is_checked_by_nobody():
    ids = profile_ids()
    assert {"22c3-nsclc", "28-8-nsclc", "sp263-nsclc", "22c3-cps-1", "research"} <= set(ids)
    for name in ids:
        profile = read_profile(name)
        assert profile.source
        assert profile.source_date
        assert not profile.is_checked


def test_the_cut_offs_of_22c3_are_1_and_50():
    assert read_profile("22c3-nsclc").cut_offs == (1.0, 50.0)
    assert read_profile("22c3-nsclc").least_cells == 100
    assert read_profile("research").bands == ()


def test_a_profile_of_the_study_is_found_and_goes_before_one_that_ships(own):
    folder = own(OWN)
    assert read_profile("mine", study_folder=folder).bands == ("low", "high")
    assert "mine" in profile_ids(folder)
    own(OWN.replace('"mine"', '"22c3-nsclc"'), name="22c3-nsclc")
    assert read_profile("22c3-nsclc", study_folder=folder).cut_offs == (10.0,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('clone = "b"\n', "", "lacks clone"),
        ('clone = "b"', 'clon = "b"', "lacks clone"),
        ('clone = "b"', 'clone = "b"\ndrug = "x"', "has drug"),
        ("[10]", "[10, 5]", "must rise"),
        ("[10]", '["10"]', "cut_offs has another type"),
        ('"low", ', "", "one more"),
        ("= 50", "= true", "another type"),
        ('id = "mine"', 'id = "other"', "name the file so"),
        ("cut_offs = [10]", "cut_offs = [10", "not valid TOML"),
    ],
)
def test_a_profile_with_a_fault_is_refused_by_name(own, old, new, said):
    with pytest.raises(SettingsError, match=said):
        read_profile("mine", study_folder=own(OWN.replace(old, new)))


@pytest.mark.parametrize("name", ["nothing", "../settings", "", "A B"])
def test_a_profile_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(SettingsError, match="22c3-nsclc"):
        read_profile(name)
