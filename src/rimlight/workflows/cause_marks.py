"""Wrong, uncertain and doubtful calls as marks on their slides, for QuPath."""

from collections.abc import Sequence

from rimlight.io.files import inside
from rimlight.io.formats.qupath_marks import Mark, write_qupath_marks
from rimlight.io.runs import Run
from rimlight.records import CauseName, SlideInfo
from rimlight.workflows.cause_tables import Looked, main_trial
from rimlight.workflows.patches import CellPatches

_COLOUR = {
    CauseName.NEIGHBOUR_MEMBRANE: (230, 120, 0),
    CauseName.NEIGHBOUR_NUCLEUS: (70, 70, 200),
    CauseName.SURROUNDINGS: (200, 160, 0),
    CauseName.OWN_NUCLEUS: (160, 60, 160),
    CauseName.OWN_CYTOPLASM: (180, 90, 60),
    CauseName.MACROPHAGE: (120, 80, 40),
    CauseName.PIGMENT: (30, 30, 30),
    CauseName.FAINT_STAIN: (90, 170, 220),
    CauseName.DOUBTFUL_LABEL: (220, 0, 90),
}
_OTHER_COLOUR = (128, 128, 128)
_CERTAINTY = {"confirmed": "confirmed", "map_only": "by the map", "unexplained": ""}


def write_marks(run: Run, cells: CellPatches, looked: Sequence[Looked]) -> None:
    """Write ``causes/SLIDE.geojson``: a point a call, its cause as class, logits as measurements.

    Raises:
        StorageError: The disk refuses.
    """
    marks_of: dict[SlideInfo, list[Mark]] = {}
    for found in looked:
        for item, kind, finding in zip(found.asked, found.kind, found.findings, strict=True):
            certainty = _CERTAINTY[finding.status]
            words = finding.cause.replace("_", " ") + (f", {certainty}" if certainty else "")
            trial = main_trial(finding)
            mark = Mark(
                cell=cells.cells[item.row].cell,
                class_name=f"{kind} call, {words}" if kind != "doubtful" else words,
                colour=_COLOUR.get(finding.cause, _OTHER_COLOUR),
                measurements={
                    "rimlight: level of the label": float(cells.level[item.row]),
                    "rimlight: logit": item.case.logit,
                    "rimlight: logit after the edit": trial.logit_after if trial else None,
                    "rimlight: recovered, share": trial.recovered if trial else None,
                    "rimlight: label doubt": float(found.doubts.score[item.row]),
                },
            )
            marks_of.setdefault(cells.slide_of_cell[item.row], []).append(mark)
    for slide, marks in marks_of.items():
        path = inside(run.folder / "causes", f"{slide.slide_id}.geojson")
        write_qupath_marks(path, marks, slide=slide)
