# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, and whenever: it ends in the state that the file declares, with nothing left over."""

import collections
import itertools
import subprocess

import pytest

from app import settle
from held import requests_at
from load import COUNT
from pace import limit
from rolling import App

TASK = ("tasks: [{name: migrate, entrypoint: /bin/sh, command: [-c, 'sleep 1; echo $VERSION >>/count/tasks']}]\n"
        "before_update: migrate\nsidecars: [{name: helper}]\n")
PHASES = ["tasks", "spare", "watch", "accept", "instances", "sidecars"]

# Kills the rollout once it is at a step; fails if that rollout is done before, or as it is to be killed. It looks all the time, since some steps
# last for milliseconds, and starts no process for it.
KILL_AT = """until [ "$step" = "$1 $0" ]; do
        revision= phase=
        while read -r word rest; do
                case $word in revision) revision=$rest;; phase) phase=$rest;; esac
        done </run/pyservice/rollouts/hello
        step="$revision $phase"
        [ "$step" != "$1 done" ] || exit 1
done
kill -9 $(pidof pyservice-rollout)"""


@pytest.fixture
def app(machine):
    return App(machine)


def ports(app) -> dict[str, int]:
    return {number: int(port) for (_, number), port in app.machine.ports(app.name).items()}


def assert_nothing_left(app, scale: int) -> None:
    """Each instance has its port and nobody has another; there is no container, process or unit of a spare."""
    machine, seen = app.machine, {}

    def look() -> bool:
        listening = machine.out("ss -Htln 'sport >= 20000 and sport <= 29999'").splitlines()
        seen["ports"] = {int(line.split()[3].rpartition(":")[2]) for line in listening}
        seen["spare"] = machine.unit("hello@next.service")["ActiveState"]
        # A path unit starts `pyservice-rollout keep` after the rollout.
        seen["rollouts"] = machine.run("pidof pyservice-rollout", check=False).stdout.split()
        seen["conmon"] = len(machine.out("pidof conmon").split()) - len(machine.containers())
        return (seen["ports"] == {ports(app)[str(i)] for i in range(scale)} and seen["spare"] in ("inactive", "failed")
                and not seen["rollouts"] and seen["conmon"] == 0)
    machine.wait(look, 30, what=lambda: f"nothing to be left: {seen}, {app}")


def restarts(machine) -> list[str]:
    return [machine.unit(f"hello@{i}.service")["NRestarts"] for i in range(2)]


def test_kill_an_instance_its_conmon_and_haproxy(app):
    machine = app.machine
    app.define(1, 2)
    app.wait(1, 2)
    before = ports(app)
    for kill in ("kill -9 $(podman inspect -f '{{.State.Pid}}' hello-0)", f"kill -9 {machine.unit('hello@1.service')['MainPID']}"):
        old = restarts(machine)
        machine.run(kill)
        machine.wait(lambda old=old: restarts(machine) != old, what="a restart")
        app.wait(1, 2)
    assert ports(app) == before
    assert_nothing_left(app, 2)
    machine.run("systemctl kill --signal=KILL haproxy")
    app.wait(1, 2)
    # What is restarted meanwhile is sent nothing by the HAProxy that comes up.
    app.define(2, 2, rollout=f"pause: {limit(3)}")
    app.wait_phase("instances")
    machine.run("systemctl kill --signal=KILL haproxy")
    app.wait(2, 2)
    assert_nothing_left(app, 2)


def test_what_the_spare_has_open_outlives_the_rollout(app):
    """Killed half-way through, the rollout goes on with a spare that serves."""
    machine = app.machine
    app.define(1, 2)
    app.wait(1, 2)
    app.define(2, 2, rollout="pause: 10min")    # until it is killed: the next one has nothing to pause for
    machine.wait(lambda: app.progress().get("phase") == "instances" and list(app.versions().values()).count("2") >= 2, what="one to have moved")
    slow: list[subprocess.Popen] = []

    def spare_has_one() -> bool:
        """More are sent at each look, because those before may have been answered."""
        slow.extend(machine.popen(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: hello.example.com", "http://127.0.0.1/slow?s=6"],
                                  stdout=subprocess.PIPE, text=True) for _ in range(6))
        return requests_at(machine, "hello").get("hello-next", 0) > 0
    machine.wait(spare_has_one, what="a request to the spare")
    machine.run("kill -9 $(pidof pyservice-rollout)")
    assert [client.communicate()[0] for client in slow] == ["200"] * len(slow)
    app.wait(2, 2)
    assert_nothing_left(app, 2)


def wait_containers(app) -> None:
    app.machine.wait(lambda: app.machine.containers().keys() == {"hello-0", "hello-1", "hello-helper"},
                     what=lambda: f"two instances and a sidecar, there are {app.machine.containers()}, {app}")


def is_killed_at(app, phase: str, number: int) -> bool:
    """Rolls out another version, and kills its rollout at a step; false if that was over before we looked."""
    old = app.published()["wanted"]
    app.define(number, 2, more=TASK)
    wanted = app.machine.wait(lambda: (now := app.published()["wanted"]) != old and now, what="the new revision to be wanted")
    is_killed = app.machine.ok(["sh", "-c", KILL_AT, phase, wanted])
    app.wait(number, 2)
    assert app.failures() == {}, phase
    wait_containers(app)
    return is_killed


def test_kill_the_rollout_at_each_step(app):
    machine, number = app.machine, itertools.count(1)
    machine.run(f"rm -f {COUNT}/tasks")
    app.define(0, 2, more=TASK)
    app.wait(0, 2)
    for phase in PHASES:
        machine.wait(lambda phase=phase: is_killed_at(app, phase, next(number)), 600, what=f"a rollout to be killed at {phase}")
    settle(machine)
    assert_nothing_left(app, 2)
    # A task that was under way goes on to its end, and none that is done is done again.
    tasks = collections.Counter(machine.read(f"{COUNT}/tasks").split())
    assert sorted(tasks, key=int) == [str(i) for i in range(next(number))]
    assert tasks.total() <= len(tasks) + 1


def test_reboot_in_the_middle_of_a_rollout(own_machine):
    machine, app = own_machine, App(own_machine)
    app.define(0, 2, more=TASK)
    app.wait(0, 2)
    # Long enough at either for us to see it. After the boot all instances start with what is accepted, without a pause.
    for number, (phases, hard, rollout) in enumerate([(("spare", "watch"), False, f"min_ready: {limit(5)}"),
                                                      (("instances",), True, "pause: 10min")], 1):
        app.define(number, 2, more=TASK, rollout=rollout)
        if app.wait_phase(*phases) == "instances":
            machine.wait(lambda number=number: list(app.versions().values()).count(str(number)) >= 2, what="one to have moved")
        machine.reboot(hard)
        app.wait(number, 2)
        wait_containers(app)
        assert_nothing_left(app, 2)
        assert app.failures() == {}
