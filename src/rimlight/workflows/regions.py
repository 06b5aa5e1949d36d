"""Regions of slides in from foreign files: what each is for, where it lies, what it is called."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from rimlight.core.regions import sound_polygons
from rimlight.errors import LabelFileError
from rimlight.io.database import writing
from rimlight.io.formats.asap_regions import read_asap_regions
from rimlight.io.formats.drawn_regions import (
    KIND_OF_CLASS,
    DrawnRegion,
    RegionFile,
    folded,
    kind_of_class,
)
from rimlight.io.formats.points import Fault, Frame, plain_text
from rimlight.io.formats.qupath_regions import read_qupath_regions
from rimlight.io.regions import current_regions, put_regions
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import (
    CaseId,
    Polygon,
    ReaderId,
    Region,
    RegionId,
    RegionKind,
    SlideId,
    SlideInfo,
)
from rimlight.workflows.placing import Wording, ground_of, origin_in

_MAX_NAMES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRegions:
    """What an import did; notes: what was repaired or left out, and faults that were skipped."""

    slide: SlideId
    n_new: int
    n_known: int
    n_of_kind: Mapping[str, int]
    notes: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionWording:
    """What the user says of a file: which slide, who drew, where it counts from, what it means.

    include, exclude: classes that mean it, beside the table; they go before it.
    """

    slide: str | None = None
    reader: str | None = None
    frame: Frame | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def kind(self, drawn: DrawnRegion) -> RegionKind | None:
        """Return what a region is for; None for a class that nobody explained."""
        if drawn.is_core:
            return RegionKind.CORE
        if drawn.class_name is None:
            return RegionKind.INCLUDE
        own = dict.fromkeys(map(folded, self.include), RegionKind.INCLUDE)
        own |= dict.fromkeys(map(folded, self.exclude), RegionKind.EXCLUDE)
        return own.get(folded(drawn.class_name)) or kind_of_class(drawn.class_name)


def import_regions(
    study: Study,
    path: Path,
    *,
    wording: RegionWording | None = None,
    skip_faults: bool = False,
) -> ImportedRegions:
    """Put the regions of a file into the study, all of them or none.

    Importing a file again changes nothing. A region that was changed in its program takes the
    place of what stood, and one that was withdrawn stands again.

    Args:
        study: The slide must be in it.
        path: GeoJSON of QuPath, or XML of ASAP.
        wording: What the file does not say itself.
        skip_faults: Put the sound regions and report the others.

    Raises:
        LabelFileError: The file has faults, or classes that nobody explained.
        StorageError: The disk refuses, and nothing was imported.
    """
    path, wording = Path(path), wording or RegionWording()
    name = path.name.encode(errors="replace").decode()
    is_xml = path.name.lower().removesuffix(".gz").endswith(".xml")
    file = read_asap_regions(path) if is_xml else read_qupath_regions(path)
    said = Wording(file=name, slide=wording.slide, frame=wording.frame)
    ground = ground_of(file.about, slides(study.engine), said)
    info = ground.slide
    if info is None:
        raise LabelFileError(f"{name}: does not say which slide it is of; name it with --slide")
    left_l0, top_l0 = origin_in(info, ground)
    if not file.items:
        noted = f", only {len(file.notes)} other objects" if file.notes else ""
        raise LabelFileError(f"{name}: holds no regions{noted}; export annotations with an area")
    _refuse_unknown(name, file, wording)
    origin = _Origin(info=info, left_l0=left_l0, top_l0=top_l0, file=name, wording=wording)
    with writing(study.engine) as transaction:
        placed = _placed(file.items, origin, current_regions(transaction, info.slide_id))
        if placed.faults and not (skip_faults and placed.regions):
            raise LabelFileError(
                f"{name}: {_how_many(placed.faults)}; nothing was imported; correct the file, or "
                "take the sound regions with --skip-faults",
                tuple(map(str, placed.faults)),
            )
        n_new = put_regions(transaction, placed.regions)
    return ImportedRegions(
        slide=info.slide_id,
        n_new=n_new,
        n_known=len(placed.regions) - n_new,
        n_of_kind=Counter(region.kind.value for region in placed.regions),
        notes=(*file.notes, *placed.notes),
        faults=tuple(map(str, placed.faults)),
    )


def region_id_of(slide: SlideInfo, *facts: object) -> RegionId:
    """Return the id of a region that no program gave one: the same for the same facts."""
    text = "/".join(map(repr, facts))
    return RegionId(str(uuid5(NAMESPACE_URL, f"rimlight/region/{slide.fingerprint}/{text}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What holds for all regions of one file."""

    info: SlideInfo
    left_l0: float
    top_l0: float
    file: str
    wording: RegionWording


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    regions: tuple[Region, ...]
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]


