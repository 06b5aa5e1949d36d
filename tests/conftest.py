"""What every test stands on: one thread, no display, examples that never change."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

settings.register_profile("rimlight", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("rimlight")


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory):
    """Keep what belongs to the user of this computer, such as keys, in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def wrong_types(request):
    """Skip a test of wrong types where a run-time type checker refuses them first."""
    if request.config.getoption("--jaxtyping-packages", default=None):
        pytest.skip("the type checker refuses this first")
