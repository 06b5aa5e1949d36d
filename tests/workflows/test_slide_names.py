"""A slide is found by the name a foreign file gives it, or the name is refused."""

import pytest

from rimlight.workflows.slide_names import slide_named, slide_names
from small_studies import slide_info

SLIDES = [
    slide_info("P1-a", path="/slides/first core.svs"),
    slide_info("P1-b", path="C:\\scans\\second.ndpi"),
    slide_info("P2", path="/slides/first core.tif"),
]


@pytest.mark.parametrize(
    ("name", "slide_id"),
    [
        ("P1-a", "P1-a"),
        ("p2", "P2"),
        ("first core.svs", "P1-a"),
        ("First Core.TIF", "P2"),
        ("second", "P1-b"),
        ("some/where/second.ndpi", "P1-b"),
        ("D:\\x\\second.ndpi", "P1-b"),
    ],
)
def test_a_slide_is_found_by_id_file_name_or_stem_in_any_case(name, slide_id):
    assert slide_named(name, slide_names(SLIDES)).slide_id == slide_id


@pytest.mark.parametrize(
    ("name", "reason"),
    [("first core", "can be P1-a or P2"), ("third", "not in this study"), ("P1", "not in this")],
)
def test_a_name_of_no_slide_or_of_several_is_refused(name, reason):
    with pytest.raises(ValueError, match=reason):
        slide_named(name, slide_names(SLIDES))


def test_an_exact_name_goes_before_one_in_another_case():
    slides = [slide_info("core"), slide_info("Core")]
    assert [slide_named(name, slide_names(slides)).slide_id for name in ("core", "Core")] == [
        "core",
        "Core",
    ]
    with pytest.raises(ValueError, match="can be"):
        slide_named("CORE", slide_names(slides))
