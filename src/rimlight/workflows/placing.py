"""From the points of a file to points on a study's slides: what fits, and what does not.

Pure functions of records; nothing is read or written here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, hypot
from pathlib import PurePosixPath

from rimlight.errors import LabelFileError
from rimlight.io.formats.coco import expression_of_category
from rimlight.io.formats.points import Fault, Frame, PointFile, PointRecord
from rimlight.io.formats.qupath import expression_of_class
from rimlight.records import Box, Expression, ReaderId, SlideId, SlideInfo
from rimlight.workflows.slide_names import SlideNames, slide_named, slide_names

SAME_POINT_PX = 1.0
SAME_CELL_UM = 1.0
MAX_IN_SQUARE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the user says of a file where the file does not say it itself.

    file: the file's name, for sentences, and for the slide where its stem is a slide's name.
    class_names: the expression each class name means, in any case; goes before our own table.
    """

    file: str
    reader: str | None = None
    slide: str | None = None
    frame: Frame | None = None
    class_names: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPoint:
    """A sound point: on a known slide, with a reader and an expression."""

    record: PointRecord
    slide: SlideInfo
    x_l0: float
    y_l0: float
    reader: ReaderId
    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The points of a file, sorted into sound and faulty.

    unknown_classes: how often each class name stands that nobody explained.
    is_swapped: points lie outside their slide, and all of those would fit with x as y.
    """

    points: tuple[PlacedPoint, ...]
    faults: tuple[Fault, ...]
    unknown_classes: Mapping[str, int]
    is_swapped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Points by name, found again by their place; ``reach`` is the largest radius asked for."""

    reach: float
    places: dict[tuple[int, int], list[tuple[float, float, str]]] = field(default_factory=dict)

    def add(self, x: float, y: float, name: str) -> None:
        """Put a point in."""
        square = self.places.setdefault((floor(x / self.reach), floor(y / self.reach)), [])
        if len(square) < MAX_IN_SQUARE:  # no tissue has more; a hostile file may
            square.append((x, y, name))

    def near(self, x: float, y: float) -> list[tuple[float, str]]:
        """Return distance and name of the points within reach, the nearest first."""
        column, row = floor(x / self.reach), floor(y / self.reach)
        found = [
            (hypot(x - other_x, y - other_y), name)
            for i in (column - 1, column, column + 1)
            for j in (row - 1, row, row + 1)
            for other_x, other_y, name in self.places.get((i, j), ())
        ]
        return sorted(item for item in found if item[0] <= self.reach)


