"""Checks of a slide: each fails for its own fault alone, and only grave faults are fatal."""

import numpy as np
import pytest

from rimlight.core.slide_guards import fatal_guard, slide_guards, warnings_of

SOUND = {
    "foreign_share": 0.02,
    "is_white_estimated": 1.0,
    "white_red": 240.0,
    "white_green": 239.0,
    "white_blue": 238.0,
    "tissue_mm2": 2.0,
    "border_share": 0.0,
    "dark_share": 0.0,
    "flat_share": 0.0,
    "haematoxylin_share": 0.7,
    "dab_share": 0.2,
    "eosin_share": 0.0,
    "haematoxylin_red": 0.37,
    "haematoxylin_green": 0.42,
    "dab_red": 0.22,
    "dab_green": 0.37,
    "haematoxylin_od": 0.5,
    "nuclear_um": 2.0,
    "nuclear_od": 0.02,
    "nuclear_contrast": 300.0,
    "sharpness": 1.5,
    "soft_share": 0.0,
    "blockiness": 1.1,
    "square_flat_share": 0.0,
    "soft_cells": 0.01,
    "empty_share": 0.1,
}
TRAINING = [
    SOUND | {"haematoxylin_red": 0.36, "nuclear_um": 1.8},
    SOUND | {"haematoxylin_red": 0.37},
    SOUND | {"haematoxylin_red": 0.38, "nuclear_um": 2.2},
]


def guards_of(**changes):
    return slide_guards(SOUND | changes, training=TRAINING)


def failing(**changes):
    return {guard.name: guard.reason for guard in guards_of(**changes) if not guard.is_passed}


def test_a_sound_slide_passes_every_check():
    assert failing() == {}
    assert fatal_guard(guards_of()) is None
    assert warnings_of(guards_of()) == []


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"tissue_mm2": 0.0}, "tissue", "no_tumour_cells"),
        ({"foreign_share": 0.3}, "foreign_colour", "wrong_stain"),
        ({"eosin_share": 0.2}, "eosin", "wrong_stain"),
        ({"haematoxylin_share": 0.0}, "haematoxylin", "wrong_stain"),
        ({"haematoxylin_share": np.nan}, "haematoxylin", "wrong_stain"),
        ({"nuclear_um": 4.0}, "pixel_size", "wrong_pixel_size"),
        ({"nuclear_um": 1.0}, "pixel_size", "wrong_pixel_size"),
        ({"nuclear_um": 1.0, "nuclear_contrast": 20.0}, "pixel_size", "wrong_pixel_size"),
        ({"nuclear_contrast": 20.0, "nuclear_od": 0.003}, "pixel_size", None),
        ({"nuclear_um": np.nan}, "pixel_size", None),
        ({"soft_share": 0.3}, "soft_tissue", None),
        ({"soft_share": 0.6}, "soft_tissue", "image_quality"),
        ({"soft_cells": 0.2}, "soft_cells", None),
        ({"soft_cells": 0.6}, "soft_cells", "image_quality"),
        ({"dark_share": 0.05}, "debris", None),
        ({"dark_share": 0.6}, "debris", "image_quality"),
        ({"flat_share": 0.1}, "lost_tiles", None),
        ({"square_flat_share": 0.1}, "lost_tiles", None),
        ({"dab_share": 0.0}, "dab", None),
        ({"haematoxylin_green": 0.52}, "colour", None),
        ({"white_blue": 190.0}, "colour", None),
        ({"is_white_estimated": 0.0}, "white_point", None),
        ({"sharpness": 0.5}, "sharpness", None),
        ({"border_share": 0.3}, "cut_tissue", None),
        ({"empty_share": 0.7}, "empty_tissue", None),
        ({"blockiness": 1.8}, "jpeg", None),
    ],
)
def test_a_fault_fails_its_own_check_and_no_other(changes, name, reason):
    assert failing(**changes) == {name: reason}
    found = next(guard for guard in guards_of(**changes) if guard.name == name)
    assert found.words
    assert (fatal_guard(guards_of(**changes)) is None) == (reason is None)
    assert warnings_of(guards_of(**changes)) == ([] if reason else [found.words])


def test_a_sentence_blames_nothing_where_the_check_is_passed():
    words = {guard.name: guard.words for guard in guards_of()}
    assert "H&E" not in words["eosin"]
    assert "mpp" not in words["pixel_size"]
    assert "H&E" in next(g.words for g in guards_of(eosin_share=0.5) if g.name == "eosin")


def test_what_training_slides_have_too_is_no_fault():
    alike = [each | {"border_share": 0.7, "is_white_estimated": 0.0} for each in TRAINING]
    changes = {"border_share": 0.75, "is_white_estimated": 0.0}
    guards = slide_guards(SOUND | changes, training=alike)
    assert [guard.name for guard in guards if not guard.is_passed] == []


def test_colours_are_measured_in_spreads_of_the_training_slides():
    (colour,) = (g for g in guards_of(haematoxylin_red=0.43) if g.name == "colour")
    assert colour.value == pytest.approx(0.06 / (1.4826 * 0.01))
    assert "haematoxylin red" in colour.words


def test_without_training_slides_the_pixel_size_is_said_not_to_be_checked():
    guards = slide_guards(SOUND, training=[])
    told = {guard.name: guard for guard in guards if not guard.is_passed}
    assert list(told) == ["pixel_size"]
    assert told["pixel_size"].value is None
    assert "could not be checked" in told["pixel_size"].words
    assert fatal_guard(guards) is None


def test_the_wrong_stain_is_told_before_what_follows_from_it():
    assert fatal_guard(guards_of(eosin_share=0.9, nuclear_um=9.0)).name == "eosin"
