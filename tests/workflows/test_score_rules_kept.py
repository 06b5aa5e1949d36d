"""Rules are fitted once: what is kept reads back to the same digits, and only while it holds."""

from dataclasses import fields

import numpy as np
import pytest
from other_labels import with_others

from rimlight.io.runs import open_run
from rimlight.workflows import score_rules_kept
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.score_rules_kept import kept_rules
from rimlight.workflows.train import train


def is_same(one, other):
    if isinstance(one, np.ndarray):
        is_equal = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        return one.dtype == other.dtype and is_equal
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            is_same(getattr(one, item.name), getattr(other, item.name)) for item in fields(one)
        )
    return one == other


@pytest.fixture
def run(study, synthetic_folder):
    train(study, command="rimlight train")
    with_others(study, synthetic_folder)
    return open_run(study)


def test_kept_rules_are_the_fitted_ones_to_the_last_digit_and_are_not_fitted_again(
    run, monkeypatch
):
    plan = score_plan(run)
    how = {"fold": 0, "made_from": "this"}
    fitted = kept_rules(run, plan.study, **how)
    assert fitted.others is not None
    monkeypatch.setattr(score_rules_kept, "rules_of", lambda *a, **k: pytest.fail("fitted again"))
    read = kept_rules(run, plan.study, **how)
    for item in fields(fitted):
        if item.name != "network":
            assert is_same(getattr(fitted, item.name), getattr(read, item.name)), item.name
    assert fitted.sentences == read.sentences
    random = np.random.default_rng(1)
    patches = random.integers(0, 255, (20, 72, 72, 3), dtype=np.uint8)
    assert is_same(*(r.judged(patches, white=(240.0, 240.0, 240.0)) for r in (fitted, read)))


def test_rules_are_fitted_again_when_what_they_stand_on_changes_or_the_file_is_damaged(
    run, monkeypatch
):
    plan = score_plan(run)
    done = []
    real = score_rules_kept.rules_of

    def watched(*given, **how):
        done.append(how["fold"])
        return real(*given, **how)

    monkeypatch.setattr(score_rules_kept, "rules_of", watched)
    for made_from in ("this", "this", "that"):
        kept_rules(run, plan.study, fold=0, made_from=made_from)
    assert done == [0, 0]
    path = run.folder / "jobs" / "rules" / "fold-0.json"
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    kept_rules(run, plan.study, fold=0, made_from="that")
    assert done == [0, 0, 0]
