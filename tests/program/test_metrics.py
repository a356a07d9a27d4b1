# SPDX-License-Identifier: Apache-2.0
"""pyservicectl metrics below a root: the facts that files alone have, and any text in a label."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

import openmetrics
from test_rollout_verbs import A, B, NOON, PYSERVICECTL, SECOND
from test_status import DEFINITION, Status

pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

HOSTILE = ['plain', 'quo"te', 'back\\slash', 'back\\n', 'end\\', 'line\nfeed', 'br{a}ce, app="x"', 'ünïcode €', 'a" 1\n# EOF\n', "tab\t"]


@pytest.fixture
def root(tmp_path):
    return Status(tmp_path)


def metrics(root):
    done = root.run("metrics")
    assert done.returncode == 0, done
    return openmetrics.read(done.stdout)


def values(families, name, **labels):
    """The samples that have these labels, by the labels that they have besides."""
    found = {key: value for key, value in families[name].samples.items() if labels.items() <= dict(key).items()}
    return {tuple(value for label, value in key if label not in labels): value for key, value in found.items()}


def certificate(path, days):
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                    "-subj", "/CN=hello", "-keyout", "-", "-out", path], check=True, capture_output=True)


def test_nothing(root):
    (root.path / "run/pyservice/apps/hello").rmdir()
    assert {name for name, family in metrics(root).items() if family.samples} == {"pyservice_build"}


def test_words(root):
    root.define()
    root.define("image: a/b:1\n", "other")
    assert values(openmetrics.read(root.run("metrics", "other").stdout), "pyservice_app_broken") == {("other",): 0}
    assert (root.run("metrics", "hello@0").returncode, root.run("metrics", "gone").returncode) == (2, 1)


def test_facts_of_files(root):
    root.define()
    root.define("scale: 3\nimage: a\nimage: b\n", "broken")
    root.publish(2)
    now = metrics(root)
    assert values(now, "pyservice_instances_wanted", app="hello") == {("service", "hello"): 2}
    assert values(now, "pyservice_app_broken") == {("hello",): 0, ("broken",): 1}
    assert list(now["pyservice_revision"].samples) == [(("app", "hello"), ("image", "localhost/hello:1"), ("revision", A), ("wanted", A))]
    assert values(now, "pyservice_rollout_state", app="hello") == {("under-way",): 0, ("done",): 1, ("paused",): 0, ("failed",): 0}
    assert "pyservice_instances_ready" not in now, "systemd was not asked"


def test_what_the_administrator_stopped_is_not_wanted(root):
    root.define()
    root.publish(2)
    root.replace(root.path / "run/pyservice/alive.conf", "Upholds=hello.target\n")
    assert root.run("stop", "hello@1").returncode == 0
    assert values(metrics(root), "pyservice_instances_wanted") == {("hello", "service", "hello"): 1}
    assert root.run("stop", "hello").returncode == 0
    now = metrics(root)
    assert values(now, "pyservice_instances_wanted") == {("hello", "service", "hello"): 0}
    assert values(now, "pyservice_app_stopped") == {("hello",): 1}


def test_a_rollout_that_failed(root):
    root.define()
    root.publish(2)
    root.revision(A, A, file=B)
    root.replace(root.progress_file, f"pyservice-progress 1\nrevision {B}\nphase failed\nstarted {NOON}\nbegan 5\nsince {NOON + 7 * SECOND // 2}\n")
    root.state(f"accepted {A}", f"failed {B} {NOON + SECOND} no")
    now = metrics(root)
    assert values(now, "pyservice_rollout_state", app="hello")[("failed",)] == 1
    assert values(now, "pyservice_rollout_duration_seconds") == {("hello",): 3.5}


def test_any_file_name_is_a_label(root):
    tls = root.path / "etc/tls"
    certificate(tls / "first.pem", 30)
    for name in HOSTILE:
        (tls / name).write_bytes((tls / "first.pem").read_bytes())
    (tls.joinpath("no certificate")).write_text("x")
    (root.path / "etc/tls/.hidden").write_text("x")
    for name in (b"bytes\xff\x01", b"bytes\xfe\x02"):
        (tls / os.fsdecode(name)).write_bytes((tls / "first.pem").read_bytes())
    root.define(DEFINITION.replace("hello.example.com]", "hello.example.com], tls: {certificate: /etc/tls}"))
    found = values(metrics(root), "pyservice_certificate_expiry_timestamp_seconds", app="hello")
    assert {path for path, in found} == {f"/etc/tls/{name}" for name in [*HOSTILE, "first.pem", "bytes??"]}
    assert len(set(found.values())) == 1
    assert 29 < (next(iter(found.values())) - time.time()) / 86400 < 30.01


@pytest.mark.parametrize("request_text, status", [
    ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK"),
    ("GET /metrics?x=/ HTTP/1.0\r\n\r\n", "200 OK"),
    ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
    ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
    ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
    ("GET /metrics\r\n\r\n", "400 Bad Request"),
    ("GET /metrics HTTP/1.1\r\nHost: x\r\n", "400 Bad Request"),
    ("GET /metrics HTTP/1.1\r\n" + "X: y\r\n" * 2000 + "\r\n", "400 Bad Request"),
    ("\x16\x03\x01\x00\xee", "400 Bad Request"),
    ("", "400 Bad Request"),
])
def test_http(root, request_text, status):
    root.define()
    done = subprocess.run(root.command("metrics", "--http"), input=request_text.encode(), capture_output=True, check=False)
    head, body = done.stdout.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines[1:])
    assert (done.returncode, lines[0]) == (0, f"HTTP/1.1 {status}")
    assert (int(headers["Content-Length"]), headers["Connection"]) == (len(body), "close")
    if status == "200 OK":
        assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert values(openmetrics.read(body.decode()), "pyservice_app_broken") == {("hello",): 0}
    else:
        assert headers["Content-Type"] == "text/plain; charset=utf-8" and body.endswith(b"\n")


@pytest.mark.parametrize("file", ["grafana.json", "pyservice.rules.yaml"])
def test_alerts_and_dashboard_have_metrics_that_exist(root, file):
    text = (Path(__file__).resolve().parents[2] / "contrib/prometheus" / file).read_text()
    used = set(re.findall("pyservice_[a-z_]+", text))
    assert len(used) > 5 and used <= openmetrics.described()
    assert openmetrics.sample_names(metrics(root)) <= openmetrics.described()
