#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how the source is arranged: lines, files of each folder, long lines, exported functions with one caller, and
readers of texts that output/ writes. Reported, not judged; lint.py judges.

Usage: measure.py ROOT [BUILD]. BUILD is a build directory of meson, for the functions.
"""

import collections
import pathlib
import re
import subprocess
import sys

WIDTH = 110
FOLDER_FILES = 25
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Who compares a text with a word of HAProxy's files, or with the bare key of a unit.
COMPARISON = r'str_(?:is|has_prefix|find_str)\([^;]*"(?:%s)"'
HAPROXY_WORDS = ("server ", "backend ", "frontend ", "listen ")
# They read what others wrote with the same keys: definitions, the administrator's Quadlet files, what Quadlet made.
FOREIGN = {"app/app.c", "app/machine.c", "publish/convert.c"}
FOREIGN_FOLDERS = {"import", "output", "render"}


def symbols(build):
    """Per object file of the program: the functions that it defines, and those that it calls."""
    defined, called = {}, collections.defaultdict(set)
    for path in [*build.glob("generator/*.p/*.o"), *build.glob("tests/*.p/*.o")]:
        for line in subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines():
            kind, name = line.split()[-2:]
            if kind == "T" and path.parent.name.endswith(".a.p"):
                defined[name] = path
            elif kind == "U":
                called[name].add(path)
    return defined, called


def readers(root, texts):
    """Files that look for the keys of units or the words of HAProxy's files that render/ writes, as code does that reads
    them: in a literal that begins with KEY=, or in a comparison with the bare key. Comments are none."""
    table = (root / "generator/output/unit.h").read_text()
    keys = "|".join(sorted(set(re.findall(r'X\([A-Z_]+, [A-Z]+, "(\w+)"', table))))
    literal = re.compile(rf'"(?:\\n)*(?:{keys})=')
    comparison = re.compile(COMPARISON % "|".join([*HAPROXY_WORDS, keys]))
    found = []
    for path in texts:
        name = str(path.relative_to(root / "generator"))
        code = COMMENT.sub("", path.read_text())
        if name not in FOREIGN and path.parent.name not in FOREIGN_FOLDERS and (literal.search(code) or comparison.search(code)):
            found.append(name)
    return found


def main(argv):
    root = pathlib.Path(argv[1])
    files = sorted((root / "generator").glob("*/*.[ch]"))
    texts = {path: path.read_text().splitlines() for path in files}
    print(f"lines                     {sum(map(len, texts.values()))} in {len(files)} files")
    print(f"lines over {WIDTH} columns    {sum(len(line) > WIDTH for text in texts.values() for line in text)}")

    folders = collections.Counter(path.parent.name for path in files if path.suffix == ".c")
    full = {name: count for name, count in folders.items() if count > FOLDER_FILES}
    print(f"folders                   {len(folders)}, with more than {FOLDER_FILES} .c files: {full or 'none'}")

    found = readers(root, texts)
    print(f"readers of rendered text  {len(found)}: {' '.join(found)}")

    if len(argv) > 2:
        defined, called = symbols(pathlib.Path(argv[2]))
        callers = {name: called[name] - {path} for name, path in defined.items()}
        tests = pathlib.Path(argv[2]) / "tests"
        one = sum(len({path for path in paths if not path.is_relative_to(tests)}) == 1 for paths in callers.values())
        none = sorted(name for name, paths in callers.items() if not paths)
        print(f"exported functions        {len(defined)}: {one} with one calling file, {len(none)} with none: {' '.join(none)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
