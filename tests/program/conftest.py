# SPDX-License-Identifier: Apache-2.0
"""What the tests ask of whoever runs them: root, or somebody who is root in a user namespace (tests/steps.py)."""

import os
import tempfile
from pathlib import Path

import pytest


def has_other_users() -> bool:
    """Not where the namespace has one user only."""
    return os.geteuid() == 0 and int(Path("/proc/self/uid_map").read_text().split()[2]) > 1


def pytest_configure(config):
    config.addinivalue_line("markers", "other_users: gives files to other users, or becomes one")


def pytest_runtest_setup(item):
    if item.get_closest_marker("other_users") and not has_other_users():
        pytest.skip("there are no other users")


@pytest.fixture
def tmp_path(request, tmp_path):
    """Pytest hides its own directory from other users, again at each start of another pytest."""
    if not request.node.get_closest_marker("other_users"):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="pyservice-") as path:
        os.chmod(path, 0o755)
        yield Path(path)
