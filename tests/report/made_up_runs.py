"""A complete run folder made of random numbers: it looks like a run and means nothing."""

from pathlib import Path

import numpy as np

from rimlight.core.density import light
from rimlight.core.stains import HDAB, mix
from rimlight.core.zones import disc, ring
from rimlight.io.arrays import write_arrays
from rimlight.io.files import write_json
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run, merge_metrics
from rimlight.records import RunId
from rimlight.settings import Settings, settings_as_dict

LEVELS = ("negative", "weak", "moderate", "strong")
RIVALS = ("od_centre", "od_disc", "od_ring", "od_patch", "od_best_ring")
FIGURES = (
    "accuracy", "f1", "balanced_accuracy", "auc", "sensitivity", "specificity",
    *(f"recall_{name}" for name in LEVELS), "brier", "expected_calibration_error",
)  # fmt: skip
CONTROLS = (
    "attributed", "random_networks", "od_patch", "od_centre", "od_disc", "od_ring",
    "od_best_ring", "od_random", "od_negative_attribution",
)  # fmt: skip
SIZE_PX, MPP = 64, 0.5


class MadeUpRun:
    """Writes the parts of one run; each part may be left out."""

    def __init__(
        self,
        folder: Path,
        *,
        n_cases: int = 12,
        name: str = "made up",
        assay: str = "synthetic",
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.run = Run(run_id=RunId("0001"), folder=folder)
        self.random = np.random.default_rng(7)
        self.name = name
        self.assay = assay
        self.cases = [f"case-{i:02d}" for i in range(n_cases)]
        self.cells = self._cells()

    def whole(self) -> Run:
        """Write every part."""
        for part in (
            self.record, self.study, self.training, self.evaluation, self.explanation,
            self.validation, self.gallery,
        ):  # fmt: skip
            part()
        return self.run

    def record(self) -> None:
        settings = settings_as_dict(Settings())
        settings["study"]["name"] = self.name
        settings["split"]["file"] = "/home/doe_jane/secret/split.csv"
        write_json(
            self.run.folder / "run.json",
            {
                "command": "rimlight run /home/doe_jane/study --folds 4",
                "seed": 20261124,
                "settings": settings,
                "started_at": "2026-11-24T07:00:00Z",
                "versions": {"rimlight": "0.1.0", "numpy": "2.4.1", "torch": "2.13.0"},
                "python": "3.11.2",
                "platform": "Linux",
                "research_use_only": True,
            },
        )

    def study(self) -> None:
        write_table(self.run.folder / "cells.csv", self.cells)
        merge_metrics(
            self.run,
            "study",
            {
                "name": self.name,
                "n_readers": 2,
                "n_cases": len(self.cases),
                "n_slides": len(self.cases),
                "n_cells": len(self.cells["cell"]),
                "levels": dict(zip(LEVELS, np.bincount(self.cells["level"]).tolist(), strict=True)),
                "assays": {self.assay: len(self.cases)},
                "scanners": {"scanner A": len(self.cases)},
                "n_disputed": 11,
                "n_other": 32,
                "is_synthetic": self.assay == "synthetic",
            },
        )

    def training(self) -> None:
        parts = ["train"] * 6 + ["validation"] * 2 + ["hold-out"] * (len(self.cases) - 8)
        write_table(
            self.run.folder / "parts.csv",
            {"fold": [0] * len(parts), "case": self.cases, "part": parts},
        )
        epochs = np.arange(1, 13)
        write_table(
            self.run.folder / "training.csv",
            {
                "fold": [0] * 12,
                "epoch": epochs - 1,
                "train_loss": 0.68 * 0.76**epochs + 0.05 + 0.01 * self.random.random(12),
                "validation_loss": 0.66 * 0.78**epochs + 0.08 + 0.02 * self.random.random(12),
            },
        )
        fold = {
            "n_epochs": 12, "best_epoch": 9, "temperature": 1.21, "weights": "ab" * 32,
            "best_ring_um": [3.5, 7.0], "n_parameters": 154_321, "n_multiplications": 31_000_000,
        }  # fmt: skip
        merge_metrics(self.run, "training", {"folds": [fold]})

    def evaluation(self) -> None:
        n = len(self.cells["cell"])
        centre = {"all": 0.97, "discordant": 0.93, "concordant": 0.985}
        levels = np.bincount(self.cells["level"], minlength=4)
        data = {
            "n_cells": n, "n_cases": len(self.cases), "n_folds": 1, "n_resamples": 2000,
            "n_positive": int((self.cells["level"] > 0).sum()), "seed": 1,
            "rivals": {"best": "od_ring", "cut_of_fold": {}},
            "subsets": {name: self._block(at, name, n) for name, at in centre.items()},
            "rival_wrong": {name: self._interval(0.9, 0.04, n=90) for name in RIVALS},
            "network_wrong": {name: self._interval(0.2, 0.08, n=40) for name in RIVALS},
            "calibration": {"bins": self._bins()},
            "confusion": {
                "calls": [[560, 14], [21, 605]],
                "levels_by_call": [[560, 14], [15, 185], [4, 210], [2, 210]],
                "levels": np.diag(levels).tolist(),
            },
            "cases": [self._case(name) for name in self.cases],
            "assays": {self.assay: self._group(0.97, n)},
            "scanners": {"A": self._group(0.975, n // 2), "<b>B</b>": self._group(0.96, 90)},
            "verdicts": {
                "signal": {
                    "is_shown": False,
                    "sentence": "No signal. Not shown: the network tells positive from negative "
                    "cells of cases it never saw; margin in AUC over chance +0.01 [-0.02, +0.04].",
                },
                "all": {"is_shown": True, "sentence": "Shown: the network calls "
                        "better than every density rival on all cells; margin in F1 over od_ring "
                        "+0.062 [+0.041, +0.083], 1326 cells of 12 cases."},
                "discordant": {"is_shown": None, "sentence": "No verdict on: the network "
                               "calls better than every density rival; 20 cells of 4 cases."},
            },
            "notes": ["A note of the evaluation stands here."],
        }  # fmt: skip
        merge_metrics(self.run, "evaluation", data)

    def explanation(self) -> None:
        chosen = np.arange(0, len(self.cells["cell"]), 3)
        columns: dict[str, list] = {name: [] for name in (
            "cell", "fold", "network", "reference", "logit", "rise", "gap", "n_gradients",
            "is_converged", "is_small_rise", "map_change", "od_attributed",
        )}  # fmt: skip
        for reference in ("opposite", "fixed_negatives", "white", "stain_removed"):
            for index in chosen:
                rise = self.random.normal(0, 5)
                gap = rise * 10 ** self.random.normal(-2.8, 0.4)
                level = self.cells["level"][index]
                for name, value in zip(columns, (
                    self.cells["cell"][index], 0, "trained", reference, rise, rise, gap, 64,
                    bool(abs(gap) <= max(0.01 * abs(rise), 0.05)), bool(abs(rise) < 0.5), 0.02,
                    max(0.0, 0.08 + 0.22 * level + self.random.normal(0, 0.09)),
                ), strict=True):  # fmt: skip
                    columns[name].append(value)
        write_table(self.run.folder / "explanations.csv", columns)

    def validation(self) -> None:
        self._od_by_level()
        references = {name: self._reference(name) for name in ("fixed_negatives", "white")}
        references["stain_removed"] = {"is_circular": True}
        data = {
            "n_cells": 400, "n_cases": len(self.cases), "top_share": 0.1, "n_resamples": 2000,
            "main_reference": "fixed_negatives", "references": references,
            "readings": {
                "a": {name: self._interval(0.84, 0.03) for name in references},
                "b": self._interval(0.93, 0.01),
                "c": {name: self._interval(0.83, 0.02) for name in ("logit", "probability")},
            },
            "verdicts": {
                "right_cell": {"is_shown": True, "sentence": "Shown: the map follows the "
                               "stain of the right cell; margin in Pearson's r over "
                               "random_networks +0.21 [+0.10, +0.32]."},
                "better_than_ring": {"is_shown": False, "sentence": "Not shown: the map is "
                                     "better than a ring; margin in Pearson's r over od_best_ring "
                                     "+0.02 [-0.10, +0.14]."},
            },
            "notes": [],
        }  # fmt: skip
        merge_metrics(self.run, "validation", data)

    def gallery(self) -> None:
        rows = [
            (group, level)
            for group, levels in (("TP", (1, 2, 3)), ("TN", (0,)), ("FP", (0,)), ("FN", (1, 2)))
            for level in levels
            for _ in range(2)
        ]
        drawn = [self._patch(level, strong_neighbour=group == "FP") for group, level in rows]
        is_called = np.array([group in ("TP", "FP") for group, _ in rows])
        dab = np.stack([d for _, d in drawn])
        zone = ring(SIZE_PX, mpp=MPP, inner_um=4.5, outer_um=8)
        maps = (dab * zone * 0.05 + self.random.normal(0, 0.002, dab.shape)).astype(np.float32)
        maps[~is_called] *= -1
        masks = (np.abs(maps) > 0.02) & is_called[:, None, None]
        other = [self._patch(0 if called else 3)[0] for called in is_called]
        write_arrays(self.run.folder, "gallery", {
            "patches": np.stack([p for p, _ in drawn]),
            "references": np.stack(other),
            "maps": maps,
            "stain_removed_maps": np.abs(maps) * is_called[:, None, None].astype(np.float32),
            "masks": masks,
            "dab": dab.astype(np.float32),
        })  # fmt: skip
        folder = self.run.folder / "gallery"
        write_table(folder / "gallery.csv", self._gallery_columns(rows, masks))
        write_json(folder / "gallery.json", {"mpp": MPP})

    def _gallery_columns(self, rows: list, masks: np.ndarray) -> dict[str, list]:
        n = len(rows)
        called = [group in ("TP", "FP") for group, _ in rows]
        logit = [(1 if c else -1) * float(self.random.uniform(0.2, 7)) for c in called]
        return {
            "cell": [f"cell-{i:03d}" for i in range(n)],
            "group": [group for group, _ in rows],
            "expression": [LEVELS[level] for _, level in rows],
            "logit": logit,
            "probability": [1 / (1 + np.exp(-x)) for x in logit],
            "reference": ["opposite"] * n,
            "rise": [x * 1.6 for x in logit],
            "gap": [x * 0.006 for x in logit],
            "is_converged": [i != 3 for i in range(n)],
            "n_pixels": [int(mask.sum()) for mask in masks],
            "share_in_pixels": [0.7] * n,
            "od_attributed": [0.5] * n,
            "caption": [
                f"{0.7 * 1.6 * x:+.1f} of {1.6 * x:+.1f} logits from {int(m.sum())} px; gap 0.6 %; "
                f"reference: 8 {'negative' if x > 0 else 'positive'} cells"
                for x, m in zip(logit, masks, strict=True)
            ],
        }

    def _cells(self) -> dict[str, list]:
        n_of_case = self.random.integers(40, 160, len(self.cases))
        case = np.repeat(self.cases, n_of_case)
        n = len(case)
        return {
            "cell": [f"cell-{i:05d}" for i in range(n)],
            "slide": [f"{name}-s1" for name in case],
            "case": case.tolist(),
            "assay": [self.assay] * n,
            "scanner": ["scanner A"] * n,
            "x_l0": self.random.uniform(0, 9999, n),
            "y_l0": self.random.uniform(0, 9999, n),
            "expression": [""] * n,
            "level": self.random.choice(4, n, p=[0.48, 0.2, 0.17, 0.15]),
            "fold": [0] * n,
        }

    def _interval(self, at: float, half: float, *, n: int = 400) -> dict:
        value = float(np.clip(at + self.random.normal(0, half / 3), -1, 1))
        return {
            "value": value, "low": max(value - half, -1.0), "high": min(value + half, 1.0),
            "n_cells": n, "n_cases": len(self.cases), "n_resamples": 2000, "n_undefined": 0,
            "is_reliable": len(self.cases) >= 10,
        }  # fmt: skip

    def _figures(self, at: float, n: int, *, half: float = 0.012) -> dict:
        figures = {name: self._interval(at, half, n=n) for name in FIGURES}
        figures["brier"] = self._interval(0.03, 0.004, n=n)
        figures["expected_calibration_error"] = self._interval(0.012, 0.004, n=n)
        return {"figures": figures, "undefined": {}}

    def _block(self, at: float, name: str, n: int) -> dict:
        n_cells = {"all": n, "discordant": n // 4, "concordant": n - n // 4}[name]
        worse = {"all": 0.03, "discordant": 0.16, "concordant": 0.01}[name]
        systems = {"network": self._figures(at, n_cells)}
        systems |= {rival: self._figures(at - worse - 0.02 * i, n_cells, half=0.03)
                    for i, rival in enumerate(RIVALS)}  # fmt: skip
        margin = {name: self._interval(worse, 0.02) for name in FIGURES[:6]}
        return {
            "n_cells": n_cells, "n_cases": len(self.cases), "n_positive": n_cells // 2,
            "levels": dict(zip(LEVELS, np.bincount(self.cells["level"]).tolist(), strict=True)),
            "has_verdict": True, "reason": None, "systems": systems,
            "margins": {rival: {"figures": margin, "undefined": {}} for rival in RIVALS},
        }  # fmt: skip

    def _group(self, at: float, n: int) -> dict:
        return {"n_cells": n, "n_cases": 5, "has_verdict": True, "reason": None,
                "systems": {"network": self._figures(at, n)}}  # fmt: skip

    def _bins(self) -> list[dict]:
        found = []
        for i in range(10):
            at = (i + 0.5) / 10
            n = int(900 * abs(at - 0.5) ** 2) + 4
            share = self._interval(at, 0.6 / n**0.5)
            share |= {key: float(np.clip(share[key], 0, 1)) for key in ("value", "low", "high")}
            found.append({"low": i / 10, "high": (i + 1) / 10, "n_cells": n, "n_cases": 9,
                          "probability": at, "positive_share": share})  # fmt: skip
        return found

    def _case(self, name: str) -> dict:
        n = self.cells["case"].count(name)
        right = int(n * self.random.uniform(0.91, 1))
        return {"case": name, "n_cells": n, "n_positive": n // 2, "n_right": right,
                "accuracy": right / n, "f1": right / n, "sensitivity": None, "specificity": None,
                "mean_probability": 0.5}  # fmt: skip

    def _reference(self, name: str) -> dict:
        at = {"attributed": 0.84, "random_networks": 0.62, "od_patch": 0.55, "od_best_ring": 0.8}
        measures = {
            control: {
                subset: {
                    "n_cells": n, "n_cases": 12, "has_verdict": True, "reason": None,
                    "figures": {"pearson": self._interval(at.get(control, 0.6) - less, half)},
                    "undefined": {},
                }
                for subset, less, half, n in (
                    ("all", 0, 0.03, 390),
                    ("discordant", 0.45, 0.12, 96),
                    ("within_case", 0.02, 0.03, 390),
                )
            }
            for control in CONTROLS
        }  # fmt: skip
        margins = {
            control: {
                subset: {"figures": {"pearson": self._interval(0.2, 0.1)}, "undefined": {}}
                for subset in ("all", "discordant", "within_case")
            }
            for control in CONTROLS[1:]
        }
        cells = {"n_explained": 400, "n_not_converged": 4, "n_saturated": 6, "n_without_control": 0,
                 "n_used": 390, "n_cases": 12, "n_discordant": 96, "n_small_rise": 7}  # fmt: skip
        return {"is_circular": False, "depends_on_call": False, "cells": cells,
                "measures": measures, "margins": margins}  # fmt: skip

    def _od_by_level(self) -> None:
        (self.run.folder / "figures").mkdir(exist_ok=True)
        level = np.asarray(self.cells["level"])
        n = len(level)
        columns = {
            "reference": ["fixed_negatives"] * n, "cell": self.cells["cell"],
            "case": self.cells["case"], "level": level, "is_discordant": [False] * n,
        }  # fmt: skip
        for name, slope, noise in (
            ("od_attributed", 0.22, 0.09),
            ("od_random_networks", 0.1, 0.12),
            ("od_patch", 0.05, 0.08),
        ):  # fmt: skip
            columns[name] = 0.12 + slope * level + self.random.normal(0, noise, n)
        write_table(self.run.folder / "figures" / "od_by_level.csv", columns)

    def _patch(
        self, level: int, *, strong_neighbour: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        stains = np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
        stains[..., 0] = 0.08 + self.random.normal(0, 0.02, (SIZE_PX, SIZE_PX))
        stains[..., 1] = 0.03
        neighbours = [(-18, -4), (14, -18), (16, 16), (-8, 22)]
        for i, (dy, dx) in enumerate([(0, 0), *neighbours]):
            around = self.random.integers(0, 4) if i else level
            around = 3 if strong_neighbour and i == 1 else around
            nucleus = np.roll(disc(SIZE_PX, mpp=MPP, radius_um=3.6), (dy, dx), (0, 1))
            line = np.roll(ring(SIZE_PX, mpp=MPP, inner_um=5.2, outer_um=6.2), (dy, dx), (0, 1))
            stains[..., 0] += 0.45 * nucleus
            stains[..., 1] += (0, 0.25, 0.5, 0.85)[around] * line
        stains[..., 1] += self.random.normal(0, 0.02, (SIZE_PX, SIZE_PX))
        rgb = light(mix(stains, stains=HDAB), white=np.float32([244, 243, 242]))
        return rgb.round().clip(0, 255).astype(np.uint8), stains[..., 1]
