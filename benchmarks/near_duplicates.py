"""How alike distinct tissue looks, and how many planted copies are found.

Takes a folder of images, one case each, and compares patches of distinct places across the cases;
then plants copies that are turned, compressed or cut some pixels away. The numbers in
docs/statistics.md come from here.

    python benchmarks/near_duplicates.py FOLDER --mpp 0.24 --per-case 1000
"""

import argparse
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

from rimlight.core import leaks
from rimlight.core.edits import turned
from rimlight.core.leaks import near_duplicates

SIZE_PX, PATCH_MPP, GLASS = 64, 0.5, 225
N_PLANTED = 200
SHIFTS_PX = (0.5, 2, 4, 8, 16, 24)


def cut(image: np.ndarray, x: float, y: float, *, side: float) -> np.ndarray:
    """Return the patch of ``side`` image pixels around x, y, resampled once."""
    left, top = int(x - side / 2) - 2, int(y - side / 2) - 2
    near = Image.fromarray(image[top : top + int(side) + 6, left : left + int(side) + 6])
    x, y = x - side / 2 - left, y - side / 2 - top
    box = (x, y, x + side, y + side)
    return np.asarray(near.resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX, box=box))


def places(image: np.ndarray, n: int, *, side: float, random: np.random.Generator) -> np.ndarray:
    """Return ``n`` random places on tissue."""
    found: list[tuple[float, float]] = []
    while len(found) < n:
        x, y = (random.uniform(2 * side, length - 2 * side) for length in image.shape[1::-1])
        if image[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20].mean() < GLASS:
            found.append((x, y))
    return np.array(found)


def copied(patch: np.ndarray, kind: str, *, random: np.random.Generator) -> np.ndarray:
    """Return a turned copy, through JPEG at quality 60 for kind ``jpeg``."""
    if kind == "jpeg":
        written = io.BytesIO()
        Image.fromarray(patch).save(written, format="JPEG", quality=60)
        patch = np.asarray(Image.open(written))
    return turned(patch[None], turn=int(random.integers(0, 8)))[0]


def print_distinct(patches: np.ndarray, case: np.ndarray) -> None:
    """Print how alike the most alike patches of different cases are."""
    limit, leaks.LEAST_CORRELATION = leaks.LEAST_CORRELATION, 0.0
    start = time.process_time()
    found = near_duplicates(patches, case, case)
    seconds = time.process_time() - start
    leaks.LEAST_CORRELATION = limit
    alike = max((pair.correlation for pair in found), default=float("nan"))
    print(f"{len(patches)} distinct patches: {seconds:.1f} s of processor time")
    print(f"most alike: {alike:.3f}; taken for the same tissue from {limit}")


def print_planted(
    images: list[np.ndarray], at: np.ndarray, *, side: float, random: np.random.Generator
) -> None:
    """Print how many planted copies of random patches are found.

    at: image, x and y of each patch.
    """
    chosen = at[random.choice(len(at), N_PLANTED, replace=False)]
    sources = [cut(images[int(i)], x, y, side=side) for i, x, y in chosen]
    sides = np.repeat(["train", "hold-out"], N_PLANTED)
    for kind, away_px in (("turn", 0), ("jpeg", 0), *(("shift", px) for px in SHIFTS_PX)):
        angle, far = random.uniform(0, 2 * np.pi, N_PLANTED), away_px * side / SIZE_PX
        right, down = far * np.cos(angle), far * np.sin(angle)
        copies = [
            copied(cut(images[int(i)], x + r, y + d, side=side), kind, random=random)
            for (i, x, y), r, d in zip(chosen, right, down, strict=True)
        ]
        found = near_duplicates(np.array(sources + copies), sides, sides)
        hits = sum(pair.second - pair.first == N_PLANTED for pair in found)
        print(f"{kind} {away_px} px: {hits} of {N_PLANTED} found")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mpp", type=float, required=True)
    parser.add_argument("--per-case", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    random, side = np.random.default_rng(asked.seed), SIZE_PX * PATCH_MPP / asked.mpp
    images = [np.asarray(Image.open(p).convert("RGB")) for p in sorted(asked.folder.iterdir())]
    at = np.array(
        [
            (i, x, y)
            for i, image in enumerate(images)
            for x, y in places(image, asked.per_case, side=side, random=random)
        ]
    )
    patches = np.array([cut(images[int(i)], x, y, side=side) for i, x, y in at])
    print_distinct(patches, at[:, 0].astype(int))
    print_planted(images, at, side=side, random=random)


if __name__ == "__main__":
    main()
