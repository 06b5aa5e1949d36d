"""COCO JSON in and out, with readers as supercategories, laid out as the IGNITE data set is.

Each reader has three categories in a row: negative tumour cell, positive tumour cell, no tumour
cell. The level of a positive cell, which these cannot say, stands beside it in a key of ours.
Source: IGNITE data toolkit, arXiv 2507.16855, as its evaluation code reads the files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from reprlib import repr as short
from typing import Any, NamedTuple

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import MAX_CELL_PX, Gathered, facts_of, own_facts, pixels
from rimlight.io.formats.json_stream import Entered, KeyPath, json_values, write_json_items
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import Fault, Frame, PointFile, PointRecord, plain_text
from rimlight.io.formats.qupath_collection import frame_of, origin_of
from rimlight.records import Expression, Label, ReaderId, SlideId, SlideInfo

BOX_PX = 40  # one size for all, even: the toolkit takes half of the first box for each
CATEGORIES = ("negative tumor cell", "positive tumor cell", "non-tumor cell")
MAX_HEADS = 100_000
_ENTERED: frozenset[KeyPath] = frozenset({(), ("images",), ("categories",), ("annotations",)})
_READER = "reader"
_Id = int | str


def expression_of_category(name: str) -> Expression | None:
    """Return what a category of IGNITE means; None for a positive cell, whose level is not said.

    >>> expression_of_category("PD-L1 negative tumor cell")
    <Expression.NEGATIVE: 'negative'>
    """
    words = " ".join(name.split()).casefold().removeprefix("pd-l1 ")
    known = {CATEGORIES[0]: Expression.NEGATIVE, CATEGORIES[2]: Expression.OTHER}
    return known.get(words)


def read_coco(path: Path) -> PointFile:
    """Read keypoints, or boxes of a cell's size by their middle; each image is a slide by name.

    A supercategory names the reader if it begins with ``reader``, or if we wrote the file.
    Crowds and wider boxes are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, not JSON, or holds no annotations.
    """
    reading = _Reading(gathered=Gathered(path=Path(path)))
    with opened(path) as file:
        for place, value in json_values(file, entered=_ENTERED):
            reading.take(place, value)
        content_hash = file.content_hash()
    if not reading.has_annotations:
        raise LabelFileError(f"{path}: holds no list of annotations; export it as COCO JSON")
    items = reading.gathered.items
    for number, click in enumerate(reading.clicks):
        items.append(click if isinstance(click, Fault) else reading.placed(click))
        reading.clicks[number] = _GONE
    images = list(reading.images.values())
    if len({image.is_placed for image in images}) > 1:
        raise LabelFileError(
            f"{path}: says of some images where they lie on their slide and of others not; "
            "import them apart"
        )
    is_placed = any(image.is_placed for image in images)
    doubled = [name for name, n in Counter(image.slide for image in images).items() if n > 1]
    if doubled and not is_placed:
        raise LabelFileError(f"{path}: several images are called {doubled[0]!r}; rename them")
    file_of = reading.gathered.file(content_hash, {"frame": "level0"} if is_placed else {})
    sizes = {image.slide: image.size for image in images if image.size and not is_placed}
    return replace(file_of, sizes=sizes)


def write_coco(
    path: Path,
    labels: Sequence[Label],
    *,
    slides: Mapping[SlideId, SlideInfo],
    frame: Frame | None = None,
) -> int:
    """Write the labels of any number of slides, each an image, whole or not at all.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        labels: Labels of cells on these slides.
        slides: The slides by id.
        frame: Whether an image is the whole slide or its bounds; None takes ``level0``.

    Returns:
        How many labels were written.

    Raises:
        StorageError: The disk refuses.
    """
    frame = frame or "level0"
    readers = sorted({label.reader for label in labels})
    shown = [slides[name] for name in sorted({label.cell.slide_id for label in labels})]
    head = {
        "info": {"description": "Cells labelled at a glance. Research use only."},
        "rimlight": {"version": 1, "frame": frame, "research_use_only": True},
        "images": [_image_of(slide, number, frame) for number, slide in enumerate(shown)],
        "categories": [
            {
                "id": 3 * place + number + 1,
                "name": name,
                "supercategory": reader,
                "keypoints": ["centre"],
                "skeleton": [],
            }
            for place, reader in enumerate(readers)
            for number, name in enumerate(CATEGORIES)
        ],
    }
    image_of = {slide.slide_id: number for number, slide in enumerate(shown)}
    origin_of_slide = {slide.slide_id: origin_of(slide, frame) for slide in shown}
    annotations = _annotations(labels, readers, image_of, origin_of_slide)
    return write_json_items(path, head, "annotations", annotations)


class _Click(NamedTuple):
    """A point as its annotation states it; image and category may come later in the file."""

    place: str
    image: _Id
    category: _Id
    x: float
    y: float
    own: Mapping[str, Any]


_GONE = Fault(place="", reason="")  # stands where a click was, so that memory does not double


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """A picture: the slide's name, its corner on level 0 where we wrote it, and its size."""

    slide: str
    left_l0: float
    top_l0: float
    is_placed: bool
    size: tuple[float, float] | None


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far; categories are name and supercategory."""

    gathered: Gathered
    has_annotations: bool = False
    is_own: bool = False
    images: dict[_Id, _Image] = field(default_factory=dict)
    categories: dict[_Id, tuple[str, str | None]] = field(default_factory=dict)
    clicks: list[_Click | Fault] = field(default_factory=list)
    n_annotations: int = 0

    def take(self, place: KeyPath, value: Any) -> None:
        """Take the next value of the file."""
        if place == ("annotations",):
            self.has_annotations = value is Entered.LIST
        elif place == ("annotations", "*"):
            self.n_annotations += 1
            self.annotation(value, f"annotation {self.n_annotations}")
        elif place == ("images", "*"):
            self.head(self.images, _image_from, value)
        elif place == ("categories", "*"):
            self.head(self.categories, _category_from, value)
        elif place == ("rimlight",):
            self.is_own = isinstance(value, dict)

    def head(self, heads: dict[_Id, Any], made: Any, value: Any) -> None:
        """Take an image or a category."""
        what = "image" if heads is self.images else "category"
        try:
            key = _id_of(value.get("id") if isinstance(value, dict) else None, "id")
            if key in heads:
                raise ValueError("its id stands twice")
            if len(heads) >= MAX_HEADS:
                raise ValueError(f"there are more than {MAX_HEADS}")
            heads[key] = made(value)
        except ValueError as error:
            raise LabelFileError(
                f"{self.gathered.path}: {what} {len(heads) + 1}: {error}; correct the file"
            ) from error

    def annotation(self, value: Any, place: str) -> None:
        """Take an annotation as a click, a fault, or something to note."""
        self.gathered.refuse_too_many(len(self.clicks) + 1)
        try:
            if not isinstance(value, dict):
                raise ValueError(f"is no annotation but {short(value)}")  # noqa: TRY004
            point = None if value.get("iscrowd") else _point_of(value)
            if point is None:
                what = "is a crowd" if value.get("iscrowd") else "is wider than a cell"
                self.gathered.note(f"{place}: {what}; left out")
                return
            own = value.get("rimlight")
            self.clicks.append(
                _Click(
                    place,
                    _id_of(value.get("image_id"), "image_id"),
                    _id_of(value.get("category_id"), "category_id"),
                    *point,
                    own if isinstance(own, dict) else {},
                )
            )
        except ValueError as error:
            self.clicks.append(Fault(place=place, reason=str(error)))

    def placed(self, click: _Click) -> PointRecord | Fault:
        """Return a click with what its image and its category say of it."""
        image, category = self.images.get(click.image), self.categories.get(click.category)
        if image is None or category is None:
            what = "image" if image is None else "category"
            return Fault(place=click.place, reason=f"names no {what} of the file")
        name, above = category
        is_reader = above is not None and (self.is_own or above.casefold().startswith(_READER))
        try:
            facts = own_facts({**click.own, "reader": above if is_reader else None})
        except ValueError as error:
            return Fault(place=click.place, reason=str(error))
        return PointRecord(
            place=click.place,
            x=click.x + image.left_l0,
            y=click.y + image.top_l0,
            class_name=_class_name(name, click.own.get("expression")),
            slide=image.slide,
            **facts,
        )


def _class_name(category: str, level: Any) -> str:
    """Return the level beside a category, unless the category was changed since."""
    for expression in Expression:
        if expression.value == level and _category_of(expression) == category:
            return expression.value
    return category


def _category_of(expression: Expression) -> str:
    if expression.level is None:  # COCO has no word for a cell that cannot be judged
        return CATEGORIES[2]
    return CATEGORIES[1 if expression.is_positive else 0]


def _point_of(annotation: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the first keypoint that is placed, else the middle of the box; None if it is wide."""
    keypoints = annotation.get("keypoints")
    if isinstance(keypoints, list) and len(keypoints) >= 3 and keypoints[2] != 0:
        return pixels(keypoints[0], "x"), pixels(keypoints[1], "y")
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"needs a bbox of x, y, width and height, got {short(box)}")
    left, top, width, height = map(pixels, box, ("x", "y", "width", "height"))
    if width < 0 or height < 0:
        raise ValueError(f"its box has a negative side, got {short(box)}")
    if max(width, height) > MAX_CELL_PX:
        return None
    if width == height and width.is_integer():
        return left + width // 2, top + height // 2  # as IGNITE makes and reads them
    return left + width / 2, top + height / 2


