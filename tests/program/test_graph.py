# SPDX-License-Identifier: Apache-2.0
"""pyservicectl graph: a golden, texts that try to get out of their quotes, and the picture that Graphviz makes of it."""

import os
import pathlib
import pty
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
GOLDEN = HERE / "graph-dci-api.dot"
PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")
needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz")

HOSTILE = 'x" ]; evil [label="pwned\\N \\G\\ & &lt;b&gt; <i>{a|b} – é'
QUOTED = HOSTILE.replace("'", "''")


@pytest.fixture
def root(tmp_path):
    for directory in "etc/pyservice.d", "etc/containers/systemd":
        (tmp_path / directory).mkdir(parents=True)
    contracts = tmp_path / "usr/share/pyservice"
    contracts.mkdir(parents=True)
    shutil.copytree(PROJECT / "contrib/contracts", contracts / "contracts")
    (tmp_path / "etc/containers/systemd/quadlet.network").write_text("[Network]\n")
    return tmp_path


def define(root, name, text):
    (root / f"etc/pyservice.d/{name}.yaml").write_text(text)


def graph(root, *words):
    return subprocess.run([PYSERVICECTL, f"--root={root}", "graph", *words], capture_output=True, check=False)


def on_terminal(root, *words):
    """What it writes to a terminal: the text itself."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([PYSERVICECTL, f"--root={root}", "graph", *words], stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the terminal is gone
            pass
        errors = process.stderr.read().decode()
    os.close(ours)
    return process.returncode, text.replace(b"\r\n", b"\n").decode(), errors


def draw(text):
    """The texts in the picture that Graphviz makes of it."""
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return [element.text for element in xml.etree.ElementTree.fromstring(done.stdout).iter("{http://www.w3.org/2000/svg}text")]


def test_golden(root):
    shutil.copy(PROJECT / "contrib/examples/dci-api.yaml", root / "etc/pyservice.d")
    status, text, errors = on_terminal(root, "dci-api")
    assert status == 0 and errors.startswith("pyservicectl: this is DOT; ")
    assert on_terminal(root)[1] == text
    if os.environ.get("UPDATE"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@needs_dot
def test_texts_stay_texts(root):
    define(root, "shop", f"""
image: localhost/hello:1
port: 8000
scale: 12
description: '{QUOTED}'
secrets: {{token: {{file: '/etc/x-{{{{ instance }}}}'}}}}
volumes: [data:/data]
proxy: {{domains: ['*.example.com'], path: /a, servers: ['192.0.2.1:80']}}
""")
    status, text, _ = on_terminal(root, "shop")
    assert status == 0
    drawn = draw(text)
    assert f"shop: {HOSTILE}" in [one.replace("\u00a0", " ") for one in drawn]
    for part in ("shop@.service", "12 instances", "…", "token: file /etc/x-{{ instance }}", "http://*.example.com/a", "192.0.2.1:80", "12 servers"):
        assert part in drawn, (part, drawn)
    assert sum(one.startswith("@") for one in drawn) == 5 and any(one.startswith("@11 ") for one in drawn)


@needs_dot
def test_a_picture_into_a_pipe(root):
    define(root, "shop", "image: localhost/hello:1\n")
    done = graph(root)
    assert done.returncode == 0 and b"<svg" in done.stdout and b"shop@.service" in done.stdout and b"SVG" in done.stderr


def test_refusals(root):
    define(root, "shop", "image: localhost/hello:1\n")
    define(root, "broken", "image: [\n")
    assert graph(root, "shop", "broken").returncode == graph(root, "../shop").returncode == 2
    unknown = graph(root, "shpo")
    assert unknown.returncode == 1 and b"did you mean 'shop'?" in unknown.stderr and not unknown.stdout
    assert graph(root, "broken").returncode == 1
    status, text, errors = on_terminal(root)
    assert status == 0 and "broken.yaml has errors, and is left out" in errors and '"unit/shop"' in text and "broken" not in text
