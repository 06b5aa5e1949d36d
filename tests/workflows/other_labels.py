"""Labels `other` of a simulated reader: candidates where no tumour cell was painted."""

import numpy as np

from rimlight.io.database import writing
from rimlight.io.journal import append_labels
from rimlight.io.store import slides
from rimlight.records import Cell, Expression, Label
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.synth import read_truth


def with_others(study, truth_folder, *, n_each=12, cases=None):
    """Label some candidates of each slide `other`; return the labels."""
    from scipy.spatial import cKDTree

    labels = []
    for info in slides(study.engine):
        if cases is not None and info.case_id not in cases:
            continue
        truth = read_truth(truth_folder, info.slide_id).cells
        chosen = np.array(truth["kind"]) == "tumour"
        known = np.column_stack([np.array(truth[k], dtype=float)[chosen] for k in ("x_l0", "y_l0")])
        tiles = [np.column_stack([t.x_l0, t.y_l0]) for t in candidate_tiles(study, [info])]
        places = np.concatenate(tiles)
        far = cKDTree(known).query(places)[0] * info.mpp
        labels += [_label(info.slide_id, x, y) for x, y in places[far > 4][:n_each].tolist()]
    with writing(study.engine) as transaction:
        append_labels(transaction, labels)
    return labels


def _label(slide_id, x, y):
    return Label(
        label_id=f"other-{slide_id}-{x}-{y}",
        cell=Cell(cell_id=f"{slide_id}@{x}_{y}", slide_id=slide_id, x_l0=x, y_l0=y),
        reader="anna",
        expression=Expression.OTHER,
        made_at="2026-01-01T00:00:00Z",
        source="test",
    )
