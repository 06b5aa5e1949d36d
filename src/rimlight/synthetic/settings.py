"""Settings of a synthetic study, every default with its unit, and the two sizes it comes in."""

from dataclasses import dataclass, field, fields
from typing import Any

from rimlight.errors import SettingsError

MPP = 0.25  # um per level-0 pixel of every synthetic slide
TRUTH_MPP = 0.5  # um per pixel of the membrane ownership image
CLICK_GRID_L0 = 2  # clicks lie on this grid, so that patches at TRUTH_MPP meet the truth's pixels


def _setting(default: Any, unit: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthSettings:
    """How much synthetic tissue is made, and how hard it is to read."""

    seed: int = _setting(20261124, "-", "seed of everything that is drawn")
    n_cases: int = _setting(16, "cases", "number of cases, each with its own stain")
    n_slides: int = _setting(18, "slides", "number of slides, at least one a case")
    n_cells: int = _setting(1400, "cells", "number of labelled tumour cells in all")
    width_um: float = _setting(560.0, "um", "width of a slide")
    height_um: float = _setting(440.0, "um", "height of a slide")
    neighbour_agreement: float = _setting(
        0.45, "0..1", "share of cells that follow their surroundings; the others follow nobody"
    )
    label_noise: float = _setting(0.01, "0..1", "share of labels one level off the truth")
    click_sigma_um: float = _setting(0.8, "um", "scatter of the click around the cell's centre")
    inset_um: float = _setting(0.15, "um", "mean gap between a cell's border and its own membrane")
    weak_od: float = _setting(0.58, "OD", "DAB density painted for a weak membrane")
    moderate_od: float = _setting(0.85, "OD", "DAB density painted for a moderate membrane")
    strong_od: float = _setting(1.45, "OD", "DAB density painted for a strong membrane")
    od_spread: float = _setting(0.14, "log", "spread of membrane density within a level")
    completeness_loss: float = _setting(
        1.0, "share", "1: partial membranes as usual; 0: all closed"
    )
    blush_share: float = _setting(0.25, "0..1", "share of negative cells with brown cytoplasm")
    blur_um: float = _setting(0.3, "um", "sigma of the sharpest scanner's blur")

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingsError(f"synthetic study: seed must not be negative, got {self.seed}")
        if not 1 <= self.n_cases <= self.n_slides <= self.n_cells:
            raise SettingsError(
                "synthetic study: needs 1 <= n_cases <= n_slides <= n_cells, got "
                f"{self.n_cases}, {self.n_slides} and {self.n_cells}; raise the smaller number"
            )
        for name in ("neighbour_agreement", "label_noise", "blush_share", "completeness_loss"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"synthetic study: {name} must lie in 0..1, got {getattr(self, name)}"
                )
        if min(self.width_um, self.height_um) < 100:
            raise SettingsError(
                "synthetic study: a slide must measure at least 100 um each way, got "
                f"{self.width_um} x {self.height_um}; raise width_um and height_um"
            )

    @property
    def level_od(self) -> tuple[float, float, float, float]:
        """DAB density painted for each level, 0 for negative."""
        return (0.0, self.weak_od, self.moderate_od, self.strong_od)


DEMO = SynthSettings()
STUDY = SynthSettings(n_cases=48, n_slides=78, n_cells=7901)


def settings_as_dict(settings: SynthSettings) -> dict[str, float | int]:
    """Return the settings by name, for JSON."""
    return {item.name: getattr(settings, item.name) for item in fields(settings)}
