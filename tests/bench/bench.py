#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a reload takes, against what it could not be faster than.

Usage: bench.py BUILD [--runs N] [--sizes APPSxINSTANCES,…] [--quadlet PROGRAM] [--directory DIR] [--cpu]

For each size the generator runs on a fresh system (cold), with nothing changed, with the scale of one app changed and
with the image of one app changed; each number is the median of several runs, all on a tmpfs. Against them:

  flat      Quadlet alone, on the same files in one directory
  instance  Quadlet alone, on a link and a drop-in for each instance instead of a template
  bare      a program that only writes the units that are there in the end, and links them; where nothing is
            written, that only links them

Peak memory is the generator's own: a tiny program takes Quadlet's place for it. --cpu counts processor time, which
other work on the machine does not change much, instead of time that passes. Exits 0 whatever the numbers are.
"""

import argparse
import glob
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SIZES = "1x4,10x10,100x10,1000x10"
QUADLETS = (
    "/usr/lib/systemd/system-generators/podman-system-generator",
    "/usr/libexec/podman/quadlet",
    "/var/cache/pyservice-lab/*/usr/libexec/podman/quadlet",
)

DEFINITION = """\
description: Application {number} of the benchmark
image: registry.example.com/team/{name}:{tag}
port: 8000
scale: {scale}
env:
  LOG_LEVEL: info
  DATABASE_URL: postgresql://db.example.com/{name}
  WORKERS: "4"
health:
  http: /healthcheck
  interval: 5s
resources:
  memory: 512M
proxy:
  domains: [{name}.example.com]
