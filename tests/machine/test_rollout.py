# SPDX-License-Identifier: Apache-2.0
"""A change reaches every instance by itself, and no client notices."""

import json
import re
import time

import pytest

from app import define, settle, started, undefine
from load import COUNT
from pace import PACE
from registry import IMAGE, Registry
from rolling import App, text

# What a client would wait for a server that does not exist (timeout connect); a drain makes nobody wait at all.
LONGEST = 3000 * PACE


@pytest.fixture
def app(machine):
    return App(machine)


# --- under load ---

@pytest.mark.parametrize("scale", [1, 2, 4])
def test_no_change_costs_a_request(app, scale):
    machine, loads = app.machine, []

    def under_load(what):
        loads.append(app.load(f"{what}, scale {scale}"))
        return loads[-1]

    define(machine, "other", text(1, 1, name="other"), reload=False)
    options = {"rollout": "max_unavailable: 2"} if scale > 2 else {}
    app.define("first", scale, **options)
    app.wait("first", scale)
    with under_load("quiet"):
        time.sleep(2)

    with under_load("scaled up and down"):
        app.define("first", scale + 2, **options)
        app.wait("first", scale + 2)
        app.define("first", scale, **options)
        app.wait("first", scale)
    options["image"] = "localhost/hello:2"
    with under_load("new image"):
        app.define("image", scale, **options)
        app.wait("image", scale)
    with under_load("changed variable"):
        app.define("variable", scale, **options)
        app.wait("variable", scale)
    with under_load("undo"):
        app.ctl("rollout", "undo", "hello")
        app.wait("image", scale)
    with under_load("ten changes"):
        for number in range(10):
            app.define(number, scale, **options)
        app.wait(9, scale)
    with under_load("HAProxy reloaded"):
        for _ in range(3):
            machine.run("systemctl reload haproxy")
    with under_load("another app removed"):
        undefine(machine, "other")
        machine.wait(lambda: set(app.containers()) == {name for name in machine.containers()}, what="it to be gone")
        settle(machine)
    if scale > 1:
        with under_load("hello@1 restarted"):
            machine.run("systemctl restart hello@1")
    app.wait(9, scale)
    assert app.failures() == {}
    for one in loads:
        for client, numbers in one.numbers.items():
            quiet = loads[0].numbers[client]        # the machine may be busy with something else
            # A POST also waits for the disk, to which its instance writes.
            assert client == "posts" or numbers.longest < max(LONGEST, 20 * quiet.longest), f"{one.name}, {client}: {numbers}, quiet {quiet}"


# --- the order of things ---

def down_and_up(machine, scale: int) -> list[tuple[int, int]]:
    """When each instance last began to stop and was ready again, in microseconds."""
    units = [machine.unit(f"hello@{i}.service") for i in range(scale)]
    return [(int(unit["ActiveExitTimestampMonotonic"]), int(unit["ActiveEnterTimestampMonotonic"])) for unit in units]


def spares_since(machine, since: float) -> int:
    """How many spares were started since then."""
    return machine.out(f"journalctl --sync; journalctl -b -u hello@next.service --since @{since:.3f}").count("Started hello@next.service")


def test_a_few_at_a_time_with_a_pause(app):
    options, begin = {"rollout": "max_unavailable: 2, pause: 1s"}, time.time()
    app.define(1, 4, **options)
    app.wait(1, 4)
    app.define(2, 4, **options)
    app.wait(2, 4)
    times = down_and_up(app.machine, 4)
    assert max(down for down, _ in times[:2]) < min(up for _, up in times[:2]), "the first two at the same time"
    assert min(down for down, _ in times[2:]) - max(up for _, up in times[:2]) >= 1_000_000, "a pause between"
    assert max(down for down, _ in times[2:]) < min(up for _, up in times[2:]), "the other two at the same time"
    assert spares_since(app.machine, begin) == 1
    # Settings of the rollout are no part of what runs.
    runs = app.versions()
    app.define(2, 4, rollout="max_unavailable: 4")
    settle(app.machine)
    assert app.is_done() and app.versions() == runs and down_and_up(app.machine, 4) == times


