"""Theorems of path attribution, on networks of many kinds, shapes and chunks."""

import gc
import os
from pathlib import Path

import pytest
import torch
from networks import SHAPE_OF_NETWORK, conv_norm_pool, in_place_relu_first, items, made, relu

from rimlight.explain.attribution import PathSettings, attributions

FINE = PathSettings(rungs=(32, 96, 288, 864), tolerance_absolute=5e-3)


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
    whole = own(network, images, references, rungs=(4, 12), tolerance_absolute=0.0, tolerance=0.0)
    parts = own(
        network,
        images,
        references,
        rungs=(4, 12),
        tolerance_absolute=0.0,
        tolerance=0.0,
        chunk=chunk,
    )
    torch.testing.assert_close(parts.values, whole.values, rtol=0, atol=1e-10)
    torch.testing.assert_close(parts.gap, whole.gap, rtol=0, atol=1e-10)
    assert (whole.n_gradients == 24).all()


@pytest.mark.parametrize("kind", SHAPE_OF_NETWORK, ids=lambda kind: kind.__name__)
def test_single_precision_agrees_with_double(kind):
    shape = SHAPE_OF_NETWORK[kind]
    images, references = items(shape, 4), items(shape, 1, seed=2)
    exact = own(made(kind), images, references, rungs=(32,))
    single = own(made(kind, dtype=torch.float32), images.float(), references.float(), rungs=(32,))
    assert single.values.dtype == torch.float32
    assert single.gap.dtype == torch.float64
    largest = exact.values.abs().max()
    assert (single.values - exact.values).abs().max() <= 1e-5 * largest


def test_a_linear_response_gets_back_weight_times_way():
    weights = torch.tensor([[1.0, -2.0], [0.5, 4.0]]).double()
    images, references = items((2, 2), 3), items((2, 2), 1, seed=2)
    found = own(lambda x: (x * weights).sum((1, 2)), images, references, rungs=(1,))
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
    found = own(lambda x: x @ weights, images, references, rungs=(1,))
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
    together = own(network, images, references, rungs=(32,))
    alone = [own(network, images, references[n : n + 1], rungs=(11,)) for n in range(3)]
    maps = torch.stack([part.values for part in alone])
    torch.testing.assert_close(together.values, maps.mean(0))
    torch.testing.assert_close(together.reference_sd, maps.std(0))
    torch.testing.assert_close(
        together.gap_of_references, torch.stack([part.gap for part in alone], 1)
    )
    assert alone[0].reference_sd is None
    assert (together.n_gradients == 33).all()


def test_a_climbed_rung_is_the_same_as_a_fresh_run_of_all_its_points():
    network, images, reference = made(relu), items((3, 8, 8), 3), items((3, 8, 8), 1, seed=2)
    for spacing in ("ends", "even"):
        climbed = own(network, images, reference, rungs=(8, 24, 72), spacing=spacing, **NEVER)
        fresh = own(network, images, reference, rungs=(72,), spacing=spacing)
        torch.testing.assert_close(climbed.values, fresh.values, rtol=0, atol=1e-12)
        assert (climbed.n_gradients == 72).all()


NEVER = {"tolerance": 0.0, "tolerance_absolute": 0.0}


def steep(x):
    """Jump of 10 in the first 2 % of the path from 0 to 1, then flat."""
    return 10 * torch.sigmoid((x[:, 0] - 0.01) * 2000) + x[:, 1]


def test_only_the_images_that_need_it_climb():
    images = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.5]]).double()
    found = own(steep, images, torch.zeros(1, 2).double(), rungs=(4, 12, 36))
    assert found.n_gradients.tolist() == [4, 36, 4]
    assert found.is_converged.tolist() == [True, False, True]
    assert found.map_change.isnan().tolist() == [True, False, True]


def test_a_steep_response_converges_with_enough_rungs():
    images = torch.tensor([[1.0, 1.0]]).double()
    found = own(steep, images, torch.zeros(1, 2).double(), rungs=(32, 96, 288, 864))
    assert found.is_converged.all()
    assert found.n_gradients.item() > 32


def test_map_change_is_the_distance_of_the_last_two_rungs():
    network, images, reference = made(relu), items((3, 8, 8), 2), items((3, 8, 8), 1, seed=2)
    both = own(network, images, reference, rungs=(8, 24), **NEVER)
    first = own(network, images, reference, rungs=(8,))
    last = own(network, images, reference, rungs=(24,))
    moved = (last.values - first.values).abs().flatten(1).sum(1)
    torch.testing.assert_close(both.map_change, moved / last.values.abs().flatten(1).sum(1))
    assert first.map_change.isnan().all()


def test_one_rung_more_can_be_asked_for():
    network, images = made(relu), items((3, 8, 8), 2)
    found = own(network, images, items((3, 8, 8), 1, seed=2), fewest_rungs=2)
    assert (found.n_gradients == 96).all()
    assert found.map_change.isfinite().all()


def test_a_small_rise_is_marked():
    images = torch.tensor([[0.4], [0.6]]).double()
    found = own(lambda x: x[:, 0], images, torch.zeros(1, 1).double())
    assert found.is_small_rise.tolist() == [True, False]


def test_the_response_never_sees_more_items_than_a_chunk():
    seen = []

    def response(x):
        seen.append(len(x))
        return x.square().sum(1)

    own(response, items((3,), 10), items((3,), 4, seed=2), chunk=16, rungs=(8, 24, 72), **NEVER)
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
    assert max(seen) == 32  # halved to 16, 8 and 4
    assert max(seen[-30:]) == 4


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
def test_five_hundred_calls_leave_memory_flat():
    network, images = made(relu, dtype=torch.float32), items((3, 8, 8), 4).float()
    reference = items((3, 8, 8), 1, seed=2).float()
    for _ in range(50):
        own(network, images, reference)
    gc.collect()
    before, objects = resident_bytes(), len(gc.get_objects())
    for _ in range(500):
        own(network, images, reference)
    gc.collect()
    assert resident_bytes() - before < 4 * 2**20
    assert len(gc.get_objects()) - objects < 100
