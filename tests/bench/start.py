#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long it takes until an application serves, and until it is another one, on a booted machine.

Usage: start.py BUILD [--runs N] [--sizes N,…]. As root; boots a machine of its own (tests/machine).

  start     from daemon-reload until every instance is ready, beside `podman run` of the same in parallel until each answers
  rolling   from daemon-reload until a changed variable has reached every instance and nothing goes on any more, beside the sum
            of what each instance was away for (its drain, stop and start) and of the spare's start and stop

Medians. Exits 0 whatever the numbers are.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "machine"))

import nspawn  # noqa: E402
from app import settle  # noqa: E402
from machine import Machine  # noqa: E402
from rolling import App  # noqa: E402

# One after the other each: start it in the background, ask until it answers.
PLAIN = """for i in $(seq "$0"); do
        (podman run -d --rm --name "plain-$i" --sdnotify=ignore -p "127.0.0.1:$((19000 + i)):8000" -v /var/lib/count:/count \\
                -e HELLO_QUIET=1 localhost/hello:1 >/dev/null
        until curl -fs -o /dev/null "http://127.0.0.1:$((19000 + i))/health"; do sleep 0.02; done) &
done
wait"""


def times(machine, unit):
    shown = machine.unit(unit)
    return {name: int(shown[f"{name}TimestampMonotonic"]) / 1e6 for name in ("ActiveEnter", "ActiveExit")}


def spare_times(machine):
    """How long the last spare took to start and to stop; systemd knows nothing of it any more."""
    lines = machine.out("journalctl --sync; journalctl -b -o short-monotonic UNIT=hello@next.service").splitlines()
    at = {word: float(line[1:].partition("]")[0]) for line in lines for word in ("Starting", "Started", "Stopping", "Stopped")
          if f": {word} hello@next" in line}
    return at["Started"] - at["Starting"] + at["Stopped"] - at["Stopping"]


def start(app, scale):
    begin = time.monotonic()
    app.define(1, scale)
    app.machine.wait(lambda: all(app.machine.is_active(f"hello@{i}.service") for i in range(scale)), what="all to be ready")
    end = max(times(app.machine, f"hello@{i}.service")["ActiveEnter"] for i in range(scale))
    app.wait(1, scale)
    app.undefine()
    app.machine.wait(lambda: not app.containers(), what="all to be gone")
    settle(app.machine)
    return end - begin


def plain(app, scale):
    begin = time.monotonic()
    app.machine.run(["sh", "-c", PLAIN, str(scale)])
    end = time.monotonic()
    app.machine.run("podman rm -af -t 0")
    return end - begin


def rolling(app, version, scale):
    """How long it took, and the sum of its parts."""
    begin = time.monotonic()
    app.define(version, scale, rollout="min_ready: 0")
    app.machine.wait(app.is_done, what=lambda: f"the rollout, {app}")
    end = time.monotonic()
    parts = [times(app.machine, f"hello@{i}.service") for i in range(scale)]
    away = sum(part["ActiveEnter"] - part["ActiveExit"] for part in parts) + app.machine.wait(lambda: spare_times(app.machine), what="the end of the spare")
    app.wait(version, scale)
    return end - begin, away


def measure(app, sizes, runs):
    print(f"  {'':12} {'pyservice s':>12} {'podman run s':>13} {'ratio':>6}")
    for scale in sizes:
        ours = statistics.median(start(app, scale) for _ in range(runs))
        theirs = statistics.median(plain(app, scale) for _ in range(runs))
        print(f"  start {scale:<6} {ours:12.2f} {theirs:13.2f} {ours / theirs:6.2f}", flush=True)
    print(f"  {'':12} {'rolling s':>12} {'sum of parts s':>15} {'ratio':>6}")
    for scale in sizes:
        app.define(0, scale)
        app.wait(0, scale)
        pairs = [rolling(app, version, scale) for version in range(1, runs + 1)]
        took, parts = (statistics.median(values) for values in zip(*pairs))
        print(f"  rolling {scale:<4} {took:12.2f} {parts:15.2f} {took / parts:6.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sizes", default="1,4,10")
    options = parser.parse_args()
    lab = nspawn.Lab.create(dies_with_parent=True)
    try:
        nspawn.install(options.build, lab.root)
        lab.start()
        print(f"\nStarts and rollouts on a booted machine, medians of {options.runs} runs")
        measure(App(Machine(lab)), [int(size) for size in options.sizes.split(",")], options.runs)
    finally:
        lab.stop(hard=True)


if __name__ == "__main__":
    main()
