"""Stain vectors: tabulated numbers, QuPath and scikit-image as outside oracles, the guard."""

import json
from pathlib import Path

import numpy as np
import pytest

from rimlight.core.density import light, optical_density
from rimlight.core.stains import (
    HDAB,
    dab_density,
    estimate_stains,
    matrix_of,
    mix,
    qupath_stains,
    stain_matrix,
    stains_from_qupath,
    unmix,
)
from rimlight.errors import SettingsError
from rimlight.settings import StainSettings

GLASS = (255.0, 255.0, 255.0)
ROWS = json.loads((Path(__file__).parent / "stain_vectors.json").read_text())["rows"]
GRID = np.stack(np.meshgrid(*[np.arange(1, 256, 23)] * 3), -1).reshape(-1, 3).astype(np.uint8)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["rgb"]))
def test_unmixing_gives_the_tabulated_numbers(row):
    density = optical_density(np.uint8([row["rgb"]]), white=GLASS)
    np.testing.assert_allclose(unmix(density, stains=HDAB)[0], row["stains"], atol=1e-4)


def test_default_vectors_are_those_of_qupath():
    expected = [[0.6511, 0.7012, 0.2905], [0.2692, 0.5682, 0.7776], [0.6330, -0.7129, 0.3018]]
    np.testing.assert_allclose(HDAB.rows, expected, atol=5e-5)
    assert HDAB.angle_deg == pytest.approx(36.9, abs=0.05)
    assert np.linalg.cond(HDAB.rows) == pytest.approx(3.0, abs=0.01)


def test_inverse_is_the_tabulated_one():
    expected = [[1.2086, -0.6972, 0.6330], [0.6844, 0.0210, -0.7129], [-0.9185, 1.5120, 0.3018]]
    np.testing.assert_allclose(HDAB.inverse, expected, atol=5e-5)


def test_mixing_is_the_way_back_of_unmixing():
    density = optical_density(GRID, white=GLASS)
    back = mix(unmix(density, stains=HDAB), stains=HDAB)
    np.testing.assert_allclose(light(back, white=GLASS) / 255, GRID / 255, atol=1e-6)


def test_pure_dab_has_dab_alone():
    pure = mix(np.float32([[0, 0.7, 0]]), stains=HDAB)
    np.testing.assert_allclose(pure, [[0.1884, 0.3978, 0.5443]], atol=1e-4)
    np.testing.assert_allclose(unmix(pure, stains=HDAB), [[0, 0.7, 0]], atol=1e-6)


def test_dab_density_is_the_second_of_three_stains():
    whole = unmix(optical_density(GRID, white=(240.0, 243.0, 245.0)), stains=HDAB)
    alone = dab_density(GRID, white=(240.0, 243.0, 245.0), stains=HDAB)
    np.testing.assert_allclose(alone, whole[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("white", "expected"), [(255, 0.217), (245, 0.203), (243, 0.200), (240, 0.195)]
)
def test_a_wrong_white_point_biases_weak_stain_as_tabulated(white, expected):
    rgb = light(mix(np.float32([0, 0.2, 0]), stains=HDAB), white=(243.0,) * 3)
    density = np.log10(white / rgb)  # not rounded to whole grey levels
    assert unmix(density, stains=HDAB)[1] == pytest.approx(expected, abs=6e-4)


def test_scikit_image_agrees_after_times_six():
    from skimage.color import separate_stains

    ours = unmix(optical_density(GRID, white=GLASS), stains=HDAB)
    theirs = 6 * separate_stains(GRID / 255, HDAB.inverse)  # sets negatives to 0
    np.testing.assert_allclose(ours.clip(0), theirs, atol=1e-3)


def test_scikit_image_defaults_are_near_on_pure_dab():
    from skimage.color import rgb2hed

    theirs = 6 * rgb2hed(np.uint8([[[199, 151, 125]]]))[0, 0]
    np.testing.assert_allclose(theirs[[0, 2]], [0.001, 0.397], atol=1e-3)


def test_stains_survive_the_way_to_qupath_and_back():
    stains, white = stains_from_qupath(qupath_stains(HDAB, white=(240.0, 241.5, 243.0)))
    np.testing.assert_allclose(stains.rows, HDAB.rows, atol=1e-5)
    assert white == (240.0, 241.5, 243.0)


def test_an_incomplete_qupath_text_is_refused():
    with pytest.raises(SettingsError, match="'Values 2' is not three numbers"):
        stains_from_qupath('{"Values 1" : "0.65 0.70 0.29", "Values 2" : "0.27 x 0.78"}')


def test_the_fingerprint_follows_the_vectors():
    other = stain_matrix(StainSettings(dab=(0.27, 0.57, 0.79)))
    same_direction = stain_matrix(StainSettings(dab=(0.54, 1.14, 1.56)))
    assert other.fingerprint != HDAB.fingerprint
    assert same_direction.fingerprint == HDAB.fingerprint
    assert (HDAB.source, other.source) == ("default", "settings")


@pytest.mark.parametrize(
    ("dab", "match"),
    [
        ((0.65, 0.70, 0.30), "degrees apart"),
        ((0.0, 0.0, 0.0), "not all 0"),
        ((0.2, 0.5), "three finite numbers"),
        ((0.2, np.nan, 0.5), "three finite numbers"),
    ],
)
def test_vectors_that_cannot_be_unmixed_are_refused(dab, match):
    with pytest.raises(SettingsError, match=match):
        matrix_of((0.65, 0.70, 0.29), dab, source="settings")


def stained_field(dab_share, *, vectors=HDAB, seed=0):
    """Optical densities of 20,000 pixels, nuclei in a third, DAB in a share of them."""
    rng = np.random.default_rng(seed)
    stains = np.zeros((20000, 3))
    stains[:7000, 0] = rng.uniform(0.2, 0.8, 7000)
    n_dab = round(dab_share * 7000)
    stains[7000 : 7000 + n_dab, 1] = rng.uniform(0.3, 1.0, n_dab)
    return mix(stains.astype(np.float32), stains=vectors) + rng.normal(0, 0.004, (20000, 3))


def test_vectors_of_a_well_stained_field_are_found():
    truth = matrix_of((0.60, 0.74, 0.30), (0.22, 0.55, 0.80), source="truth")
    found = estimate_stains(stained_field(0.4, vectors=truth))
    assert found.is_estimated
    for ours, true, fixed in zip(found.stains.rows, truth.rows, HDAB.rows, strict=True):
        assert ours @ true > max(np.cos(np.radians(2.5)), fixed @ true)


def test_a_field_without_dab_falls_back_to_the_fixed_vectors():
    found = estimate_stains(stained_field(0.0))
    assert not found.is_estimated
    assert found.stains is HDAB
    assert "2 % are needed" in found.reason


def test_an_empty_field_falls_back_to_the_fixed_vectors():
    found = estimate_stains(np.zeros((64, 64, 3), np.float32))
    assert (found.stains, found.reason) == (HDAB, "0 stained pixels")


def test_an_estimate_far_from_the_fixed_vectors_is_refused():
    foreign = matrix_of((0.20, 0.95, 0.20), (0.10, 0.40, 0.91), source="foreign")
    found = estimate_stains(stained_field(0.5, vectors=foreign))
    assert found.stains is HDAB
    assert "would move by" in found.reason
