# SPDX-License-Identifier: Apache-2.0
"""System calls of our programs fail during rollouts, or are the last one before SIGKILL; reloads collide.

Meanwhile no request fails, and each instance runs the old revision or the new one, all the same one in the end.
"""

import collections
import contextlib
import itertools
import os
import re
from pathlib import Path

import pytest

from app import define, settle, wait_for
from load import COUNT, SUMMARY
from pace import PACE, limit
from registry import INSECURE
from rolling import App

LIBEXEC = "/usr/libexec/pyservice"
# The next run of the program has the fault, those after it have none.
WRAPPER = """#!/bin/sh
fault=$(cat {fault}) && rm {fault} && exec strace -qq -o {fault}.log $fault {real} "$@"
exec {real} "$@"
"""
# The traced program is a child, and tells systemd that it is ready.
DROP_IN = "[Service]\nSystemCallFilter=\nNotifyAccess=all\n"
PROGRAMS = {"rollout": ["hello-rollout@.service", "pyservice-keep.service"], "proxy": ["pyservice-proxy@.service"]}
FAULTS = [  # program, system call, what becomes of it, which ones
    ("rollout", "write", "error=ENOSPC", (2, 5)), ("rollout", "renameat", "error=EIO", (1, 4)), ("rollout", "fsync", "error=EIO", (1, 2)),
    ("rollout", "openat", "error=EMFILE", (30, 60)), ("rollout", "mmap", "error=ENOMEM", (25,)), ("rollout", "sendmsg", "error=EIO", (3,)),
    ("rollout", "renameat", "signal=KILL", (2, 5)), ("rollout", "fsync", "signal=KILL", (1,)),
    ("proxy", "write", "error=ENOSPC", (1, 3)), ("proxy", "renameat", "error=EIO", (1, 2)), ("proxy", "renameat", "signal=KILL", (1, 2)),
    ("proxy", "openat", "error=EMFILE", (20,)), ("proxy", "connect", "error=EACCES", (1,)),
]


@contextlib.contextmanager
def wrapped(machine, scripts):
    """Programs of ours run by a script each; in it, {real} is the program itself."""
    for program, script in scripts.items():
        path = f"{LIBEXEC}/{program}"
        machine.run(f"mv {path} {path}.real && cat >{path} && chmod 755 {path}", input=script.replace("{real}", f"{path}.real"))
    try:
        yield
    finally:
        for program in scripts:
            machine.run(f"mv {LIBEXEC}/{program}.real {LIBEXEC}/{program}")


@pytest.fixture
def traced(machine):
    with wrapped(machine, {f"pyservice-{program}": WRAPPER.replace("{fault}", f"/run/fault.{program}") for program in PROGRAMS}):
        for unit in itertools.chain.from_iterable(PROGRAMS.values()):
            machine.write(f"/etc/systemd/system/{unit}.d/strace.conf", DROP_IN)
        yield


@pytest.fixture
def app(machine):
    app = App(machine)
    app.define(0, 2)
    app.wait(0, 2)
    return app


def test_system_calls_fail(traced, app):
    machine, table, number = app.machine, collections.Counter(), 0
    with app.load("faults"):
        for program, call, fault, places in FAULTS:
            for n in places:
                number, failed = number + 1, app.failures()
                machine.write(f"/run/fault.{program}", f"-e trace={call} -e inject={call}:{fault}:when={n}\n")
                app.define(number, 2, proxy=f"timeouts: {{queue: {30 + number}s}}")
                machine.wait(lambda number=number, failed=failed: str(number) in app.versions().values() or app.failures() != failed,
                             what=lambda what=f"{program}, {call} {n}, {fault}": f"version {number} after {what}; {app}")
                happened = machine.ok(f"grep -Eq 'INJECTED|killed by SIGKILL' /run/fault.{program}.log")
                table[f"{program} {call} {fault}"] += happened
                machine.wait(lambda number=number, failed=failed: app.runs(app.expected(number, 2)) or app.failures() != failed,
                             what=lambda what=f"{program}, {call} {n}, {fault}": f"version {number} alone after {what}; {app}")
    settle(machine)
    app.define("last", 2)
    app.wait("last", 2)
    SUMMARY.extend(f"{fault:40} injected {count} times, nothing lost" for fault, count in table.items())
    assert sum(table.values()) > len(FAULTS) / 2


