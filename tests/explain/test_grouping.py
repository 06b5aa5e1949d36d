import numpy as np
import pytest

from rimlight.explain import grouping
from rimlight.explain.grouping import LEAST_CELLS, LEAST_OF_CAUSE, grouped, polar

SIZE = 32


def blob(rng, *, far, spread=0.05):
    """A map with one spot at ``far`` of the way to the edge, in any direction."""
    half = (SIZE - 1) / 2
    angle = rng.uniform(0, 2 * np.pi)
    reach = half * (far + rng.normal(0, spread))
    rows, columns = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(rows - half - reach * np.sin(angle), columns - half - reach * np.cos(angle))
    return np.exp(-((away / 3) ** 2)) + rng.normal(0, 0.01, (SIZE, SIZE))


def ring(rng, *, far=0.3):
    half = (SIZE - 1) / 2
    rows, columns = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(rows - half, columns - half) / half - far - rng.normal(0, 0.03)
    return np.exp(-((away / 0.08) ** 2)) + rng.normal(0, 0.01, (SIZE, SIZE))


def shares_of(maps):
    half = (SIZE - 1) / 2
    rows, columns = np.mgrid[:SIZE, :SIZE]
    inner = np.hypot(rows - half, columns - half) < SIZE / 4
    return np.stack([maps[:, inner].sum(1), maps[:, ~inner].sum(1)], axis=1) / 100


def two_kinds(n=20, seed=1):
    rng = np.random.default_rng(seed)
    maps = np.stack([blob(rng, far=0.75) for _ in range(n)] + [ring(rng) for _ in range(n)])
    return maps, shares_of(maps), rng.normal(1.5, 0.5, 2 * n), np.repeat([0, 1], n)


def one_kind(n=40, seed=2):
    rng = np.random.default_rng(seed)
    maps = np.stack([blob(rng, far=0.6) for _ in range(n)])
    return maps, shares_of(maps), rng.normal(1.5, 0.5, n)


def partition(groups):
    return {frozenset(group.rows.tolist()) for group in groups.groups}


def test_two_planted_kinds_of_maps_are_parted():
    maps, shares, logits, kind = two_kinds()
    found = grouped(maps, shares, logits, ["neighbour_membrane"] * len(maps))
    assert partition(found) == {
        frozenset(np.flatnonzero(kind == 0)), frozenset(np.flatnonzero(kind == 1))
    }  # fmt: skip
    assert {group.name for group in found.groups} == {
        "neighbour membrane, kind 1 of 2",
        "neighbour membrane, kind 2 of 2",
    }


def test_what_tells_kinds_apart_is_said():
    maps, shares, logits, kind = two_kinds()
    found = grouped(maps, shares, logits, ["neighbour_membrane"] * len(maps))
    words = {int(kind[group.rows[0]]): group.words for group in found.groups}
    assert "mostly on one side" in words[0]
    assert "spread around" in words[1]
    assert "logits around +1." in words[0]


@pytest.mark.parametrize("seed", range(5))
def test_one_kind_is_not_parted(seed):
    maps, shares, logits = one_kind(seed=seed)
    found = grouped(maps, shares, logits, ["pigment"] * len(maps))
    assert [group.name for group in found.groups] == ["pigment"]
    assert found.groups[0].words == ""


def test_a_single_outlier_makes_no_kind():
    maps, shares, logits = one_kind()
    maps[3] *= -50
    logits[3] = 90
    assert len(grouped(maps, shares, logits, ["pigment"] * len(maps)).groups) == 1


def test_a_single_outlier_hides_no_kind():
    maps, shares, _ = (np.repeat(part[:1], 40, axis=0) for part in one_kind())
    logits = np.tile([-4.0, 4.0], 20) + np.random.default_rng(6).normal(0, 0.2, 40)
    logits[0] = -1e4
    found = grouped(maps, shares, logits, ["pigment"] * 40)
    assert partition(found) == {frozenset(range(0, 40, 2)), frozenset(range(1, 40, 2))}


def test_evidence_of_the_other_sign_in_the_same_place_is_another_kind():
    rng = np.random.default_rng(4)
    maps = np.stack([ring(rng) for _ in range(40)])
    sign = np.tile([1, -1], 20)
    maps *= sign[:, None, None]
    found = grouped(maps, np.zeros((40, 1)), np.ones(40), ["surroundings"] * 40)
    assert partition(found) == {
        frozenset(np.flatnonzero(sign > 0)), frozenset(np.flatnonzero(sign < 0))
    }  # fmt: skip


