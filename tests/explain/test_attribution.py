"""Theorems of path attribution, on networks of many kinds, shapes and chunks."""

import gc
import os
from pathlib import Path

import pytest
import torch
from networks import SHAPE_OF_NETWORK, conv_norm_pool, in_place_relu_first, items, made, relu

from rimlight.explain.attribution import PathSettings, attributions

FINE = PathSettings(n_most=900, tolerance_absolute=5e-3)


def own(response, images, references, **settings):
    return attributions(
        response,
        images,
        references=references,
        reference_name="own",
        settings=PathSettings(**settings),
    )


@pytest.mark.parametrize("kind", SHAPE_OF_NETWORK, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("n_references", [1, 3])
def test_the_map_sums_to_the_rise_of_every_network(kind, n_references):
    network, shape = made(kind), SHAPE_OF_NETWORK[kind]
    images, references = items(shape, 5), items(shape, n_references, seed=2)
    found = attributions(
        network, images, references=references, reference_name="own", settings=FINE
    )
    rise = network(images) - network(references).mean()
    torch.testing.assert_close(found.rise, rise.detach())
    torch.testing.assert_close(found.values.flatten(1).sum(1) - found.rise, found.gap)
    assert found.is_converged.all()
    assert (found.gap.abs() <= (0.01 * rise.abs()).clamp(min=5e-3)).all()
    assert rise.abs().max() > 0.05


@pytest.mark.parametrize("kind", SHAPE_OF_NETWORK, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_change_nothing(kind, chunk):
    network, shape = made(kind), SHAPE_OF_NETWORK[kind]
    images, references = items(shape, 3), items(shape, 6, seed=2).reshape(3, 2, *shape)
    path = {"n_first": 12, "tolerance": 0.02, "tolerance_absolute": 0.0}
    whole = own(network, images, references, **path)
    parts = own(network, images, references, **path, chunk=chunk)
    torch.testing.assert_close(parts.values, whole.values, rtol=0, atol=1e-10)
    torch.testing.assert_close(parts.gap, whole.gap, rtol=0, atol=1e-10)
    torch.testing.assert_close(parts.n_gradients, whole.n_gradients)


@pytest.mark.parametrize("kind", SHAPE_OF_NETWORK, ids=lambda kind: kind.__name__)
def test_single_precision_agrees_with_double(kind):
    shape = SHAPE_OF_NETWORK[kind]
    images, references = items(shape, 4), items(shape, 1, seed=2)
    exact = own(made(kind), images, references, n_first=32, n_most=32)
    single = own(
        made(kind, dtype=torch.float32), images.float(), references.float(), n_first=32, n_most=32
    )
    assert single.values.dtype == torch.float32
    assert single.gap.dtype == torch.float64
    largest = exact.values.abs().max()
    assert (single.values - exact.values).abs().max() <= 1e-5 * largest


def test_a_linear_response_gets_back_weight_times_way():
    weights = torch.tensor([[1.0, -2.0], [0.5, 4.0]]).double()
    images, references = items((2, 2), 3), items((2, 2), 1, seed=2)
    found = own(lambda x: (x * weights).sum((1, 2)), images, references, n_first=1, n_most=1)
    torch.testing.assert_close(found.values, weights * (images - references))
    assert found.gap.abs().max() < 1e-12


def test_swapping_image_and_reference_turns_the_signs():
    network = made(relu)
    one, other = items((3, 8, 8), 1), items((3, 8, 8), 1, seed=2)
    there, back = own(network, one, other), own(network, other, one)
    torch.testing.assert_close(there.values, -back.values)
    torch.testing.assert_close(there.rise, -back.rise)


def test_an_image_that_is_its_own_forced_reference_has_a_zero_map():
    image = items((3, 8, 8), 1)
    found = attributions(made(relu), image, references=image, reference_name="own", forced=True)
    assert not found.values.any()
    assert found.is_small_rise.all()
    assert found.is_converged.all()
    assert found.is_forced


def test_where_image_and_reference_agree_the_map_is_zero():
    images = items((3, 12, 12), 2)
    references = images[:1].clone()
    references[:, :, :6] += 0.3
    found = own(made(conv_norm_pool), images[:1], references)
    assert not found.values[:, :, 6:].any()
    assert found.values[:, :, :6].all()


def test_a_permuted_batch_has_permuted_maps():
    network, images = made(conv_norm_pool), items((3, 12, 12), 6)
    references = items((3, 12, 12), 12, seed=2).reshape(6, 2, 3, 12, 12)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    straight = own(network, images, references)
    permuted = own(network, images[order], references[order])
    torch.testing.assert_close(permuted.values, straight.values[order])
    torch.testing.assert_close(
        permuted.response_of_references, straight.response_of_references[order]
    )


def test_an_image_gets_its_own_reference():
    weights = torch.tensor([1.0, 10.0]).double()
    images = torch.tensor([[1.0, 1.0], [2.0, 2.0]]).double()
    references = torch.tensor([[[0.0, 0.5]], [[1.0, 1.5]]]).double()
    found = own(lambda x: x @ weights, images, references, n_first=1, n_most=1)
    torch.testing.assert_close(found.values, torch.tensor([[1.0, 5.0], [1.0, 5.0]]).double())
    torch.testing.assert_close(found.response_of_references, torch.tensor([[5.0], [16.0]]).double())


def test_a_flip_of_the_image_flips_the_map_of_a_response_that_does_not_mind():
    images, reference = items((1, 6, 6), 2), items((1, 6, 6), 1, seed=2)

    def response(x):
        return (x - x.mean((1, 2, 3), keepdim=True)).relu().square().sum((1, 2, 3))

    straight = own(response, images, reference)
    flipped = own(response, images.flip(3), reference.flip(3))
    torch.testing.assert_close(flipped.values, straight.values.flip(3))


def test_several_references_give_the_mean_map_and_its_spread():
    network, images = made(relu), items((3, 8, 8), 2)
    references = items((3, 8, 8), 3, seed=2)
    together = own(network, images, references, n_first=32, n_most=33, spacing="even")
    path = {"n_first": 11, "n_most": 11, "spacing": "even"}
    alone = [own(network, images, references[n : n + 1], **path) for n in range(3)]
    maps = torch.stack([part.values for part in alone])
    torch.testing.assert_close(together.values, maps.mean(0))
    torch.testing.assert_close(together.reference_sd, maps.std(0))
    torch.testing.assert_close(
        together.gap_of_references, torch.stack([part.gap for part in alone], 1)
    )
    assert alone[0].reference_sd is None
    assert (together.n_gradients == 33).all()


def test_paths_cut_as_a_whole_are_the_same_as_a_fresh_run_of_all_their_points():
    network, images, reference = made(relu), items((3, 8, 8), 3), items((3, 8, 8), 1, seed=2)
    twice = own(network, images, reference, n_first=8, n_most=8, spacing="even", is_checked=True)
    fresh = own(network, images, reference, n_first=24, n_most=24, spacing="even")
    torch.testing.assert_close(twice.values, fresh.values, rtol=0, atol=1e-12)
    torch.testing.assert_close(twice.gap, fresh.gap, rtol=0, atol=1e-12)
    assert (twice.n_gradients == 24).all()


def test_map_change_is_the_distance_to_the_map_before_the_last_cut():
    network, images, reference = made(relu), items((3, 8, 8), 2), items((3, 8, 8), 1, seed=2)
    both = own(network, images, reference, n_first=8, n_most=8, is_checked=True)
    first = own(network, images, reference, n_first=8, n_most=8)
    moved = (both.values - first.values).abs().flatten(1).sum(1)
    torch.testing.assert_close(both.map_change, moved / both.values.abs().flatten(1).sum(1))
    assert (both.map_change > 1e-6).all()
    assert first.map_change.isnan().all()


def steep(x):
    """Jump of 10 in the first 2 % of the path from 0 to 1, then flat."""
    return 10 * torch.sigmoid((x[:, 0] - 0.01) * 2000) + x[:, 1]


def test_only_the_images_that_need_it_get_more_points():
    images = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.5]]).double()
    found = own(steep, images, torch.zeros(1, 2).double(), n_first=4, n_most=12)
    assert found.n_gradients.tolist() == [4, 12, 4]
    assert found.is_converged.tolist() == [True, False, True]
    assert found.spread[1] > 1
    torch.testing.assert_close(found.spread[[0, 2]], torch.zeros(2).double(), atol=1e-6, rtol=0)


