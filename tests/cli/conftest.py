"""The command line as a user meets it: in this process for answers, as a program for the rest."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rimlight.cli.main import answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line that says why a verb stopped."""
        lines = [line for line in self.err.splitlines() if line.startswith("rimlight: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0].removeprefix("rimlight: ")


@pytest.fixture
def rimlight(capsys) -> Callable[..., Answer]:
    """Run a verb in this process."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = answered([str(part) for part in arguments])
        out, err = capsys.readouterr()
        return Answer(code=code, out=out, err=err)

    return run


@pytest.fixture
def program() -> Callable[..., Answer]:
    """Run a verb as a program of its own."""

    def run(*arguments: object, before: tuple[str, ...] = (), **environment: str) -> Answer:
        command = [*before, sys.executable, "-m", "rimlight.cli.main"]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
        )
        return Answer(code=done.returncode, out=done.stdout, err=done.stderr)

    return run
