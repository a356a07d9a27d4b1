# SPDX-License-Identifier: Apache-2.0
"""pyservicectl status, ps and top: what they tell is what systemd, Podman and HAProxy say."""

import re
import shlex
import subprocess

import pytest

import openmetrics
from answers import read_answer
from app import define, settle, undefine
from machine import Machine
from tmux import Terminal

SHELL = "stop_signal: SIGKILL, entrypoint: /bin/sh, command"
SHOP = f"""\
description: The shop
image: localhost/hello:1
rollout: {{min_ready: 0}}
services:
  - name: web
    port: 8000
    scale: 2
    health: {{command: "curl -fs http://localhost:8000/health", interval: 1s}}
    proxy: {{domains: [shop.example.com]}}
  - {{name: worker, {SHELL}: [-c, exec sleep 1000000]}}
sidecars: [{{name: cache, {SHELL}: [-c, exec sleep 1000000]}}]
timers: [{{name: tidy, schedule: "*-*-* 03:00:00", {SHELL}: [-c, exit 7]}}]
tasks: [{{name: migrate, {SHELL}: [-c, "true"]}}]
before_update: [migrate]
"""
HELLO = "image: localhost/hello:1\nport: 8000\nscale: {scale}\nhealth: {{http: /health, interval: 1s}}\nrollout: {{min_ready: 0}}\n" \
        "proxy: {{domains: [hello.example.com]}}\n"


class Ctl:
    def __init__(self, machine: Machine):
        self.machine = machine

    def run(self, *words: str, before: str = "") -> subprocess.CompletedProcess:
        return self.machine.run(f"{before} pyservicectl {shlex.join(words)}", check=False)

    def json(self, *words: str, command: str, before: str = "") -> dict:
        done = self.run("--json", *words, before=before)
        return read_answer(command, done.stdout)

    def apps(self) -> dict[str, dict]:
        return {app["app"]: app for app in self.json("status", command="status")["apps"]}

    def whole(self, app: str) -> dict:
        return self.json("status", app, command="status APP")

    def wait(self, state: str, app: str = "hello") -> dict:
        return self.machine.wait(lambda: (found := self.apps()[app])["state"] == state and found,
                                 what=lambda: f"{app} to be {state}: {self.apps()}")


@pytest.fixture
def ctl(machine):
    return Ctl(machine)


def test_all_is_as_declared(ctl):
    machine = ctl.machine
    assert ctl.run("status").returncode == 0 and "no applications" in ctl.run("status").stderr
    assert ctl.json("status", command="status") == {"apps": []}
    define(machine, "hello", HELLO.format(scale=2), reload=False)
    assert ctl.apps()["hello"]["state"] == "new" and ctl.run("status").returncode == 3
    define(machine, "shop", SHOP)
    machine.wait(lambda: [ctl.apps()[app]["state"] for app in ("hello", "shop")] == ["running"] * 2, what=lambda: f"both to run: {ctl.apps()}")
    settle(machine)
    machine.run("systemctl start shop-tidy.service", check=False)

    apps = ctl.apps()
    assert [apps["shop"][key] for key in ("declared", "running", "ready", "failed")] == [4, 4, 4, 1]
    assert "shop-tidy.service failed" in apps["shop"]["note"] and ctl.run("status", "shop").returncode == 3
    assert apps["shop"]["next"].endswith("T03:00:00Z") and apps["hello"]["next"] is None
    assert apps["hello"]["as_declared"] and apps["hello"]["pinned"] is None and ctl.run("status", "hello").returncode == 0
    timer = ctl.whole("shop")["timers"][0]
    assert timer["result"] == "exit-code" and timer["active"] and timer["next"] == apps["shop"]["next"] and timer["last"] >= apps["shop"]["since"]
    assert re.search(r"tidy +\*-\*-\* 03:00:00 +in \d+(h|min|s) +\d+(s|min) ago exit-code", ctl.run("status", "shop").stdout)
    machine.run("systemctl reset-failed")
    table = ctl.run("status")
    assert table.returncode == 0 and table.stdout.split()[:2] == ["APP", "STATE"] and max(map(len, table.stdout.splitlines())) <= 80

    check_whole(ctl)
    check_lines(ctl)
    check_use(ctl)
    check_metrics(ctl)
    check_without_root(ctl)
    # Another root: of this one's files.
    files = ctl.json("--root=/.", "status", command="status")["apps"]
    assert [(app["state"], app["declared"], app["running"], app["revision"]) for app in files] == [
        ("unknown", apps[name]["declared"], None, apps[name]["revision"]) for name in ("hello", "shop")]


