# SPDX-License-Identifier: Apache-2.0
"""What the lab does on the machine that it runs on: programs, packages, locks, control groups."""

import contextlib
import fcntl
import glob
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(os.environ.get("PYSERVICE_LAB_CACHE", "/var/cache/pyservice-lab"))
REPOSITORY = Path(__file__).resolve().parents[2]

# What must be there, and what brings it, as `apt-get satisfy` has it.
LAB_PACKAGES = {
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/systemd-nspawn": "systemd-container",
    "/usr/bin/nsenter": "util-linux",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
BUILD_PACKAGES = {
    "/usr/bin/meson": "meson",
    "/usr/bin/ninja": "ninja-build",
    "/usr/bin/gcc": "gcc",
    "/usr/bin/pkg-config": "pkgconf",
    "/usr/include/stdio.h": "libc6-dev",
    "/usr/include/yaml.h": "libyaml-dev",
    "/usr/include/xxhash.h": "libxxhash-dev",
    "/usr/include/systemd/sd-bus.h": "libsystemd-dev",
    "/usr/include/*/curl/curl.h": "libcurl4-openssl-dev",
    "/usr/include/json-c/json.h": "libjson-c-dev",
    "/usr/include/libmnl/libmnl.h": "libmnl-dev",
    "/usr/include/openssl/hmac.h": "libssl-dev",
    "/usr/include/libsmartcols/libsmartcols.h": "libsmartcols-dev",
    "/usr/*/pkgconfig/systemd.pc": "systemd-dev | systemd",
}


def machines() -> Path:
    """Where machines lie: in memory where that is large enough, for most of what they write is of no use a minute later."""
    memory = Path("/dev/shm")
    is_large = os.path.ismount(memory) and shutil.disk_usage(memory).total >= 8 << 30
    return memory / "pyservice-lab" if is_large else CACHE / "machines"


class LabError(Exception):
    pass


def say(*words: str) -> None:
    print("lab:", *words, file=sys.stderr, flush=True)


# --- programs and packages ---

def run(command: list[str]) -> None:
    """Runs a program. If this process is to end meanwhile, ends it first, and what it started."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = child.communicate()
    except BaseException:
        os.killpg(child.pid, signal.SIGTERM)
        child.communicate()
        raise
    if child.returncode != 0:
        raise LabError(f"{output}failed with {child.returncode}: {' '.join(command)[:500]}")


def install_packages(needed: dict[str, str]) -> None:
    """Installs Debian packages where a file that they bring is missing."""
    missing = [package for path, package in needed.items() if not glob.glob(path)]
    if not missing:
        return
    say("installing on this host:", *missing)
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"]
    run([*apt, "update"])
    run([*apt, "satisfy", "-y", "--no-install-recommends", ", ".join(missing)])


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / name, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- systemd-nspawn and its control group ---

def unified_hierarchy() -> Path:
    mixed = Path("/sys/fs/cgroup/unified")
    return mixed if mixed.is_dir() else Path("/sys/fs/cgroup")


def cgroup_of(pid: int) -> Path:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    path = next(line.removeprefix("0::/") for line in lines if line.startswith("0::"))
    return unified_hierarchy() / path


def in_cgroup(cgroup: Path) -> list[str]:
    """The beginning of a command that is to run in this control group."""
    return ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(cgroup)]


def nspawn(name: str, root: Path) -> list[str]:
    """The beginning of a systemd-nspawn command; `forget_nspawn` tidies up once it ended."""
    command = ["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "systemd-nspawn", "--quiet",
               f"--directory={root}", f"--machine={name}", "--register=no", "--private-network",
               "--capability=all", "--system-call-filter=bpf keyctl add_key", "--resolv-conf=off",
               "--timezone=off", "--link-journal=no", "--rlimit=NOFILE=1024:1048576"]
    if os.path.isdir("/run/systemd/system"):
        return command  # systemd gives it a scope
    cgroup = unified_hierarchy() / f"pyservice-lab-{name}"
    cgroup.mkdir(exist_ok=True)
    return [*in_cgroup(cgroup), *command, "--keep-unit"]


def forget_nspawn(name: str) -> None:
    """Removes what nspawn leaves where there is no systemd, and /run is not a tmpfs."""
    cgroup = unified_hierarchy() / f"pyservice-lab-{name}"
    if cgroup.is_dir():
        (cgroup / "cgroup.kill").write_text("1")
        while "populated 1" in (cgroup / "cgroup.events").read_text():
            time.sleep(0.01)
    for hierarchy in (unified_hierarchy(), Path("/sys/fs/cgroup/systemd")):
        for path, _, _ in os.walk(hierarchy / cgroup.name, topdown=False):
            os.rmdir(path)
    shutil.rmtree(f"/run/systemd/nspawn/propagate/{name}", ignore_errors=True)


# --- processes that need not be children ---

def identity(pid: int) -> str:
    return f"{pid} {start_time(pid)}"


def read_identity(path: Path) -> int:
    """The process that was noted there, if it still runs; or 0."""
    try:
        pid, started = path.read_text().split()
        return int(pid) if start_time(int(pid)) == started else 0
    except (OSError, ValueError):
        return 0


def start_time(pid: int) -> str:
    """Tells a process from a later one of the same number; empty for one that has ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return "" if fields[0] in "ZX" else fields[19]


def ends(pid: int, timeout: float | None) -> bool:
    """Waits for a process to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it has ended, or pid is 0
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)


def kill(pid: int) -> None:
    """Has a process ended, if it is there."""
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ends(pid, None)
