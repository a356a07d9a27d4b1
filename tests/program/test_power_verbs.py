# SPDX-License-Identifier: Apache-2.0
"""pyservicectl stop, start and restart, below a root: which words name what, what is refused, which marks are made."""

import os
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

RECORD = """\
pyservice-bundle 1
part service shop 2 0123456789ab no no shop:1
part sidecar shop-cache 1 0123456789ab no no cache:1
part task shop-migrate 0 0123456789ab no no shop:1
part timer shop-nightly 1 0123456789ab no no shop:1
part service shop-off 0 0123456789ab no no shop:1
part service shop-worker 12 0123456789ab yes no shop:1
"""


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "run/pyservice/apps/shop"
    directory.mkdir(parents=True)
    (tmp_path / "var/lib/pyservice/shop").mkdir(parents=True)
    (tmp_path / "run/pyservice/alive.conf").write_text("[Unit]\nUpholds=shop.target\n")
    (directory / "record").write_text(RECORD)
    return tmp_path


def ctl(root, *words):
    done = subprocess.run([PYSERVICECTL, f"--root={root}", *words], capture_output=True, text=True, check=False, timeout=60)
    assert not (done.stdout and done.stderr), done
    return done.returncode, done.stdout + done.stderr


def marks(root, path="run/pyservice/stopped/shop"):
    file = root / path
    return [" ".join((line.split()[0], line.split()[2])) for line in file.read_text().splitlines()[1:]] if file.exists() else None


def lasting(root):
    return marks(root, "var/lib/pyservice/shop/stopped")


@pytest.mark.parametrize("word, mark", [
    ("shop", "*"), ("shop/shop", "shop"), ("shop@1", "shop@1"), ("shop/shop@1", "shop@1"), ("shop/worker", "shop-worker"),
    ("shop/worker@11", "shop-worker@11"), ("shop/cache", "shop-cache"), ("shop/nightly", "shop-nightly"),
])
def test_what_a_word_names(root, word, mark):
    assert ctl(root, "stop", word)[0] == 0
    assert marks(root) == [f"now {mark}"] and lasting(root) is None
    status, said = ctl(root, "stop", "--now", "--lasting", word)
    assert status == 0 and said.endswith("', also after a boot\n")
    assert marks(root) == [f"now {mark}", f"lasting {mark}"] and lasting(root) == [f"lasting {mark}"]
    assert oct((root / "run/pyservice/stopped/shop").stat().st_mode)[-3:] == "644"
    assert oct((root / "var/lib/pyservice/shop/stopped").stat().st_mode)[-3:] == "600"
    assert ctl(root, "start", word)[0] == 0
    assert marks(root) is None and lasting(root) is None


def test_published_by_another_version(root):
    (root / "run/pyservice/apps/shop/record").write_text("pyservice-bundle 99\nstrange\n")
    assert ctl(root, "stop", "shop/cache") == (111, "pyservicectl: shop: another version of pyservice published it; reload to publish it again\n")
    assert marks(root) is None


@pytest.mark.parametrize("words, status, text", [
    (["stop"], 2, "give APP, APP@N, APP/SERVICE or APP/SERVICE@N"),
    (["stop", "--now", "shop"], 2, "--now needs --lasting"),
    (["start", "--lasting", "shop"], 2, "has no option --lasting"),
    (["restart", "shop"], 2, "has no option --root"),
    (["stop", "../shop"], 2, "is not a valid name of an app"),
    (["stop", "shop@01"], 2, "is not a valid number of an instance"),
    (["stop", "shpo"], 1, "unknown application 'shpo'; did you mean 'shop'?"),
    (["start", "other"], 1, "unknown application 'other'; if its definition is new"),
    (["stop", "shop/wroker"], 1, "no service, sidecar or timer is called 'wroker'; did you mean 'worker'?"),
    (["stop", "shop/x"], 1, "it has shop, cache, nightly, worker"),
    (["stop", "shop/health"], 1, "no service, sidecar or timer is called 'health'"),
    (["stop", "shop@2"], 1, "shop/shop has no instance 2; it has 2, counted from 0"),
    (["stop", "shop/cache@0"], 1, "shop/cache has no instances; omit '@0'"),
    (["stop", "shop@0", "shop/x"], 1, "no service, sidecar or timer is called 'x'"),
])
def test_refused(root, words, status, text):
    got, said = ctl(root, *words)
    assert (got, marks(root)) == (status, None) and text in said


def test_marks_come_and_go(root):
    assert ctl(root, "stop", "shop@0", "shop/cache", "shop/worker@3")[0] == 0
    since = (root / "run/pyservice/stopped/shop").read_text()
    assert ctl(root, "stop", "shop@0") == (0, "shop@0 is stopped until 'pyservicectl start shop@0' or the next boot\n")
    assert (root / "run/pyservice/stopped/shop").read_text() == since, "since when it is stopped"
    assert ctl(root, "start", "shop/worker")[0] == 0
    assert marks(root) == ["now shop@0", "now shop-cache"]
    assert ctl(root, "stop", "--lasting", "shop")[1] == "shop keeps running, and is stopped from the next boot on, until 'pyservicectl start shop'\n"
    assert lasting(root) == ["lasting *"]
    assert ctl(root, "stop", "shop")[0] == 0
    assert ctl(root, "start", "shop@0") == (1, "pyservicectl: shop@0: all of shop is stopped; 'pyservicectl start shop' starts it\n")
    assert ctl(root, "start", "shop")[0] == 0
    assert marks(root) is None and lasting(root) is None

    assert ctl(root, "stop", "shop/shop")[0] == 0
    status, said = ctl(root, "start", "shop@1")
    assert status == 1 and "all of shop/shop is stopped; 'pyservicectl start shop/shop' starts it" in said


def test_a_file_that_is_not_ours(root):
    (root / "run/pyservice/stopped").mkdir()
    (root / "run/pyservice/stopped/shop").write_text("now 1 shop; reboot\n")
    status, said = ctl(root, "stop", "shop")
    assert (status, said) == (111, "pyservicectl: /run/pyservice/stopped/shop: it is damaged; remove it, and run 'pyservicectl stop' again\n")
    (root / "run/pyservice/stopped/shop").write_text("now 1 *\n")
    (root / "run/pyservice/stopped/shop").chmod(0o666)
    assert ctl(root, "start", "shop")[1].startswith("pyservicectl: /run/pyservice/stopped/shop: others may write it; remove it")
