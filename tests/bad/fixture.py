# SPDX-License-Identifier: Apache-2.0
"""What bad/run.py and golden/run.py share: a machine's root directory from files, and texts that are compared or rewritten."""

import difflib
import os
import shutil
import stat
import subprocess
import sys
import tempfile

SKIPPED = 77
# Without Quadlet, which this machine may have or not: what it says is tested on the lab machine.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "PYSERVICE_QUADLET": "/nonexistent"}


def become_root():
    """Definitions must be root's. Without root: in a user namespace, where we are it; else the tests are passed over."""
    if os.geteuid() == 0:
        return
    probe = subprocess.run(["unshare", "--map-root-user", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        print("neither root nor a user namespace: skipped")
        sys.exit(SKIPPED)
    os.execvp("unshare", ["unshare", "--map-root-user", sys.executable, *sys.argv])


def set_modes(root):
    """Git keeps no modes, and a checkout has those of the umask: as an administrator would have them, then."""
    for folder, folders, files in os.walk(root):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o644)


class Root:
    """A temporary root directory; `tree` is copied into it, then the script `setup` may change it."""

    def __init__(self, tree=None, setup=None, *arguments):
        self.path = tempfile.mkdtemp(prefix="pyservice-root-")
        if tree:
            shutil.copytree(tree, self.path, symlinks=True, dirs_exist_ok=True)
        os.makedirs(os.path.join(self.path, "etc/pyservice.d"), exist_ok=True)
        set_modes(self.path)
        if setup and os.path.exists(setup):
            subprocess.run(["/bin/sh", "-eu", setup, self.path, *arguments], check=True, env=ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.path)

    def add(self, path, source):
        target = os.path.join(self.path, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        os.chmod(target, 0o644)


def run(program, *arguments):
    """Exit status and standard error."""
    done = subprocess.run([program, *arguments], capture_output=True, check=False, env=ENVIRONMENT)
    return done.returncode, done.stderr


def read(path):
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def is_updating():
    return os.environ.get("UPDATE") == "1"


def compare(path, content):
    """The differences to the file at `path`, as text; with UPDATE=1 it is rewritten instead."""
    expected = read(path)
    if expected == content:
        return ""
    if is_updating():
        write(path, content)
        return ""
    lines = [text.decode("utf-8", "backslashreplace").splitlines() for text in (expected, content)]
    return "\n".join(difflib.unified_diff(*lines, fromfile=path, tofile="what came out", lineterm="")) or f"{path}: bytes differ"


def list_tree(root):
    """Relative paths of all that is no directory, in byte order, with type and mode."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in files + [each for each in folders if os.path.islink(os.path.join(folder, each))]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            found.append((os.path.relpath(path, root), stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)))
    return sorted(found, key=lambda each: os.fsencode(each[0]))
