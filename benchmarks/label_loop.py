"""The loop of labels without slides: networks, confirmed causes and choices on cells in memory.

``targeted_labels.py`` runs it on synthetic tissue and ``real_loop.py`` on real cells.  What is
chosen and confirmed comes from the package: ``core.selection``, ``explain.causes`` and
``workflows.exemplars``; only the reading of slides and of runs is left out.
"""

import copy
from dataclasses import dataclass

import numpy as np

from rimlight.core.selection import (
    RoundShares,
    Shortlist,
    chosen_round,
    diverse,
    feature_scale,
    uncertainty_of,
)
from rimlight.core.stains import HDAB, dab_density
from rimlight.core.surrounds import feathered, kept_parts
from rimlight.explain.cause_edits import Scene, scene_of
from rimlight.explain.causes import Case, Evidence, examined
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import NetworkSettings, PatchNetwork, new_network
from rimlight.model.prediction import centre, features_of, fitted_temperature, logits_of
from rimlight.model.prediction import probability as calibrated
from rimlight.model.training import FitSettings, PatchSet, fit
from rimlight.records import CauseName
from rimlight.settings import PatchSettings
from rimlight.workflows.cause_scenes import threshold_of
from rimlight.workflows.choosing import SUSPECTS
from rimlight.workflows.exemplars import CAUSES, Exemplars, Suspects, cause_scores

