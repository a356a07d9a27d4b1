# SPDX-License-Identifier: Apache-2.0
"""Compares the splitting of commands with sh, which it imitates, and with Python's shlex where that agrees with sh.

$PYSERVICE_TEST_SPLIT is the program test-split.
"""

import itertools
import os
import random
import shlex
import subprocess

import pytest

PROGRAM = os.environ.get("PYSERVICE_TEST_SPLIT", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="PYSERVICE_TEST_SPLIT is not set")

# Nothing here is expanded or an operator, so that sh only splits and unquotes. A comment sign counts within words alone.
ALPHABET = ["a", "b", " ", "\t", "\n", "'", '"', "\\", "é"]

CASES = [
    "gunicorn -c /etc/gunicorn.conf.py -b 0.0.0.0:5000 dci.app:create_app",
    "python -m server.main",
    "flask run --host=0.0.0.0",
    "pytq-worker -n pytq-3 -s running pytq.example.com 2",
    "sh -c 'echo \"a  b\" ; exit 1'",
    "curl -H \"Accept: text/plain\" http://localhost/",
    "find . -name '*.pyc' -exec rm {} +",
    "a''b \"\" ''",
    "'it'\\''s'",
    "a \\\n  b",
]


def split(text):
    """The words; None where it is no command."""
    result = subprocess.run([PROGRAM, text], capture_output=True, check=False)
    assert result.returncode in (0, 1), result.stderr.decode()
    return result.stdout.decode().split("\0")[:-1] if result.returncode == 0 else None


def split_by_shell(text):
    """What sh makes of it, by the same signs; None where it can't parse it."""
    result = subprocess.run(["sh", "-c", "for word in " + text + "\ndo printf '%s\\0' \"$word\"; done"],
                            capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    return result.stdout.decode().split("\0")[:-1] if result.returncode == 0 else None


def split_by_shlex(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None


def is_alike_for_shlex(text):
    """shlex keeps a backslash before a line feed, and in double quotes before $ and `."""
    return "\\\n" not in text


def is_complete(text):
    """Else sh would take the quote or backslash for one of the lines that follow here."""
    return split_by_shlex(text) is not None


def random_texts():
    source = random.Random(20261120)
    for _ in range(1500):
        yield "".join(source.choices(ALPHABET, k=source.randint(1, 12)))


@pytest.mark.parametrize("text", CASES)
def test_cases(text):
    assert split(text) == split_by_shell(text)
    if is_alike_for_shlex(text):
        assert split(text) == split_by_shlex(text)


def test_all_short_texts():
    for length in range(1, 4):
        for letters in itertools.product("a '\"\\", repeat=length):
            text = "".join(letters)
            assert split(text) == split_by_shlex(text), repr(text)


def test_random_texts():
    for text in random_texts():
        if is_alike_for_shlex(text):
            assert split(text) == split_by_shlex(text), repr(text)


def test_random_texts_as_sh():
    for text in itertools.islice(random_texts(), 500):
        line = text.replace("\n", " ") if "\\\n" not in text else text
        if is_complete(line) and "\n" not in line.replace("\\\n", ""):
            assert split(line) == split_by_shell(line), repr(line)
