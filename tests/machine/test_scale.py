# SPDX-License-Identifier: Apache-2.0
"""From a file to containers behind HAProxy, and back."""

import json

from app import HELLO, define, healthy, instances_behind, settle, started, tree, undefine, wait_for



def short(scale: int) -> str:
    return HELLO + f"scale: {scale}\nproxy: {{domains: [hello.example.com]}}\n"


def wait_behind(machine, host, names):
    machine.wait(lambda: instances_behind(machine, host) == names, what=f"{names} behind {host}")


def names(scale: int) -> set[str]:
    return {f"hello-{i}" for i in range(scale)}


def test_one_reload_brings_instances_behind_haproxy(machine):
    define(machine, "hello", short(4))
    wait_for(machine, "hello", 4)
    wait_behind(machine, "hello.example.com", names(4))
    assert machine.http("http://127.0.0.1/", headers={"Host": "other.example.com"}).status == 404
    assert machine.out("systemctl --failed --plain --no-legend") == ""


def test_scale_is_a_number_in_the_file(machine):
    for scale in (4, 6, 2, 0, 4):
        before = started(machine)
        define(machine, "hello", short(scale))
        wait_for(machine, "hello", scale)
        wait_behind(machine, "hello.example.com", names(scale))
        after = started(machine)
        assert {n: after[n] for n in after if n in before} == {n: before[n] for n in before if n in after}, \
            "a change of scale restarts nothing"


def test_a_removed_file_stops_everything(machine):
    define(machine, "hello", short(3))
    wait_for(machine, "hello", 3)
    undefine(machine, "hello")
    machine.wait(lambda: machine.containers() == {}, what="no container")
    machine.wait(lambda: machine.out("systemctl list-units --all --plain --no-legend 'hello*'") == "", what="no unit of it")
    # ExecStop= ran: Podman was asked to remove it, and the process inside got its signal and ended by itself.
    for i in range(3):
        assert "drained" in machine.journal(f"hello@{i}.service")
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": "hello.example.com"}).status != 200,
                 what="HAProxy to know it no longer")


def test_a_removed_file_that_comes_back(machine):
    define(machine, "hello", short(2))
    wait_for(machine, "hello", 2)
    ports = machine.read("/run/pyservice/apps/hello/ports")
    undefine(machine, "hello")
    machine.wait(lambda: machine.containers() == {}, what="no container")
    define(machine, "hello", short(2))
    wait_for(machine, "hello", 2)
    assert machine.read("/run/pyservice/apps/hello/ports") == ports


def test_a_reload_without_a_change_changes_nothing(machine):
    define(machine, "hello", short(2))
    define(machine, "other", HELLO + "scale: 1\n")
    wait_for(machine, "hello", 2)
    wait_for(machine, "other", 1)
    for name in ("hello", "other"):         # which writes what it did into the tree, too
        machine.wait(f"grep -qsx 'phase done' /run/pyservice/rollouts/{name}")
    machine.wait('[ -z "$(find /run/pyservice/unkept /run/pyservice/keeping -mindepth 1)" ]', what="`pyservice-rollout keep`, which a path unit starts")
    settle(machine)
    machine.run("chmod a-x /usr/libexec/podman/quadlet")    # whoever runs it now fails
    try:
        before = tree(machine), started(machine)
        machine.reload()
        machine.reload()
        settle(machine)
        assert (tree(machine), started(machine)) == before
    finally:
        machine.run("chmod a+x /usr/libexec/podman/quadlet")


def test_one_apps_edit_moves_no_other_port(machine):
    define(machine, "one", HELLO + "scale: 2\nproxy: {}\n")
    define(machine, "two", HELLO + "scale: 2\nproxy: {}\n")
    wait_for(machine, "one", 2)
    wait_for(machine, "two", 2)
    before, running = machine.read("/run/pyservice/apps/two/ports"), started(machine)
    define(machine, "one", HELLO + "scale: 5\nproxy: {}\n")
    wait_for(machine, "one", 5)
    assert machine.read("/run/pyservice/apps/two/ports") == before
    now = started(machine)
    assert {n: now.get(n) for n in running} == running


def test_parts_of_an_app(machine):
    define(machine, "shop", "image: localhost/hello:1\n"
           "services:\n"
           "  - {name: web, port: 8000, scale: 2, command: web, resources: {memory: 256M, cpus: 0.5, nofile: 2048},"
           " proxy: {}, volumes: ['data:/data']}\n"
           "  - {name: worker, command: worker, requires: web}\n"
           "sidecars:\n  - {name: helper, command: helper}\n"
           "tasks:\n  - {name: migrate, entrypoint: /bin/sh, command: [-c, 'echo migrated {{ app_name }}']}\n"
           "volumes: {data: {}}\n"
           "networks: {inner: {subnet: 10.99.0.0/24}}\n"
           "network: inner.network\n")
    wait_for_all = {"shop-web-0", "shop-web-1", "shop-worker-0", "shop-helper"}
    machine.wait(lambda: set(machine.containers()) == wait_for_all, what=f"{wait_for_all}")
    settle(machine)

    web = json.loads(machine.out("podman inspect shop-web-0"))[0]
    assert [u for u in web["HostConfig"]["Ulimits"] if u["Name"] == "RLIMIT_NOFILE"][0]["Hard"] == 2048
    assert list(web["NetworkSettings"]["Networks"]) == ["shop-inner"]
    assert [m["Name"] for m in web["Mounts"]] == ["shop-data"]
    unit = machine.unit("shop-web@0.service")
    assert (unit["MemoryMax"], unit["CPUQuotaPerSecUSec"]) == (str(256 << 20), "500ms")

    machine.run("systemctl start shop-migrate.service")
    assert "migrated shop" in machine.journal("shop-migrate.service")

    # Without the helper in the file it stops, and nothing else does.
    before = started(machine)
    text = machine.read("/etc/pyservice.d/shop.yaml").replace("sidecars:\n  - {name: helper, command: helper}\n", "")
    define(machine, "shop", text)
    machine.wait(lambda: "shop-helper" not in machine.containers(), what="the sidecar to stop")
    before.pop("shop-helper")
    assert started(machine) == before


