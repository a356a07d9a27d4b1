# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `machine`, clean and shared; `own_machine`, for a test that reboots or breaks it.

PYSERVICE_BUILD names the build directory that pyservice is installed from.
"""

import atexit
import functools
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "program"))

import host  # noqa: E402
import load  # noqa: E402
import nspawn  # noqa: E402
from machine import Machine  # noqa: E402


SUITE = os.environ.get("PYSERVICE_SUITE", "trixie")


@functools.cache
def installed() -> Path | None:
    """A layer with pyservice, shared by all machines that this process boots."""
    if not os.environ.get("PYSERVICE_BUILD"):
        return None
    directory = host.CACHE / f"installed-{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return nspawn.prepare(Path(os.environ["PYSERVICE_BUILD"]), directory, SUITE)


def boot(with_pyservice: bool = True) -> Machine:
    try:
        lab = nspawn.Lab.create(suite=SUITE, dies_with_parent=True, layer=installed() if with_pyservice else None)
    except host.LabError as error:
        pytest.exit(f"no machine: {error}", returncode=1)
    try:
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


@pytest.fixture
def bare_machine(running: list[Machine]) -> Iterator[Machine]:
    """Without pyservice."""
    machine = boot(with_pyservice=False)
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


def reason_of(report) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return f"{report.nodeid}: " + (f"line {crash.lineno}: {crash.message}" if crash else str(report.longrepr))[:1000]


def pytest_runtest_logreport(report):
    """At once, so that a run that a signal ends has said it."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.__stdout__.write(f"\nFAILED {reason_of(report)}\n")
        sys.__stdout__.flush()


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
        terminalreporter.write_line(reason_of(report))


# The longest files first, so that no process is left with one of them when the others are done.
LONGEST = ["test_package", "test_rollout", "test_faults", "test_terminal", "test_failures", "test_dci", "test_ctl_plan", "test_drain", "test_source"]


def group_of(item) -> str:
    """What one process runs in one go: a file, whose tests may share a machine as they left it, or one walk."""
    return item.nodeid if "test_random" in item.nodeid else item.path.stem


@pytest.hookimpl(tryfirst=True)         # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    order = ["test_random", *LONGEST]
    items.sort(key=lambda item: order.index(item.path.stem) if item.path.stem in order else len(order))


def stay_on_one_processor() -> None:
    """And so do the machines of this process: what runs on several processors costs a quarter more, most of it in the kernel."""
    processors = sorted(os.sched_getaffinity(0))
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    os.sched_setaffinity(0, {processors[number % len(processors)]})


def pytest_addoption(parser):
    parser.addoption("--steps", type=int, help="of one random walk (test_random.py), instead of the two short ones")
    parser.addoption("--seed", type=int, help="of that walk", default=1)


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" in os.environ:
        stay_on_one_processor()
    # A shell starts background jobs with SIGINT ignored. xdist's workers may run us in another thread, where Python sets
    # no handlers; they and their machines end with the first process.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
