"""What can go wrong on purpose: one base, one clear sentence each.

A sentence names the thing, says what is wrong with it and what came, then what to do next.
A caller's mistake in code is a ``ValueError`` or ``TypeError`` instead.
"""

import re

_ENDLESS_WORD = re.compile(r"(\S{200})\S{200,}")


class RimlightError(Exception):
    """Something the user can put right; the message is the whole answer.

    A word of more than 400 characters, as a damaged file may hold, is cut where it is shown.
    """

    def __str__(self) -> str:
        """Return the sentence.

        >>> len(str(RimlightError("the column " + "x" * 5000 + " is not known")))
        225
        """
        return _ENDLESS_WORD.sub(r"\1…", super().__str__())


class StudyError(RimlightError):
    """A study folder is missing, foreign, damaged or already there."""


class SettingsError(RimlightError):
    """A settings file names a key or a value that rimlight does not know."""


class SlideError(RimlightError):
    """A slide is absent, of another kind, damaged, or not brightfield."""


class MissingMppError(SlideError):
    """Neither the file nor the caller says how many micrometres a pixel covers."""


class AccountError(RimlightError):
    """An account is missing, taken, or cannot be as asked."""


class LabelFileError(RimlightError):
    """A label file cannot be imported; ``faults`` lists every fault, one sentence each."""

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class NotEnoughDataError(RimlightError):
    """Too few cases, cells or levels for what was asked; the numbers needed are named."""


class SplitError(RimlightError):
    """A split puts one case on two sides, or leaves a side empty."""


class ModelError(RimlightError):
    """A model folder is missing, changed, or made for other patches."""


class RunError(RimlightError):
    """A run is missing, or lacks the step that must come first."""


class JobError(RimlightError):
    """Jobs cannot be run: workers do not start, or an engine is missing or refuses."""


class TooManyJobsError(JobError):
    """As many jobs wait as may."""


class StorageError(RimlightError):
    """The disk is full, read-only or refuses to write; nothing half written is left."""
