"""Scored cells of a slide as AnnData (``.h5ad``): for scanpy, squidpy and SpatialData.

Needs anndata, which comes with ``pip install "rimlight[spatial]"``.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.io.files import whole_file
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.scored_columns import scored_columns, scored_facts
from rimlight.records import SlideInfo

MEASURED = ("logit", "probability", "od_ring")
"""The variables; ``X`` holds them, so that tools which need one have it."""


def write_scored_anndata(path: Path, cells: ScoredCells, *, slide: SlideInfo, run_id: str) -> int:
    """Write the cells of a slide, whole or not at all, and return how many.

    ``obsm["spatial"]`` is x and y in um from the corner of level 0, y downwards; ``obs`` has all
    columns of our tables; ``uns["rimlight"]`` says run, slide and mpp as JSON.

    Raises:
        LabelFileError: anndata is not installed.
        StorageError: The disk refuses.
    """
    anndata, pandas = _anndata(path)
    columns = scored_columns(cells, slide)
    # Files of anndata hold strings as objects, which pandas 3 no longer makes by itself.
    with (
        whole_file(path) as handle,
        warnings.catch_warnings(),
        pandas.option_context("future.infer_string", False),
    ):
        warnings.simplefilter("ignore")
        obs = pandas.DataFrame(
            {
                name: pandas.Categorical(values) if values.dtype == object else values
                for name, values in columns.items()
            },
            index=[str(number) for number in range(len(cells))],
        )
        data = anndata.AnnData(
            X=np.column_stack([columns[name] for name in MEASURED]).astype(np.float32),
            obs=obs,
            var=pandas.DataFrame(index=list(MEASURED)),
            obsm={"spatial": np.column_stack([columns["x_um"], columns["y_um"]])},
            uns={"rimlight": json.dumps(scored_facts(slide, run_id)), "spatial_unit": "um"},
        )
        data.write_h5ad(handle.name, compression="gzip")
    return len(cells)


def _anndata(path: Path) -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import anndata
            import pandas
    except ImportError as error:
        raise LabelFileError(
            f'{path}: AnnData needs anndata; pip install "rimlight[spatial]", or use a .parquet '
            "file"
        ) from error
    return anndata, pandas
