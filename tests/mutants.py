"""Damaged files for the readers of foreign formats: whatever comes, they refuse or read."""

from hypothesis import strategies as st

from mutations import WORDS
from rimlight.errors import LabelFileError
from rimlight.io.formats.points import Fault, PointRecord


def damaged(content, data):
    """Return the content with a few of its bytes lost, doubled or exchanged."""
    mutant = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(mutant)))
        n_lost = data.draw(st.integers(0, 6))
        put_in = data.draw(st.sampled_from(WORDS) | st.binary(max_size=4))
        mutant[place : place + n_lost] = put_in
    return bytes(mutant)


def is_read_or_refused(read, path):
    """Read a file: it ends in points and faults, or in one sentence that names the file."""
    try:
        file = read(path)
    except LabelFileError as error:
        return "\n" not in str(error)
    return all(isinstance(item, Fault | PointRecord) for item in file.items)


def facts_of_items(items):
    """Return what items say, without their places in the file, to compare across formats."""
    return [(item.cell, item.reader, item.class_name, item.time, item.label_id) for item in items]


def facts_of_labels(labels):
    """Return the same of labels."""
    return [
        (label.cell.cell_id, label.reader, label.expression.value, label.made_at, label.label_id)
        for label in labels
    ]