def test_turning_or_mirroring_every_patch_by_its_own_turn_changes_no_group():
    maps, shares, logits, _ = two_kinds()
    turned = np.stack(
        [
            np.rot90(one, at % 4) if at % 3 else np.rot90(one, at % 4)[:, ::-1]
            for at, one in enumerate(maps)
        ]
    )
    causes = ["neighbour_membrane"] * len(maps)
    assert np.allclose(polar(maps), polar(turned))
    first, second = grouped(maps, shares, logits, causes), grouped(turned, shares, logits, causes)
    assert first.names == second.names
    for one, other in zip(first.groups, second.groups, strict=True):
        assert one.examples.tolist() == other.examples.tolist()


def test_a_map_moved_outwards_is_told_from_the_same_map_turned():
    one = np.zeros((1, SIZE, SIZE))
    one[0, 10, 16] = 1
    moved = np.roll(one, -5, axis=1)
    assert not np.allclose(polar(one), polar(moved), atol=1e-4)


def test_order_of_cells_changes_no_group():
    maps, shares, logits, _ = two_kinds(n=24)
    causes = np.array(["neighbour_membrane"] * 40 + ["pigment"] * 8)
    order = np.random.default_rng(3).permutation(len(maps))
    first = grouped(maps, shares, logits, causes.tolist())
    second = grouped(maps[order], shares[order], logits[order], causes[order].tolist())
    assert tuple(np.array(first.names)[order]) == second.names
    for one, other in zip(first.groups, second.groups, strict=True):
        assert one.name == other.name
        assert set(order[other.examples]) == set(one.examples)


def test_order_decides_nothing_even_where_kinds_barely_differ(monkeypatch):
    monkeypatch.setattr(grouping, "LEAST_MARGIN", -1)
    maps, shares, logits = one_kind(n=60)
    order = np.random.default_rng(3).permutation(60)
    first = grouped(maps, shares, logits, ["pigment"] * 60)
    second = grouped(maps[order], shares[order], logits[order], ["pigment"] * 60)
    assert len(first.groups) > 1
    assert tuple(np.array(first.names)[order]) == second.names


def test_the_same_input_gives_the_same_groups():
    maps, shares, logits, _ = two_kinds()
    causes = ["neighbour_membrane"] * len(maps)
    assert (
        grouped(maps, shares, logits, causes).names == grouped(maps, shares, logits, causes).names
    )


def test_few_errors_are_grouped_by_cause_alone():
    maps, shares, logits, _ = two_kinds(n=14)
    causes = ["pigment" if at < 2 else "neighbour_membrane" for at in range(len(maps))]
    assert LEAST_OF_CAUSE + 2 <= len(maps) < LEAST_CELLS
    found = grouped(maps, shares, logits, causes)
    assert [group.name for group in found.groups] == ["neighbour membrane", "pigment"]
    assert found.names[:3] == ("pigment", "pigment", "neighbour membrane")
    assert "fewer than the 30" in found.rule


def test_a_cause_of_few_cells_is_not_parted_beside_a_large_one():
    maps, shares, logits, _ = two_kinds(n=(LEAST_OF_CAUSE - 2) // 2)
    causes = ["pigment"] * len(maps)
    other, other_shares, other_logits = one_kind()
    found = grouped(
        np.concatenate([maps, other]),
        np.concatenate([shares, other_shares]),
        np.concatenate([logits, other_logits]),
        causes + ["surroundings"] * len(other),
    )
    assert [group.name for group in found.groups] == ["surroundings", "pigment"]


def test_groups_never_mix_causes():
    maps, shares, logits, _ = two_kinds(n=40)
    causes = ["pigment" if at % 2 else "neighbour_membrane" for at in range(len(maps))]
    found = grouped(maps, shares, logits, causes)
    assert len(found.groups) == 4
    for group in found.groups:
        assert {causes[row] for row in group.rows} == {group.cause}
    assert sorted(np.concatenate([group.rows for group in found.groups])) == list(range(len(maps)))


def test_an_example_is_typical_of_its_group():
    maps, shares, logits = one_kind(n=10)
    rng = np.random.default_rng(5)
    maps[4] = ring(rng)
    shares, logits[4] = shares_of(maps), 8
    found = grouped(maps, shares, logits, ["pigment"] * 10)
    assert 4 not in found.groups[0].examples


def test_no_cells_make_no_groups():
    found = grouped(np.zeros((0, SIZE, SIZE)), np.zeros((0, 3)), np.zeros(0), [])
    assert (found.names, found.groups) == ((), ())


def test_cells_that_are_all_alike_are_one_group():
    found = grouped(np.zeros((40, 8, 8)), np.zeros((40, 2)), np.zeros(40), ["pigment"] * 40)
    assert len(found.groups) == 1


def test_arrays_of_other_lengths_and_numbers_that_are_not_finite_are_refused():
    maps, shares, logits = one_kind(n=5)
    with pytest.raises(ValueError, match="equally many"):
        grouped(maps, shares, logits, ["pigment"] * 4)
    maps[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        grouped(maps, shares, logits, ["pigment"] * 5)
