"""Small studies for tests: slides as records, without files behind them."""

from dataclasses import replace

from rimlight.io.journal import append_labels, current_labels
from rimlight.io.store import put_slides
from rimlight.io.study import Study, create_study
from rimlight.records import Cell, Expression, Label, Region, RegionKind, SlideInfo


def slide_info(slide_id="s1", **changes) -> SlideInfo:
    """A slide wider than high, so that exchanged axes show; 0.25 um per pixel."""
    facts = {
        "case_id": f"case of {slide_id}",
        "path": f"/slides/{slide_id}.svs",
        "fingerprint": f"sha256 of {slide_id}",
        "format": "svs",
        "width_l0": 2000,
        "height_l0": 1000,
        "mpp": 0.25,
        "mpp_source": "file",
        "assay": "22c3-nsclc",
        "scanner": "",
        "white": (240.0, 241.0, 242.0),
        "is_white_estimated": True,
        "bounds": None,
    }
    return SlideInfo(slide_id=slide_id, **(facts | changes))


def study_of(folder, *slides: SlideInfo) -> Study:
    """A study with these slides, or with one slide ``s1``."""
    study = create_study(folder)
    put_slides(study.engine, slides or [slide_info()])
    return study


def label_of(number=1, expression="weak", reader="anna", **changes) -> Label:
    """The label of cell ``c<number>`` at x = 10 number, y = 5 number."""
    slide_id = changes.pop("slide_id", "s1")
    cell = Cell(cell_id=f"c{number}", slide_id=slide_id, x_l0=10.0 * number, y_l0=5.0 * number)
    facts = {
        "label_id": f"{slide_id}-{number}-{expression}-{reader}",
        "cell": cell,
        "reader": reader,
        "expression": Expression(expression),
        "made_at": "2026-03-01T10:00:00Z",
        "source": "test.csv",
    }
    return Label(**(facts | changes))


def region_of(slide_id="s1", kind="include", **changes) -> Region:
    """A region wider than high, 400 x 100 px with its corner at 200, 50; x and y never fit."""
    ring = ((200.0, 50.0), (600.0, 50.0), (600.0, 150.0), (200.0, 150.0))
    facts = {
        "region_id": "0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a01",
        "name": "Region 1",
        "kind": RegionKind(kind),
        "polygons": ((ring,),),
        "reader": "anna",
        "source": "test.geojson",
    }
    return Region(slide_id=slide_id, **(facts | changes))


def filled(study, *, reader):
    """Labels of two readers on three slides, one at a place of no round numbers."""
    labels = [
        label_of(n, list(Expression)[n % 5], name, slide_id=slide)
        for slide in ("s1", "s2", "m1")
        for name in ("anna", reader)
        for n in range(22, 40)
    ]
    labels = [
        replace(label, cell=replace(label.cell, cell_id=f"{label.cell.slide_id}-{n}"))
        for n, label in enumerate(labels)
    ]
    labels[0] = replace(labels[0], cell=replace(labels[0].cell, x_l0=1 / 3, y_l0=999.123456))
    append_labels(study.engine, labels)
    return labels


def facts_of(study):
    """What is known of every label but its place."""
    return sorted(
        (x.label_id, x.cell.cell_id, x.cell.slide_id, x.reader, x.expression.value, x.made_at)
        for x in current_labels(study.engine)
    )


def places_of(study):
    """Where each label lies, x and y in level-0 pixels."""
    labels = current_labels(study.engine)
    return {label.label_id: (label.cell.x_l0, label.cell.y_l0) for label in labels}
