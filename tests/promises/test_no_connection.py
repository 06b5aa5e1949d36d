"""Promise: the workbench connects to nothing; it only answers."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest

from rimlight.web.app import api_description
from small_studies import slide_info, study_of
from surroundings import need_page

# Every connection that Python or a library of Python makes in the server is written down.
WATCH = """
import sys
def _hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        sys.stderr.write(f"OUTWARD {event} {args!r}\\n")
        sys.stderr.flush()
sys.addaudithook(_hook)
"""


@pytest.fixture
def study(tmp_path):
    need_page()
    return study_of(tmp_path / "study", slide_info("s1"))


def test_a_server_that_is_asked_everything_connects_to_nothing(study, tmp_path):
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    paths = [str(tmp_path / "watch"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [
        sys.executable, "-m", "rimlight.cli.main", "serve", str(study.folder), "--no-open",
        "--json", "--port", "0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        link = json.loads(process.stdout.readline())["link"]
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        browser.open(link).read()
        n_answered, refused = 0, []
        for path, methods in api_description()["paths"].items():
            if "get" in methods and path != "/api/enter":
                address = path.replace("{slide_id}", "s1").replace("{", "").replace("}", "")
                try:
                    browser.open(link.partition("/api/")[0] + address).read()
                except urllib.error.HTTPError as error:
                    error.close()
                    refused.append(error.code)
                n_answered += 1
        assert n_answered > 10
        assert max(refused, default=0) < 500
    finally:
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert "OUTWARD" not in told, told


def test_the_watch_sees_a_connection(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "OUTWARD socket.connect" in done.stderr
