"""The tables beside the density figures of a report; the numbers are those of metrics.json."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rimlight.io.formats.tables import write_rows
from rimlight.io.runs import Run
from rimlight.workflows.evaluate_tables import INTERVAL_COLUMNS, figures_folder, interval_cells
from rimlight.workflows.explained import Measured
from rimlight.workflows.run_tables import RIVALS

DENSITIES = ("od_random_networks", *RIVALS, "od_random", "od_negative_attribution")


def write_validation_tables(
    run: Run, section: Mapping[str, Any], usable: Mapping[str, Measured]
) -> None:
    """Write ``figures/od_by_level.csv`` and ``figures/forest_od.csv`` of a run.

    Raises:
        StorageError: The disk refuses.
    """
    folder = figures_folder(run)
    known = ("reference", "cell", "case", "level", "is_discordant", "od_attributed")
    write_rows(folder / "od_by_level.csv", (*known, *DENSITIES), _by_level(usable))
    write_rows(
        folder / "forest_od.csv",
        ("reference", "measure", "subset", "figure", *INTERVAL_COLUMNS),
        _forest(section["references"]),
    )


def _by_level(usable: Mapping[str, Measured]) -> Iterator[Sequence[Any]]:
    for reference, it in sorted(usable.items()):
        unknown = np.full(len(it.cells), np.nan)
        networks = list(it.random_networks.values())
        densities = (
            {**it.measures, "od_random_networks": np.mean(networks, axis=0)}
            if networks
            else it.measures
        )
        columns = [densities.get(name, unknown) for name in DENSITIES]
        attributed = it.measures["attributed"]
        for i in np.lexsort((it.cells.cell, it.cells.level, it.cells.case)):
            differs = None if np.isnan(it.differs[i]) else bool(it.differs[i])
            start = (reference, it.cells.cell[i], it.cells.case[i], int(it.cells.level[i]), differs)
            yield [*start, attributed[i], *(column[i] for column in columns)]


def _forest(references: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for reference, block in sorted(references.items()):
        for measure, by_subset in sorted(block["measures"].items()):
            for subset, found in sorted(by_subset.items()):
                margins = block["margins"].get(measure, {}).get(subset, {"figures": {}})["figures"]
                for name, figure in sorted(found["figures"].items()):
                    cells = interval_cells(figure, margins.get(name))
                    yield [reference, measure, subset, name, *cells]
