"""The gallery: the sign of a colour, one scale, stamps, and masks only where they belong."""

import base64
import io
import re

import numpy as np
import pytest
from made_up_runs import MadeUpRun
from PIL import Image

from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.report.gallery import gallery_cards, read_gallery

SIZE_PX = 8


def row(**changed):
    sign = "-" if changed.get("group") in ("TN", "FN") else ""
    plain = {
        "cell": "c1", "group": "TP", "expression": "weak", "logit": f"{sign}2",
        "rise": f"{sign}3", "probability": "0.9",
        "reference": "opposite", "is_converged": "1", "caption": "words",
    }  # fmt: skip
    return plain | changed


def arrays(n=1, **changed):
    shape = (n, SIZE_PX, SIZE_PX)
    plain = {
        "patches": np.full((*shape, 3), 200, np.uint8),
        "references": np.full((*shape, 3), 90, np.uint8),
        "maps": np.zeros(shape, np.float32),
        "masks": np.zeros(shape, bool),
        "dab": np.zeros(shape, np.float32),
    }
    return plain | changed


def card(row_, arrays_, scale=1.0):
    cards = gallery_cards([row_], arrays_, mpp=0.5, scale=scale)
    return cards[row_["group"]][0]


def panel(card_, title):
    return next(panel for panel in card_.panels if panel.title.startswith(title))


def pixels_of(panel_):
    data = re.search(r"base64,([^\"]+)", str(panel_.svg))[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)


def test_what_pushes_to_positive_is_orange_and_to_negative_blue_where_it_lies():
    maps = np.zeros((1, SIZE_PX, SIZE_PX), np.float32)
    maps[0, 1, 5], maps[0, 6, 2] = 1, -1
    shown = pixels_of(panel(card(row(), arrays(maps=maps)), "What moved"))
    red_over_blue = shown[..., 0] - shown[..., 2]
    assert np.unravel_index(red_over_blue.argmax(), red_over_blue.shape) == (1, 5)
    assert np.unravel_index(red_over_blue.argmin(), red_over_blue.shape) == (6, 2)
    assert red_over_blue[0, 0] == 0
    assert "1.0 logits push towards positive, 1.0 towards negative" in str(
        panel(card(row(), arrays(maps=maps)), "What moved").svg
    )


def test_two_cells_share_one_scale():
    weak = np.full((1, SIZE_PX, SIZE_PX), 0.1, np.float32)
    strong = np.full((1, SIZE_PX, SIZE_PX), 1.0, np.float32)
    pale, full = (
        pixels_of(panel(card(row(), arrays(maps=maps)), "What moved"))[0, 0]
        for maps in (weak, strong)
    )
    assert np.ptp(pale) < np.ptp(full) / 4


def test_a_map_that_did_not_converge_is_stamped_on_the_map_and_beside_the_cell():
    stamped = card(row(is_converged="0"), arrays())
    assert stamped.stamps == ("not converged",)
    assert "NOT CONVERGED" in panel(stamped, "What moved").svg
    assert "NOT CONVERGED" not in panel(card(row(), arrays()), "What moved").svg
    assert panel(stamped, "Contributing").note == "none: the map did not converge"


def test_a_stamp_of_the_run_is_shown():
    assert card(row(stamp="failed E3; forced"), arrays()).stamps == ("failed E3", "forced")
    assert card(row(is_small_rise="1"), arrays()).stamps == ("small rise",)


@pytest.mark.parametrize(
    ("changed", "is_stamped"),
    [
        ({"logit": "2", "rise": "3"}, False),
        ({"logit": "2", "rise": "1"}, True),
        ({"logit": "2", "rise": "1", "reference": "white"}, True),
        ({"group": "FN", "logit": "-2", "rise": "-3"}, False),
        ({"group": "FN", "logit": "-2", "rise": "-1"}, True),
        ({"group": "FN", "logit": "-2", "rise": "-1", "reference": "white"}, False),
    ],
)
def test_a_reference_with_the_call_of_the_cell_is_stamped(changed, is_stamped):
    shown = card(row(**changed), arrays())
    assert ("reference not valid" in shown.stamps) == is_stamped
    is_positive = not changed["logit"].startswith("-")
    if is_stamped and is_positive:
        assert panel(shown, "Contributing").note == "none: the reference is called positive too"