def _id_of(value: Any, what: str) -> _Id:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(  # noqa: TRY004
            f"its {what} is neither number nor text, got {short(value)}"
        )
    return value


def _image_from(value: Mapping[str, Any]) -> _Image:
    file_name = plain_text(value.get("file_name"), what="file_name")
    slide = plain_text(value.get("slide"), what="slide") or file_name
    if slide is None:
        raise ValueError("has no file_name")
    is_placed = "x_l0" in value and "y_l0" in value
    size = [value.get(key) for key in ("width", "height")]
    is_sized = all(isinstance(side, int) and not isinstance(side, bool) for side in size)
    if is_sized and not is_placed:  # by any ending, since a picture of another size is refused
        slide = PurePosixPath(slide.replace("\\", "/")).stem
    return _Image(
        slide=slide,
        left_l0=pixels(value["x_l0"], "x_l0") if is_placed else 0.0,
        top_l0=pixels(value["y_l0"], "y_l0") if is_placed else 0.0,
        is_placed=is_placed,
        size=(pixels(size[0], "width"), pixels(size[1], "height")) if is_sized else None,
    )


def _category_from(value: Mapping[str, Any]) -> tuple[str, str | None]:
    name = plain_text(value.get("name"), what="name")
    if name is None:
        raise ValueError("has no name")
    return name, plain_text(value.get("supercategory"), what="supercategory")


