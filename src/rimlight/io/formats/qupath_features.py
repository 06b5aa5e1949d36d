"""The features of a GeoJSON file of any length, one at a time, children after their parent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rimlight.errors import LabelFileError
from rimlight.io.formats.json_stream import Entered, KeyPath, json_values
from rimlight.io.formats.packing import ForeignFile

MAX_FEATURE_CHARACTERS = 64 * 2**20
_ENTERED: frozenset[KeyPath] = frozenset({(), ("features",)})
_OF_ONE_FEATURE = ("type", "id", "geometry", "nucleusGeometry", "properties", "childObjects")


@dataclass(slots=True, kw_only=True)
class Features:
    """The features of a file as they come; ``header`` is known when the last has come.

    A collection, a list and a single feature are read. Memory holds one feature, never the file.
    """

    file: ForeignFile
    header: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield each feature with its place, ``feature 3, child 1``, counted from 1.

        Raises:
            LabelFileError: The file is not JSON, a feature is too long, or there is no list of
                features.
        """
        n_features, has_list = 0, False
        alone: dict[str, Any] = {}
        values = json_values(
            self.file,
            entered=_ENTERED,
            keys_allowed_twice=("metadata",),
            max_characters=MAX_FEATURE_CHARACTERS,
        )
        for path, value in values:
            if path in (("*",), ("features", "*")):
                n_features += 1
                yield from _with_children(value, f"feature {n_features}")
            elif path in ((), ("features",)):
                has_list = has_list or value is Entered.LIST
            elif path == ("rimlight",) and isinstance(value, dict):
                self.header = value
            elif path[0] in _OF_ONE_FEATURE:
                alone[path[0]] = value
        if not has_list and alone.get("type") == "Feature":
            yield from _with_children(alone, "feature 1")
        elif not has_list:
            raise LabelFileError(
                f"{self.file.path}: holds no list of features; export the objects from QuPath as "
                "GeoJSON"
            )


def _with_children(feature: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield a feature and those within it; never recursive."""
    stack = [(place, feature)]
    while stack:
        where, item = stack.pop()
        yield where, item
        children = _children(item)
        places = [f"{where}, child {n}" for n in range(1, len(children) + 1)]
        stack.extend(reversed(list(zip(places, children, strict=True))))


def _children(feature: Any) -> list[Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    for holder in (properties, feature):
        for key in ("childObjects", "children"):
            if isinstance(holder, dict) and isinstance(holder.get(key), list):
                return list(holder[key])
    return []


def class_of(properties: dict[str, Any]) -> Any:
    """Return the class of an object in any form that QuPath wrote it, parts joined by a colon.

    Raises:
        ValueError: A part of it is named by something else than text; the message is a clause.
    """
    said = properties.get("classification")
    names: list[Any] = []
    part: Any = said
    while isinstance(part, dict):
        own = part.get("names") if isinstance(part.get("names"), list) else [part.get("name")]
        names = [*(own or ()), *names]
        part = part.get("parentClass")
    if not isinstance(said, dict):
        return said
    if not all(isinstance(name, str | None) for name in names):
        raise ValueError(f"its class must be named by text, got {names!r:.60}")
    return ": ".join(name for name in names if name is not None)
