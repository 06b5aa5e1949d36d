"""What tests find around them or do without: the built page, files that are shared, /proc."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from rimlight.errors import RimlightError
from rimlight.web.app import page_folder

SHARED = Path(
    os.environ.get("RIMLIGHT_SHARED") or Path(__file__).parents[1].with_name("shared") / "data"
)
needs_shared = pytest.mark.skipif(
    not (SHARED / "hostile").is_dir(),
    reason=f"no folder {SHARED / 'hostile'}; name the folder of shared data in RIMLIGHT_SHARED",
)


def without(what: str) -> NoReturn:
    """Skip a test for what is not here; where everything must run, fail it."""
    if os.environ.get("RIMLIGHT_CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"needs {what}")


def need_page() -> None:
    """Skip a test where the page was not built."""
    try:
        page_folder()
    except RimlightError:
        without("the built page (Node 20: scripts/page)")


def peak_bytes(process_id: int) -> int:
    """Return the largest memory of a process so far."""
    status = Path(f"/proc/{process_id}/status")
    if not status.exists():
        pytest.skip("no /proc on this system")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
