"""The workbench in a real browser: a trained synthetic study, a server of its own, and Chromium."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rimlight.io.study import create_study
from rimlight.settings import ExplainSettings, Settings
from rimlight.synthetic.settings import SynthSettings
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.explain import explain
from rimlight.workflows.register import entries_of_manifest, register_slides
from rimlight.workflows.synth import write_synthetic_study
from rimlight.workflows.train import train
from surroundings import need_page, without

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TINY = SynthSettings(n_cases=6, n_slides=6, n_cells=120, width_um=230, height_um=200)
SMALL = {"width": 820, "height": 1180}
WIDE = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def _trained_folder(tmp_path_factory):
    """A synthetic study whose labels are of the reader ``synthetic reader``, with one run."""
    home = tmp_path_factory.mktemp("browser")
    write_synthetic_study(home / "synthetic", TINY)
    start = Settings()
    settings = replace(
        start,
        study=replace(start.study, name="tiny synthetic", assay="synthetic"),
        train=replace(start.train, width=4, n_epochs=2, least_steps=1, n_threads=1),
        explain=replace(ExplainSettings(), n_cells=12, n_random_networks=1),
    )
    study = create_study(home / "study", settings)
    register_slides(study, entries_of_manifest(home / "synthetic" / "cases.csv"))
    for file in sorted((home / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, file, reader=None, slide=None, class_names=None)
    explain(train(study, command="rimlight train"))
    study.engine.dispose()
    return home


@pytest.fixture
def study_folder(_trained_folder, tmp_path) -> Path:
    """A copy of the study that a test may change; its slides stay where they are."""
    return shutil.copytree(_trained_folder / "study", tmp_path / "study")


@dataclass
class Server:
    """A server of a study, in a process of its own."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = 0
    link: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> "Server":
        """Start on the same port as before, and wait until it listens."""
        command = [
            sys.executable, "-m", "rimlight.cli.main", "serve", str(self.folder), "--no-open",
            "--json", "--reader", "anna", "--port", str(self.port), *self.options,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.link = json.loads(line)["link"]
        self.port = int(self.link.split(":")[2].split("/")[0])
        return self

    def kill(self) -> None:
        """End it without a warning, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function that serves a study; its servers end with the test."""
    need_page()
    started: list[Server] = []

    def start(folder: Path, *options: str) -> Server:
        server = Server(folder=folder, options=options).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(serve, study_folder) -> Server:
    """A server of the synthetic study."""
    return serve(study_folder)


@pytest.fixture(scope="module")
def chromium():
    """Chromium without a window; closed with its module.

    While it is open, its driver keeps an event loop running in this thread, in which tests of other
    modules could start none.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        without("Chromium (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--no-first-run", "--enable-unsafe-swiftshader",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@dataclass
class Seen:
    """What a page did that it must not do."""

    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def opened(chromium):
    """Return a function that opens a link in a fresh browser profile; complaints are failures.

    A refused content policy, a script error or a request to another host fails the test.
    """
    contexts, seen, cookies_of = [], Seen(), {}

    def open_link(link: str, *, viewport: dict[str, int] | None = None):
        context = chromium.new_context(viewport=viewport or WIDE)
        contexts.append(context)
        page = context.new_page()
        host = link.split("/")[2]
        page.on(
            "request",
            lambda request: (
                seen.outside.append(request.url)
                if not request.url.startswith((f"http://{host}/", "blob:", "data:"))
                else None
            ),
        )
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("console", lambda message: _listen(seen, message))
        if link in cookies_of:  # a link is used once; what it was worth is shared
            context.add_cookies(cookies_of[link])
            page.goto(link.partition("/api/")[0])
        else:
            page.goto(link)
            cookies_of[link] = context.cookies()
        return page

    yield open_link
    for context in contexts:
        context.close()
    assert not seen.outside, f"asked outside: {seen.outside}"
    assert not seen.complaints, f"the page complained: {seen.complaints}"


def _listen(seen: Seen, message) -> None:
    # A refused request, and a tile of it, is the business of the test that made it happen.
    if message.type == "error" and "failed to load" not in message.text.lower():
        seen.complaints.append(message.text)


@pytest.fixture
def accessible():
    """Return a function that asserts that axe-core finds nothing wrong with a page."""
    if not AXE.is_file():
        without("axe-core (npm ci in frontend)")

    def check(page) -> None:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run(document)")["violations"]
        told = [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]
        assert not told, told

    return check
