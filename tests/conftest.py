"""What every test stands on: one thread, no display, examples that never change."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

settings.register_profile("rimlight", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("rimlight")
