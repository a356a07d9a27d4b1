# SPDX-License-Identifier: Apache-2.0
"""A booted machine, as tests see it."""

import dataclasses
import glob
import http.client
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import nspawn
from manager import Manager, ManagerError
from pace import PACE

PODMAN_SOCKET = "/run/lab-podman.sock"
UNIT_TYPES = (".service", ".target", ".timer", ".socket", ".path")
ANSWERS = 12    # seconds of a fast machine in which a request is answered; a stop of 15 seconds is no failure

KEPT = "/var/lib/lab-kept"  # in the machine: files as they were before a test wrote them
WRITE = """set -e
if [ -n "$1" ] && [ -e "$0" ]; then mkdir -p "$1"; cp -a --parents "$0" "$1"; fi
case $0 in
/etc/pyservice.d/*.d/*) mkdir -p "$(dirname "$0")" ;;
/etc/pyservice.d/*) ;;          # the installation made it
*) mkdir -p "$(dirname "$0")" ;;
esac
cat >"$0.new"
chmod "$2" "$0.new"
mv "$0.new" "$0"
"""
RESTORE = """for path; do
        if [ -e "$0$path" ]; then mv "$0$path" "$path"; else rm -rf "$path"; fi || exit
done
"""
# Asks Podman only for what its storage has: an answer of "nothing" costs as much as any other.
CLEAN = """cd /var/lib/containers/storage
[ -z "$(ls -d overlay-containers/*/ 2>/dev/null)" ] || podman rm -afv -t 0
[ -z "$(ls volumes 2>/dev/null)" ] || podman volume prune -f
[ -z "$(ls /etc/containers/networks 2>/dev/null)" ] || podman network prune -f
! grep -qs '"idToName": {$' secrets/secrets.json || podman secret rm -a
[ -z "$(ls -d overlay-images/*/ 2>/dev/null)" ] || podman images -q --filter readonly=false | xargs -r podman rmi -f
rm -rf /run/pyservice/* /var/lib/pyservice/* /var/lib/pyservice/.acme /var/lib/pyservice/.messages /var/lib/pyservice/.expiring
systemctl daemon-reload
systemctl stop pyservice-watch.service 2>/dev/null     # it would end by itself, some seconds later
systemctl reset-failed
journalctl --sync           # what waits to be written would be the next test's
journalctl -q --rotate --vacuum-size=1
"""


class CommandFailed(AssertionError):
    pass


class TimedOut(AssertionError):
    pass


@dataclasses.dataclass
class Response:
    """status is 0 where nothing answered; then text says why."""
    status: int
    headers: dict[str, str]
    text: str

    def json(self):
        return json.loads(self.text)


