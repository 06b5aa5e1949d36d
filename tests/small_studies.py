"""Small studies for tests: slides as records, without files behind them."""

from rimlight.io.store import put_slides
from rimlight.io.study import Study, create_study
from rimlight.records import Cell, Expression, Label, SlideInfo


def slide_info(slide_id="s1", **changes) -> SlideInfo:
    """A slide wider than high, so that exchanged axes show; 0.25 um per pixel."""
    facts = {
        "case_id": f"case of {slide_id}",
        "path": f"/slides/{slide_id}.svs",
        "fingerprint": f"sha256 of {slide_id}",
        "format": "svs",
        "width_l0": 2000,
        "height_l0": 1000,
        "mpp": 0.25,
        "mpp_source": "file",
        "assay": "22c3-nsclc",
        "scanner": "",
        "white": (240.0, 241.0, 242.0),
        "is_white_estimated": True,
        "bounds": None,
    }
    return SlideInfo(slide_id=slide_id, **(facts | changes))


def study_of(folder, *slides: SlideInfo) -> Study:
    """A study with these slides, or with one slide ``s1``."""
    study = create_study(folder)
    put_slides(study.engine, slides or [slide_info()])
    return study


def label_of(number=1, expression="weak", reader="anna", **changes) -> Label:
    """The label of cell ``c<number>`` at x = 10 number, y = 5 number."""
    slide_id = changes.pop("slide_id", "s1")
    cell = Cell(cell_id=f"c{number}", slide_id=slide_id, x_l0=10.0 * number, y_l0=5.0 * number)
    facts = {
        "label_id": f"{slide_id}-{number}-{expression}-{reader}",
        "cell": cell,
        "reader": reader,
        "expression": Expression(expression),
        "made_at": "2026-03-01T10:00:00Z",
        "source": "test.csv",
    }
    return Label(**(facts | changes))
