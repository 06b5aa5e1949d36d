"""What several promises are tried on."""

import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a disk of 4 MB")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
