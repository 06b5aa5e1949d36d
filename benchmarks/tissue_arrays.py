"""Find and name the cores of synthetic tissue arrays: how many are found where they were put.

    python benchmarks/tissue_arrays.py

The arrays are synthetic masks of tissue (``tests/tissue_arrays.py``) of seeds that nothing was
chosen by: turned by up to 5 degrees, 15 % of the cores missing, 10 % broken, with debris.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from rimlight.core.tissue_array import find_cores
from tissue_arrays import D, array_mask

FIRST_SEED, TURNS_DEG = 101, (-5.0, -2.5, 0.0, 2.5, 5.0)
PITCHES = ((1.2, 1.2), (1.35, 1.35), (1.8, 1.4), (2.5, 2.5))


def main() -> None:
    """Print a line for each way of laying out the arrays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=int, default=10, help="Arrays of each pitch and turn.")
    n_arrays = parser.parse_args().arrays
    print("pitch  arrays  present  found and named  farthest  missing  called missing")
    for pitch in PITCHES:
        n_present = n_right = n_missing = n_called = n = 0
        farthest = 0.0
        for turn_deg in TURNS_DEG:
            for seed in range(FIRST_SEED, FIRST_SEED + n_arrays):
                size = {"n_rows": 4 + seed % 7, "n_columns": 6 + seed % 11}
                mask, truth = array_mask(seed, turn_deg=turn_deg, pitch=pitch, **size)
                found = {core.name: core for core in find_cores(mask, diameter_px=D).cores}
                n += 1
                for name, (x, y, kind) in truth.items():
                    core = found.get(name)
                    if kind == "missing":
                        n_missing += 1
                        n_called += core is not None and core.is_missing
                        continue
                    n_present += 1
                    away = np.inf if core is None else np.hypot(core.x_px - x, core.y_px - y) / D
                    is_right = core is not None and away < 0.5 and not core.is_missing
                    n_right += is_right
                    farthest = max(farthest, away if is_right else 0.0)
        print(
            f"{pitch[0]:.2f}x{pitch[1]:.2f}  {n}  {n_present}  {n_right}  {farthest:.2f} D  "
            f"{n_missing}  {n_called}"
        )


if __name__ == "__main__":
    main()
