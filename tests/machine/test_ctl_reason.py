# SPDX-License-Identifier: Apache-2.0
"""Why a part is not ready: status, apply, start, rollout status and doctor give the reason that is known now."""

import contextlib
import re
import subprocess
import time

import pytest

from answers import read_answer
from app import HELLO, define, settle, wait_for
from rolling import App
from test_ctl_doctor import Doctor
from test_ctl_status import Ctl

SOCKET = "/run/haproxy/admin.sock"
RETRY = 'restart: {delay: 100ms, max_delay: 500ms}'
CRASH = f"""\
image: localhost/hello:1
port: 8000
entrypoint: ""
command: sh -c 'echo "boom, no DATABASE_URL" >&2; exit 3'
{RETRY}
proxy: {{domains: [crash.example.com]}}
"""
CRASHED = r'crash@0: exited with status 3.*; last line: "boom, no DATABASE_URL"'
WRONG = "image: localhost/hello:1\nport: 9000\nhealth: {http: /, start_period: 10min}\nrollout: {ready_timeout: 10min}\n"
REFUSED = r'wrong@0: GET / with Host: wrong on port 9000: .*[Cc]onnection refused; last line: "listening on port 8000"'
SHOP = f"""\
image: localhost/hello:1
services:
  - {{name: web, port: 8000, scale: 2, health: {{http: /health}}, requires: [postgres]}}
sidecars:
  - name: postgres
    entrypoint: ""
    command: [sh, -c, ': "${{POSTGRES_PASSWORD:?parameter not set}}"']
    health: {{command: "true"}}
    {RETRY}
"""
UNSET = r'shop-postgres: exited with status \d+.*; last line: ".*POSTGRES_PASSWORD: parameter not set"'
GOOD = "image: localhost/hello:{tag}\nport: 8000\nscale: 2\nhealth: {{http: /health, interval: 1s}}\nrollout: {{min_ready: 0}}\n" \
       "proxy: {{domains: [good.example.com]}}\n"
LATE = """\
image: localhost/hello:1
port: 8000
entrypoint: ""
command: sh -c 'until test -e /tmp/go; do sleep 0.1; done; echo boom; exit 3'
health: {http: /, start_period: 10min}
restart: "no"
"""
# Takes each request, and closes the connection without an answer.
MUTE = """\
image: localhost/hello:1
port: 8000
entrypoint: ""
command: [python3, -c, "import socket\\ns = socket.create_server((\\"\\", 8000))\\nwhile True:\\n c = s.accept()[0]\\n c.recv(9999)\\n c.close()\\n"]
rollout: {min_ready: 0}
proxy: {domains: [mute.example.com]}
"""


@pytest.fixture
def ctl(machine):
    yield Ctl(machine)
    # systemd does not stop by itself a unit that is still starting.
    machine.run("cd /etc/pyservice.d && ls *.yaml | xargs -r basename -s .yaml | xargs -r pyservicectl stop", check=False)


def wait_said(ctl, *patterns, words=("status",), says=0):
    """Until one answer has a line for each pattern; its exit status is `says`."""
    def look():
        seen[:] = [ctl.run(*words)]
        return seen[0].returncode == says and all(re.search(pattern, seen[0].stdout, re.M) for pattern in patterns)
    seen = []
    ctl.machine.wait(look, what=lambda: f"{patterns} of {words} with status {says}: {seen}")
    return seen[0].stdout


@contextlib.contextmanager
def saying(machine, command):
    """A command that may wait for ever; a function that returns what it has said until now."""
    path = f"/run/said-{time.monotonic_ns()}"
    with machine.popen(f"exec {command} >{path} 2>&1") as process:
        try:
            yield lambda: machine.read(path)
        finally:
            process.kill()
    machine.remove(path)


def n_failed(ctl):
    """How often crash@0 has failed to start."""
    return max(reason["failed_starts"] for reason in ctl.whole("crash")["reasons"])


