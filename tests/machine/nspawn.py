# SPDX-License-Identifier: Apache-2.0
"""Machines: a root file system booted in a container of systemd-nspawn.

A machine's directory holds its log, a record of its processes, and what it has changed: `upper`
(an overlay over the shared root file system), `containers` and `home` (/var/lib/containers and /home,
because Podman's overlays cannot lie on an overlay). They outlive a reboot, and go when the machine
is stopped.
"""

import functools
import os
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

import host
import rootfs

MACHINES = host.machines()
BOOT_TIMEOUT = 600  # until all that a boot starts has started, on the slowest machine
STOP_TIMEOUT = 600
NSPAWN_TIMEOUT = 10
SIGRTMIN_POWEROFF = signal.SIGRTMIN + 4  # systemd(1): poweroff.target
ENVIRONMENT = ["HOME=/root", "GOGC=off", "LANG=C.UTF-8", "TERM=" + os.environ.get("TERM", "dumb"),
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


class Lab:
    """One machine. Its methods work from any process, as all that they need is in the directory."""

    def __init__(self, name: str, dies_with_parent: bool = False):
        self.name = name
        self.dies_with_parent = dies_with_parent
        self.child: subprocess.Popen | None = None
        self.path = MACHINES / name
        self.root = self.path / "root"
        self.log = self.path / "log"

    # --- life ---

    @classmethod
    def create(cls, name: str = "", suite: str = "trixie", dies_with_parent: bool = False,
               layer: Path | None = None) -> "Lab":
        """Makes a machine's directory and mounts its root, with a layer that `prepare` made; `start` boots it."""
        lower = rootfs.build(suite)
        self = cls(name or f"lab-{uuid.uuid4().hex[:8]}", dies_with_parent)
        with host.locked("machines.lock"):
            reap()
            try:
                self.path.mkdir(parents=True, mode=0o700)
            except FileExistsError:
                raise host.LabError(f"there is a machine {self.name} already") from None
            self.own()
        try:
            (self.path / "lower").write_text(str(lower))
            for directory in ("containers", "home"):
                (self.path / directory).mkdir()
            mount([layer, lower] if layer else [lower], self.path)
        except BaseException:
            self.destroy()
            raise
        return self

    def own(self) -> None:
        """Keeps `reap` away while this process lives."""
        (self.path / "owner").write_text(host.identity(os.getpid()))

    def start(self) -> None:
        command = [*host.nspawn(self.name, self.root), "--boot", "--console=pipe",
                   f"--bind={self.path}/containers:/var/lib/containers",
                   f"--bind={self.path}/home:/home"]
        command += [f"--bind={device}" for device in ("/dev/fuse", "/dev/net/tun")
                    if os.path.exists(device)]
        if self.dies_with_parent:
            (self.path / "bound").touch()
            command = ["setpriv", "--pdeathsig", "TERM", *command]  # an orderly end
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.path / "process").write_text(host.identity(self.child.pid))
        self.wait_booted()

    def wait_booted(self) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT
        while time.monotonic() < deadline:
            if not self.pid():
                raise host.LabError(f"{self.name} ended while it booted\n{self.log_tail()}")
            if self.leader():
                state = subprocess.run(
                    self.command(["systemctl", "is-system-running", "--wait"]), text=True,
                    capture_output=True, timeout=BOOT_TIMEOUT).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.05)
        raise host.LabError(f"{self.name} did not boot\n{self.log_tail()}")

    def halt(self, hard: bool = False) -> None:
        """Powers off, or pulls the plug. What the machine wrote stays."""
        pid, leader = self.pid(), self.leader()
        if leader:
            if not hard:
                os.kill(leader, SIGRTMIN_POWEROFF)
                host.ends(leader, STOP_TIMEOUT)
            host.kill(leader)
            host.ends(pid, NSPAWN_TIMEOUT)  # it notices
        host.kill(pid)
        if self.child:
            self.child.wait()
        host.forget_nspawn(self.name)

    def reboot(self, hard: bool = False) -> None:
        self.own()
        self.halt(hard)
        self.start()

    def stop(self, hard: bool = False) -> None:
        self.own()
        self.halt(hard)
        self.destroy()

    def destroy(self) -> None:
        """Removes the machine in one step for other processes: `reap` takes half of one for a machine whose owner has ended."""
        unmount(self.path)
        gone = MACHINES.with_name(f"{MACHINES.name}-gone") / uuid.uuid4().hex
        gone.parent.mkdir(exist_ok=True)
        self.path.rename(gone)
        for path in gone.parent.iterdir():      # also those whose process was killed during this
            shutil.rmtree(path, ignore_errors=True)

    # --- while it runs ---

    def pid(self) -> int:
        """The process of nspawn, or 0."""
        return host.read_identity(self.path / "process")

    def leader(self) -> int:
        """The machine's process 1, or 0. It may outlive nspawn where that was killed."""
        noted = host.read_identity(self.path / "leader")
        if noted:
            return noted
        pid = self.pid()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            leader = next(int(child) for child in children if is_init(int(child)))
            (self.path / "leader").write_text(host.identity(leader))
            return leader
        except (OSError, StopIteration):
            return 0

    def command(self, command: list[str]) -> list[str]:
        """What to run here to have a command run in the machine."""
        leader = self.leader()
        if not leader:
            raise host.LabError(f"{self.name} does not run")
        return [str(enter()), str(leader), str(host.cgroup_of(leader)), *ENVIRONMENT, "--", *command]

    def log_tail(self) -> str:
        return "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-30:])