def _placed(
    items: Iterable[DrawnRegion | Fault], origin: _Origin, standing: Sequence[Region]
) -> _Placed:
    """Return the regions of a file on their slide, each under a name of its own."""
    found: dict[RegionId, tuple[DrawnRegion, Region, str | None]] = {}
    notes, faults = [], []
    for item in items:
        try:
            if isinstance(item, Fault):
                raise ValueError(item.reason)  # noqa: TRY004
            region, note = _on_slide(item, origin)
            if region.region_id in found:
                first = found[region.region_id][0]
                raise ValueError(f"is the same region as {first.place}")
            found[region.region_id] = (item, region, note)
        except ValueError as error:
            faults.append(Fault(place=item.place, reason=str(error)))
    before = {region.region_id: region for region in standing}
    names = {region.name for region in standing if region.region_id not in found}
    regions = []
    # Names that the file gives go before names that we make up.
    for item, region, note in sorted(found.values(), key=lambda each: each[0].name is None):
        name = _own_name(region.name, item, before.get(region.region_id), names)
        names.add(name)
        regions.append(replace(region, name=name))
        if item.name is not None and name != item.name and region.region_id not in before:
            said = f"the slide has a region {item.name!r}; withdraw that if this is the same"
            note = f"{note}; {said}" if note else said
        if note:
            notes.append(f"{item.place}: {name}: {note}")
    place = {region_id: number for number, region_id in enumerate(found)}
    regions.sort(key=lambda region: place[region.region_id])
    return _Placed(regions=tuple(regions), notes=tuple(notes), faults=tuple(faults))


def _on_slide(item: DrawnRegion, origin: _Origin) -> tuple[Region, str | None]:
    info, wording = origin.info, origin.wording
    shifted = _shifted(item.polygons, origin.left_l0, origin.top_l0)
    polygons, note = sound_polygons(shifted, width_l0=info.width_l0, height_l0=info.height_l0)
    kind = wording.kind(item)
    if kind is None:
        raise ValueError(f"the class {item.class_name!r} is not known")
    reader = item.reader or plain_text(wording.reader, what="reader") or ""
    facts = (item.name, item.class_name, item.is_core, shifted)
    region = Region(
        region_id=RegionId(item.uuid) if item.uuid else region_id_of(info, *facts),
        slide_id=info.slide_id,
        name=item.name or _class_words(item),
        kind=kind,
        polygons=polygons,
        reader=ReaderId(reader),
        source=origin.file,
        case_id=CaseId(item.case) if item.case else None,
        is_missing=item.is_missing,
    )
    return region, note


def _shifted(polygons: Iterable[Polygon], left_l0: float, top_l0: float) -> tuple[Polygon, ...]:
    return tuple(
        tuple(tuple(_corner(x + left_l0, y + top_l0) for x, y in ring) for ring in polygon)
        for polygon in polygons
    )


def _corner(x_l0: float, y_l0: float) -> tuple[float, float]:
    """Return a corner as files keep it, so that what is written and read again is the same."""
    return round(x_l0, 6), round(y_l0, 6)


def _class_words(item: DrawnRegion) -> str:
    """Return what a region without a name is called, before its number."""
    if item.is_core:
        return "Core"
    return (item.class_name or "").rstrip("* ") or "Region"


def _own_name(wanted: str, item: DrawnRegion, before: Region | None, names: Collection[str]) -> str:
    """Return the name that stood, where it fits still; else a new one, numbered if it is taken."""
    if before is not None and before.name not in names:
        start, _, last = before.name.rpartition(" ")
        if before.name == wanted or (start == wanted and last.isdecimal()):
            return before.name
    if item.name is not None and wanted not in names:
        return wanted
    number = 1 if item.name is None else 2
    while f"{wanted} {number}" in names:
        number += 1
    return f"{wanted} {number}"


def _refuse_unknown(name: str, file: RegionFile, wording: RegionWording) -> None:
    drawn = [item for item in file.items if isinstance(item, DrawnRegion)]
    unknown = Counter(item.class_name for item in drawn if wording.kind(item) is None)
    if not unknown:
        return
    shown = ", ".join(f"{each!r} ({unknown[each]})" for each in list(unknown)[:_MAX_NAMES])
    first = next(iter(unknown))
    raise LabelFileError(
        f'{name}: say what these classes mean, {shown}, with --include "{first}" or --exclude '
        f'"{first}"; known are {", ".join(KIND_OF_CLASS)}; nothing was imported'
    )


def _how_many(faults: Sequence[Fault]) -> str:
    return str(faults[0]) if len(faults) == 1 else f"{len(faults)} faults"