def test_first_starts_that_cannot_succeed(ctl):
    machine = ctl.machine
    define(machine, "wrong", WRONG)
    done = ctl.run("--json", "status")
    assert [app["state"] for app in read_answer("status", done.stdout)["apps"]] == ["starting"] and done.returncode == 0, done
    define(machine, "shop", SHOP, reload=False)
    define(machine, "crash", CRASH)
    # The others may have failed too often by now.
    states = {app["app"]: app["state"] for app in ctl.json("status", command="status")["apps"]}
    assert states["wrong"] == "starting" and set(states.values()) <= {"starting", "failing"}, states

    text = wait_said(ctl, f"^crash: {CRASHED}", f"^shop: {UNSET}", f"^wrong: {REFUSED}", says=3)
    assert "shop-web@0:" not in text, "a part that waits for another is not the cause"
    # Whatever the unit does in this moment, it has failed too often.
    wait_said(ctl, r"^ *State: failing,", rf"^ *Reason: {CRASHED.replace('.*', ', failed ([3-9]|[0-9]{2,}) times')}$", words=("status", "crash"), says=3)
    for _ in range(20):
        done = ctl.run("status", "crash")
        assert done.returncode == 3 and re.search("^ *State: failing,", done.stdout, re.M) and re.search(CRASHED, done.stdout), done.stdout
    whole = ctl.json("status", "crash", command="status APP")
    assert whole["state"] == whole["services"][0]["instances"][0]["state"] == "failing"
    (reason,) = whole["reasons"]
    assert reason["unit"] == "crash@0" and reason["failed_starts"] >= 3 and reason["last_line"] == "boom, no DATABASE_URL"

    wait_said(ctl, f"^crash: {CRASHED}", f"^wrong: {REFUSED}", r"^shop: shop-postgres: .*\n(.*\n)*\nINSTANCE .*\n", words=("top",), says=0)
    assert "crash:" not in wait_said(ctl, f"^wrong: {REFUSED}", words=("top", "wrong"), says=0)

    with contextlib.ExitStack() as follows:
        saids = [(f"^{app}: {pattern}", follows.enter_context(saying(machine, f"pyservicectl rollout {words} status {app}")))
                 for app, pattern in (("crash", CRASHED), ("wrong", REFUSED)) for words in ("", "--no-follow")]
        machine.wait(lambda: all(re.search(pattern, said(), re.M) for pattern, said in saids), what=lambda: f"the reasons: {[said() for _, said in saids]}")
        failed = n_failed(ctl)
        machine.wait(lambda: n_failed(ctl) > failed + 1, what="more starts to fail, which is no other reason")
        for pattern, said in saids:
            assert len(re.findall(pattern, said(), re.M)) == 1, said()
    doctor = Doctor(machine)
    doctor.says("failed", "bad", "crash: crash@0.service fails repeatedly: exited with status 3, failed", "boom, no DATABASE_URL")
    doctor.says("servers", "bad", "crash-0 waits for crash@0.service: exited with status 3")
    doctor.says("failed", "warning", "wrong: wrong@0.service is not ready: GET / .*[Cc]onnection refused")
    for verb in "status", "doctor":
        machine.run(f"strace -qq -s 9999 -e trace=sendmsg -o /run/calls pyservicectl {verb}", check=False)
        assert machine.out("grep -c ListUnitsByPatterns /run/calls") == "1", f"{verb} lists the units more than once"

    # Without root the log is not shown.
    said = ctl.run("status", before="setpriv --reuid=65534 --regid=65534 --clear-groups").stdout
    assert re.search(r"^crash: crash@0: .*failed \d+ times$", said, re.M) and "boom" not in said, said
    define(machine, "crash", CRASH + "labels: {again: now}\n", reload=False)
    with saying(machine, "pyservicectl --yes apply crash") as said:
        machine.wait(lambda: re.search(f"^crash: {CRASHED}", said(), re.M), what=lambda: f"apply to say why: {said()}")
    machine.run(["pyservicectl", "stop", "shop/postgres"])
    with saying(machine, "pyservicectl start shop/postgres") as said:
        machine.wait(lambda: "POSTGRES_PASSWORD: parameter not set" in said(), what=lambda: f"start to say why: {said()}")

    # What failed before is over when the definition is right.
    define(machine, "crash", HELLO + "proxy: {domains: [crash.example.com]}\n", reload=False)
    machine.run(["pyservicectl", "--yes", "apply", "crash"])
    done = ctl.run("status", "crash")
    assert done.returncode == 0 and re.search("^ *State: running, 1 declared, 1 running, 1 ready$", done.stdout, re.M), done