@functools.cache
def enter() -> Path:
    """The program of enter.c, made if it is not in the cache."""
    source = Path(__file__).with_name("enter.c")
    path = host.CACHE / f"enter-{rootfs.key_of(source.read_text())}"
    if not path.exists():
        host.CACHE.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        host.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-static", "-o", str(new), str(source)])
        new.rename(path)
    return path


def mount(layers: list[Path], path: Path) -> None:
    """Mounts layers, the first over the others, at PATH/root; what is written there lies in PATH/upper."""
    for directory in ("upper", "work", "root"):
        (path / directory).mkdir()
    options = f"lowerdir={':'.join(map(str, layers))},upperdir={path}/upper,workdir={path}/work"
    host.run(["mount", "-t", "overlay", "pyservice-lab", "-o", options, str(path / "root")])


def unmount(path: Path) -> None:
    """Lazily: on a busy machine the kernel may still be closing files of processes that are gone."""
    if os.path.ismount(path / "root"):
        host.run(["umount", "--lazy", str(path / "root")])


def prepare(build: Path, path: Path, suite: str = "trixie") -> Path:
    """A layer with pyservice installed from a build directory of meson."""
    path.mkdir(parents=True)
    mount([rootfs.build(suite)], path)
    try:
        install(build, path / "root")
    finally:
        unmount(path)
    return path / "upper"


def install(build: Path, destination: Path) -> None:
    """Installs pyservice from a build directory of meson below a directory, as the README says."""
    environment = {**os.environ, "DESTDIR": str(destination)}
    command = ["meson", "install", "--no-rebuild", "--quiet", "-C", str(build)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        raise host.LabError(f"meson install failed\n{done.stdout}{done.stderr}")
    config = destination / "etc/haproxy/haproxy.cfg"
    config.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(destination / "usr/share/pyservice/haproxy/haproxy.cfg", config)
    host.run(["systemctl", "--quiet", f"--root={destination}", "enable", "pyservice.target"])


def find(name: str) -> Lab:
    if not name or not (MACHINES / name).is_dir():
        raise host.LabError(f"no machine {name!r}")
    return Lab(name)


def machines() -> list[Lab]:
    return [Lab(path.name) for path in sorted(MACHINES.glob("*"))]


def reap() -> None:
    """Removes what is left of machines whose owner was killed before it could stop them."""
    for machine in machines():
        if host.read_identity(machine.path / "owner"):
            continue
        if not machine.pid() or (machine.path / "bound").exists():
            machine.stop(hard=True)
    for path in host.CACHE.glob("installed-*"):
        if not Path("/proc", path.name.rpartition("-")[2]).exists():
            unmount(path)
            shutil.rmtree(path)


def is_init(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" and len(line.split()) > 2
               for line in status.splitlines())
