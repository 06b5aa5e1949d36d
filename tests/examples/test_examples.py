"""The three examples run as a reader runs them: short, on data that is there, true output."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
REAL_TILES = Path(os.environ.get("RIMLIGHT_KI67_TILES", ROOT.parent / "shared/data/ki67_tiles"))


def drawn_tiles(folder):
    """Write two synthetic tiles of nuclei, brown or blue, with their colour-coded truth."""
    for seed in range(2):
        rng, (row, column) = np.random.default_rng(seed), np.mgrid[:512, :512]
        tile, truth = rng.normal(225, 8, (512, 512, 3)), np.zeros((512, 512, 3))
        places = np.mgrid[32:480:40, 32:480:40].reshape(2, -1).T
        for y, x in places + rng.integers(-6, 7, places.shape):
            nucleus = np.hypot(row - y, column - x) < rng.uniform(9, 13)
            is_positive = rng.random() < 0.4
            tile[nucleus] -= (95, 135, 155) if is_positive else (85, 65, 25)
            truth[nucleus, 0 if is_positive else 2] = 255
        for name, image in ((f"{seed}.png", tile), (f"{seed}_segmentation.png", truth)):
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / name)


def printed(name, *given):
    """Run an example in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text):
    return [float(number) for number in re.findall(r"([\d.]+)%", text)]


def is_a_figure(file):
    picture = np.asarray(Image.open(file).convert("RGB")).astype(int)
    assert picture.shape[0] > 300
    assert picture.shape[1] > 700
    is_red = (picture[..., 0] - picture[..., 2] > 60) & (picture[..., 0] > 150)
    return is_red.sum() > 500


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_an_example_is_short_and_says_what_it_is_for(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert text.startswith('"""')


def check_nuclei(folder, tmp_path):
    out = printed("nuclear_stain.py", folder, tmp_path / "why.png")
    right, inside, area, gap = numbers(out)
    assert right >= 90
    assert inside > 1.5 * area
    assert gap <= 1.0
    assert is_a_figure(tmp_path / "why.png")


def test_the_nuclear_stain_is_explained_on_drawn_tiles(tmp_path):
    drawn_tiles(tmp_path)
    check_nuclei(tmp_path, tmp_path)


# Real tiles may not be committed (licence): where they are missing, the drawn tiles above run the
# same example with the same assertions.
@pytest.mark.skipif(not REAL_TILES.is_dir(), reason="no real tiles beside the tree")
def test_the_nuclear_stain_is_explained_on_real_tiles(tmp_path):
    check_nuclei(REAL_TILES, tmp_path)


def test_a_photograph_of_the_eye_is_explained(tmp_path):
    out = printed("retina.py", tmp_path / "why.png")
    right, gradient, area, _occlusion, _, path, _, gap = numbers(out)
    assert right >= 80
    assert path > 20 * area
    assert path > gradient
    assert gap <= 1.0
    assert is_a_figure(tmp_path / "why.png")


def test_a_volume_is_explained(tmp_path):
    out = printed("volume.py", tmp_path / "why.png")
    right, inside, area, gap = numbers(out)
    assert right >= 85
    assert inside > 10 * area
    assert gap <= 1.0
    assert is_a_figure(tmp_path / "why.png")
