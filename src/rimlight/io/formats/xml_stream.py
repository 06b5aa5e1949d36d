"""XML of any length, one tag at a time; entities and document types are refused."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from rimlight.errors import LabelFileError
from rimlight.io.formats.packing import ForeignFile
from rimlight.io.formats.points import Frame
from rimlight.io.formats.qupath_collection import header_of
from rimlight.records import SlideInfo

OWN = "rimlight_"
MAX_DEPTH = 32
MAX_TAGS = 40_000_000
MAX_TOKEN_BYTES = 4 * 2**20
_CHUNK_BYTES = 2**20
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """The start or the end of an element; text between tags is passed over.

    path: the names of the element and those around it, the outermost first.
    attributes: empty at an end.
    """

    is_start: bool
    path: tuple[str, ...]
    attributes: Mapping[str, str]


def xml_tags(file: ForeignFile) -> Iterator[Tag]:
    """Yield the tags of an XML file as they come, without holding the file.

    Raises:
        LabelFileError: The text is no well-formed XML, has a document type or entities, is
            nested too deep, or one tag is too long.
    """
    tags = _Tags()
    parser = XMLParser(target=tags, forbid_dtd=True)
    n_fed = 0
    try:
        while content := file.read(_CHUNK_BYTES):
            parser.feed(content)
            yield from tags.taken()
            n_fed += len(content)
            # A tag in many pieces would be read again from its start with each of them.
            if n_fed - parser.parser.CurrentByteIndex > MAX_TOKEN_BYTES:
                raise ValueError(f"holds a tag or comment longer than {MAX_TOKEN_BYTES} bytes")
        parser.close()
        yield from tags.taken()
    except DefusedXmlException as error:
        raise LabelFileError(
            f"{file.path}: has a document type or entities, which are not read; remove them"
        ) from error
    except ParseError as error:
        reason = str(error).split(":")[0]
        line = getattr(error, "position", (0, 0))[0]
        raise LabelFileError(
            f"{file.path}: is not XML: {reason} in line {line}; export it again"
        ) from error
    except (ValueError, LookupError) as error:  # also an encoding that is not known
        raise LabelFileError(f"{file.path}: {error}; export it again") from error


def own_header(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what the first element of a file of ours says of its slide; empty for others."""
    return {
        key.removeprefix(OWN): value for key, value in attributes.items() if key.startswith(OWN)
    }


def own_attributes(slide: SlideInfo, frame: Frame) -> dict[str, str]:
    """Return the attributes by which the first element says of which slide the file is."""
    said = {**header_of(slide, frame), "research_use_only": "true"}
    return {f"{OWN}{key}": str(value) for key, value in said.items() if key != "bounds"}


def element_text(name: str, attributes: Mapping[str, Any], *, is_open: bool = False) -> str:
    """Return one tag with its attributes quoted; closed unless ``is_open``.

    Raises:
        LabelFileError: A value holds a character that XML has no way to write.

    >>> element_text("Vertex", {"X": 1.5, "Text": "<a>"})
    '<Vertex X="1.5" Text="&lt;a&gt;"/>'
    """
    said = "".join(f" {key}={_quoted(value)}" for key, value in attributes.items())
    return f"<{name}{said}{'' if is_open else '/'}>"


def _quoted(value: Any) -> str:
    if isinstance(value, int | float):
        return f'"{value}"'
    text = str(value)
    if _NOT_IN_XML.search(text):
        raise LabelFileError(f"{text[:40]!r}: cannot be written in XML; export a .csv")
    return quoteattr(text)


@dataclass(slots=True)
class _Tags:
    """What the parser calls; the tags wait here until they are asked for."""

    path: tuple[str, ...] = ()
    n_tags: int = 0
    waiting: list[Tag] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        self.path = (*self.path, tag)
        self.n_tags += 1
        if len(self.path) > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
        if self.n_tags > MAX_TAGS:
            raise ValueError(f"holds more than {MAX_TAGS} elements")
        self.waiting.append(Tag(is_start=True, path=self.path, attributes=attributes))

    def end(self, _tag: str) -> None:
        """Take the end of an element."""
        self.waiting.append(Tag(is_start=False, path=self.path, attributes={}))
        self.path = self.path[:-1]

    def close(self) -> None:
        """Nothing is left to do at the end of the file."""

    def taken(self) -> list[Tag]:
        """Return the tags that wait, and let go of them."""
        tags, self.waiting = self.waiting, []
        return tags
