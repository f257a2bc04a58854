"""Directories for instances that tests start."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def home():
    """A data directory that the user who runs PostgreSQL can reach; pytest's own is closed to others."""
    path = Path(tempfile.mkdtemp(prefix="cdp-instance-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
