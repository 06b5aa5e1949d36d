"""The verb that draws the next round of cells to label: triage."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar

NCells = Annotated[
    int | None, typer.Option("--cells", metavar="N", min=1, help="Cells in the round.")
]


def triage(
    study: StudyFolder, *, run: RunName = None, cells: NCells = None, as_json: AsJson = False
) -> None:
    """Choose the cells to label next: like confirmed causes, uncertain, and at random."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    from rimlight.workflows.ledger import ledger
    from rimlight.workflows.triage import triage as drawn

    with progress_bar() as progress:
        section = drawn(opened, n_cells=cells, progress=progress)
    earlier = ledger(opened)
    facts = {"run": opened.run_id, "triage": section, "ledger": earlier}
    answer(facts, "\n".join(_lines(section, earlier)), as_json=as_json)


def _lines(section: Mapping[str, Any], earlier: Mapping[str, Any]) -> Iterator[str]:
    number = section["round"]
    yield (
        f"round {number}: {section['n_cells']} cells ({_shares(section['n_given'])}) of "
        f"{section['n_candidates']} candidates on {section['n_slides']} slides"
    )
    yield from section["notes"]
    yield f"points for QuPath, one file a slide: {section['folder']}"
    for entry in earlier["rounds"]:
        if entry["round"] != number:
            yield from _ledger_lines(entry)


def _ledger_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"round {entry['round']}: labelled {_shares(entry['n_labelled'])}; against the call of "
        f"run {entry['run_before']}: {_shares(entry['n_wrong_before'])}"
    )
    if entry["run_after"] is None:
        yield "  no run was trained with its labels yet"
    for name, words in (("f1", "F1"), ("discordant_f1", "discordant F1")):
        change = entry[f"{name}_change"]
        if change is not None and change["value"] is not None:
            yield (
                f"  {words} {entry[f'{name}_before']:.3f} to {entry[f'{name}_after']:.3f} in run "
                f"{entry['run_after']}, change {_interval(change)}"
            )


def _interval(found: Mapping[str, Any]) -> str:
    value = f"{found['value']:+.3f}"
    if found["low"] is None:
        return value
    doubt = "" if found["is_reliable"] else ", under 10 cases"
    return f"{value} [{found['low']:+.3f}, {found['high']:+.3f}]{doubt}"


def _shares(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