def test_without_a_spare(app):
    begin = time.time()
    app.define(1, 2, rollout="spare: false")
    app.wait(1, 2)
    with app.load("no spare, scale 2"):
        app.define(2, 2, rollout="spare: false, min_ready: 1s")
        app.wait(2, 2)
    (_, first_up), (second_down, _) = down_and_up(app.machine, 2)
    assert second_down - first_up >= 1_000_000, "the first is watched before the second"
    assert spares_since(app.machine, begin) == 0


def test_all_at_once(app):
    begin = time.time()
    app.define(1, 3, rollout="strategy: recreate")
    app.wait(1, 3)
    seen = []
    app.define(2, 3, rollout="strategy: recreate")
    app.machine.wait(lambda: seen.append(set(app.versions().values())) or seen[-1] == {"2"} or {"1", "2"} <= seen[-1], what="version 2")
    assert {"1", "2"} not in seen
    app.wait(2, 3)
    down, up = zip(*down_and_up(app.machine, 3))
    assert max(down) < min(up)
    assert spares_since(app.machine, begin) == 0


PARTS = """image: localhost/hello:1
labels: {{version: '{version}'}}
env: {{VERSION: '{version}', HELLO_QUIET: 1}}
volumes: ['{count}:/count']
services:
  - {{name: web, port: 8000, scale: 2, health: {{http: /health, interval: 1s}}, proxy: {{domains: [hello.example.com]}}}}
  - {{name: worker, scale: 2}}
sidecars: [{{name: helper}}]
tasks:
  - {{name: backup, entrypoint: /bin/sh, command: [-c, 'read up rest </proc/uptime; echo backup $VERSION $up >>/count/tasks']}}
  - {{name: migrate, entrypoint: /bin/sh, command: [-c, 'read up rest </proc/uptime; echo migrate $VERSION $up >>/count/tasks']}}
  - {{name: purge, entrypoint: /bin/sh, command: [-c, 'read up rest </proc/uptime; echo purge $VERSION $up >>/count/after; exit 3']}}
before_update: [backup, migrate]
after_update: purge
rollout: {{min_ready: 500ms}}
"""
PARTS_CONTAINERS = ["hello-helper", "hello-web-0", "hello-web-1", "hello-worker-0", "hello-worker-1"]


def test_tasks_first_sidecars_last(app):
    machine = app.machine
    machine.run(f"rm -f {COUNT}/tasks {COUNT}/after")

    def versions():
        return {row["Names"][0]: row["Labels"]["version"] for row in machine.podman_ps() if row["Labels"].get("version")}

    def tasks(file="tasks"):
        return [line.rpartition(" ")[::2] for line in machine.read(f"{COUNT}/{file}").splitlines()]

    def roll_out(version):
        define(machine, "hello", PARTS.format(version=version, count=COUNT))
        machine.wait(lambda: app.is_done() and versions() == dict.fromkeys(PARTS_CONTAINERS, version), what=lambda: f"version {version}, {app}")
        # In this order, after the tasks, which at the first start find the sidecar ready.
        units = [f"hello-{name}.service" for name in ("web@0", "web@1", "worker@0", "worker@1", "helper")]
        times = [float(tasks()[-1][1]), *(int(machine.unit(unit)["ExecMainStartTimestampMonotonic"]) / 1e6 for unit in units)]
        if version == "1":
            assert times[-1] < times[0] < min(times[1:-1])
        else:
            assert times == sorted(times)
        assert tasks("after")[-1][0] == f"purge {version}" and float(tasks("after")[-1][1]) > max(times)

    roll_out("1")
    assert [name for name, _ in tasks()] == ["backup 1", "migrate 1"]
    roll_out("2")
    assert [name for name, _ in tasks()] == ["backup 1", "migrate 1", "backup 2", "migrate 2"]
    machine.reload()
    settle(machine)
    app.ctl("rollout", "undo", "hello")
    machine.wait(lambda: app.is_done() and versions() == dict.fromkeys(PARTS_CONTAINERS, "1"), what=lambda: f"the undo, {app}")
    assert len(tasks()) == 4, "once per revision"
    # The rollout is over when the task is, and a task that fails takes nothing back.
    assert [name for name, _ in tasks("after")] == ["purge 1", "purge 2", "purge 1"]
    # It is shown before it is logged.
    machine.wait("journalctl -b -o cat PYSERVICE_APP=hello | grep -q 'hello-purge.service of after_update failed'", what="the message")
    assert machine.unit("hello-purge.service")["ActiveState"] == "failed"


