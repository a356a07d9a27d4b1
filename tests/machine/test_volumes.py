# SPDX-License-Identifier: Apache-2.0
"""Volumes: whose they are, that none is left behind without a word, that only one instance writes a private one, and
what is told of one that stays as it was."""

import json
import re

from app import define, settle, started, undefine, wait_for
from rolling import App

SHORT = "image: localhost/hello:1\nport: 8000\nhealth: {{http: /health, interval: 1s}}\nvolumes: [{}]\n"
MIX = """image: localhost/hello:1
volumes: {{data: {{{data}}}}}
services:
  - {{name: web, port: 8000, health: {{http: /health, interval: 1s}}, volumes: ["data:/data"], env: {{VERSION: {version}}},
     proxy: {{domains: [mix.example.com]}}}}
rollout: {{min_ready: 500ms}}
"""
LATE = "type: none, device: /srv/late, options: bind"


def mounted(machine, container: str) -> list[str]:
    return [mount.get("Name", mount["Source"]) for mount in json.loads(machine.out(["podman", "inspect", container]))[0]["Mounts"]]


def said(machine, *words: str) -> str:
    done = machine.run(["pyservicectl", *words], check=False)
    return done.stdout + done.stderr


def test_a_volume_is_the_applications_own(machine):
    machine.run("mkdir -p /srv/late")
    machine.run("podman volume create data && echo kept >$(podman volume inspect -f '{{.Mountpoint}}' data)/file")
    try:
        define(machine, "one", SHORT.format("{volume: data, dest: /data}"), reload=False)
        define(machine, "two", SHORT.format("'data:/data'"), reload=False)
        assert "a Podman volume 'data' exists, but this mount will use the application's volume 'two-data'" in said(machine, "check")
        define(machine, "mix", MIX.format(data="", version=1))
        units = [f"{name}@0.service" for name in ("one", "two", "mix-web")]
        machine.wait(lambda: machine.are_active(units), what=units)
        machine.wait(App(machine, "mix").is_done, what="the first rollout")
        machine.wait(App(machine, "one").is_done, what="the first rollout")
        settle(machine)
        assert (mounted(machine, "one-0"), mounted(machine, "two-0")) == (["data"], ["two-data"])
        assert machine.out("podman exec one-0 cat /data/file") == "kept" and not machine.ok("podman exec two-0 ls /data/file")

        # Its data would be left behind, so what is accepted runs on.
        define(machine, "one", SHORT.format("'data:/data'"))
        assert re.search(r"error: so far this is the Podman volume 'data'; now it would be 'one-data'.*\[volume-left\]", said(machine, "check"))
        machine.wait(lambda: "volume-left" in machine.journal("pyservice-config@one.service"), what="the journal")
        assert mounted(machine, "one-0") == ["data"]
        assert "the Podman volume 'data'" in said(machine, "doctor", "one")
        running = started(machine)["one-0"]
        define(machine, "one", SHORT.format("{volume: data, dest: /data}"))
        settle(machine)
        assert started(machine)["one-0"] == running and "volume-" not in said(machine, "check")

        # A volume that is there stays as it was: all say so, and no other instance writes it meanwhile.
        define(machine, "mix", MIX.format(data=LATE, version=2), reload=False)
        found = "the volume mix-data exists, and keeps no type (desired: 'none'), no device (desired: '/srv/late'), no options (desired: 'bind')"
        way = "pyservicectl stop mix && podman volume rm mix-data && pyservicectl start mix"
        plan = said(machine, "plan", "mix")
        assert f"  ! {found}; to remove it with its content and create it again: {way}\n" in plan
        assert re.search(r"  ! mix-web@0 has no spare: requests fail while it restarts \(about \d+ s\)\n", plan) and "@next" not in plan
        assert re.search(rf"mix.yaml:2:11: warning: {re.escape(found)}; .*{re.escape(way)} \[not-applied\]", said(machine, "check"))
        machine.reload()
        machine.wait(App(machine, "mix").is_done, what="the rollout")
        # It is shown before it is logged.
        machine.wait(lambda: f"runs; but {found}: {way}" in machine.out("journalctl -b -o cat PYSERVICE_APP=mix"), what="the journal")
        assert found in said(machine, "doctor", "mix")
        assert "Starting" not in machine.journal("mix-web@next.service"), "no second writer"

        machine.run(way)
        machine.wait(lambda: machine.is_active("mix-web@0.service"), what="the instance on its new volume")
        assert "/srv/late" in machine.out("podman volume inspect -f '{{.Options.device}}' mix-data")
        assert "/srv/late" in machine.unit("mix-data-volume.service")["RequiresMountsFor"]
        assert "the volume mix-data" not in said(machine, "check") + said(machine, "doctor", "mix")

        define(machine, "each", SHORT.format('"slot-{{ instance }}:/slot"') + "scale: 2\n")
        wait_for(machine, "each", 2)
        assert {"each-slot-0", "each-slot-1"} <= set(machine.out("podman volume ls -q").split())
        for name in ("one", "two", "mix", "each"):
            undefine(machine, name)
        machine.wait(machine.is_without_apps, what="all to stop")
        for name in ("one", "two", "mix", "each"):
            machine.run(["pyservicectl", "purge", "--yes", name])
        assert machine.out("podman volume ls -q").split() == ["data"]
    finally:
        machine.run("podman volume rm -f data", check=False)
