"""Whether a slide is as its score takes for granted: named checks, a limit and a sentence each.

A fatal check leaves the slide without a value; any other is a warning beside it. A check compares
with a fixed limit, or with the slides that the network was trained on. None finds every fault, and
none vouches for a slide that passes all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from rimlight.core.scores import Reason

Facts = Mapping[str, float]

# Own limits, fixed on synthetic slides of seed 20261124 and looked at on real ones: decision 23.
LARGEST_FOREIGN_SHARE = 0.25
LARGEST_EOSIN_SHARE = 0.05
LEAST_HAEMATOXYLIN_SHARE = 0.005
LEAST_DAB_SHARE = 0.0005
LARGEST_SPREADS = 6.0
LARGEST_SIZE_RATIO = 1.45
LEAST_NUCLEAR_CONTRAST, LEAST_NUCLEAR_OD = 80.0, 0.004
LARGEST_SOFT_SHARE, FATAL_SOFT_SHARE = 0.10, 0.50
LEAST_SHARPNESS_RATIO = 0.5
LEAST_TISSUE_MM2 = 0.001
LARGEST_BORDER_SHARE, BORDER_MARGIN = 0.10, 0.15
LARGEST_EMPTY_SHARE = 0.5
LARGEST_DARK_SHARE, FATAL_DARK_SHARE = 0.02, 0.5
LARGEST_BLOCKINESS, BLOCKINESS_RATIO = 1.5, 1.3
LARGEST_FLAT_SHARE = 0.002
SPREAD_FLOORS = {
    "haematoxylin_red": 0.01,
    "haematoxylin_green": 0.01,
    "dab_red": 0.01,
    "dab_green": 0.01,
    "haematoxylin_od": 0.10,
    "white_red": 6.0,
    "white_green": 6.0,
    "white_blue": 6.0,
}
"""Spread of a number over training slides at the least; of few or like slides it is too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One check of one slide.

    value: None where it could not be measured. limit: that the value must not pass, upwards or
    downwards as ``words`` say. reason: why the slide cannot be evaluated, if it cannot.
    """

    name: str
    value: float | None
    unit: str
    limit: float
    is_passed: bool
    words: str
    reason: Reason | None = None


def slide_guards(facts: Facts, *, training: Sequence[Facts]) -> tuple[Guard, ...]:
    """Return all checks of a slide, in a fixed order.

    Args:
        facts: Of the slide: ``SlideLook.numbers``, and of its cells ``soft_cells`` and
            ``empty_share``, nan or absent where not known.
        training: The same of slides that the network was trained on, this one's case left out.
    """
    return tuple(check(facts, training) for check in CHECKS)


def fatal_guard(guards: Sequence[Guard]) -> Guard | None:
    """Return the first check that leaves the slide not evaluable; None if none does."""
    return next((guard for guard in guards if guard.reason is not None), None)


def warnings_of(guards: Sequence[Guard]) -> list[str]:
    """Return the sentences of checks that were not passed and are not fatal."""
    return [guard.words for guard in guards if not guard.is_passed and guard.reason is None]


def _foreign(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "foreign_colour",
        facts["foreign_share"],
        LARGEST_FOREIGN_SHARE,
        "{:.0%} of the colour of the tissue is neither haematoxylin nor DAB",
        fatal=("wrong_stain", LARGEST_FOREIGN_SHARE),
    )


def _eosin(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "eosin",
        facts["eosin_share"],
        LARGEST_EOSIN_SHARE,
        "{:.0%} of the stained tissue is pink as of eosin",
        why="this looks like a slide stained H&E, not for the marker",
        fatal=("wrong_stain", LARGEST_EOSIN_SHARE),
    )


def _haematoxylin(facts: Facts, _training: Sequence[Facts]) -> Guard:
    share = facts["haematoxylin_share"]
    has_tissue = facts["tissue_mm2"] >= LEAST_TISSUE_MM2
    is_passed = not has_tissue or share >= LEAST_HAEMATOXYLIN_SHARE
    return Guard(
        name="haematoxylin",
        value=_known(share),
        unit="share",
        limit=LEAST_HAEMATOXYLIN_SHARE,
        is_passed=is_passed,
        words="the tissue is not stained at all"
        if isnan(share)
        else f"{share:.1%} of the stained tissue is blue of haematoxylin",
        reason=None if is_passed else "wrong_stain",
    )


def _dab(facts: Facts, _training: Sequence[Facts]) -> Guard:
    share = facts["dab_share"]
    is_passed = not share < LEAST_DAB_SHARE
    words = f"{_percent(share)} of the stained tissue is brown"
    if not is_passed:
        words += ": a negative slide and one whose stain failed look alike; see the tissue controls"
    return Guard(
        name="dab",
        value=_known(share),
        unit="share",
        limit=LEAST_DAB_SHARE,
        is_passed=is_passed,
        words=words,
    )


def _colour(facts: Facts, training: Sequence[Facts]) -> Guard:
    spreads = {name: _spreads(name, facts, training) for name in SPREAD_FLOORS}
    known = {name: value for name, value in spreads.items() if not isnan(value)}
    worst = max(known, key=lambda name: known[name], default="")
    value = known.get(worst, np.nan)
    words = "no training slide to compare colours with"
    if worst:
        words = (
            f"colours lie up to {value:.1f} spreads from those of the training slides "
            f"({worst.replace('_', ' ')} {facts[worst]:.3g})"
        )
    return Guard(
        name="colour",
        value=_known(value),
        unit="spreads",
        limit=LARGEST_SPREADS,
        is_passed=not value > LARGEST_SPREADS,
        words=words,
    )


def _white(facts: Facts, training: Sequence[Facts]) -> Guard:
    usual = [each["is_white_estimated"] for each in training]
    is_passed = bool(facts["is_white_estimated"]) or (bool(usual) and float(np.mean(usual)) < 0.5)
    words = "the white of the slide was taken from clear glass"
    if not facts["is_white_estimated"]:
        words = "no clear glass is in view, so 255 was taken as the white of the slide"
    return Guard(
        name="white_point",
        value=facts["is_white_estimated"],
        unit="yes or no",
        limit=1.0,
        is_passed=is_passed,
        words=words,
    )


def _pixel_size(facts: Facts, training: Sequence[Facts]) -> Guard:
    clear = [each for each in training if each["nuclear_contrast"] >= LEAST_NUCLEAR_CONTRAST]
    sizes = [each["nuclear_um"] for each in clear]
    has_size = _has_size(facts)
    if not has_size or not sizes:
        whose = "of the training slides" if has_size else "of the slide"
        return Guard(
            name="pixel_size",
            value=None,
            unit="times",
            limit=LARGEST_SIZE_RATIO,
            is_passed=False,
            words=f"the pixel size could not be checked: nuclei {whose} are too faint or too few",
        )
    usual = float(np.median(sizes))
    ratio = facts["nuclear_um"] / usual
    is_passed = 1 / LARGEST_SIZE_RATIO <= ratio <= LARGEST_SIZE_RATIO
    words = (
        f"its nuclei are {ratio:.2f} times the size of those of the training slides "
        f"(grain of {facts['nuclear_um']:.2f} against {usual:.2f} um)"
    )
    return Guard(
        name="pixel_size",
        value=ratio,
        unit="times",
        limit=LARGEST_SIZE_RATIO,
        is_passed=is_passed,
        words=words if is_passed else f"{words}: its mpp is probably wrong; give the true one",
        reason=None if is_passed else "wrong_pixel_size",
    )


def _soft_cells(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "soft_cells",
        facts.get("soft_cells", np.nan),
        LARGEST_SOFT_SHARE,
        "{:.0%} of the cells are out of focus",
        fatal=("image_quality", FATAL_SOFT_SHARE),
    )


def _soft_tissue(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "soft_tissue",
        facts["soft_share"],
        LARGEST_SOFT_SHARE,
        "{:.0%} of the tissue looked at is out of focus",
        fatal=("image_quality", FATAL_SOFT_SHARE),
    )


def _sharpness(facts: Facts, training: Sequence[Facts]) -> Guard:
    usual = _median("sharpness", training)
    ratio = facts["sharpness"] / usual if usual > 0 else np.nan
    return Guard(
        name="sharpness",
        value=_known(ratio),
        unit="times",
        limit=LEAST_SHARPNESS_RATIO,
        is_passed=not ratio < LEAST_SHARPNESS_RATIO,
        words="no training slide to compare sharpness with"
        if isnan(ratio)
        else f"it is {ratio:.2f} times as sharp as the training slides",
    )


def _tissue(facts: Facts, _training: Sequence[Facts]) -> Guard:
    area = facts["tissue_mm2"]
    is_passed = area >= LEAST_TISSUE_MM2
    return Guard(
        name="tissue",
        value=area,
        unit="mm2",
        limit=LEAST_TISSUE_MM2,
        is_passed=is_passed,
        words=f"{area:.3g} mm2 of tissue are in view" if is_passed else "no tissue is in view",
        reason=None if is_passed else "no_tumour_cells",
    )


def _cut_tissue(facts: Facts, training: Sequence[Facts]) -> Guard:
    usual = [each["border_share"] for each in training]
    limit = LARGEST_BORDER_SHARE
    if usual:
        limit = max(limit, float(np.percentile(usual, 90)) + BORDER_MARGIN)
    return _above(
        "cut_tissue",
        facts["border_share"],
        min(limit, 1.0),
        "{:.0%} of the border of the scan lies in tissue",
        why="part of the section may be missing",
    )


def _empty_tissue(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "empty_tissue",
        facts.get("empty_share", np.nan),
        LARGEST_EMPTY_SHARE,
        "{:.0%} of the tissue has no candidate for a cell within 64 um",
    )


def _debris(facts: Facts, _training: Sequence[Facts]) -> Guard:
    return _above(
        "debris",
        facts["dark_share"],
        LARGEST_DARK_SHARE,
        "{:.1%} of the tissue is pen, pigment, a fold or dirt",
        fatal=("image_quality", FATAL_DARK_SHARE),
    )


def _jpeg(facts: Facts, training: Sequence[Facts]) -> Guard:
    usual = _median("blockiness", training)
    limit = max(LARGEST_BLOCKINESS, BLOCKINESS_RATIO * usual if usual > 0 else 0.0)
    return _above(
        "jpeg",
        facts["blockiness"],
        limit,
        "steps at the borders of JPEG's blocks are {:.2f} times those elsewhere",
        why="the image was compressed too far",
        unit="times",
    )


def _lost_tiles(facts: Facts, _training: Sequence[Facts]) -> Guard:
    shares = [facts["flat_share"], facts["square_flat_share"]]
    return _above(
        "lost_tiles",
        float(np.nanmax(np.nan_to_num(shares))),
        LARGEST_FLAT_SHARE,
        "{:.1%} of the tissue has one colour without any grain",
        why="so has a lost tile",
        fatal=("image_quality", FATAL_SOFT_SHARE),
    )


CHECKS: tuple[Callable[[Facts, Sequence[Facts]], Guard], ...] = (
    _tissue,
    _foreign,
    _eosin,
    _haematoxylin,
    _pixel_size,
    _soft_tissue,
    _soft_cells,
    _debris,
    _lost_tiles,
    _dab,
    _colour,
    _white,
    _sharpness,
    _cut_tissue,
    _empty_tissue,
    _jpeg,
)


def _above(
    name: str,
    value: float,
    limit: float,
    words: str,
    *,
    why: str = "",
    fatal: tuple[Reason, float] | None = None,
    unit: str = "share",
) -> Guard:
    """Return a check that a value must not exceed; above the second limit it is fatal."""
    is_passed = not value > limit
    words += "" if is_passed or not why else f": {why}"
    reason = fatal[0] if fatal is not None and value > fatal[1] else None
    return Guard(
        name=name,
        value=_known(value),
        unit=unit,
        limit=limit,
        is_passed=is_passed,
        words=words.format(value) if not isnan(value) else f"{name}: could not be measured",
        reason=reason,
    )


def _spreads(name: str, facts: Facts, training: Sequence[Facts]) -> float:
    """Return how many spreads a number lies from the median of the training slides."""
    usual = np.array([each[name] for each in training if not isnan(each[name])])
    if not len(usual) or isnan(facts[name]):
        return np.nan
    spread = 1.4826 * float(np.median(np.abs(usual - np.median(usual))))
    return float(abs(facts[name] - np.median(usual)) / max(spread, SPREAD_FLOORS[name]))


def _median(name: str, training: Sequence[Facts]) -> float:
    usual = [each[name] for each in training if not isnan(each[name])]
    return float(np.median(usual)) if usual else np.nan


def _has_size(facts: Facts) -> bool:
    """Whether nuclei stand out: from noise, or by more than noise of a scan amounts to.

    Small nuclei lie near the scale of noise, so that contrast alone would pass over a slide whose
    mpp is too small.
    """
    is_clear = facts["nuclear_contrast"] >= LEAST_NUCLEAR_CONTRAST
    return not isnan(facts["nuclear_um"]) and (is_clear or facts["nuclear_od"] >= LEAST_NUCLEAR_OD)


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _percent(share: float) -> str:
    return "no part" if isnan(share) else f"{share:.2%}"
