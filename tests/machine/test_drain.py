# SPDX-License-Identifier: Apache-2.0
"""Readiness from outside, and drains: no request fails whatever is started, stopped or restarted."""

import re
import subprocess
import sys

import pytest

from answers import read_answer
from app import define, instances_behind, servers, settle, started, wait_for
from held import requests_at
from load import Load
from machine import CommandFailed
from pace import PACE, limit

HOST = "hello.example.com"
HTTP = f'health: {{http: /health, interval: 1s, start_period: {limit(8)}, retries: 3}}\n'
IMAGE = "image: localhost/hello:1\nport: 8000\n"
GETS = ("kept", "closed")
LATE = round(2 * PACE)  # seconds until an instance listens

# The directory of the machine that instances have there. While it has a file `open`, they start; a request for the pipe `held` is
# answered when somebody has written to it.
GATE = "/srv/gate"
VOLUME = f"volumes: ['{GATE}:/gate']\n"
GATED = VOLUME + "entrypoint: /bin/sh\ncommand: [-c, 'until test -e /gate/open; do sleep 0.1; done; exec /app/hello']\n"

# Asks from a port of its own, and again when it is told to; in between its connection is gone without a word to anybody.
FROM_ONE_PORT = """
import socket, sys

def ask():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", 40001))
    client.settimeout(30)
    client.connect(("127.0.0.1", int(sys.argv[1])))
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: hello\\r\\n\\r\\n")
    print(client.recv(12).decode(), flush=True)
    return client

client = ask()
sys.stdin.readline()
client.setsockopt(socket.IPPROTO_TCP, 19, 1)    # TCP_REPAIR: closed without FIN or RST
client.close()
ask()
"""


def text(scale: int, more: str = "", health: str = HTTP) -> str:
    return f"{IMAGE}{health}scale: {scale}\nproxy: {{domains: [{HOST}]}}\n{more}"


def running(machine, scale: int) -> None:
    """Until the instances 0 … scale-1 run behind the proxy, and no other does."""
    names = {f"hello-{i}" for i in range(scale)}
    machine.wait(lambda: set(machine.containers()) == names
                 and all(machine.is_active(f"hello@{i}.service") for i in range(scale)), what=f"{names}")
    settle(machine)
    machine.wait(lambda: instances_behind(machine, HOST) == names, what=f"{names} behind the proxy")


def status(machine, server: str) -> str:
    """What HAProxy says of a server: UP, DRAIN, MAINT …"""
    rows = machine.wait(lambda: servers(machine, "hello"), what="HAProxy's statistics")
    return rows[server][17] if server in rows else ""


@pytest.fixture
def gate(machine):
    machine.run(f"mkdir {GATE} && mkfifo {GATE}/held && touch {GATE}/open")
    yield machine
    machine.run(["rm", "-r", GATE])


def ask(machine, path: str):
    return machine.popen(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {HOST}", f"http://127.0.0.1{path}"],
                         stdout=subprocess.PIPE, text=True)


def slow(machine, seconds: float):
    return ask(machine, f"/slow?s={seconds}")


def in_flight(machine, server: str) -> None:
    """Requests that HAProxy counts: connections to the server there are also for health checks, and idle ones."""
    machine.wait(lambda: requests_at(machine, "hello").get(server) == 1, what=f"a request to {server}")


def ports(machine) -> dict[str, str]:
    return dict(re.findall(r"PYSERVICE_PORT_(\d+)=(\d+)", machine.run(
        "cat /run/systemd/generator/hello@.service.d/10-ports.conf").stdout))


def test_a_restart_costs_no_request(machine):
    define(machine, "hello", text(4))
    running(machine, 4)
    with Load(machine, HOST, "restarted by systemctl", GETS):
        machine.run("systemctl restart hello@1")
        machine.run("systemctl restart hello@0 hello@2")
        machine.run("systemctl restart hello@1")
    running(machine, 4)


def test_a_change_of_scale_costs_no_request(machine):
    define(machine, "hello", text(4))
    running(machine, 4)
    with Load(machine, HOST, "change of scale", GETS):
        for scale in (2, 4, 1, 3):
            define(machine, "hello", text(scale))
            running(machine, scale)