def check_whole(ctl):
    """Each fact beside the one who knows it."""
    machine, shop = ctl.machine, ctl.whole("shop")
    podman = {row["Names"][0]: row for row in machine.podman_ps()}
    ports = {number: port for (unit, number), port in machine.ports("shop").items() if unit == "shop-web"}
    revision = re.search("runs (.*)", machine.read("/run/pyservice/apps/shop/revision"))[1]
    units = {u["unit"]: u for part in shop["services"] + shop["sidecars"] for u in part["instances"]}
    assert list(units) == ["shop-web@0.service", "shop-web@1.service", "shop-worker@0.service", "shop-cache.service"]
    for name, unit in units.items():
        container = name.removesuffix(".service").replace("@", "-")
        shown = machine.unit(name)
        assert [unit["state"], unit["active"], unit["revision"]] == ["ready", "active", revision]
        assert unit["label"] == podman[container]["Labels"]["io.pyservice.revision"] and unit["restarts"] == int(shown["NRestarts"])
        assert 0 < unit["cpu_usec"] <= int(shown["CPUUsageNSec"]) / 1000
        assert machine.out(["date", "-u", "-d", shown["StateChangeTimestamp"], "+%Y-%m-%dT%H:%M:%SZ"]) == unit["since"]
    for number in (0, 1):
        web = units[f"shop-web@{number}.service"]
        assert [web[key] for key in ("port", "health", "sessions")] == [int(ports[str(number)]), "healthy", 0]
        assert re.fullmatch("UP( 1/3)?", web["proxy"]), "1/3 until HAProxy's own first check"
    assert shop["services"][0]["backend"] == "shop-web" and "haproxy" not in units["shop-worker@0.service"]
    assert shop["tasks"] == [{"name": "migrate", "unit": "shop-migrate.service", "active": "inactive", "last": None, "result": None, "done": True}]
    assert shop["rollout"]["outcome"] == "done" and shop["diagnostics"] == []

    text = ctl.run("status", "shop").stdout
    assert text.startswith("shop - The shop\n") and re.search("^.-shop-web@0 +ready", text.replace("─", "-"), re.M) and f"Revision: {revision}\n" in text
    assert max(map(len, text.splitlines())) <= 100


def check_metrics(ctl):
    """Over the socket: the sandbox of its service hides no fact."""
    machine, port = ctl.machine, 9977
    machine.run("systemctl start pyservice-metrics.socket")
    try:
        answer = machine.http(f"http://127.0.0.1:{port}/metrics")
        assert machine.http(f"http://127.0.0.1:{port}/").status == 404
        machine.wait(lambda: not machine.out("systemctl list-units --all --plain --no-legend 'pyservice-metrics@*'"), what="its services to end")
        lines = machine.run("journalctl -b --no-pager --quiet -u 'pyservice-metrics@*'", check=False).stdout
        assert lines == "", "nothing is logged for each request"
    finally:
        machine.run("systemctl stop pyservice-metrics.socket")
    families = openmetrics.read(answer.text)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.sample_names(families) == openmetrics.described()
    by_part = {("hello", "hello", "service"): 2, ("shop", "web", "service"): 2, ("shop", "worker", "service"): 1, ("shop", "cache", "sidecar"): 1}
    for name in ("wanted", "running", "ready"):
        found = families[f"pyservice_instances_{name}"].samples
        assert {tuple(dict(key)[label] for label in ("app", "part", "kind")): value for key, value in found.items()} == by_part, name
    units = ["hello@0.service", "hello@1.service", "shop-cache.service", "shop-web@0.service", "shop-web@1.service", "shop-worker@0.service"]
    assert sorted(dict(key)["unit"] for key in families["pyservice_restarts"].samples) == units
    assert sorted(dict(key)["unit"] for key in families["pyservice_cpu_seconds"].samples) == units
    tidy = (("app", "shop"), ("part", "tidy"))
    times = [families[f"pyservice_timer_{word}_run_timestamp_seconds"].samples[tidy] for word in ("last", "next")]
    assert times[1] - 86400 <= times[0] < times[1]
    states = {(dict(key)["app"], dict(key)["state"]) for key, value in families["pyservice_rollout_state"].samples.items() if value}
    assert states == {("hello", "done"), ("shop", "done")}


