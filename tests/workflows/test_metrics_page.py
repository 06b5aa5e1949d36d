"""docs/reference/metrics.md names every key that evaluate and validate write."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_run import toy_explanations, toy_run

from rimlight.workflows.evaluate import evaluate
from rimlight.workflows.validate import validate

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
NAMED_BY_DATA = {"cut_of_fold", "level_cuts_of_fold", "assays", "scanners", "undefined"}


def keys(value: object, name: str = "") -> Iterator[str]:
    """Every key that the schema fixes; not names of folds, assays and scanners."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item)
    if isinstance(value, dict):
        for key, item in value.items():
            is_fixed = not key.isdigit() and not key.startswith("scanner: ")
            if name not in NAMED_BY_DATA and is_fixed:
                yield key
            yield from keys(item, key)


@pytest.mark.parametrize("section", ["evaluation", "validation"])
def test_every_key_of_a_section_is_on_the_page(tmp_path, section):
    run = toy_run(tmp_path, n_cases=12, n_per_case=20)
    toy_explanations(run, references=("fixed_negatives", "white", "opposite", "stain_removed"))
    made = evaluate(run) if section == "evaluation" else validate(run)
    words = PAGE.read_text(encoding="utf-8")
    found = set(keys(made))
    assert len(found) > 40
    assert sorted(key for key in found if f"`{key}`" not in words) == []
