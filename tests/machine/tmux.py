# SPDX-License-Identifier: Apache-2.0
"""A command of a machine on a terminal that we look at."""

import contextlib
import re
import shlex
import subprocess
import time

from machine import Machine


class Terminal:
    """A session of tmux on the host, with a command of the machine in it."""

    def __init__(self, machine: Machine, command: str, columns: int = 80, rows: int = 24):
        self.machine, self.socket = machine, f"pyservice-{time.monotonic_ns()}"
        inside = shlex.join(machine.lab.command(["sh", "-c", command]))
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), inside)

    def tmux(self, *words: str) -> str:
        return subprocess.run(["tmux", "-L", self.socket, "-f", "/dev/null", *words], capture_output=True, text=True, check=True).stdout

    def screen(self, *words: str) -> str:
        return self.tmux("capture-pane", "-p", *words)

    def wait(self, pattern: str) -> str:
        return self.machine.wait(lambda: re.search(pattern, screen := self.screen(), re.M) and screen, what=lambda: f"{pattern}: {self.screen()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")
