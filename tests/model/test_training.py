"""Fitting a network: it learns, it repeats, and it goes on as if it had never stopped."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rimlight.core.stains import HDAB
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import NetworkSettings, new_network
from rimlight.model.prediction import logits_of
from rimlight.model.training import FitSettings, PatchSet, fit

SIZE = 32


def _patch_set(n: int, *, seed: int) -> PatchSet:
    """Return patches in which a brown ring around the middle is the label."""
    random = np.random.default_rng(seed)
    patches = random.integers(200, 240, (n, SIZE + 4, SIZE + 4, 3), dtype=np.uint8)
    is_positive = random.random(n) < 0.4
    along = np.arange(SIZE + 4) - (SIZE + 3) / 2
    ring = np.abs(np.hypot(along[:, None], along[None]) - 8) < 2
    for index in np.flatnonzero(is_positive):
        patches[index][ring] = (150, 90, 60)
    return PatchSet(
        patches=patches, is_positive=is_positive, white=np.full((n, 3), 245, dtype=np.float32)
    )


TRAIN, VALIDATION = _patch_set(96, seed=0), _patch_set(56, seed=1)


def _settings(n_epochs: int = 4, **changes) -> FitSettings:
    values = {
        "n_epochs": n_epochs,
        "least_steps": 1,
        "patience": 10,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "weight_decay": 0.01,
        "seed": 5,
        "augmentation": AugmentationSettings(size_px=SIZE),
    }
    return FitSettings(**(values | changes))


def _fitted(settings, *, state=None, n_stop=None):
    network = new_network(NetworkSettings(size_px=SIZE, width=4), seed=3)
    records, states = [], []
    steps = fit(network, TRAIN, VALIDATION, stains=HDAB, settings=settings, state=state)
    for record, after in steps:
        records.append(record)
        states.append(after)
        if n_stop == len(records):
            break
    return network, records, states


@pytest.fixture(scope="module")
def whole():
    return _fitted(_settings())


def test_a_planted_ring_is_learned(whole):
    network, records, _ = whole
    assert records[-1].validation_loss < 0.5 * records[0].validation_loss
    calls = logits_of(network, VALIDATION.patches, size_px=SIZE) > 0
    assert (calls == VALIDATION.is_positive).mean() > 0.95
    assert not network.training


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(whole):
    network, records, _ = whole
    again, same, _ = _fitted(_settings())
    assert same == records
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    other = _fitted(_settings(seed=6))[1]
    assert other[0].train_loss != records[0].train_loss


def test_going_on_after_an_interruption_equals_never_having_stopped(whole):
    network, records, _ = whole
    _, first, states = _fitted(_settings(), n_stop=2)
    resumed, rest, _ = _fitted(_settings(), state=states[-1])
    assert first + rest == records
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_the_weights_kept_are_those_of_the_best_epoch():
    network, records, states = _fitted(_settings(n_epochs=3, learning_rate=0.03))
    best = min(records, key=lambda record: record.validation_loss)
    assert best.is_best
    assert states[-1].best_epoch == best.epoch
    logits = logits_of(network, VALIDATION.patches, size_px=SIZE)
    signed = np.where(VALIDATION.is_positive, logits, -logits)
    assert np.logaddexp(0, -signed).mean() == pytest.approx(best.validation_loss, rel=1e-5)


def test_training_stops_after_epochs_without_a_better_validation():
    opposite = PatchSet(
        patches=VALIDATION.patches, is_positive=~VALIDATION.is_positive, white=VALIDATION.white
    )
    network = new_network(NetworkSettings(size_px=SIZE, width=4), seed=3)
    settings = _settings(n_epochs=30, patience=2, learning_rate=0.01)
    records = [r for r, _ in fit(network, TRAIN, opposite, stains=HDAB, settings=settings)]
    best = min(records, key=lambda record: record.validation_loss).epoch
    assert len(records) == best + 3 < 30


def test_a_rare_class_weighs_more(monkeypatch):
    from rimlight.model.training import _class_weight

    rare = _class_weight(np.arange(100) < 10)
    assert rare[1] / rare[0] == pytest.approx(3.0, rel=1e-5)
    assert 0.9 * rare[0] + 0.1 * rare[1] == pytest.approx(1.0, rel=1e-5)


def test_few_patches_are_gone_through_until_the_epoch_has_its_steps(monkeypatch):
    from rimlight.model import training

    seen = []
    one_step = training._Course._one_step

    def watched(self, chosen, random):
        seen.extend(chosen.tolist())
        return one_step(self, chosen, random)

    monkeypatch.setattr(training._Course, "_one_step", watched)
    # 96 patches in batches of 16 are 6 steps; 15 steps take three passes.
    records = _fitted(_settings(n_epochs=1, least_steps=15))[1]
    assert sorted(seen) == sorted(list(range(96)) * 3)
    assert records[0].train_loss < 2
    seen.clear()
    _fitted(_settings(n_epochs=1, least_steps=6))
    assert sorted(seen) == list(range(96))


def test_too_few_validation_patches_choose_no_epoch():
    few = PatchSet(
        patches=VALIDATION.patches[:20],
        is_positive=~VALIDATION.is_positive[:20],  # wrong on purpose: the loss only rises
        white=VALIDATION.white[:20],
    )
    network = new_network(NetworkSettings(size_px=SIZE, width=4), seed=3)
    settings = _settings(n_epochs=4, patience=1, learning_rate=0.01)
    steps = list(fit(network, TRAIN, few, stains=HDAB, settings=settings))
    assert [record.is_best for record, _ in steps] == [True] * 4
    last = steps[-1][1].arrays["average.head.2.weight"]
    np.testing.assert_array_equal(network.head[2].weight.detach().numpy(), last)


def test_the_loss_of_a_positive_patch_carries_the_weight_of_positives():
    from rimlight.model import training

    network = new_network(NetworkSettings(size_px=SIZE, width=4), seed=3)
    torch.nn.init.zeros_(network.head[2].weight)
    torch.nn.init.zeros_(network.head[2].bias)
    course = training._Course(network, TRAIN, _settings(learning_rate=0.0), HDAB)
    for label in (False, True):
        chosen = np.flatnonzero(TRAIN.is_positive == label)[:8]
        loss = course._one_step(chosen, np.random.default_rng(0))
        # A logit of 0 costs ln 2 whatever the label, so that only the weight is left.
        assert loss == pytest.approx(float(course.weight[int(label)]) * np.log(2), rel=1e-5)
    assert course.weight[0] != course.weight[1]


def _with_shortcut(n: int, *, seed: int, agrees: bool) -> PatchSet:
    """Return patches whose border is brown as the label says, or as it does not."""
    plain = _patch_set(n, seed=seed)
    patches = plain.patches.copy()
    along = np.arange(SIZE + 4) - (SIZE + 3) / 2
    far = np.hypot(along[:, None], along[None])
    for index in np.flatnonzero(plain.is_positive == agrees):
        patches[index][far > 13] = (150, 90, 60)
    weight = np.repeat((255 * (far < 12)).astype(np.uint8)[None], n, axis=0)
    return replace(plain, patches=patches, own_weight=weight)


def _right_against_the_shortcut(swap_share: float) -> float:
    augmentation = AugmentationSettings(size_px=SIZE, swap_share=swap_share)
    network = new_network(NetworkSettings(size_px=SIZE, width=4), seed=3)
    train = _with_shortcut(96, seed=0, agrees=True)
    settings = _settings(6, augmentation=augmentation)
    for _ in fit(network, train, train, stains=HDAB, settings=settings):
        pass
    test = _with_shortcut(56, seed=1, agrees=False)
    calls = logits_of(network, test.patches, size_px=SIZE) > 0
    return float((calls == test.is_positive).mean())


def test_swapped_surrounds_take_a_shortcut_away():
    assert _right_against_the_shortcut(0.0) < 0.5
    assert _right_against_the_shortcut(0.5) > 0.9


def test_surrounds_are_swapped_only_where_it_is_known_what_a_cell_keeps():
    augmentation = AugmentationSettings(size_px=SIZE, swap_share=0.5)
    with pytest.raises(ValueError, match="own_weight"):
        _fitted(_settings(1, augmentation=augmentation))