def test_a_jump_is_found_and_cut_finely_where_it_is():
    images, seen = torch.tensor([[1.0, 1.0]]).double(), []

    def watched(x):
        seen.extend(x[:, 0].tolist())
        return steep(x)

    found = own(watched, images, torch.zeros(1, 2).double())
    assert found.is_converged.all()
    assert found.n_gradients.item() < 60
    assert sum(place < 0.02 for place in seen) > len(seen) / 2


def test_a_gap_that_vanishes_by_luck_does_not_end_the_walk():
    def lucky(x):
        bump = torch.exp(-(((x[:, 0] - 0.3) / 0.05) ** 2))
        return x[:, 0] + 3 * bump

    images, reference = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    path = {"tolerance": 0.003, "tolerance_absolute": 0.0}
    careless = own(lucky, images, reference, **path, tolerance_spread=9.0)
    careful = own(lucky, images, reference, **path, tolerance_spread=0.005)
    assert careless.is_converged.all()
    assert careless.spread > 10 * careless.gap.abs()
    assert careful.is_converged.all()
    assert careful.spread <= 0.005 * 7 + 1e-9  # up by about 3.3, down by 2.7, up by 0.4
    assert careful.n_gradients > careless.n_gradients


def test_weights_move_only_as_far_as_completeness_needs():
    # Slope 4 up to 0.3, then 1: three points cannot see where it bends, the responses can.
    def bent(x):
        return torch.where(x[:, 0] < 0.3, 4 * x[:, 0], 0.9 + x[:, 0])

    images, reference = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    path = {"n_first": 3, "n_most": 3, "tolerance_absolute": 0.0, "tolerance_spread": 9.0}
    plain = own(bent, images, reference, **path, tolerance=9.0)
    moved = own(bent, images, reference, **path, tolerance=0.01)
    even = own(bent, images, reference, **path, tolerance=0.01, spacing="even")
    assert plain.gap.abs() > 0.1
    torch.testing.assert_close(moved.gap.abs(), 0.99 * 0.01 * moved.rise.abs())
    assert torch.sign(moved.gap) == torch.sign(plain.gap)
    assert moved.is_converged.all()
    assert not even.is_converged.any()  # weights of even points stay as they are
    torch.testing.assert_close(moved.spread, plain.spread)


