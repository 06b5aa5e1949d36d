"""The line that says where a label came from is read as it was written, and never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.core.label_origins import MODES, LabelOrigin, is_repeat, origin_of

IDS = st.from_regex(r"[0-9A-Za-z-]{1,36}", fullmatch=True)
NUMBERS = st.integers(1, 2**31 - 1)


@given(
    st.builds(
        LabelOrigin,
        mode=st.sampled_from(MODES),
        act_id=IDS,
        undoes=st.none() | IDS,
        assignment_id=st.none() | NUMBERS,
        place=st.none() | NUMBERS,
        is_repeat=st.booleans(),
        is_seen=st.booleans(),
        is_bulk=st.booleans(),
    )
)
def test_an_origin_is_read_as_it_was_written(origin):
    assert origin_of(origin.text) == origin
    assert is_repeat(origin.text) == origin.is_repeat
    assert "\n" not in origin.text


@pytest.mark.parametrize("source", ["repeat.csv", "my repeat", "", "workbench.csv", "a repeat b"])
def test_a_file_is_no_repeat_whatever_its_name(source):
    assert origin_of(source) is None
    assert not is_repeat(source)


@pytest.mark.parametrize("bad", [{"mode": "dream"}, {"act_id": "a b"}, {"undoes": "x repeat"}])
def test_an_origin_that_could_not_be_read_is_not_made(bad):
    with pytest.raises(ValueError, match="plain ids"):
        LabelOrigin(**({"mode": "queue", "act_id": "a1"} | bad))
