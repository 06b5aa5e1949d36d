"""The stain vectors that the page unmixes with, and the numbers that it must reach with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from rimlight.core.density import optical_density
from rimlight.core.stains import matrix_of, unmix
from small_studies import slide_info, study_of
from web_clients import reader_client

NUMBERS = Path(__file__).parents[2] / "frontend" / "tests" / "stains.json"
WHITES = ((255.0, 255.0, 255.0), (243.0, 240.0, 231.5))
DAB, HAEMATOXYLIN = (0.27, 0.57, 0.78), (0.65, 0.70, 0.29)


def numbers():
    """Return pixels with their densities by core.stains, as the tests of the page read them."""
    matrix = matrix_of(HAEMATOXYLIN, DAB, source="default")
    generator = np.random.default_rng(4)
    rgb = generator.integers(0, 256, (100, 3)).astype(np.uint8)
    rgb = np.vstack([rgb, np.uint8([[0, 0, 0], [255, 255, 255], [1, 2, 254], [155, 90, 61]])])
    cells = []
    for white in WHITES:
        densities = unmix(optical_density(rgb, white=white), stains=matrix)
        cells += [
            {
                "rgb": pixel.tolist(),
                "white": list(white),
                "haematoxylin": round(float(density[0]), 6),
                "dab": round(float(density[1]), 6),
            }
            for pixel, density in zip(rgb, densities, strict=True)
        ]
    stains = {"vectors": matrix.rows.tolist(), "inverse": matrix.inverse.tolist()}
    return {"stains": stains, "cells": cells}


@pytest.fixture
def client(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"))
    with reader_client(study) as client:
        yield client


def test_the_page_unmixes_with_the_vectors_of_the_settings(client):
    said = client.get("/api/stains").json()
    matrix = matrix_of(HAEMATOXYLIN, DAB, source="default")
    assert said["vectors"] == matrix.rows.tolist()
    assert np.array(said["vectors"]) @ np.array(said["inverse"]) == pytest.approx(np.eye(3))
    assert said["source"] == "default"


def test_the_numbers_that_the_page_is_tested_with_are_those_of_the_program():
    kept, now = json.loads(NUMBERS.read_text(encoding="utf-8")), numbers()
    assert np.allclose(kept["stains"]["inverse"], now["stains"]["inverse"], atol=1e-12)
    for one, other in zip(kept["cells"], now["cells"], strict=True):
        assert one["rgb"] == other["rgb"]
        assert [one["haematoxylin"], one["dab"]] == pytest.approx(
            [other["haematoxylin"], other["dab"]], abs=2e-6
        )
