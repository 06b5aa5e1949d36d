"""What is installed elsewhere: the wheel holds the built page, and is not made without it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from surroundings import need_page

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "src" / "rimlight" / "web" / "static" / "index.html"


def _copy(folder: Path) -> Path:
    """The files that a wheel is made of, without the page's sources."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    return folder


def _wheel(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "out")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_page(tmp_path):
    need_page()
    folder = _copy(tmp_path)
    shutil.copytree(PAGE.parent, folder / "src" / "rimlight" / "web" / "static")
    made = _wheel(folder)
    assert made.returncode == 0, made.stderr
    (wheel,) = (folder / "out").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "rimlight/web/static/index.html" in names
    assert any(name.startswith("rimlight/web/static/assets/") for name in names)
    assert not [name for name in names if "node_modules" in name or name.startswith("frontend")]


def test_a_wheel_without_the_page_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    made = _wheel(_copy(tmp_path))
    assert made.returncode != 0
    assert "the page of the workbench is not built" in made.stderr + made.stdout
    assert not list((tmp_path / "out").glob("*.whl"))
