# SPDX-License-Identifier: Apache-2.0
"""PYTQ as its definition in contrib/examples has it, on three machines that a bridge joins: the server on one, workers on two."""

import json
import subprocess

import pytest

import host
from app import settle, started
from conftest import boot
from dci import put_credential, set_host_name
from machine import Machine

EXAMPLE = (host.REPOSITORY / "contrib/examples/pytq.yaml").read_text()
DEFINITION = "/etc/pyservice.d/pytq.yaml"
NAMES = ["pytq.example.com", "worker1.example.com", "worker2.example.com"]
HOSTS = "".join(f"10.8.0.{i + 1} {name}\n" for i, name in enumerate(NAMES))
DATABASE = "postgresql://root@/pytq"
# In place of NFS, which the lab's kernel does not have.
BIND = "volumes: {data: {type: none, device: /srv/data, options: bind}}\n"


def drop_in(machine: Machine, seconds: float, more: str = "") -> None:
    name = machine.out("hostname")
    machine.write(f"{DEFINITION}.d/50-lab.yaml", f'env: {{PYTQ_MACHINE: {name}, PYTQ_SECONDS: "{seconds}"}}\n{more}')


def join(machines: list[Machine]) -> None:
    """A bridge on the first of them, and an interface on each: 10.8.0.N/24, 2001:db8::N/64, and 203.0.113.N/24, which nobody trusts."""
    first = machines[0]
    first.run("ip link add lab0 type bridge && ip link set lab0 up")
    for i, machine in enumerate(machines[1:], 1):
        subprocess.run(["ip", "link", "add", f"port{i}", "netns", str(first.lab.leader()), "type", "veth",
                        "peer", "name", "lab0", "netns", str(machine.lab.leader())], check=True)
        first.run(f"ip link set port{i} master lab0 up")
    for i, machine in enumerate(machines, 1):
        machine.run(f"ip link set lab0 up; ip address add 10.8.0.{i}/24 dev lab0; ip address add 203.0.113.{i}/24 dev lab0;"
                    f"ip address add 2001:db8::{i}/64 dev lab0 nodad; ip route add default via 10.8.0.{2 if i == 1 else 1}")


@pytest.fixture(scope="module")
def site(running):
    machines: list[Machine] = []
    try:
        for name in NAMES:
            machine = boot()
            machines.append(machine)
            set_host_name(machine, name)
            machine.run("cat >>/etc/hosts", input=HOSTS)
            put_credential(machine, "pytq.database-uri", DATABASE)
            machine.run("mkdir -p /scratch")
        join(machines)
        yield machines
    finally:
        for machine in machines:
            machine.lab.stop(hard=True)


def names(machine: Machine) -> list[str]:
    return sorted(machine.containers())


def state(site: list[Machine]) -> dict:
    return json.loads(site[1].out("curl -sS --max-time 300 http://pytq.example.com:5000/state"))


def post(site: list[Machine], what: str) -> None:
    site[1].run(f"curl -sS --max-time 300 -X POST 'http://pytq.example.com:5000/{what}'")


def ask(machine: Machine, source: str, url: str) -> str:
    return machine.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3", "--interface", source, url], check=False).stdout


