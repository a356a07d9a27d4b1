# SPDX-License-Identifier: Apache-2.0
"""System calls of our programs fail during rollouts, or are the last one before SIGKILL; reloads collide.

Meanwhile no request fails, and each instance runs the old revision or the new one, all the same one in the end.
"""

import collections

import pytest

from app import settle
from load import SUMMARY
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


@pytest.fixture
def traced(machine):
    for program, units in PROGRAMS.items():
        path = f"{LIBEXEC}/pyservice-{program}"
        wrapper = WRAPPER.format(real=f"{path}.real", fault=f"/run/fault.{program}")
        machine.run(f"mv {path} {path}.real && cat >{path} && chmod 755 {path}", input=wrapper)
        for unit in units:
            machine.write(f"/etc/systemd/system/{unit}.d/strace.conf", DROP_IN)
    yield
    for program in PROGRAMS:
        machine.run(f"mv {LIBEXEC}/pyservice-{program}.real {LIBEXEC}/pyservice-{program}")


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
                app.define(number, 2, proxy=f"timeouts: {{queue: {number}s}}")
                machine.wait(lambda number=number, failed=failed: str(number) in app.versions().values() or app.failures() != failed,
                             what=lambda what=f"{program}, {call} {n}, {fault}": f"version {number} after {what}; {app}")
                happened = machine.ok(f"grep -Eq 'INJECTED|killed by SIGKILL' /run/fault.{program}.log")
                table[f"{program} {call} {fault}"] += happened
                machine.wait(lambda number=number, failed=failed: app.runs(app.expected(number, 2)) or app.failures() != failed, 90,
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
            assert [reload.wait(120) for reload in reloads] == [0, 0]
        app.wait(0, 2)
