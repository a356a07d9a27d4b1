#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each diagnostic has a broken definition that trips it, and the exact words that a user then reads.

Usage: run.py PYSERVICECTL [ID…]. For every id of DIAG_IDS (generator/input/diag.h) there is

    ID.yaml         the definition; it becomes /etc/pyservice.d/ID.yaml
    ID/             or a whole root directory, where one file is not enough; ID/setup (sh, with the root as $1) makes
                    what Git can't hold: sizes, modes, thousands of files
    ID.expect       standard error of `pyservicectl check`
    ID.PART/        and ID.PART.expect: more of them, where there are more than are shown at once

UPDATE=1 rewrites the expectations. Exits 1 where something differs or is missing, 77 where it can't run.
"""

import os
import re
import sys

import fixture

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "../../generator/input/diag.h")
ROW = re.compile(r'X\([A-Z0-9_]+,\s*"([a-z0-9-]+)",\s*(ERROR|WARNING)\)')
SHOWN = re.compile(r"^(?:[^|\n]*: )?(?:error|warning): .*\[([a-z0-9-]+)\]$", re.M)

# What only other programs say needs them: tested on the lab machine.
TESTED_ELSEWHERE = {
    "quadlet-refused": "tests/machine/test_definition_errors.py", "haproxy-refused": "tests/machine/test_definition_errors.py",
    "not-applied": "tests/machine/test_volumes.py",
    "rollout-failed": "tests/unit/test-compose.c", "bad-state": "tests/unit/test-compose.c",
}

# Errors that do not occur alone.
COMPANIONS = {
    "bad-contract": {"missing-key", "unknown-key"},
}


def read_ids():
    with open(HEADER, encoding="utf-8") as file:
        return dict(ROW.findall(file.read()))


def id_of(name):
    return name.partition(".")[0]


def find_fixtures():
    names = set()
    for name in os.listdir(HERE):
        if name.endswith(".yaml"):
            names.add(name[:-len(".yaml")])
        elif os.path.isdir(os.path.join(HERE, name)) and not name.startswith(("_", ".")):
            names.add(name)
    return names


def open_root(name):
    tree = os.path.join(HERE, name)
    if os.path.isdir(tree):
        root = fixture.Root(tree, os.path.join(tree, "setup"))
        if os.path.exists(os.path.join(root.path, "setup")):
            os.remove(os.path.join(root.path, "setup"))
        return root
    root = fixture.Root()
    root.add(f"etc/pyservice.d/{name}.yaml", f"{tree}.yaml")
    return root


def check_ids(name, text):
    """True if the output has this error and no other."""
    shown = set(SHOWN.findall(text.decode("utf-8", "backslashreplace")))
    faults = []
    if id_of(name) not in shown:
        faults.append(f"{name}: the output never says [{id_of(name)}]")
    if b" more are not shown" in text:
        faults.append(f"{name}: not all of it is shown; move a part to {id_of(name)}.PART")
    for other in sorted(shown - {id_of(name)} - COMPANIONS.get(name, set())):
        faults.append(f"{name}: the output also says [{other}]")
    for other in sorted(COMPANIONS.get(name, set()) - shown):
        faults.append(f"{name}: [{other}] is listed as its companion, but does not come with it")
    return faults


def check_fixture(program, name, severity):
    with open_root(name) as root:
        status, text = fixture.run(program, "check", f"--root={root.path}")
        again = fixture.run(program, "check", f"--root={root.path}")
    faults = check_ids(name, text)
    if status != (1 if severity == "ERROR" else 0):
        faults.append(f"{name}: exit status {status}")
    if again != (status, text):
        faults.append(f"{name}: a second run says something else")
    if root.path.encode() in text:
        faults.append(f"{name}: the output names the root directory")
    difference = fixture.compare(os.path.join(HERE, f"{name}.expect"), text)
    return faults + ([difference] if difference else [])


def check_completeness(ids, names):
    tested = {id_of(name) for name in names}
    faults = [f"{name}: no fixture in tests/bad" for name in sorted(set(ids) - tested - set(TESTED_ELSEWHERE))]
    faults += [f"{name}: a fixture of no diagnostic" for name in sorted(names) if id_of(name) not in ids]
    faults += [f"{name}: is tested here, so it need not be listed as tested elsewhere" for name in sorted(tested & set(TESTED_ELSEWHERE))]
    expected = {name[:-len(".expect")] for name in os.listdir(HERE) if name.endswith(".expect")}
    faults += [f"{name}.expect: belongs to no fixture" for name in sorted(expected - names)]
    return faults


def main(arguments):
    if len(arguments) < 2:
        print("usage: run.py PYSERVICECTL [ID…]", file=sys.stderr)
        return 2
    fixture.become_root()
    ids, names = read_ids(), find_fixtures()
    faults = [] if arguments[2:] else check_completeness(ids, names)
    for name in sorted(arguments[2:] or [name for name in names if id_of(name) in ids]):
        faults += check_fixture(os.path.abspath(arguments[1]), name, ids[id_of(name)])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