def test_each_machine_runs_its_part(site):
    server, *workers = site
    for machine in site:
        machine.write(DEFINITION, EXAMPLE)
        drop_in(machine, 1)
        machine.reload()
    server.wait(lambda: server.is_active("pytq-server@0.service"), what="the server")
    assert names(server) == ["pytq-server-0"]
    assert server.wait(lambda: state(site), what="an answer")["database"] == DATABASE

    # A volume whose mount fails: the workers say so and try again; nothing else is touched, and nothing hangs.
    for machine in workers:
        machine.wait(lambda: "nfs" in machine.journal("pytq-worker@0.service"), what="the mount to fail")
        assert machine.is_active("pytq.target")
        assert not any(machine.is_active(f"pytq-worker@{i}.service") for i in range(3))
    assert server.is_active("pytq-server@0.service")

    # A volume that is there keeps what it was made with: it must go first.
    for machine in workers:
        machine.run("rm /etc/pyservice.d/pytq.yaml")
        machine.reload()
        machine.wait(lambda: not any(unit.startswith("pytq") for unit in machine.active_units()), what="the workers to be gone")
        machine.run("podman volume rm pytq-data")
        machine.write(DEFINITION, EXAMPLE)
        drop_in(machine, 1, BIND)
        machine.reload()
        machine.wait(lambda: "/srv/data" in machine.journal("pytq-worker@0.service"), what="the mount of what does not exist to fail")
        machine.run("mkdir /srv/data")
    for machine in workers:
        machine.wait(lambda: names(machine) == ["pytq-worker-0", "pytq-worker-1", "pytq-worker-2"]
                     and all(machine.is_active(f"pytq-worker@{i}.service") for i in range(3)), what="three workers")
        settle(machine)


def test_the_workers_do_what_the_server_has(site):
    # A unit is active before its program asks.
    site[1].wait(lambda: all("working" in machine.journal(f"pytq-worker@{i}.service") for machine in site[1:] for i in range(3)), what="the workers to ask")
    added = 0

    def done_by_all() -> dict:
        """More tasks are added as long as somebody has done none: on a busy machine the others may be faster."""
        nonlocal added
        done = state(site)["done"]
        if len(done) == added and {workers[0] for workers in done.values()} == {f"pytq-{i}@{name}" for name in NAMES[1:] for i in range(3)}:
            return done
        if len(done) == added:
            added += 60
            post(site, "add?n=60")
        return {}
    done = site[1].wait(done_by_all, what="tasks to be done by each worker")
    assert all(len(workers) == 1 for workers in done.values())
    written = [set(machine.out("ls /srv/data").split()) for machine in site[1:]]
    assert written[0] | written[1] == set(done) and not written[0] & written[1]
    log = site[0].out("cat $(podman volume inspect -f '{{.Mountpoint}}' pytq-logs)/pytq.log")
    assert log.count(" did ") == added


def test_only_trusted_addresses_reach_the_server(site):
    machine = site[2]
    machine.wait(lambda: ask(machine, "10.8.0.3", "http://10.8.0.1:5000/") == "200", what="an answer within three seconds")
    assert ask(machine, "203.0.113.3", "http://10.8.0.1:5000/") == "000"
    assert ask(machine, "203.0.113.3", "http://203.0.113.1:5000/") == "000"
    assert site[0].unit("pytq-server@0.service")["NRestarts"] == "0", "its probe reaches it"


def test_a_rollout_of_workers_that_are_paused_cuts_no_task(site):
    """As the example says, since SIGTERM ends these workers; and it does so at once, not after `stop_timeout`."""
    machine = site[1]
    before, known = started(machine), set(state(site)["done"])
    post(site, "add?n=20")
    machine.wait(lambda: state(site)["running"], what="the workers to be busy")
    post(site, "pause?is=1")
    machine.wait(lambda: not state(site)["running"], what="them to be idle")
    post(site, "add?n=20")
    for other in site[1:]:
        drop_in(other, 2, BIND)
        other.reload()
    for other in site[1:]:
        other.wait(lambda: all(environment_of(other, i) == "2" for i in range(3)), timeout=240,
                   what="all workers to be new")
        assert "SIGKILL" not in other.journal("pytq-worker@*")
    post(site, "pause?is=0")
    machine.wait(lambda: not (now := state(site))["running"] and not now["waiting"], timeout=240, what="all tasks to be done")
    done = {task: workers for task, workers in state(site)["done"].items() if task not in known}
    assert len(done) == 40 and all(len(workers) == 1 for workers in done.values())
    machine.wait(lambda: (now := started(machine)).keys() == before.keys() and not now.items() & before.items(), what="all to be new, and no other")


def environment_of(machine: Machine, instance: int) -> str:
    return machine.run(["podman", "exec", f"pytq-worker-{instance}", "printenv", "PYTQ_SECONDS"], check=False).stdout.strip()
