"""The command line: parse, call one workflow, print; the one place where errors become a line.

Nothing heavy is imported before a verb runs, so that ``rimlight --help`` answers at once.
"""

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from rimlight import __version__
from rimlight.cli import (
    accounts,
    agree,
    backups,
    candidates,
    controls,
    databases,
    exports,
    likeness,
    machine,
    regions,
    runs,
    score,
    serve,
    slide_maps,
    studies,
    synthetic,
    triage,
    verify,
)
from rimlight.cli.failures import STOPPED, report
from rimlight.errors import RimlightError

app = typer.Typer(
    name="rimlight",
    help="Score cell-membrane expression on immunohistochemistry slides, and show why. "
    "Research use only.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(studies.init)
app.command("add")(studies.add)
app.command("import")(studies.import_labels)
app.command("export")(exports.export)
app.command("candidates")(candidates.candidates)
app.command("regions")(regions.regions)
app.command("dearray")(regions.dearray)
app.command("controls")(controls.controls)
app.command("train")(runs.train)
app.command("evaluate")(runs.evaluate)
app.command("explain")(runs.explain)
app.command("validate")(runs.validate)
app.command("membranes")(runs.membranes)
app.command("quality")(runs.quality)
app.command("causes")(runs.causes)
app.command("triage")(triage.triage)
app.command("likeness")(likeness.likeness)
app.command("score")(score.score)
app.command("maps")(slide_maps.maps)
app.command("explain-slide")(slide_maps.explain_slide)
app.command("agree")(agree.agree)
app.command("report")(runs.report)
app.command("run")(runs.run)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.command("accounts")(accounts.accounts)
app.command("move-database")(databases.move_database)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("synth")(synthetic.synth)
app.command("demo")(synthetic.demo)
app.command("doctor")(machine.doctor)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    *,
    is_debug: Annotated[  # noqa: ARG001 - read before parsing, see answered()
        bool, typer.Option("--debug", help="Show the traceback of every error.")
    ] = False,
    is_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if is_version:
        sys.stdout.write(f"rimlight {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
    elif context.invoked_subcommand != "doctor":
        _refuse_old_versions()


def answered(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error has become a sentence.

    >>> answered(["--version"])
    rimlight 0.1.0
    0
    """
    arguments = list(arguments) or ["--help"]
    is_debug = "--debug" in arguments or os.environ.get("RIMLIGHT_DEBUG", "") not in ("", "0")
    command = typer.main.get_command(app)
    try:
        with warnings.catch_warnings():
            if not is_debug and not sys.warnoptions:
                warnings.simplefilter("ignore")
            with command.make_context("rimlight", list(arguments), obj=arguments) as context:
                command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        return _nobody_reads()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - last door before the user
        return report(error, arguments=arguments, is_debug=is_debug)
    return 0


def main() -> NoReturn:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _stop)
    code = answered(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    if code == STOPPED:
        # An import that Ctrl-C broke would make Python itself die of the signal in place of 130.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _refuse_old_versions() -> None:
    from rimlight.workflows.doctor import old_versions

    if old := old_versions():
        raise RimlightError("; ".join(old))


def _stop(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _nobody_reads() -> int:
    """Let Python close a pipe that nobody reads any more without a second complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return STOPPED


if __name__ == "__main__":
    main()
