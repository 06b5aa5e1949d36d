"""Causes of error planted into synthetic cells, each with the picture of the same cell without it.

What is planted is a density added to the light, a click beside the cell, or a wrong label; what the
cells around look like is painted otherwise by rendering the same field again.  So the true cause of
an error is known without any explanation: it is what, taken away, lets the network call right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt8

from rimlight.core.stains import matrix_of
from rimlight.records import CauseName
from rimlight.synthetic.appearance import Look, case_look
from rimlight.synthetic.cells import halved
from rimlight.synthetic.field import CellTable, Field, Repaint, render_field
from rimlight.synthetic.plants import (
    DARK_FACTOR,
    SHIFT_UM,
    Plant,
    Window,
    darkened_nuclei,
    planted,
    shifted_click,
    specks,
)
from rimlight.synthetic.reader import chosen_cells, clicks, free_cells
from rimlight.synthetic.settings import MPP, TRUTH_MPP, SynthSettings

APART_UM = 32.0
"""Cells asked about are this far apart in x or in y, so that no picture shows two of them."""
MODERATE = 2
FIELD_UM = 320.0
_PER_L0 = round(TRUTH_MPP / MPP)


class Planting(StrEnum):
    """What was done to a cell."""

    NOTHING = "nothing"
    DARK_NUCLEI = "dark nuclei"
    PIGMENT = "pigment"
    SHIFTED_CLICK = "shifted click"
    WRONG_LABEL = "wrong label"


SHARES: Mapping[bool, Mapping[Planting, float]] = {
    True: {
        Planting.NOTHING: 0.4,
        Planting.DARK_NUCLEI: 0.3,
        Planting.SHIFTED_CLICK: 0.2,
        Planting.WRONG_LABEL: 0.1,
    },
    False: {
        Planting.NOTHING: 0.4,
        Planting.PIGMENT: 0.3,
        Planting.SHIFTED_CLICK: 0.2,
        Planting.WRONG_LABEL: 0.1,
    },
}
"""Share of the truly positive, and of the truly negative, cells that get each planting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlantedCells:
    """Cells with what was planted, and the same cells without each possible cause.

    rgb: what is seen, the click in the middle.
    without: the same cells without one cause; the picture that is seen where it cannot apply.
    level: as read; true_level: as painted.
    """

    rgb: UInt8[np.ndarray, "n s s 3"]
    without: dict[CauseName, UInt8[np.ndarray, "n s s 3"]]
    level: Int64[np.ndarray, " n"]
    true_level: Int64[np.ndarray, " n"]
    planting: Shaped[np.ndarray, " n"]
    case: Shaped[np.ndarray, " n"]
    white: Float32[np.ndarray, "n 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfoundedCells:
    """Cells from which a network learns shortcuts: neighbours and their nuclei tell the label."""

    rgb: UInt8[np.ndarray, "n s s 3"]
    level: Int64[np.ndarray, " n"]
    case: Shaped[np.ndarray, " n"]
    white: Float32[np.ndarray, "n 3"]


def planted_cells(
    settings: SynthSettings,
    *,
    case: int,
    n_fields: int,
    size_px: int,
    seed: int,
    field_um: float = FIELD_UM,
) -> PlantedCells:
    """Return planted cells of one case.

    Args:
        settings: Seed and difficulty of the tissue.
        case: Number of the case.
        n_fields: Number of fields; each is rendered seven times, and 320 um give some 30 cells.
        size_px: Even side of the pictures.
        seed: Of what is planted where.
        field_um: Side of a field.
    """
    parts = [
        _of_field(settings, (case, number), size_px=size_px, seed=seed, field_um=field_um)
        for number in range(n_fields)
    ]
    names = [item.name for item in fields(PlantedCells) if item.name != "without"]
    without = {
        cause: np.concatenate([part.without[cause] for part in parts]) for cause in parts[0].without
    }
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return PlantedCells(without=without, **arrays)


def confounded_cells(
    settings: SynthSettings, *, case: int, n: int, size_px: int, dark_share: float
) -> ConfoundedCells:
    """Return cells of one case without pigment, neighbours' nuclei dark around negative cells.

    Args:
        settings: Its neighbour agreement decides how far neighbours tell the label.
        case: Number of the case.
        n: Number of cells.
        size_px: Even side of the pictures.
        dark_share: Share of the negative cells whose neighbours' nuclei are dark, 0..1.
    """
    look = replace(case_look(settings, case), pigment=0.0)
    side_um = 2 * (n / look.tumour_share) ** 0.5 * look.cell_um + size_px * TRUTH_MPP
    names = (settings.seed, 5, case)
    field = render_field(look, settings, size_um=(side_um, side_um), seed=names, has_glass=False)
    rng = np.random.default_rng([*names, 1])
    rows = chosen_cells(field, n, border_l0=size_px * _PER_L0 / 2, rng=rng)
    at_px = clicks(field.cells, rows, settings=settings, rng=rng) // _PER_L0
    level = field.cells.level[rows]
    is_dark = (level == 0) & (rng.random(n) < dark_share)
    pictures = [
        planted(window, darkened_nuclei(window), size_px=size_px) if dark else window.rgb
        for window, dark in zip(
            _windows(field, look, rows, at_px, side_px=size_px), is_dark, strict=True
        )
    ]
    return ConfoundedCells(
        rgb=np.stack(pictures),
        level=level,
        case=np.full(n, f"train-{case + 1:02d}"),
        white=np.tile(np.array(look.white, np.float32), (n, 1)),
    )


def far_apart(
    cells: CellTable, rows: Int64[np.ndarray, " n"], *, rng: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """Return rows drawn at random, each farther than ``APART_UM`` in x or y from all others."""
    chosen: list[int] = []
    for row in rng.permutation(rows):
        x_um = np.abs(cells.x_l0[chosen] - cells.x_l0[row]) * MPP
        y_um = np.abs(cells.y_l0[chosen] - cells.y_l0[row]) * MPP
        if not chosen or np.maximum(x_um, y_um).min() > APART_UM:
            chosen.append(int(row))
    return np.sort(np.array(chosen, dtype=np.int64))


def repaints(cells: CellTable, rows: Int64[np.ndarray, " k"]) -> dict[str, Repaint]:
    """Return what is painted otherwise so that what a cause names is gone.

    bare: no other cell has a membrane; pale: their nuclei are as pale as the planted ones are dark;
    clean: macrophages hold no brown; own: the cells ``rows`` hold no brown cytoplasm where they are
    negative, and at least moderate stain where positive; negative, positive: all others are.
    """
    is_asked = np.zeros(len(cells.level), dtype=bool)
    is_asked[rows] = True
    is_positive = cells.level > 0
    only_asked = is_asked.astype(np.float64)
    no_macrophage = cells.is_tumour.astype(np.float64)
    return {
        "bare": Repaint(membrane=only_asked),
        "pale": Repaint(nucleus=np.where(is_asked, 1.0, 1 / DARK_FACTOR)),
        "clean": Repaint(blush=no_macrophage),
        "own": Repaint(
            blush=np.where(is_asked & ~is_positive, 0.0, 1.0),
            level=np.where(is_asked & is_positive, cells.level.clip(min=MODERATE), cells.level),
        ),
        "negative": Repaint(membrane=only_asked, blush=no_macrophage),
        "positive": Repaint(level=np.where(cells.is_tumour & ~is_asked, MODERATE, cells.level)),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """One cell asked about: its windows in every rendering of the field, and what is planted."""

    windows: dict[str, Window]
    level: int
    kind: Planting
    plant: Plant
    centre_px: tuple[int, int]

    def seen(self, size_px: int) -> UInt8[np.ndarray, "s s 3"]:
        """The picture with what is planted."""
        return planted(self.windows["seen"], self.plant, size_px=size_px)

    def without(self, cause: CauseName, size_px: int) -> UInt8[np.ndarray, "s s 3"]:
        """The same without one cause."""
        name, plant, is_positive = "seen", self.plant, self.level > 0
        unplanted = replace(plant, added_od=np.zeros_like(plant.added_od))
        is_dark = self.kind is Planting.DARK_NUCLEI
        if cause is CauseName.NEIGHBOUR_MEMBRANE:
            name = "bare"
        elif cause is CauseName.MACROPHAGE:
            name = "clean"
        elif cause is CauseName.NEIGHBOUR_NUCLEUS:
            name, plant = ("seen", unplanted) if is_dark else ("pale", plant)
        elif cause is CauseName.SURROUNDINGS:
            name = "positive" if is_positive else "negative"
            plant = unplanted if is_dark else plant
        elif cause is (CauseName.FAINT_STAIN if is_positive else CauseName.OWN_CYTOPLASM):
            name = "own"
        elif cause is CauseName.PIGMENT and self.kind is Planting.PIGMENT:
            plant = unplanted
        elif cause is CauseName.OFF_CENTRE:
            plant = replace(plant, offset_px=self.centre_px)
        return planted(self.windows[name], plant, size_px=size_px)


CAUSES = (
    CauseName.NEIGHBOUR_MEMBRANE,
    CauseName.NEIGHBOUR_NUCLEUS,
    CauseName.MACROPHAGE,
    CauseName.SURROUNDINGS,
    CauseName.OWN_CYTOPLASM,
    CauseName.FAINT_STAIN,
    CauseName.PIGMENT,
    CauseName.OFF_CENTRE,
)
"""Causes whose absence can be painted."""


def _of_field(
    settings: SynthSettings, names: tuple[int, int], *, size_px: int, seed: int, field_um: float
) -> PlantedCells:
    look = replace(case_look(settings, names[0]), pigment=0.0)
    rng = np.random.default_rng([seed, *names])
    side_px = size_px + 2 * round(SHIFT_UM[1] / TRUTH_MPP)

    def rendered(repaint: Repaint | None) -> Field:
        return render_field(
            look,
            settings,
            size_um=(field_um, field_um),
            seed=(settings.seed, 6, *names),
            has_glass=False,
            repaint=repaint,
        )

    seen = rendered(None)
    rows = far_apart(seen.cells, free_cells(seen, border_l0=side_px * _PER_L0 / 2), rng=rng)
    at_px = clicks(seen.cells, rows, settings=settings, rng=rng) // _PER_L0
    views = {
        name: list(_windows(rendered(repaint), look, rows, at_px, side_px=side_px))
        for name, repaint in {"seen": None, **repaints(seen.cells, rows)}.items()
    }
    asked = []
    for place, row in enumerate(rows):
        level = int(seen.cells.level[row])
        centre_px = np.array([seen.cells.x_l0[row], seen.cells.y_l0[row]]) / _PER_L0 - at_px[place]
        windows = {name: windows[place] for name, windows in views.items()}
        kind = _drawn(is_positive=level > 0, rng=rng)
        asked.append(
            _Asked(
                windows=windows,
                level=level,
                kind=kind,
                plant=_plant(kind, windows["seen"], rng=rng),
                centre_px=(round(centre_px[0]), round(centre_px[1])),
            )
        )
    return _gathered(asked, look, case=names[0], size_px=size_px, rng=rng)


def _gathered(
    asked: list[_Asked],
    look: Look,
    *,
    case: int,
    size_px: int,
    rng: np.random.Generator,
) -> PlantedCells:
    level = np.array([one.level for one in asked], dtype=np.int64)
    kinds = np.array([one.kind.value for one in asked])
    other = np.where(level > 0, 0, rng.integers(1, 4, len(level)))
    return PlantedCells(
        rgb=np.stack([one.seen(size_px) for one in asked]),
        without={
            cause: np.stack([one.without(cause, size_px) for one in asked]) for cause in CAUSES
        },
        level=np.where(kinds == Planting.WRONG_LABEL, other, level),
        true_level=level,
        planting=kinds,
        case=np.full(len(asked), f"test-{case + 1:02d}"),
        white=np.tile(np.array(look.white, np.float32), (len(asked), 1)),
    )


def _drawn(*, is_positive: bool, rng: np.random.Generator) -> Planting:
    kinds = list(SHARES[is_positive])
    return kinds[rng.choice(len(kinds), p=list(SHARES[is_positive].values()))]


def _plant(kind: Planting, window: Window, *, rng: np.random.Generator) -> Plant:
    if kind is Planting.DARK_NUCLEI:
        return darkened_nuclei(window)
    if kind is Planting.PIGMENT:
        return specks(window, rng=rng)
    none = np.zeros(window.rgb.shape, np.float32)
    offset_px = shifted_click(rng=rng) if kind is Planting.SHIFTED_CLICK else (0, 0)
    return Plant(added_od=none, offset_px=offset_px)


def _windows(
    field: Field,
    look: Look,
    rows: Int64[np.ndarray, " n"],
    at_px: Int64[np.ndarray, "n 2"],
    *,
    side_px: int,
) -> Iterator[Window]:
    small = halved(field.rgb)
    stains = matrix_of(look.stains[0], look.stains[1], source="synthetic")
    for row, (x_px, y_px) in zip(rows, at_px.tolist(), strict=True):
        square = (
            slice(y_px - side_px // 2, y_px + side_px // 2),
            slice(x_px - side_px // 2, x_px + side_px // 2),
        )
        names = field.nucleus[square]
        yield Window(
            rgb=small[square],
            nucleus=np.where(names == row + 1, 1, np.where(names > 0, 2, 0)),
            white=look.white,
            stains=stains,
        )
