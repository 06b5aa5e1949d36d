"""Groups and captions of the gallery."""

import numpy as np
import pytest

from rimlight.workflows.gallery import _group, words_of_walk
from rimlight.workflows.walks import Walked


@pytest.mark.parametrize(
    ("called", "labelled", "group"),
    [(True, True, "TP"), (True, False, "FP"), (False, True, "FN"), (False, False, "TN")],
)
def test_a_group_says_call_against_label(called, labelled, group):
    assert _group(is_called_positive=called, is_positive=labelled) == group


def _words(*, logit: float, rise: float, gap: float, name: str = "opposite", **more) -> str:
    n_px, n_references = more.get("n_px", 0), more.get("n_references", 8)
    mask = np.zeros((4, 4), dtype=bool)
    mask.flat[:n_px] = True
    columns = {"logit": logit, "rise": rise, "gap": gap, "is_small_rise": abs(rise) < 0.5}
    found = Walked(
        values=np.full((1, 4, 4), more.get("in_mask", 0.0) / max(n_px, 1), dtype=np.float32),
        columns={key: np.array([value]) for key, value in columns.items()},
        reference_rows=[np.arange(n_references)],
        reference_responses=np.zeros((1, max(n_references, 1))),
    )
    return words_of_walk(found, 0, name=name, mask=mask)


def test_a_caption_says_how_many_logits_come_from_the_pixels():
    words = _words(logit=2.0, rise=6.0, gap=0.03, in_mask=4.2, n_px=3)
    assert words == (
        "+4.2 of +6.0 logits against 8 negative cells come from 3 px; gap 0.5 %; "
        "reference: opposite."
    )


def test_a_caption_of_next_to_nothing_gives_no_share_and_no_minus_zero():
    words = _words(logit=-0.1, rise=-0.02, gap=0.01, n_references=1)
    assert words == "0.0 logits against 1 positive cell; gap 0.01 logits; reference: opposite."


def test_a_caption_names_what_the_map_starts_from_for_every_reference():
    removed = _words(logit=2.0, rise=6.0, gap=0.03, name="stain_removed", n_references=0)
    assert removed == (
        "+6.0 logits against the cell without DAB; gap 0.5 %; reference: stain removed."
    )
    fixed = _words(logit=-2.0, rise=-1.0, gap=0.0, name="fixed_negatives", n_references=4)
    assert fixed.startswith("−1.0 logits against 4 negative cells")
    assert "clear glass" in _words(logit=2.0, rise=6.0, gap=0.0, name="white", n_references=0)
