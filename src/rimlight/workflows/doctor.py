"""What works on this computer: each part tried for real, with a remedy for each that fails."""

import hashlib
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rimlight.errors import RimlightError
from rimlight.records import Box

MINIMUM_VERSIONS = {
    "openslide-bin": "4.0.1",
    "pillow": "13.0.0",
    "starlette": "0.49.1",
    "torch": "2.6",
}
WORKBENCH_PORT = 8411
GOLDEN_SLIDE = Path(__file__).with_name("golden.tiff")
GOLDEN_PATCH = "1610f9695de6b36ee8ae301ae81a8daf6182c05d32c05830769a74455e08d8c4"
_ENOUGH_FREE_GB = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part that was tried.

    is_core: whether rimlight cannot work without it.
    sentence: what was found; for a part that fails also what to do next.
    """

    name: str
    is_ok: bool
    is_core: bool
    sentence: str


def checks(study: Path | None = None) -> Iterator[Check]:
    """Try every part and yield what was found.

    Args:
        study: A study folder whose disk is looked at; None for the current folder.
    """
    place = study if study is not None else Path.cwd()
    yield _tried("python", _python)
    yield _tried("versions", _versions)
    yield _tried("torch", _torch)
    yield _tried("slides", _golden_patch)
    yield _tried("attribution", _golden_attribution)
    yield _tried("database", _database)
    yield _tried("workbench", _workbench, is_core=False)
    yield _tried("writing", lambda: _writing(place))
    yield _tried("disk", lambda: _room_left(place), is_core=False)
    yield _tried("file system", lambda: _file_system(place), is_core=False)
    if study is not None:
        yield _tried("study", lambda: _study(study))


def old_versions() -> list[str]:
    """Return a sentence for each installed part that is older than the lowest safe version.

    Source:
        torch: CVE-2025-32434, its safe loading was not safe before 2.6; starlette:
        CVE-2025-62727, a request could cost quadratic time before 0.49.1; the others: damaged
        files that crash or overrun older builds.
    """
    return [
        f"{name} {found} is too old: {lowest} or newer is needed; "
        f'upgrade it: pip install "{name}>={lowest}"'
        for name, lowest in MINIMUM_VERSIONS.items()
        if _numbers(found := _version_of(name)) < _numbers(lowest)
    ]


class _UnfitError(RimlightError):
    """A part does not work; the message is the sentence."""


def _tried(name: str, part: Callable[[], str], *, is_core: bool = True) -> Check:
    try:
        return Check(name=name, is_ok=True, is_core=is_core, sentence=part())
    except RimlightError as error:
        return Check(name=name, is_ok=False, is_core=is_core, sentence=str(error))
    except Exception as error:  # noqa: BLE001 - a broken library may raise anything here
        sentence = (
            f"it stopped with {type(error).__name__}: {error}; install the tested versions of "
            "constraints.txt anew"
        )
        return Check(name=name, is_ok=False, is_core=is_core, sentence=sentence)


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0 (not installed)"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _versions() -> str:
    if old_versions():
        raise _UnfitError("; ".join(old_versions()))
    return ", ".join(f"{name} {_version_of(name)}" for name in MINIMUM_VERSIONS)


def _torch() -> str:
    import torch

    layer = torch.nn.Conv2d(1, 1, 3, bias=False)
    torch.nn.init.ones_(layer.weight)
    with torch.inference_mode():
        total = float(layer(torch.ones(1, 1, 3, 3)))
    if total != 9:
        raise _UnfitError(f"a sum of nine ones is {total}; install torch anew")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return f"a forward pass works; device {device}, {torch.get_num_threads()} threads"


def _golden_patch() -> str:
    from rimlight.io.slides import open_slide

    box = Box(left_l0=100.0, top_l0=60.0, width_l0=128.0, height_l0=128.0)
    with open_slide(GOLDEN_SLIDE) as slide:
        patch = slide.read_patch(box, size_px=64, white=(240.0, 241.0, 242.0))
        source = slide.format
    if hashlib.sha256(patch.tobytes()).hexdigest() != GOLDEN_PATCH:
        raise _UnfitError(
            "a tile reads as other pixels than in the tested set, so results would shift; "
            "install openslide-bin and pillow as constraints.txt says"
        )
    return f"{source}: a tile reads as it should, pixel for pixel"


def _golden_attribution() -> str:
    import torch

    from rimlight.explain.attribution import PathSettings, attributions

    weights = torch.arange(1.0, 13.0).view(1, 3, 2, 2)
    image, reference = torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25)
    found = attributions(
        lambda x: (x * weights).sum((1, 2, 3)),
        image,
        references=reference,
        reference_name="quarter",
        settings=PathSettings(),
    )
    if not torch.allclose(found.values, 0.5 * weights, atol=1e-5):
        raise _UnfitError("a linear response is not attributed exactly; install torch anew")
    return "a linear response is attributed exactly"


def _database() -> str:
    from rimlight.io.study import create_study, open_study
    from rimlight.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        study = create_study(Path(folder) / "study", Settings())
        study.engine.dispose()
        study = open_study(Path(folder) / "study")
        study.engine.dispose()
    return "a study can be made and opened again"


def _workbench() -> str:
    page = Path(__file__).parent.parent / "web" / "static" / "index.html"
    if not page.is_file():
        raise _UnfitError(
            "the page of rimlight serve is not built; install Node 20 or newer and run "
            "scripts/page, or install the wheel"
        )
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", WORKBENCH_PORT))
        except OSError:
            return f"the page is built; port {WORKBENCH_PORT} is taken, the next free one is used"
    return f"the page is built, port {WORKBENCH_PORT} is free"


def _writing(place: Path) -> str:
    folder = place if place.is_dir() else place.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"rimlight")
    except OSError as error:
        raise _UnfitError(
            f"{folder}: cannot be written to ({error.strerror}); choose another folder"
        ) from error
    return f"{folder} can be written to"


def _room_left(place: Path) -> str:
    folder = place if place.is_dir() else place.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < _ENOUGH_FREE_GB:
        raise _UnfitError(f"only {free_gb:.1f} GB free at {folder}; make room for at least 2 GB")
    return f"{free_gb:.0f} GB free"


def _file_system(place: Path) -> str:
    from rimlight.io.database import network_file_system

    share = network_file_system(place)
    if share:
        raise _UnfitError(
            f"{place} lies on a network share ({share}): it works, slowly, for one computer at "
            "a time; better keep studies on a local disk"
        )
    return f"{place} is no network share"


def _study(folder: Path) -> str:
    from rimlight.io.study import open_study

    study = open_study(folder)
    study.engine.dispose()
    return f"{folder} opens: {study.settings.study.name}"
