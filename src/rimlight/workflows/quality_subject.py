"""A patch network with some cells that it did not train on, ready for the quality gate.

What the general gate does not know is added here: stain, zones around nuclei, cells as references,
labels.  Cells labelled positive have zones; those called positive lose their DAB in E5, those
called negative take over pixels of a reference cell.
"""

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.density import optical_density
from rimlight.core.edits import dab_removed
from rimlight.core.stains import StainMatrix, unmix
from rimlight.core.zones import zones_of
from rimlight.explain.scorecard import Check, Control, Scorecard, check_of, not_run

if TYPE_CHECKING:
    from torch import Tensor

    from rimlight.explain.consistency import Change
    from rimlight.explain.estimates import Cases
    from rimlight.explain.quality import Beside, GateSettings
    from rimlight.explain.stain_space import StainParts
    from rimlight.explain.zone_mass import Zoned
    from rimlight.model.network import PatchNetwork

JPEG_QUALITY = 85
WHITE_CHANGE = 0.02
MOST_HAEMATOXYLIN = 0.3
HAEMATOXYLIN, DAB = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What the gate judges; rows of all arrays are those of the patches.

    patches: light 0..255 (n, s, s, 3); white: I0 (n, 3); level: label, 0 negative to 3 strong.
    background_od: DAB of unstained tissue on each cell's slide.
    references: patches of real cells (n, r, s, s, 3), or one of a colour.
    reference_level: labels of the references (n, r); None where they are no cells.
    calibration: patches from which networks with random weights take their statistics.
    shuffled: networks trained on shuffled labels.
    is_forced: whether the references are ones that are normally refused.
    """

    network: "PatchNetwork"
    patches: np.ndarray
    white: np.ndarray
    level: np.ndarray
    case: np.ndarray
    background_od: np.ndarray
    stains: StainMatrix
    mpp: float
    references: np.ndarray
    reference_name: str
    reference_level: np.ndarray | None
    calibration: np.ndarray
    shuffled: tuple["PatchNetwork", ...] = ()
    is_forced: bool = False

    @property
    def stain_maps(self) -> np.ndarray:
        """Haematoxylin, DAB and residual of each pixel, OD (n, s, s, 3)."""
        return np.stack(
            [
                unmix(optical_density(patch, white=tuple(white)), stains=self.stains)
                for patch, white in zip(self.patches, self.white.tolist(), strict=True)
            ]
        )


def judged(subject: Subject, *, settings: "GateSettings") -> Scorecard:
    """Return the scorecard of a network with E1 to E6, E8 and E11; the rest needs a run."""
    from rimlight.explain.estimates import Cases
    from rimlight.explain.quality import quality_of
    from rimlight.model.network import folded
    from rimlight.model.prediction import logits_of

    maps = subject.stain_maps
    logits = logits_of(subject.network, subject.patches, size_px=subject.patches.shape[1])
    beside = _beside(subject, maps, logits > 0, settings=settings)
    card = quality_of(
        subject.network,
        _light(subject.patches),
        references=_light_of_references(subject),
        reference_name=subject.reference_name,
        beside=beside,
        settings=settings,
        forced=subject.is_forced,
    )
    cases = Cases(case=subject.case, n_resamples=settings.n_resamples, seed=settings.seed)
    stain = _stain_check(
        subject, folded(subject.network), logits > 0, cases=cases, settings=settings
    )
    checks = tuple(stain if check.code == "E11" else check for check in card.checks)
    return replace(card, checks=checks)


def maps_of(subject: Subject, network: "PatchNetwork", *, settings: "GateSettings") -> np.ndarray:
    """Return the maps of a network on the subject's cells with its references, logits a pixel."""
    from rimlight.explain.attribution import attributions
    from rimlight.model.network import folded

    found = attributions(
        folded(network),
        _light(subject.patches),
        references=_light_of_references(subject),
        reference_name=subject.reference_name,
        settings=settings.path,
        forced=subject.is_forced,
    )
    return np.asarray(found.values.sum(1).numpy())


def _beside(
    subject: Subject, maps: np.ndarray, is_called: np.ndarray, *, settings: "GateSettings"
) -> "Beside":
    from rimlight.explain.quality import Beside
    from rimlight.model.network import folded, untrained_network

    bare = _without_dab(subject)
    calibration = _light(subject.calibration)
    untrained = [
        folded(
            untrained_network(
                subject.network.settings, calibration, seed=settings.seed + 1000 + number
            )
        )
        for number in range(settings.n_random_networks)
    ]
    other = subject.references[:, 0]
    fill = np.where(is_called[:, None, None, None], bare, other)
    return Beside(
        case=subject.case,
        is_reference_right=_right_class(subject, bare, is_called),
        fill=_light(fill),
        amount=_amount(subject, maps, is_called),
        zones=_zones(subject, maps),
        changes=_changes(subject),
        untrained=untrained,
        shuffled=[folded(network) for network in subject.shuffled],
    )


def _without_dab(subject: Subject) -> np.ndarray:
    """Patches with DAB lowered to the background, never raised."""
    everywhere = np.ones(subject.patches.shape[1:3], dtype=bool)
    return np.stack(
        [
            dab_removed(
                patch, zone=everywhere, background_od=od, stains=subject.stains, white=tuple(white)
            )
            for patch, od, white in zip(
                subject.patches,
                subject.background_od.tolist(),
                subject.white.tolist(),
                strict=True,
            )
        ]
    )


