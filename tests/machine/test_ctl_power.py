# SPDX-License-Identifier: Apache-2.0
"""pyservicectl stop, start and restart: what is stopped stays so, and no client notices what need not be noticed."""

import subprocess

from app import define, settle, started, undefine, wait_for
from pace import limit
from rolling import App

SHOP = """\
image: localhost/hello:1
env: {{VERSION: '{version}'}}
services:
  - name: web
    port: 8000
    scale: {scale}
    health: {{http: /health, interval: 1s, start_period: LIMIT, timeout: LIMIT, retries: 1}}
    proxy: {{domains: [shop.example.com]}}
  - {{name: worker, scale: 1}}
sidecars: [{{name: cache}}]
timers: [{{name: nightly, schedule: "*-*-* 03:00:00", command: ["true"]}}]
rollout: {{min_ready: 500ms}}
""".replace("LIMIT", limit(10))
EVERYTHING = {"shop-web-0", "shop-web-1", "shop-worker-0", "shop-cache"}


def ctl(machine, *words: str) -> subprocess.CompletedProcess:
    return machine.run(["pyservicectl", *words], check=False)


def good(machine, *words: str) -> str:
    """On a slow machine it says meanwhile what it waits for; an error or a warning begins with the program's name."""
    done = ctl(machine, *words)
    assert done.returncode == 0 and "pyservicectl" not in done.stderr, done
    return done.stdout


def refused(machine, *words: str) -> str:
    done = ctl(machine, *words)
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr


def shop(machine, scale: int = 2, version: int = 1) -> None:
    define(machine, "shop", SHOP.format(scale=scale, version=version))


def wait_containers(machine, wanted: set[str]) -> None:
    machine.wait(lambda: set(machine.containers()) == wanted, what=lambda: f"{wanted}, not {set(machine.containers())}")


def marks(machine, app: str = "shop") -> list[str]:
    """The lines of what is stopped, without their times."""
    lines = machine.run(["cat", f"/run/pyservice/stopped/{app}"], check=False).stdout.splitlines()[1:]
    return sorted(" ".join((line.split()[0], line.split()[2])) for line in lines)


def test_no_request_fails(machine):
    app = App(machine)
    app.define(1, 2)
    app.wait(1, 2)
    with app.load("one of two stopped and started"):
        assert good(machine, "stop", "hello@1") == "hello@1 is stopped until 'pyservicectl start hello@1' or the next boot\n"
        assert set(app.containers()) == {"hello-0"}
        assert good(machine, "start", "hello@1") == "hello@1 is started\n"
        assert app.runs(app.expected(1, 2))
    before = started(machine)
    with app.load("restarted, scale 2"):
        said = good(machine, "restart", "hello").splitlines()
    assert said == ["hello@0: restarting", "hello@0: is back", "hello@1: restarting", "hello@1: is back"]
    after = started(machine)
    assert all(after[name] != before[name] for name in ("hello-0", "hello-1"))

    app.define(1, 1)
    app.wait(1, 1)
    before = started(machine)
    with app.load("restarted, scale 1"):
        said = good(machine, "restart", "hello@0").splitlines()
    assert said == ["hello@0: starting a spare, which answers in the meantime", "hello@0: restarting", "hello@0: is back"]
    assert started(machine).keys() == {"hello-0"} and started(machine) != before
    app.wait(1, 1)
    assert app.failures() == {}