class PodmanConnection(http.client.HTTPConnection):
    """To the socket of `podman system service`."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


class Machine:
    def __init__(self, lab: nspawn.Lab):
        self.lab = lab
        self.written: set[str] = set()
        self.podman_ps()
        # A unit of systemd-run's that a program of ours waits for is gone in a moment, and cannot be started again.
        self.first_units = {unit for unit in self.active_units() if not unit.startswith("run-p")}

    # --- commands ---

    def popen(self, command: str | list[str], **options) -> subprocess.Popen:
        """Starts a command and returns at once. A string is for the shell."""
        words = ["sh", "-c", command] if isinstance(command, str) else command
        return subprocess.Popen(self.lab.command(words), **options)

    def run(self, command: str | list[str], check: bool = True, input: str | None = None,
            timeout: float = 300) -> subprocess.CompletedProcess:
        """Runs a command to its end, for `timeout` seconds of a fast machine at the most."""
        with self.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE) as process:
            try:
                streams = process.communicate((input or "").encode(), timeout * PACE)
            except BaseException:
                process.kill()
                raise
        out, err = (stream.decode(errors="surrogateescape") for stream in streams)
        if check and process.returncode != 0:
            raise CommandFailed(f"{command!r} ended with {process.returncode}\n{out}{err}")
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def ok(self, command: str | list[str]) -> bool:
        return self.run(command, check=False).returncode == 0

    def out(self, command: str | list[str]) -> str:
        return self.run(command).stdout.strip()

    # --- files ---

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Writes a file, complete or not at all. It is as before when the test is over."""
        data = content if isinstance(content, bytes) else content.encode()
        kept = "" if path in self.written else KEPT
        done = subprocess.run(self.lab.command(["sh", "-c", WRITE, path, kept, f"{mode:o}"]),
                              input=data, capture_output=True)
        if done.returncode != 0:
            raise CommandFailed(f"cannot write {path}: {done.stderr.decode()}")
        self.written.add(path)

    def remove(self, path: str) -> None:
        self.run(["rm", "-rf", path])

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def ports(self, app: str) -> dict[tuple[str, str], str]:
        """Those of its instances, by unit and number; a spare's number is "next"."""
        rows = re.findall(r"^port (\S+) (\S+) (\d+)$", self.read(f"/run/pyservice/apps/{app}/ports"), re.M)
        return {(unit, number): port for unit, number, port in rows}

    def exists(self, path: str) -> bool:
        return self.ok(["test", "-e", path])

    # --- systemd, podman, http ---

    def systemd(self) -> Manager:
        return Manager(f"/proc/{self.lab.leader()}/root")

    def reload(self) -> None:
        with self.systemd() as systemd:
            systemd.reload()

    def unit(self, name: str) -> dict[str, str]:
        lines = self.run(["systemctl", "show", name]).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def is_active(self, name: str) -> bool:
        with self.systemd() as systemd:
            return systemd.active_state(name) in ("active", "reloading")

    def are_active(self, names: list[str]) -> bool:
        with self.systemd() as systemd:
            return all(systemd.active_state(name) == "active" for name in names)

    def active_units(self) -> set[str]:
        with self.systemd() as systemd:
            return {name for name in systemd.units_in("active", "activating", "deactivating", "reloading") if name.endswith(UNIT_TYPES)}

    def has_jobs(self) -> bool:
        with self.systemd() as systemd:
            return systemd.n_jobs() > 0

    def journal(self, unit: str = "") -> str:
        """With all that was sent to it before: journald may be behind."""
        of_unit = ["-u", unit] if unit else []
        return self.out(["sh", "-c", 'journalctl --sync; exec journalctl -b --no-pager -o short-monotonic "$@"', "sh", *of_unit])

    def podman_ps(self) -> list[dict]:
        """What `podman ps -a` says. A service of the test's own is asked: the command costs twenty times as much."""
        def look() -> bytes:
            status, data = self.ask_podman("/v5.0.0/libpod/containers/json?all=true")
            if status != 200:
                raise CommandFailed(f"podman ps: {data.decode()}")
            return data

        return json.loads(self.wait(look, what="podman ps, which fails as a whole if a container goes while it looks"))

    def ask_podman(self, path: str) -> tuple[int, bytes]:
        connection = PodmanConnection(f"/proc/{self.lab.leader()}/root{PODMAN_SOCKET}")
        try:
            connection.request("GET", path, headers={"Host": "podman"})
        except (FileNotFoundError, ConnectionRefusedError):
            self.run(f"systemd-run -q --unit=lab-podman --collect -E GOGC=100 podman system service --time=0 unix://{PODMAN_SOCKET} &&"
                     f"until socat -u OPEN:/dev/null UNIX-CONNECT:{PODMAN_SOCKET} 2>/dev/null; do sleep 0.05; done")
            return self.ask_podman(path)
        response = connection.getresponse()
        return response.status, response.read()

    def containers(self) -> dict[str, str]:
        """The name of each container, with what its health check found."""
        return {row["Names"][0]: row["Status"] for row in self.podman_ps()}

    def is_healthy(self, container: str) -> bool:
        return self.containers().get(container) == "healthy"

    def http(self, url: str, headers: dict[str, str] | None = None, method: str = "GET",
             data: str | None = None) -> Response:
        """Asks from inside the machine."""
        command = ["curl", "-sS", "-i", "--http1.1", "--max-time", f"{ANSWERS * PACE:.0f}", url]
        command += ["--head"] if method == "HEAD" else ["-X", method]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        if data is not None:
            command += ["--data-binary", data]
        done = self.run(command, check=False)
        if done.returncode != 0:
            return Response(0, {}, done.stderr)
        return parse_response(done.stdout)

    # --- waiting ---

    def wait(self, condition: Callable[[], object] | str, timeout: float = 120,
             what: str | Callable[[], str] = ""):
        """Waits until a function returns something true, which it returns, or a command succeeds; for `timeout` seconds
        of a fast machine at the most. A command that fails in the function, something it misses, or an answer that is cut
        off, is a "not yet": between two looks a container may go and come back."""
        check = (lambda: self.ok(condition)) if isinstance(condition, str) else condition
        timeout *= PACE
        deadline = time.monotonic() + timeout
        pause = 0.1
        while True:
            failure = ""
            try:
                value = check()
                if value:
                    return value
            except (CommandFailed, ManagerError, LookupError, ValueError) as error:
                failure = f"the last look failed: {error!r}\n"
            if time.monotonic() > deadline:
                what = what() if callable(what) else what or (condition if isinstance(condition, str) else condition.__name__)
                raise TimedOut(f"waited {timeout:.0f} s for: {what}\n{failure}{self.diagnosis()}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def diagnosis(self) -> str:
        commands = ["systemctl --failed --no-pager", "systemctl list-jobs --no-pager",
                    "podman ps -a", "journalctl -b --no-pager -n 400 -o short-monotonic | grep -vE ' (podman|conmon)\\[|mount: Deact' | tail -n 40"]
        return "\n".join(f"$ {command}\n{self.run(command, check=False).stdout}"
                         for command in commands)

    # --- the machine as a whole ---

    def reboot(self, hard: bool = False) -> None:
        """Powers off, or pulls the plug, and boots again."""
        self.lab.reboot(hard)

    def clean(self) -> None:
        """Takes away what a test brought, and waits until pyservice has taken away what it made."""
        # A rollout whose definition goes as it starts may stay "active (exited)": systemd refuses to stop what is no longer
        # needed while a start job is under way, and does not try again.
        self.run("rm -rf /etc/pyservice /etc/pyservice.d/* && systemctl daemon-reload && { systemctl stop '*-rollout@*.service' || true; }")
        self.wait(self.is_without_apps, what="pyservice to stop what is no longer defined")
        left = self.active_units() - self.first_units
        if left:
            self.run(["systemctl", "stop", *left], check=False)
        self.run(["sh", "-c", RESTORE + CLEAN, KEPT, *self.written])
        self.written.clear()
        gone = self.first_units - self.active_units()
        if gone:
            self.run(["systemctl", "start", *gone])
        self.wait(lambda: self.active_units() <= self.first_units, what="all units to stop")

    def is_without_apps(self) -> bool:
        """Nothing that came from a bundle of pyservice's is active."""
        names = {Path(path).name for path in glob.glob(f"/proc/{self.lab.leader()}/root/run/pyservice/apps/*/units/*")}
        return not any(unit in names or template_of(unit) in names for unit in self.active_units())


def template_of(unit: str) -> str:
    name, at, rest = unit.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}" if at else unit


def parse_response(text: str) -> Response:
    head, _, body = text.partition("\r\n\r\n")
    while head.split()[1].startswith("1"):  # 100 Continue
        head, _, body = body.partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    return Response(int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, body)
