"""The figure of one explanation: where the colours are, and what the words say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import conv_norm_pool, items, made, signal, volume

from rimlight import explain
from rimlight.explain.captions import words_of
from rimlight.explain.panels import panel_rows, shown_range


def two_spots(sign=1):
    """A grey image whose left upper spot raises the response; the right lower one lowers it."""
    image = torch.full((1, 1, 36, 36), 0.5)
    image[0, 0, 4:10, 4:10] = image[0, 0, 26:32, 24:34] = 0.9

    def response(x):
        return sign * 4 * (x[:, 0, :18].sum((1, 2)) - x[:, 0, 18:].sum((1, 2)))

    return explain.explanation_of(response, image, references="blur")


def redness(panel):
    return panel[..., 0].astype(int) - panel[..., 2]


def map_panel(found, *, row=0, scale=1.0, **more):
    rows = panel_rows(found, 0, values=found.pooled[0].double().numpy(), scale=scale, **more)
    return rows[row][1][2]


def test_what_raises_is_vermilion_and_what_lowers_is_blue_in_its_place():
    panel = redness(map_panel(two_spots()))
    assert panel.shape == (288, 288)
    assert panel[7 * 8, 7 * 8] > 40
    assert panel[29 * 8, 29 * 8] < -40
    assert abs(panel[29 * 8, 7 * 8]) < 25
    turned = redness(map_panel(two_spots(sign=-1)))
    assert turned[7 * 8, 7 * 8] < -40


def test_one_scale_holds_for_every_image_of_a_batch_unless_it_is_given():
    network, images = made(conv_norm_pool), items((3, 12, 12), 2)
    images[1] = 0.5 + (images[1] - 0.5) / 50
    found = explain.explanation_of(network, images, references="blur")
    strong, weak = (np.asarray(explain.picture_of(found, number)).astype(int) for number in (0, 1))
    coloured = [np.abs(p[..., 0] - p[..., 2])[42:320, 600:].mean() for p in (strong, weak)]
    assert coloured[1] < coloured[0] / 5
    rescaled = np.asarray(explain.picture_of(found, 1, scale=1e-4)).astype(int)
    assert np.abs(rescaled[..., 0] - rescaled[..., 2])[42:320, 600:].mean() > 5 * coloured[1]


def test_a_volume_shows_three_slices_through_the_voxel_that_is_named():
    image = torch.full((1, 1, 8, 9, 10), 0.2)
    image[0, 0, 2, 6, 7] = 1.0
    found = explain.explanation_of(lambda x: x.sum((1, 2, 3, 4)), image, references="no_signal")
    values = found.pooled[0].double().numpy()
    middle = panel_rows(found, 0, values=values, scale=1.0)
    through = panel_rows(found, 0, values=values, scale=1.0, through_px=(2, 6, 7))
    assert [name for name, _ in through] == [
        "slice 3 of 8, first axis",
        "slice 7 of 9, second axis",
        "slice 8 of 10, third axis",
    ]
    for (_, (image_middle, _, _)), (_, (image_through, _, moved)) in zip(
        middle, through, strict=True
    ):
        assert image_middle.max() == 51
        assert image_through.max() == 255
        assert redness(moved).max() > 100
    zoom = 288 // 10
    (row, column) = np.argwhere(through[0][1][0][..., 0] == 255).mean(0) // zoom
    assert (row, column) == (6, 7)


def test_the_outline_of_a_mask_is_drawn_on_the_image_only():
    found = two_spots()
    mask = np.zeros((36, 36), dtype=bool)
    mask[20:30, 5:15] = True
    image, _, moved = panel_rows(
        found, 0, values=found.pooled[0].double().numpy(), scale=1.0, outline=mask
    )[0][1]
    assert (image[20 * 8, 5 * 8 : 15 * 8] == (0, 180, 255)).all()
    assert abs(redness(moved)[20 * 8, 5 * 8 : 15 * 8]).max() < 25


def test_an_outline_that_is_no_mask_of_the_image_is_refused(wrong_types):
    for mask in (torch.ones(36, 36), torch.ones(36, 35, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r"outline: must be true or false .* \(36, 36\)"):
            explain.picture_of(two_spots(), 0, outline=mask)


def test_four_references_share_their_panel():
    references = torch.stack([torch.full((1, 36, 36), level) for level in (0.1, 0.3, 0.6, 0.8)])
    found = explain.explanation_of(
        lambda x: x.sum((1, 2, 3)), two_spots().images, references=references, reference_name="four"
    )
    panel = panel_rows(found, 0, values=found.pooled[0].double().numpy(), scale=1.0)[0][1][1]
    corners = [int(panel[row, column, 0]) for row in (5, -5) for column in (5, -5)]
    assert corners == [26, 77, 153, 204]
    assert words_of(found, 0).titles[1] == "reference: four, 4 of 4"


def test_the_caption_says_rise_gap_reference_and_unit():
    weights = torch.ones(1, 4, 4)
    image, reference = torch.full((1, 1, 4, 4), 0.75), torch.full((1, 1, 4, 4), 0.25)
    response = explain.response_of(lambda x: (x * weights).sum((1, 2, 3)), name="logit of cat")
    found = explain.explanation_of(response, image, references=reference, reference_name="grey")
    words = words_of(found, 0)
    assert words.caption == (
        "logit of cat: +12.00 for this image, +4.00 for the reference (grey)",
        "the map adds up to +8.00 of a rise of +8.00 (gap 0.0 %)",
    )
    off = replace(found, gap=torch.tensor([0.5]).double())
    assert words_of(off, 0).caption[1] == "the map adds up to +8.50 of a rise of +8.00 (gap 6.2 %)"
    assert (words.lowers, words.raises) == ("lowers the logit of cat", "raises the logit of cat")
    assert words.unit == "logit of cat per pixel"
    assert words.stamps == ()


def test_a_small_rise_is_said_and_has_no_percent():
    found = explain.explanation_of(
        lambda x: 0.0005 * x.sum((1, 2, 3)), two_spots().images, references="white"
    )
    caption = words_of(found, 0).caption
    assert "gap +" in caption[1] or "gap -" in caption[1]
    assert "%" not in caption[1]
    assert "the rise is small" in caption[2]


def test_a_method_that_is_not_complete_says_so_instead_of_a_sum():
    found = explain.explanation_of(
        made(conv_norm_pool), items((3, 12, 12), 1), references="blur", method=explain.by_gradient()
    )
    words = words_of(found, 0)
    assert words.stamps == ("NOT COMPLETE: GRADIENT",)
    assert "not used by this map" in words.caption[0]
    assert words.caption[1] == "not complete: what this map adds up to means nothing"
    assert words.unit == "response per unit of input"


def test_a_stamp_is_seen_on_the_map():
    found = explain.explanation_of(
        lambda x: x.sum((1, 2, 3)), two_spots().images, references="white", forced=True
    )
    stamped = np.asarray(explain.picture_of(found))
    plain = np.asarray(explain.picture_of(two_spots()))
    is_dark = [(picture[46:66, 640:900].max(2) < 40).mean() for picture in (stamped, plain)]
    assert is_dark[0] > 0.5
    assert is_dark[1] == 0
    failed = np.asarray(explain.picture_of(two_spots(), stamp="failed E3"))
    assert (failed[46:66, 640:900].max(2) < 40).mean() > 0.5


@pytest.mark.parametrize(
    ("kind", "shape", "height"),
    [(signal, (2, 30), 250), (volume, (1, 6, 7, 8), 900), (conv_norm_pool, (3, 12, 12), 300)],
)
def test_signals_images_and_volumes_have_a_figure(kind, shape, height):
    found = explain.explanation_of(made(kind), items(shape, 2), references="blur")
    for smoothing_px in (0.0, 1.5):
        picture = explain.picture_of(found, 1, smoothing_px=smoothing_px)
        assert picture.mode == "RGB"
        assert picture.height > height
        assert picture.width >= 760


def test_long_words_are_wrapped_and_cut_never_drawn_over_the_edge():
    name = "log-odds of " + "a class with a long name " * 6
    response = explain.response_of(lambda x: x.sum((1, 2, 3)), name=name.strip())
    found = explain.explanation_of(response, two_spots().images, references="white")
    long, short = explain.picture_of(found), explain.picture_of(two_spots())
    assert long.height > short.height
    page = np.asarray(long)
    assert (page[340:, -14:] == 255).all()
    blue = page[:, 18].astype(int)
    bar_ends = np.flatnonzero(blue[:, 2] - blue[:, 0] > 100)
    numbers = page[bar_ends.max() + 4 : bar_ends.max() + 18, 90:110]
    assert (numbers == 255).all()  # white between the number of the scale and its unit


def test_what_cannot_be_drawn_is_refused():
    vectors = explain.explanation_of(lambda x: x.sum(1), items((5,), 2), references="no_signal")
    with pytest.raises(ValueError, match=r"images: \(2, 5\) cannot be drawn"):
        explain.picture_of(vectors)
    with pytest.raises(ValueError, match="number: must be 0 to 0, got 1"):
        explain.picture_of(two_spots(), 1)
    many = explain.explanation_of(lambda x: x.sum((1, 2)), items((9, 20), 1), references="white")
    with pytest.raises(ValueError, match="a signal of 9 channels cannot be drawn"):
        explain.picture_of(many)


def test_a_signal_is_drawn_over_the_colours_of_its_map():
    wave = torch.zeros(1, 1, 60)
    wave[..., 10:20], wave[..., 44:54] = 1.0, 1.0
    weight = torch.where(torch.arange(60) < 30, 1.0, -1.0)
    found = explain.explanation_of(
        lambda x: (x[:, 0] * weight).sum(1), wave, references="no_signal"
    )
    picture = np.asarray(explain.picture_of(found)).astype(int)[:, 16:912]
    panel = picture[60:130]
    column = redness(panel).mean(0)
    assert column[round(15 / 60 * 896)] > 80
    assert column[round(49 / 60 * 896)] < -80
    assert abs(column[round(30 / 60 * 896)]) < 20
    is_line = picture[42:165].max(2) < 60
    high, low = (is_line[:, round(place / 60 * 896)].argmax() for place in (52, 5))
    assert high < 20
    assert low > 90


def test_a_range_other_than_0_to_1_is_stretched_and_said():
    assert shown_range(torch.tensor([0.2, 0.7])) == (0.0, 1.0)
    assert shown_range(torch.tensor([-1.0, 3.0])) == (-1.0, 3.0)