def test_gradients_that_are_not_kept_are_taken_again(monkeypatch):
    network, images, reference = made(relu), items((3, 8, 8), 4), items((3, 8, 8), 1, seed=2)
    path = {"tolerance": 1e-4, "tolerance_absolute": 0.0}
    kept = own(network, images, reference, **path)
    monkeypatch.setattr("rimlight.explain.refinement._KEPT_BYTES", 1)
    lost = own(network, images, reference, **path)
    torch.testing.assert_close(lost.values, kept.values, rtol=0, atol=1e-12)
    assert (lost.n_gradients >= kept.n_gradients).all()
    assert (lost.n_gradients > kept.n_gradients).any()


@pytest.mark.parametrize("kind", [conv_norm_pool, relu], ids=lambda kind: kind.__name__)
def test_workers_change_no_bit(kind):
    network, shape = made(kind, dtype=torch.float32), SHAPE_OF_NETWORK[kind]
    images, references = items(shape, 9).float(), items(shape, 3, seed=2).float()
    n_threads = torch.get_num_threads()
    one = own(network, images, references, chunk=4)
    three = own(network, images, references, chunk=4, n_workers=3)
    assert torch.equal(one.values, three.values)
    assert torch.equal(one.n_gradients, three.n_gradients)
    assert torch.get_num_threads() == n_threads


