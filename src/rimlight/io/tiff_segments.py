"""One tile or strip of a TIFF: decoded within a budget, never further than it must be."""

import struct
from math import ceil
from typing import Any

import imagecodecs
import numpy as np

from rimlight.io.rasters import Rgb
from rimlight.io.tiff_directories import MAX_SEGMENT_BYTES

_JPEG = (7,)
_JPEG_2000 = (33003, 33004, 33005, 34712)
_DECODER_OF_COMPRESSION = {
    5: imagecodecs.lzw_decode,
    8: imagecodecs.zlib_decode,
    32946: imagecodecs.zlib_decode,
    50000: imagecodecs.zstd_decode,
}
COMPRESSIONS = frozenset((1, *_JPEG, *_JPEG_2000, *_DECODER_OF_COMPRESSION))


def segment_shape(page: Any) -> tuple[int, int]:
    """Return rows and columns of a full tile, or of a full strip."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def decoded_segment(page: Any, number: int) -> Rgb:
    """Return one tile or strip (h, w, 3) of a page of tifffile.

    Colours that are stored apart are put together; a tile that was left out is white.

    Raises:
        ValueError: The segment is not of the size it must have, or too large; others may come
            from the decoder itself.
    """
    key = page.keyframe
    if int(key.planarconfig) != 2:
        return _stored_segment(page, number)
    n_tiles = len(page.dataoffsets) // 3
    return np.concatenate([_stored_segment(page, number + s * n_tiles) for s in range(3)], axis=2)


def _stored_segment(page: Any, number: int) -> Rgb:
    """Return one stored segment; nothing is inflated beyond the size it must have."""
    key = page.keyframe
    rows, columns = segment_shape(key)
    n_samples = 1 if int(key.planarconfig) == 2 else 3
    n_bytes = rows * columns * n_samples
    length = page.databytecounts[number]
    if max(n_bytes, length) > MAX_SEGMENT_BYTES:
        raise ValueError(f"it needs {max(n_bytes, length) >> 20} MB")
    if length == 0:
        return np.full((rows, columns, n_samples), 255, dtype=np.uint8)
    page.parent.filehandle.seek(page.dataoffsets[number])
    data = page.parent.filehandle.read(length)
    compression = int(key.compression)
    if compression in (*_JPEG, *_JPEG_2000):
        if _coded_size(data, compression) not in ((rows, columns), _shape_of(key, number)):
            raise ValueError(f"its own size is {_coded_size(data, compression)}")
        array = key.decode(data, number, jpegtables=key.jpegtables)[0]
        return np.asarray(array.reshape(-1, array.shape[-2], array.shape[-1]))
    if compression != 1:
        data = _DECODER_OF_COMPRESSION[compression](data, out=n_bytes)
    if not key.is_tiled:
        rows = _shape_of(key, number)[0]
    segment = np.frombuffer(data, np.uint8, count=rows * columns * n_samples)
    segment = segment.reshape(rows, columns, n_samples)
    return np.cumsum(segment, axis=1, dtype=np.uint8) if key.predictor == 2 else segment


def _shape_of(page: Any, number: int) -> tuple[int, int]:
    """Return rows and columns of a segment without what reaches beyond the image."""
    rows, columns = segment_shape(page)
    n_across = ceil(page.imagewidth / columns)
    n_down = ceil(page.imagelength / rows)
    row, column = divmod(number % (n_across * n_down), n_across)
    return (
        min(rows, page.imagelength - row * rows),
        min(columns, page.imagewidth - column * columns),
    )


def _coded_size(data: bytes, compression: int) -> tuple[int, int]:
    """Return rows and columns that a JPEG or JPEG 2000 stream itself declares."""
    if compression in _JPEG_2000:
        at = data.index(b"\xff\x4f\xff\x51")
        width, height, left, top = struct.unpack(">4I", data[at + 8 : at + 24])
        return height - top, width - left
    at = 2
    while data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">2H", data[at + 5 : at + 9])
            return height, width
        at += 2 + length
    raise ValueError("it has no frame")
