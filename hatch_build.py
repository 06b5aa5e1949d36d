"""Puts the built page of the workbench into every wheel and sdist, or fails."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[misc]
    """Builds the page where it is missing; an editable install does without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page before files are collected.

        Raises:
            RuntimeError: There is no page, and it could not be built.
        """
        root = Path(self.root)
        page = root / "src" / "rimlight" / "web" / "static" / "index.html"
        if version == "editable" or page.is_file():
            return
        npm = shutil.which("npm")
        if npm is not None:
            for arguments in (["ci"], ["run", "build"]):
                subprocess.run([npm, *arguments], cwd=root / "frontend", check=True)  # noqa: S603
        if not page.is_file():
            raise RuntimeError("the page of the workbench is not built: install Node 20 or newer")
