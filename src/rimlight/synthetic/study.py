"""A synthetic study: which slides there are, and each slide with its readings and its truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from rimlight.records import CaseId, SlideId
from rimlight.synthetic.appearance import Look, case_look
from rimlight.synthetic.field import Field, render_field
from rimlight.synthetic.reader import chosen_cells, clicks, read_levels
from rimlight.synthetic.settings import MPP, SynthSettings

ASSAY = "synthetic"
_BORDER_UM = 18.0  # labelled cells keep this far from the border: half a patch with its margin


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlan:
    """What one slide will be; ``number`` counts the slides of a case from 1."""

    slide_id: SlideId
    case_id: CaseId
    case: int
    number: int
    n_cells: int
    scanner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSlide:
    """A rendered slide and what a reader said of it.

    rows: rows of ``field.cells`` that the reader labelled.
    clicks_l0: x and y of each click in level-0 pixels.
    labels: the level the reader gave, 0..3; a few are one off.
    """

    plan: SlidePlan
    look: Look
    field: Field
    rows: Int64[np.ndarray, " n"]
    clicks_l0: Int64[np.ndarray, "n 2"]
    labels: Int64[np.ndarray, " n"]


def study_plan(settings: SynthSettings) -> tuple[SlidePlan, ...]:
    """Return the slides of a study, in order; exactly the cases, slides and cells asked for."""
    rng = np.random.default_rng([settings.seed, 5])
    n_more = settings.n_slides - settings.n_cases
    more = np.arange(n_more) % settings.n_cases
    n_of_case = 1 + np.bincount(rng.permutation(settings.n_cases)[more], minlength=settings.n_cases)
    weight = np.cumsum(rng.uniform(0.7, 1.3, settings.n_slides))
    n_spare = settings.n_cells - settings.n_slides
    ends = np.rint(weight / weight[-1] * n_spare).astype(int)
    n_cells = 1 + np.diff(ends, prepend=0)
    places = [
        (case, number) for case, count in enumerate(n_of_case) for number in range(1, count + 1)
    ]
    return tuple(
        SlidePlan(
            slide_id=SlideId(f"synthetic-{case + 1:02d}-{number}"),
            case_id=case_name(case),
            case=case,
            number=number,
            n_cells=int(n_cells[place]),
            scanner=case_look(settings, case).scanner.name,
        )
        for place, (case, number) in enumerate(places)
    )


def case_name(case: int) -> CaseId:
    """Return the name of a case, counted from 0.

    >>> case_name(0)
    'synthetic-01'
    """
    return CaseId(f"synthetic-{case + 1:02d}")


def synthetic_slide(plan: SlidePlan, settings: SynthSettings) -> SyntheticSlide:
    """Return one slide; it depends on the plan and the settings alone.

    Raises:
        SettingsError: The slide is too small for the cells to be labelled.
    """
    look = case_look(settings, plan.case)
    field = render_field(
        look,
        settings,
        size_um=(settings.width_um, settings.height_um),
        seed=(settings.seed, 6, plan.case, plan.number),
    )
    rng = np.random.default_rng([settings.seed, 7, plan.case, plan.number])
    rows = chosen_cells(field, plan.n_cells, border_l0=_BORDER_UM / MPP, rng=rng)
    return SyntheticSlide(
        plan=plan,
        look=look,
        field=field,
        rows=rows,
        clicks_l0=clicks(field.cells, rows, settings=settings, rng=rng),
        labels=read_levels(field.cells.level[rows], settings=settings, rng=rng),
    )


def truth_columns(slide: SyntheticSlide) -> dict[str, np.ndarray]:
    """Return the truth table of a slide: one row a painted cell, whether labelled or not.

    ``name`` is the cell's number in the truth images; ``click_x_l0``, ``click_y_l0`` and
    ``label`` are empty (NaN, -1) for a cell that the reader did not label.
    """
    cells, n_cells = slide.field.cells, len(slide.field.cells.level)
    click_l0 = np.full((n_cells, 2), np.nan)
    click_l0[slide.rows] = slide.clicks_l0
    label = np.full(n_cells, -1)
    label[slide.rows] = slide.labels
    return {
        "name": np.arange(1, n_cells + 1),
        "x_l0": cells.x_l0.round(2),
        "y_l0": cells.y_l0.round(2),
        "kind": np.where(cells.is_tumour, "tumour", "macrophage"),
        "level": cells.level,
        "completeness": cells.completeness.round(3),
        "positive_surround": cells.positive_surround.round(3),
        "is_discordant": cells.is_discordant & cells.is_tumour,
        "click_x_l0": click_l0[:, 0],
        "click_y_l0": click_l0[:, 1],
        "label": label,
    }
