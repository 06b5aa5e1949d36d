"""Threads that judge tiles: order, bound, errors, and nothing left changed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from rimlight.workflows.tile_workers import in_order


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_what_is_found_comes_in_the_order_of_the_tiles(n_threads):
    def judged(tile):
        time.sleep(0.01 * (tile % 3 == 0))  # so that others would pass it
        return 10 * tile

    assert list(in_order(judged, range(20), n_threads=n_threads)) == [10 * n for n in range(20)]


def test_tiles_are_judged_at_once_each_on_one_thread_of_torch():
    both = threading.Barrier(2, timeout=30)

    def judged(_tile):
        both.wait()  # passes only if two tiles are in hand
        return torch.get_num_threads(), threading.get_ident()

    found = list(in_order(judged, range(4), n_threads=2))
    assert {n for n, _ in found} == {1}
    assert threading.get_ident() not in {thread for _, thread in found}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_only_a_few_tiles_are_held(n_threads):
    taken = []

    def tiles():
        for tile in range(50):
            taken.append(tile)
            yield tile

    for n_found, _ in enumerate(in_order(lambda tile: tile, tiles(), n_threads=n_threads)):
        assert len(taken) <= n_found + n_threads + 1


def test_later_threads_compute_with_as_many_as_before_also_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:

        def judged(tile):
            if tile == 3:
                raise OSError("the disk")
            return tile

        with pytest.raises(OSError, match="the disk"):
            list(in_order(judged, range(10), n_threads=2))
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_threads_of_a_product).result() == 2
    finally:
        torch.set_num_threads(before)


def _threads_of_a_product():
    torch.ones(4) @ torch.ones(4)  # torch sets the threads of a thread when it first computes
    return torch.get_num_threads()
