# SPDX-License-Identifier: Apache-2.0
"""Colours and the pager: on a terminal only, and not where they are unwanted."""

import os
import pty
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")


def on_terminal(arguments, **environment):
    """What it writes to a terminal, standard error too."""
    mine, its = pty.openpty()
    with subprocess.Popen([PYSERVICECTL, *arguments], stdin=subprocess.DEVNULL, stdout=its, stderr=its,
                          env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment}):
        os.close(its)
        text = b""
        try:
            while piece := os.read(mine, 65536):
                text += piece
        except OSError:
            pass  # the other end is closed
    os.close(mine)
    return text.decode()


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text("image: x\nscale: many\n")
    return str(path)


def test_colours(bad, tmp_path):
    check = [f"--root={tmp_path}", "check", bad]
    assert "\033[" in on_terminal(check)
    assert "\033[" in on_terminal(check, NO_COLOR="")
    assert "\033[" not in on_terminal(check, NO_COLOR="1")
    piped = subprocess.run([PYSERVICECTL, *check], capture_output=True, text=True, check=False)
    assert piped.returncode == 1 and "shop.yaml:2:8" in piped.stderr and "\033[" not in piped.stderr


def test_pager():
    pager = "sed s/^/paged:/"
    assert "paged:{" in on_terminal(["schema"], PYSERVICE_PAGER=pager)
    assert "paged:{" in on_terminal(["schema"], PAGER=pager)
    assert "paged:" not in on_terminal(["schema", "--no-pager"], PYSERVICE_PAGER=pager)
    piped = subprocess.run([PYSERVICECTL, "schema"], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYSERVICE_PAGER": pager})
    assert piped.stdout.startswith("{")


@pytest.mark.parametrize("variable", ["SUDO_UID", "PKEXEC_UID"])
def test_an_elevated_pager_starts_no_program(variable, tmp_path):
    less = tmp_path / "less"
    less.write_text("#!/bin/sh\necho less:$LESSSECURE\ncat\n")
    less.chmod(0o755)
    text = on_terminal(["schema"], PAGER="sed s/^/paged:/", PYSERVICE_PAGER="sed s/^/paged:/",
                       PATH=f"{tmp_path}:{os.environ['PATH']}", **{variable: "1000"})
    assert "less:1" in text and "paged:" not in text


def test_no_pager_is_every_verbs(tmp_path):
    result = subprocess.run([PYSERVICECTL, "--no-pager", f"--root={tmp_path}", "check"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