def test_the_logits_of_cell_and_reference_are_said():
    facts = card(row(logit="-2", rise="-5", group="TN", probability="0.125"), arrays()).facts
    assert facts == "probability of positive 12.5\u202f%, logit −2.00, of the reference +3.00"


@pytest.mark.parametrize(
    ("share", "note"), [(1.9, "still positive without DAB, logit +0.1"), (2.1, "")]
)
def test_a_cell_that_stays_positive_without_its_dab_is_a_finding(share, note):
    removed = np.full((1, SIZE_PX, SIZE_PX), share / SIZE_PX**2, np.float32)
    shown = card(row(), arrays(stain_removed_maps=removed))
    assert panel(shown, "Map against itself").note == note


def test_contributing_pixels_are_outlined_for_a_positive_call_and_refused_for_a_negative_one():
    masks = np.zeros((1, SIZE_PX, SIZE_PX), bool)
    masks[0, 2, 3] = True
    outlined = panel(card(row(), arrays(masks=masks)), "Contributing")
    assert "M3 2h1" in outlined.svg
    assert not outlined.note
    for group in ("TN", "FN"):
        refused = panel(card(row(group=group), arrays()), "Contributing")
        assert refused.note == "none for a negative call"
        assert 'class="outline"' not in refused.svg
    assert panel(card(row(), arrays()), "Contributing").note == "none: no pixel passed the gate"


def test_the_stain_removed_map_stands_beside_positive_calls_only():
    removed = np.ones((1, SIZE_PX, SIZE_PX), np.float32)
    titles = {
        group: [
            panel.title
            for panel in card(row(group=group), arrays(stain_removed_maps=removed)).panels
        ]
        for group in ("TP", "FP", "TN", "FN")
    }
    assert all(titles[group][-1] == "Map against itself without DAB" for group in ("TP", "FP"))
    assert all("Map against itself without DAB" not in titles[group] for group in ("TN", "FN"))


@pytest.mark.parametrize(
    ("group", "reference", "title"),
    [
        ("TP", "opposite", "Reference: negative cells, one shown"),
        ("FN", "opposite", "Reference: positive cells, one shown"),
        ("FP", "white", "Reference: white"),
    ],
)
def test_the_reference_is_named(group, reference, title):
    shown = card(row(group=group, reference=reference), arrays())
    assert shown.panels[1].title == title
    assert (pixels_of(shown.panels[1]) == 90).all()


def test_cards_stand_in_their_group_from_negative_to_strong():
    rows = [row(cell=name, expression=name) for name in ("strong", "weak", "moderate")]
    rows.append(row(cell="fn", group="FN"))
    cards = gallery_cards(rows, arrays(n=4), mpp=0.5, scale=1)
    assert [card.cell for card in cards["TP"]] == ["weak", "moderate", "strong"]
    assert [card.cell for card in cards["FN"]] == ["fn"]
    assert cards["TN"] == ()


def test_a_gallery_whose_arrays_and_rows_differ_is_refused(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.gallery()
    folder = made.run.folder / "gallery"
    kept = {name: (folder / name).read_bytes() for name in ("gallery.csv", "gallery.json")}
    found = read_arrays(made.run.folder, "gallery")
    write_arrays(made.run.folder, "gallery", found | {"masks": found["masks"][:-1]})
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    with pytest.raises(
        RunError, match=r"masks holds 13 cells, gallery.csv 14; run rimlight explain"
    ):
        read_gallery(folder)


def test_a_run_without_gallery_has_none(tmp_path):
    assert read_gallery(tmp_path / "gallery") is None