MPP, MARGIN_PX = 0.5, 4
UNCERTAIN = 0.75
SHARES = {
    "targeted": RoundShares(),
    "targeted only": RoundShares(cause=1.0, uncertain=0.0, random=0.0),
    "no causes": RoundShares(cause=0.0, uncertain=0.6, random=0.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every network of one comparison is made.

    n_epochs: of the first network, from random weights. more_epochs: of each later one, which goes
    on from the first with all labels.
    has_repeats: new labels are repeated until they are about as many as those it began with.
    """

    size_px: int = 48
    width: int = 8
    n_epochs: int = 12
    more_epochs: int = 8
    rate: float = 3e-3
    more_rate: float = 1e-3
    batch_size: int = 32
    least_steps: int = 1
    has_repeats: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells with a margin around their patch; is_positive: what the reader says when asked."""

    patches: np.ndarray
    is_positive: np.ndarray
    white: np.ndarray
    case: np.ndarray
    scanner: np.ndarray

    def __len__(self) -> int:
        return len(self.case)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loop:
    """One simulated study: rows of the cells labelled at the start, and of those to ask about."""

    cells: Cells
    start: np.ndarray
    validation: np.ndarray
    pool: np.ndarray
    recipe: Recipe
    seed: int

    @property
    def patch(self) -> PatchSettings:
        """How the product would cut these patches."""
        return PatchSettings(size_px=self.recipe.size_px, mpp=MPP, margin_um=MARGIN_PX * MPP)

    def part(self, rows: np.ndarray, *, has_swaps: bool = False) -> PatchSet:
        """What a network is fitted on."""
        cells = self.cells
        weight = None
        if has_swaps:
            kept = kept_parts(cells.patches[rows], mpp=MPP, stains=HDAB, whites=cells.white[rows])
            weight = np.rint(255 * feathered(kept, mpp=MPP)).astype(np.uint8)
        return PatchSet(
            patches=cells.patches[rows],
            is_positive=cells.is_positive[rows],
            white=cells.white[rows],
            own_weight=weight,
            group=cells.scanner[rows] if has_swaps else None,
        )

    def first(self, *, swap: float = 0.0) -> PatchNetwork:
        """The network of the start set, from random weights."""
        made = NetworkSettings(size_px=self.recipe.size_px, width=self.recipe.width)
        network = new_network(made, seed=self.seed)
        train = self.part(self.start, has_swaps=swap > 0)
        return self._fitted(network, train, self.recipe.n_epochs, rate=self.recipe.rate, swap=swap)

    def later(self, base: PatchNetwork, new: np.ndarray, *, swap: float = 0.0) -> PatchNetwork:
        """Go on from the first network with old and new labels."""
        times = max(1, len(self.start) // max(1, len(new))) if self.recipe.has_repeats else 1
        train = self.part(np.concatenate([self.start, *[new] * times]), has_swaps=swap > 0)
        recipe = self.recipe
        return self._fitted(
            copy.deepcopy(base), train, recipe.more_epochs, rate=recipe.more_rate, swap=swap
        )

    def _fitted(
        self, network: PatchNetwork, train: PatchSet, n_epochs: int, *, rate: float, swap: float
    ) -> PatchNetwork:
        settings = FitSettings(
            n_epochs=n_epochs,
            least_steps=self.recipe.least_steps,
            patience=n_epochs,
            batch_size=self.recipe.batch_size,
            learning_rate=rate,
            weight_decay=0.02,
            seed=self.seed,
            augmentation=AugmentationSettings(size_px=self.recipe.size_px, swap_share=swap),
        )
        validation = self.part(self.validation)
        for _ in fit(network, train, validation, stains=HDAB, settings=settings):
            pass
        return network


def picked(
    loop: Loop, network: PatchNetwork, labelled: np.ndarray, *, strategy: str, n: int, seed: int
) -> np.ndarray:
    """Rows of the pool that a strategy asks about next.

    Args:
        labelled: Rows whose label is known, beside the validation cells; none is asked again.
    """
    pool = np.setdiff1d(loop.pool, labelled)
    if strategy == "random":
        return np.random.default_rng(seed).permutation(pool)[:n]
    size_px = loop.recipe.size_px
    logits, features = features_of(network, loop.cells.patches[pool], size_px=size_px)
    temperature = _temperature(loop, network)
    doubt = uncertainty_of(calibrated(logits, temperature=temperature))
    if strategy == "uncertainty":
        return pool[np.argsort(-doubt, kind="stable")[:n]]
    if strategy == "diversity":
        return pool[diverse(features, np.ones(len(pool)), n, pool=len(pool))]
    shares = SHARES[strategy]
    score, cause, weights = np.zeros(len(pool)), np.full(len(pool), "", dtype="U32"), {}
    if shares.cause:
        known = np.unique(np.concatenate([labelled, loop.validation]))
        found = exemplars_of(loop, network, known, temperature=temperature)
        weights = dict(found.n_of_cause)
        n_suspects = SUSPECTS * shares.counts(n)["cause"]
        for name in weights:
            rows = np.argsort(-(alike := found.alike(name, features, logits) * doubt))[:n_suspects]
            rows = rows[alike[rows] > 0]
            scores = _scores(loop, network, pool[rows], name, (logits[rows], alike[rows]))
            is_more = scores > score[rows]
            score[rows[is_more]], cause[rows[is_more]] = scores[is_more], name
    choices = Shortlist(
        cause_score=score,
        cause=cause,
        uncertainty=doubt,
        features=features,
        slide=loop.cells.case[pool],
        is_drawn=np.ones(len(pool), dtype=bool),
    )
    return pool[chosen_round(choices, n=n, seed=seed, shares=shares, weight_of_cause=weights).rows]


def _scores(
    loop: Loop,
    network: PatchNetwork,
    rows: np.ndarray,
    cause: str,
    logits_alike: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """What the edit of a cause tells of each suspect."""
    names, slide = np.unique(loop.cells.case[rows], return_inverse=True)
    del names
    suspects = Suspects(
        patches=loop.cells.patches[rows],
        slide=slide,
        white=loop.cells.white[rows],
        logits=logits_alike[0],
        alike=logits_alike[1],
    )
    return cause_scores(
        suspects, CauseName(cause), network, patch=loop.patch, stains=HDAB, seed=loop.seed
    )


def exemplars_of(
    loop: Loop, network: PatchNetwork, rows: np.ndarray, *, temperature: float
) -> Exemplars:
    """Confirmed causes of wrong and uncertain calls on labelled cells, none of them held out.

    Every cause that fits the side of the call is tried, as if the map had proposed it.
    """
    cells, size_px = loop.cells, loop.recipe.size_px
    logits, features = features_of(network, cells.patches[rows], size_px=size_px)
    sign = np.where(cells.is_positive[rows], 1.0, -1.0)
    sure = temperature * np.log(UNCERTAIN / (1 - UNCERTAIN))
    asked = np.flatnonzero(sign * logits < sure)
    background = backgrounds(cells, rows)
    cases = []
    for at in asked:
        scene = _scene(cells, int(rows[at]), size_px=size_px, background_od=background[at])
        even = Evidence(sums=np.zeros((5, 3)), towards=np.ones((size_px, size_px, 3)))
        cases.append(
            Case(
                scene=scene,
                evidence=even,
                logit=float(logits[at]),
                is_positive_right=bool(sign[at] > 0),
                threshold=threshold_of(
                    float(logits[at]),
                    is_positive_right=bool(sign[at] > 0),
                    is_wrong=bool(sign[at] * logits[at] < 0),
                    sure=float(sure),
                ),
            )
        )
    findings = examined(
        cases, lambda batch: logits_of(network, batch, size_px=size_px), seed=loop.seed
    )
    kept = [
        (at, finding.cause)
        for at, finding in zip(asked, findings, strict=True)
        if finding.status == "confirmed" and finding.cause in CAUSES
    ]
    found = np.array([at for at, _ in kept], dtype=int)
    return Exemplars(
        cause=np.array([cause.value for _, cause in kept], dtype=str),
        features=features[found],
        pulls_positive=~cells.is_positive[rows[found]],
        scale=feature_scale(features),
    )


def backgrounds(cells: Cells, rows: np.ndarray) -> np.ndarray:
    """DAB of unstained tissue of each cell's case, from the patches at hand."""
    level = np.zeros(len(rows))
    for case in np.unique(cells.case[rows]):
        mine = np.flatnonzero(cells.case[rows] == case)
        inner = centre(cells.patches[rows[mine]], size_px=cells.patches.shape[1] - 2 * MARGIN_PX)
        dab = dab_density(inner, white=cells.white[rows[mine[0]]], stains=HDAB)
        level[mine] = np.clip(np.quantile(dab, 0.2), 0, 0.15)
    return level


def _scene(cells: Cells, row: int, *, size_px: int, background_od: float) -> Scene:
    return scene_of(
        cells.patches[row],
        size_px=size_px,
        white=tuple(cells.white[row].tolist()),
        stains=HDAB,
        background_od=background_od,
        mpp=MPP,
    )


def _temperature(loop: Loop, network: PatchNetwork) -> float:
    patches = loop.cells.patches[loop.validation]
    logits = logits_of(network, patches, size_px=loop.recipe.size_px)
    return fitted_temperature(logits, loop.cells.is_positive[loop.validation])
