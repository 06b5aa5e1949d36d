"""Files spoilt at random, the same for the same seed: bits, bytes, pieces, numbers and words."""

import gzip
from collections.abc import Sequence

import numpy as np

WORDS = (
    b"NaN", b"1e999", b"-1e308", b"-1", b"0", b"99999999999999999999", b"null", b"true", b'""',
    b"\\ud800", b"\\u0000", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28", b"{", b"}", b"[",
    b"]", b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"[" * 300, b'{"a":' * 90, b"<", b">",
    b"</x>", b"<!DOCTYPE x [<!ENTITY e 'e'>]>", b"&e;", b"<![CDATA[", b"]]>", b"=1+1", b"../..",
    b"%s%n", b"1,5", b"1.5.5", b"weak", b"negative", b"s1", b"s9", b"Point", b"Polygon",
    b"coordinates", b"A" * 5000, b"9" * 5000, b"[]", b"{}", b"/>", b"&lt;", b"1_0", b"\xff",
    b"\xc3", b'"\\ud800"',
)  # fmt: skip
_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def mutant(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of the seeds with one to five changes; a gzip file is sometimes changed inside."""
    data = seeds[rng.integers(len(seeds))]
    is_packed = data[:2] == b"\x1f\x8b" and rng.random() < 0.7
    if is_packed:
        data = gzip.decompress(data)
    for _ in range(rng.integers(1, 6)):
        change = _CHANGES[rng.integers(len(_CHANGES))]
        data = change(data, seeds, rng)
    return gzip.compress(data, 1) if is_packed else data


def _place(data, rng):
    return int(rng.integers(len(data) + 1))


def _piece(data, rng):
    start = _place(data, rng)
    return start, min(len(data), start + int(rng.integers(1, 1 + min(400, max(1, len(data))))))


def _flip(data, _seeds, rng):
    changed = bytearray(data)
    for at in rng.integers(max(1, len(data)), size=rng.integers(1, 9)):
        if changed:
            changed[at] ^= 1 << rng.integers(8)
    return bytes(changed)


def _overwrite(data, _seeds, rng):
    start, end = _piece(data, rng)
    return data[:start] + bytes([_BYTES[rng.integers(len(_BYTES))]]) * (end - start) + data[end:]


def _remove(data, _seeds, rng):
    start, end = _piece(data, rng)
    return data[:start] + data[end:]


def _double(data, _seeds, rng):
    start, end = _piece(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 4)) + data[end:]


def _insert(data, _seeds, rng):
    at = _place(data, rng)
    return data[:at] + WORDS[rng.integers(len(WORDS))] + data[at:]


def _replace_number(data, _seeds, rng):
    digits = [at for at in range(len(data)) if data[at : at + 1].isdigit()]
    if not digits:
        return data
    start = end = digits[rng.integers(len(digits))]
    while data[end : end + 1].isdigit() or (data[end : end + 1] in b".-e" and end < len(data)):
        end += 1
    return data[:start] + WORDS[rng.integers(9)] + data[end:]


def _cut(data, _seeds, rng):
    return data[: _place(data, rng)]


def _splice(data, seeds, rng):
    other = seeds[rng.integers(len(seeds))]
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _swap_lines(data, _seeds, rng):
    lines = data.split(b"\n")
    a, b = rng.integers(len(lines), size=2)
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


_CHANGES = (
    _flip, _overwrite, _remove, _double, _insert, _insert, _replace_number, _cut, _splice,
    _swap_lines,
)  # fmt: skip
