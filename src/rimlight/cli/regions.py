"""The verbs of regions and tissue arrays: regions, dearray."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer, say
from rimlight.errors import StudyError
from rimlight.io.formats.points import Frame

if TYPE_CHECKING:
    from rimlight.io.study import Study
    from rimlight.records import Region
    from rimlight.workflows.regions import RegionWording

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Regions: .geojson of QuPath, .xml of ASAP."),
]
SlideId = Annotated[str | None, typer.Option("--slide", metavar="ID", help="The slide.")]
Reader = Annotated[str | None, typer.Option(help="Who drew, or withdraws, the regions.")]
FrameOfFile = Annotated[
    Frame | None, typer.Option(help="Where x and y count from, if the file does not say it.")
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="CLASS", help="Cells in it count alone; repeat it."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="CLASS", help="Cells in it do not count; repeat it."),
]
SkipFaults = Annotated[
    bool, typer.Option("--skip-faults", help="Import the sound regions and list the others.")
]
Withdrawn = Annotated[
    list[str] | None,
    typer.Option("--withdraw", metavar="NAME", help="A region that is to stand no more."),
]
Exported = Annotated[
    Path | None, typer.Option("--export", metavar="FILE", help="Write .geojson, or a folder.")
]
Cases = Annotated[
    Path | None,
    typer.Option("--cases", metavar="CSV", help="Table core, case of the cores of --slide."),
]


def regions(
    study: StudyFolder,
    files: Files = None,
    *,
    slide: SlideId = None,
    reader: Reader = None,
    frame: FrameOfFile = None,
    include: Include = None,
    exclude: Exclude = None,
    skip_faults: SkipFaults = False,
    withdraw: Withdrawn = None,
    export: Exported = None,
    cases: Cases = None,
    as_json: AsJson = False,
) -> None:
    """Take in regions of slides, withdraw or write them; without any of these, list them."""
    from rimlight.io.study import open_study
    from rimlight.workflows.regions import RegionWording
    from rimlight.workflows.standing_regions import (
        export_regions,
        put_cases,
        withdraw_regions_named,
    )

    opened = open_study(study)
    if sum(bool(given) for given in (files, withdraw, export, cases)) > 1:
        raise StudyError("regions: does one thing at a time; give files, or one of its options")
    if (withdraw or cases) and slide is None:
        raise StudyError("regions: name the slide with --slide")
    if files:
        wording = RegionWording(
            slide=slide, reader=reader, frame=frame, include=include or (), exclude=exclude or ()
        )
        facts, text = _imported(opened, files, wording, skip_faults)
    elif withdraw:
        n_withdrawn = withdraw_regions_named(opened, withdraw, slide=str(slide), reader=reader)
        facts, text = {"n_withdrawn": n_withdrawn}, f"{n_withdrawn} regions withdrawn"
    elif export:
        n_regions = export_regions(opened, export, slide=slide, frame=frame)
        facts = {"file": str(export), "n_regions": n_regions}
        text = f"{export}: {n_regions} regions"
    elif cases:
        n_cores = put_cases(opened, cases, slide=str(slide))
        facts, text = {"n_cores": n_cores}, f"{n_cores} cores have their case"
    else:
        facts, text = _listed(opened, slide)
    answer(facts, text, as_json=as_json)


def dearray(
    study: StudyFolder,
    slide: Annotated[str, typer.Option("--slide", metavar="ID", help="The slide.")],
    *,
    core_um: Annotated[
        float | None,
        typer.Option("--core-um", min=50, help="Diameter of a core in um; else measured."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, help="Rows of the array; else those seen.")
    ] = None,
    columns: Annotated[
        int | None, typer.Option("--columns", min=1, help="Columns of the array; else those seen.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="CSV", help="Table core, case.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find and name the cores of a tissue array, and keep them as regions of the slide."""
    from rimlight.io.study import open_study
    from rimlight.workflows.dearray import dearray as found_on
    from rimlight.workflows.standing_regions import put_cases

    opened = open_study(study)
    found = found_on(opened, slide, core_um=core_um, n_rows=rows, n_columns=columns)
    n_cases = 0 if cases is None else put_cases(opened, cases, slide=slide)
    text = (
        f"{slide}: {found.n_rows} x {found.n_columns} cores of {found.core_um:.0f} um, turned by "
        f"{found.turn_deg:.1f} degrees, {found.n_missing} missing; look at them in QuPath: "
        f"rimlight regions {study} --slide {slide} --export cores.geojson"
    )
    answer({**asdict(found), "n_cases": n_cases}, text, as_json=as_json)


def _imported(
    study: "Study", files: Sequence[Path], wording: "RegionWording", skip_faults: bool
) -> tuple[dict[str, Any], str]:
    from rimlight.workflows.regions import import_regions

    found = []
    for file in files:
        found.append(import_regions(study, file, wording=wording, skip_faults=skip_faults))
        for sentence in (*found[-1].notes, *found[-1].faults):
            say(f"{file.name}: {sentence}")
    kinds = {
        kind: sum(item.n_of_kind.get(kind, 0) for item in found)
        for kind in ("include", "exclude", "core")
    }
    numbers = {
        "n_new": sum(item.n_new for item in found),
        "n_known": sum(item.n_known for item in found),
        "n_faults": sum(len(item.faults) for item in found),
        "n_of_kind": kinds,
    }
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.items() if n)
    text = f"{numbers['n_new']} regions imported, {numbers['n_known']} known already ({shown})"
    text += f"; {numbers['n_faults']} skipped" if skip_faults else ""
    notes = [sentence for item in found for sentence in (*item.notes, *item.faults)]
    return {"files": [str(file) for file in files], **numbers, "notes": notes}, text


def _listed(study: "Study", slide: str | None) -> tuple[dict[str, Any], str]:
    from rimlight.io.regions import current_regions

    found = [each for each in current_regions(study.engine) if slide in (None, each.slide_id)]
    found.sort(key=lambda region: str(region.slide_id))
    lines = [_line(region) for region in found]
    lines.append(f"{len(found)} regions on {len({each.slide_id for each in found})} slides")
    rows = [
        {
            "slide": each.slide_id,
            "name": each.name,
            "kind": each.kind.value,
            "case": each.case_id,
            "reader": each.reader,
            "source": each.source,
            "is_missing": each.is_missing,
            "area_l0": _area(each),
        }
        for each in found
    ]
    return {"regions": rows}, "\n".join(lines)


def _line(region: "Region") -> str:
    words = [region.kind.value, f"{_area(region):.0f} square px"]
    words += [f"case {region.case_id}"] if region.case_id else []
    words += ["too little tissue"] if region.is_missing else []
    words += [f"by {region.reader}"] if region.reader else []
    return f"{region.slide_id}: {region.name}: {', '.join(words)}, from {region.source}"


def _area(region: "Region") -> float:
    from rimlight.core.regions import area_l0

    return area_l0(region)
