"""What child processes of ours are started with: our own modules, and so many threads."""

import os
import sys

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def module_command(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours by the Python that runs here."""
    return [sys.executable, "-P", "-m", name, *arguments]


def child_environment(*, n_threads: int | None = None, **more: str) -> dict[str, str]:
    """Return the environment of a child that finds the modules that we find.

    Args:
        n_threads: Threads of its number libraries; None leaves them as they are here.
        more: Further variables.
    """
    paths = os.pathsep.join(filter(None, sys.path))
    threads = {} if n_threads is None else dict.fromkeys(_THREADS, str(n_threads))
    return {**os.environ, "PYTHONPATH": paths, **threads, **more}
