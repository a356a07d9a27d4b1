# SPDX-License-Identifier: Apache-2.0
"""Timers: work at times of the calendar, with the image and environment of the accepted revision."""

import json

from app import define, settle, started, undefine, wait_for

WEB = """image: localhost/hello:1
services:
  - name: web
    port: 8000
    health: {command: "curl -fs http://localhost:8000/", interval: 1s}
"""
EVERY_SECOND = '"*:*:*"'


def timer(name: str, command: str, schedule: str = EVERY_SECOND, more: str = "") -> str:
    """An item of `timers:`; what it writes goes to /srv/work of the machine."""
    return (f"  - name: {name}\n    schedule: {schedule}\n    entrypoint: \"\"\n    volumes: ['/srv/work:/work:create']\n"
            f"    command: [sh, -c, {json.dumps(command)}]\n{more}")


def app(*timers: str, more: str = "") -> str:
    return WEB + "timers:\n" + "".join(timers) + more


def prepare(machine) -> None:
    machine.run("rm -rf /srv/work")


def lines(machine, name: str) -> list[str]:
    return machine.run(f"cat /srv/work/{name}", check=False).stdout.splitlines()


def wait_lines(machine, name: str, n: int) -> list[str]:
    machine.wait(lambda: len(lines(machine, name)) >= n, what=f"{n} lines in {name}")
    return lines(machine, name)


def test_runs_at_its_times_and_never_twice_at_once(machine):
    prepare(machine)
    machine.write("/etc/credstore/gift.pin", "1234", mode=0o600)
    work = "echo begin $LEVEL $HOSTNAME $(cat /run/secrets/pin) >>/work/log; sleep 2.5; echo end >>/work/log"
    text = app(timer("tick", work, more="    env: {LEVEL: DEBUG}\n    secrets: {pin: {credential: gift.pin}}\n"))
    define(machine, "gift", text)
    wait_for(machine, "gift-web", 1)
    seen = wait_lines(machine, "log", 6)
    assert seen[:6] == ["begin DEBUG gift-tick 1234", "end"] * 3
    shown = machine.out("systemctl list-timers --no-legend gift-tick.timer").split()
    assert shown[-2:] == ["gift-tick.timer", "gift-tick.service"], shown
    assert machine.unit("gift-tick.timer")["UpheldBy"] == "gift.target"

    # When it runs is no part of the revision: no rollout, and nothing is restarted.
    before, revision = started(machine)["gift-web-0"], machine.read("/run/pyservice/apps/gift/revision")
    define(machine, "gift", text.replace(EVERY_SECOND, '"*-01-01 02:00"'))
    assert machine.read("/run/pyservice/apps/gift/revision") == revision
    machine.wait(lambda: "01-01 02:00:00" in machine.out("systemctl list-timers --no-legend gift-tick.timer"), what="the new time")
    assert started(machine)["gift-web-0"] == before


def test_a_failed_run_is_shown_and_the_next_one_comes(machine):
    prepare(machine)
    define(machine, "gift", app(timer("tick", "echo run >>/work/log; echo the disk is full >&2; exit 3"), timer("other", "echo ok >>/work/other")))
    wait_lines(machine, "log", 8)  # past the start limit of systemd's own
    machine.wait(lambda: "gift-tick.service" in machine.out("systemctl --failed --plain --no-legend"), what="the failure to be shown")
    machine.wait(lambda: machine.unit("gift-tick.service")["ExecMainStatus"] == "3", what="its status, which is there until it begins again")
    assert "the disk is full" in machine.journal("gift-tick.service")
    assert machine.is_active("gift-tick.timer")
    wait_for(machine, "gift-web", 1)
    wait_lines(machine, "other", 2)


def test_the_work_is_that_of_the_accepted_revision(machine):
    prepare(machine)
    text = app(timer("tick", "echo $LEVEL >>/work/log"), more="env: {LEVEL: old}\ntasks:\n  - {name: migrate, entrypoint: '', command: 'true'}\nbefore_update: [migrate]\n")
    define(machine, "gift", text)
    wait_lines(machine, "log", 1)
    define(machine, "gift", text.replace("LEVEL: old", "LEVEL: new").replace("'true'", "'false'"))
    machine.wait(lambda: "was tried and failed" in machine.run("pyservicectl check", check=False).stderr
                 or "gift-rollout@" in machine.out("systemctl --failed --plain --no-legend"), what="the rollout to fail")
    wait_lines(machine, "log", len(lines(machine, "log")) + 2)
    assert set(lines(machine, "log")) == {"old"}
    define(machine, "gift", text.replace("LEVEL: old", "LEVEL: new"))
    machine.wait(lambda: "new" in lines(machine, "log"), what="the new revision's work")


