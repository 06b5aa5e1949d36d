"""Tiles judged by several threads at once, each computing alone, given back in their order.

A network that splits every operation among threads waits at the end of each; whole tiles share
nothing. As every operation runs on one thread, digits do not depend on how many there are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Tile = TypeVar("Tile")
Found = TypeVar("Found")


def in_order(
    judge: Callable[[Tile], Found], tiles: Iterable[Tile], *, n_threads: int
) -> Iterator[Found]:
    """Yield what is found on each tile, in the order of the tiles.

    At most one tile more than there are threads is held.

    Args:
        judge: Called in any thread, once a tile.
        tiles: Taken in the thread of the caller, while others are judged.
        n_threads: 1 for the thread of the caller alone.
    """
    if n_threads == 1:
        yield from map(judge, tiles)
        return
    import torch

    n_before = torch.get_num_threads()
    waiting: deque[Future[Found]] = deque()
    pool = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for tile in tiles:
            waiting.append(pool.submit(judge, tile))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(n_before)