def _amount(subject: Subject, maps: np.ndarray, is_called: np.ndarray) -> np.ndarray:
    """DAB above the background; for negative calls how much a reference cell differs in it."""
    above = np.clip(maps[..., DAB] - subject.background_od[:, None, None], 0, None)
    others = replace(subject, patches=subject.references[:, 0]).stain_maps[..., DAB]
    is_plain = is_called | (subject.level > 0)
    amount: np.ndarray = np.where(is_plain[:, None, None], above, np.abs(others - maps[..., DAB]))
    return amount


def _zones(subject: Subject, maps: np.ndarray) -> "Zoned":
    from rimlight.explain.zone_mass import Zoned

    shape = maps.shape[:3]
    own, neighbour = np.zeros(shape), np.zeros(shape)
    for row in np.flatnonzero(subject.level > 0):
        found = zones_of(maps[row, ..., HAEMATOXYLIN], mpp=subject.mpp)
        own[row], neighbour[row] = found.weight_own, found.weight_neighbour
    return Zoned(own=own, neighbour=neighbour)


def _right_class(
    subject: Subject, bare: np.ndarray, is_called: np.ndarray
) -> dict[str, np.ndarray]:
    from rimlight.model.prediction import logits_of

    n, r, size_px = subject.references.shape[:3]
    flat = subject.references.reshape(n * r, *subject.references.shape[2:])
    logits = logits_of(subject.network, flat, size_px=size_px).reshape(n, r)
    if subject.reference_level is not None:
        right = ((logits > 0) == (subject.reference_level > 0)).mean(1)
        # A reference of the call's own class explains no difference.
        right = np.where((subject.reference_level[:, 0] > 0) == is_called, 0.0, right)
    else:
        right = np.where(is_called, (logits < 0).mean(1), np.nan)
    without = logits_of(subject.network, bare, size_px=size_px)
    return {
        subject.reference_name: right,
        "positive calls without DAB": np.where(is_called, without < 0, np.nan),
    }


def _changes(subject: Subject) -> list["Change"]:
    from rimlight.explain.consistency import same_plane

    references = _light_of_references(subject)
    images = _light(subject.patches)
    saved = np.stack([_saved_again(patch) for patch in subject.patches])
    return [
        same_plane(f"JPEG {JPEG_QUALITY}", _light(saved), references),
        same_plane("I0 + 2 %", (images * (1 + WHITE_CHANGE)).clamp(max=1), references),
        same_plane("I0 - 2 %", images * (1 - WHITE_CHANGE), references),
    ]


def _saved_again(patch: np.ndarray) -> np.ndarray:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(patch).save(written, format="JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(written))


def _stain_check(
    subject: Subject,
    network: "PatchNetwork",
    is_called: np.ndarray,
    *,
    cases: "Cases",
    settings: "GateSettings",
) -> Check:
    import torch

    from rimlight.explain.stain_space import stain_parts, stain_space

    rows = np.flatnonzero(is_called)
    if not len(rows):
        return not_run("E11", "No cell is called positive.")
    white = torch.from_numpy(subject.white[rows].astype(np.float64))
    found = stain_parts(
        network,
        _light(subject.patches[rows]),
        space=stain_space(subject.stains, white=white),
        settings=settings.path,
    )
    parts = np.stack([found.haematoxylin.numpy(), found.dab.numpy(), found.residual.numpy()])
    stamped = Control(name="maps not converged", value=_stamped_share(found))
    return stain_row(parts, cases=cases.only(rows), beside=(stamped,))


def stain_row(parts: np.ndarray, *, cases: "Cases", beside: tuple[Control, ...] = ()) -> Check:
    """Return E11 from the parts of each rise from clear glass.

    Args:
        parts: Logits that haematoxylin, DAB and residual make (3, n), of positive calls.
    """
    positive = parts.clip(min=0)
    total = positive.sum(0)
    shares = np.where(total > 0, positive / np.where(total > 0, total, 1), np.nan)
    own, dab, residual = (
        cases.mean(share, name=name)
        for name, share in zip(("haematoxylin", "DAB", "residual"), shares, strict=True)
    )
    if own.value is None:
        return not_run("E11", "No positive call has positive evidence against clear glass.")
    is_high = own.value > MOST_HAEMATOXYLIN
    words = "more than" if is_high else "at most"
    return check_of(
        "E11",
        verdict="alarm" if is_high else "pass",
        reason=f"Haematoxylin makes {words} 30 % of the positive evidence of positive calls.",
        value=own,
        n_cells=parts.shape[1],
        n_cases=cases.n_cases,
        controls=(dab, residual, *beside),
    )


def _stamped_share(found: "StainParts") -> float:
    return float((~found.attributions.is_converged).double().mean())


def _light(patches: np.ndarray) -> "Tensor":
    from rimlight.model.prediction import light_tensor

    return light_tensor(patches)


def _light_of_references(subject: Subject) -> "Tensor":
    n, r = subject.references.shape[:2]
    flat = subject.references.reshape(n * r, *subject.references.shape[2:])
    images = _light(flat)
    return images.reshape(n, r, *images.shape[1:])
