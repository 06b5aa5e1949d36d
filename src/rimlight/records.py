"""The nouns of rimlight: frozen records that pass between rooms."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Literal, NewType

CaseId = NewType("CaseId", str)
SlideId = NewType("SlideId", str)
CellId = NewType("CellId", str)
LabelId = NewType("LabelId", str)
RegionId = NewType("RegionId", str)
ReaderId = NewType("ReaderId", str)
RunId = NewType("RunId", str)
Role = Literal["reader", "owner"]
"""Owners see what all readers did, start runs and keep accounts; readers label."""


class Expression(StrEnum):
    """What a reader says of one cell at a glance; ``ANSWERS`` are those that readers choose.

    ``cannot_judge`` is no vote; ``withdrawn`` takes the reader's own earlier label back.
    """

    NEGATIVE = "negative"
    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"
    OTHER = "other"
    CANNOT_JUDGE = "cannot_judge"
    WITHDRAWN = "withdrawn"

    @property
    def level(self) -> int | None:
        """0 for negative to 3 for strong; None for the others, which are never scored.

        >>> [expression.level for expression in Expression]
        [0, 1, 2, 3, None, None, None]
        """
        return _LEVEL_OF_EXPRESSION.get(self)

    @property
    def is_vote(self) -> bool:
        """Whether it says what the cell is: a level or ``other``."""
        return self not in (Expression.CANNOT_JUDGE, Expression.WITHDRAWN)

    @property
    def is_positive(self) -> bool:
        """Whether a membrane line of any intensity was seen."""
        return self.level is not None and self.level > 0


ANSWERS = tuple(each for each in Expression if each is not Expression.WITHDRAWN)


class CauseName(StrEnum):
    """Why a call may be wrong; a label for what moved it, never a diagnosis."""

    NEIGHBOUR_MEMBRANE = "neighbour_membrane"
    NEIGHBOUR_NUCLEUS = "neighbour_nucleus"
    SURROUNDINGS = "surroundings"
    OWN_NUCLEUS = "own_nucleus"
    OWN_CYTOPLASM = "own_cytoplasm"
    PIGMENT = "pigment"
    MACROPHAGE = "macrophage"
    FAINT_STAIN = "faint_stain"
    OFF_CENTRE = "off_centre"
    OUT_OF_FOCUS = "out_of_focus"
    SLIDE_EDGE = "slide_edge"
    DOUBTFUL_LABEL = "doubtful_label"
    UNEXPLAINED = "unexplained"


class RegionKind(StrEnum):
    """What a region does to a score: its cells alone count, its cells do not, or it is a core."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    CORE = "core"


