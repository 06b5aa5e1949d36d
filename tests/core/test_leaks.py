import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from rimlight.core.edits import turned
from rimlight.core.leaks import LEAST_CORRELATION, near_duplicates

SIZE = 64


def tissue(seed, side_px=512):
    """Blobs of several sizes on pale ground: each seed gives other tissue of the same kind."""
    random = np.random.default_rng(seed)
    ground = np.full((side_px, side_px, 3), 225.0)
    for sigma, strength, colour in (
        (3.0, 95.0, (0.9, 0.8, 0.35)),
        (2.0, 70.0, (0.4, 0.7, 1.0)),
        (8.0, 60.0, (0.5, 0.5, 0.5)),
    ):
        field = gaussian_filter(random.normal(size=(side_px, side_px)), sigma)
        blobs = np.clip(field / field.std() - 0.8, 0, 2)
        ground -= strength * blobs[..., None] * np.array(colour)
    noisy = ground + random.normal(0, 2, ground.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def cut(image, x, y):
    return image[y : y + SIZE, x : x + SIZE]


@pytest.fixture(scope="module")
def clean():
    """Twelve cases of ten patches each; four of them held out."""
    random = np.random.default_rng(9)
    patches, case = [], []
    for i in range(12):
        image = tissue(i)
        for place in random.choice(49, 10, replace=False):
            patches.append(cut(image, 66 * (place % 7), 66 * (place // 7)))
            case.append(f"case{i:02d}")
    case = np.array(case)
    return np.array(patches), case, np.where(case < "case04", "hold-out", "train")


def with_copies(clean, copies):
    patches, case, part = clean
    return (
        np.concatenate([patches, np.array(copies)]),
        np.concatenate([case, ["copied"] * len(copies)]),
        np.concatenate([part, ["hold-out"] * len(copies)]),
    )


def test_distinct_tissue_raises_no_alarm(clean):
    assert near_duplicates(*clean) == []


def test_twenty_planted_leaks_are_all_found_and_nothing_else(clean):
    patches, _, part = clean
    sources = np.flatnonzero(part == "train")[:20]
    copies = []
    for k, source in enumerate(sources):
        written = io.BytesIO()
        turn = turned(patches[source : source + 1], turn=k % 8)[0]
        Image.fromarray(turn).save(written, format="JPEG", quality=75)
        copies.append(np.asarray(Image.open(written)) if k % 2 else turn)
    found = near_duplicates(*with_copies(clean, copies))
    assert {(pair.first, pair.second) for pair in found} == {
        (int(source), len(patches) + k) for k, source in enumerate(sources)
    }
    assert [pair.correlation for pair in found[::2]] == [1.0] * 10


@pytest.mark.parametrize(("right", "down"), [(1, 0), (3, -2), (-8, 5), (20, 12)])
def test_overlapping_patches_of_one_slide_under_another_case_are_found_where_they_lie(
    clean, right, down
):
    image = tissue(5)
    patches = np.stack([cut(image, 200, 200), cut(image, 200 + right, 200 + down)])
    case, part = np.array(["mine", "copied"]), np.array(["train", "hold-out"])
    (pair,) = near_duplicates(patches, case, part)
    assert (pair.first, pair.second, pair.turn) == (0, 1, 0)
    assert (pair.shift_x_px, pair.shift_y_px) == (right, down)
    assert pair.correlation > LEAST_CORRELATION


@pytest.mark.parametrize("turn", range(8))
def test_the_turn_and_shift_reported_lay_the_second_patch_over_the_first(turn):
    image = tissue(6)
    moved = turned(cut(image, 106, 97)[None], turn=turn)[0]
    for order in ((0, 1), (1, 0)):
        patches = np.stack([cut(image, 100, 100), moved])[list(order)]
        case, part = np.array(["a", "b"]), np.array(["train", "hold-out"])
        (pair,) = near_duplicates(patches, case, part)
        x, y = pair.shift_x_px, pair.shift_y_px
        second = turned(patches[1:], turn=pair.turn)[0]
        first_part = patches[0][max(y, 0) : SIZE + min(y, 0), max(x, 0) : SIZE + min(x, 0)]
        second_part = second[max(-y, 0) : SIZE + min(-y, 0), max(-x, 0) : SIZE + min(-x, 0)]
        assert np.array_equal(first_part, second_part)


def test_patches_of_one_case_or_of_one_side_are_not_compared(clean):
    patch = np.stack([cut(tissue(7), 50, 50)] * 2)
    two = np.array(["a", "b"])
    assert near_duplicates(patch, np.array(["a", "a"]), np.array(["train", "hold-out"])) == []
    assert near_duplicates(patch, two, np.array(["train", "train"])) == []
    assert len(near_duplicates(patch, two, np.array(["train", "validation"]))) == 1


def test_bare_glass_in_two_cases_is_no_leak_but_equal_faint_patches_are():
    random = np.random.default_rng(2)
    glass = np.full((2, SIZE, SIZE, 3), 242, dtype=np.uint8)
    faint = np.stack([random.integers(200, 206, (SIZE, SIZE, 3)).astype(np.uint8)] * 2)
    sides = (np.array(["a", "b"]), np.array(["train", "hold-out"]))
    assert near_duplicates(glass, *sides) == []
    assert [pair.correlation for pair in near_duplicates(faint, *sides)] == [1.0]


def test_patches_too_small_to_compare_are_refused():
    with pytest.raises(ValueError, match="at least 28 px"):
        near_duplicates(np.zeros((1, 16, 16, 3), np.uint8), np.array(["a"]), np.array(["train"]))
