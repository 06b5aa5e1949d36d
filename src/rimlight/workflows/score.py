"""A trained run to the scores of whole slides: TPS, H-score, adequacy and an interval each.

One slide is one unit: ``scores/SLIDE.json`` is written last and names what it was made from, so
that a slide is not scored twice and an interrupted command goes on where it stopped. Writes
``scores.csv``, for each slide its cells as ``scores/SLIDE.csv.gz`` and for QuPath as
``scores/SLIDE.geojson.gz``, and the section ``scores`` of the run's metrics.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.scores import AssayProfile
from rimlight.core.stains import stain_matrix
from rimlight.errors import MissingMppError, SlideError, StudyError
from rimlight.io.assays import RESEARCH, profile_ids, read_profile
from rimlight.io.checkpoints import weights_hash
from rimlight.io.files import inside, read_json, sha256_of, storage_error, write_json
from rimlight.io.formats.packing import packed_file
from rimlight.io.formats.qupath_scores import ScoredCells, write_qupath_scores
from rimlight.io.formats.tables import cell_text, write_table
from rimlight.io.runs import Run, json_ready, merge_metrics
from rimlight.io.store import slides as slides_of
from rimlight.io.study import Study, open_study
from rimlight.records import LabelledCell, SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.explain import study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import Progress, no_progress
from rimlight.workflows.run_tables import FITTED_PARTS, read_cells
from rimlight.workflows.score_rules import Rules, part_of_cases, rules_of
from rimlight.workflows.score_slide import foreign_share_of, judged_cells
from rimlight.workflows.score_task import SlideTask
from rimlight.workflows.slide_scores import SlideScore, failed_score, slide_score
from rimlight.workflows.train import fold_folder

NOT_IN_THE_INTERVAL = (
    "The interval holds other fields of the slide and the errors of the calls on held-out cases. "
    "It does not hold how readers differ, nuclei that no candidate was found for, or other slides "
    "of the tumour. The value itself is not corrected for errors of the calls."
)
_VERSION = 3  # of the way to score; another scores every slide again


@dataclass(frozen=True, kw_only=True, eq=False)
class Scoring:
    """What one command scores with; rules are fitted when a slide first needs them."""

    run: Run
    study: Study
    settings: ScoreSettings
    others: Sequence[LabelledCell]
    parts: Mapping[str, Mapping[int, str]]
    base: str
    rules_of_fold: dict[int, Rules] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.run.folder / "scores"

    def rules(self, fold: int) -> Rules:
        """Return the rules of a fold, fitted once."""
        if fold not in self.rules_of_fold:
            self.rules_of_fold[fold] = rules_of(self.run, self.study, fold=fold)
        return self.rules_of_fold[fold]


def score(
    run: Run,
    *,
    slides: Sequence[str] | None = None,
    assay: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score slides of a study with a trained run; return the section ``scores`` as written.

    A slide that cannot be read is named in the section and does not stop the others. The table
    and the section hold every slide of the study that has a score by the present settings.

    Args:
        run: Trained; a held-out case is scored by the network that never saw it.
        slides: Ids; None for all of the study.
        assay: Id of the profile for all slides; None for the setting ``score.assay``.
        progress: Told how many slides are done.

    Raises:
        RunError: The run was not trained.
        StudyError: A slide is not in the study.
        SettingsError: There is no such assay profile.
        StorageError: The disk refuses; what was scored before stays.
    """
    show = progress or no_progress
    scoring = _scoring(run, assay)
    every = slides_of(scoring.study.engine)
    asked = _chosen(every, slides, scoring.study)
    profile_of_slide = {info.slide_id: _profile(scoring, info) for info in every}
    failed: list[SlideScore] = []
    for number, info in enumerate(asked, start=1):
        profile = profile_of_slide[info.slide_id]
        if _kept(scoring, info, profile) is None:
            problem = _score_one(scoring, info, profile)
            failed += [problem] if problem is not None else []
        show("score", number, len(asked))
    kept = [_kept(scoring, info, profile_of_slide[info.slide_id]) for info in every]
    known = [found for found in kept if found is not None]
    section = _section(scoring, known, failed, profile_of_slide.values())
    _write_summary(run, known, failed)
    merge_metrics(run, "scores", section)
    return section


