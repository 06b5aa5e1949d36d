"""Signing in by name and password: told apart from guessing, and never locked out for good.

After some failed tries the next one must wait, twice as long each time and a minute at most. A
browser that once signed in under a name is counted apart from all others, so that nobody keeps
its owner out by guessing elsewhere.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rimlight.errors import AccountError
from rimlight.io.accounts import Account, account_named, fitting_account
from rimlight.io.study import Study

FREE_TRIES = 5
LONGEST_WAIT_S = 60.0
FORGOTTEN_AFTER_S = 900.0
KEPT_S = 2.0
"""An account changed by another process is seen at the latest after so long."""
_MAX_AT_ONCE = 4
_MAX_COUNTED = 10_000


class SignInError(AccountError):
    """The name or the password is wrong, or the account is not active."""


class SlowDownError(AccountError):
    """Too many tries; ``wait_s`` is how long the next one must wait."""

    def __init__(self, sentence: str, *, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


@dataclass(slots=True, kw_only=True)
class _Tries:
    n_failed: int
    last_s: float


@dataclass(slots=True, kw_only=True)
class SignIns:
    """The sign-ins of one server; safe to use from several threads.

    study: whose accounts. clock: in seconds, never set back.
    """

    study: Study
    clock: Callable[[], float] = time.monotonic
    _tries: dict[tuple[str, str], _Tries] = field(default_factory=dict)
    _kept: dict[str, tuple[float, Account | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_MAX_AT_ONCE)
    )

    def sign_in(self, name: str, password: str, *, browser: str = "") -> Account:
        """Return the account of a name and password.

        Args:
            browser: What tells apart a browser that signed in under this name before; "" else.

        Raises:
            SignInError: They do not fit, or the account is not active; it is not said which.
            SlowDownError: Too many tries lately.
        """
        key = (name.casefold(), browser)
        if not self._room.acquire(blocking=False):
            raise SlowDownError("many people sign in just now; try again in a second", wait_s=1)
        try:
            self._count(key)  # before the slow part, so that tries at the same time count too
            found = fitting_account(self.study.engine, name, password=password)
        finally:
            self._room.release()
        if found is None:
            raise SignInError("the name or the password is wrong; try again, or ask an owner")
        with self._lock:
            self._tries.pop(key, None)
            self._kept[found.name] = (self.clock(), found)
        return found

    def kept(self, name: str) -> Account | None:
        """Return an active account that was read a moment ago, without asking the database."""
        read_s, found = self._kept.get(name, (0.0, None))
        if found is None or self.clock() - read_s > KEPT_S:
            return None
        return found if found.is_active else None

    def account(self, name: str) -> Account | None:
        """Return an active account, or None.

        Raises:
            StorageError: The database does not answer.
        """
        found = self.kept(name)
        if found is None:
            found = account_named(self.study.engine, name)
            with self._lock:
                if len(self._kept) >= _MAX_COUNTED:
                    self._kept.clear()
                self._kept[name] = (self.clock(), found)
        return found if found is not None and found.is_active else None

    def forget(self) -> None:
        """Read every account anew; called after each change of an account."""
        with self._lock:
            self._kept.clear()

    def _count(self, key: tuple[str, str]) -> None:
        with self._lock:
            now_s = self.clock()
            tries = self._tries.get(key)
            if tries is None or now_s - tries.last_s > FORGOTTEN_AFTER_S:
                tries = _Tries(n_failed=0, last_s=now_s)
            left_s = tries.last_s + _wait_s(tries.n_failed) - now_s
            if left_s > 0:
                raise SlowDownError(
                    f"too many failed tries; wait {left_s:.0f} seconds and try again",
                    wait_s=left_s,
                )
            while len(self._tries) >= _MAX_COUNTED:
                self._tries.pop(next(iter(self._tries)))
            self._tries[key] = _Tries(n_failed=tries.n_failed + 1, last_s=now_s)


def _wait_s(n_failed: int) -> float:
    """Return how long to wait after so many failed tries.

    >>> [_wait_s(n) for n in (0, 4, 5, 6, 7, 50)]
    [0.0, 0.0, 1.0, 2.0, 4.0, 60.0]
    """
    if n_failed < FREE_TRIES:
        return 0.0
    return float(min(LONGEST_WAIT_S, 2.0 ** min(n_failed - FREE_TRIES, 20)))
