"""Whatever a file of candidates holds, it ends in centres or in one kind of error."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats.candidate_files import CandidateFile, read_candidates
from rimlight.io.formats.qupath_scores import ScoredCells, read_qupath_scores

KEYS = st.sampled_from(
    ["type", "features", "geometry", "nucleusGeometry", "coordinates", "properties", "name",
     "names", "classification", "parentClass", "objectType", "childObjects", "id", "rimlight",
     "measurements", "metadata", "rimlight: logit", "rimlight: probability"]
)  # fmt: skip
WORDS = st.sampled_from(["Feature", "Point", "MultiPoint", "Polygon", "MultiPolygon", "cell"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=14,
)
SHAPE = st.fixed_dictionaries({"type": WORDS, "coordinates": JSON})
FEATURE = st.fixed_dictionaries(
    {"type": st.just("Feature"), "geometry": SHAPE},
    optional={"nucleusGeometry": SHAPE | JSON, "properties": JSON, "id": JSON},
)


@settings(max_examples=300, deadline=None)
@given(value=JSON | st.lists(FEATURE, max_size=3))
def test_any_json_ends_in_centres_or_one_kind_of_error(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "s1.geojson"
    path.write_text(json.dumps(value))
    for read, wanted in ((read_candidates, CandidateFile), (read_qupath_scores, tuple)):
        try:
            found = read(path)
        except LabelFileError:
            continue
        assert isinstance(found, wanted)
        if wanted is tuple:
            assert isinstance(found[0], ScoredCells)


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(alphabet='xy_l0,;"1.e-\n\r\tNaµ ', max_size=40),
    head=st.sampled_from(["x,y\n", "x_l0;y_l0;class\n", "slide\tx_um\ty_um\n", ""]),
)
def test_any_table_ends_in_centres_or_one_kind_of_error(tmp_path_factory, text, head):
    path = tmp_path_factory.mktemp("any") / "s1.csv"
    path.write_bytes((head + text).encode())
    try:
        found = read_candidates(path)
    except LabelFileError:
        return
    assert len(found) == len(found.y) == len(found.slide_number) > 0
