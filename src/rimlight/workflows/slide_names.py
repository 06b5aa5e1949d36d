"""The slides of a study by the names that foreign files give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rimlight.records import SlideInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideNames:
    """The slides of a study by each of their names, the surest kind of name first.

    exact, folded: by id, by file name, by file name without ending; as written, and casefolded.
    """

    exact: tuple[Mapping[str, list[SlideInfo]], ...]
    folded: tuple[Mapping[str, list[SlideInfo]], ...]


def slide_named(name: str, names: SlideNames) -> SlideInfo:
    """Return the slide of that id, file name or file name without ending.

    Raises:
        ValueError: None or several answer to the name; the message is a clause.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    for wanted in dict.fromkeys((name, last)):
        tables = [(table, wanted) for table in names.exact]
        tables += [(table, wanted.casefold()) for table in names.folded]
        for table, key in tables:
            found = table.get(key, [])
            if len(found) > 1:
                rivals = " or ".join(slide.slide_id for slide in found)
                raise ValueError(f"the slide {name!r} can be {rivals}")
            if found:
                return found[0]
    raise ValueError(f"the slide {name!r} is not in this study")


def slide_names(slides: Sequence[SlideInfo]) -> SlideNames:
    """Return the slides by their names."""
    paths = [PurePosixPath(slide.path.replace("\\", "/")) for slide in slides]
    kinds = (
        [slide.slide_id for slide in slides],
        [path.name for path in paths],
        [path.stem for path in paths],
    )
    return SlideNames(
        exact=tuple(_by_name(kind, slides) for kind in kinds),
        folded=tuple(_by_name([name.casefold() for name in kind], slides) for kind in kinds),
    )


def _by_name(names: Sequence[str], slides: Sequence[SlideInfo]) -> Mapping[str, list[SlideInfo]]:
    table: dict[str, list[SlideInfo]] = {}
    for name, slide in zip(names, slides, strict=True):
        table.setdefault(name, []).append(slide)
    return table
