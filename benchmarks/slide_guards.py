"""Planted faults of synthetic slides: share that the guards catch, and false alarms on clean ones.

    python benchmarks/slide_guards.py WORK                     seeds 101 to 103
    python benchmarks/slide_guards.py WORK --seeds 1           one to develop on
    python benchmarks/slide_guards.py WORK --real SLIDE...     facts and checks of real slides
    python benchmarks/slide_guards.py WORK --cost COPY         what the checks cost of a score

Each seed paints 16 cases of one slide: the first eight stand for the training slides, the others
are checked clean and with every fault. Shares with Wilson's 95 % interval. No network takes part;
the checks of cells (soft_cells, empty_tissue) are not measured here.

    caught     a check that is meant for the fault is not passed
    withheld   some check leaves the slide not evaluable

The cost is processor time, of slides of the trained study COPY whose candidates were not searched.
"""

import argparse
import io
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import binomtest

from rimlight.core.density import light, optical_density
from rimlight.core.resampling import block_mean
from rimlight.core.slide_guards import Facts, Guard, fatal_guard, slide_guards
from rimlight.core.stains import HDAB, mix, unmix
from rimlight.io.inspection import slide_info
from rimlight.io.pyramids import write_pyramid
from rimlight.io.runs import open_run
from rimlight.io.study import open_study
from rimlight.records import SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.synthetic.study import study_plan, synthetic_slide
from rimlight.workflows.score_job import task_of
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.score_slide import judged_cells
from rimlight.workflows.slide_guards import guards_of, seen
from rimlight.workflows.slide_look import look_of

SEEDS = (101, 102, 103)
N_CASES = 16
EOSIN = np.array([0.07, 0.99, 0.11])
FAST_RED = np.array([0.21, 0.85, 0.48])
White = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image to be checked: its white, and what its file says of the pixel size."""

    rgb: np.ndarray
    white: White
    mpp: float = MPP
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault and the checks that are meant for it; is_fatal: the score must be withheld."""

    plant: Callable[[Picture], Picture]
    checks: tuple[str, ...]
    is_fatal: bool = True


def stains_of(picture: Picture) -> np.ndarray:
    """Return haematoxylin, DAB and residual of each pixel."""
    return unmix(optical_density(picture.rgb, white=picture.white), stains=HDAB)


def of_density(picture: Picture, density: np.ndarray) -> Picture:
    """Return the picture of a density."""
    bright = light(density.astype(np.float32), white=picture.white)
    return replace(picture, rgb=np.rint(bright).clip(0, 255).astype(np.uint8))


def restained(picture: Picture, vector: np.ndarray, *, ground_od: float = 0.0) -> Picture:
    """Replace DAB by another stain, with a blush of it over the tissue."""
    stains = stains_of(picture)
    dab = stains[..., 1].clip(min=0)
    tissue = gaussian_filter((stains[..., :2].sum(axis=2) > 0.05).astype(float), 4)
    kept = mix(np.stack([stains[..., 0], 0 * dab, 0 * dab], axis=2), stains=HDAB)
    other = (dab + ground_od * tissue)[..., None] * vector / np.linalg.norm(vector)
    return of_density(picture, kept + other)


def without(picture: Picture, stain: int) -> Picture:
    """Take a stain out."""
    stains = stains_of(picture)
    stains[..., stain] = 0
    return of_density(picture, mix(stains, stains=HDAB))


def other_colours(picture: Picture) -> Picture:
    """Another laboratory: greyer and paler counterstain, redder brown."""
    stains = stains_of(picture)
    blue, brown = np.array([0.60, 0.62, 0.50]), np.array([0.35, 0.60, 0.72])
    density = 0.6 * stains[..., :1] * blue / np.linalg.norm(blue)
    return of_density(picture, density + stains[..., 1:2] * brown / np.linalg.norm(brown))


def blurred(picture: Picture, sigma_um: float, *, share: float = 1.0) -> Picture:
    """Blur the left part of a picture."""
    soft = gaussian_filter(picture.rgb.astype(np.float32), (sigma_um / MPP,) * 2 + (0,))
    rgb = picture.rgb.copy()
    n = round(share * rgb.shape[1])
    rgb[:, :n] = np.rint(soft[:, :n]).clip(0, 255).astype(np.uint8)
    return replace(picture, rgb=rgb)


