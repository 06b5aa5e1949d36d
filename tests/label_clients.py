"""A server of a study in a process of its own, and clients that write down what it acknowledged."""

import http.client
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

SERVE = """
import json, sys
from pathlib import Path
from rimlight.web import serving
from rimlight.web.addresses import Address
page = Path(sys.argv[1]).parent / "page"
page.mkdir(exist_ok=True)
(page / "index.html").write_text("<!doctype html><title>rimlight</title>")
serving.page_folder = lambda: page
serving.serve_study(
    Path(sys.argv[1]), address=Address(port=int(sys.argv[2])), reader="anna", is_opened=False,
    tell=lambda link: print(link, flush=True),
)
"""


@dataclass
class Served:
    """A server that can be killed and started again on its port."""

    folder: Path
    port: int = 0
    link: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> "Served":
        """Start it and wait until it listens; it must open by itself."""
        command = [sys.executable, "-c", SERVE, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.link = self.process.stdout.readline().strip()
        assert self.link, self.process.stderr.read()
        self.port = int(self.link.split(":")[2].split("/")[0])
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


@dataclass
class LabelClient:
    """A page: what it sent, and what of it was acknowledged.

    waiting: sent again until it is acknowledged. ledger: acknowledged ids with what they said.
    """

    port: int
    cookie: str = ""
    number: int = 0
    waiting: list[dict[str, object]] = field(default_factory=list)
    ledger: dict[str, str] = field(default_factory=dict)

    def enter(self, link: str) -> None:
        """Sign in by the link of the server."""
        _, headers, _ = self.ask("GET", link[link.index("/api/") :])
        self.cookie = headers["set-cookie"].split(";")[0]

    def label(self, expression: str = "weak") -> None:
        """Give one more label; it waits until ``send`` has it acknowledged."""
        self.number += 1
        self.waiting.append({
            "label_id": str(uuid4()), "cell_id": f"cell-{uuid4()}", "slide_id": "s1",
            "x_l0": float(self.number % 1900), "y_l0": 5.0, "expression": expression,
            "made_at": "2026-11-24T10:00:00Z", "mode": "queue", "act_id": str(uuid4()),
        })  # fmt: skip

    def send(self) -> tuple[int, str]:
        """Send what waits, and write down what the server has on its disk."""
        sent = self.waiting[:50]
        status, _, text = self.ask("POST", "/api/labels", {"labels": sent})
        if status == 200:
            saved = set(json.loads(text)["saved"])
            self.ledger |= {
                each["label_id"]: each["expression"] for each in sent if each["label_id"] in saved
            }
            self.waiting = [each for each in self.waiting if each["label_id"] not in saved]
        return status, text

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], str]:
        """Ask over a connection of its own; OSError or HTTPException where it breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        host = f"127.0.0.1:{self.port}"
        headers = {"origin": f"http://{host}", "content-type": "application/json"}
        headers |= {"cookie": self.cookie} if self.cookie else {}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, named, reply.read().decode()
        finally:
            connection.close()
