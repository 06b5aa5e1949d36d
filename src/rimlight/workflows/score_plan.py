"""What one command scores: the slides of a run, by which profile and fold, and what is kept.

A plan is made from ids alone, so that every process that scores makes the same plan of its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rimlight.core.scores import AssayProfile
from rimlight.core.stains import stain_matrix
from rimlight.errors import StudyError
from rimlight.io.assays import RESEARCH, profile_ids, read_profile
from rimlight.io.checkpoints import weights_hash
from rimlight.io.controls import controls_of, current_controls
from rimlight.io.files import inside, make_folder, read_made_from, sha256_of
from rimlight.io.regions import current_regions
from rimlight.io.runs import Run, open_run
from rimlight.io.store import slides as slides_of
from rimlight.io.study import Study, open_study
from rimlight.records import CaseId, Control, LabelledCell, Region, SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.explain import study_of
from rimlight.workflows.given_candidates import given_of_slide
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.score_rules import Rules, part_of_cases
from rimlight.workflows.score_rules_kept import kept_rules
from rimlight.workflows.slide_guards import fitted_slides
from rimlight.workflows.train import fold_folder
from rimlight.workflows.training_slides import TrainingSlide, mark_of, training_slides
from rimlight.workflows.tumour_decision import tumour_weights

_VERSION = 7  # of the way to score; another scores every slide again
_RULES_VERSION = 2  # of the way to fit rules; another fits them again


@dataclass(frozen=True, kw_only=True, eq=False)
class ScorePlan:
    """What slides of a run are scored with; rules are fitted once and kept in the run folder.

    assay: the profile asked for all slides, None for that of the settings. every: all slides of
    the study. parts: the part of each case by fold. base, rules_base: what all slides, and all
    rules, stand on, as text.
    """

    run: Run
    study: Study
    settings: ScoreSettings
    assay: str | None
    every: Sequence[SlideInfo]
    others: Sequence[LabelledCell]
    parts: Mapping[str, Mapping[int, str]]
    base: str
    rules_base: str
    regions: Sequence[Region] = ()
    controls: Sequence[Control] = ()
    rules_of_fold: dict[int, Rules] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the scores of slides lie."""
        return self.run.folder / "scores"

    @property
    def claims(self) -> Path:
        """Where processes say which slide they score."""
        return self.run.folder / "jobs" / "claims"

    @property
    def ids(self) -> dict[str, str | None]:
        """What ``plan_of`` makes this plan of again, in any process; plain JSON."""
        return {
            "study": str(self.study.folder.resolve()),
            "run": str(self.run.run_id),
            "assay": self.assay,
        }

    @cached_property
    def profile_of_slide(self) -> dict[str, AssayProfile]:
        """The profile of each slide of the study.

        Raises:
            SettingsError: There is no such profile.
        """
        return {str(info.slide_id): self._profile(info) for info in self.every}

    def _profile(self, info: SlideInfo) -> AssayProfile:
        folder = self.study.folder
        if self.settings.assay:
            return read_profile(self.settings.assay, study_folder=folder)
        has_own = info.assay in profile_ids(folder)
        return read_profile(info.assay if has_own else RESEARCH, study_folder=folder)

    def chosen(self, names: Sequence[str] | None) -> list[SlideInfo]:
        """Return slides by id, each once; None for all.

        Raises:
            StudyError: A slide is not in the study.
        """
        if names is None:
            return list(self.every)
        known = {str(info.slide_id): info for info in self.every}
        for name in names:
            if name not in known:
                raise StudyError(
                    f"slide {name!r}: is not in {self.study.folder}; name a slide by its id, as "
                    f"in {', '.join(list(known)[:5])}"
                )
        return [known[name] for name in dict.fromkeys(names)]

    def rules(self, fold: int) -> Rules:
        """Return the rules of a fold, fitted once."""
        if fold not in self.rules_of_fold:
            weights = weights_hash(fold_folder(self.run, fold))
            text = hashlib.sha256(f"{self.rules_base} {weights}".encode()).hexdigest()
            found = kept_rules(self.run, self.study, fold=fold, made_from=text)
            self.rules_of_fold[fold] = found
        return self.rules_of_fold[fold]

    @cached_property
    def training(self) -> list[TrainingSlide]:
        """The slides with labelled cells of the run, as they were seen once."""
        return training_slides(self.run, self.study, self.every)

    def training_slides_of(self, info: SlideInfo) -> list[TrainingSlide]:
        """Return the training slides that a slide is compared with, none of its own case."""
        fold, _ = self.place_of(info)
        part_of_case = {case: parts.get(fold, "") for case, parts in self.parts.items()}
        return fitted_slides(self.training, part_of_case=part_of_case, case=str(info.case_id))

    def controls_of(self, info: SlideInfo) -> dict[str, str]:
        """Return the outcome of each tissue control of a slide."""
        return controls_of(self.controls, info)

    def prepare(self, asked: Sequence[SlideInfo]) -> list[str]:
        """Fit and keep the rules that slides need; return the ids of those not scored yet.

        What an earlier command wrote of why one of them failed is removed.

        Raises:
            SettingsError: There is no such profile.
            RunError, ModelError, SlideError: The rules cannot be fitted.
        """
        missing = [info for info in asked if self.kept(info) is None]
        for fold in sorted({self.place_of(info)[0] for info in missing}):
            self.rules(fold)
        if missing:
            self.training  # noqa: B018 - looked at once, not by every worker
        for info in missing:
            self.failure_path(info).unlink(missing_ok=True)
        return [str(info.slide_id) for info in missing]

    def place_of(self, info: SlideInfo) -> tuple[int, str]:
        """Return the fold whose network scores a slide, and the part of its case there."""
        parts = self.parts.get(info.case_id, {})
        for fold, part in parts.items():
            if part == "hold-out":
                return fold, part
        return (min(parts), parts[min(parts)]) if parts else (0, "new")

    def regions_of(self, info: SlideInfo) -> tuple[Region, ...]:
        """Return the regions of a slide that stand."""
        return tuple(region for region in self.regions if region.slide_id == info.slide_id)

    def part_of_core_cases(self, info: SlideInfo) -> dict[CaseId, str]:
        """Return the part of each case that a core of the slide is of, where it is scored."""
        fold, _ = self.place_of(info)
        cases = {region.case_id for region in self.regions_of(info) if region.case_id is not None}
        return {case: self.parts.get(case, {}).get(fold, "new") for case in sorted(cases)}

    def made_from(self, info: SlideInfo) -> str:
        """Return the hash of all that the score of a slide stands on."""
        fold, part = self.place_of(info)
        weights = [weights_hash(fold_folder(self.run, fold)), tumour_weights(self.run, fold)]
        profile = self.profile_of_slide[info.slide_id]
        told = [info.fingerprint, info.mpp, info.white, info.assay, info.case_id, part, weights]
        drawn = [
            [each.name, each.kind, each.polygons, each.case_id, each.is_missing]
            for each in self.regions_of(info)
        ]
        areas = [drawn, self.part_of_core_cases(info)]
        given = given_of_slide(self.study, info)
        found_by = given and [given.file, given.tool, given.places_sha256, given.slide_hash]
        text = json.dumps(
            [self.base, told, asdict(profile), areas, found_by, self.controls_of(info)],
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def record_path(self, info: SlideInfo) -> Path:
        """Where the record of a scored slide lies; it is written after its other files."""
        return inside(self.folder, f"{info.slide_id}.json")

    def failure_path(self, info: SlideInfo) -> Path:
        """Where it lies why a slide could not be scored."""
        return inside(self.run.folder / "jobs" / "failed", f"{info.slide_id}.json")

    def kept(self, info: SlideInfo) -> dict[str, Any] | None:
        """Return what was stored of a slide, if it was made from the same."""
        names = (f"{info.slide_id}.csv.gz", f"{info.slide_id}.geojson.gz")
        if not all((self.folder / name).is_file() for name in names):
            return None
        return self._stored(self.record_path(info), info)

    def failure(self, info: SlideInfo) -> dict[str, Any] | None:
        """Return why a slide could not be scored, if it was tried with the same."""
        return self._stored(self.failure_path(info), info)

    def _stored(self, path: Path, info: SlideInfo) -> dict[str, Any] | None:
        return read_made_from(path, self.made_from(info)) if path.is_file() else None


def plan_of(*, study: str, run: str, assay: str | None = None) -> ScorePlan:
    """Return the plan that ``ScorePlan.ids`` name.

    Raises:
        RunError: The run is missing or was not trained.
        StudyError: The study is missing.
    """
    return score_plan(open_run(open_study(Path(study)), run), assay=assay)


def score_plan(run: Run, *, assay: str | None = None) -> ScorePlan:
    """Return the plan of a run; makes the folders of its results.

    Args:
        run: Trained.
        assay: Id of the profile for all slides; None for the setting ``score.assay``.

    Raises:
        RunError: The run was not trained.
        StorageError: The disk refuses.
    """
    study = study_of(run)
    settings = open_study(study.folder).settings.score
    if assay is not None:
        settings = replace(settings, assay=assay)
    for name in ("scores", "jobs/failed", "jobs/claims", "jobs/logs"):
        make_folder(run.folder / name, parents=True)
    others = consensus_of_study(study).others
    shared = {
        "patch": asdict(study.settings.patch),
        "stains": stain_matrix(study.settings.stain).fingerprint,
        "seed": study.settings.study.seed,
        "predictions": sha256_of(run.folder / "predictions.csv"),
        "others": [[c.cell.cell_id, c.cell.x_l0, c.cell.y_l0, c.case_id] for c in others],
    }
    every = slides_of(study.engine)
    files = [[x.slide_id, x.case_id, x.fingerprint, x.mpp, x.white] for x in every]
    base = {"version": _VERSION, "settings": asdict(settings), **shared}
    base["training_slides"] = mark_of(run, study, every)
    return ScorePlan(
        run=run,
        study=study,
        settings=settings,
        assay=assay,
        every=every,
        regions=current_regions(study.engine),
        controls=current_controls(study.engine),
        others=others,
        parts=part_of_cases(run),
        base=json.dumps(base, sort_keys=True),
        rules_base=json.dumps([_RULES_VERSION, shared, files], sort_keys=True),
    )
