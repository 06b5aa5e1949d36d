"""A trained synthetic study with slides of any number of candidates, for measurements of scale.

A large slide is a mosaic: synthetic fields of several cases, laid side by side and turned over, on
glass, written as a pyramidal TIFF band by band. So its cells repeat; what they cost does not.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from synthetic_scores import label_others

from rimlight.io.pyramids import write_pyramid_rows
from rimlight.io.store import slides
from rimlight.io.study import Study, create_study, open_study
from rimlight.records import SlideInfo
from rimlight.settings import Settings
from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.field import render_field
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.register import SlideEntry, entries_of_manifest, register_slides
from rimlight.workflows.synth import write_synthetic_study
from rimlight.workflows.train import train

LABELLED = SynthSettings(
    seed=101, n_cases=10, n_slides=10, n_cells=1000, width_um=300, height_um=300
)
PAINTED = SynthSettings(seed=102, n_cases=6, n_slides=6)
FIRST_GUESS = 1500
"""Candidates that a field of the default size holds, about; counted on the smallest slide."""
_GLASS = 245
_BAND_PX = 256
_JPEG_QUALITY = 85


def trained_study(work: Path, *, n_epochs: int, n_threads: int) -> Study:
    """Return a small study with a network of the default size and labels `other`; made once."""
    place = work / "study"
    if (place / "runs" / "0001" / "predictions.csv").exists():
        return open_study(place)
    shutil.rmtree(place, ignore_errors=True)
    if not (work / "synthetic").exists():
        write_synthetic_study(work / "synthetic", LABELLED)
    start = Settings()
    settings = replace(
        start,
        study=replace(start.study, name="score throughput", assay="synthetic"),
        train=replace(start.train, n_epochs=n_epochs, least_steps=10, n_threads=n_threads),
    )
    study = create_study(place, settings)
    register_slides(study, entries_of_manifest(work / "synthetic" / "cases.csv"))
    for path in sorted((work / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, path)
    train(study, command="benchmarks/score_throughput.py")
    label_others(study, work / "synthetic")
    return open_study(place)


def large_slide(study: Study, n_cells: int, *, a_field: float = FIRST_GUESS) -> SlideInfo:
    """Return a slide of about so many candidates; painted and registered once.

    Args:
        study: It is registered there, as a case of its own.
        n_cells: How many.
        a_field: Candidates that a field holds.
    """
    case = f"mosaic-{n_cells}"
    known = {info.case_id: info for info in slides(study.engine)}
    if case not in known:
        path = study.folder.parent / f"{case}.tiff"
        n_fields = ceil(n_cells / a_field)
        if not path.exists():
            fields = _fields()
            width, height = _size(fields, n_fields)
            bands = _bands(fields, n_fields, width)
            write_pyramid_rows(
                path, bands, width_px=width, height_px=height, mpp=MPP, quality=_JPEG_QUALITY
            )
        entry = SlideEntry(path=path, case=case, assay="synthetic", scanner=None, mpp=None)
        register_slides(study, [entry])
        known = {info.case_id: info for info in slides(study.engine)}
    return known[case]


def candidates_a_field(study: Study, info: SlideInfo) -> float:
    """Return how many candidates a field of a mosaic holds, by counting them."""
    n_fields = ceil(int(info.case_id.split("-")[1]) / FIRST_GUESS)
    return sum(len(tile) for tile in candidate_tiles(study, [info])) / n_fields


def _fields() -> list[np.ndarray]:
    return [
        render_field(
            case_look(PAINTED, case),
            PAINTED,
            size_um=(PAINTED.width_um, PAINTED.height_um),
            seed=(PAINTED.seed, 6, case, 1),
            has_glass=False,
        ).rgb
        for case in range(PAINTED.n_cases)
    ]


def _across(fields: list[np.ndarray], n_fields: int) -> int:
    height, width, _ = fields[0].shape
    return max(1, round(sqrt(n_fields * height / width)))


def _size(fields: list[np.ndarray], n_fields: int) -> tuple[int, int]:
    """Width and height in level-0 pixels, with a band of glass on every side."""
    height, width, _ = fields[0].shape
    across = _across(fields, n_fields)
    return across * width + 2 * _BAND_PX, ceil(n_fields / across) * height + 2 * _BAND_PX


def _bands(fields: list[np.ndarray], n_fields: int, width_px: int) -> Iterator[np.ndarray]:
    """Yield the mosaic as bands of rows, from the top."""
    height, width, _ = fields[0].shape
    across = _across(fields, n_fields)
    glass = np.full((_BAND_PX, width_px, 3), _GLASS, dtype=np.uint8)
    yield glass
    for row in range(ceil(n_fields / across)):
        numbers = range(row * across, min((row + 1) * across, n_fields))
        turned = [_turned(fields, number) for number in numbers]
        for top in range(0, height, _BAND_PX):
            band = glass[: min(_BAND_PX, height - top)].copy()
            for column, field in enumerate(turned):
                left = _BAND_PX + column * width
                band[:, left : left + width] = field[top : top + _BAND_PX]
            yield band
    yield glass


def _turned(fields: list[np.ndarray], number: int) -> np.ndarray:
    """Return one of the fields, turned over in one of four ways."""
    down, along = (-1 if number // n % 2 else 1 for n in (len(fields), 2 * len(fields)))
    return fields[number % len(fields)][::down, ::along]
