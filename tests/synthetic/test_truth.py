import numpy as np

from rimlight.records import Box
from rimlight.synthetic.truth import membrane_masks, truth_patch


def _numbered():
    return np.arange(1, 31).reshape(5, 6)


def test_a_patch_of_the_truth_counts_x_to_the_right_and_y_downwards():
    box = Box(left_l0=4, top_l0=2, width_l0=6, height_l0=6)  # from column 2 and row 1, 3 x 3
    np.testing.assert_array_equal(
        truth_patch(_numbered(), box=box, size_px=3), _numbered()[1:4, 2:5]
    )


def test_beyond_the_slide_there_is_no_membrane():
    box = Box(left_l0=-2, top_l0=8, width_l0=4, height_l0=4)
    found = truth_patch(_numbered(), box=box, size_px=2)
    np.testing.assert_array_equal(found, [[0, _numbered()[4, 0]], [0, 0]])


def test_a_membrane_is_own_or_a_neighbours_never_both():
    owner = np.array([[0, 3], [7, 3]])
    box = Box(left_l0=0, top_l0=0, width_l0=4, height_l0=4)
    masks = membrane_masks(owner, name=3, box=box, size_px=2)
    np.testing.assert_array_equal(masks.own, [[False, True], [False, True]])
    np.testing.assert_array_equal(masks.neighbour, [[False, False], [True, False]])