def test_a_rejected_revision(ctl):
    machine = ctl.machine
    define(machine, "good", GOOD.format(tag=1))
    wait_for(machine, "good", 2)
    settle(machine)
    assert ctl.wait("running", "good")["as_declared"]
    define(machine, "good", GOOD.format(tag=99))
    (revision,) = App(machine, "good").wait_failed()
    text = wait_said(ctl, f"State: running \\(revision {revision} rejected\\), 2 declared, 2 running, 2 ready$", words=("status", "good"), says=3)
    assert text.count("its image could not be fetched") == 1, text
    assert ctl.apps()["good"]["state"] == "running" and "its image could not be fetched" in ctl.apps()["good"]["note"]
    found = [finding for check in Doctor(machine).answer["checks"] if check["check"] == "failed" for finding in check["findings"]]
    assert len(found) == 1 and f"revision {revision} was rejected: good@next.service: its image" in found[0]["text"], found


def test_haproxy_is_the_cause(ctl):
    machine = ctl.machine
    define(machine, "good", GOOD.format(tag=1))
    wait_for(machine, "good", 2)
    settle(machine)
    ctl.wait("running", "good")

    machine.run("echo 'foo bar' >>/etc/haproxy/haproxy.cfg")
    try:
        Doctor(machine).says("config", "bad", r"haproxy.cfg:\d+\] : unknown keyword 'foo'")
    finally:
        machine.run("sed -i '/^foo bar$/d' /etc/haproxy/haproxy.cfg")
    assert "config" in Doctor(machine).found("good")

    machine.run("systemctl stop haproxy.service")
    try:
        check_unreached(ctl, "HAProxy is not running", "haproxy.service is inactive")
    finally:
        machine.run("systemctl start haproxy.service")
    ctl.wait("running", "good")

    # A socket that closes each connection without an answer is none that does not know the application.
    machine.run(f"mv {SOCKET} {SOCKET}.real && systemd-run -q --collect --unit=fake socat UNIX-LISTEN:{SOCKET},fork EXEC:true")
    try:
        machine.wait(f"socat -u OPEN:/dev/null UNIX-CONNECT:{SOCKET}")
        check_unreached(ctl, "HAProxy does not answer", "HAProxy does not answer on")
    finally:
        machine.run(f"systemctl stop fake; mv {SOCKET}.real {SOCKET}")
    ctl.wait("running", "good")


def test_the_journal_is_behind(ctl):
    """On a busy machine journald may write the words of a check long after systemd has seen the end of the start."""
    machine = ctl.machine
    define(machine, "late", LATE)
    starting = machine.popen(["pyservicectl", "start", "late@0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert "late@0" in starting.stdout.readline(), "it waits; a start from now on would be another one"
        machine.wait("podman exec late-0 true", what="the container")
        # The container may be gone before `podman exec` has looked how its command ended.
        machine.run("systemctl kill --signal=STOP systemd-journald && { podman exec late-0 touch /tmp/go || true; }")
        machine.wait(lambda: machine.unit("late@0.service")["ActiveState"] == "failed", what="the start to fail")
        failed = time.monotonic()
        machine.wait(lambda: time.monotonic() - failed > 2, what="the lines to be looked for")
    finally:
        machine.run("systemctl kill --signal=CONT systemd-journald")
    said = starting.communicate()[0]
    assert re.search(r'late@0.service: exited before it was ready: .*; exited with status 3', said), said


def check_unreached(ctl, note, cause):
    """The instances are well; HAProxy is the cause, and comes first."""
    status = ctl.run("status", "good")
    states = {unit["state"] for unit in ctl.whole("good")["services"][0]["instances"]}
    text = ctl.run("doctor").stdout
    assert states == {"unreached"} and note in status.stdout and status.returncode == 3, status
    assert "HAProxy does not know" not in status.stdout + ctl.run("status").stdout + text, (status, text)
    assert re.search("^  bad +(.*)", text, re.M)[1].startswith(cause), text


def test_most_answers_are_bad(ctl):
    machine = ctl.machine
    define(machine, "mute", MUTE)
    ctl.wait("running", "mute")
    settle(machine)
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": "mute.example.com"}).status == 502, what="502")
    for _ in range(10):
        machine.http("http://127.0.0.1/", headers={"Host": "mute.example.com"})
    Doctor(machine).says("answers", "bad", r"502 Bad Gateway .* 'mute' answered so to \d+ of \d+ recent requests")
