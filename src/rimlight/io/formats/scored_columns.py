"""Scored cells as columns for tables: CSV, Parquet and AnnData hold the same ones."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.io.files import whole_file
from rimlight.io.formats.packing import packed_file
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.tables import cell_text, quoted
from rimlight.records import SlideInfo

SCORED_COLUMNS = (
    "case",
    "slide",
    "x_l0",
    "y_l0",
    "x_um",
    "y_um",
    "logit",
    "probability",
    "call",
    "level",
    "od_ring",
    "excluded",
)
_TEXT = ("case", "slide", "excluded")


def scored_columns(cells: ScoredCells, slide: SlideInfo) -> dict[str, np.ndarray]:
    """Return the columns of ``SCORED_COLUMNS``; texts are arrays of objects.

    Level-0 pixels and um count from the corner of level 0. ``level`` is nan where the run has no
    levels and the cell is positive, ``od_ring`` where nothing was measured.
    """
    n = len(cells)
    names = np.array(cells.reasons, dtype=object)
    has_level = cells.has_levels | (cells.level == 0)
    return {
        "case": np.full(n, str(slide.case_id), dtype=object),
        "slide": np.full(n, str(slide.slide_id), dtype=object),
        "x_l0": cells.x_l0,
        "y_l0": cells.y_l0,
        "x_um": cells.x_l0 * slide.mpp,
        "y_um": cells.y_l0 * slide.mpp,
        "logit": cells.logit,
        "probability": cells.probability,
        "call": (cells.level > 0).astype(np.int8),
        "level": np.where(has_level, cells.level, np.nan),
        "od_ring": cells.od_ring,
        "excluded": names[cells.reason] if n else np.empty(0, dtype=object),
    }


def scored_facts(slide: SlideInfo | None, run_id: str) -> dict[str, Any]:
    """Return what a file of scored cells says of itself."""
    facts: dict[str, Any] = {"version": 1, "run": run_id, "frame": "level0"}
    if slide is not None:
        facts |= {
            "slide": slide.slide_id,
            "slide_hash": slide.fingerprint,
            "mpp": slide.mpp,
        }
    return facts | {"research_use_only": True}


def write_scored_csv(path: Path, slides: Iterable[tuple[SlideInfo, ScoredCells]]) -> int:
    """Write the cells of slides as one table, whole or not at all, and return how many.

    Raises:
        StorageError: The disk refuses.
    """
    n_cells = 0
    with packed_file(path) as packed:
        packed.write((",".join(SCORED_COLUMNS) + "\n").encode())
        for slide, cells in slides:
            before = ",".join(quoted(cell_text(text)) for text in (slide.case_id, slide.slide_id))
            columns = scored_columns(cells, slide)
            lists = {name: columns[name].tolist() for name in SCORED_COLUMNS[2:]}
            lists["level"] = [None if level != level else int(level) for level in lists["level"]]
            rows = zip(*lists.values(), strict=True)
            packed.writelines(
                f"{before},{','.join(cell_text(value, n_digits=None) for value in row)}\n".encode()
                for row in rows
            )
            n_cells += len(cells)
    return n_cells


def write_scored_parquet(
    path: Path, slides: Iterable[tuple[SlideInfo, ScoredCells]], *, run_id: str
) -> int:
    """Write the cells of slides as one Parquet file, a row group or more a slide.

    Raises:
        LabelFileError: pyarrow is not installed.
        StorageError: The disk refuses.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise LabelFileError(
            f'{path}: Parquet needs pyarrow; pip install "rimlight[parquet]", or use a .csv file'
        ) from error
    schema = _schema(pyarrow, {"rimlight": json.dumps(scored_facts(None, run_id))})
    n_cells = 0
    with (
        whole_file(path) as handle,
        pyarrow.parquet.ParquetWriter(handle, schema, compression="zstd") as writer,
    ):
        for slide, cells in slides:
            writer.write_table(_table(pyarrow, scored_columns(cells, slide), schema))
            n_cells += len(cells)
    return n_cells


def _schema(arrow: Any, metadata: Mapping[str, str]) -> Any:
    words = arrow.dictionary(arrow.int32(), arrow.string())
    types = dict.fromkeys(SCORED_COLUMNS, arrow.float64())
    types |= dict.fromkeys(_TEXT, words)
    types |= {"call": arrow.bool_(), "level": arrow.int8()}
    types |= dict.fromkeys(("logit", "probability", "od_ring"), arrow.float32())
    return arrow.schema([arrow.field(name, kind) for name, kind in types.items()], metadata)


def _table(arrow: Any, columns: Mapping[str, np.ndarray], schema: Any) -> Any:
    """Return an arrow table; nan is null, and so is an empty reason."""
    arrays = []
    for field in schema:
        values = columns[field.name]
        if field.name in _TEXT:
            texts = [text or None for text in values.tolist()]
            array = arrow.array(texts, type=arrow.string()).dictionary_encode()
        else:
            is_missing = np.isnan(values) if values.dtype.kind == "f" else None
            array = arrow.array(values, mask=is_missing).cast(field.type, safe=False)
        arrays.append(array)
    return arrow.table(arrays, schema=schema)
