"""Promise: no slide takes the workbench down; whatever lies behind its name ends in a sentence.

The slides are put into the study as if their files had been whole when they were registered.
"""

from contextlib import closing

import pytest

from rimlight.core.display import Tile
from rimlight.errors import SlideError
from rimlight.io.inspection import fingerprint
from rimlight.jobs.slide_workers import SlidePool
from small_studies import slide_info
from surroundings import SHARED, needs_shared


def replies(pool, info):
    """What a viewer gets that opens a slide and looks at a cell: pictures, or sentences."""
    calls = (
        lambda: pool.facts(info),
        lambda: pool.tile(info, Tile(level=0, column=0, row=0)),
        lambda: pool.overview(info, px=256),
        lambda: pool.patch(info, x_l0=10, y_l0=10, um=48, px=64),
    )
    for call in calls:
        try:
            yield call()
        except SlideError as error:
            yield str(error)


def registered(path, number):
    return slide_info(
        f"h{number}", path=str(path), fingerprint=fingerprint(path), width_l0=1, height_l0=1
    )


@needs_shared
@pytest.mark.parametrize("folder", ["hostile", "slides"])
def test_every_hostile_slide_ends_in_pictures_or_sentences_and_real_ones_are_still_shown(folder):
    real = slide_info(
        "real",
        path=str(SHARED / "slides" / "cmu-1-small-region.svs"),
        fingerprint=fingerprint(SHARED / "slides" / "cmu-1-small-region.svs"),
        mpp=0.499,
    )
    with closing(SlidePool(n_workers=2)) as pool:
        for number, path in enumerate(sorted((SHARED / folder).iterdir())):
            if not path.is_file() or not path.stat().st_size:
                continue
            for said in replies(pool, registered(path, number)):
                if isinstance(said, str):
                    assert said.startswith(f"slide h{number}: "), said
                    assert "\n" not in said
                    assert str(SHARED) not in said, said
            assert len(pool.process_ids) <= 2
        assert pool.facts(real).max_level == 12
        assert pool.tile(real, Tile(level=12, column=3, row=3)).startswith(b"\xff\xd8")
