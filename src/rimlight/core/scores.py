"""What the cells of a slide add up to: counts, TPS, H-score, adequacy, bands of an assay profile.

A share of cells is 0..1 here only inside intervals; every score is on its own scale, TPS 0..100 and
H-score 0..300. A score that cannot be given is None with a reason, never 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CELL_SCORES = ("TPS", "TC")
"""Scores made of tumour cells alone; TC is the name that some assays give TPS."""
NEEDS_IMMUNE_CELLS = ("CPS", "IC", "TC and IC")
NEEDS_COMPLETENESS = ("HER2 0-3+",)
"""Scores that ask in how many cells the membrane is stained all around, not of how dark it is."""
Reason = Literal[
    "no_tumour_cells",
    "too_few_tumour_cells",
    "wrong_pixel_size",
    "wrong_stain",
    "control_failed",
    "image_quality",
    "damaged_image",
    "worker_died",
    "fault",
    "no_immune_cell_class",
    "no_completeness",
    "missing_core",
]
OUT_OF_FOCUS = "out_of_focus"
LARGEST_SHARE_LOST = 0.5
"""Of the cells that would count; more out of focus leave a slide not evaluable. Own definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The cells of a slide, each counted once.

    n_of_level: positive cells that are weak, moderate, strong; None where levels are not told
        apart. excluded: cells left out, by why. n_abstained: cells too near an edge to be judged.
    """

    n_positive: int
    n_negative: int
    excluded: Mapping[str, int]
    n_abstained: int
    n_of_level: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        parts = (self.n_positive, self.n_negative, self.n_abstained, *self.excluded.values())
        if min(parts) < 0:
            raise ValueError(f"counts must not be negative, got {self}")
        if self.n_of_level is not None and sum(self.n_of_level) != self.n_positive:
            raise ValueError(f"levels {self.n_of_level} are not {self.n_positive} positive cells")

    @property
    def n_tumour(self) -> int:
        """Cells that count: positive and negative."""
        return self.n_positive + self.n_negative

    @property
    def n_excluded(self) -> int:
        return sum(self.excluded.values())

    @property
    def n_seen(self) -> int:
        """Counted positive, counted negative, excluded, abstained."""
        return self.n_tumour + self.n_excluded + self.n_abstained


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayProfile:
    """How an assay is scored: data of ``rimlight/assays``, or a user's own.

    score: TPS, TC, CPS, IC, TC and IC, or HER2 0-3+. cut_offs: of that score, rising, each the
    lowest value of the band above it. bands: one name more than cut-offs; none without.
    least_cells: viable tumour cells needed; None leaves it to the settings. checked_by,
    checked_on: who held the profile against the assay's own manual, and when; empty: nobody has.
    """

    profile_id: str
    assay: str
    clone: str
    platform: str
    tumour: str
    score: str
    cut_offs: tuple[float, ...]
    bands: tuple[str, ...]
    least_cells: int | None
    cells_counted: str
    source: str
    source_date: str
    checked_by: str
    checked_on: str

    def __post_init__(self) -> None:
        known = (*CELL_SCORES, *NEEDS_IMMUNE_CELLS, *NEEDS_COMPLETENESS)
        if self.score not in known:
            raise ValueError(f"score must be one of {', '.join(known)}, got {self.score!r}")
        if list(self.cut_offs) != sorted(set(self.cut_offs)):
            raise ValueError(f"cut_offs must rise, got {self.cut_offs}")
        if len(self.bands) != (len(self.cut_offs) + 1 if self.cut_offs else 0):
            raise ValueError(f"bands must be one more than cut_offs, got {self.bands}")
        if self.least_cells is not None and self.least_cells < 1:
            raise ValueError(f"min_viable_tumour_cells must be above 0, got {self.least_cells}")

    @property
    def is_checked(self) -> bool:
        return bool(self.checked_by and self.checked_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adequacy:
    """Whether a score may be given; if not, why, as a code and in words."""

    reason: Reason | None
    words: str

    @property
    def is_evaluable(self) -> bool:
        return self.reason is None


ADEQUATE = Adequacy(reason=None, words="")


def tps(counts: Counts) -> float | None:
    """Return positive tumour cells in per cent of all tumour cells; None without one.

    Source:
        docs/method.md, Scores; tumour proportion score, also called TC.

    >>> tps(Counts(n_positive=1, n_negative=3, excluded={}, n_abstained=9))
    25.0
    """
    return 100 * counts.n_positive / counts.n_tumour if counts.n_tumour else None


def h_score(counts: Counts) -> float | None:
    """Return 1 x % weak + 2 x % moderate + 3 x % strong; None without cells or levels.

    Source:
        McCarty et al. (1985), Arch. Pathol. Lab. Med. 109, 716-721.

    >>> c = Counts(n_positive=3, n_negative=1, excluded={}, n_abstained=0, n_of_level=(1, 1, 1))
    >>> h_score(c)
    150.0
    """
    if counts.n_of_level is None or not counts.n_tumour:
        return None
    weighted = sum(level * n for level, n in enumerate(counts.n_of_level, start=1))
    return 100 * weighted / counts.n_tumour


def adequacy(counts: Counts, *, profile: AssayProfile, least_cells: int) -> Adequacy:
    """Return whether the cells of a slide suffice for the profile's score.

    Args:
        counts: Of the slide.
        profile: Its own least number of cells goes before ``least_cells``.
        least_cells: Tumour cells needed where the profile names none.
    """
    needed = profile.least_cells or least_cells
    n_lost = counts.excluded.get(OUT_OF_FOCUS, 0)
    if profile.score in NEEDS_IMMUNE_CELLS:
        return Adequacy(
            reason="no_immune_cell_class",
            words=f"{profile.score} counts immune cells, which this study has no class for",
        )
    if profile.score in NEEDS_COMPLETENESS:
        return Adequacy(
            reason="no_completeness",
            words=f"{profile.score} asks in how many cells the membrane is stained all around, "
            "which rimlight does not measure over a slide; the profile research gives the share "
            "of cells of each level and the H-score, which are no HER2 category",
        )
    if n_lost > LARGEST_SHARE_LOST * (n_lost + counts.n_tumour):
        return Adequacy(
            reason="image_quality",
            words=f"{n_lost} of {n_lost + counts.n_tumour} cells are out of focus",
        )
    if not counts.n_tumour:
        return Adequacy(reason="no_tumour_cells", words="no tumour cell was found")
    if counts.n_tumour < needed:
        return Adequacy(
            reason="too_few_tumour_cells",
            words=f"found {counts.n_tumour} tumour cells, needed {needed}",
        )
    return ADEQUATE


def band_of(value: float, profile: AssayProfile) -> str | None:
    """Return the band of an unrounded value; None where the profile has no bands."""
    if not profile.bands:
        return None
    return profile.bands[_n_reached(value, profile.cut_offs)]


def crossed(low: float, high: float, cut_offs: Sequence[float]) -> tuple[float, ...]:
    """Return the cut-offs that an interval crosses: reached by its end and not by its start.

    >>> crossed(0.4, 1.0, (1, 50)), crossed(1.0, 3.0, (1, 50))
    ((1,), ())
    """
    return tuple(cut for cut in cut_offs if low < cut <= high)


def printed(value: float, cut_offs: Sequence[float] = ()) -> str:
    """Return a score as text that cannot contradict its band.

    Whole numbers; one decimal within one point of a cut-off; more where that would still round
    over it.

    >>> [printed(value, (1, 50)) for value in (30.4, 49.6, 49.98, 50, 0.96)]
    ['30', '49.6', '49.98', '50.0', '0.96']
    """
    n_digits = 1 if any(abs(value - cut) < 1 for cut in cut_offs) else 0
    while n_digits < 9:
        text = f"{value:.{n_digits}f}"
        if _n_reached(float(text), cut_offs) == _n_reached(value, cut_offs):
            return text
        n_digits += 1
    return repr(value)


def _n_reached(value: float, cut_offs: Sequence[float]) -> int:
    return sum(value >= cut for cut in cut_offs)