def test_a_small_rise_is_marked():
    images = torch.tensor([[0.4], [0.6]]).double()
    found = own(lambda x: x[:, 0], images, torch.zeros(1, 1).double())
    assert found.is_small_rise.tolist() == [True, False]


def test_the_response_never_sees_more_items_than_a_chunk():
    seen = []

    def response(x):
        seen.append(len(x))
        return x.square().sum(1)

    own(response, items((3,), 10), items((3,), 4, seed=2), chunk=16, tolerance=1e-6)
    assert max(seen) == 16


def test_a_chunk_that_does_not_fit_is_halved_unseen():
    network, images, reference = made(relu), items((3, 8, 8), 5), items((3, 8, 8), 1, seed=2)
    seen = []

    def greedy(x):
        seen.append(len(x))
        if len(x) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(x)

    narrow = own(greedy, images, reference)
    torch.testing.assert_close(narrow.values, own(network, images, reference).values)
    assert max(seen) == 16  # halved to 8 and 4
    assert max(seen[-10:]) == 4


def test_nothing_of_the_network_changes():
    network = made(conv_norm_pool)
    network.layers[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flags = [parameter.requires_grad for parameter in network.parameters()]
    images = items((3, 12, 12), 2)
    kept = images.clone()
    own(network, images, items((3, 12, 12), 1, seed=2))
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in network.modules())
    assert torch.equal(images, kept)
    assert not images.requires_grad


def test_a_response_that_writes_into_its_input_spoils_nothing_of_the_caller():
    network, images = made(in_place_relu_first), items((3, 8, 8), 2) - 0.5
    images = images.contiguous(memory_format=torch.channels_last)  # laid out as used: not copied
    reference = items((3, 8, 8), 1, seed=2) - 0.5
    kept, kept_reference = images.clone(), reference.clone()
    found = own(network, images, reference)
    assert torch.equal(images, kept)
    assert torch.equal(reference, kept_reference)
    assert found.gap.abs().max() < 0.1


def test_flags_come_back_after_an_error():
    network = made(relu)

    def broken(x):
        if torch.is_grad_enabled():
            raise RuntimeError("broken on purpose")
        return network(x)

    with pytest.raises(RuntimeError, match="broken on purpose"):
        own(broken, items((3, 8, 8), 1), items((3, 8, 8), 1, seed=2))
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(mode):
    network, reference = made(relu), items((3, 8, 8), 1, seed=2)
    plain = own(network, items((3, 8, 8), 2), reference)
    with mode():
        inside = own(network, items((3, 8, 8), 2), items((3, 8, 8), 1, seed=2))
    torch.testing.assert_close(inside.values, plain.values)


def test_autocast_of_the_caller_is_off_inside():
    network = made(relu, dtype=torch.float32)
    images, reference = items((3, 8, 8), 2).float(), items((3, 8, 8), 1, seed=2).float()
    plain = own(network, images, reference)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = own(network, images, reference)
    assert torch.equal(inside.values, plain.values)


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's memory table")
def test_many_calls_leave_memory_flat():
    network, images = made(relu, dtype=torch.float32), items((3, 8, 8), 4).float()
    reference = items((3, 8, 8), 1, seed=2).float()

    def grown_bytes(n_calls):
        before = resident_bytes()
        for _ in range(n_calls):
            own(network, images, reference)
        gc.collect()
        return resident_bytes() - before

    grown_bytes(50)
    objects = len(gc.get_objects())
    # What leaks grows every time; an allocator that keeps a page, or a test before this one whose
    # memory settles, does so now and then. So the middle one of several windows counts, narrowly.
    assert sorted(grown_bytes(300) for _ in range(7))[3] < 64 * 2**10
    assert len(gc.get_objects()) - objects < 100
