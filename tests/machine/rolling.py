# SPDX-License-Identifier: Apache-2.0
"""What the tests of rollouts share: one app whose instances say which version they are, and where its rollout stands."""

import json
import re
import subprocess
import time
import urllib.parse
from pathlib import Path

import load
from app import define, settle
from machine import ANSWERS, Machine
from pace import PACE, limit

HAPROXY = "/etc/haproxy/haproxy.cfg"


def text(version: object = 1, scale: int = 2, image: str = "localhost/hello:1", env: str = "", rollout: str = "", proxy: str = "",
         more: str = "", name: str = "hello") -> str:
    """A definition; its version is a label and an answer of each instance. Posts are counted (load.py)."""
    return (f"image: {image}\nport: 8000\nscale: {scale}\nlabels: {{version: '{version}'}}\n"
            f"env: {{VERSION: '{version}', HELLO_QUIET: 1, HELLO_COUNT: /count/posts, {env}}}\n"
            f"volumes: ['{load.COUNT}:/count']\n"
            f"health: {{http: /health, interval: 1s, start_period: {limit(10)}, timeout: {limit(12)}, retries: 1}}\n"
            f"rollout: {{{with_spare(with_min_ready(rollout))}}}\n"
            f"proxy: {{domains: [{name}.example.com], {proxy}}}\n{more}")


def with_min_ready(rollout: str) -> str:
    return rollout if "min_ready" in rollout else f"min_ready: 500ms, {rollout}"


def with_spare(rollout: str) -> str:
    """Two instances may count at the same time."""
    return rollout if "spare" in rollout else f"spare: true, {rollout}"


class App:
    """One app, by name."""

    def __init__(self, machine: Machine, name: str = "hello"):
        self.machine, self.name, self.begin = machine, name, time.time()
        self.on_machine(load.COUNT).mkdir(parents=True, exist_ok=True)
        # A line in the journal for each request at full speed would be most of the work.
        config = self.file(HAPROXY)
        if "null\n\toption dontlog-normal" not in config:
            machine.write(HAPROXY, config.replace("\toption dontlognull\n", "\toption dontlognull\n\toption dontlog-normal\n"))

    # --- what it says of itself ---

    def on_machine(self, path: str) -> Path:
        return Path(f"/proc/{self.machine.lab.leader()}/root") / path.lstrip("/")

    def file(self, path: str) -> str:
        """A file of the machine, read from here; empty where there is none."""
        try:
            return self.on_machine(path).read_text()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def lines(self, path: str) -> dict[str, str]:
        """The last line of each first word, without that word."""
        return {word: rest for word, _, rest in (line.partition(" ") for line in self.file(path).splitlines())}

    def published(self) -> dict[str, str]:
        """What runs, and what is wanted."""
        return self.lines(f"/run/pyservice/apps/{self.name}/revision")

    def progress(self) -> dict[str, str]:
        return self.lines(f"/run/pyservice/rollouts/{self.name}")

    def state(self) -> dict[str, str]:
        return self.lines(f"/var/lib/pyservice/{self.name}/state")

    def accepted(self) -> str:
        return self.state().get("accepted", "")

    def failures(self) -> dict[str, str]:
        """The reason of each failed revision."""
        rows = [line.split(" ", 3) for line in self.file(f"/var/lib/pyservice/{self.name}/state").splitlines()]
        return {row[1]: urllib.parse.unquote(row[3]) for row in rows if row[0] == "failed"}

    def is_done(self) -> bool:
        """Whether the revision that is wanted is the accepted one, and its rollout over."""
        published, progress = self.published(), self.progress()
        return (published.get("runs", "-") == published.get("wanted") == self.accepted() == progress.get("revision")
                and progress.get("phase") == "done")

    # --- what runs ---

    def containers(self) -> dict[str, dict]:
        """Its containers by name, in whatever state."""
        pattern = re.compile(re.escape(self.name) + "-([0-9]+|next)")
        return {row["Names"][0]: row for row in self.machine.podman_ps() if pattern.fullmatch(row["Names"][0])}

    def versions(self) -> dict[str, str]:
        return {name: row["Labels"].get("version", "") for name, row in self.containers().items() if row["State"] == "running"}

    def runs(self, wanted: dict[str, str]) -> bool:
        """Whether these containers run, there is no other, and their units are done starting."""
        found = self.containers()
        if {name: row["Labels"].get("version") for name, row in found.items() if row["State"] == "running"} != wanted or len(found) != len(wanted):
            return False
        return self.machine.are_active([f"{self.name}@{i}.service" for i in range(len(wanted))])

    def expected(self, version: object, scale: int) -> dict[str, str]:
        return {f"{self.name}-{i}": str(version) for i in range(scale)}

    def answers(self, n: int = 16) -> set[tuple[str, str]]:
        """Host name and version of who answers through HAProxy, over a few requests; the status where that is not 200."""
        command = ["nsenter", "-t", str(self.machine.lab.leader()), "-n", "curl", "-s", "--max-time", f"{ANSWERS * PACE:.0f}", "-w", "%{http_code}\n",
                   "-H", f"Host: {self.name}.example.com", "-H", "Connection: close"]
        done = subprocess.run([*command, *["http://127.0.0.1/env"] * n], text=True, capture_output=True)
        parts = re.split(r"^(\d{3})$", done.stdout, flags=re.M)
        return {read_answer(body, status) for body, status in zip(parts[::2], parts[1::2])}

    # --- what a test does ---

    def define(self, version: object = 1, scale: int = 2, reload: bool = True, **options: str) -> None:
        define(self.machine, self.name, text(version, scale, name=self.name, **options), reload)

    def undefine(self) -> None:
        self.machine.remove(f"/etc/pyservice.d/{self.name}.yaml")
        self.machine.reload()

    def wait(self, version: object, scale: int) -> None:
        """Until these instances run that version, answer, and nothing goes on any more."""
        wanted = self.expected(version, scale)
        self.machine.wait(lambda: self.is_done() and self.runs(wanted), what=lambda: f"{wanted}, {self}")
        settle(self.machine)
        self.wait_answers(wanted)

    def wait_answers(self, wanted: dict[str, str]) -> None:
        self.machine.wait(lambda: self.answers() == set(wanted.items()), what=lambda: f"{wanted} to answer, {self}")

    def wait_phase(self, *phases: str) -> str:
        return self.machine.wait(lambda: (now := self.progress().get("phase")) in phases and now,
                                 what=lambda: f"the rollout to be at {phases}, {self}")

    def wait_failed(self, count: int = 1) -> dict[str, str]:
        """Until that many revisions are marked as failed; revision and reason of each."""
        self.machine.wait(lambda: len(self.failures()) >= count and self.is_done(), what=lambda: f"a failed revision, {self}")
        return self.failures()

    def load(self, name: str) -> load.Load:
        return load.Load(self.machine, f"{self.name}.example.com", name)

    def ctl(self, *words: str, check: bool = True) -> str:
        """What `pyservicectl` says."""
        done = self.machine.run(["pyservicectl", *words], check=check)
        return done.stdout + done.stderr

    def __str__(self) -> str:
        return f"{self.name}: published {self.published()}, progress {self.progress()}, state {self.state()}"


def read_answer(body: str, status: str) -> tuple[str, str]:
    if status != "200":
        return "status", status
    environ = json.loads(body)["environ"]
    return environ["HOSTNAME"], environ.get("VERSION", "")
