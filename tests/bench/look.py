#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long `pyservicectl status` and `ps` take to look at many units, on a booted machine.

Usage: look.py BUILD [--runs N] [--sizes APPSxINSTANCES,…]. As root; boots a machine of its own (tests/machine).

The units are those of definitions; what they run is replaced by `sleep`, since a thousand containers would take minutes to start. Against
them, in the same run: `systemctl list-units`, and `systemctl show '*'`, which asks for each unit by itself. Medians. Exits 0 whatever the
numbers are.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "machine"))

import nspawn  # noqa: E402
from machine import Machine  # noqa: E402

SIZES = "10x10,100x10"
DEFINITION = "image: localhost/hello:1\nport: 8000\nscale: {scale}\nproxy: {{domains: [{name}.example.com]}}\n"
SLEEP = """[Service]
Type=exec
NotifyAccess=none
ExecCondition=
ExecStartPre=
ExecStart=
ExecStart=/bin/sleep infinity
ExecStartPost=
ExecStop=
ExecStopPost=
"""
ROLLOUT = "[Service]\nType=oneshot\nExecStart=\nExecStart=/bin/true\nExecStopPost=\n"

# What is measured; nothing is printed.
COMMANDS = {
    "list-units": ["systemctl", "list-units", "--all", "--no-pager"],
    "show": ["systemctl", "show", "*", "--no-pager"],
    "status": ["pyservicectl", "status"],
    "status APP": ["pyservicectl", "status", "app-0000"],
    "ps": ["pyservicectl", "ps"],
}


def define(machine, apps, instances):
    root = pathlib.Path(f"/proc/{machine.lab.leader()}/root")
    (root / "etc/pyservice.d").mkdir(exist_ok=True)
    for number in range(apps):
        name = f"app-{number:04}"
        for unit, text in ((f"{name}@", SLEEP), (f"{name}-rollout@", ROLLOUT)):
            drop_in = root / f"run/systemd/system/{unit}.service.d/99-bench.conf"
            drop_in.parent.mkdir(parents=True, exist_ok=True)
            drop_in.write_text(text)
        (root / f"etc/pyservice.d/{name}.yaml").write_text(DEFINITION.format(scale=instances, name=name))
    machine.reload()
    machine.wait(lambda: count(machine) == apps * instances, timeout=600, what="all to run")
    machine.wait(lambda: not machine.has_jobs(), timeout=600, what="no jobs")


def count(machine):
    return len(machine.out("systemctl list-units --no-legend --state=active 'app-*@*.service' | grep -v rollout || true").splitlines())


def measure(machine, command, runs):
    # What it costs to enter the machine goes off again.
    def once(words):
        begin = time.monotonic()
        machine.run(["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh", *words], check=False)
        return time.monotonic() - begin

    nothing = statistics.median(once(["true"]) for _ in range(runs))
    return statistics.median(once(command) for _ in range(runs)) - nothing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", default=SIZES)
    options = parser.parse_args()
    lab = nspawn.Lab.create(dies_with_parent=True)
    try:
        nspawn.install(options.build, lab.root)
        lab.start()
        machine = Machine(lab)
        print(f"\nLooking at units on a booted machine, medians of {options.runs} runs, in ms")
        print(f"  {'':10}" + "".join(f"{name:>12}" for name in COMMANDS) + f"{'status/both':>13}{'ps/both':>9}")
        for size in options.sizes.split(","):
            define(machine, *(int(part) for part in size.split("x")))
            took = {name: measure(machine, command, options.runs) for name, command in COMMANDS.items()}
            both = took["list-units"] + took["show"]
            print(f"  {size:10}" + "".join(f"{seconds * 1000:12.0f}" for seconds in took.values())
                  + f"{took['status'] / both:13.2f}{took['ps'] / both:9.2f}", flush=True)
    finally:
        lab.stop(hard=True)


if __name__ == "__main__":
    main()
