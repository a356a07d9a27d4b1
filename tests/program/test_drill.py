# SPDX-License-Identifier: Apache-2.0
"""pyservicectl drill: the commands that it refuses, before it asks systemd anything."""

import os
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")


@pytest.mark.parametrize("words, problem", [
    ((), "name an application"),
    (("hello", "kil"), "unknown scene 'kil'; did you mean 'kill'?"),
    (("hello", "fire"), "unknown scene 'fire'; they are restart, kill, freeze and reload"),
    (("--rate=0", "hello"), "--rate must be a number from 1 to 50"),
    (("--rate=51", "hello"), "--rate must be a number from 1 to 50"),
    (("--path=health", "hello"), "--path must begin with '/'"),
])
def test_command_line(words, problem):
    done = subprocess.run([PYSERVICECTL, "drill", *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, problem in done.stderr) == (2, True), done.stderr
