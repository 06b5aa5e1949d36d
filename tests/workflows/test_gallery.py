"""Groups and captions of the gallery."""

import numpy as np
import pytest

from rimlight.workflows.gallery import _caption, _group
from rimlight.workflows.walks import Walked


@pytest.mark.parametrize(
    ("called", "labelled", "group"),
    [(True, True, "TP"), (True, False, "FP"), (False, True, "FN"), (False, False, "TN")],
)
def test_a_group_says_call_against_label(called, labelled, group):
    assert _group(is_called_positive=called, is_positive=labelled) == group


def _walked(*, logit: float, n_references: int, is_small: bool) -> Walked:
    columns = {"logit": np.array([logit]), "is_small_rise": np.array([int(is_small)])}
    return Walked(
        values=np.zeros((1, 4, 4), dtype=np.float32),
        columns=columns,
        reference_rows=[np.arange(n_references)],
        reference_responses=np.zeros((1, max(1, n_references))),
    )


def _words(found: Walked, *, rise: float, gap: float, in_mask: float, n_px: int) -> str:
    mask = np.zeros((4, 4), dtype=bool)
    mask.flat[:n_px] = True
    return _caption(found, 0, name="opposite", rise=rise, gap=gap, in_mask=in_mask, mask=mask)


def test_a_caption_says_how_many_logits_come_from_the_pixels():
    found = _walked(logit=2.0, n_references=8, is_small=False)
    words = _words(found, rise=6.0, gap=0.03, in_mask=4.2, n_px=3)
    assert words == (
        "+4.2 of +6.0 logits against 8 negative cells come from 3 px; gap 0.5 %; "
        "reference: opposite."
    )


def test_a_caption_of_next_to_nothing_gives_no_share_and_no_minus_zero():
    found = _walked(logit=-0.1, n_references=1, is_small=True)
    words = _words(found, rise=-0.02, gap=0.01, in_mask=0.0, n_px=0)
    assert words == "0.0 logits against 1 positive cell; gap 0.01 logits; reference: opposite."
