# SPDX-License-Identifier: Apache-2.0
"""The parts of one application start in order, and what one of them goes through stops no other."""

import re

import pytest

import load
from app import define, settle, started, undefine
from pace import limit
from rolling import App

HEALTH = f"health: {{http: /health, interval: 1s, start_period: {limit(10)}, timeout: {limit(6)}, retries: 1}}"
COMMAND = "health: {command: 'curl -fs http://localhost:8000/health', interval: 1s}"
COUNTED = f"env: {{HELLO_QUIET: 1, HELLO_COUNT: /count/posts}}, volumes: ['{load.COUNT}:/count']"


@pytest.fixture
def app(machine):
    return App(machine, "shop")


def shop(api: int = 1, db: int = 1) -> str:
    return f"""image: localhost/hello:1
rollout: {{min_ready: 500ms}}
services:
  - {{name: web, port: 8000, scale: 2, requires: [api, db], stop_timeout: 10min, {HEALTH}, proxy: {{domains: [shop.example.com]}}, {COUNTED}}}
  - {{name: api, port: 8000, scale: 2, {HEALTH}, env: {{VERSION: {api}}}, proxy: {{domains: [api.example.com]}}}}
sidecars:
  - {{name: db, image: localhost/hello:2, {COMMAND}, env: {{VERSION: {db}}}}}
"""


def ids(machine, pattern: str) -> dict[str, str]:
    return {name: start for name, start in started(machine).items() if re.fullmatch(pattern, name)}


def starts(machine, unit: str) -> int:
    """How often systemd began to start it."""
    return machine.journal(unit).count(f"Starting {unit}.service")


def test_no_request_of_a_client_fails_while_what_it_requires_changes(app):
    machine = app.machine
    define(machine, "shop", shop())
    machine.wait(app.is_done, what=lambda: f"the first start, {app}")
    settle(machine)
    web = ids(machine, "shop-web-.*")
    assert len(web) == 2

    def change(what: str, pattern: str, action) -> None:
        before = ids(machine, pattern)
        with load.Load(machine, "shop.example.com", what, ("posts",)):
            action()
            machine.wait(lambda: app.is_done() and not (ids(machine, pattern).items() & before.items())
                         and ids(machine, pattern).keys() == before.keys(), what=lambda: f"{what}, {app}")
            settle(machine)
        assert ids(machine, "shop-web-.*") == web, what

    change("rolling update of a required service", "shop-api-.*", lambda: define(machine, "shop", shop(api=2)))
    change("changed sidecar", "shop-db", lambda: define(machine, "shop", shop(api=2, db=2)))
    change("killed sidecar", "shop-db", lambda: machine.run("podman kill -s KILL shop-db"))
    change("restarted sidecar", "shop-db", lambda: machine.run("systemctl restart shop-db"))

    # A client that drains keeps nobody from starting.
    machine.wait(lambda: machine.is_active("shop-db"), what="shop-db")
    port = machine.out(["podman", "port", "shop-web-1"]).rpartition(":")[2]
    machine.run(["systemd-run", "--unit=open-request", "curl", "-s", f"http://127.0.0.1:{port}/slow?s=1000"])
    machine.wait(f"ss -Htn state established '( dport = :{port} )' | grep -q .", what="the request")
    machine.run("systemctl restart --no-block shop-web@1")
    machine.wait(lambda: machine.unit("shop-web@1")["ActiveState"] == "deactivating", what="shop-web@1 to drain")
    before = ids(machine, "shop-db")
    machine.run("podman kill -s KILL shop-db")
    machine.wait(lambda: machine.is_active("shop-db") and ids(machine, "shop-db") not in ({}, before), 40, what="shop-db")
    assert machine.unit("shop-web@1")["ActiveState"] == "deactivating"
    machine.run("systemctl stop open-request; podman kill -s KILL shop-web-1")
    machine.wait(lambda: machine.is_active("shop-web@1"), what="shop-web@1")

    # What a client requires stays as long as the client drains, when all of it is removed.
    undefine(machine, "shop")
    machine.wait(machine.is_without_apps, what="all to stop")
    ends = machine.out("journalctl --sync; journalctl -b -o cat -u 'shop-*' | grep '^Stopped shop-'").splitlines()
    last = {unit: max(i for i, line in enumerate(ends) if line.startswith(f"Stopped {unit}")) for unit in ("shop-web@", "shop-api@", "shop-db")}
    assert last["shop-web@"] < min(last["shop-db"], last["shop-api@"]), ends


