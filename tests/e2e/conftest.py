# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `machine`, clean and shared; `own_machine`, for a test that reboots or breaks it.

PYSERVICE_BUILD names the build directory that pyservice is installed from.
"""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import host
import load
import nspawn
from machine import Machine


def boot() -> Machine:
    lab = nspawn.Lab.create(suite=os.environ.get("PYSERVICE_SUITE", "trixie"), dies_with_parent=True)
    try:
        if os.environ.get("PYSERVICE_BUILD"):
            lab.install(Path(os.environ["PYSERVICE_BUILD"]))
        lab.start()
        return Machine(lab)
    except host.LabError as error:
        lab.stop(hard=True)
        pytest.exit(f"no machine: {error}", returncode=1)
    except BaseException:
        lab.stop(hard=True)
        raise


@pytest.fixture(scope="session")
def running() -> Iterator[list[Machine]]:
    """The shared machine, once there is one."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    machines: list[Machine] = []
    yield machines
    for machine in machines:
        machine.lab.stop(hard=True)


@pytest.fixture
def machine(running: list[Machine]) -> Iterator[Machine]:
    if not running:
        running.append(boot())
    machine = running[0]
    yield machine
    try:
        machine.clean()
    except BaseException:
        running.clear()
        machine.lab.stop(hard=True)
        raise


@pytest.fixture
def own_machine(running: list[Machine]) -> Iterator[Machine]:
    machine = boot()
    yield machine
    machine.lab.stop(hard=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":       # where tests run in several processes, reports are all that the first one sees
        report.user_properties += [("load", line) for line in load.SUMMARY]
        load.SUMMARY.clear()
    for machine in item.funcargs.values() if report.when == "call" and report.failed else ():
        if isinstance(machine, Machine) and machine.lab.leader():
            report.sections.append(("the machine", machine.diagnosis()))


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [value for report in reports for name, value in report.user_properties if name == "load"]
    if lines:
        terminalreporter.section("requests under load: how many, p50, p99, longest in ms")
        terminalreporter.write_line("\n".join(lines))
    # Last, and short: who reads the end of a long log reads this.
    failed = [report for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, [])]
    if failed:
        terminalreporter.section("why they failed")
    for report in failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        terminalreporter.write_line(f"{report.nodeid}: " + (f"line {crash.lineno}: {crash.message[:1000]}" if crash else str(report.longrepr)[:1000]))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "test_random" not in item.nodeid)      # the longest by far: others go on beside it


def pytest_configure(config):
    # xdist's workers may run us in another thread, where Python sets no handlers; their machines die with them anyhow.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
