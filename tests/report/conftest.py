"""One made-up run with its report, shared by the tests that only read them."""

import pytest
from made_up_runs import MadeUpRun
from page_reading import Reported, reported


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Reported:
    """Return a run with every part."""
    made = MadeUpRun(tmp_path_factory.mktemp("whole") / "0001", name="<img src=x onerror=boom()>")
    made.whole()
    return reported(made.run)
