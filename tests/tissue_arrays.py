"""Tissue arrays with known truth: masks of tissue, turned, with missing and broken cores."""

import numpy as np

D = 40.0
"""Diameter of a core in pixels of the mask."""


def array_mask(seed, *, n_rows=8, n_columns=12, pitch=(1.35, 1.35), turn_deg=0.0, **shares):
    """Tissue of an array, and x, y and what is there of each core by its name.

    pitch: from core to core, across and down, in diameters. shares: of ``missing`` and
    ``broken`` cores, ``jitter`` in diameters, ``n_debris``.
    """
    rng = np.random.default_rng(seed)
    width, height = (
        int(D * p * (n + 2.5)) for p, n in zip(pitch, (n_columns, n_rows), strict=True)
    )
    mask = np.zeros((height, width), dtype=bool)
    truth = {}
    for row in range(n_rows):
        for column in range(n_columns):
            x, y = _place(row - (n_rows - 1) / 2, column - (n_columns - 1) / 2, pitch, turn_deg)
            x, y = np.array([x + width / 2, y + height / 2]) + rng.normal(
                0, shares.get("jitter", 0.06) * D, 2
            )
            kind = "whole" if rng.random() > shares.get("broken", 0.1) else "broken"
            kind = kind if rng.random() > shares.get("missing", 0.15) else "missing"
            truth[f"{chr(65 + row)}-{column + 1}"] = (x, y, kind)
            if kind != "missing":
                _draw(mask, x, y, rng, is_broken=kind == "broken")
    for _ in range(shares.get("n_debris", 15)):
        at, dx, dy = _window(mask, rng.uniform(0, width), rng.uniform(0, height))
        long, short = D * rng.uniform(0.05, 0.3), D * rng.uniform(0.05, 0.15)
        mask[at] |= (dx / long) ** 2 + (dy / short) ** 2 < 1
    return mask, truth


def _place(row, column, pitch, turn_deg):
    turn = np.radians(turn_deg)
    x, y = column * pitch[0] * D, row * pitch[1] * D
    return x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)


def _window(mask, x, y):
    rows = slice(max(0, int(y - D)), max(0, min(mask.shape[0], int(y + D))))
    columns = slice(max(0, int(x - D)), max(0, min(mask.shape[1], int(x + D))))
    dy, dx = np.mgrid[rows, columns]
    return (rows, columns), dx - x, dy - y


def _draw(mask, x, y, rng, *, is_broken):
    at, dx, dy = _window(mask, x, y)
    wave = 1 + 0.05 * np.sin(3 * np.arctan2(dy, dx) + rng.uniform(0, 6))
    core = np.hypot(dx, dy) < D / 2 * rng.uniform(0.92, 1.05) * wave
    if is_broken:
        turn = rng.uniform(0, 2 * np.pi)
        core &= dx * np.cos(turn) + dy * np.sin(turn) > rng.uniform(-0.1, 0.15) * D
    else:
        for hole_x, hole_y in rng.normal(0, D / 5, (rng.integers(0, 4), 2)):
            core &= np.hypot(dx - hole_x, dy - hole_y) > D * rng.uniform(0.03, 0.12)
    mask[at] |= core
