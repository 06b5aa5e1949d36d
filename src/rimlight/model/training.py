"""Fit a patch network: one record an epoch, and a state from which training goes on exactly."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped, UInt8
from torch import Tensor, nn

from rimlight.core.stains import StainMatrix
from rimlight.core.surrounds import partners, surround_swapped
from rimlight.model.augmentation import AugmentationSettings, augmented
from rimlight.model.network import PatchNetwork
from rimlight.model.prediction import light_tensor, logits_of

EMA_DECAY = 0.99
LABEL_SMOOTHING = 0.02
LEAST_VALIDATION = 50
"""Validation patches below which no epoch is chosen by them: their loss is mostly chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSet:
    """Patches with a margin, their binary label and the white point of their slide.

    patches: light 0..255; white: I0 0..255.
    own_weight: 255 where a patch keeps its own pixels when its surround is swapped; only then.
    group: what a cell and the donor of its surround share, the scanner; none: all cells are one.
    """

    patches: UInt8[np.ndarray, "n wide wide 3"]
    is_positive: Bool[np.ndarray, " n"]
    white: Float[np.ndarray, "n 3"]
    own_weight: UInt8[np.ndarray, "n wide wide"] | None = None
    group: Shaped[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        return len(self.patches)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How a network is fitted; learning rate without unit, ``patience`` in epochs.

    least_steps: steps an epoch has at least; few patches are gone through more than once for it.
    """

    n_epochs: int
    least_steps: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    augmentation: AugmentationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """What one epoch came to; losses are cross-entropy in nats."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """All that training needs to go on as if it had not stopped.

    arrays: weights, averaged weights, best weights and moments of the optimiser, by name.
    """

    arrays: dict[str, np.ndarray]
    n_epochs_done: int
    best_epoch: int
    best_loss: float


def fit(
    network: PatchNetwork,
    train: PatchSet,
    validation: PatchSet,
    *,
    stains: StainMatrix,
    settings: FitSettings,
    state: TrainingState | None = None,
) -> Iterator[tuple[EpochRecord, TrainingState]]:
    """Train ``network`` in place; yield a record and a state after each epoch.

    Weights are averaged over steps (exponential moving average); the averaged weights with the
    lowest loss on ``validation`` are in ``network`` when the iteration ends; with fewer than
    ``LEAST_VALIDATION`` patches there it is those of the last epoch.  The order of
    patches and their changes depend on the seed and the epoch alone, so that going on from a
    state gives the same numbers as never having stopped.
    """
    course = _Course(network, train, settings, stains)
    best_loss, best_epoch, first = math.inf, -1, 0
    best = copy.deepcopy(network.state_dict())
    if state is not None:
        course.restore(state)
        best = _part(state, "best.")
        best_loss, best_epoch, first = state.best_loss, state.best_epoch, state.n_epochs_done
    for epoch in range(first, settings.n_epochs):
        if epoch - best_epoch > settings.patience:
            break
        train_loss = course.epoch(epoch)
        loss, accuracy = _validation(course.average, validation, settings.augmentation.size_px)
        is_best = loss < best_loss or len(validation) < LEAST_VALIDATION
        if is_best:
            best_loss, best_epoch = loss, epoch
            best = copy.deepcopy(course.average.state_dict())
        record = EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=course.rate(course.n_steps * (epoch + 1)),
            is_best=is_best,
        )
        arrays = course.arrays() | {f"best.{name}": _array(t) for name, t in best.items()}
        yield (
            record,
            TrainingState(
                arrays=arrays, n_epochs_done=epoch + 1, best_epoch=best_epoch, best_loss=best_loss
            ),
        )
    network.load_state_dict(best)
    network.eval()


class _Course:
    """One training under way: live weights, averaged weights, optimiser and schedule."""

    def __init__(
        self, network: PatchNetwork, train: PatchSet, settings: FitSettings, stains: StainMatrix
    ) -> None:
        import lightning_fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment

        # Named, or Fabric takes a login computer of Slurm for a job of many processes.
        self.fabric = lightning_fabric.Fabric(
            accelerator="cpu", devices=1, precision="32-true", plugins=[LightningEnvironment()]
        )
        self.train, self.settings, self.stains = train, settings, stains
        self.network = network.train()
        self.average = copy.deepcopy(network).eval()
        self.optimizer = torch.optim.AdamW(
            _groups(network, settings.weight_decay), lr=settings.learning_rate
        )
        self.module, self.wrapped = self.fabric.setup(network, self.optimizer)
        self.steps_a_pass = math.ceil(len(train) / settings.batch_size)
        self.n_passes = math.ceil(max(1, settings.least_steps) / self.steps_a_pass)
        self.n_steps = self.steps_a_pass * self.n_passes
        self.step = 0
        self.weight = _class_weight(train.is_positive)
        self.group = np.zeros(len(train)) if train.group is None else train.group

    def rate(self, step: int) -> float:
        """Return the learning rate: up over a tenth of the steps, down along a cosine."""
        share = step / max(1, self.n_steps * self.settings.n_epochs)
        if share < 0.1:
            return self.settings.learning_rate * (0.1 + 9 * share)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (share - 0.1) / 0.9))

    def epoch(self, epoch: int) -> float:
        """Go through the training patches, in a new order each time; return the mean loss."""
        random = np.random.default_rng([self.settings.seed, epoch])
        torch.manual_seed(int(random.integers(2**31)))
        self.network.train()
        losses = []
        for _ in range(self.n_passes):
            order = random.permutation(len(self.train))
            for chosen in np.array_split(order, self.steps_a_pass):
                losses.append(self._one_step(chosen, random) * len(chosen))
        return sum(losses) / (len(self.train) * self.n_passes)

    def _one_step(self, chosen: np.ndarray, random: np.random.Generator) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        patches = augmented(
            self._surrounded(chosen, random),
            white=self.train.white[chosen],
            stains=self.stains,
            settings=self.settings.augmentation,
            random=random,
        )
        is_positive = torch.from_numpy(self.train.is_positive[chosen].astype(np.float32))
        target = is_positive * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / 2
        weight = torch.where(is_positive > 0, self.weight[1], self.weight[0])
        loss = nn.functional.binary_cross_entropy_with_logits(
            self.module(light_tensor(patches)), target, weight=weight
        )
        self.wrapped.zero_grad()
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.wrapped.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    def _surrounded(self, chosen: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The patches of a step, some of them in the surround of another training cell."""
        train, share = self.train, self.settings.augmentation.swap_share
        if not share:
            unchanged: np.ndarray = train.patches[chosen]
            return unchanged
        if train.own_weight is None:
            raise ValueError("surrounds can be swapped only with own_weight; see PatchSet")
        patches: np.ndarray = train.patches[chosen]
        is_swapped = random.random(len(chosen)) < share
        rows, donors = chosen[is_swapped], partners(self.group, random=random)[chosen[is_swapped]]
        patches[is_swapped] = surround_swapped(
            train.patches[rows],
            train.patches[donors],
            weight=train.own_weight[rows] / np.float32(255),
            whites=train.white[rows],
            donor_whites=train.white[donors],
        )
        return patches

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(EMA_DECAY, self.step / (self.step + 9))
        for mean, live in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(live, 1 - decay)
            else:
                mean.copy_(live)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return live and averaged weights and the optimiser's moments as arrays."""
        named = {f"live.{name}": t for name, t in self.network.state_dict().items()}
        named |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{index}.{name}": t for name, t in moments.items()}
        return {name: _array(tensor) for name, tensor in named.items()}

    def restore(self, state: TrainingState) -> None:
        """Take up weights, moments and the step count of an earlier training."""
        self.network.load_state_dict(_part(state, "live."))
        self.average.load_state_dict(_part(state, "average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(state, "optimizer.").items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = tensor
        saved: dict[str, Any] = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**saved, "state": moments})
        self.step = state.n_epochs_done * self.n_steps


def _groups(network: PatchNetwork, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: weights decay, biases and normalisation do not."""
    thick = [p for p in network.parameters() if p.ndim > 1]
    thin = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": thick, "weight_decay": weight_decay}, {"params": thin, "weight_decay": 0.0}]


def _class_weight(is_positive: Bool[np.ndarray, " n"]) -> Tensor:
    """Return weights of negative and positive: the root of balanced weights, mean 1."""
    share = np.clip(is_positive.mean(), 0.02, 0.98)
    weight = np.sqrt([0.5 / (1 - share), 0.5 / share])
    mean = weight[0] * (1 - share) + weight[1] * share
    return torch.tensor(weight / mean, dtype=torch.float32)


def _validation(network: PatchNetwork, patches: PatchSet, size_px: int) -> tuple[float, float]:
    logits = logits_of(network, patches.patches, size_px=size_px).astype(np.float64)
    signed = np.where(patches.is_positive, logits, -logits)
    return float(np.logaddexp(0, -signed).mean()), float((signed > 0).mean())


def _array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.detach().cpu().contiguous().numpy())


def _part(state: TrainingState, prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(array.copy())
        for name, array in state.arrays.items()
        if name.startswith(prefix)
    }
