"""Why one cell is called as it is: its map, its contributing pixels, its logit by stain and zone.

Each part is made by the function that makes it for the tables of a run: the map and its densities
by ``walks``, contributing pixels by ``membranes``, zones and stains by ``cause_scenes``.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.core.planes import patch_box
from rimlight.errors import NotEnoughDataError, RimlightError
from rimlight.explain.causes import STAINS, ZONES, evidence_of
from rimlight.explain.colour import shared_scale
from rimlight.io.arrays import read_arrays
from rimlight.io.runs import Run
from rimlight.model.prediction import centre
from rimlight.records import Box
from rimlight.workflows.cause_scenes import scenes_of, stain_walk
from rimlight.workflows.explain import CHECKED_CELLS
from rimlight.workflows.explained_files import EYE_UM, for_the_eye
from rimlight.workflows.gallery import reference_picture, words_of_walk
from rimlight.workflows.membranes import Outlined, called_negative, outlined
from rimlight.workflows.membranes import placed as on_slide
from rimlight.workflows.own_membranes import joint_claims, membrane_walks
from rimlight.workflows.rivals import rival_densities
from rimlight.workflows.walks import REFERENCES, Walked, path_settings, walked
from rimlight.workflows.why_cells import Placed, ReadyRun

if TYPE_CHECKING:
    from rimlight.explain.attribution import PathSettings

UNIT = "logits per pixel"

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Why:
    """What is told of one cell, and what is drawn of it.

    patch: light 0..255; reference_patch: the first reference cell, or clear glass.
    shown: signed heat map, logits per pixel, smoothed for the eye; mask: contributing pixels.
    box: where the patch lies on the slide. polygons: of the mask, rings in level-0 pixels.
    facts: plain values as they are answered.
    """

    patch: np.ndarray
    reference_patch: np.ndarray
    shown: np.ndarray
    mask: np.ndarray
    box: Box
    polygons: tuple[tuple[Ring, ...], ...]
    facts: dict[str, Any]


def why(cells: ReadyRun, asked: Placed, *, reference: str | None = None) -> Why:
    """Explain one cell.

    Args:
        cells: Its run.
        asked: The cell.
        reference: What the map starts from; None for the rule of ``explain-slide``: cells of the
            other call, and clear glass where none can serve.

    Raises:
        NotEnoughDataError: No cell of the run can serve as that reference.
        RimlightError: The reference is not known, or does not suit the call.
    """
    settings, grounds = cells.study.settings, asked.fold.grounds
    size_px, mpp = settings.patch.size_px, settings.patch.mpp
    is_checked = asked.is_known and asked.row in asked.fold.held_rows[:CHECKED_CELLS]
    name, main, walks = _walks(
        asked,
        reference,
        path=path_settings(settings),
        shown_path=path_settings(settings, is_checked=is_checked),
    )
    cell = _outlined(asked, walks)
    shown = for_the_eye(main.values[0], sigma_px=EYE_UM / mpp)
    return Why(
        patch=centre(grounds.cells.patches[asked.rows], size_px=size_px)[0],
        reference_patch=reference_picture(grounds, asked.row, main.reference_rows[0]),
        shown=shown,
        mask=cell.mask,
        box=patch_box(asked.cell, size_px=size_px, patch_mpp=mpp, slide_mpp=asked.info.mpp),
        polygons=tuple(
            on_slide(part, grounds.cells, asked.row, asked.info) for part in cell.polygons
        ),
        facts=_facts_of_map(asked, main, name, mask=cell.mask)
        | _facts_of_outline(cell)
        | {"od": _densities(cells, asked, main, cell)}
        | {"scale": map_scale(cells.run, name, shown, mpp=mpp), "unit": UNIT, "mpp": mpp}
        | _parts_of_logit(cells, asked),
    )


def _facts_of_map(asked: Placed, main: Walked, name: str, *, mask: np.ndarray) -> dict[str, Any]:
    columns = {key: float(values[0]) for key, values in main.columns.items()}
    return {
        "logit": asked.logit,
        "threshold": 0.0,
        "call": "positive" if asked.logit > 0 else "negative",
        "reference": name,
        "n_references": len(main.reference_rows[0]),
        "reference_logit": float(main.reference_responses[0].mean()),
        "is_reference_valid": _is_valid(asked, main),
        "rise": columns["rise"],
        "gap": columns["gap"],
        "is_converged": bool(columns["is_converged"]),
        "is_small_rise": bool(columns["is_small_rise"]),
        "caption": words_of_walk(main, 0, name=name, mask=mask),
    }


def _facts_of_outline(cell: Outlined) -> dict[str, Any]:
    return {
        "probability": float(cell.facts["probability"]),
        "outline_reason": cell.facts["reason"],
        "completeness": cell.facts.get("completeness"),
        "area_um2": cell.facts.get("area_um2"),
        "own_over_neighbour": cell.facts.get("own_over_neighbour"),
    }


def _densities(cells: ReadyRun, asked: Placed, main: Walked, cell: Outlined) -> dict[str, Any]:
    """DAB where the map points, on the outline, and around the click where no network chose."""
    found = rival_densities(asked.alone, cells.study.settings.evaluate)
    return {
        "attributed": float(main.columns["od_attributed"][0]),
        "membrane": cell.facts.get("od_mean"),
        "ring": float(found["od_ring"][0]),
        "disc": float(found["od_disc"][0]),
        "whole_patch": float(found["od_patch"][0]),
    }


def map_scale(run: Run, reference: str, shown: np.ndarray, *, mpp: float) -> dict[str, Any]:
    """Return the value at the ends of the colours, and of which maps it is: of the run, if it has.

    The 99.5th percentile of |attribution| of maps as they are drawn, so that cells of one run can
    be compared by eye.
    """
    kept = kept_scale(run, reference, mpp=mpp)
    if kept is None:
        return {"logits": shared_scale(shown), "of": "this cell"}
    return {"logits": kept, "of": f"all explained cells of run {run.run_id}"}


def kept_scale(run: Run, reference: str, *, mpp: float) -> float | None:
    """Return the scale of all maps of a run with a reference; None where it keeps none."""
    return _kept_scale(run.folder / "maps", f"map-{reference}", mpp)


@lru_cache(maxsize=64)
def _kept_scale(folder: Path, name: str, mpp: float) -> float | None:
    try:
        maps = read_arrays(folder.parent, folder.name, [name])[name]
        return shared_scale(np.stack([for_the_eye(m, sigma_px=EYE_UM / mpp) for m in maps]))
    except (RimlightError, ValueError):
        return None


def _walks(
    asked: Placed, reference: str | None, *, path: "PathSettings", shown_path: "PathSettings"
) -> tuple[str, Walked, dict[str, Walked]]:
    """The map that is shown, by name, and those that claim contributing pixels together.

    Shown maps of cells that ``explain`` checked are cut once more, as there.
    """
    grounds, network, is_positive = asked.fold.grounds, asked.network, asked.logit > 0
    if reference not in (None, *REFERENCES):
        raise RimlightError(f"reference {reference!r}: is not known; take {', '.join(REFERENCES)}")
    if reference == "stain_removed" and not is_positive:
        raise RimlightError(
            "reference stain_removed: says nothing of a cell called negative; take opposite"
        )
    walks = membrane_walks(network, grounds, asked.rows, path=path) if is_positive else {}
    if reference is None:
        names = [name for name in ("opposite", "white") if name in walks or not walks]
    else:
        names = [reference]
    for name in names:
        main = walks.get(name) if shown_path == path else None
        if main is None:
            main = walked(network, grounds, asked.rows, name=name, path=shown_path)
        if main is not None:
            return name, main, walks
    raise NotEnoughDataError(
        f"reference {reference}: no training cell of the run can serve as one; take white"
    )


def _outlined(asked: Placed, walks: dict[str, Walked]) -> Outlined:
    if not walks:
        return called_negative(asked.fold, asked.row)
    return outlined(asked.fold, joint_claims(asked.rows, walks), 0)


def _is_valid(asked: Placed, main: Walked) -> bool:
    """Whether most references have the class that they should have."""
    responses, pool = main.reference_responses[0], main.reference_rows[0]
    right = responses < 0
    if len(pool):
        source = asked.fold.grounds.pool or asked.fold.grounds
        right = (responses > 0) == (source.cells.level[pool] > 0)
    return bool(right.mean() > 0.5)


def _parts_of_logit(cells: ReadyRun, asked: Placed) -> dict[str, Any]:
    """The logit from clear glass on, by stain and by zone, as in ``causes.csv``."""
    walk = stain_walk(asked.network, asked.fold, asked.rows, settings=cells.study.settings)
    (scene,) = scenes_of(asked.fold, asked.rows)
    evidence = evidence_of(walk.values[0].numpy(), scene, is_positive_right=asked.logit > 0)
    sums = evidence.sums
    return {
        "glass_logit": float(walk.response_of_references[0, 0]),
        "parts_gap": float(walk.gap[0]),
        "parts_converged": bool(walk.is_converged[0]),
        "is_nucleus_found": scene.zones.is_nucleus_found,
        "zones": [
            {
                "zone": zone,
                "logits": float(sums[at].sum()),
                "stains": {stain: float(sums[at, column]) for column, stain in enumerate(STAINS)},
            }
            for at, zone in enumerate(ZONES)
        ],
        "stains": [
            {"stain": stain, "logits": float(sums[:, column].sum())}
            for column, stain in enumerate(STAINS)
        ],
    }
