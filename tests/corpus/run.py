#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Imports each file of tests/corpus/KIND, and compares the definition and the exit status with FILE.expect.

run.py PYSERVICECTL: the definition has to pass `check`, and to render. UPDATE=1 writes FILE.expect. rates.py measures what
becomes of the files of others.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import arguments  # noqa: E402

HERE = Path(__file__).resolve().parent
KINDS = ("ansible-pyservice", "compose", "kamal", "procfile", "quadlet")


def ctl(program, root, *words, cwd=HERE):
    return subprocess.run([program, f"--root={root}", *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd)


def run(program, path, root):
    """The definition and the exit status, or what is wrong with it."""
    kind, definition = path.parent.name, Path(root) / "app.yaml"
    files = arguments.with_companions(path) if kind == "quadlet" else [path]
    done = ctl(program, root, "import", kind, *(file.name for file in files), cwd=path.parent)
    definition.write_text(done.stdout)
    for words in (("check", definition), ("render", f"--output={root}/out", definition)):
        refused = ctl(program, root, *words)
        if refused.returncode:
            return done.stderr + refused.stderr
    return f"{done.stdout.replace(str(HERE), '/corpus')}# exit status {done.returncode}\n"


def main():
    program, n_bad = str(Path(sys.argv[1]).resolve()), 0
    for path in sorted(path for kind in KINDS for path in (HERE / kind).iterdir()):
        if path.suffix == ".expect" or (path.parent.name == "quadlet" and path.suffix != ".container"):
            continue
        expect = path.with_name(path.name + ".expect")
        with tempfile.TemporaryDirectory() as root:
            text = run(program, path, root)
        if os.environ.get("UPDATE"):
            expect.write_text(text)
        elif not expect.exists() or text != expect.read_text():
            n_bad += 1
            print(f"{path}: other than {expect.name}:\n{text}")
    return n_bad > 0


if __name__ == "__main__":
    sys.exit(main())
