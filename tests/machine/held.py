# SPDX-License-Identifier: Apache-2.0
"""A request that lasts until the test ends it, so that no test must see something within a fixed time."""

import subprocess
import sys

from app import servers
from machine import Machine

# Its body comes one byte at a time: a proxy ends what is silent.
CLIENT = """
import select, socket, sys
host, port, left = sys.argv[1], int(sys.argv[2]), 1 << 20
client = socket.create_connection(("127.0.0.1", port))
client.sendall(f"POST / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\nContent-Length: {left}\\r\\n\\r\\n".encode())
while not select.select([sys.stdin], [], [], 0.5)[0]:
    client.sendall(b"x")
    left -= 1
client.sendall(b"x" * left)
print(client.makefile("rb").readline().split()[1].decode())
"""


class Held:
    """Sent from inside the machine, to HAProxy or to another port."""

    def __init__(self, machine: Machine, host: str, port: int = 80):
        # The machine has no Python; the client needs its network only.
        command = ["nsenter", "-t", str(machine.lab.leader()), "-n", "setpriv", "--pdeathsig", "KILL", sys.executable, "-c", CLIENT, host, str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self) -> str:
        """The status of its answer; empty if there is none."""
        return self.process.communicate("end\n")[0].strip()


def requests_at(machine: Machine, backend: str) -> dict[str, int]:
    """How many requests each server of HAProxy's has: connections to it are also for health checks, and idle ones."""
    return {server: int(row[4]) for server, row in servers(machine, backend).items()}
