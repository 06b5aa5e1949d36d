"""A model folder for WSInfer holds what its extension asks for, and nothing else."""

from dataclasses import replace
from math import log
from pathlib import Path

import pytest

from rimlight.errors import ModelError
from rimlight.io.formats.wsinfer import WsinferModel, write_wsinfer

GOLDEN = Path(__file__).parent / "golden"
MODEL = WsinferModel(
    architecture="rimlight-cnn-1",
    size_px=64,
    mpp=0.25,
    temperature=1.25,
    threshold=0.4,
    shift=log(0.4 / 0.6),
    run_id="0001",
    fold=0,
    weights_hash="sha256:abc",
    version="0.1.0",
)


def test_config_and_readme_are_these_golden_files(tmp_path):
    write_wsinfer(tmp_path / "pdl1", b"weights", MODEL)
    assert sorted(path.name for path in (tmp_path / "pdl1").iterdir()) == [
        "README.md",
        "config.json",
        "torchscript_model.pt",
    ]
    for name in ("config.json", "README.md"):
        written = (tmp_path / "pdl1" / name).read_text(encoding="utf-8")
        assert written == (GOLDEN / f"wsinfer.{name}").read_text(encoding="utf-8")


def test_a_threshold_of_a_half_shifts_no_probability(tmp_path):
    write_wsinfer(tmp_path / "m", b"weights", replace(MODEL, threshold=0.5, shift=0.0))
    assert "is shifted" not in (tmp_path / "m" / "README.md").read_text()


def test_a_folder_is_written_again_but_never_beside_other_files(tmp_path):
    write_wsinfer(tmp_path / "m", b"old", MODEL)
    write_wsinfer(tmp_path / "m", b"new", MODEL)
    assert (tmp_path / "m" / "torchscript_model.pt").read_bytes() == b"new"
    (tmp_path / "m" / "other.pt").write_bytes(b"")
    with pytest.raises(ModelError, match=r"already holds 'other\.pt'; name a new folder"):
        write_wsinfer(tmp_path / "m", b"new", MODEL)