# --- by hand ---

def test_history_undo_and_resume(app):
    for version in (1, 2, 3):
        app.define(version, 1)
        app.wait(version, 1)
    first = re.findall(r"\b[0-9a-f]{12}\b", app.ctl("rollout", "history", "hello"))
    assert len(set(first)) == 3
    oldest = app.file("/var/lib/pyservice/hello/history").split("\n")[1]
    oldest = re.search(r"\b[0-9a-f]{12}\b", oldest).group()

    app.ctl("rollout", "undo", "hello", oldest)
    app.wait(1, 1)
    assert app.accepted() == oldest
    assert "pinned" in app.ctl("rollout", "status", "hello")
    app.machine.reload()
    settle(app.machine)
    app.wait(1, 1)
    assert json.loads(app.ctl("rollout", "status", "--json", "hello"))["pinned"] == oldest
    # A change of scale is none of what an instance is: it acts, and the undo stands.
    app.define(3, 2)
    app.wait(1, 2)
    app.define(4, 1)
    app.wait(4, 1)
    assert "pinned" not in app.ctl("rollout", "status", "hello")

    app.ctl("rollout", "undo", "hello")
    app.wait(1, 1)
    app.ctl("rollout", "resume", "hello")
    app.wait(4, 1)
    assert "pinned" not in app.ctl("rollout", "status", "hello")
    assert "is not kept" in app.ctl("rollout", "undo", "hello", "0123456789ab", check=False)
    app.wait(4, 1)


def test_a_pause_holds_a_change_back(app):
    app.define(1, 2)
    app.wait(1, 2)
    app.ctl("rollout", "pause", "hello")
    app.define(2, 3)
    app.wait_phase("paused")
    app.machine.wait(lambda: app.versions() == app.expected(1, 3), what="the third to come as the others are")
    settle(app.machine)
    assert "paused" in app.ctl("rollout", "status", "hello", check=False)
    app.ctl("rollout", "resume", "hello")
    app.wait(2, 3)


def test_a_newer_change_overtakes(app):
    app.define(1, 2)
    app.wait(1, 2)
    with app.load("overtaken, scale 2"):
        app.define(2, 2, env="HELLO_START_DELAY: 3600")
        app.wait_phase("spare")
        app.machine.wait(lambda: "hello-next" in app.containers(), what="the spare")
        app.define(3, 2)
        app.wait(3, 2)
        # While the instances are being replaced: what has moved moves on.
        app.define(4, 2, rollout="pause: 30s")
        app.machine.wait(lambda: set(app.versions().values()) >= {"3", "4"} and app.progress().get("phase") == "instances", what="half of it")
        app.define(5, 2)
        app.wait(5, 2)
    assert app.failures() == {}


# --- the same tag, another image ---

def images(app) -> set[str]:
    return {row["ImageID"] for row in app.containers().values()}


def wait_image(app, image: str) -> None:
    app.machine.wait(lambda: app.is_done() and images(app) == {image}, 60, what=lambda: f"image {image}, there is {images(app)}, {app}")
    app.wait(1, 2)


@pytest.fixture
def registry(machine):
    made = Registry(machine)
    yield made
    made.remove()