def test_removal_stops_the_timer_and_lets_its_work_end(machine):
    prepare(machine)
    work = "echo begin >>/work/log; while [ ! -e /work/go ]; do sleep 0.1; done; echo end >>/work/log"
    define(machine, "gift", app(timer("tick", work), timer("other", "true")))
    wait_for(machine, "gift-web", 1)
    wait_lines(machine, "log", 1)
    define(machine, "gift", app(timer("other", "true")))
    machine.wait(lambda: not machine.is_active("gift-tick.timer"), what="the timer to stop")
    assert "gift-tick" in machine.containers()
    machine.run("touch /srv/work/go")
    wait_lines(machine, "log", 2)
    machine.wait(lambda: "gift-tick" not in machine.containers(), what="the container to be gone")
    assert lines(machine, "log") == ["begin", "end"]
    assert machine.is_active("gift-other.timer")

    # The same for the whole app. What was due meanwhile is made up for when the timer comes back.
    machine.run("rm /srv/work/*")
    define(machine, "gift", app(timer("tick", work)))
    wait_lines(machine, "log", 1)
    undefine(machine, "gift")
    machine.wait(lambda: not machine.is_active("gift-tick.timer") and not machine.is_active("gift-web@0.service"), what="all to stop")
    assert "gift-tick" in machine.containers()
    machine.run("touch /srv/work/go")
    wait_lines(machine, "log", 2)
    machine.wait(lambda: "gift-tick" not in machine.containers(), what="the container to be gone")
    settle(machine)
    assert lines(machine, "log") == ["begin", "end"]


def test_apps_of_like_names_do_not_touch_each_other(machine):
    prepare(machine)
    define(machine, "giftwrap", app(timer("something", "echo short >>/work/short"), timer("x", "echo x >>/work/x")), reload=False)
    define(machine, "giftwrap-x", app(timer("something", "echo long >>/work/long")))
    for name in ("giftwrap-web", "giftwrap-x-web"):
        wait_for(machine, name, 1)
    for name in ("short", "x", "long"):
        wait_lines(machine, name, 1)
    before = started(machine)["giftwrap-x-web-0"]
    undefine(machine, "giftwrap")
    machine.wait(lambda: not machine.active_units() & {"giftwrap.target", "giftwrap-something.timer", "giftwrap-x.timer", "giftwrap-web@0.service"},
                 what="giftwrap to stop")
    settle(machine)
    machine.run("rm /srv/work/long /srv/work/short")
    wait_lines(machine, "long", 2)
    assert started(machine)["giftwrap-x-web-0"] == before
    assert lines(machine, "short") == []

    define(machine, "giftwrap", app(timer("something", "echo short >>/work/short")))
    wait_for(machine, "giftwrap-web", 1)
    undefine(machine, "giftwrap-x")
    machine.wait(lambda: not machine.active_units() & {"giftwrap-x.target", "giftwrap-x-something.timer", "giftwrap-x-web@0.service"}, what="giftwrap-x to stop")
    assert {"giftwrap.target", "giftwrap-something.timer", "giftwrap-web@0.service"} <= machine.active_units()
    wait_lines(machine, "short", len(lines(machine, "short")) + 2)


def test_a_run_that_was_missed_comes_after_the_boot(own_machine):
    machine = own_machine
    prepare(machine)
    daily = machine.out("date -d 'now + 12 hours' '+\"*-*-* %H:00:00\"'")      # not while the test runs
    define(machine, "gift", app(timer("kept", "echo kept >>/work/kept", daily), timer("lost", "echo lost >>/work/lost", daily, "    persistent: false\n"),
                                timer("tick", "echo tick >>/work/tick")))
    wait_for(machine, "gift-web", 1)
    wait_lines(machine, "tick", 1)
    assert lines(machine, "kept") == [], "a new timer has missed nothing"
    machine.run("touch -d '2 days ago' /var/lib/systemd/timers/stamp-gift-kept.timer && rm /srv/work/tick")
    machine.reboot()
    wait_for(machine, "gift-web", 1)
    wait_lines(machine, "kept", 1)
    wait_lines(machine, "tick", 2)
    settle(machine)
    assert (lines(machine, "kept"), lines(machine, "lost")) == (["kept"], [])
    assert machine.is_active("gift-lost.timer")
