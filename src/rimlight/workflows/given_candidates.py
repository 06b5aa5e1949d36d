"""Candidates from other programs: taken into a study, listed, removed, and handed to the stream.

Where a slide has been given candidates, it is not searched: scores and rounds take exactly these.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rimlight.errors import LabelFileError, StudyError
from rimlight.io.candidates import (
    GivenSet,
    given_places,
    given_set,
    put_given,
    remove_given,
)
from rimlight.io.event_chain import utc_now
from rimlight.io.formats.candidate_files import CandidateFile, read_candidates
from rimlight.io.formats.points import CandidateFormat, Frame, PointFile, plain_text
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import SlideId, SlideInfo
from rimlight.workflows.candidates import CandidateTile, OnTile, candidate_tiles
from rimlight.workflows.placing import Ground, Wording, ground_of, origin_in, slide_box
from rimlight.workflows.slide_names import slide_named

_STEPS = 100  # of progress in a slide
_TOOL_OF_FORMAT = {"qupath": "QuPath GeoJSON", "csv": "table", "dicom": "DICOM annotations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What an import of candidates did; notes: what was left out, one sentence each."""

    sets: tuple[GivenSet, ...]
    replaced: tuple[str, ...]
    notes: tuple[str, ...]


def import_candidates(
    study: Study,
    path: Path,
    *,
    slide: str | None = None,
    frame: Frame | None = None,
    file_format: CandidateFormat | None = None,
    tool: str | None = None,
    classes: Collection[str] = (),
) -> Given:
    """Take the centres of a file as the candidates of its slides; a fault anywhere takes none.

    A slide's earlier candidates are replaced. The labels are not touched.

    Args:
        study: The study; the slides must be in it.
        path: GeoJSON with cells, detections or points, or a table with x and y; ``.gz`` too.
        slide: Id or file name of the slide, where the file does not say it.
        frame: Where x and y count from, for a slide with an empty margin and a file that does
            not say it.
        file_format: The format; None tells it from the name.
        tool: The program that found them, for the record; None names the format.
        classes: Only objects of these classes; empty for all.

    Raises:
        LabelFileError: The file has a fault, or a centre lies outside its slide.
        StorageError: The disk refuses.
    """
    path = Path(path)
    every = slides(study.engine)
    whole = [replace(info, path=str(study.folder / info.path)) for info in every]
    file = read_candidates(path, file_format=file_format, classes=classes, slides=whole)
    name = path.name.encode(errors="replace").decode()
    wording = Wording(file=name, slide=slide, frame=frame)
    ground = ground_of(_as_points(file), every, wording)
    by = _tool(tool) or _TOOL_OF_FORMAT[file.file_format]
    placed = [
        (info, _placed(file, number, info, ground)) for number, info in _slides_of(file, ground)
    ]
    known = [given_set(study.folder, info.slide_id) for info, _ in placed]
    made = [
        put_given(study.folder, _set_of(info, file, name=name, tool=by), places)
        for info, places in placed
    ]
    return Given(
        sets=tuple(made),
        replaced=tuple(found.slide for found in known if found is not None),
        notes=file.notes,
    )


def _set_of(info: SlideInfo, file: CandidateFile, *, name: str, tool: str) -> GivenSet:
    return GivenSet(
        slide=str(info.slide_id),
        slide_hash=info.fingerprint,
        file=name,
        tool=tool,
        content_hash=file.content_hash,
        made_at=utc_now(),
    )


def given_candidates(study: Study, info: SlideInfo) -> np.ndarray | None:
    """Return x and y of a slide's given candidates, (n, 2) float64 level-0 px; None if it has none.

    Centres left of or above level 0, where some MIRAX slides reach, are left out: no patch of the
    slide lies there.

    Raises:
        SlideError: They are damaged, or of another content of the slide.
    """
    places = given_places(study.folder, info)
    if places is None:
        return None
    sides = np.array([info.width_l0, info.height_l0])
    inside: np.ndarray = places[((places >= 0) & (places <= sides)).all(axis=1)]
    return inside