def test_reloads_at_once(app):
    """The scale changes before the change before it is complete, and two reloads run at a time."""
    machine = app.machine
    with app.load("reloads at once"):
        for scale in [4, 2] * 8:
            app.define(0, scale, reload=False)
            reloads = [machine.popen(["systemctl", "daemon-reload"]) for _ in range(2)]
            assert [reload.wait() for reload in reloads] == [0, 0]
        app.wait(0, 2)


# --- the clock ---

# It ends as soon as the test lets it.
TASK = ("tasks: [{name: migrate, entrypoint: /bin/sh, command: [-c, 'echo $VERSION >>/count/tasks; until test -e /count/go; do sleep .1; done']}]\n"
        "before_update: migrate\n")
ONCE = "image: localhost/hello:1\nentrypoint: /bin/true\nrestart: on-failure\n"


def test_the_clock_jumps(machine, app):
    """Each time one of our programs reads the time of day, it is an hour later or earlier than the last time."""
    programs = machine.out(f"ls {LIBEXEC} | grep -v pyservice-init").split()   # that one runs in the container
    machine.write("/run/clock.so", (Path(os.environ["PYSERVICE_BUILD"]) / "tests/libclock.so").read_bytes(), 0o755)
    now, later = machine.out("date +%s; LD_PRELOAD=/run/clock.so date +%s").split()
    assert int(later) - int(now) > 3000
    machine.run(f"rm -f {COUNT}/tasks {COUNT}/go")
    with wrapped(machine, dict.fromkeys(programs, '#!/bin/sh\nLD_PRELOAD=/run/clock.so exec {real} "$@"\n')), app.load("the clock jumps"):
        app.define(1, 2, more=TASK)
        machine.wait(f"test -s {COUNT}/tasks", what="the task")
        machine.run(f"systemctl kill --kill-whom=main --signal=KILL hello-rollout@{app.published()['wanted']}.service && touch {COUNT}/go")
        app.wait(1, 2)
        assert machine.read(f"{COUNT}/tasks").split() == ["1"], "the task runs once"
        app.define(2, 2, more="entrypoint: ''\ncommand: sh -c 'echo no database; sleep 1; exit 7'\n", rollout=f"ready_timeout: {limit(12)}")
        (reason,) = app.wait_failed().values()
        app.wait(1, 2)
        assert "status 7" in reason and "no database" in reason, reason
        for jumps in range(2):      # the first look or the second one is an hour later
            define(machine, f"once-{jumps}", ONCE, reload=False)
            machine.run(f"CLOCK_JUMPS={jumps} LD_PRELOAD=/run/clock.so timeout {60 * PACE:.0f} pyservicectl --yes apply once-{jumps}")
    SUMMARY.append("clock              an hour forth or back, each time it is read; nothing lost")


# --- HAProxy's sockets accept and never answer ---

SOCKETS = {"fake-worker": "/run/haproxy/admin.sock", "fake-master": "/run/haproxy-master.sock"}
BOUND = 100     # seconds; more than a command needs for each of its questions that is not answered


@pytest.fixture
def mute_haproxy(machine):
    """A function that puts sockets that say nothing in place of HAProxy's, and one that puts HAProxy's back."""
    def begin():
        for unit, path in SOCKETS.items():
            machine.run(f"mv {path} {path}.real && systemd-run -q --collect --unit={unit} socat -t 1000 UNIX-LISTEN:{path},fork 'EXEC:sleep 1000'")
            machine.wait(f"test -S {path}")

    def end():
        machine.run(["systemctl", "stop", *SOCKETS], check=False)
        for path in SOCKETS.values():
            machine.run(f"if [ -S {path}.real ]; then mv {path}.real {path}; fi")
    yield begin, end
    end()