def check_lines(ctl):
    machine = ctl.machine
    lines = ctl.json("ps", command="ps")["instances"]
    assert [line["name"] for line in lines] == ["hello@0", "hello@1", "shop-web@0", "shop-web@1", "shop-worker@0", "shop-cache"]
    assert {line["state"] for line in lines} == {"ready"} and lines[-1]["kind"] == "sidecar"
    assert [line["name"] for line in ctl.json("ps", "shop/web@1", "hello", command="ps")["instances"]] == ["hello@0", "hello@1", "shop-web@1"]
    table = ctl.run("ps")
    assert table.returncode == 0 and len(table.stdout.splitlines()) == 7 and max(map(len, table.stdout.splitlines())) <= 80
    for words, said in ((["ps", "shop/wep"], "did you mean 'web'?"), (["status", "shp"], "did you mean 'shop'?")):
        done = ctl.run(*words)
        assert (done.returncode, done.stdout) == (1, "") and said in done.stderr
    # The lab's kernel may count no memory; then these are what a kernel would say.
    group = machine.unit("hello@0.service")["ControlGroup"]
    fake = (f"unshare -m sh -c 'mount -t tmpfs none /sys/fs/cgroup && mkdir -p \"/sys/fs/cgroup{group}\" && cd \"/sys/fs/cgroup{group}\""
            " && echo 13107200 >memory.current && printf \"nice_usec 1\\nusage_usec 1500000\\nuser_usec 5\\n\" >cpu.stat && exec \"$@\"' sh")
    line = ctl.json("ps", "hello@0", command="ps", before=fake)["instances"][0]
    assert (line["memory_bytes"], line["cpu_usec"]) == (13107200, 1500000)
    assert re.search(r" 12\.5M 1\.50s ", ctl.run("ps", "hello@0", before=fake).stdout)


def check_use(ctl):
    asking = "while :; do curl -s -o /dev/null -H 'Host: hello.example.com' http://127.0.0.1/; done"
    with ctl.machine.popen(["sh", "-c", asking]) as client:
        try:
            ctl.machine.wait(lambda: max(use["requests_per_second"] or 0 for use in ctl.json("top", "hello", command="top")["instances"]) > 1,
                             what="requests")
        finally:
            client.kill()
    uses = ctl.json("top", command="top")["instances"]
    assert len(uses) == 6 and [use["cpu_percent"] for use in uses] == sorted((use["cpu_percent"] for use in uses), reverse=True)
    assert len(ctl.run("top", "shop").stdout.splitlines()) == 5


def check_without_root(ctl):
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    done = ctl.run("status", before=nobody)
    assert done.returncode == 0 and done.stderr == "pyservicectl: not shown without root privileges: pinned, paused and failed revisions, HAProxy\n"
    lines = ctl.json("ps", command="ps", before=nobody)["instances"]
    assert {line["state"] for line in lines} == {"ready"} and {line["revision"] for line in lines} == {None} and all(line["cpu_usec"] for line in lines)
    assert "health of containers" in ctl.run("status", "shop", before=nobody).stderr


