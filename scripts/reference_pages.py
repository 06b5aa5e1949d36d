"""Write docs/reference/commands.md and settings.md from the program itself."""

from dataclasses import fields
from pathlib import Path

import typer

from rimlight.cli.main import app
from rimlight.settings import Settings

PAGES = Path(__file__).parent.parent / "docs" / "reference"
COMMANDS_HEAD = """# Commands

This page is written by `make reference` from the program itself.

- `rimlight VERB --help` prints the same. Every verb takes `--json`: one JSON object on standard
  output, `{"ok": true, ...}` or `{"ok": false, "error": "...", "faults": [...]}`; messages and
  the progress bar go to standard error.
- Exit codes: 0 done; 1 a check of `doctor` failed; 2 something you can put right, said in one
  sentence; 3 a fault in rimlight; 130 stopped by Ctrl-C.
- `rimlight --debug VERB ...`, or `RIMLIGHT_DEBUG=1`, shows the traceback of every error;
  `rimlight --version` prints the version.
"""
SETTINGS_HEAD = """# Settings

This page is written by `make reference` from the program itself. `rimlight init` writes these
tables with every default into `study.toml`; keys left out keep their defaults, and an unknown key
is refused by its name. Options of a command (`--seed`, `--folds`, `--split`, `--epochs`,
`--init`) hold for that command only, and every run keeps the settings it was made with.
"""


def commands_page() -> str:
    """Return the page of all verbs with their arguments and options."""
    parts = [COMMANDS_HEAD]
    for name, command in typer.main.get_command(app).commands.items():
        words = [_argument(part) for part in command.params if not part.opts[0].startswith("-")]
        usage = " ".join(["rimlight", name, *words, "[OPTION]..."])
        parts.append(f"## rimlight {name}\n\n{command.help}\n\n    {usage}\n")
        rows = [_row(part) for part in command.params]
        parts.append("\n".join(["| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def settings_page() -> str:
    """Return the page of all settings with default, unit and meaning."""
    parts = [SETTINGS_HEAD]
    for table in fields(Settings):
        parts.append(f"## [{table.name}]\n\n{table.type.__doc__.strip()}\n")
        head = ["| key | default | unit | meaning |", "|---|---|---|---|"]
        rows = [
            f"| `{item.name}` | `{item.default!r}` | {item.metadata['unit']} "
            f"| {item.metadata['meaning']} |"
            for item in fields(table.type)
        ]
        parts.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(parts)


def _argument(part: typer.core.TyperArgument) -> str:
    return part.metavar or part.name.upper()


def _row(part: typer.core.TyperArgument | typer.core.TyperOption) -> str:
    option = part.opts[0]
    is_option = option.startswith("-")
    word = f" {part.metavar or 'VALUE'}" if is_option and not part.is_flag else ""
    shown = f"`{option}{word}`" if is_option else f"`{_argument(part)}`"
    has_default = is_option and not part.is_flag and part.default is not None
    default = f" Default: `{part.default}`." if has_default else ""
    return f"| {shown} | {part.help.rstrip('.')}.{default} |"


if __name__ == "__main__":
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "commands.md").write_text(commands_page(), encoding="utf-8")
    (PAGES / "settings.md").write_text(settings_page(), encoding="utf-8")