def _scoring(run: Run, assay: str | None) -> Scoring:
    study = study_of(run)
    settings = open_study(study.folder).settings.score
    if assay is not None:
        settings = replace(settings, assay=assay)
    import torch

    torch.set_num_threads(study.settings.train.n_threads)
    folder = run.folder / "scores"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    others = consensus_of_study(study).others
    parts = part_of_cases(run)
    base = {
        "version": _VERSION,
        "settings": asdict(settings),
        "patch": asdict(study.settings.patch),
        "stains": stain_matrix(study.settings.stain).fingerprint,
        "seed": study.settings.study.seed,
        "predictions": sha256_of(run.folder / "predictions.csv"),
        "others": [[c.cell.cell_id, c.cell.x_l0, c.cell.y_l0, c.case_id] for c in others],
    }
    return Scoring(
        run=run,
        study=study,
        settings=settings,
        others=others,
        parts=parts,
        base=json.dumps(base, sort_keys=True),
    )


def _chosen(
    every: Sequence[SlideInfo], names: Sequence[str] | None, study: Study
) -> list[SlideInfo]:
    if names is None:
        return list(every)
    known = {str(info.slide_id): info for info in every}
    for name in names:
        if name not in known:
            raise StudyError(
                f"slide {name!r}: is not in {study.folder}; name a slide by its id, as in "
                f"{', '.join(list(known)[:5])}"
            )
    return [known[name] for name in dict.fromkeys(names)]


def _profile(scoring: Scoring, info: SlideInfo) -> AssayProfile:
    folder = scoring.study.folder
    if scoring.settings.assay:
        return read_profile(scoring.settings.assay, study_folder=folder)
    has_own = info.assay in profile_ids(folder)
    return read_profile(info.assay if has_own else RESEARCH, study_folder=folder)


def _place_of(scoring: Scoring, info: SlideInfo) -> tuple[int, str]:
    """Return the fold whose network scores a slide, and the part of its case there."""
    parts = scoring.parts.get(info.case_id, {})
    for fold, part in parts.items():
        if part == "hold-out":
            return fold, part
    return (min(parts), parts[min(parts)]) if parts else (0, "new")