def test_what_is_not_as_declared(ctl):
    machine = ctl.machine
    define(machine, "hello", HELLO.format(scale=2))
    ctl.wait("running")
    settle(machine)

    # Edited, and not loaded; then what systemd does about it.
    define(machine, "hello", HELLO.format(scale=3), reload=False)
    hello = ctl.apps()["hello"]
    assert [hello[key] for key in ("declared", "running", "as_declared")] == [3, 2, False] and "reload to apply it" in hello["note"]
    machine.reload()
    ctl.wait("running")

    # An error: the last good version stays.
    define(machine, "hello", HELLO.format(scale="many"))
    hello = ctl.whole("hello")
    assert [hello[key] for key in ("state", "ready", "broken", "as_declared")] == ["running", 3, True, False]
    assert [hello["diagnostics"][0][key] for key in ("id", "line")] == ["bad-value", 3]
    done = ctl.run("status", "hello")
    assert done.returncode == 3 and "hello.yaml:3:8: error: 'many'" in done.stdout and "| scale: many" in done.stdout
    define(machine, "bad", "image: x\nscale: no\n", reload=False)
    assert ctl.apps()["bad"]["state"] == "broken" and ctl.run("status").returncode == 3
    undefine(machine, "bad")
    define(machine, "hello", HELLO.format(scale=2))
    ctl.wait("running")
    settle(machine)

    # One that HAProxy sends nothing, one that was stopped on purpose, a rollout that is held.
    machine.run("printf 'disable server hello/hello-1\\n' | socat - /run/haproxy/admin.sock")
    lines = ctl.json("ps", "hello", command="ps")["instances"]
    assert [(line["state"], line["proxy"].split()[0]) for line in lines] == [("ready", "UP"), ("unhealthy", "MAINT")] and ctl.run("status").returncode == 3
    machine.run("printf 'enable server hello/hello-1\\n' | socat - /run/haproxy/admin.sock")
    machine.run("pyservicectl rollout pause hello")
    define(machine, "hello", HELLO.format(scale=2) + "env: {COLOR: red}\n")
    machine.wait(lambda: "rollout paused" in (ctl.apps()["hello"]["note"] or ""), what="the pause to be noted")
    hello = ctl.whole("hello")
    assert hello["rollout"]["outcome"] == "paused" and hello["wanted"] != hello["revision"] and not hello["as_declared"]
    machine.run("pyservicectl rollout resume hello")
    ctl.wait("running")

    # Gone: shown for as long as it runs.
    machine.remove("/etc/pyservice.d/hello.yaml")
    assert ctl.apps()["hello"]["state"] == "gone" and ctl.run("status", "hello").returncode == 3
    machine.reload()
    machine.wait(lambda: ctl.apps() == {}, what="nothing to run")
    assert ctl.run("status").returncode == 0


def test_nobody_is_reached(ctl):
    """HAProxy doesn't run, or was never told: that the instances run helps nobody."""
    machine = ctl.machine
    define(machine, "hello", HELLO.format(scale=2))
    ctl.wait("running")
    settle(machine)
    machine.run("systemctl stop haproxy")
    hello = ctl.apps()["hello"]
    assert [hello[key] for key in ("state", "running", "ready", "note", "as_declared")] == ["degraded", 2, 0, "HAProxy is not running", False]
    assert ctl.run("status", "hello").returncode == 3 and ctl.run("status").returncode == 3
    assert ctl.run("status", before="setpriv --reuid=65534 --regid=65534 --clear-groups").returncode == 0
    machine.run("mkdir /run/aside && mv /run/pyservice/haproxy/* /run/aside && systemctl start haproxy")
    hello = ctl.apps()["hello"]
    assert [hello["ready"], hello["note"]] == [0, "HAProxy does not know 'hello'; see 'pyservicectl doctor'"] and ctl.run("status").returncode == 3
    machine.run("mv /run/aside/* /run/pyservice/haproxy && rmdir /run/aside && systemctl restart haproxy")
    ctl.wait("running")


def test_top_on_a_terminal(ctl):
    machine = ctl.machine
    define(machine, "hello", HELLO.format(scale=3))
    ctl.wait("running")
    command = "stty -a >/tmp/before; echo first; TERM=xterm pyservicectl top; echo ended $?; stty -a >/tmp/after; cmp /tmp/before /tmp/after && echo same; exec cat"
    for ending in ("q", "C-c"):
        with Terminal(machine, command) as terminal:
            screen = terminal.wait(r"hello@2 +ready +\d+\.\d")
            assert screen.startswith("3 running, 3 ready; by CPU") and "first" not in screen
            terminal.tmux("send-keys", "n")
            terminal.wait(r"by name.*\n\n.*\nhello@0 .*\nhello@1 .*\nhello@2 ")
            # Smaller: what has no room is left out, and nothing wraps.
            terminal.tmux("resize-window", "-x", "46", "-y", "5")
            screen = terminal.wait(r"\A3 running.*\n\nINSTANCE.*\nhello@0.*\nhello@1[^\n]*\n?\Z")
            assert max(map(len, screen.splitlines())) <= 46
            terminal.tmux("resize-window", "-x", "80", "-y", "24")
            terminal.wait("^hello@2")
            terminal.tmux("send-keys", ending)
            screen = terminal.wait("same")
            assert screen.startswith("first\nended 0\nsame\n")
