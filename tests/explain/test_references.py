"""References made from images, and calls that a reference cannot explain."""

import pytest
import torch
from networks import items

from rimlight.explain.references import check_references_of_call, white_references


def test_white_is_the_glass_of_each_images_own_slide():
    white = torch.tensor([[240.0, 243.0, 245.0], [255.0, 250.0, 235.0]])
    references = white_references(items((3, 4, 6), 2), white=white)
    assert references.shape == (2, 1, 3, 4, 6)
    torch.testing.assert_close(references[1, 0, :, 3, 5], (white[1] / 255).double())
    one_for_all = white_references(items((3, 4, 6), 2), white=white[0])
    torch.testing.assert_close(one_for_all[1, 0, :, 0, 0], (white[0] / 255).double())


def test_a_white_of_0_to_1_is_refused():
    with pytest.raises(ValueError, match="white: must be above 1 and at most 255"):
        white_references(items((3, 4, 4), 1), white=torch.tensor([0.9, 0.9, 0.9]))


def test_a_negative_call_is_not_explained_by_removing_stain_alone():
    with pytest.raises(ValueError, match="stain_removed alone cannot explain a negative call"):
        check_references_of_call({"stain_removed"}, is_positive=False)
    check_references_of_call({"stain_removed", "opposite"}, is_positive=False)
    check_references_of_call({"stain_removed"}, is_positive=True)
