# SPDX-License-Identifier: Apache-2.0
"""Clients that ask through HAProxy while something else happens, and what it cost them.

Three at once, from the machine's own network: wrk at full speed on connections that are kept, wrk with a new connection for
each request, and posts.py, of whose POSTs the application notes each (hello.py: HELLO_COUNT). None tries anything twice.
"""

import collections
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import Machine

COUNT = "/var/lib/count"     # on the machine, the application's volume: what all its instances were asked to count
TIMEOUT = 25                 # seconds until a request counts as failed
LONGEST = 300                # seconds that wrk goes on at most, whatever becomes of the test
POSTS = Path(__file__).with_name("posts.py")

# wrk runs this when it ends.
WRK = """
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d %d %d\\n", summary.requests, e.connect, e.read, e.write, e.status,
                           e.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
"""

SUMMARY: list[str] = []      # a line for each load; conftest.py prints them at the end


@dataclasses.dataclass
class Numbers:
    """Of one client; times in milliseconds."""
    requests: int
    failed: list
    p50: float
    p99: float
    longest: float

    def __str__(self) -> str:
        return f"{self.requests:5}: {self.p50:4.1f} {self.p99:5.1f} {self.longest:4.0f}"


class Load:
    """Clients at work while the block runs; then no request may have failed, and each POST was counted once."""

    def __init__(self, machine: Machine, host: str, name: str):
        self.machine, self.host, self.name = machine, host, name
        self.numbers: dict[str, Numbers] = {}

    def __enter__(self) -> "Load":
        self.machine.run(f"mkdir -p {COUNT} && : >{COUNT}/posts")
        self.script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self.script.write(WRK)
        self.script.flush()
        self.posts = self.start([sys.executable, POSTS, self.host, TIMEOUT])
        assert self.posts.stdout.readline() == "begun\n"
        self.keeping = self.start_wrk(4)
        self.closing = self.start_wrk(2, "-H", "Connection: close")
        return self

    def start(self, command: list) -> subprocess.Popen:
        words = ["nsenter", "-t", self.machine.lab.leader(), "-n", "setpriv", "--pdeathsig", "KILL", *command]
        return subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start_wrk(self, connections: int, *options: str) -> subprocess.Popen:
        return self.start(["wrk", "--latency", "-t", 1, "-c", connections, "-d", LONGEST, "--timeout", TIMEOUT, "-s", self.script.name,
                           "-H", f"Host: {self.host}", *options, "http://127.0.0.1/"])

    def __exit__(self, kind, value, trace) -> None:
        self.numbers = {"kept": self.end_wrk(self.keeping), "closed": self.end_wrk(self.closing), "posts": self.end_posts()}
        self.script.close()
        SUMMARY.append(f"{self.name:30}" + "".join(f" | {client} {numbers}" for client, numbers in self.numbers.items()))
        if kind is None:
            failed = {client: numbers.failed for client, numbers in self.numbers.items() if numbers.failed}
            assert not failed, f"{self.name}: {failed}"
            assert all(numbers.requests > 50 for numbers in self.numbers.values())

    def end_wrk(self, process: subprocess.Popen) -> Numbers:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=2 * TIMEOUT)
        line = next(line for line in out.splitlines() if line.startswith("RESULT"))
        requests, *errors, p50, p99, longest = (int(word) for word in line.split()[1:])
        kinds = ("connect", "read", "write", "status", "timeout")
        return Numbers(requests, [f"{n} {kind}" for kind, n in zip(kinds, errors) if n], p50 / 1e3, p99 / 1e3, longest / 1e3)

    def end_posts(self) -> Numbers:
        out, _ = self.posts.communicate("stop\n", timeout=2 * TIMEOUT)
        result = json.loads(out)
        times, failed = result["times"], result["failed"]
        counted = collections.Counter(self.machine.read(f"{COUNT}/posts").split())
        wanted = {f"{client}-{i}": 1 for client, sent in result["sent"].items() for i in range(1, sent + 1)}
        failed += [f"{one} was counted {counted[one]} times" for one in wanted | counted if counted[one] != 1 or one not in wanted]
        p50, p99, longest = (times[int((len(times) - 1) * part)] * 1e3 for part in (0.5, 0.99, 1))
        return Numbers(len(times), failed, p50, p99, longest)