def pen(picture: Picture, colour: tuple[float, float, float]) -> Picture:
    """Draw a stroke over a tenth of the width; pen lets some light through."""
    rgb = picture.rgb.astype(np.float32)
    left = np.random.default_rng(picture.seed).integers(rgb.shape[1] // 5, rgb.shape[1] // 2)
    stroke = slice(left, left + rgb.shape[1] // 10)
    rgb[:, stroke] *= np.array(colour, dtype=np.float32) / 255
    return replace(picture, rgb=np.rint(rgb).astype(np.uint8))


def compressed(picture: Picture, quality: int) -> Picture:
    """Save as JPEG and read again."""
    packed = io.BytesIO()
    Image.fromarray(picture.rgb).save(packed, "JPEG", quality=quality)
    return replace(picture, rgb=np.asarray(Image.open(packed)))


def lost(picture: Picture, n_tiles: int = 3) -> Picture:
    """Overwrite tiles of 256 px in one grey."""
    rgb = picture.rgb.copy()
    rng = np.random.default_rng(picture.seed)
    for _ in range(n_tiles):
        top, left = (256 * int(rng.integers(1, length // 256 - 1)) for length in rgb.shape[:2])
        rgb[top : top + 256, left : left + 256] = 128
    return replace(picture, rgb=rgb)


def blank(picture: Picture) -> Picture:
    """Leave nothing but glass."""
    noise = np.random.default_rng(picture.seed).normal(0, 1.0, picture.rgb.shape)
    return replace(picture, rgb=(np.array(picture.white) + noise).clip(0, 255).astype(np.uint8))


def framed(picture: Picture) -> Picture:
    """Lay the tissue on glass, 60 um on every side."""
    side = round(60 / MPP)
    height, width = picture.rgb.shape[:2]
    glass = blank(replace(picture, rgb=np.zeros((height + 2 * side, width + 2 * side, 3))))
    rgb = glass.rgb.copy()
    rgb[side:-side, side:-side] = picture.rgb
    return replace(picture, rgb=rgb)


def coarse(picture: Picture) -> Picture:
    """A scan at 20x whose file says 40x."""
    return replace(picture, rgb=block_mean(picture.rgb, side_px=2))


FAULTS = {
    "mpp half of the true one": Fault(plant=coarse, checks=("pixel_size",)),
    "mpp twice the true one": Fault(
        plant=lambda p: replace(p, mpp=2 * MPP), checks=("pixel_size",)
    ),
    "H&E in place of IHC": Fault(
        plant=lambda p: restained(p, EOSIN, ground_od=0.3), checks=("eosin", "foreign_colour")
    ),
    "red chromogen": Fault(
        plant=lambda p: restained(p, FAST_RED),
        checks=("eosin", "foreign_colour", "colour"),
        is_fatal=False,
    ),
    "no haematoxylin": Fault(plant=lambda p: without(p, 0), checks=("haematoxylin", "pixel_size")),
    "no DAB": Fault(plant=lambda p: without(p, 1), checks=("dab",), is_fatal=False),
    "colours of another laboratory": Fault(plant=other_colours, checks=("colour",), is_fatal=False),
    "blur of 2 um": Fault(plant=lambda p: blurred(p, 2.0), checks=("soft_tissue",)),
    "blur of 2 um, a third of the slide": Fault(
        plant=lambda p: blurred(p, 2.0, share=0.35), checks=("soft_tissue",), is_fatal=False
    ),
    "blur of 1 um": Fault(
        plant=lambda p: blurred(p, 1.0), checks=("sharpness", "soft_tissue"), is_fatal=False
    ),
    "no tissue": Fault(plant=blank, checks=("tissue",)),
    "pen, blue": Fault(plant=lambda p: pen(p, (50, 70, 170)), checks=("debris",), is_fatal=False),
    "pen, black": Fault(plant=lambda p: pen(p, (40, 40, 40)), checks=("debris",), is_fatal=False),
    "pen, green": Fault(plant=lambda p: pen(p, (50, 140, 80)), checks=("debris",), is_fatal=False),
    "pen, red": Fault(plant=lambda p: pen(p, (200, 50, 70)), checks=("debris",), is_fatal=False),
    "JPEG of quality 20": Fault(
        plant=lambda p: compressed(p, 20), checks=("jpeg",), is_fatal=False
    ),
    "JPEG of quality 10": Fault(
        plant=lambda p: compressed(p, 10), checks=("jpeg",), is_fatal=False
    ),
    "lost tiles": Fault(plant=lost, checks=("lost_tiles",), is_fatal=False),
}


def main() -> None:
    """Plant faults in every slide that is checked, and print what was caught."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--real", type=Path, nargs="+", help="slides; --mpp for those without")
    parser.add_argument("--mpp", type=float)
    parser.add_argument("--cost", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.real:
        print_real(given.real, given.mpp)
        return
    if given.cost:
        print_cost(given.cost)
        return
    found: dict[str, list[tuple[Guard, ...]]] = {}
    for seed in given.seeds:
        for name, guards in of_seed(given.work, seed):
            found.setdefault(name, []).append(guards)
        print(f"after seed {seed}:")
        print_table(found)


def of_seed(work: Path, seed: int):
    """Yield the name of a fault, or ``clean``, and the checks of a slide that has it."""
    settings = SynthSettings(seed=seed, n_cases=N_CASES, n_slides=N_CASES, n_cells=20 * N_CASES)
    pictures = []
    for number, plan in enumerate(study_plan(settings)):
        slide = synthetic_slide(plan, settings)
        pictures.append(Picture(rgb=slide.field.rgb, white=slide.look.white, seed=number))
    half = N_CASES // 2
    training = [facts_of(work, picture) for picture in pictures[:half]]
    on_glass = [facts_of(work, framed(picture)) for picture in pictures[:half]]
    for picture in pictures[half:]:
        yield "clean", slide_guards(facts_of(work, picture), training=training)
        yield "clean, on glass", slide_guards(facts_of(work, framed(picture)), training=on_glass)
        yield "section cut by the scan", slide_guards(facts_of(work, picture), training=on_glass)
        for name, fault in FAULTS.items():
            facts = facts_of(work, fault.plant(picture))
            yield name, slide_guards(facts, training=training)


def facts_of(work: Path, picture: Picture) -> Facts:
    """Return the facts of a picture as those of a slide of its own."""
    path = work / "picture.tiff"
    write_pyramid(path, picture.rgb, mpp=picture.mpp, quality=85)
    return seen_of(info_of(path))


def info_of(path: Path, mpp: float | None = None) -> SlideInfo:
    """Return the record of a slide that no study holds."""
    found = slide_info(path.absolute(), slide_id="slide", case_id="case", assay="any", mpp=mpp)
    return found.info


def print_table(found: dict[str, list[tuple[Guard, ...]]]) -> None:
    """Print false alarms by check, then what was caught by fault."""
    for name in ("clean", "clean, on glass"):
        rows = found[name]
        print(f"{name}: withheld {words_of([fatal_guard(row) is not None for row in rows])}")
        print(f"  any warning {words_of([not all(g.is_passed for g in row) for row in rows])}")
        for at, guard in enumerate(rows[0]):
            failed = [not row[at].is_passed for row in rows]
            values = [row[at].value for row in rows if row[at].value is not None]
            reach = f"{min(values):.3g} to {max(values):.3g}" if values else "unknown"
            print(f"    {guard.name:16} {sum(failed):3} of {len(rows)}  values {reach}")
    checks = {name: fault.checks for name, fault in FAULTS.items()}
    checks["section cut by the scan"] = ("cut_tissue",)
    for name, meant in checks.items():
        rows = found[name]
        caught = [any(not g.is_passed and g.name in meant for g in row) for row in rows]
        withheld = [fatal_guard(row) is not None for row in rows]
        values = {
            each: [g.value for row in rows for g in row if g.name == each and g.value is not None]
            for each in meant
        }
        told = "; ".join(f"{each} {min(v):.3g} to {max(v):.3g}" for each, v in values.items() if v)
        print(f"{name:36} caught {words_of(caught)}, withheld {words_of(withheld)}  ({told})")


def print_real(paths: list[Path], mpp: float | None) -> None:
    """Print checks of slides, each against the others; then with a wrong pixel size."""
    infos = [info_of(path, mpp) for path in paths]
    facts = [seen_of(info) for info in infos]
    for at, path in enumerate(paths):
        print(path.name)
        for guard in slide_guards(facts[at], training=facts[:at] + facts[at + 1 :]):
            mark = "ok  " if guard.is_passed else f"FAIL {guard.reason or 'warning'}"
            print(f"  {mark} {guard.name}: {guard.words}")
    for factor in (0.5, 2.0):
        found = [
            slide_guards(
                seen_of(replace(info, mpp=factor * info.mpp)),
                training=facts[:at] + facts[at + 1 :],
            )
            for at, info in enumerate(infos)
        ]
        sizes = [next(g for g in row if g.name == "pixel_size") for row in found]
        print(
            f"mpp {factor:g} times the true one: "
            f"caught {words_of([not guard.is_passed for guard in sizes])}, "
            f"withheld {words_of([guard.reason is not None for guard in sizes])}"
        )


def seen_of(info: SlideInfo) -> Facts:
    """Return the facts of a slide that no study holds."""
    sharp = ScoreSettings().least_sharpness
    return look_of(Path(), info, stains=HDAB, least_sharpness=sharp).numbers


def print_cost(folder: Path, n_slides: int = 4) -> None:
    """Print the processor time of the checks over that of the cells, slide by slide."""
    plan = score_plan(open_run(open_study(folder)))
    shares = []
    for info in plan.every[:n_slides]:
        shutil.rmtree(plan.study.cache, ignore_errors=True)
        plan.study.cache.mkdir()
        task = task_of(plan, info)
        training = plan.training_slides_of(info)
        start = time.process_time()
        cells = judged_cells(task)
        between = time.process_time()
        guards_of(task, seen(task), cells, training=training)
        spent = time.process_time() - between
        shares.append(spent / (time.process_time() - start))
        print(
            f"{info.slide_id}: {len(cells.x_l0)} cells {between - start:.2f} s, "
            f"checks {spent:.2f} s, {shares[-1]:.1%} of the score"
        )
    print(f"median {np.median(shares):.1%} of {len(shares)} slides")


def words_of(is_so: list[bool]) -> str:
    """Return a share with its Wilson interval and n."""
    known = binomtest(sum(is_so), len(is_so)).proportion_ci(method="wilson")
    return f"{np.mean(is_so):.0%} [{known.low:.0%}, {known.high:.0%}] of {len(is_so)}"


if __name__ == "__main__":
    main()
