#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to watch the health of idle instances: 100 applications of 10 instances, asked every 5 seconds.

Usage: idle.py PYSERVICE-INSTANCE [SECONDS]. The instances are ports of one process here, so that only the watcher is
measured. systemd and the journal have no part in it: the watcher is one service, which starts nothing and writes
nothing while all is well.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time

APPS, INSTANCES, INTERVAL = 100, 10, 5
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
HEADERS = "header Host: app.example.com\nheader X-Forwarded-Proto: http\nheader User-Agent: pyservice\n"


def cpu(pid):
    """Seconds of user and system time."""
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def serve(asked):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.append(time.monotonic())
        writer.write(ANSWER)
        writer.close()

    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(APPS * INSTANCES)]
    return servers, [server.sockets[0].getsockname()[1] for server in servers]


def leave(directory, ports):
    for i, port in enumerate(ports):
        with open(f"{directory}/app-{i // INSTANCES}@{i % INSTANCES}.service", "w", encoding="ascii") as file:
            file.write(f"invocation {i:032x}\naddress 127.0.0.1\npath /healthz\n{HEADERS}codes 200-399\n"
                       f"port {port}\ntls 0\ntimeout 5000\ninterval {INTERVAL * 1000}\nretries 5\n")


async def measure(program, seconds):
    asked = []
    servers, ports = await serve(asked)
    with tempfile.TemporaryDirectory() as directory:
        leave(directory, ports)
        process = subprocess.Popen([program, "watch", f"--watch={directory}"])
        try:
            await asyncio.sleep(2 * INTERVAL)
            begin, before, n = time.monotonic(), cpu(process.pid), len(asked)
            await asyncio.sleep(seconds)
            passed, used, n = time.monotonic() - begin, cpu(process.pid) - before, len(asked) - n
            status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
            memory = int(status.partition("VmRSS:")[2].split()[0])
        finally:
            process.kill()
            process.wait()
    for server in servers:
        server.close()
    print(f"{APPS} applications of {INSTANCES} instances, each asked every {INTERVAL} s: {n / passed:.0f} checks/s,",
          f"watcher {100 * used / passed:.2f} % of a core, {used / n * 1e6:.0f} us a check, {memory / 1024:.1f} MiB")


def main(arguments):
    if len(arguments) not in (1, 2):
        sys.exit(__doc__)
    asyncio.run(measure(arguments[0], int(arguments[1]) if len(arguments) > 1 else 60))


if __name__ == "__main__":
    main(sys.argv[1:])