_LEVEL_OF_EXPRESSION = {
    Expression.NEGATIVE: 0,
    Expression.WEAK: 1,
    Expression.MODERATE: 2,
    Expression.STRONG: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle in the plane of level 0, in level-0 pixels; it may leave the slide."""

    left_l0: float
    top_l0: float
    width_l0: float
    height_l0: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideInfo:
    """A slide of a study, known by reference; the file itself is never written to.

    fingerprint: sha256 of the file's length and of its first and last mebibyte.
    mpp: micrometres per level-0 pixel; never guessed.
    mpp_source: ``file`` or ``user``: who says the mpp.
    white: I0, the value 0..255 of clear glass per channel R, G, B.
    is_white_estimated: False where no glass was in view and 255 was taken instead.
    bounds: the non-empty part of the slide, which QuPath crops to; None where the file has none.
    """

    slide_id: SlideId
    case_id: CaseId
    path: str
    fingerprint: str
    format: str
    width_l0: int
    height_l0: int
    mpp: float
    mpp_source: str
    assay: str
    scanner: str
    white: tuple[float, float, float]
    is_white_estimated: bool
    bounds: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell, known by its centre, which may lie left of 0: some MIRAX slides reach there."""

    cell_id: CellId
    slide_id: SlideId
    x_l0: float
    y_l0: float

    def __post_init__(self) -> None:
        if not (isfinite(self.x_l0) and isfinite(self.y_l0)):
            raise ValueError(f"cell {self.cell_id}: the centre must be finite, got {self}")

    @classmethod
    def at_place(cls, slide_id: SlideId, x_l0: float, y_l0: float) -> "Cell":
        """Return a cell that nobody named, under the name that its slide and place give it.

        >>> Cell.at_place(SlideId("s1"), 1210.25, 258).cell_id
        's1@1210.2_258.0'
        """
        name = CellId(f"{slide_id}@{x_l0:.1f}_{y_l0:.1f}")
        return cls(cell_id=name, slide_id=slide_id, x_l0=x_l0, y_l0=y_l0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one reader said of one cell; it never replaces what another reader said.

    label_id: made where the label is given, so that sending it twice stores it once.
    made_at: UTC, ISO 8601, as the source states it, else when it was imported.
    source: the file or page the label came from.
    """

    label_id: LabelId
    cell: Cell
    reader: ReaderId
    expression: Expression
    made_at: str
    source: str


Ring = tuple[tuple[float, float], ...]
"""Corners x, y in level-0 pixels, in order; the last is joined to the first and not repeated."""
Polygon = tuple[Ring, ...]
"""An outer ring, then its holes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a slide that a person drew, or a core of a tissue array.

    region_id: a UUID, that of QuPath where QuPath drew it.
    name: names its row among the scores; no other region of the slide has it.
    polygons: apart from each other, in level-0 pixels.
    reader: who drew it; empty where nobody is named.
    source: the file it came from, or the command that found it.
    case_id: of a core that is of another case than its slide; else None.
    is_missing: of a core that holds too little tissue.
    """

    region_id: RegionId
    slide_id: SlideId
    name: str
    kind: RegionKind
    polygons: tuple[Polygon, ...]
    reader: ReaderId
    source: str
    case_id: CaseId | None = None
    is_missing: bool = False

    def __post_init__(self) -> None:
        if not self.polygons or not all(self.polygons):
            raise ValueError(f"region {self.region_id}: needs a polygon with a ring")
        for ring in (ring for polygon in self.polygons for ring in polygon):
            if len(ring) < 3 or not all(isfinite(x) and isfinite(y) for x, y in ring):
                raise ValueError(f"region {self.region_id}: a ring needs 3 finite corners")


class ControlName(StrEnum):
    """A tissue control that was stained beside a slide."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    REAGENT = "reagent"


class ControlOutcome(StrEnum):
    """What a person saw of a control."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What one control of a slide, or of all slides of a case, showed.

    scope: ``slide`` or ``case``; subject: its id.
    reader: who looked; empty where nobody is named. source: the file it came from.
    """

    scope: str
    subject: str
    control: ControlName
    outcome: ControlOutcome
    reader: ReaderId
    source: str

    def __post_init__(self) -> None:
        if self.scope not in ("slide", "case"):
            raise ValueError(f"scope must be slide or case, got {self.scope!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCell:
    """A cell that a round asks about; readers see neither share nor cause.

    share: why it is asked about: ``cause``, ``uncertain`` or ``random``.
    cause: the confirmed cause it is like; empty in the other shares.
    score: how strongly its share speaks for it, 0..1; 0 for ``random``.
    logit: what the run that the round was drawn from said of it.
    """

    cell: Cell
    share: str
    cause: str
    score: float
    logit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Cells to label next, in the order in which they are read.

    round_id: 1 for a study's first round.
    run_id: the run it was drawn from; its held-out cases stay held out from then on.
    made_at: UTC, ISO 8601.
    settings: what the round was drawn with, as JSON.
    """

    round_id: int
    run_id: RunId
    made_at: str
    seed: int
    settings: str
    cells: tuple[RoundCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCell:
    """A cell with the consensus of its readers' current labels; ``other`` is kept apart.

    n_readers: how many readers' labels the consensus rests on.
    """

    cell: Cell
    case_id: CaseId
    expression: Expression
    n_readers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A statistic with the percentile interval of a bootstrap that resamples cases.

    value, low, high: None where the statistic is undefined; never 0 in its place.
    n_undefined: resamples in which the statistic was undefined; they are left out.
    is_reliable: False under 10 cases.
    """

    value: float | None
    low: float | None
    high: float | None
    n_cells: int
    n_cases: int
    n_resamples: int
    n_undefined: int
    is_reliable: bool
