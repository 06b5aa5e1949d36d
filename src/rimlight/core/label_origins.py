"""Where a label of the workbench came from: one line of text, kept with the label for good.

``workbench mode=queue act=UUID undoes=UUID assignment=3 place=12 repeat seen bulk``
"""

import re
from dataclasses import dataclass

MODES = ("slide", "queue", "grid", "review")
_FLAGS = ("repeat", "seen", "bulk")
_NUMBERS = ("assignment", "place")
_START = "workbench mode="
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOrigin:
    """How a label was given in the workbench.

    mode: the page it was given on. act_id: of the key or click that gave it, alone or with others.
    undoes: the act that it takes back or does again. assignment_id, place: what it answers.
    is_repeat: a blinded second look. is_seen: the model's word on the cell could have been seen
    before. is_bulk: given together with others.
    """

    mode: str
    act_id: str
    undoes: str | None = None
    assignment_id: int | None = None
    place: int | None = None
    is_repeat: bool = False
    is_seen: bool = False
    is_bulk: bool = False

    def __post_init__(self) -> None:
        ids = [self.act_id] if self.undoes is None else [self.act_id, self.undoes]
        if self.mode not in MODES or not all(_ID.fullmatch(each) for each in ids):
            raise ValueError(f"a mode of {', '.join(MODES)} and plain ids are needed, got {self}")

    @property
    def text(self) -> str:
        """The line that ``origin_of`` reads.

        >>> LabelOrigin(mode="queue", act_id="a1", assignment_id=3, place=12, is_repeat=True).text
        'workbench mode=queue act=a1 assignment=3 place=12 repeat'
        """
        words = [
            ("act", self.act_id),
            ("undoes", self.undoes),
            ("assignment", self.assignment_id),
            ("place", self.place),
        ]
        said = [f"{name}={value}" for name, value in words if value is not None]
        flags = zip(_FLAGS, (self.is_repeat, self.is_seen, self.is_bulk), strict=True)
        return " ".join([f"{_START}{self.mode}", *said, *(name for name, is_on in flags if is_on)])


def is_of_workbench(source: str) -> bool:
    """Return whether a source is the workbench's, and no file."""
    return source.startswith(_START)


def origin_of(source: str) -> LabelOrigin | None:
    """Return how a label was given in the workbench; None where it came from elsewhere.

    >>> origin_of("workbench mode=grid act=a1 bulk").is_bulk, origin_of("labels.csv")
    (True, None)
    """
    if not is_of_workbench(source):
        return None
    words = source.split(" ")[1:]
    said = dict(word.split("=", 1) for word in words if "=" in word)
    numbers = {name: int(said[name]) if name in said else None for name in _NUMBERS}
    return LabelOrigin(
        mode=said["mode"],
        act_id=said["act"],
        undoes=said.get("undoes"),
        assignment_id=numbers["assignment"],
        place=numbers["place"],
        **{f"is_{flag}": flag in words for flag in _FLAGS},
    )


def is_repeat(source: str) -> bool:
    """Return whether a label is a blinded second look, which is no vote of its own.

    >>> is_repeat("workbench mode=queue act=a1 assignment=3 place=12 repeat"), is_repeat("a.csv")
    (True, False)
    """
    return is_of_workbench(source) and "repeat" in source.split(" ")
