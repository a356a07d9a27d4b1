# SPDX-License-Identifier: Apache-2.0
"""pyservicectl plan, apply and try: what is said beforehand is what then happens, and a try that nobody confirms goes back."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import termios
import time

from answers import read_answer
from app import define, settle, started, tree, wait_for
from load import COUNT
from pace import PACE, limit
from rolling import App, text

JOBS = """image: localhost/hello:1
env: {{VERSION: '{version}', PASSWORD: 'geheim-{version}', HELLO_QUIET: 1}}
volumes: ['{count}:/count']
services:
  - {{name: web, port: 8000, scale: {scale}, health: {{http: /health, interval: 1s}}, proxy: {{domains: [jobs.example.com]}}}}
  - {{name: worker}}
sidecars: [{{name: helper}}]
tasks: [{{name: migrate, entrypoint: /bin/sh, command: [-c, 'echo $VERSION >>/count/migrated']}}]
timers: [{{name: nightly, schedule: '{schedule}', entrypoint: /bin/true}}]
before_update: [migrate]
rollout: {{min_ready: 500ms}}
"""
PLAIN = "image: localhost/hello:1\nport: 8000\nhealth: {http: /health, interval: 1s}\nentrypoint: /bin/sh\nstop_timeout: 1s\n"


def jobs(version, scale=2, schedule="*-*-* 03:00:00"):
    return JOBS.format(version=version, scale=scale, schedule=schedule, count=COUNT)


def plan(machine, *words, status=0):
    done = machine.run(["pyservicectl", "plan", "--json", *words], check=False)
    assert done.returncode == status, done.stderr
    return read_answer("plan", done.stdout)


def actions(answer, action, *kinds):
    """The names of what is done to units of these kinds."""
    return {one["name"] for app in answer["apps"] for one in app["actions"] if one["action"] == action and one["kind"] in kinds}


def container_of(unit):
    return unit.removesuffix(".service").replace("@", "-")


class Terminal:
    """A command of the machine on a terminal of its own."""

    def __init__(self, machine, *words):
        self.master, slave = pty.openpty()
        self.text = ""
        self.process = machine.popen(list(words), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def read(self, timeout):
        """False at its end."""
        if not select.select([self.master], [], [], timeout)[0]:
            return True
        with contextlib.suppress(OSError):
            data = os.read(self.master, 4096)
            self.text += data.decode(errors="replace")
            return bool(data)
        return False

    def wait(self, pattern, timeout=60):
        deadline = time.monotonic() + timeout * PACE
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline and self.read(0.2), f"no {pattern!r} in\n{self.text}"

    def type(self, line):
        os.write(self.master, line.encode())

    def end(self, timeout=60):
        """Its exit status; all that it said is in `text`."""
        deadline = time.monotonic() + timeout * PACE
        while self.read(0.2):
            assert time.monotonic() < deadline, self.text
        return self.process.wait(timeout * PACE)

    def hang_up(self):
        os.close(self.master)


def traces(machine):
    return [name for name in machine.out("ls -a /run /tmp").splitlines() if "pyservice" in name]


def switches(machine):
    return machine.out("systemctl list-units --all --plain --no-legend 'pyservice-try-*'")


def test_what_is_planned_is_what_happens(machine):
    hello = App(machine)
    machine.run(f"rm -f {COUNT}/migrated")
    hello.define(1, 2, reload=False)
    define(machine, "old", "image: localhost/hello:1\n", reload=False)
    define(machine, "broken", "image: localhost/hello:1\nenv: {HELLO_QUIET: 1}\n", reload=False)
    define(machine, "jobs", jobs(1), reload=False)

    # Of the name Podman has one image, and for another platform it is not that one.
    define(machine, "mainframe", "image: localhost/hello:1\nplatform: linux/s390x\n", reload=False)
    assert [actions(plan(machine, app), "pull", "image") for app in ("mainframe", "hello")] == [{"localhost/hello:1"}, set()]
    machine.remove("/etc/pyservice.d/mainframe.yaml")

    first = plan(machine)
    assert first["summary"] == {"start": 8, "restart": 0, "stop": 0, "tasks": 1, "held_back": 0, "changed": 4}
    assert not machine.exists("/run/pyservice/apps/hello")
    machine.reload()
    hello.wait(1, 2)
    machine.wait(lambda: "jobs-helper" in machine.containers() and App(machine, "jobs").is_done(), what="jobs")
    wait_for(machine, "old", 1)
    wait_for(machine, "broken", 1)
    settle(machine)
    assert actions(first, "start", "instance", "sidecar") == {
        "hello@0.service", "hello@1.service", "old@0.service", "broken@0.service", "jobs-web@0.service", "jobs-web@1.service",
        "jobs-worker@0.service", "jobs-helper.service"}
    nothing = machine.run(["pyservicectl", "plan"])
    assert nothing.stdout == "Nothing changes.\nPlan: 0 to start, 0 to restart, 0 to stop, 0 tasks to run.\n"

    # One more of hello; another revision of jobs; old goes; the file of broken is.
    before, files, trace = started(machine), tree(machine), traces(machine)
    hello.define(1, 3, reload=False)
    define(machine, "jobs", jobs(2, schedule="*-*-* 04:00:00"), reload=False)
    machine.remove("/etc/pyservice.d/old.yaml")
    define(machine, "broken", "image: localhost/hello:1\nscale: many\n", reload=False)
    answer = plan(machine, status=1)
    said = machine.run(["pyservicectl", "plan", "--diff"], check=False)
    assert said.returncode == 1
    assert tree(machine) == files and started(machine) == before and traces(machine) == trace
    machine.reload()
    hello.wait(1, 3)
    machine.wait(lambda: App(machine, "jobs").is_done() and "old-0" not in machine.containers(), what="the rollout of jobs")
    settle(machine)
    after = started(machine)

    assert {container_of(unit) for unit in actions(answer, "start", "instance", "sidecar")} == after.keys() - before.keys()
    assert {container_of(unit) for unit in actions(answer, "stop", "instance", "sidecar")} == before.keys() - after.keys()
    assert {container_of(unit) for unit in actions(answer, "restart", "instance", "sidecar")} == \
        {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert actions(answer, "run", "task") == {"jobs-migrate.service"} and machine.read(f"{COUNT}/migrated").split() == ["1", "2"]
    assert actions(answer, "change", "timer") == {"jobs-nightly.timer"}
    assert answer["summary"] == {"start": 1, "restart": 4, "stop": 1, "tasks": 1, "held_back": 1, "changed": 3}
    assert [app["app"] for app in answer["apps"] if app["held_back"]] == ["broken"]
    assert actions(answer, "change", "haproxy") == set(), "it has servers for further instances already"

    # In words.
    assert said.stdout.endswith("\nPlan: 1 to start, 4 to restart, 1 to stop, 1 task to run. 1 application is held back.\n")
    assert "broken.yaml:2:8: error: 'many' is not a valid number" in said.stdout and "  ~ restart  jobs-web@0, jobs-web@1\n" in said.stdout
    assert "+Upholds=hello@2.service\n" in said.stdout and "+PASSWORD=(hidden, another value)\n" in said.stdout
    assert "geheim" not in said.stdout + said.stderr + json.dumps(answer)

    # A file that does not exist yet, and one app of several.
    machine.write("/root/other.yaml", "image: localhost/hello:1\nscale: 2\n", 0o600)
    other = plan(machine, "/root/other.yaml")
    assert actions(other, "start", "instance") == {"other@0.service", "other@1.service"} and other["others"] == []
    assert not machine.exists("/etc/pyservice.d/other.yaml")
    hello.define(1, 2, reload=False)
    only = plan(machine, "jobs")
    assert [app["change"] for app in only["apps"]] == ["none"] and only["others"] == ["hello"]
    unknown = machine.run(["pyservicectl", "plan", "helo"], check=False)
    assert unknown.returncode == 1 and "did you mean 'hello'?" in unknown.stderr
    assert "this needs root" in machine.run("setpriv --reuid=65534 --regid=65534 --clear-groups pyservicectl plan", check=False).stderr


def test_apply(machine):
    app = App(machine)
    app.define(1, 1, reload=False)
    refused = machine.run(["pyservicectl", "apply"], check=False)
    assert refused.returncode == 2 and "standard input is not a terminal" in refused.stderr and "Plan: 1 to start" in refused.stdout
    terminal = Terminal(machine, "pyservicectl", "apply")
    terminal.wait(r"Do this\? \[y/N\]")
    terminal.type("n\n")
    assert terminal.end() == 1 and "Nothing done." in terminal.text and app.containers() == {}
    terminal = Terminal(machine, "pyservicectl", "apply", "hello")
    terminal.wait(r"Do this\? \[y/N\]")
    terminal.type("y\n")
    assert terminal.end() == 0 and re.search(r"hello@0.service: started\s+Applied\.", terminal.text), terminal.text
    assert app.versions() == {"hello-0": "1"}

    # One more, in no rollout: it is waited for all the same.
    app.define(1, 2, reload=False)
    done = machine.run(["pyservicectl", "apply", "--yes", "--json"])
    answer = read_answer("apply", done.stdout)
    assert answer["outcome"] == "done" and answer["plan"]["summary"]["start"] == 1 and machine.is_active("hello@1.service")

    # What is not good is said, and goes on as it was.
    accepted = app.accepted()
    app.define(2, 2, reload=False, image="localhost/nowhere:1")
    bad = machine.run(["pyservicectl", "apply", "--yes"], check=False)
    assert bad.returncode == 1 and "nowhere:1" in bad.stdout and re.search(r"failed: .*its image could not be fetched", bad.stdout), bad.stdout + bad.stderr
    assert "  > pull     localhost/nowhere:1\n" in bad.stdout
    app.wait(1, 2)
    assert app.accepted() == accepted
    again = machine.run(["pyservicectl", "apply", "--yes", "--json"], check=False)
    assert again.returncode == 1 and json.loads(again.stdout)["outcome"] == "refused" and "nothing done" in again.stderr

    # One instance more, which does not start; and an application that is gone.
    unlucky = PLAIN + "command: [-c, 'case $HOSTNAME in *-1) echo no luck >&2; exit 3;; esac; exec /app/hello']\n"
    define(machine, "plain", unlucky)
    wait_for(machine, "plain", 1)
    machine.wait(App(machine, "plain").is_done, what="its acceptance")
    machine.remove("/etc/pyservice.d/hello.yaml")
    define(machine, "plain", unlucky + "scale: 2\n", reload=False)
    late = machine.run(["pyservicectl", "apply", "--yes", "plain"], check=False)
    assert "hello: hello@0.service: stopped" in late.stdout and "The same reload changes hello, too." in late.stdout
    assert late.returncode == 1 and "plain: plain@1.service: " in late.stderr and "no luck" in late.stderr, late.stderr


def test_try(machine):
    app, quick = App(machine), {"rollout": "spare: false, min_ready: 100ms"}
    app.define(1, 1, **quick)
    app.wait(1, 1)
    first = app.accepted()
    for words, said in ([[], "this needs a terminal"], [["--timeout=soon"], "invalid time 'soon'"]):
        refused = machine.run(["pyservicectl", "try", *words], check=False)
        assert refused.returncode == 2 and said in refused.stderr

    # Not confirmed: it goes back, pinned.
    app.define(2, 1, reload=False, **quick)
    terminal = Terminal(machine, "pyservicectl", "try", f"--timeout={limit(2)}")
    terminal.type("\n")             # too early to mean anything
    terminal.wait(r"! hello@0 has no spare: requests fail while it restarts \(about [1-9][0-9]* s\)\s")
    terminal.wait("Press ENTER")
    assert terminal.end() == 1 and "Rolled back." in terminal.text and f"hello is pinned to {first}" in terminal.text
    app.wait(1, 1)
    assert switches(machine) == "" and app.state()["pinned"].split()[0] == first

    # Confirmed: it stays.
    app.define(3, 1, reload=False, **quick)
    terminal = Terminal(machine, "pyservicectl", "try", "--timeout=10min")
    terminal.wait("Press ENTER")
    assert app.versions()["hello-0"] == "3" and "pyservice-try-hello.timer" in switches(machine)
    terminal.type("\n")
    assert terminal.end() == 0 and "Kept." in terminal.text
    app.wait(3, 1)
    assert switches(machine) == "" and "pinned" not in app.ctl("rollout", "status", "hello")

    # Killed, and the session lost: systemd sees to it, and we do.
    app.define(4, 1, reload=False, **quick)
    terminal = Terminal(machine, "pyservicectl", "try", "--timeout", limit(6))     # long enough for the kill
    terminal.wait("accepting revision|Press ENTER")
    machine.run("kill -9 $(pgrep -f '^pyservicectl try')")
    terminal.end()
    app.wait(3, 1)
    machine.wait(lambda: switches(machine) == "", what="the timer to be gone")

    app.define(5, 1, reload=False, **quick)
    terminal = Terminal(machine, "setpriv", "--pdeathsig", "clear", "--", "pyservicectl", "try", "--timeout", "10min")     # the lab would kill it
    terminal.wait("Press ENTER")
    terminal.hang_up()
    app.wait(3, 1)
    machine.wait(lambda: switches(machine) == "", what="the timer to be gone")

    # What does not work goes back by itself.
    app.define(5, 1, reload=False, image="localhost/nowhere:1", **quick)
    terminal = Terminal(machine, "pyservicectl", "try")
    assert terminal.end() == 1 and "could not be fetched" in terminal.text and "Rolled back" not in terminal.text and switches(machine) == ""
    app.wait(3, 1)

    # What can't go back is said before.
    define(machine, "other", "image: localhost/hello:1\n", reload=False)
    terminal = Terminal(machine, "pyservicectl", "try", "other")
    assert terminal.end() == 1 and "other: it is new, and would stay" in terminal.text and "nothing of this change could be rolled back" in terminal.text
    app.define(6, 2, reload=False, **quick)
    terminal = Terminal(machine, "pyservicectl", "try")
    terminal.wait(r"Do this\? \[y/N\]")
    terminal.type("n\n")
    assert terminal.end() == 1 and "its scale and times stay" in terminal.text and "other-0" not in machine.containers()
