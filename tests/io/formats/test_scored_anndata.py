"""AnnData of scored cells: places in um, every column, and what file it is."""

import json

import numpy as np
import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.scored_anndata import write_scored_anndata
from rimlight.io.formats.scored_columns import SCORED_COLUMNS, scored_columns
from small_studies import slide_info

SLIDE = slide_info("s1", mpp=0.5)


def cells(n=4):
    number = np.arange(n)
    return ScoredCells(
        x_l0=number * 10 + 1 / 3,
        y_l0=number * 7 + 100.0,
        logit=number - 0.5,
        probability=(number + 1) / (n + 1),
        od_ring=np.where(number % 2, 0.25, np.nan),
        level=number % 4,
        reason=number % 2,
        reasons=("", "near_edge"),
        has_levels=True,
    )


@pytest.mark.filterwarnings("ignore")
def test_what_is_written_is_read_by_anndata(tmp_path):
    anndata = pytest.importorskip("anndata")
    there = cells()
    assert write_scored_anndata(tmp_path / "a.h5ad", there, slide=SLIDE, run_id="0001") == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]
    data = anndata.read_h5ad(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(
        data.obsm["spatial"], np.column_stack([there.x_l0, there.y_l0]) * 0.5
    )
    assert tuple(data.obs.columns) == SCORED_COLUMNS
    for name, column in scored_columns(there, SLIDE).items():
        np.testing.assert_array_equal(np.asarray(data.obs[name]), column)
    assert list(data.var_names) == ["logit", "probability", "od_ring"]
    np.testing.assert_array_equal(data.X[:, 0], there.logit.astype(np.float32))
    said = json.loads(data.uns["rimlight"])
    assert (said["slide"], said["run"], said["mpp"]) == ("s1", "0001", 0.5)
    assert data.uns["spatial_unit"] == "um"


@pytest.mark.filterwarnings("ignore")
def test_a_slide_without_cells_is_written_too(tmp_path):
    anndata = pytest.importorskip("anndata")
    write_scored_anndata(tmp_path / "a.h5ad", cells(0), slide=SLIDE, run_id="0001")
    assert anndata.read_h5ad(tmp_path / "a.h5ad").n_obs == 0


def test_without_the_extra_the_sentence_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "anndata", None)
    with pytest.raises(LabelFileError, match=r'pip install "rimlight\[spatial\]"'):
        write_scored_anndata(tmp_path / "a.h5ad", cells(), slide=SLIDE, run_id="0001")
    assert not list(tmp_path.iterdir())
