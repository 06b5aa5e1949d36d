"""What the routes of agreement answer with: figures with intervals, and cells that differ."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from rimlight.report.agreement import lead_of
from rimlight.report.agreement_words import MAIN, PERCENT
from rimlight.web.review_answers import SaidOut
from rimlight.workflows.disagreements import Disagreement, Gap


class FigureOut(BaseModel):
    """A figure with its 95 % interval; interval: how that was made."""

    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_cases: int
    n_undefined: int
    is_reliable: bool
    interval: str


class FigureAboutOut(BaseModel):
    """What a figure is called and means; is_share: printed in percent."""

    title: str
    definition: str
    is_share: bool


class PairOut(BaseModel):
    """Two readers: figures, and how often which levels met (row by column)."""

    row: str
    column: str
    has_model: bool
    n_items: int
    n_cases: int
    figures: dict[str, FigureOut]
    undefined: dict[str, str]
    counts: list[list[int]] | None


class ModelMeanOut(BaseModel):
    """Means over the readers with one model; difference: model minus readers, paired."""

    model: str
    n_readers: int
    reader_reader: FigureOut | None
    reader_model: FigureOut | None
    difference: FigureOut | None


class MeanOut(BaseModel):
    """The mean of a figure over pairs of readers, and over readers with each model."""

    figure: str
    n_pairs: int
    n_undefined_pairs: int
    reader_reader: FigureOut | None
    models: list[ModelMeanOut]


class GroupOut(BaseModel):
    """Figures of all readers at once, on the items that all of them rated."""

    group: str
    n_readers: int
    n_complete: int
    n_left_out: int
    figures: dict[str, FigureOut]


class RepeatsOut(BaseModel):
    """One reader against himself; days: between the two readings."""

    reader: str
    n_items: int
    n_cases: int
    figures: dict[str, FigureOut]
    days: dict[str, float | None]
    counts: list[list[int]] | None


class ComparedScaleOut(BaseModel):
    """One way to compare labels; main: the figure that is shown first."""

    key: str
    what: str
    kind: str
    main: str
    levels: list[str]
    lead: str
    figures: dict[str, FigureAboutOut]
    pairs: list[PairOut]
    means: list[MeanOut]
    groups: list[GroupOut]
    repeats: list[RepeatsOut]
    n_per_level: dict[str, list[int]] | None


class ReaderOut(BaseModel):
    """A reader of the comparison."""

    reader: str
    is_model: bool
    n_rated: int
    n_missing: int


class AgreementOut(BaseModel):
    """How readers agree. sentence: why nothing could be compared, "" otherwise.

    calls: of the run, on cells whose readers are split: ``kept`` where none is missing;
    ``missing``, ``running``, ``failed`` otherwise, and then the run is not compared yet.
    """

    sentence: str
    run_id: str | None
    calls: Literal["kept", "missing", "running", "failed"]
    n_missing_calls: int
    calls_sentence: str
    about: str
    readers: list[ReaderOut]
    scales: list[ComparedScaleOut]
    notes: list[str]
    tables: list[str]


class DisagreementOut(BaseModel):
    """A cell on which readers differ; together: their consensus, null where they are split."""

    cell_id: str
    slide_id: str
    case_id: str
    x_l0: float
    y_l0: float
    said: list[SaidOut]
    gap: Gap
    n_levels: int
    together: str | None


class DisagreementsOut(BaseModel):
    """Cells on which readers differ, the widest gap first; rule: of the consensus."""

    n: int
    n_of_gap: dict[str, int]
    n_shared: int
    n_hidden: int
    readers: list[str]
    rule: str
    cells: list[DisagreementOut]


def scale_out(scale: Mapping[str, Any]) -> ComparedScaleOut:
    """Return a scale of the result of ``agree`` as the page gets it."""
    figures = {
        name: FigureAboutOut(**about, is_share=name in PERCENT)
        for name, about in scale["figures"].items()
    }
    shown = {key: scale[key] for key in ComparedScaleOut.model_fields if key in scale}
    lead = lead_of(scale) if scale["pairs"] else ""
    return ComparedScaleOut.model_validate(
        shown | {"figures": figures, "lead": lead, "main": MAIN[scale["kind"]]}
    )


def disagreement_out(it: Disagreement) -> DisagreementOut:
    """Return a cell on which readers differ as the page gets it."""
    return DisagreementOut(
        cell_id=it.cell.cell_id,
        slide_id=it.cell.slide_id,
        case_id=it.case_id,
        x_l0=it.cell.x_l0,
        y_l0=it.cell.y_l0,
        said=[SaidOut(reader=name, expression=said.value) for name, said in it.said],
        gap=it.gap,
        n_levels=it.n_levels,
        together=None if it.together is None else it.together.value,
    )