def test_no_request_goes_to_the_one_before(machine):
    """The kernel knows for minutes, by the client's port, to which container a connection went; the next one has another address.
    (Where no other container is left on the network, its bridge goes down, and all is forgotten.)"""
    define(machine, "hello", text(2))
    running(machine, 2)
    command = ["nsenter", "-t", str(machine.lab.leader()), "-n", sys.executable, "-c", FROM_ONE_PORT, ports(machine)["0"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "HTTP/1.1 200\n"
        machine.run("systemctl restart hello@0")
        out, problem = client.communicate("again\n")
    assert out == "HTTP/1.1 200\n", problem


def test_what_is_open_is_answered_before_a_stop(gate):
    """Longer than the server itself would wait for it (stop_timeout), also where HAProxy was reloaded meanwhile."""
    def definition(scale):
        return text(scale, VOLUME + "stop_timeout: 1s\n").replace("domains:", "timeouts: {drain: 1h, server: 1h}, domains:")

    machine = gate

    define(machine, "hello", definition(2))
    running(machine, 2)
    requests = [ask(machine, "/file?path=/gate/held") for _ in range(2)]
    for server in ("hello-0", "hello-1"):
        in_flight(machine, server)
    define(machine, "hello", definition(1))
    machine.wait(lambda: machine.unit("hello@1.service")["ActiveState"] == "deactivating", what="the drain")
    with machine.popen(f"while :; do : >{GATE}/held; done") as answer:
        try:
            assert [r.communicate()[0] for r in requests] == ["200", "200"]
        finally:
            answer.kill()
    running(machine, 1)


def test_a_drain_ends_at_its_timeout(machine):
    define(machine, "hello", text(1, "stop_timeout: 1s\n").replace("domains:", "timeouts: {drain: 1s}, domains:"))
    running(machine, 1)
    request = slow(machine, 60)
    in_flight(machine, "hello-0")
    machine.run("systemctl restart hello@0")
    assert request.communicate()[0] != "200"
    assert "1 requests still open after 1 s" in machine.journal("hello@0.service")
    running(machine, 1)


def test_ready_when_it_answers(machine):
    """An image without a program that could ask, or a check inside: HAProxy gets it when it answers."""
    define(machine, "hello", text(1, f"env: {{HELLO_START_DELAY: {LATE}}}\n"), reload=True)
    running(machine, 1)
    unit = machine.unit("hello@0.service")
    seconds = (int(unit["ActiveEnterTimestampMonotonic"]) - int(unit["ExecMainStartTimestampMonotonic"])) / 1e6
    assert seconds >= LATE
    assert unit["NRestarts"] == "0"


def test_without_a_proxy(machine):
    """Asked at its own address, where it publishes no port."""
    define(machine, "hello", IMAGE + HTTP + "scale: 2\nenv: {HELLO_START_DELAY: 2}\n")
    machine.wait(lambda: all(machine.is_active(f"hello@{i}.service") for i in range(2)), what="both to be ready")
    assert "--container=hello-%i" in machine.read("/run/systemd/generator/hello@.service")


def test_a_status_that_is_not_expected(machine):
    define(machine, "hello", text(1, "env: {HELLO_HEALTH: 500}\n"))
    machine.wait(lambda: ": 500 Internal Server Error" in machine.journal("hello@0.service"),
                 what="the unit to say why")
    machine.wait(lambda: int(machine.unit("hello@0.service")["NRestarts"]) > 0, what="systemd to start it again")
    assert machine.http("http://127.0.0.1/", headers={"Host": HOST}).status == 503
    assert machine.unit("hello@0.service")["ActiveState"] != "active"
    define(machine, "hello", text(1, "env: {HELLO_HEALTH: 500}\n", HTTP.replace("/health,", "/health, status: '500',")))
    running(machine, 1)


def test_one_that_ends_is_not_waited_for(machine):
    define(machine, "hello", text(1, "env: {HELLO_EXIT: 3}\n", HTTP.replace(limit(8), "10min")))
    machine.wait(lambda: int(machine.unit("hello@0.service")["NRestarts"]) > 1, what="systemd to start it again")
    # One that never becomes active is not stopped for being unneeded: it must come up before it is removed.
    define(machine, "hello", text(1))
    running(machine, 1)


def test_after_a_crash_it_gets_nothing_before_it_is_ready(gate):
    machine = gate
    define(machine, "hello", text(2, GATED, HTTP.replace(limit(8), "10min")))
    running(machine, 2)
    assert status(machine, "hello-1").startswith("UP")     # "UP 1/3" after a reload, before the first check
    machine.run(f"rm {GATE}/open && podman kill --signal=KILL hello-1")
    machine.wait(lambda: machine.unit("hello@1.service")["ActiveState"] == "activating"
                 and status(machine, "hello-1") == "MAINT", what="it to start again, out of HAProxy")
    machine.run(["touch", f"{GATE}/open"])
    running(machine, 2)
    assert status(machine, "hello-1").startswith("UP")     # "UP 1/3" after a reload, before the first check


def test_without_haproxy_nothing_waits(machine):
    machine.run("systemctl stop haproxy")
    define(machine, "hello", text(2))
    machine.wait(lambda: all(machine.is_active(f"hello@{i}.service") for i in range(2)), what="both to be ready")
    machine.run("systemctl restart hello@0")
    define(machine, "hello", text(1))
    machine.wait(lambda: set(machine.containers()) == {"hello-0"}, what="one to be left")
    hooks = [line for line in machine.journal("hello@*.service").splitlines() if "HAProxy" in line]
    assert hooks == []
    machine.run("systemctl start haproxy")
    running(machine, 1)


def test_a_silent_haproxy_is_waited_for(machine):
    """Else what starts meanwhile is left out of it, and nobody puts it in."""
    define(machine, "hello", text(2))
    running(machine, 2)
    workers = machine.out("pgrep -P $(systemctl show haproxy --property=MainPID --value)").replace("\n", " ")
    machine.run(f"kill -STOP {workers}; systemctl kill --signal=KILL hello@1")
    try:
        machine.wait(lambda: (unit := machine.unit("hello@1.service"))["ActiveState"] == "activating"
                     and unit.get("StatusText") == "waiting for HAProxy, which does not answer", what="it to wait")
    finally:
        machine.run(f"kill -CONT {workers}")
    running(machine, 2)
    assert not machine.unit("hello@1.service").get("StatusText")


def test_what_becomes_unhealthy_is_restarted(machine):
    define(machine, "hello", text(2, health=HTTP))
    running(machine, 2)
    before = started(machine)
    machine.run("podman exec hello-1 curl -s -X POST 'http://localhost:8000/health?status=500'")
    machine.wait(lambda: machine.is_active("hello@1.service") and started(machine).get("hello-1", before["hello-1"]) != before["hello-1"],
                 what="it to be restarted")
    running(machine, 2)
    assert started(machine)["hello-0"] == before["hello-0"]
    # Not by systemd, which would have counted it, but with a drain.
    assert machine.unit("hello@1.service")["NRestarts"] == "0"
    said = machine.journal("pyservice-watch.service")
    assert f"hello@1.service: unhealthy, 3 times in a row: GET /health with Host: {HOST} on port" in said


def test_haproxy_forgets_nothing(gate):
    """Whoever reloads or restarts it, or kills it: one that is out stays out, one that is ready is in."""
    machine = gate
    define(machine, "hello", text(3, GATED, HTTP.replace(limit(8), "10min")))
    running(machine, 3)
    with Load(machine, HOST, "HAProxy reloaded, hello@1 restarted", GETS):
        for _ in range(5):
            machine.run(f"systemctl reload haproxy && rm {GATE}/open")
            machine.run("systemctl restart --no-block hello@1")
            machine.wait(lambda: status(machine, "hello-1") == "MAINT", what="it to be out")
            machine.run("systemctl reload haproxy")
            assert status(machine, "hello-1") in ("MAINT", "no check")
            machine.run(["touch", f"{GATE}/open"])
            running(machine, 3)
    machine.run("systemctl restart haproxy")
    running(machine, 3)
    machine.run("systemctl kill --signal=KILL haproxy")
    machine.wait(lambda: machine.is_active("haproxy.service"), what="HAProxy")
    running(machine, 3)


def test_health_inside_still_decides(machine):
    define(machine, "hello", text(2, health='health: {command: "curl -fs http://localhost:8000/", interval: 1s}\n'))
    wait_for(machine, "hello", 2)
    assert machine.is_healthy("hello-0") and machine.is_healthy("hello-1")
    running(machine, 2)


def drill(machine, *words: str) -> tuple[int, dict[str, dict]]:
    """Played again if the machine stood still: a request without an answer within five seconds has failed, even if all instances ran."""
    def play() -> tuple[int, dict[str, dict]] | None:
        done = machine.run(["pyservicectl", "drill", "--yes", "--json", *words], check=False, timeout=900)
        if done.returncode not in (0, 3):
            raise CommandFailed(done.stderr)
        rows = {row["scene"]: row for row in read_answer("drill", done.stdout)["scenes"]}
        is_disturbed = any(rows[scene]["longest_ms"] > 4000 for scene in {"restart", "reload"} & rows.keys())
        return None if is_disturbed else (done.returncode, rows)

    return machine.wait(play, what="a drill on a machine that does not stand still")


def test_a_drill_counts_what_clients_notice(machine):
    """With two instances no request is lost; with one, some are."""
    define(machine, "hello", text(2, health=HTTP))
    running(machine, 2)
    before = started(machine)
    status, rows = drill(machine, "hello", "restart", "kill", "reload", "freeze")
    running(machine, 2)
    assert [(scene, rows[scene]["failed"]) for scene in ("restart", "reload")] == [("restart", 0), ("reload", 0)], rows
    assert min(row["requests"] for row in rows.values()) > 50
    # What the killed one had begun to answer fails; a connection that is refused is made to the other one.
    assert rows["kill"]["failed"] * 10 < rows["kill"]["requests"]
    assert started(machine).items().isdisjoint(before.items())
    assert status == (3 if any(row["failed"] for row in rows.values()) else 0)

    define(machine, "hello", text(1, health=""))
    running(machine, 1)
    status, rows = drill(machine, "--rate=20", "hello", "kill", "freeze")
    assert status == 3
    assert rows["kill"]["failed"] > 0 and rows["kill"]["note"] and rows["kill"]["repaired_ms"] > 0
    assert rows["freeze"]["requests"] is None and "skipped: it has no 'health'" in rows["freeze"]["note"]
    running(machine, 1)
    machine.run("pyservicectl stop hello@0")
    done = machine.run(["pyservicectl", "drill", "--yes", "hello"], check=False)
    assert done.returncode == 1 and "nothing done: not all instances of hello are ready" in done.stderr
