import pytest

from rimlight.errors import SettingsError
from rimlight.synthetic.settings import DEMO, STUDY, SynthSettings, settings_as_dict


def test_the_presets_have_the_sizes_that_the_documents_name():
    assert (DEMO.n_cases, DEMO.n_slides, DEMO.n_cells) == (16, 18, 1400)
    assert (STUDY.n_cases, STUDY.n_slides, STUDY.n_cells) == (48, 78, 7901)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"n_cases": 0}, "1 <= n_cases"),
        ({"n_slides": 3}, "16, 3 and 1400"),
        ({"n_cells": 17}, "18 and 17"),
        ({"neighbour_agreement": 1.5}, "neighbour_agreement must lie in 0..1, got 1.5"),
        ({"label_noise": -0.1}, "label_noise must lie in 0..1"),
        ({"width_um": 40.0}, "at least 100 um each way, got 40.0"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_impossible_settings_are_refused_by_name(wrong, sentence):
    with pytest.raises(SettingsError, match=sentence):
        SynthSettings(**wrong)


def test_every_setting_is_written_out():
    assert settings_as_dict(DEMO)["neighbour_agreement"] == DEMO.neighbour_agreement
    assert SynthSettings(**settings_as_dict(STUDY)) == STUDY
