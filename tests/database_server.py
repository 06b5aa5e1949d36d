"""A PostgreSQL server of our own for tests; they are skipped with a reason where there is none."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surroundings import without

SCRIPT = Path(__file__).parent.parent / "scripts" / "local-postgres"


class DatabaseServer:
    """A server in a folder of its own, on a port of its own.

    address: of its first database, without a password; that is in ``PGPASSWORD``.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.environment = {
            **os.environ,
            "RIMLIGHT_POSTGRES": str(folder),
            "RIMLIGHT_POSTGRES_PORT": str(port),
        }
        self.address = ""

    def start(self) -> None:
        """Start it, also after it was killed."""
        done = self._run("start")
        if done.returncode:
            without(f"a PostgreSQL server ({done.stderr.strip()})")
        said = dict(word.split("=", 1) for word in done.stdout.split()[1:])
        self.address = said["RIMLIGHT_TEST_POSTGRES"]
        os.environ["PGPASSWORD"] = said["PGPASSWORD"]

    def kill(self) -> None:
        """End it as a power cut would."""
        self._run("kill")

    def stop(self) -> None:
        """End it and remove its folder."""
        self._run("stop")

    def new_database(self, *options: str) -> str:
        """Make an empty database; return its address."""
        import psycopg

        name = f"study_{secrets.token_hex(6)}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {' '.join(options)}")
        return f"{self.address.rsplit('/', 1)[0]}/{name}"

    def _run(self, word: str) -> subprocess.CompletedProcess[str]:
        # Not capturing by pipes of the server itself: it would keep them open.
        return subprocess.run(
            [str(SCRIPT), word], env=self.environment, capture_output=True, text=True, check=False
        )


@contextmanager
def database_server(folder: Path, port: int) -> Iterator[DatabaseServer]:
    """Give a server for the block."""
    before = os.environ.get("PGPASSWORD")
    server = DatabaseServer(folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        os.environ.pop("PGPASSWORD", None)
        if before is not None:
            os.environ["PGPASSWORD"] = before
