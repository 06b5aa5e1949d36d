"""What befalls workers in tests: each file they write is seen before it gets its name.

The folder of the variable WATCHED holds ``log``, a line for each slide whose cells were written to
a draft: its id and the process. A file ``die-SLIDE`` there, with a signal and how often, makes the
process die at that moment; a file ``hold-SLIDE`` makes it stand still.
"""

import os
import signal
import sys
from pathlib import Path

WATCHED = os.environ.get("WATCHED")


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event != "os.rename" or not isinstance(arguments[0], str | Path):
        return
    name = Path(arguments[0]).name
    if not (name.startswith(".") and ".csv.gz." in name):
        return
    slide = name[1:].split(".csv.gz.")[0]
    folder = Path(str(WATCHED))
    with (folder / "log").open("a") as log:
        log.write(f"{slide} {os.getpid()}\n")
    if (folder / f"die-{slide}").exists():
        number, n_left = (folder / f"die-{slide}").read_text().split()
        if int(n_left):
            (folder / f"die-{slide}").write_text(f"{number} {int(n_left) - 1}")
            os.kill(os.getpid(), int(number))
    if (folder / f"hold-{slide}").exists():
        while True:
            signal.pause()


if WATCHED:
    sys.addaudithook(_watch)