def test_the_same_tag_with_a_new_image(app, registry):
    machine = app.machine
    by_hand, by_timer = "pyservicectl update hello", "systemctl start podman-auto-update.service"
    first = old = registry.move(1)
    app.define(1, 2, image=IMAGE, more="auto_update: registry\n", rollout="keep_images: 2")
    wait_image(app, old)
    before = started(machine)
    for command in (by_hand, by_timer):
        machine.run(command)
        settle(machine)
    assert started(machine) == before, "nothing new, nothing done"

    for number, command in enumerate((by_hand, by_timer), 2):
        new = registry.move(number)
        machine.reload()
        settle(machine)
        assert images(app) == {old}, "nothing happens by itself"
        with app.load(command.split("/")[-1]):
            machine.run(command)
            wait_image(app, new)
        previous, old = old, new
    machine.wait(lambda: not machine.ok(f"podman image exists {first}"), what="the first image to go, which has a name of pyservice's alone")
    app.ctl("rollout", "undo", "hello")
    wait_image(app, previous)
    app.ctl("rollout", "resume", "hello")
    wait_image(app, new)

    registry.move(4, "HELLO_EXIT=3")
    before = started(machine)
    with app.load("update that fails"):
        machine.run(by_timer, check=False)
        app.wait_failed()
        wait_image(app, new)
    assert started(machine) == before


def test_old_images_go(app, registry):
    machine, names = app.machine, []
    for number, tag in enumerate(("one", "two", "three"), 1):
        registry.move(number)
        names.append(registry.tag(tag))

    def there() -> list[str]:
        return [name for name in names if machine.ok(f"podman image exists {name}")]

    def roll(number: int) -> None:
        app.define(number, 1, image=names[number - 1], rollout="keep_images: 2")
        app.wait(number, 1)

    roll(1)
    machine.run(f"podman tag {names[0]} localhost/mine:1")
    roll(2)
    assert there() == names[:2]
    roll(3)
    machine.wait(lambda: there() == names[1:], what=lambda: f"an image to go, there are {there()}")
    assert machine.ok("podman image exists localhost/mine:1"), "it has another tag"

    machine.run(f"podman create --name user {names[2]}")
    app.ctl("rollout", "undo", "hello")
    app.wait(2, 1)
    roll(1)
    unit = f"hello-rollout@{app.accepted()}.service"
    machine.wait(lambda: "exited" in machine.out(f"systemctl show -P SubState {unit}"), what="the end of the rollout")
    assert there() == names, "a container uses the third"


def test_no_pull_without_room(app, registry):
    """A full directory for what is being pulled, which is not the machine's disk."""
    machine, full = app.machine, "/run/full"
    machine.write("/etc/containers/containers.conf.d/lab.conf", f'[engine]\nimage_copy_tmp_dir = "{full}"\n')
    machine.run(f"mkdir -p {full} && mount -t tmpfs -o size=8m none {full}")
    try:
        app.define(1, 1)
        app.wait(1, 1)
        machine.run(f"head -c 8300000 /dev/zero > {full}/zeroes")
        with app.load("a pull without room"):
            app.define(2, 1, image=IMAGE)
            reasons = app.wait_failed()
            app.wait(1, 1)
        assert f"{full}: 1 % of the file system is free, 0 MiB; remove files there" in str(reasons), reasons
        done = machine.run("pyservicectl update hello", check=False)
        assert done.returncode != 0 and f"{full}: 1 % of the file system is free" in done.stderr
        machine.run(f"rm {full}/zeroes")
        app.ctl("rollout", "retry", "hello")
        app.wait(2, 1)
    finally:
        machine.run(f"umount --lazy {full}")


def test_auto_update_from_this_machine(app):
    machine = app.machine
    old, new = (machine.out(f"podman image inspect -f '{{{{.Id}}}}' localhost/hello:{i}") for i in (1, 2))
    machine.run("podman tag localhost/hello:1 localhost/app:latest")
    app.define(1, 2, image="localhost/app:latest", more="auto_update: local\n")
    wait_image(app, old)
    machine.run("podman tag localhost/hello:2 localhost/app:latest")
    with app.load("auto-update, local"):
        machine.run("systemctl start podman-auto-update.service")
        wait_image(app, new)
