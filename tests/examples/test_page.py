"""The page that a newcomer reads first: its code runs as it stands, in order."""

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rimlight import explain

PAGE = Path(__file__).parent.parent.parent / "docs" / "explain-your-own-model.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_block_of_the_page_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)
    out = capsys.readouterr().out
    assert out.count("not complete: ") == 4
    assert "is in training mode" in out
    with Image.open("why.png") as why, Image.open("volume.png") as volume:
        assert np.asarray(why).std() > 10
        assert volume.height > 900


def test_the_five_lines_are_five():
    (block,) = (block for block in BLOCKS if block.startswith("from rimlight import explain\n"))
    assert len(block.strip().splitlines()) == 5


def test_every_public_name_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in explain.__all__ if name not in text]
    assert not missing
