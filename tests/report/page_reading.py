"""A page read as a browser reads it: elements with attributes, and the text between them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from rimlight.io.runs import Run
from rimlight.report.page import write_report

VOID = {"meta", "img", "br", "link", "input"}


@dataclass(slots=True)
class Element:
    """One element of a page; text holds all text inside, also that of its children."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Reading:
    """All elements of a page in order, and the faults of its markup."""

    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def all(self, tag: str, name: str = "") -> list[Element]:
        """Return the elements of a tag, of a class if one is named."""
        return [
            element
            for element in self.elements
            if element.tag == tag
            and (not name or name in element.attributes.get("class", "").split())
        ]

    def text_of(self, tag: str, name: str = "") -> list[str]:
        """Return their texts with single spaces."""
        return [" ".join(element.text.split()) for element in self.all(tag, name)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.reading = Reading()
        self.open: list[Element] = []

    def handle_starttag(self, tag, attrs):
        element = Element(tag=tag, attributes={key: value or "" for key, value in attrs})
        self.reading.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1].tag != tag:
            self.reading.faults.append(f"</{tag}> closes {[e.tag for e in self.open[-2:]]}")
            return
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element.text += data


def read_page(html: str) -> Reading:
    """Return what a browser would read."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.reading.faults += [f"<{element.tag}> stays open" for element in reader.open]
    return reader.reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A run folder, its page as text, and the page as a browser would read it."""

    folder: Path
    html: str
    page: Reading


def reported(run: Run) -> Reported:
    """Write the report of a run and read it."""
    html = write_report(run).read_text(encoding="utf-8")
    return Reported(folder=run.folder, html=html, page=read_page(html))
