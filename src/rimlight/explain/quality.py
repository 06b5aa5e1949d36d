"""The quality gate of any image classifier: checks that could refute its maps, on one scorecard.

    card = quality_of(response, images, references="white")
    card.stamp      # "" or what every map must carry

Knows no stain and no cell: fills, zones, changed images and other networks are handed in; what is
not handed in is not run, with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.consistency import Change, plane_changes, rank_correlation
from rimlight.explain.deletion import removal
from rimlight.explain.estimates import Cases
from rimlight.explain.explanation import Explanation, explanation_of
from rimlight.explain.methods import by_path
from rimlight.explain.model_responses import response_of
from rimlight.explain.named_references import ReferenceName, blurred
from rimlight.explain.quality_rows import (
    completeness_row,
    consistency_row,
    deletion_row,
    randomised_row,
    reference_row,
    zone_row,
)
from rimlight.explain.randomisation import layers_of, randomised, stages
from rimlight.explain.responses import Response
from rimlight.explain.scorecard import Check, Curve, Scorecard, Stage, in_order, not_run
from rimlight.explain.stream import Stream
from rimlight.explain.zone_mass import (
    Zoned,
    area_under_curve,
    centre_prior,
    mass_share,
    own_share,
    pointing,
    rank_accuracy,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """How much work the gate does.

    path: how finely the maps are walked that the gate judges; those that are shown.
    tolerance, tolerance_absolute: completeness error that E1 allows, as a share of the rise and in
        units of the response, whatever ``path`` says.
    n_checked: maps that are walked once more at three times the points.
    n_compared: gradients of a map that is only compared with others, over all its references.
    n_random_networks: networks with all layers random; n_stages: of the cascade, the full one last.
    n_few: images that the cascade and E8 explain, spread evenly over all.
    n_steps: removal steps.
    sigma_px: scale at which maps are read in E5 and E8; every control gets the same smoothing.
    """

    path: PathSettings = field(default_factory=PathSettings)
    tolerance: float = 0.01
    tolerance_absolute: float = 0.05
    n_checked: int = 16
    n_compared: int = 32
    n_random_networks: int = 3
    n_stages: int = 4
    n_few: int = 24
    n_steps: int = 20
    sigma_px: float = 2.0
    n_resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beside:
    """What a caller knows of the images besides the pixels; all of it may be left out.

    case: which items belong together; intervals resample cases. Each item its own without it.
    is_reference_right: share 0..1 of each item's references that have the class they should, by
        kind, the references of the maps first; NaN for items whose references have no such class.
        Without it: where the response is above 0, that of a reference must be below.
    fill: what a removed pixel shows in E5; the first reference without it.
    amount: 0 or more a pixel, the plain control: how much there is to see. The distance from image
        to fill without it.
    zones: where evidence should be and where not; items without a zone have weight 0 everywhere.
    changes: images a little changed, beside those flipped, turned and shifted.
    untrained: networks with random weights; without them the layers of the response are made
        random in place.
    shuffled: networks trained on shuffled labels.
    """

    case: np.ndarray | None = None
    is_reference_right: dict[str, Float[np.ndarray, " n"]] | None = None
    fill: Float[Tensor, "n c *space"] | None = None
    amount: Float[np.ndarray, "n *space"] | None = None
    zones: Zoned | None = None
    changes: Sequence[Change] = ()
    untrained: Sequence[Response] = ()
    shuffled: Sequence[Response] = ()


def quality_of(
    response: Response | nn.Module,
    images: Float[Tensor, "n c *space"],
    *,
    references: Tensor | ReferenceName,
    reference_name: str | None = None,
    beside: Beside | None = None,
    settings: GateSettings | None = None,
    forced: bool = False,
) -> Scorecard:
    """Return the scorecard of a response's maps on some images that it was not trained on.

    Needs only a response, images and references; ``beside`` adds what the caller knows.  While it
    runs, nothing else may use the network: E3 makes its layers random and gives them back.

    Args:
        references: As in :func:`explanation_of`.
        forced: Accept a reference that is normally refused; E2 then fails.

    Raises:
        ValueError: What :func:`explanation_of` refuses; parts of ``beside`` that do not fit.
        MemoryError: Not even one path point fits into memory.

    Source:
        EXPLAIN checks E1 to E12, docs/quality.md; randomisation: Adebayo et al. (2018).
    """
    if isinstance(response, nn.Module):
        response = response_of(response)
    settings, beside = settings or GateSettings(), beside or Beside()
    found = explanation_of(
        response,
        images,
        references=references,
        reference_name=reference_name,
        method=by_path(settings.path),
        forced=forced,
    )
    gate = _Gate(response=response, found=found, beside=beside, settings=settings)
    randomisation, cascade, undone = gate.randomisation()
    deletion, curves = gate.deletion()
    checks = [gate.completeness(), gate.references(), randomisation, gate.label_randomisation()]
    checks += [deletion, gate.zones(undone), gate.consistency()]
    reason = "Needs more than images and a network; nobody handed it in."
    return Scorecard(checks=in_order(checks, reason=reason), cascade=cascade, curves=curves)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Gate:
    """One explanation and what each check computes from it."""

    response: Response
    found: Explanation
    beside: Beside
    settings: GateSettings

    @property
    def cases(self) -> Cases:
        n, case = len(self.found.images), self.beside.case
        return Cases(
            case=np.arange(n) if case is None else case,
            n_resamples=self.settings.n_resamples,
            seed=self.settings.seed,
        )

    @property
    def maps_shown(self) -> np.ndarray:
        return _numbers(self.found.pooled)

    def maps(
        self,
        response: Response,
        *,
        images: Tensor | None = None,
        references: Tensor | None = None,
        chosen: np.ndarray | None = None,
    ) -> np.ndarray:
        """Maps that are only compared with others: less complete than those shown."""
        path, n_most = self.settings.path, self.settings.n_compared
        n_first = min(path.n_first, n_most)
        coarse = replace(path, n_first=n_first, n_most=n_most, is_checked=False)
        found = attributions(
            response,
            _some(self.found.images if images is None else images, chosen),
            references=_some(self.found.references if references is None else references, chosen),
            reference_name=self.found.reference_name,
            settings=coarse,
            forced=self.found.is_forced,
        )
        return _numbers(found.values.sum(1))

    @property
    def few(self) -> np.ndarray:
        """Numbers of some images, spread evenly over all."""
        n = len(self.found.images)
        return np.unique(np.linspace(0, n - 1, min(n, self.settings.n_few)).round().astype(int))

    def smoothed(self, maps: np.ndarray) -> np.ndarray:
        """Maps at the scale at which they are read."""
        one_channel = torch.from_numpy(np.ascontiguousarray(maps))[:, None]
        found: np.ndarray = blurred(one_channel, sigma_px=self.settings.sigma_px)[:, 0].numpy()
        return found

    @property
    def fill(self) -> Tensor:
        return self.found.references[:, 0] if self.beside.fill is None else self.beside.fill

    @property
    def amount(self) -> np.ndarray:
        if self.beside.amount is not None:
            return self.beside.amount
        return _numbers((self.found.images - self.fill).abs().sum(1))

    def completeness(self) -> Check:
        found, settings = self.found, self.settings
        walked = found.attributions
        if walked is None:
            raise ValueError("quality_of: only path attributions are judged")
        checked = attributions(
            self.response,
            found.images[: settings.n_checked],
            references=found.references[: settings.n_checked],
            reference_name=found.reference_name,
            settings=replace(settings.path, is_checked=True),
            forced=found.is_forced,
        )
        rise = _numbers(found.rise.abs())
        return completeness_row(
            gap=_numbers(found.gap),
            allowed=np.maximum(settings.tolerance * rise, settings.tolerance_absolute),
            is_converged=found.is_converged.cpu().numpy(),
            map_change=_numbers(checked.map_change),
            cases=self.cases,
        )

    def references(self) -> Check:
        right = self.beside.is_reference_right
        if right is None:
            is_called = _numbers(self.found.response_of_image) > 0
            share = (_numbers(self.found.response_of_references) < 0).mean(1)
            right = {self.found.reference_name: np.where(is_called, share, np.nan)}
        return reference_row(right, is_forced=self.found.is_forced, cases=self.cases)

    def randomisation(self) -> tuple[Check, tuple[Stage, ...], np.ndarray | None]:
        """E3, its cascade, and own shares of networks with random weights."""
        n_layers = len(layers_of(self.response))
        if not n_layers and not self.beside.untrained:
            reason = "No layers with parameters are found in the response; hand in networks."
            return not_run("E3", reason), (), None
        cascade: list[Stage] = []
        if n_layers:
            first = stages(n_layers, n_stages=self.settings.n_stages)[:-1]
            cascade = [self._stage(n, n_layers=n_layers) for n in first]
        maps = self._untrained_maps(n_layers)
        check, last, undone = self._undone("E3", maps)
        cascade.append(last)
        return check, tuple(cascade), undone

    def _untrained_maps(self, n_layers: int) -> list[np.ndarray]:
        if self.beside.untrained:
            return [self.maps(network) for network in self.beside.untrained]
        maps = []
        for number in range(self.settings.n_random_networks):
            seed = self.settings.seed + number
            with randomised(self.response, self.found.images, n_layers=n_layers, seed=seed):
                maps.append(self.maps(self.response))
        return maps

    def _stage(self, n: int, *, n_layers: int) -> Stage:
        """One stage of the cascade, on some of the images."""
        few, zones = self.few, self.beside.zones
        with randomised(self.response, self.found.images, n_layers=n, seed=self.settings.seed):
            maps = self.maps(self.response, chosen=few)
        cases = self.cases.only(few)
        share = None if zones is None else cases.mean(own_share(maps, zones.only(few)))
        return Stage(
            name=f"last {n} of {n_layers} layers" if n > 1 else "last layer",
            n_layers=n,
            correlation=cases.median(np.abs(rank_correlation(self.maps_shown[few], maps))),
            own_share=share,
        )

    def _undone(self, code: str, maps: list[np.ndarray]) -> tuple[Check, Stage, np.ndarray | None]:
        zones, shown = self.beside.zones, self.maps_shown
        correlation = np.mean([np.abs(rank_correlation(shown, one)) for one in maps], axis=0)
        shares, undone = None, None
        if zones is not None:
            undone = np.mean([own_share(one, zones) for one in maps], axis=0)
            shares = {
                "map": own_share(shown, zones),
                "undone": undone,
                "amount": own_share(self.amount, zones),
            }
        stage = Stage(
            name="all layers",
            n_layers=len(layers_of(self.response)),
            correlation=self.cases.median(correlation),
            own_share=None if undone is None else self.cases.mean(undone),
        )
        check = randomised_row(code, correlation=correlation, own_shares=shares, cases=self.cases)
        return check, stage, undone

    def label_randomisation(self) -> Check:
        if not self.beside.shuffled:
            return not_run("E4", "No network trained on shuffled labels was handed in.")
        return self._undone("E4", [self.maps(network) for network in self.beside.shuffled])[0]

    def deletion(self) -> tuple[Check, tuple[Curve, ...]]:
        path, shown = self.settings.path, self.maps_shown
        stream = Stream(response=self.response, chunk=path.chunk, n_workers=path.n_workers)
        noise = np.random.default_rng(self.settings.seed).random(shown.shape)
        sign = np.sign(_numbers(self.found.rise)).reshape(-1, *[1] * (shown.ndim - 1))
        orders = {
            "map": self.smoothed(shown),
            "random": self.smoothed(noise),
            "amount": self.smoothed(self.amount * sign),
            "map without smoothing": shown,
        }
        curves = {
            name: removal(
                self.found.images,
                fill=self.fill,
                order=order,
                n_steps=self.settings.n_steps,
                stream=stream,
            )
            for name, order in orders.items()
        }
        check = deletion_row({name: it.area for name, it in curves.items()}, cases=self.cases)
        drawn = tuple(
            Curve(
                order=name,
                most_first=tuple(it.most_first.mean(0).tolist()),
                least_first=tuple(it.least_first.mean(0).tolist()),
            )
            for name, it in curves.items()
        )
        return check, drawn

    def zones(self, undone: np.ndarray | None) -> Check:
        zones, shown = self.beside.zones, self.maps_shown
        if zones is None:
            return not_run("E6", "No zones were handed in.")
        mask = zones.own > 0
        prior = centre_prior(shown.shape[1:], sigma_px=min(shown.shape[1:]) / 8)
        beside = {
            "plain amount": own_share(self.amount, zones),
            "centre prior": own_share(np.broadcast_to(prior, shown.shape), zones),
            "share of the positive part in the own zone": _known(
                mass_share(shown, zones.own), mask
            ),
            "rank accuracy": rank_accuracy(shown, mask),
            "AUROC": area_under_curve(shown, mask),
            "pointing within 2 px": pointing(shown, mask),
        }
        if undone is not None:
            beside = {"random weights": undone, **beside}
        return zone_row(own_share(shown, zones), beside, cases=self.cases)

    def consistency(self) -> Check:
        images, references = self.found.images, self.found.references
        changes = list(self.beside.changes)
        if images.ndim == 4:
            changes = [*plane_changes(images, references), *changes]
        if not changes:
            return not_run("E8", "The images are no planes, and no changed images were handed in.")
        few, shown = self.few, self.maps_shown[self.few]
        read = self.smoothed(shown)
        judged: dict[str, np.ndarray] = {}
        printed: dict[str, np.ndarray] = {}
        for change in changes:
            maps = self.maps(
                self.response, images=change.images, references=change.references, chosen=few
            )
            correlation, similarity = change.compared(read, self.smoothed(maps))
            (judged if change.is_judged else printed)[change.name] = correlation
            printed[f"SSIM, {change.name}"] = similarity
            fine = change.compared(shown, maps)[0]
            printed[f"{change.name}, without smoothing"] = fine
        return consistency_row(judged, printed, cases=self.cases.only(few))


def _some(tensor: Tensor, chosen: np.ndarray | None) -> Tensor:
    return tensor if chosen is None else tensor[torch.from_numpy(chosen)]


def _known(values: np.ndarray, mask: Bool[np.ndarray, "n *space"]) -> np.ndarray:
    """NaN for items without a zone."""
    has_zone = mask.reshape(len(mask), -1).any(1)
    found: np.ndarray = np.where(has_zone, values, np.nan)
    return found


def _numbers(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = tensor.detach().cpu().double().numpy()
    return found
