# SPDX-License-Identifier: Apache-2.0
"""What the tests of pyservice share: definitions, instances, and what HAProxy serves."""

import re
import socket

from machine import Machine
from pace import limit

# A command as the health check would cost a fifth of a second of computing, each second and instance.
HEALTH = f"health: {{http: /health, interval: 1s, start_period: {limit(10)}}}\n"
HELLO = "image: localhost/hello:1\nport: 8000\n" + HEALTH


def define(machine: Machine, name: str, text: str, reload: bool = True) -> None:
    # Without a line feed at its end it would not count before it has settled.
    machine.write(f"/etc/pyservice.d/{name}.yaml", text.removesuffix("\n") + "\n")
    if reload:
        machine.reload()


def undefine(machine: Machine, name: str) -> None:
    machine.remove(f"/etc/pyservice.d/{name}.yaml")
    machine.reload()


def healthy(machine: Machine, prefix: str) -> list[str]:
    """Names of the containers PREFIX-N that run, in order; healthy where Podman has a health check for them."""
    return sorted(row["Names"][0] for row in machine.podman_ps() if re.fullmatch(re.escape(prefix) + r"-\d+", row["Names"][0])
                  and row["State"] == "running" and row["Status"] in ("", "healthy"))


def wait_for(machine: Machine, prefix: str, scale: int) -> None:
    """Until exactly the instances 0 … scale-1 are there, healthy, and their units are done starting."""
    names = sorted(f"{prefix}-{i}" for i in range(scale))
    machine.wait(lambda: healthy(machine, prefix) == names
                 and sorted(n for n in machine.containers() if re.fullmatch(re.escape(prefix) + r"-\d+", n)) == names
                 and machine.are_active([f"{prefix}@{i}.service" for i in range(scale)]),
                 what=f"{names} to be healthy, and no other")


def settle(machine: Machine) -> None:
    """Until systemd has no jobs left."""
    machine.wait(lambda: not machine.has_jobs(), what="no jobs")


def started(machine: Machine) -> dict[str, str]:
    """When each container was started: equal twice where nothing was restarted."""
    return {row["Names"][0]: str(row["StartedAt"]) + row["Id"] for row in machine.podman_ps() if row["State"] == "running"}


def instances_behind(machine: Machine, host: str, path: str = "/", url: str = "http://127.0.0.1") -> set[str]:
    """The host names that answer through HAProxy, over a few requests. It ends with the first that reaches nobody: while HAProxy's
    container starts again and again, a connection may lead to the one before, and hangs."""
    found = set()
    for _ in range(24):
        answer = machine.http(f"{url}{path}", headers={"Host": host})
        if answer.status == 0:
            break
        if answer.status == 200:
            found.add(answer.json()["hostname"])
    return found


def servers(machine: Machine, backend: str) -> dict[str, list[str]]:
    """HAProxy's statistics of the servers of a backend, by name; empty while HAProxy starts again."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"/proc/{machine.lab.leader()}/root/run/haproxy/admin.sock")
            client.sendall(f"show stat {backend} 4 -1\n".encode())
            rows = [line.split(",") for line in client.makefile().read().splitlines()]
    except OSError:
        return {}
    return {row[1]: row for row in rows if row[0] == backend}


def tree(machine: Machine) -> str:
    """Everything that was generated, with contents and modes but no times; without what the watcher notes of answers."""
    find = "find run/systemd/generator run/pyservice -path run/pyservice/health -prune -o"
    return machine.out(f"cd / && {find} -printf '%p %m %y %l\\n' | LC_ALL=C sort; {find} -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum")
