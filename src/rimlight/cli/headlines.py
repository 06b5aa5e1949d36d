"""The few numbers a verb prints when it is done; the report and ``metrics.json`` hold the rest."""

from collections.abc import Iterator, Mapping
from typing import Any

from rimlight.report.contents import interval_of, within
from rimlight.report.wording import estimate

Metrics = Mapping[str, Any]
_MARKS = {"pass": "pass", "fail": "FAIL", "alarm": "ALARM", "printed": "-", "not run": "not run"}


def headline(step: str, metrics: Metrics) -> str:
    """Return some lines about a step that was just done, "" where it has no numbers."""
    of_step = {
        "evaluate": _evaluation,
        "validate": _validation,
        "membranes": _membranes,
        "quality": _quality,
        "causes": _causes,
    }
    lines = of_step.get(step)
    return "" if lines is None else "\n".join(lines(metrics))


def _evaluation(metrics: Metrics) -> Iterator[str]:
    found = within(metrics, "evaluation")
    rival = within(found, "rivals").get("best")
    systems = [("network", "network")] + ([(rival, f"{rival} (best rival)")] if rival else [])
    for subset in ("all", "discordant"):
        block = within(found, "subsets", subset)
        yield f"{subset}: {block.get('n_cells', 0)} hold-out cells"
        for key, name in systems:
            figures = within(block, "systems", key, "figures")
            words = [f"{item} {_figure(figures, item)}" for item in ("accuracy", "f1", "auc")]
            yield f"  {name}: {', '.join(words)}"


def _validation(metrics: Metrics) -> Iterator[str]:
    references = within(metrics, "validation", "references")
    for name, found in references.items():
        worst = within(found, "completeness").get("p95")
        shown = "undefined" if worst is None else f"{100 * worst:.2f} %"
        yield f"reference {name}: completeness error {shown} at the 95th percentile"
        for subset in ("all", "discordant"):
            words = []
            for measure in ("attributed", "random_networks", "od_best_ring"):
                figures = within(found, "measures", measure, subset, "figures")
                words.append(f"{measure} {_figure(figures, 'pearson')}")
            yield f"  Pearson with the level, {subset}: {', '.join(words)}"


def _membranes(metrics: Metrics) -> Iterator[str]:
    found = within(metrics, "membranes")
    yield (
        f"{found.get('n_outlined', 0)} of {found.get('n_called_positive', 0)} cells called "
        "positive have an outline"
    )
    systems = within(found, "truth", "systems")
    for name in systems:
        figures = within(systems, name, "figures")
        words = [
            f"{label} {_figure(figures, key)}"
            for key, label in (("average_precision", "average precision"), ("dice", "Dice"))
        ]
        yield f"  own membrane, {name}: {', '.join(words)}"


def _quality(metrics: Metrics) -> Iterator[str]:
    found = within(metrics, "quality")
    for check in found.get("checks") or []:
        value = ""
        if check["value"] is not None:
            value = f" {estimate(interval_of(check))}"
        mark = _MARKS[check["verdict"]]
        yield f"{check['code']:<4}{mark:<8}{check['name']}{value}: {check['reason']}"
    stamp = found.get("stamp")
    yield f"every map is stamped: {stamp}" if stamp else "no map is stamped"


def _causes(metrics: Metrics) -> Iterator[str]:
    found = within(metrics, "causes")
    yield (
        f"{found.get('n_examined', 0)} calls looked at: {found.get('n_wrong', 0)} wrong, "
        f"{found.get('n_uncertain', 0)} uncertain, {found.get('n_doubtful', 0)} doubtful labels"
    )
    for part, facts in within(found, "parts").items():
        words = [
            f"{name} {counts['confirmed']} confirmed, {counts['map_only']} by the map"
            for name, counts in facts["causes"].items()
        ]
        unexplained = facts["status"].get("unexplained", 0)
        yield f"  {part}: {'; '.join([*words, f'{unexplained} unexplained'])}"
    right = within(found, "right_calls", "per_cause")
    changed = ", ".join(
        f"{name} {counts['n_changed']} of {counts['n_tried']}" for name, counts in right.items()
    )
    if changed:
        yield f"  right calls that the same edits turned: {changed}"


def _figure(figures: Any, name: str) -> str:
    return estimate(interval_of(within(figures, name)))