def test_what_fails_is_started_no_more_often_because_clients_require_it(machine):
    define(machine, "loop", """image: localhost/hello:1
env: {HELLO_EXIT: 1}
services: [{name: web, scale: 3, requires: db}]
sidecars: [{name: db}, {name: alone}]
""")
    machine.wait(lambda: starts(machine, "loop-web@0") > 3, what="loop-web@0 to fail a few times")
    # All but the first are restarts, as where nobody requires it: how many there are in a time differs.
    for unit in ("loop-db", "loop-alone"):
        journal = machine.journal(unit)
        assert journal.count(f"Starting {unit}.service") <= journal.count("Scheduled restart job") + 1, journal
    machine.run("pyservicectl stop loop")       # systemd does not stop by itself what is still starting


def connect(*names: str) -> str:
    return f"[\"import socket\\nfor name in {list(names)}: socket.create_connection((name, 8000), 60)\"]"


def first(sidecars: str = "", requires: str = "", names: tuple[str, ...] = ("shop-db",)) -> str:
    return f"""image: localhost/hello:1
network: own.network
networks: {{own: {{}}}}
rollout: {{min_ready: 500ms}}
services:
  - {{name: web, port: 8000, requires: db, {HEALTH}, proxy: {{domains: [shop.example.com]}}}}
sidecars:
  - {{name: db, {COMMAND}, env: {{HELLO_START_DELAY: 3}}}}
{sidecars}
tasks:
  - {{name: migrate, entrypoint: python3 -c, command: {connect(*names)}, {requires}}}
before_update: migrate
"""


def test_sidecars_are_ready_before_the_first_task(app):
    machine = app.machine
    define(machine, "shop", first())
    machine.wait(lambda: app.is_done() or app.progress().get("phase") == "failed", what=lambda: f"the first start, {app}")
    assert app.is_done() and starts(machine, "shop-migrate") == 1, app
    settle(machine)
    db = ids(machine, "shop-db")

    # A later revision brings a sidecar that its task requires, and itself requires another.
    more = f"""  - {{name: cache, {COMMAND}, env: {{HELLO_START_DELAY: 2}}, requires: queue}}
  - {{name: queue, {COMMAND}, env: {{HELLO_START_DELAY: 2}}}}
"""
    define(machine, "shop", first(more, "requires: [cache, web]", ("shop-db", "shop-cache", "shop-queue", "shop-web-0")))
    machine.wait(lambda: app.is_done() or app.progress().get("phase") == "failed", what=lambda: f"the second revision, {app}")
    assert app.is_done() and starts(machine, "shop-migrate") == 2, app
    assert ids(machine, "shop-db") == db


def test_a_task_is_done_before_the_sidecar_that_requires_it(app):
    machine = app.machine
    define(machine, "shop", f"""image: localhost/hello:1
rollout: {{min_ready: 500ms}}
services:
  - {{name: web, port: 8000, requires: [{{cache: ready}}, {{seed: done}}], {HEALTH}, proxy: {{domains: [shop.example.com]}}}}
sidecars:
  - {{name: db, {COMMAND}, env: {{HELLO_START_DELAY: 2}}}}
  - {{name: cache, {COMMAND}, requires: [{{schema: done}}]}}
tasks:
  - {{name: seed, entrypoint: "", command: "true", requires: [{{schema: done}}]}}
  - {{name: schema, entrypoint: python3 -c, command: {connect("shop-db")}, requires: db}}
""")
    machine.wait(lambda: app.is_done() or app.progress().get("phase") == "failed", what=lambda: f"the first start, {app}")
    assert app.is_done(), app
    settle(machine)
    lines = machine.out("journalctl --sync; journalctl -b -o cat -t systemd").splitlines()
    said = [[n for n, line in enumerate(lines) if line.startswith(f"{word} shop-{unit}.service")][0]
            for word, unit in (("Started", "db"), ("Starting", "schema"), ("Finished", "schema"), ("Starting", "seed"), ("Finished", "seed"), ("Starting", "cache"))]
    assert said == sorted(said)

    machine.run("podman kill --signal=KILL shop-web-0 shop-cache")
    machine.wait(lambda: starts(machine, "shop-cache") >= 2 and app.is_done(), what="new starts")
    assert starts(machine, "shop-schema") == 1 == starts(machine, "shop-seed")