def test_what_is_stopped_stays_so(machine):
    shop(machine)
    machine.wait(lambda: App(machine, "shop").is_done(), what="the first rollout")
    wait_containers(machine, EVERYTHING)
    good(machine, "stop", "shop/web@1", "shop/cache", "shop/nightly")
    left = {"shop-web-0", "shop-worker-0"}
    assert set(machine.containers()) == left and not machine.is_active("shop-nightly.timer")
    assert marks(machine) == ["now shop-cache", "now shop-nightly", "now shop-web@1"]
    assert "pyservicectl start shop/cache" in good(machine, "stop", "shop/cache")

    # Not by a reload, by hand, by an edit, by a crash, by a file that is broken.
    before = started(machine)
    machine.reload()
    machine.run("systemctl start shop-web@1 shop-cache")
    assert started(machine) == before
    shop(machine, scale=3)
    wait_containers(machine, left | {"shop-web-2"})
    machine.run("podman kill shop-web-0")
    machine.wait(lambda: started(machine).get("shop-web-0", "") not in ("", before["shop-web-0"]), what="it to be back")
    define(machine, "shop", SHOP.format(scale="many", version=1))
    settle(machine)
    wait_containers(machine, left | {"shop-web-2"})
    good(machine, "stop", "shop/web@2")         # as the file is
    wait_containers(machine, left)

    # It is no change of what is kept for a broken file, nor of the revision.
    stored = "grep -h '^part service shop-web ' /var/lib/pyservice/shop/bundles/*/record"
    machine.wait(lambda: machine.out(stored).split()[3] == "3", what="the scale to be kept whole")
    said = good(machine, "restart", "shop")
    assert "shop/web@1: is stopped, and stays stopped\n" in said and "shop/web@0: is back\n" in said and "cache: restarting" not in said
    assert set(machine.containers()) == left
    assert refused(machine, "restart", "shop/web@1") == "pyservicectl: shop/web@1 is stopped; 'pyservicectl start shop/web@1' starts it\n"

    # All of it; a rollout waits for its start.
    shop(machine, scale=2)
    good(machine, "stop", "shop")
    assert machine.containers() == {} and not machine.is_active("shop-nightly.timer")
    accepted = App(machine, "shop").accepted()
    shop(machine, scale=2, version=2)
    settle(machine)
    assert machine.containers() == {} and App(machine, "shop").accepted() == accepted
    assert "stopped; 'pyservicectl start shop' starts it" in ctl(machine, "status").stdout
    assert ctl(machine, "rollout", "status", "shop").stdout.endswith("shop: the application is stopped; 'pyservicectl start shop' continues\n")
    assert "all of shop is stopped; 'pyservicectl start shop' starts it" in refused(machine, "start", "shop/web@1")
    assert refused(machine, "restart", "shop") == "pyservicectl: shop is stopped; 'pyservicectl start shop' starts it\n"
    said = good(machine, "start", "shop")
    assert said == "shop is started\nshop: its rollout is still to come; 'pyservicectl rollout status shop' follows it\n"
    machine.wait(lambda: App(machine, "shop").is_done() and App(machine, "shop").accepted() != accepted, what="the rollout")
    wait_containers(machine, EVERYTHING)
    assert marks(machine) == [] and machine.is_active("shop-nightly.timer")

    # One that has nothing to restart.
    define(machine, "times", 'image: localhost/hello:1\nservices: []\ntimers: [{name: nightly, schedule: daily, command: ["true"]}]\n')
    machine.wait(lambda: App(machine, "times").is_done(), what="its first rollout")
    settle(machine)     # the rollout holds its lock a moment longer
    assert refused(machine, "restart", "times") == "pyservicectl: times: it has no running instances or sidecars to restart\n"
    undefine(machine, "times")

    # A new application of that name is another one.
    good(machine, "stop", "--now", "--lasting", "shop", "--no-follow")
    undefine(machine, "shop")
    machine.wait(lambda: not machine.exists("/var/lib/pyservice/shop/stopped"), what="the mark to go")
    assert marks(machine) == []


def test_a_restart_that_goes_wrong(machine):
    app = App(machine)
    app.define(1, 2)
    app.wait(1, 2)
    before = started(machine)
    said = machine.run("flock /run/pyservice/rollouts/hello.lock pyservicectl restart hello", check=False)
    assert said.returncode == 1 and "pyservicectl: hello: a rollout or a restart is under way" in said.stderr
    machine.write("/run/systemd/system/hello@0.service.d/fail.conf", "[Service]\nExecStartPre=/bin/sh -c 'echo Error: no disk; exit 3'\n")
    machine.reload()
    done = ctl(machine, "restart", "hello")
    assert done.returncode == 1 and done.stdout == "hello@0: restarting\n"
    assert "hello@0.service: it failed (exit-code)" in done.stderr and "hello: it did not come back, so 1 more were not restarted" in done.stderr
    machine.remove("/run/systemd/system/hello@0.service.d")
    machine.reload()
    app.wait(1, 2)
    assert started(machine)["hello-1"] == before["hello-1"], "the rest stays as it is"
    good(machine, "restart", "--no-follow", "hello@1")
    machine.wait(lambda: started(machine).get("hello-1", before["hello-1"]) != before["hello-1"], what="the restart")
    app.wait(1, 2)


def test_until_the_next_boot(own_machine):
    machine = own_machine
    for name in ("one", "two", "three"):
        define(machine, name, "image: localhost/hello:1\nscale: 2\n")
        wait_for(machine, name, 2)
        machine.wait(lambda: App(machine, name).is_done(), what=f"{name} to be accepted")
    good(machine, "stop", "one")
    good(machine, "stop", "--lasting", "--now", "two@1")
    assert good(machine, "stop", "--lasting", "three").startswith("three keeps running, and is stopped from the next boot on")
    wait_containers(machine, {"two-0", "three-0", "three-1"})

    machine.reboot(hard=True)
    wait_for(machine, "one", 2)
    wait_containers(machine, {"one-0", "one-1", "two-0"})
    settle(machine)
    assert [marks(machine, name) for name in ("one", "two", "three")] == [[], ["lasting two@1", "now two@1"], ["lasting *", "now *"]]
    assert machine.out("systemctl is-system-running") == "running"
    good(machine, "start", "two@1", "three")
    wait_containers(machine, {"one-0", "one-1", "two-0", "two-1", "three-0", "three-1"})

    machine.reboot()
    for name in ("one", "two", "three"):
        wait_for(machine, name, 2)