def tiles_with_given(
    study: Study, infos: Sequence[SlideInfo], *, on_tile: OnTile
) -> Iterator[CandidateTile]:
    """Yield the candidates of slides as ``candidate_tiles`` does, given ones where there are some.

    Raises:
        SlideError: A slide is missing, changed or damaged, or its candidates are.
    """
    if not any(given_of_slide(study, info) for info in infos):
        yield from candidate_tiles(study, infos, on_tile=on_tile)
        return
    total = _STEPS * len(infos)
    for number, info in enumerate(infos):

        def tell(done: int, of: int, number: int = number) -> None:
            on_tile(number * _STEPS + round(_STEPS * done / of), total)

        given = given_candidates(study, info)
        yield from candidate_tiles(study, [info], on_tile=tell, given=given)


def given_of_slide(study: Study, info: SlideInfo) -> GivenSet | None:
    """Return where a slide's given candidates come from; None if it has none."""
    return given_set(study.folder, info.slide_id)


def where_from(found: GivenSet | None) -> str:
    """Return in words where candidates come from.

    >>> where_from(None)
    'found by rimlight'
    """
    return "found by rimlight" if found is None else f"imported from {found.file} ({found.tool})"


def list_candidates(study: Study) -> list[GivenSet]:
    """Return the given candidates of all slides that have some, by slide."""
    found = [given_set(study.folder, info.slide_id) for info in slides(study.engine)]
    return [each for each in found if each is not None]


def remove_candidates(study: Study, slide_id: str) -> None:
    """Forget the given candidates of a slide; it is searched again from then on.

    Raises:
        StudyError: It has none.
        StorageError: The disk refuses.
    """
    if not remove_given(study.folder, SlideId(slide_id)):
        had = ", ".join(found.slide for found in list_candidates(study)[:5]) or "no slide has any"
        raise StudyError(
            f"slide {slide_id!r}: has no imported candidates; name a slide that has: {had}"
        )


def _as_points(file: CandidateFile) -> PointFile:
    """Return what a file says of itself, as label files say it."""
    return PointFile(
        items=(),
        content_hash=file.content_hash,
        frame=file.frame,
        slide=file.slide,
        slide_hash=file.slide_hash,
    )


def _slides_of(file: CandidateFile, ground: Ground) -> list[tuple[int, SlideInfo]]:
    """Return the slide behind each name in a file."""
    found: list[tuple[int, SlideInfo]] = []
    for number, name in enumerate(file.slide_names):
        try:
            info = slide_named(name, ground.names) if name else ground.slide
            if ground.is_only_slide and info != ground.slide and ground.slide is not None:
                raise ValueError(f"is of slide {name}, not of {ground.slide.slide_id}")
        except ValueError as error:
            raise LabelFileError(
                f"{ground.wording.file}: {error}; add it with rimlight add, or name another with "
                "--slide"
            ) from error
        if info is None:
            raise LabelFileError(
                f"{ground.wording.file}: does not say which slide it is of; name it with --slide"
            )
        found.append((number, info))
    doubled = [info.slide_id for _, info in found]
    if len(set(doubled)) < len(doubled):
        twice = next(name for name in doubled if doubled.count(name) > 1)
        raise LabelFileError(
            f"{ground.wording.file}: names slide {twice} in several ways; name it in one"
        )
    return found


def _placed(file: CandidateFile, number: int, info: SlideInfo, ground: Ground) -> np.ndarray:
    """Return x and y of the centres on one slide, in level-0 pixels, each once."""
    mine = file.slide_number == number
    left, top = origin_in(info, ground)
    scale = 1.0 if file.unit == "px" else 1 / info.mpp
    places = np.column_stack([file.x[mine], file.y[mine]]) * scale + (left, top)
    box = slide_box(info)
    low = np.array([box.left_l0, box.top_l0])
    high = low + np.array([box.width_l0, box.height_l0])
    is_outside = ~((places >= low) & (places <= high)).all(axis=1)  # nan lies outside too
    if is_outside.any():
        x, y = places[is_outside][0]
        raise LabelFileError(
            f"{ground.wording.file}: {int(is_outside.sum())} of {len(places)} centres lie outside "
            f"slide {info.slide_id}, first x {x:g}, y {y:g} in {info.width_l0} x {info.height_l0} "
            "px; name the right slide, or look at the pixel size and at --frame"
        )
    return np.unique(places, axis=0)


def _tool(name: str | None) -> str | None:
    try:
        return plain_text(name, what="tool")
    except ValueError as error:
        raise LabelFileError(f"--tool: {error}; give a plain name") from error
