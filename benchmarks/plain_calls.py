"""What a score is compared with: a matrix product, and a plain loop over patches."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

N_PLAIN = 2000
PLAIN_BATCH = 64
LARGE_BATCH = 256


def matrix_product(study: Any, *, n_threads: int) -> dict[str, float]:
    """Return GFLOP/s of a matrix product here, of the network, and multiplications of a patch."""
    import torch

    from rimlight.model.network import folded
    from rimlight.model.prediction import BATCH

    torch.set_num_threads(n_threads)
    one = torch.rand(2048, 2048)
    product_s = best_of(lambda: one @ one)
    size_px = study.settings.patch.size_px
    network = folded(network_of(study))
    n_products = products_of(network, size_px)
    speeds = {}
    for n in (BATCH, LARGE_BATCH):
        light = torch.rand(n, 3, size_px, size_px).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            network_s = best_of(partial(network, light), n_times=1280 // n)
        speeds[n] = 2 * n_products * n / network_s / 1e9
    return {
        "matrix_gflops": 2 * 2048**3 / product_s / 1e9,
        "network_gflops": speeds[BATCH],
        "large_batch_gflops": speeds[LARGE_BATCH],
        "million_products": n_products / 1e6,
    }


def best_of(act: Callable[[], Any], *, n_times: int = 5) -> float:
    """Return the seconds of the quickest of several calls."""
    took = []
    for _ in range(n_times + 1):
        started = time.perf_counter()
        act()
        took.append(time.perf_counter() - started)
    return min(took[1:])


def products_of(network: Any, size_px: int) -> int:
    """Return how many multiplications one patch takes in convolutions and full layers."""
    import torch
    from torch import nn

    total = [0]

    def count(layer: Any, _given: Any, found: Any) -> None:
        total[0] += layer.weight[0].numel() * found[0].numel()

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, size_px, size_px))
    for hook in hooks:
        hook.remove()
    return total[0]


def network_of(study: Any) -> Any:
    """Return the network of the first fold."""
    from rimlight.io.runs import open_run
    from rimlight.workflows.models import read_network
    from rimlight.workflows.train import fold_folder

    return read_network(fold_folder(open_run(study, "0001"), 0), patch=study.settings.patch).network


def plain_loop(study: Any, slide: str) -> dict[str, float]:
    """Return cells a second of a loop that reads patch by patch and calls 64 at a time.

    It is given the centres, and does nothing but calls by the same network, folded.
    """
    import torch

    from rimlight.core.planes import patch_box
    from rimlight.io.slides import open_slide
    from rimlight.io.store import slides
    from rimlight.model.network import folded
    from rimlight.records import Cell, CellId
    from rimlight.workflows.candidates import candidate_tiles

    info = next(info for info in slides(study.engine) if info.slide_id == slide)
    tiles = candidate_tiles(study, [info])
    places = np.empty((0, 2))
    while len(places) < N_PLAIN and (tile := next(tiles, None)) is not None:
        places = np.concatenate([places, np.column_stack([tile.x_l0, tile.y_l0])])
    tiles.close()
    network, patch = folded(network_of(study)), study.settings.patch
    started, reading = time.perf_counter(), 0.0
    with open_slide(study.folder / info.path, mpp=info.mpp) as opened, torch.inference_mode():
        for start in range(0, len(places[:N_PLAIN]), PLAIN_BATCH):
            before = time.perf_counter()
            batch = [
                opened.read_patch(
                    patch_box(
                        Cell(cell_id=CellId("c"), slide_id=info.slide_id, x_l0=x, y_l0=y),
                        size_px=patch.size_px,
                        patch_mpp=patch.mpp,
                        slide_mpp=info.mpp,
                    ),
                    size_px=patch.size_px,
                    white=info.white,
                )
                for x, y in places[start : start + PLAIN_BATCH].tolist()
            ]
            reading += time.perf_counter() - before
            network(torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255)
    took = time.perf_counter() - started
    return {"plain_per_s": len(places[:N_PLAIN]) / took, "plain_reading": reading / took}