HOOKED = f"""image: localhost/hello:1
rollout: {{min_ready: 500ms, spare: false}}
services:
  - name: web
    port: 8000
    {HEALTH}
    proxy: {{domains: [shop.example.com]}}
    volumes: [data:/data]
    env: {{WORD: "two words", COUNT: "{{{{ instance }}}}"}}
    stop_timeout: {limit(5)}
    user: "1000"
    before_start: {{command: [sh, -c, 'umask 0; echo before $WORD $COUNT $(hostname) $(id -u) >>/data/log; BEFORE'], user: root}}
    after_start: [sh, -c, 'echo after $WORD $COUNT $(hostname) $(id -u) >>/data/log; AFTER']
    before_stop: {{command: [sh, -c, 'echo stop $WORD $COUNT $(hostname) $(id -u) >>/data/log; STOP'], user: "0:0"}}
"""


def test_commands_around_the_life_of_an_instance(app):
    machine = app.machine

    def try_with(before="true", after="true", stop="true"):
        define(machine, "shop", HOOKED.replace("BEFORE", before).replace("AFTER", after).replace("STOP", stop))

    def log() -> list[str]:
        return machine.read("/var/lib/containers/storage/volumes/shop-data/_data/log").splitlines()

    try_with(stop="sleep 600")
    machine.wait(app.is_done, what=lambda: f"the first start, {app}")
    settle(machine)
    start = ["before two words 0 shop-web-0 0", "after two words 0 shop-web-0 1000"]
    assert log() == start

    # The stop does not wait longer for a command than for the container.
    machine.run("systemctl restart shop-web@0.service")
    assert log() == start + ["stop two words 0 shop-web-0 0"] + start
    assert "before_stop did not end within " in machine.journal("shop-web@0.service")
    assert list(machine.containers()) == ["shop-web-0"]

    # After a crash nothing runs in the container.
    machine.run("podman kill --signal=KILL shop-web-0")
    machine.wait(lambda: log()[-2:] == start and len(log()) == 7 and app.is_done(), what="the start after a crash")
    settle(machine)

    for n, (change, reason) in enumerate((({"after": "echo out of luck >&2; exit 3"}, "after_start exited with status 3: out of luck"),
                                          ({"before": "echo no database; exit 4"}, "before_start exited with status 4: no database")), 1):
        try_with(**change)
        app.wait_failed(n)
        assert reason in machine.out("pyservicectl rollout status shop || true")
        machine.wait(lambda: ids(machine, "shop-web-0"), what="the revision before")
        settle(machine)


def hanging(command: str, health: str = HEALTH) -> str:
    return f"""image: localhost/hello:1
rollout: {{min_ready: 500ms}}
services: [{{name: web, port: 8000, {health}, proxy: {{domains: [shop.example.com]}}}}]
tasks: [{{name: migrate, entrypoint: /bin/sh -c, command: ["trap '' TERM; {command}"], stop_timeout: 2s}}]
before_update: migrate
"""


def test_a_task_that_hangs_is_shown_and_keeps_no_later_revision_back(app):
    machine = app.machine
    define(machine, "shop", hanging("sleep 1000 & wait"))
    machine.wait(lambda: "shop-migrate" in machine.containers(), what=lambda: f"the task, {app}")
    assert machine.unit("shop-migrate")["TimeoutStartUSec"] == "1h"
    for words in (["rollout", "status", "--no-follow", "shop"], ["status", "shop"]):
        machine.wait(lambda words=words: "running shop-migrate.service, since " in app.ctl(*words, check=False), what=f"the task in {words}")

    define(machine, "shop", hanging("true", 'health: {command: "test -e /tmp/ready", interval: 1s}'))
    machine.wait(lambda: "shop-web-0" in machine.containers(), what=lambda: f"the second revision, {app}")
    assert "shop has no history yet" in app.ctl("rollout", "history", "shop")
    # At each look, because it may have no process yet, or another one than before.
    machine.wait(lambda: machine.ok("podman exec shop-web-0 touch /tmp/ready") and app.is_done(), what=lambda: f"the second revision, {app}")
    assert len(re.findall(r"\bfirst +accepted\b", app.ctl("rollout", "history", "shop"))) == 1
    assert ids(machine, "shop-web-0")