def place_points(file: PointFile, slides: Sequence[SlideInfo], *, wording: Wording) -> Placed:
    """Place every point of a file on its slide, or say why that cannot be done.

    Raises:
        LabelFileError: The file as a whole is of another slide, or of a frame nobody named.
    """
    ground = ground_of(file, slides, wording)
    points: list[PlacedPoint] = []
    faults: list[Fault] = []
    doubles = _Doubles()
    for item in file.items:
        if isinstance(item, Fault):
            faults.append(item)
            continue
        try:
            point = _placed(item, ground)
            doubles.refuse(point)
            points.append(point)
        except ValueError as error:
            faults.append(Fault(place=item.place, reason=str(error)))
    records = [item for item in file.items if isinstance(item, PointRecord)]
    return Placed(
        points=tuple(points),
        faults=tuple(faults),
        unknown_classes=Counter(
            record.class_name for record in records if _expression(record, ground) is None
        ),
        is_swapped=bool(faults) and _is_swapped(records, ground),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What holds for all points of one file.

    names: the slides of the study by name.
    slide: the slide of points that name none.
    is_only_slide: every point must be of that slide.
    """

    wording: Wording
    names: SlideNames
    slide: SlideInfo | None
    is_only_slide: bool
    frame: Frame | None
    class_names: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class _Doubles:
    """The points seen so far, by slide and reader."""

    grids: dict[tuple[SlideId, ReaderId], Grid] = field(default_factory=dict)
    records: dict[tuple[SlideId, ReaderId, str], PointRecord] = field(default_factory=dict)
    places_of_cell: dict[tuple[SlideId, ReaderId, str], str] = field(default_factory=dict)

    def refuse(self, point: PlacedPoint) -> None:
        """Raise ValueError for a second point of one reader on one cell; else remember it."""
        key = (point.slide.slide_id, point.reader)
        record = point.record
        reach = max(SAME_POINT_PX, SAME_CELL_UM / point.slide.mpp)
        grid = self.grids.setdefault(key, Grid(reach=reach))
        if record.cell is not None:
            first = self.places_of_cell.get((*key, record.cell))
            if first is not None:
                raise ValueError(f"cell {record.cell} has a label of {point.reader} in {first}")
        for distance, place in grid.near(point.x_l0, point.y_l0):
            are_named_apart = record.cell and self.records[*key, place].cell
            if distance <= SAME_POINT_PX or not are_named_apart:
                raise ValueError(
                    f"is the same point as {place}, {distance:.2g} px away, by {point.reader}"
                )
        grid.add(point.x_l0, point.y_l0, record.place)
        self.records[*key, record.place] = record
        if record.cell is not None:
            self.places_of_cell[*key, record.cell] = record.place


def ground_of(file: PointFile, slides: Sequence[SlideInfo], wording: Wording) -> Ground:
    """Return what a file and the user say of all its points.

    Raises:
        LabelFileError: The file as a whole is of another slide, or says that it is of none.
    """
    names = slide_names(slides)
    named = None
    try:
        if wording.slide is not None:
            named = slide_named(wording.slide, names)
        elif file.slide is not None and file.slide_hash is None:
            named = slide_named(file.slide, names)
    except ValueError as error:
        raise LabelFileError(
            f"{wording.file}: {error}; add it with rimlight add, or name another with --slide"
        ) from error
    if file.slide_hash is not None:
        named = _slide_of_hash(file, slides, named, wording)
    if named is None:
        slide = _slide_of_stem(wording.file, names)
        said = [item.slide for item in file.items if isinstance(item, PointRecord)]
        if slide is None and said and not any(said):
            raise LabelFileError(
                f"{wording.file}: does not say which slide it is of; name it with --slide"
            )
    else:
        slide = named
    if file.frame and wording.frame and file.frame != wording.frame:
        raise LabelFileError(
            f"{wording.file}: says itself that it counts from {file.frame}; leave out --frame"
        )
    _refuse_other_size(file, names, wording)
    return Ground(
        wording=wording,
        names=names,
        slide=slide,
        is_only_slide=named is not None,
        frame=file.frame or wording.frame,
        class_names={_folded(name): level for name, level in wording.class_names.items()},
    )


def _slide_of_hash(
    file: PointFile, slides: Sequence[SlideInfo], named: SlideInfo | None, wording: Wording
) -> SlideInfo:
    found = [slide for slide in slides if slide.fingerprint == file.slide_hash]
    if not found:
        raise LabelFileError(
            f"{wording.file}: is of a slide {file.slide or ''!r} with another content than any in "
            "this study; add the slide that was labelled"
        )
    if named is not None and named.fingerprint != file.slide_hash:
        raise LabelFileError(
            f"{wording.file}: is of slide {found[0].slide_id}, not of {named.slide_id}; "
            "leave out --slide or name the right file"
        )
    by_id = [slide for slide in found if slide.slide_id == file.slide]
    return named or (by_id or found)[0]


def _refuse_other_size(file: PointFile, names: SlideNames, wording: Wording) -> None:
    """Refuse labels of a smaller or larger picture of a slide: they would lie elsewhere on it."""
    for name, size in file.sizes.items():
        try:
            slide = slide_named(name, names)
        except ValueError:
            continue  # each of its points says so
        box = slide.bounds
        sizes = [(slide.width_l0, slide.height_l0)]
        sizes += [(round(box.width_l0), round(box.height_l0))] if box else []
        if size not in sizes:
            raise LabelFileError(
                f"{wording.file}: was made on a picture of {size[0]:g} x {size[1]:g} px, slide "
                f"{slide.slide_id} has {slide.width_l0} x {slide.height_l0}; add that picture "
                "with rimlight add, or export the labels from the slide itself"
            )


def _slide_of_stem(name: str, names: SlideNames) -> SlideInfo | None:
    stem = PurePosixPath(name).name
    for ending in (".gz", ".json", ".geojson", ".csv", ".tsv", ".txt", ".xml", ".parquet"):
        stem = stem.removesuffix(ending)
    try:
        return slide_named(stem, names)
    except ValueError:
        return None


def _placed(record: PointRecord, ground: Ground) -> PlacedPoint:
    slide = _slide_of(record, ground)
    x_l0, y_l0 = _position(record, slide, ground)
    if not is_inside(slide, x_l0, y_l0):
        raise ValueError(
            f"lies outside slide {slide.slide_id}: x {x_l0:g}, y {y_l0:g} in "
            f"{slide.width_l0} x {slide.height_l0} px"
        )
    expression = _expression(record, ground)
    if expression is None:
        raise ValueError(f"the class {record.class_name!r} is not known")
    reader = record.reader or ground.wording.reader
    if not reader:
        raise ValueError("does not say who labelled it; name the reader with --reader")
    return PlacedPoint(
        record=record,
        slide=slide,
        x_l0=x_l0,
        y_l0=y_l0,
        reader=ReaderId(reader),
        expression=expression,
    )


def _slide_of(record: PointRecord, ground: Ground) -> SlideInfo:
    if record.slide is None:
        if ground.slide is None:
            raise ValueError("does not say which slide it is of")
        return ground.slide
    slide = slide_named(record.slide, ground.names)
    if ground.is_only_slide and ground.slide is not None and slide != ground.slide:
        raise ValueError(f"is of slide {slide.slide_id}, not of {ground.slide.slide_id}")
    return slide


def _position(record: PointRecord, slide: SlideInfo, ground: Ground) -> tuple[float, float]:
    left, top = origin_in(slide, ground)
    return record.x + left, record.y + top


def origin_in(slide: SlideInfo, ground: Ground) -> tuple[float, float]:
    """Return x and y on level 0 of the place that a file counts from on this slide.

    Raises:
        LabelFileError: The slide has an empty margin, and nobody says whether it counts.
    """
    bounds = slide.bounds or Box(
        left_l0=0, top_l0=0, width_l0=slide.width_l0, height_l0=slide.height_l0
    )
    if ground.frame is None and (bounds.left_l0 or bounds.top_l0):
        raise LabelFileError(
            f"{ground.wording.file}: slide {slide.slide_id} has an empty margin, which QuPath cuts "
            "off; say --frame bounds if x and y count from what QuPath shows, --frame level0 if "
            "they count from the corner of the whole slide"
        )
    return (bounds.left_l0, bounds.top_l0) if ground.frame == "bounds" else (0.0, 0.0)


def slide_box(slide: SlideInfo) -> Box:
    """Return where points of a slide may lie, in level-0 pixels."""
    left, top, right, bottom = 0.0, 0.0, float(slide.width_l0), float(slide.height_l0)
    if slide.bounds is not None:  # some MIRAX slides reach left of 0
        box = slide.bounds
        left, top = min(left, box.left_l0), min(top, box.top_l0)
        right = max(right, box.left_l0 + box.width_l0)
        bottom = max(bottom, box.top_l0 + box.height_l0)
    return Box(left_l0=left, top_l0=top, width_l0=right - left, height_l0=bottom - top)


def is_inside(slide: SlideInfo, x_l0: float, y_l0: float) -> bool:
    """Return whether a place, in level-0 pixels, lies on a slide."""
    box = slide_box(slide)
    is_across = box.left_l0 <= x_l0 <= box.left_l0 + box.width_l0
    return is_across and box.top_l0 <= y_l0 <= box.top_l0 + box.height_l0


def _is_swapped(records: Sequence[PointRecord], ground: Ground) -> bool:
    outside = list(_outside(records, ground))
    return bool(outside) and all(is_inside(slide, y, x) for slide, x, y in outside)


def _outside(
    records: Sequence[PointRecord], ground: Ground
) -> Iterator[tuple[SlideInfo, float, float]]:
    for record in records:
        try:
            slide = _slide_of(record, ground)
        except ValueError:
            continue
        x_l0, y_l0 = _position(record, slide, ground)
        if not is_inside(slide, x_l0, y_l0):
            yield slide, x_l0, y_l0


def _expression(record: PointRecord, ground: Ground) -> Expression | None:
    name = record.class_name
    return (
        ground.class_names.get(_folded(name))
        or expression_of_class(name)
        or expression_of_category(name)
    )


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