def test_haproxys_socket_hangs(app, mute_haproxy):
    """Commands end and say why; what runs goes on, and so does the rollout once HAProxy answers."""
    machine, (begin, end) = app.machine, mute_haproxy
    with app.load("HAProxy's socket hangs"):
        begin()
        told = {verb: machine.run(f"pyservicectl {verb}", check=False, timeout=BOUND) for verb in ("status", "status hello", "doctor hello")}
        app.define(1, 2)
        app.wait_phase("watch")
        assert set(app.expected(0, 2).items()) <= set(app.versions().items()), "what ran runs"
        for verb in "rollout status --no-follow hello", "status hello":
            machine.wait(lambda verb=verb: "hello@next: waiting for HAProxy, which does not answer"
                         in machine.run(f"pyservicectl {verb}", check=False, timeout=BOUND).stdout, what=f"the reason in {verb}")
        end()
        app.wait(1, 2)
    assert told["status"].returncode != 0 and told["doctor hello"].returncode != 0, told
    assert "cannot query HAProxy's servers: Connection timed out" in told["status"].stderr, told
    assert "HAProxy does not answer" in told["status hello"].stdout, told
    assert "it hangs" in told["doctor hello"].stdout, told
    SUMMARY.append("HAProxy's sockets never answer           injected 1 times, nothing lost")


# --- a registry accepts and never answers ---

MUTE = "127.0.0.1:5000"
OTHER = "image: localhost/hello:1\nport: 8000\nhealth: {{http: /health, interval: 1s}}\nscale: {scale}\n"


def says_that_it_pulls(machine, command: str) -> str:
    """What the command prints; empty without the line about the image."""
    text = machine.run(command, check=False, timeout=BOUND).stdout
    return text if re.search(r"hello-\w+-image: pulls the image, for \d+ s", text) else ""


def test_a_registry_never_answers(app):
    """What runs goes on, the rollout shows what it waits for, another application changes meanwhile; and the pull ends."""
    machine = app.machine
    machine.write("/etc/containers/registries.conf.d/lab.conf", INSECURE)   # Podman has a time limit for TLS
    machine.run(f"systemd-run -q --collect --unit=mute socat -t 1000 TCP-LISTEN:{MUTE.partition(':')[2]},fork,reuseaddr,bind=127.0.0.1 'EXEC:sleep 1000'")
    with app.load("a registry never answers"):
        app.define(1, 2, image=f"{MUTE}/app:1")
        image = machine.wait(lambda: machine.out("systemctl list-units --plain --no-legend --state=activating 'hello-*-image.service'"),
                             what="the pull").split()[0]
        for scale in 1, 2:
            define(machine, "other", OTHER.format(scale=scale))
            wait_for(machine, "other", scale)
        status = machine.wait(lambda: says_that_it_pulls(machine, "pyservicectl status hello"), what="the reason, after five seconds")
        plan = machine.run("pyservicectl --yes apply", check=False, timeout=BOUND)
        assert "under-way" in status and plan.returncode == 0, (status, plan)
        assert says_that_it_pulls(machine, "pyservicectl rollout status --no-follow hello")
        unit = machine.unit(image)
        assert (unit["ActiveState"], unit["TimeoutStartUSec"]) == ("activating", "2h")
        assert app.runs(app.expected(0, 2))
        # It began longer ago.
        machine.write(f"/etc/systemd/system/{image}.d/limit.conf", "[Service]\nTimeoutStartSec=2s\n")
        machine.reload()
        reasons = app.wait_failed()
        assert any(f"its image could not be fetched within 2s, see {image}" in reason for reason in reasons.values()), reasons
        app.wait(0, 2)
    machine.run("systemctl stop mute.service")
    SUMMARY.append("a registry never answers                 injected 1 times, nothing lost")
