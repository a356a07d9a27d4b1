# SPDX-License-Identifier: Apache-2.0
"""pyservicectl executes pyservice-convert for import, export and new --from, and knows these verbs without it."""

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

VERBS = ["import", "compose", "-"], ["export", "quadlet", "shop"], ["new", "--from=compose.yaml", "shop"]
# Prints how it was called.
FAKE = """#!/bin/sh
printf '%s\\n' "$$ $SHOP $(pwd) $(umask)" "$@"
test -t 0 && test -t 1 && test -t 2 && echo terminal
cat
echo loud >&2
exit 7
"""


@pytest.fixture
def alone(tmp_path):
    """A pyservicectl in a directory of its own."""
    program = tmp_path / "bin/pyservicectl"
    program.parent.mkdir()
    shutil.copy(PYSERVICECTL, program)
    return program


def installed():
    return Path(re.search(rb"/[\w./-]+/pyservice-convert", Path(PYSERVICECTL).read_bytes())[0].decode())


def put_fake(alone):
    fake = alone.with_name("pyservice-convert")
    fake.write_text(FAKE)
    fake.chmod(0o755)


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_without_the_program_the_verb_names_its_package(alone, words):
    if installed().exists():
        pytest.skip(f"{installed()} is installed")
    done = subprocess.run([alone, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"pyservicectl: {words[0]}: {installed()} is not installed; install the package pyservice-convert\n"


def test_help_and_completion_do_not_need_the_program(alone):
    for words in (["help"], ["help", "import"], ["export", "--help"], ["completion", "--", "import", "--"], ["completion", "--", "export", ""]):
        answers = [subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout for program in (alone, PYSERVICECTL)]
        assert answers[0] == answers[1] != ""
    assert subprocess.run([alone, "import", "--output=x"], capture_output=True, check=False).returncode == 2
    (alone.parent / "etc/pyservice.d").mkdir(parents=True)
    subprocess.run([alone, f"--root={alone.parent}", "new", "--image=localhost/hello:1", "shop"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_the_program_replaces_pyservicectl(alone, words):
    put_fake(alone)
    command = ["--root", "/", *words, "a b", "", "--", "-x"] if words[0] != "new" else words
    with subprocess.Popen([alone, *command], cwd=alone.parent, env={**os.environ, "SHOP": "a shop"}, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate("input")
    assert (process.returncode, err) == (7, "loud\n")
    assert out == "\n".join([f"{process.pid} a shop {alone.parent} 0022", *command, "input"])


def test_the_program_has_the_terminal(alone):
    put_fake(alone)
    leader, terminal = pty.openpty()
    with subprocess.Popen([alone, "import", "compose", "-"], stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        os.write(leader, b"\x04")
        shown = b""
        while b"loud" not in shown:
            shown += os.read(leader, 4096)
    os.close(leader)
    assert process.returncode == 7 and b"terminal" in shown


def test_it_names_pyservicectl_if_somebody_calls_it():
    program = Path(PYSERVICECTL).with_name("pyservice-convert")
    for words in ([], ["--help"], ["status"]):
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "") and "usage: pyservicectl import" in done.stderr
