# SPDX-License-Identifier: Apache-2.0
"""pyservicectl purge below a root of its own; what Podman has is tests/e2e/test_files.py's."""

import os
import pathlib
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

FIRST, SECOND = "123456789abc", "cba987654321"


def write(path, text="x\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def root(tmp_path):
    state = tmp_path / "var/lib/pyservice"
    write(state / f"wrap/bundles/{FIRST}/setup/places", "root /srv/apps/old\nfile /etc/wrap.conf\n")
    write(state / f"wrap/bundles/{SECOND}/setup/places", "root /applications/wrap\nfile /etc/wrap.conf\n")
    write(state / "wrap-x/state", "")
    write(tmp_path / "run/pyservice/apps/wrap/setup/places", "root /applications/wrap\nfile /run/wrap/link/passwd\n")
    write(tmp_path / "run/pyservice/setup/wrap")
    for path in "srv/apps/old/app/config/config.yaml", "applications/wrap/app/code/x.py", "applications/wrap/data/x", "etc/wrap.conf":
        write(tmp_path / path)
    write(tmp_path / "applications/wrap-x/data/x")
    write(tmp_path / "applications/wrap/notes")
    write(tmp_path / "etc/passwd")
    write(tmp_path / "run/wrap/x")
    (tmp_path / "run/wrap/link").symlink_to(tmp_path / "etc")
    (tmp_path / "applications/wrap/data/link").symlink_to(tmp_path / "applications/wrap-x")
    (tmp_path / "etc/pyservice.d").mkdir()
    return tmp_path


def purge(root, *words, answer=""):
    return subprocess.run([PYSERVICECTL, f"--root={root}", "purge", *words], input=answer, capture_output=True, text=True, check=False)


def listing(root):
    return sorted(str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*") if not path.is_dir() or path.is_symlink())


def test_all_of_it_and_nothing_else(root):
    done = purge(root, "--yes", "wrap")
    assert listing(root) == ["applications/wrap-x/data/x", "applications/wrap/notes", "etc/passwd", "run/pyservice/apps/wrap/setup/places",
                             "run/wrap/link", "run/wrap/x", "var/lib/pyservice/wrap-x/state"]
    assert done.returncode == 111  # a link is on the way to one of them
    assert done.stderr.splitlines() == [
        "pyservicectl: /applications/wrap stays, since something else is in it",
        "pyservicectl: /run/wrap/link/passwd: Too many levels of symbolic links"]
    assert not (root / "srv/apps/old").exists() and (root / "srv/apps").exists()


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yup\n"])
def test_asks_first(root, answer):
    before = listing(root)
    done = purge(root, "wrap", answer=answer)
    assert done.returncode == 1 and done.stderr == "Nothing was removed.\n"
    assert "  directory /applications/wrap/data\n" in done.stdout and "  file /etc/wrap.conf\n" in done.stdout
    assert listing(root) == before


def test_takes_yes_for_an_answer(root):
    purge(root, "wrap", answer="y\n")
    assert not (root / "applications/wrap/data").exists()


@pytest.mark.parametrize("text", ["image: localhost/wrap:1\n", "broken: [\n"])
def test_refuses_while_there_is_a_definition(root, text):
    write(root / "etc/pyservice.d/wrap.yaml", text)
    before = listing(root)
    done = purge(root, "--yes", "wrap")
    assert done.returncode == 1 and "wrap is defined by /etc/pyservice.d/wrap.yaml" in done.stderr
    assert listing(root) == before


def test_what_it_does_not_know(root):
    assert purge(root, "--yes", "gone").stderr == "pyservicectl: there is nothing of 'gone'\n"
    for words in [], ["../x"], ["wrap", "wrap-x"]:
        assert purge(root, "--yes", *words).returncode == 2