def _made_from(scoring: Scoring, info: SlideInfo, profile: AssayProfile) -> str:
    fold, part = _place_of(scoring, info)
    weights = weights_hash(fold_folder(scoring.run, fold))
    told = [info.fingerprint, info.mpp, info.white, info.assay, info.case_id, part, weights]
    text = json.dumps([scoring.base, told, asdict(profile)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _kept(scoring: Scoring, info: SlideInfo, profile: AssayProfile) -> dict[str, Any] | None:
    """Return what an earlier command stored of a slide, if it was made from the same."""
    path = inside(scoring.folder, f"{info.slide_id}.json")
    names = (f"{info.slide_id}.csv.gz", f"{info.slide_id}.geojson.gz")
    if not path.is_file() or not all((scoring.folder / name).is_file() for name in names):
        return None
    try:
        found = read_json(path)
    except StudyError:
        return None
    is_same = isinstance(found, dict) and found.get("made_from") == _made_from(
        scoring, info, profile
    )
    return found if is_same else None


def _score_one(scoring: Scoring, info: SlideInfo, profile: AssayProfile) -> SlideScore | None:
    """Score one slide and write it, the record last; return what went wrong instead."""
    fold, part = _place_of(scoring, info)
    places = [
        (c.cell.x_l0, c.cell.y_l0) for c in scoring.others if c.cell.slide_id == info.slide_id
    ]
    task = SlideTask(
        study=scoring.study,
        info=info,
        part=part,
        rules=scoring.rules(fold),
        profile=profile,
        settings=scoring.settings,
        other_places=np.array(places, dtype=np.float64).reshape(-1, 2),
        seed=scoring.study.settings.study.seed,
    )
    record = inside(scoring.folder, f"{info.slide_id}.json")
    record.unlink(missing_ok=True)
    try:
        foreign_share = foreign_share_of(task)
        cells = judged_cells(task)
    except MissingMppError as error:
        return failed_score(task, reason="no_pixel_size", words=str(error))
    except SlideError as error:
        return failed_score(task, reason="damaged_image", words=str(error))
    found = slide_score(task, cells, foreign_share=foreign_share)
    _write_cells(scoring.folder / f"{info.slide_id}.csv.gz", cells)
    write_qupath_scores(scoring.folder / f"{info.slide_id}.geojson.gz", cells, slide=info)
    stored = {
        "made_from": _made_from(scoring, info, profile),
        "score": asdict(found),
        "sentences": list(task.rules.sentences),
        "research_use_only": True,
    }
    write_json(record, json_ready(stored))
    return None


def _write_cells(path: Path, cells: ScoredCells) -> None:
    """Write the cells of a slide as a table, whole or not at all."""
    columns = {
        "x_l0": cells.x_l0,
        "y_l0": cells.y_l0,
        "logit": cells.logit,
        "probability": cells.probability,
        "call": (cells.level > 0).astype(int),
        "level": np.where(cells.has_levels | (cells.level == 0), cells.level, np.nan),
        "od_ring": cells.od_ring,
        "excluded": [cells.reasons[reason] for reason in cells.reason.tolist()],
    }
    with packed_file(path) as packed:
        packed.write((",".join(columns) + "\n").encode())
        for row in zip(*columns.values(), strict=True):
            packed.write((",".join(map(cell_text, row)) + "\n").encode())


def _write_summary(
    run: Run, known: Sequence[Mapping[str, Any]], failed: Sequence[SlideScore]
) -> None:
    rows = [*(found["score"] for found in known), *map(asdict, failed)]
    rows.sort(key=lambda row: str(row["slide"]))
    columns = {item.name: [row[item.name] for row in rows] for item in fields(SlideScore)}
    columns["borderline"] = ["+".join(f"{cut:g}" for cut in cuts) for cuts in columns["borderline"]]
    write_table(run.folder / "scores.csv", columns)


def _section(
    scoring: Scoring,
    known: Sequence[Mapping[str, Any]],
    failed: Sequence[SlideScore],
    profiles: Iterable[AssayProfile],
) -> dict[str, Any]:
    rows = [*(found["score"] for found in known), *map(asdict, failed)]
    used = {row["profile"] for row in rows}
    shown = {each.profile_id: each for each in profiles if each.profile_id in used}
    said = [sentence for found in known for sentence in found["sentences"]]
    return {
        "n_slides": len(rows),
        "n_evaluable": sum(bool(row["is_evaluable"]) for row in rows),
        "reasons": dict(Counter(str(row["reason"]) for row in rows if row["reason"])),
        "n_borderline": sum(bool(row["borderline"]) for row in rows),
        "parts": dict(Counter(str(row["part"]) for row in rows)),
        "sentences": [*dict.fromkeys(said), NOT_IN_THE_INTERVAL],
        "warnings": _warnings(scoring, rows, shown),
        "profiles": {name: _profile_block(each) for name, each in sorted(shown.items())},
        "n_resamples": scoring.settings.n_resamples,
        "seed": scoring.study.settings.study.seed,
        "failed": [
            {"slide": row.slide, "reason": row.reason, "words": row.words} for row in failed
        ],
        "slides": [
            {name: row[name] for name in _SHOWN_OF_SLIDE}
            for row in sorted(rows, key=lambda row: str(row["slide"]))
        ],
        "research_use_only": True,
    }


_SHOWN_OF_SLIDE = (
    "slide",
    "part",
    "profile",
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
    scoring: Scoring, rows: Sequence[Mapping[str, Any]], profiles: Mapping[str, AssayProfile]
) -> list[str]:
    cells = read_cells(scoring.run)
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
