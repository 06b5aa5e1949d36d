"""Labels as Parquet, with the columns of our CSV: for DuckDB, pandas and others.

Needs pyarrow, which comes with ``pip install "rimlight[parquet]"``.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rimlight.errors import LabelFileError
from rimlight.io.files import whole_file
from rimlight.io.formats.gathering import Gathered, pixels, pixels_of_text
from rimlight.io.formats.label_tables import (
    HEADER,
    frame_of_headings,
    label_columns,
    record_of,
    row_of,
)
from rimlight.io.formats.packing import MAX_BYTES
from rimlight.io.formats.points import MAX_TEXT, PointFile
from rimlight.records import CaseId, Label, SlideId

_BATCH_ROWS = 16_384
_NUMBERS = ("x_l0", "y_l0")
_METADATA = {"rimlight": '{"version":1,"frame":"level0","research_use_only":true}'}
_THRIFT_LIMIT = 16 * 2**20


def read_label_parquet(path: Path) -> PointFile:
    """Read point labels from a Parquet file; columns are named as in our CSV.

    Raises:
        LabelFileError: The file is absent, damaged or too large, lacks a column it needs, or
            pyarrow is not installed.
    """
    arrow, parquet = _pyarrow(path)
    gathered = Gathered(path=Path(path))
    _refuse_large(gathered.path)
    hashed = hashlib.sha256()
    try:
        with parquet.ParquetFile(
            path,
            thrift_string_size_limit=_THRIFT_LIMIT,
            thrift_container_size_limit=_THRIFT_LIMIT // 16,
        ) as file:
            header = [str(name) for name in file.schema_arrow.names]
            _refuse_doubled(header, path)
            nested = {field.name for field in file.schema_arrow if field.type.num_fields}
            column_of = label_columns(header, path)
            gathered.refuse_too_many(file.metadata.num_rows)
            names = [header[place] for place in column_of.values()]
            if nested & set(names):
                raise ValueError(f"its column {min(nested & set(names))!r} is nested")
            if _unpacked_bytes(file.metadata, names) > MAX_BYTES:
                raise ValueError(f"its columns unpack to more than {MAX_BYTES // 2**20} MiB")
        texts = [name for field, name in zip(column_of, names, strict=True) if field not in "xy"]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            for number, said in enumerate(_rows(file, column_of, names), start=1):
                hashed.update(repr(list(said.items())).encode(errors="replace"))
                _take(gathered, said, f"row {number}")
    except (arrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise LabelFileError(
            f"{path}: is no sound Parquet file: {reason}; write it again"
        ) from error
    read = gathered.file(hashed.hexdigest(), {})
    frame = frame_of_headings(header, column_of)
    return PointFile(items=read.items, content_hash=read.content_hash, frame=frame)


def write_label_parquet(
    path: Path, labels: Iterable[Label], *, case_of_slide: Mapping[SlideId, CaseId]
) -> int:
    """Write labels as Parquet in batches, whole or not at all, and return how many there were.

    Raises:
        LabelFileError: pyarrow is not installed.
        StorageError: The disk refuses.
    """
    arrow, parquet = _pyarrow(path)
    columns = [
        arrow.field(name, arrow.float64() if name in _NUMBERS else arrow.string())
        for name in HEADER
    ]
    schema = arrow.schema(columns, metadata=_METADATA)
    rows = (row_of(label, case_of_slide) for label in labels)
    n_rows = 0
    with (
        whole_file(path) as handle,
        parquet.ParquetWriter(handle, schema, compression="zstd") as writer,
    ):
        while batch := list(islice(rows, _BATCH_ROWS)):
            columns_of_batch = zip(*batch, strict=True)
            arrays = [
                arrow.array(list(values), type=field.type)
                for values, field in zip(columns_of_batch, schema, strict=True)
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            n_rows += len(batch)
    return n_rows


def _unpacked_bytes(metadata: Any, names: list[str]) -> int:
    """Return how large the file says that these columns are at most when unpacked.

    Single columns are asked only where all of them together are too large: of a column with
    damaged size statistics pyarrow ends the process instead of raising.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    of_all = sum(int(group.total_byte_size) for group in groups)
    if of_all <= MAX_BYTES:
        return of_all
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    return sum(
        int(chunk.total_uncompressed_size) for chunk in chunks if chunk.path_in_schema in names
    )


def _rows(file: Any, column_of: Mapping[str, int], names: list[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
        batch.validate(full=True)  # pyarrow trusts the numbers of a dictionary until then
        columns = [_values(batch.column(name)) for name in names]
        for cells in zip(*columns, strict=True):
            yield dict(zip(column_of, cells, strict=True))


def _values(column: Any) -> list[Any]:
    """Return the values of a column; a text that stands often is one object, and cut if long."""
    if not hasattr(column, "dictionary"):
        return [_cut(value) for value in column.to_pylist()]
    words = [_cut(word) for word in column.dictionary.to_pylist()]
    return [None if place is None else words[place] for place in column.indices.to_pylist()]


def _cut(value: Any) -> Any:
    return value[: MAX_TEXT + 1] if isinstance(value, str) else value


def _take(gathered: Gathered, said: Mapping[str, Any], place: str) -> None:
    try:
        x, y = (_coordinate(said[axis], axis) for axis in "xy")
        time = said.get("time")
        if isinstance(time, datetime):
            said = {**said, "time": time.isoformat()}
        gathered.take(record_of(said, place=place, x=x, y=y))
    except ValueError as error:
        gathered.fault(place, error)


def _coordinate(value: Any, axis: str) -> float:
    return pixels_of_text(value, axis) if isinstance(value, str) else pixels(value, axis)


def _refuse_doubled(header: list[str], path: Path) -> None:
    doubled = sorted(name for name, n_times in Counter(header).items() if n_times > 1)
    if doubled:
        raise LabelFileError(f"{path}: the column {doubled[0]!r} stands twice; rename one")


def _refuse_large(path: Path) -> None:
    try:
        n_bytes = path.stat().st_size
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read: {error.strerror}; give the path of a Parquet file"
        ) from error
    if n_bytes > MAX_BYTES:
        raise LabelFileError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; split it")


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise LabelFileError(
            f'{path}: Parquet needs pyarrow; pip install "rimlight[parquet]", or use a .csv file'
        ) from error
    return pyarrow, pyarrow.parquet
