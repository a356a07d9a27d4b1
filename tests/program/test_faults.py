# SPDX-License-Identifier: Apache-2.0
"""System calls fail, one after the other, or are the last one before the program is killed (strace(1), "Tampering").

After each fault the files are those of before or those of after, nothing else; a program that says that it succeeded has
done its work; and another run, without a fault, does it.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

PYSERVICECTL, PROXY = os.environ.get("PYSERVICECTL", ""), os.environ.get("PYSERVICE_PROXY", "")
STRACE = shutil.which("strace")
pytestmark = [pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set"),
              pytest.mark.skipif(not STRACE, reason="strace is not installed"),
              pytest.mark.skipif("UNDER_VALGRIND" in os.environ or "UBSAN_OPTIONS" in os.environ, reason="too slow, and a sanitizer's own calls fail")]

SHOP = "# Greets.\nimage: localhost/hello:1\nport: 8000\nscale: 2\nproxy: {{domains: [shop-{number}.example.com]}}\n"
FAULTS = [
    ("openat", "error=EMFILE"), ("openat2", "error=EMFILE"), ("mmap", "error=ENOMEM"), ("read", "error=EIO"),
    *((call, f"error={error}") for call in ("write", "fsync", "mkdirat", "renameat", "renameat2", "linkat", "symlinkat") for error in ("ENOSPC", "EIO")),
    ("unlinkat", "error=EIO"), ("flock", "error=ENOLCK"), ("fchmod", "error=EIO"),
    *((call, "signal=KILL") for call in ("write", "fsync", "mkdirat", "renameat", "renameat2", "linkat", "symlinkat", "unlinkat")),
]
STEP = {"openat": 4}    # most of them only look whether something is there


class Subject:
    """A program and its arguments, below a root that `prepare` makes; and which of the root's files tell how far it came."""

    def __init__(self, name, program, arguments, places):
        self.name, self.program, self.arguments, self.places = name, program, arguments, places

    def prepare(self, root):
        definitions = root / "etc/pyservice.d"
        definitions.mkdir(parents=True)
        (definitions / "shop.yaml").write_text(SHOP.format(number=1))
        self.publish(root, 1)
        if self.program == PROXY:
            assert self.run(root).returncode == 0
            self.publish(root, 2)

    def publish(self, root, number):
        """As the generator would."""
        runtime = root / "run/pyservice"
        runtime.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(runtime / "apps", ignore_errors=True)
        source = runtime.parent / "shop.yaml"
        source.write_text(SHOP.format(number=number))
        subprocess.run([PYSERVICECTL, f"--root={root}", "render", f"--output={runtime}/apps", source], check=True)
        source.unlink()
        (runtime / "proxy").write_text("shop\n")

    def run(self, root, *before):
        command = [*before, self.program, f"--root={root}", *self.arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)

    def files(self, root):
        """Names and contents, but for temporary files of one who was killed, whose names begin with a dot."""
        return {str(path.relative_to(root)): path.read_text() for place in self.places for path in sorted((root / place).rglob("*"))
                if path.is_file() and not any(part.startswith(".") and part != ".proxy" for part in path.relative_to(root).parts)}


SUBJECTS = [
    Subject("set", PYSERVICECTL, ["set", "shop", "env.LEVEL", "debug"], ["etc"]),
    Subject("scale", PYSERVICECTL, ["scale", "shop=5"], ["etc", "run/pyservice.d"]),
    Subject("new", PYSERVICECTL, ["new", "--image=localhost/hello:1", "fresh"], ["etc"]),
    Subject("proxy", PROXY, ["HASH"], ["run/pyservice/haproxy", "var/lib/pyservice/.proxy"]),
]


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


@pytest.fixture
def scratch():
    """In memory if there is room: a disk makes each fsync() slow."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as path:
        yield pathlib.Path(path)


def count(text, call):
    return len(re.findall(rf"^{call}\(", text, re.M))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_after_each_fault(subject, scratch):
    first, last, root, log = (scratch / name for name in ("first", "last", "root", "log"))
    first.mkdir()
    subject.prepare(first)
    copy(first, last)
    done = subject.run(last)
    assert done.returncode == 0, done
    before, after = subject.files(first), subject.files(last)
    assert before != after

    injected = collections.Counter()
    subprocess.run([STRACE, "-qq", "-o", log, subject.program, "--version"], check=True, capture_output=True)
    loading = log.read_text()
    for call, fault in FAULTS:
        # Without those of the loader, which crashes.
        for n in range(1 + (count(loading, call) if call != "write" else 0), 1000, STEP.get(call, 1)):
            copy(first, root)
            done = subject.run(root, STRACE, "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={n}")
            if not re.search(r"\(INJECTED\)|killed by SIGKILL", log.read_text()):
                break
            injected[call, fault] += 1
            what, files = f"call {n} of {call}, {fault}: {done}", subject.files(root)
            assert files in (before, after) or is_between(files, before, after), what
            assert done.returncode != 0 or files == after, what
            assert done.returncode == 0 or "KILL" in fault or done.stderr.strip(), what
            done = subject.run(root)
            assert subject.files(root) == after, f"{what}; then {done}"
    print(*(f"{call:10} {fault:14} {count:4} times, 0 lost" for (call, fault), count in injected.items()), sep="\n")
    assert sum(injected.values()) > 20


def is_between(files, before, after):
    """Each file is there whole, as it was or as it will be: several files change one after the other."""
    return all(text in (before.get(name), after.get(name)) for name, text in files.items()) and set(before) & set(after) <= set(files)
