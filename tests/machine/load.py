# SPDX-License-Identifier: Apache-2.0
"""Clients that ask through HAProxy while something else happens, and what it cost them (see clients.py).

The application notes each POST (hello.c: HELLO_COUNT), so that a POST that was answered twice, or never reached the
application, is seen.
"""

import collections
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from machine import Machine
from pace import PACE

COUNT = "/var/lib/count"     # on the machine, the application's volume: the requests that its instances counted
TIMEOUT = 25 * PACE          # seconds until a request counts as failed
ALL = ("kept", "closed", "posts")
CLIENTS = Path(__file__).with_name("clients.py")

SUMMARY: list[str] = []      # a line for each load; conftest.py prints them at the end


@dataclasses.dataclass
class Numbers:
    """Requests of one kind; times in milliseconds."""
    requests: int
    failed: list
    p50: float
    p99: float
    longest: float

    def __str__(self) -> str:
        return f"{self.requests:5}: {self.p50:4.1f} {self.p99:5.1f} {self.longest:4.0f}"


class Load:
    """Clients at work while the block runs, and until they have sent `requests`; then no request may have failed, and each POST
    was counted once."""

    def __init__(self, machine: Machine, host: str, name: str, kinds: tuple[str, ...] = ALL, requests: int = 0):
        self.machine, self.host, self.name, self.kinds, self.requests = machine, host, name, kinds, requests
        self.numbers: dict[str, Numbers] = {}

    def __enter__(self) -> "Load":
        if "posts" in self.kinds:
            self.machine.run(f"mkdir -p {COUNT} && : >{COUNT}/posts")
        # The machine has no Python; the clients need its network only.
        command = ["nsenter", "-t", self.machine.lab.leader(), "-n", "setpriv", "--pdeathsig", "KILL",
                   sys.executable, CLIENTS, self.host, TIMEOUT, self.requests, *self.kinds]
        self.process = subprocess.Popen([str(word) for word in command],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "started\n"
        return self

    def __exit__(self, kind, value, trace) -> None:
        out, _ = self.process.communicate()     # each request has a limit
        self.numbers = {client: self.judge(client, **result) for client, result in json.loads(out).items()}
        SUMMARY.append(f"{self.name:30}" + "".join(f" | {client} {numbers}" for client, numbers in self.numbers.items()))
        if kind is None:
            failed = {client: numbers.failed for client, numbers in self.numbers.items() if numbers.failed}
            assert not failed, f"{self.name}: {failed}"
            assert all(numbers.requests > 10 for numbers in self.numbers.values())
            assert sum(numbers.requests for numbers in self.numbers.values()) >= self.requests

    def judge(self, client: str, sent: dict[str, int], failed: list, times: list[float]) -> Numbers:
        if client == "posts":
            counted = collections.Counter(self.machine.read(f"{COUNT}/posts").split())
            wanted = {f"{name}-{i}": 1 for name, n in sent.items() for i in range(1, n + 1)}
            failed += [f"{one} was counted {counted[one]} times"
                       for one in wanted | counted if counted[one] != 1 or one not in wanted]
        p50, p99, longest = (times[int((len(times) - 1) * part)] * 1e3 for part in (0.5, 0.99, 1))
        return Numbers(len(times), failed, p50, p99, longest)