def _image_of(slide: SlideInfo, number: int, frame: Frame) -> dict[str, Any]:
    left, top = origin_of(slide, frame)
    is_cut = slide.bounds is not None and frame == frame_of(slide) == "bounds"
    box = slide.bounds if is_cut else None
    return {
        "id": number,
        "file_name": slide.slide_id + PurePosixPath(slide.path.replace("\\", "/")).suffix,
        "width": round(box.width_l0) if box else slide.width_l0,
        "height": round(box.height_l0) if box else slide.height_l0,
        "slide": slide.slide_id,
        "x_l0": left,
        "y_l0": top,
        "mpp": slide.mpp,
    }


def _annotations(
    labels: Sequence[Label],
    readers: Sequence[ReaderId],
    image_of: Mapping[SlideId, int],
    origin_of_slide: Mapping[SlideId, tuple[float, float]],
) -> Iterator[dict[str, Any]]:
    first_of = {reader: 3 * place + 1 for place, reader in enumerate(readers)}
    half = BOX_PX // 2
    for number, label in enumerate(labels):
        left, top = origin_of_slide[label.cell.slide_id]
        x, y = round(label.cell.x_l0 - left, 6), round(label.cell.y_l0 - top, 6)
        facts = {key: value for key, value in facts_of(label).items() if key != "reader"}
        category = CATEGORIES.index(_category_of(label.expression))
        yield {
            "id": number,  # from 0: the toolkit asks for annotation 0
            "image_id": image_of[label.cell.slide_id],
            "category_id": first_of[label.reader] + category,
            "bbox": [round(x - half, 6), round(y - half, 6), BOX_PX, BOX_PX],
            "area": BOX_PX * BOX_PX,
            "iscrowd": 0,
            "keypoints": [x, y, 2],
            "num_keypoints": 1,
            "rimlight": {"expression": label.expression.value, **facts},
        }