def test_a_restart_of_the_networks_unit_stops_nothing(machine):
    machine.write("/etc/containers/systemd/quadlet.network", "[Network]\nSubnet=192.168.100.0/24\n")
    define(machine, "hello", HELLO + "scale: 2\nnetwork: quadlet.network\n")
    wait_for(machine, "hello", 2)
    before = started(machine)
    machine.run("systemctl restart quadlet-network.service", check=False)
    settle(machine)
    assert started(machine) == before
    assert healthy(machine, "hello") == ["hello-0", "hello-1"]
    machine.run("podman rm -af -t 0; podman network rm -f systemd-quadlet", check=False)


def test_what_is_not_to_be_restarted_is_not(machine):
    shell = "entrypoint: /bin/sh, command: [-c, "
    define(machine, "work", "image: localhost/hello:1\nservices:\n"
           f"  - {{name: fails, restart: no, {shell}'echo ran; exit 3']}}\n"
           f"  - {{name: ends, restart: on-failure, {shell}'echo ran']}}\n"
           "  - {name: stays}\n")
    wait_for(machine, "work-stays", 1)
    machine.wait(lambda: machine.unit("work-fails@0.service")["ActiveState"] == "failed", what="the failure")
    machine.wait(lambda: "ran" in machine.journal("work-ends@0.service") and not machine.is_active("work-ends@0.service"), what="the end")
    for _ in range(2):
        machine.reload()
        settle(machine)
    for name in ("fails", "ends"):
        assert machine.journal(f"work-{name}@0.service").count(": ran") == 1
    assert machine.unit("work-fails@0.service")["ActiveState"] == "failed"

    undefine(machine, "work")
    machine.wait(lambda: machine.containers() == {}, what="no container")


def test_an_environment_file_may_be_missing(machine):
    define(machine, "files", HELLO + "proxy: {}\nenv_files: [-/etc/files.env, -/etc/no-such.env]\nenv: {FROM: definition}\n", reload=False)
    machine.write("/etc/files.env", "FILE=yes\nFROM=file\n", mode=0o600)
    machine.reload()
    wait_for(machine, "files", 1)
    port = machine.ports("files")["files", "0"]
    environ = machine.http(f"http://127.0.0.1:{port}/env").json()["environ"]
    assert (environ["FILE"], environ["FROM"]) == ("yes", "definition")


def test_what_never_comes_up_goes_with_its_file(machine):
    """systemd leaves alone what it is still starting; it must not go on being started for ever."""
    define(machine, "loop", "image: localhost/hello:1\nservices:\n"
           "  - {name: dies, entrypoint: /bin/false, scale: 3}\n"
           "  - {name: sick, scale: 2, health: {command: 'false', interval: 1s, timeout: 1s, retries: 1, start_period: 1s}}\n")
    for unit in ("loop-dies@2.service", "loop-sick@0.service"):
        machine.wait(lambda: int(machine.unit(unit)["NRestarts"]) > 0, what=f"{unit} to be restarted")
    define(machine, "loop", machine.read("/etc/pyservice.d/loop.yaml").replace("scale: 3", "scale: 2"))
    machine.wait(lambda: machine.unit("loop-dies@2.service")["ActiveState"] == "inactive", what="the third to be given up")
    undefine(machine, "loop")
    machine.wait(lambda: machine.out("systemctl list-units --all --plain --no-legend 'loop*'") == "", what="no unit of it")
    assert machine.containers() == {}


def test_what_ends_in_failure_as_its_file_goes_is_not_shown_as_failed(machine):
    command = '["sh", "-c", "trap \'exit 3\' TERM; echo up; while :; do sleep 0.1; done"]'
    define(machine, "sore", f"image: localhost/hello:1\nservices:\n  - {{name: sore, entrypoint: {command}, scale: 2, stop_timeout: 10min}}\n")
    machine.wait(lambda: "up" in machine.run("podman logs sore-sore-0", check=False).stdout, what="its trap to be set")
    undefine(machine, "sore")
    machine.wait(lambda: machine.out("systemctl list-units --all --plain --no-legend 'sore*'") == "", what="no unit of it")
    assert "status=3" in machine.journal("sore-sore@0.service"), "it did not fail at all"