"""


def find_quadlet(wanted):
    """A Quadlet that runs on this machine, or None."""
    patterns = [wanted] if wanted else QUADLETS
    for path in [path for pattern in patterns for path in sorted(glob.glob(pattern))]:
        try:
            result = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if result.returncode == 0:
            return path, result.stdout.strip()
    return None


def find_bare(build, work):
    """The helper program of this directory; compiled, where the build has none."""
    for built in (build / "tests" / "bare-writes", build / "tests" / "bench" / "bare-writes"):
        if os.access(built, os.X_OK):
            return built
    made = work / "bare-writes"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-o", made, HERE / "bare-writes.c"], check=True)
    return made


class Measured:
    def __init__(self, usec, kib=0, code=0):
        self.msec, self.mib, self.code = usec / 1000, kib / 1024, code


class Machine:
    """A system below a directory, with `apps` definitions of `instances` each."""

    def __init__(self, work, tools, apps, instances):
        self.root, self.tools = work / f"{apps}x{instances}", tools
        self.apps, self.instances = apps, instances
        self.definitions = self.root / "etc" / "pyservice.d"
        self.definitions.mkdir(parents=True)
        (self.root / "etc" / "pyservice").mkdir()
        (self.root / "run").mkdir()
        # 10,000 instances fill the pool that is there by default.
        (self.root / "etc" / "pyservice" / "host.yaml").write_text("ports: {first: 20000, last: 39999}\n")
        for number in range(apps):
            self.define(number)
        self.n_outs = 0
        self.output = None

    def define(self, number, tag="1.4", more=0):
        name = f"app-{number:04}"
        text = DEFINITION.format(number=number, name=name, tag=tag, scale=self.instances + more)
        (self.definitions / f"{name}.yaml").write_text(text)

    def measure(self, *command, **environment):
        result = subprocess.run([self.tools["bare"], "measure", *command], stdout=subprocess.PIPE, text=True,
                                env={"PATH": "/usr/bin:/bin", **environment}, check=True)
        wall, cpu, kib, code = result.stdout.split()
        return Measured(float(cpu if self.tools["cpu"] else wall), float(kib), int(code))

    def new_directory(self, name):
        path = self.root / f"{name}-{self.n_outs}"
        self.n_outs += 1
        path.mkdir()
        return path

    def generate(self, quadlet=None):
        """One reload: systemd empties the generator directory before it."""
        if self.output:
            shutil.rmtree(self.output)
        self.output = self.new_directory("output")
        measured = self.measure(self.tools["generator"], f"--root={self.root}", self.output, self.output, self.output,
                                PYSERVICE_QUADLET=quadlet or self.tools["quadlet"])
        if measured.code != 0:
            sys.exit(f"bench.py: the generator ends with {measured.code} on {self.root}")
        return measured

    def forget(self):
        """As after a boot."""
        shutil.rmtree(self.root / "run")
        (self.root / "run").mkdir()

    def quadlet(self, sources):
        output = self.new_directory("quadlet-output")
        measured = self.measure(self.tools["quadlet"], "-no-kmsg-log", output, output, output,
                                QUADLET_UNIT_DIRS=str(sources))
        shutil.rmtree(output)
        if measured.code != 0:
            sys.exit(f"bench.py: Quadlet ends with {measured.code} on {sources}")
        return measured

    def bare(self, verb):
        target = self.root / "bare"
        result = subprocess.run([self.tools["bare"], verb, self.output, target], stdout=subprocess.PIPE, text=True, check=True)
        shutil.rmtree(target)
        wall, cpu = result.stdout.split()
        return Measured(float(cpu if self.tools["cpu"] else wall))

    def published(self):
        return sorted((self.root / "run" / "pyservice" / "apps").glob("*/quadlet/*"))

    def flat_sources(self):
        """The files that Quadlet is given, in one directory."""
        flat = self.root / "flat"
        flat.mkdir()
        for path in self.published():
            os.link(path, flat / path.name)
        return flat

    def instance_sources(self):
        """The same, with a link and a drop-in for each instance."""
        flat = self.root / "instances"
        flat.mkdir()
        port = 20000
        for path in self.published():
            if not path.name.endswith("@.container"):
                os.link(path, flat / path.name)
                continue
            text = path.read_text()
            (flat / path.name).write_text(re.sub(r"^(PublishPort|ContainerName)=.*\n", "", text, flags=re.M))
            stem = path.name.removesuffix(".container")
            for instance in range(self.instances):
                name = f"{stem}{instance}.container"
                (flat / name).symlink_to(path.name)
                (flat / f"{name}.d").mkdir()
                (flat / f"{name}.d" / "10-instance.conf").write_text(
                    f"[Container]\nContainerName={stem[:-1]}-{instance}\nPublishPort=127.0.0.1:{port}:8000\n")
                port += 1
        return flat


def median_of(runs, action):
    """The median of the times, and the most memory."""
    measured = [action() for _ in range(runs)]
    return Measured(statistics.median(one.msec for one in measured) * 1000, max(one.mib for one in measured) * 1024)


def measure_size(machine, runs):
    """Rows of (case, time, bare time, memory), and the two times of Quadlet."""

    def cold(quadlet=None):
        machine.forget()
        return machine.generate(quadlet)

    counter = iter(range(1, 1000))
    rows = []
    fake = str(machine.tools["bare"])
    times = median_of(runs, cold)
    memory = median_of(2, lambda: cold(fake))
    machine.forget()
    machine.generate()
    write, link = (median_of(runs, lambda verb=verb: machine.bare(verb)) for verb in ("write", "link"))
    rows.append(("cold", times.msec, write.msec, memory.mib))

    def unchanged():
        return machine.generate()

    def scaled():
        machine.define(0, more=-(next(counter) % 2))
        return machine.generate()

    def updated():
        machine.define(0, tag=f"2.{next(counter)}")
        return machine.generate()

    for case, action in (("unchanged", unchanged), ("one scaled", scaled), ("one updated", updated)):
        times = median_of(runs, action)
        rows.append((case, times.msec, link.msec, times.mib if case != "one updated" else None))
    machine.define(0)
    machine.generate()
    flat, instances = machine.flat_sources(), machine.instance_sources()
    return rows, median_of(runs, lambda: machine.quadlet(flat)), median_of(runs, lambda: machine.quadlet(instances))


def ratio(a, b):
    return f"{a / b:.2f}" if b > 0 else "-"


def print_size(machine, rows, flat, instances):
    size = f"{machine.apps} x {machine.instances}"
    print(f"\n{size}: Quadlet alone {flat.msec:.1f} ms ({flat.mib:.1f} MiB) on the same files, "
          f"{instances.msec:.1f} ms ({instances.mib:.1f} MiB) on a file for each instance")
    print(f"  {'':12} {'ms':>8} {'/flat':>8} {'/instance':>10} {'bare ms':>8} {'/bare':>8} {'peak MiB':>9}")
    for case, msec, bare, mib in rows:
        memory = f"{mib:.1f}" if mib is not None else ""
        print(f"  {case:12} {msec:8.1f} {ratio(msec, flat.msec):>8} {ratio(msec, instances.msec):>10} {bare:8.2f} "
              f"{ratio(msec, bare):>8} {memory:>9}")
    sys.stdout.flush()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--quadlet", default=os.environ.get("PYSERVICE_QUADLET"))
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--directory", default="/dev/shm", help="on a tmpfs")
    return parser.parse_args()


def main():
    options = parse_arguments()
    found = find_quadlet(options.quadlet)
    generator = options.build.resolve() / "generator" / "pyservice-generator"
    if not found:
        print("bench.py: no Quadlet that runs here; name one with --quadlet")
        return 0
    quadlet, version = found
    print(f"{generator}, {quadlet} ({version}), {os.cpu_count()} CPUs, medians of {options.runs} runs, "
          f"{'processor' if options.cpu else 'passing'} time")

    work = pathlib.Path(tempfile.mkdtemp(prefix="pyservice-bench-", dir=options.directory))
    try:
        tools = {"generator": generator, "quadlet": quadlet, "cpu": options.cpu,
                 "bare": find_bare(options.build.resolve(), work)}
        for size in options.sizes.split(","):
            apps, instances = (int(part) for part in size.split("x"))
            machine = Machine(work, tools, apps, instances)
            print_size(machine, *measure_size(machine, options.runs))
            shutil.rmtree(machine.root)
    finally:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
