"""The scores of slides collected: ``scores.csv`` and the section ``scores`` of the metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields
from typing import Any

from rimlight.core.scores import AssayProfile
from rimlight.io.assays import RESEARCH
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import merge_metrics
from rimlight.records import SlideInfo
from rimlight.workflows.area_scores import AREA_COLUMNS, area_warnings
from rimlight.workflows.given_candidates import where_from
from rimlight.workflows.guard_words import N_NAMED, guard_sentences
from rimlight.workflows.run_tables import FITTED_PARTS, read_cells
from rimlight.workflows.score_plan import ScorePlan
from rimlight.workflows.slide_scores import SlideScore

NOT_IN_THE_INTERVAL = (
    "The interval holds other fields of the slide and the errors of the calls on held-out cases. "
    "It does not hold how readers differ, nuclei that no candidate was found for, or other slides "
    "of the tumour. The value itself is not corrected for errors of the calls."
)


def collect_scores(plan: ScorePlan, asked: Sequence[SlideInfo]) -> dict[str, Any]:
    """Write the table and the section of all slides whose scores stand; return the section.

    Args:
        plan: Of the run.
        asked: Slides of which it is said, too, why they could not be scored.

    Raises:
        StorageError: The disk refuses.
    """
    kept = {info.slide_id: plan.kept(info) for info in plan.every}
    known = [found for found in kept.values() if found is not None]
    failures = [plan.failure(info) for info in asked if kept[info.slide_id] is None]
    failed = [found["score"] for found in failures if found is not None]
    rows = sorted([*(found["score"] for found in known), *failed], key=lambda row: row["slide"])
    section = _section(plan, rows, failed)
    said = [sentence for found in known for sentence in found["sentences"]]
    section["sentences"] = [*dict.fromkeys(said), *_given(rows), NOT_IN_THE_INTERVAL]
    section["warnings"] += guard_sentences(known)
    for name in ("guards", "controls"):
        section[name] = {found["score"]["slide"]: found[name] for found in known}
    areas = [area for found in known for area in found["areas"]]
    section["warnings"] += area_warnings(rows, areas)
    section["warnings"] += _outdated(plan, {row["slide"] for row in rows})
    section["areas"] = [{name: row[name] for name in _SHOWN_OF_AREA} for row in areas]
    _write_summary(plan, rows)
    _write_areas(plan, areas)
    merge_metrics(plan.run, "scores", section)
    return section


def _outdated(plan: ScorePlan, shown: Set[str]) -> list[str]:
    """Return the sentence of slides whose score was made by what does not hold any more."""
    names = [
        str(info.slide_id)
        for info in plan.every
        if info.slide_id not in shown and plan.record_path(info).is_file()
    ]
    if not names:
        return []
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return [
        f"{len(names)} slides were scored before, by another profile or before labels, regions, "
        f"controls, settings or the network changed, and are left out until they are scored again: "
        f"{', '.join(names[:N_NAMED])}{more}"
    ]


def _given(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the sentence of slides that were not searched, if there are any."""
    files = [row["candidates"] for row in rows if row["candidates"] != where_from(None)]
    more = len(set(files)) - 1
    others = f" and {more} other files" if more > 0 else ""
    if not files:
        return []
    return [
        f"On {len(files)} of {len(rows)} slides the cells were not searched for but "
        f"{files[0]}{others}: what that program left out or counted double, the score does too."
    ]


def _write_summary(plan: ScorePlan, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [item.name for item in fields(SlideScore)]
    write_table(plan.run.folder / "scores.csv", _columns(names, rows))


def _write_areas(plan: ScorePlan, areas: Sequence[Mapping[str, Any]]) -> None:
    """Write a row a region or core; no table where no slide has one."""
    path = plan.run.folder / "score_areas.csv"
    if areas:
        write_table(path, _columns(AREA_COLUMNS, areas))
    else:
        path.unlink(missing_ok=True)


def _columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    columns = {name: [row[name] for row in rows] for name in names}
    columns["borderline"] = ["+".join(f"{cut:g}" for cut in cuts) for cuts in columns["borderline"]]
    return columns


def _section(
    plan: ScorePlan, rows: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    used = {row["profile"] for row in rows}
    profiles = plan.profile_of_slide.values()
    shown = {each.profile_id: each for each in profiles if each.profile_id in used}
    return {
        "n_slides": len(rows),
        "n_evaluable": sum(bool(row["is_evaluable"]) for row in rows),
        "reasons": dict(Counter(str(row["reason"]) for row in rows if row["reason"])),
        "n_borderline": sum(bool(row["borderline"]) for row in rows),
        "parts": dict(Counter(str(row["part"]) for row in rows)),
        "warnings": _warnings(plan, rows, shown),
        "profiles": {name: _profile_block(each) for name, each in sorted(shown.items())},
        "n_resamples": plan.settings.n_resamples,
        "seed": plan.study.settings.study.seed,
        "failed": [{name: row[name] for name in ("slide", "reason", "words")} for row in failed],
        "slides": [{name: row[name] for name in _SHOWN_OF_SLIDE} for row in rows],
        "research_use_only": True,
    }


_SHOWN_OF_SLIDE = (
    "slide",
    "part",
    "profile",
    "extent",
    "candidates",
    "is_evaluable",
    "reason",
    "words",
    "score",
    "value",
    "low",
    "high",
    "shown",
    "band",
    "borderline",
    "h_score",
    "n_positive",
    "n_negative",
    "n_seen",
)

_SHOWN_OF_AREA = tuple(
    name for name in AREA_COLUMNS if name in _SHOWN_OF_SLIDE or name in ("area", "kind", "case")
)


def _profile_block(profile: AssayProfile) -> dict[str, Any]:
    return {
        "score": profile.score,
        "cut_offs": list(profile.cut_offs),
        "bands": list(profile.bands),
        "is_checked": profile.is_checked,
        "source": profile.source,
        "source_date": profile.source_date,
    }


def _warnings(
    plan: ScorePlan, rows: Sequence[Mapping[str, Any]], profiles: Mapping[str, AssayProfile]
) -> list[str]:
    cells = read_cells(plan.run)
    trained = sorted(set(cells.assay[cells.is_fitted].tolist()))
    found = [
        f"profile not checked: {name}; nobody has held it against the assay's own manual"
        for name, profile in sorted(profiles.items())
        if not profile.is_checked and name != RESEARCH
    ]
    for assay in sorted({str(row["assay"]) for row in rows}):
        if assay not in trained:
            found.append(f"assay {assay}: the network was trained on {', '.join(trained)} only")
        used = {str(row["profile"]) for row in rows if row["assay"] == assay}
        found += [f"assay {assay}: scored by the profile {name}" for name in sorted(used - {assay})]
    n_seen = sum(row["part"] in FITTED_PARTS for row in rows)
    if n_seen:
        found.append(
            f"{n_seen} of {len(rows)} slides are of cases seen in training; their scores say "
            "nothing of how well slides are scored"
        )
    n_blind = sum(row["value"] is not None and not row["n_error_cases"] for row in rows)
    if n_blind:
        found.append(
            f"{n_blind} intervals do not hold the errors of the calls: of positive, negative or "
            "other cells, other held-out cases have too few labels"
        )
    n_weak = sum(row["value"] is not None and not row["is_interval_reliable"] for row in rows)
    if n_weak:
        found.append(
            f"{n_weak} intervals are unreliable: fewer than 10 fields, fewer than 5 held-out "
            "cases, or every candidate counted"
        )
    return found
