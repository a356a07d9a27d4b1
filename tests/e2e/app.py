# SPDX-License-Identifier: Apache-2.0
"""What the tests of pyservice share: definitions, instances, and what HAProxy serves."""

import json
import re

from machine import Machine

HEALTH = 'health: {command: "curl -fs http://localhost:8000/", interval: 1s}\n'
HELLO = "image: localhost/hello:1\nport: 8000\n" + HEALTH


def define(machine: Machine, name: str, text: str, reload: bool = True) -> None:
    machine.write(f"/etc/pyservice.d/{name}.yaml", text)
    if reload:
        machine.reload()


def undefine(machine: Machine, name: str) -> None:
    machine.remove(f"/etc/pyservice.d/{name}.yaml")
    machine.reload()


def healthy(machine: Machine, prefix: str) -> list[str]:
    """Names of the healthy containers PREFIX-N, in order."""
    return sorted(name for name, status in machine.containers().items()
                  if re.fullmatch(re.escape(prefix) + r"-\d+", name) and "(healthy)" in status)


def wait_for(machine: Machine, prefix: str, scale: int, only_healthy: bool = True) -> None:
    """Until exactly the instances 0 … scale-1 are there, healthy, and their units are done starting."""
    names = sorted(f"{prefix}-{i}" for i in range(scale))
    machine.wait(lambda: (not only_healthy or healthy(machine, prefix) == names)
                 and sorted(n for n in machine.containers() if re.fullmatch(re.escape(prefix) + r"-\d+", n)) == names
                 and all(machine.is_active(f"{prefix}@{i}.service") for i in range(scale)),
                 what=f"{names} to be healthy, and no other")


def settle(machine: Machine) -> None:
    """Until systemd has no jobs left."""
    machine.wait(lambda: "No jobs" in machine.out("systemctl list-jobs"), what="no jobs")


def started(machine: Machine) -> dict[str, str]:
    """When each container was started: equal twice where nothing was restarted."""
    rows = json.loads(machine.out("podman ps --format json") or "[]")
    return {row["Names"][0]: str(row["StartedAt"]) + row["Id"] for row in rows}


def instances_behind(machine: Machine, host: str, path: str = "/", url: str = "http://127.0.0.1") -> set[str]:
    """The host names that answer through HAProxy, over a few requests."""
    answers = [machine.http(f"{url}{path}", headers={"Host": host}) for _ in range(24)]
    return {answer.json()["hostname"] for answer in answers if answer.status == 200}


def tree(machine: Machine) -> str:
    """Everything that was generated, with contents and modes but no times."""
    return machine.out("cd / && find run/systemd/generator run/pyservice -printf '%p %m %y %l\\n' | LC_ALL=C sort;"
                       "find run/systemd/generator run/pyservice -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum")
