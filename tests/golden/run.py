#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes out of definitions, byte by byte.

Usage: run.py PYSERVICECTL [CASE…]. A case is a folder:

    in/         a root directory: in/etc/pyservice.d/*.yaml …
    setup       perhaps: sh, with the root as $1 and the project as $2
    out/        what `pyservicectl render` writes
    listing     its files with their modes: nothing else may come out
    stderr      what is said besides

In out/ two things stand for what depends on the build: @LIBEXECDIR@, and @REVISION@ for the label of a unit, also in the plan of a rollout. UPDATE=1
rewrites out/, listing and stderr. What is written is also shown to `haproxy -c` and `systemd-analyze verify` where
they are installed. Exits 1 where something differs, 77 where it can't run.
"""

import filecmp
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.normpath(os.path.join(HERE, "../.."))
sys.path.insert(0, os.path.join(HERE, "../bad"))

import consumers  # noqa: E402
import fixture  # noqa: E402

LIBEXECDIR = re.compile(rb'"([-+]?)/[^"]*/(pyservice-[a-z]+)"')
REVISION = re.compile(rb'("io\.pyservice\.revision=|^(?:service|sidecar) [a-z0-9-]+ )[0-9a-f]{12}\b', re.M)


def neutral(text):
    """Without what depends on where the project was installed."""
    return REVISION.sub(rb'\1@REVISION@', LIBEXECDIR.sub(rb'"\1@LIBEXECDIR@/\2"', text))


def find_cases():
    return sorted(name for name in os.listdir(HERE) if os.path.isdir(os.path.join(HERE, name, "in")))


def describe(tree):
    return "".join(f"{mode:04o} {path}\n" for path, kind, mode in fixture.list_tree(tree)).encode()


def compare_trees(case, output):
    """Differences between out/ and `output`, each way."""
    expected = os.path.join(HERE, case, "out")
    wanted = {path for path, _, _ in fixture.list_tree(expected)} if os.path.isdir(expected) else set()
    written = {path for path, _, _ in fixture.list_tree(output)}
    faults = []
    for path in sorted(wanted - written):
        if fixture.is_updating():
            os.remove(os.path.join(expected, path))
        else:
            faults.append(f"{case}: out/{path} did not come out")
    for path in sorted(written):
        text = neutral(fixture.read(os.path.join(output, path)))
        difference = fixture.compare(os.path.join(expected, path), text)
        faults += [difference] if difference else []
    return faults


def is_equal(first, second):
    names = [path for path, _, _ in fixture.list_tree(first)]
    return describe(first) == describe(second) and not any(filecmp.cmpfiles(first, second, names, shallow=False)[1:])


def render(program, root, output):
    return fixture.run(program, "render", f"--root={root}", f"--output={output}")


def check_output(case, output, status, text):
    faults = compare_trees(case, output)
    for name, content in (("listing", describe(output)), ("stderr", text)):
        difference = fixture.compare(os.path.join(HERE, case, name), content)
        faults += [difference] if difference else []
    if status != (1 if b": error: " in text else 0):
        faults.append(f"{case}: exit status {status}")
    return faults + [f"{case}: {fault}" for fault in consumers.check(output)]


def check_case(program, case):
    setup = os.path.join(HERE, case, "setup")
    temporary = tempfile.mkdtemp(prefix="pyservice-golden-")
    first, second = os.path.join(temporary, "first"), os.path.join(temporary, "second")
    try:
        with fixture.Root(os.path.join(HERE, case, "in"), setup, PROJECT) as root:
            status, text = render(program, root.path, first)
            again = render(program, root.path, second)
        faults = check_output(case, first, status, text)
        if again != (status, text) or not is_equal(first, second):
            faults.append(f"{case}: a second run gives something else")
        return faults
    finally:
        shutil.rmtree(temporary)


def main(arguments):
    if len(arguments) < 2:
        print("usage: run.py PYSERVICECTL [CASE…]", file=sys.stderr)
        return 2
    fixture.become_root()
    faults = []
    for case in arguments[2:] or find_cases():
        faults += check_case(os.path.abspath(arguments[1]), case)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
