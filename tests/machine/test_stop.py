# SPDX-License-Identifier: Apache-2.0
"""What stops or fails does so gently: it hears of it, leaves nothing behind, is reported once, and touches nothing else."""

import json
import re

from app import define, settle, started, undefine
from pace import limit
from rolling import App

STUBBORN = """sh -c 'trap "" TERM; while true; do sleep 0.2; done'"""
SLEEPER = 'python3 -c "import time; time.sleep(9999)"'


def ctl(machine, *words: str, check: bool = True) -> str:
    done = machine.run(["pyservicectl", *words], check=check)
    return done.stdout + done.stderr


def test_a_stop_reaches_what_runs(machine):
    """Python as the first process of a container ignores SIGTERM; behind an init it ends."""
    define(machine, "pid", f"""
image: localhost/base
services:
  - {{name: polite, command: '{SLEEPER}', stop_timeout: 90s}}
  - {{name: deaf, command: '{SLEEPER}', stop_timeout: 1s, init: false}}
sidecars:
  - {{name: side, command: '{SLEEPER}', stop_timeout: 90s}}
""")
    for unit in ("pid-polite@0", "pid-deaf@0", "pid-side"):
        machine.wait(lambda unit=unit: machine.is_active(f"{unit}.service"), what=f"{unit} to run")
    assert machine.out("podman exec pid-polite-0 cat /proc/1/cmdline | tr '\\0' ' '").startswith("/run/podman-init")
    ctl(machine, "stop", "pid")
    assert "resorting to SIGKILL" not in machine.journal("pid-polite@0.service") + machine.journal("pid-side.service")
    assert "resorting to SIGKILL" in machine.journal("pid-deaf@0.service")
    ctl(machine, "start", "pid")
    machine.wait(lambda: machine.is_active("pid-deaf@0.service"), what="it to run again")
    for verb in ("status", "doctor"):
        text = ctl(machine, verb, "pid", check=False)
        assert "pid-deaf@0.service" in text and "SIGKILL" in text, text
        assert "pid-polite" not in "".join(line for line in text.splitlines() if "SIGKILL" in line)
    # A new revision may be better: nothing is known of it yet.
    define(machine, "pid", machine.read("/etc/pyservice.d/pid.yaml").replace("9999", "8888"))
    machine.wait(lambda: "8888" in machine.out("podman inspect pid-deaf-0 --format '{{.Config.Cmd}}' || true"), what="the new revision")
    machine.wait(lambda: "SIGKILL" not in ctl(machine, "status", "pid", check=False), what="nothing to be reported")


def test_a_stop_while_it_starts(machine):
    """systemd runs no ExecStop= then."""
    define(machine, "ign", f"""
image: localhost/base
entrypoint: ""
stop_timeout: 2s
services:
  - name: asked
    command: {STUBBORN}
    port: 8000
    health: {{http: /}}
    proxy: {{domains: [ign.example.com], timeouts: {{drain: 1s}}}}
  - name: checked
    command: {STUBBORN}
    health: {{command: "false", interval: 1s, retries: 100}}
""")
    units = ["ign-asked@0.service", "ign-checked@0.service"]
    for unit in units:
        machine.wait(lambda unit=unit: machine.unit(unit)["SubState"] == "start-post" and machine.unit(unit).get("StatusText"),
                     what=f"{unit} to be asked")
    ctl(machine, "stop", "ign")
    for unit in units:
        journal = machine.journal(unit)
        assert "resorting to SIGKILL" in journal and "not ready: " in journal, "Podman stopped it, and its log has why it was not ready"
        for bad in ("conmon exited", "Killing process", "timed out"):
            assert bad not in journal, journal
        assert machine.unit(unit)["SubState"] in ("dead", "failed")
    assert not [name for name in machine.containers() if name.startswith("ign-")]


def test_a_timeout_is_called_a_timeout(machine):
    app = App(machine)
    app.define(1, 1)
    app.wait(1, 1)
    before = started(machine)
    text = machine.read("/etc/pyservice.d/hello.yaml")
    bad = "health: {command: 'echo not yet; exit 4', interval: 1s, retries: 100}\nrollout: {ready_timeout: %s, spare: true}\n" % limit(8)
    lines = [line for line in text.splitlines() if not line.startswith(("health:", "rollout:"))]
    define(machine, "hello", "\n".join(lines) + "\n" + bad)
    ((_, reason),) = app.wait_failed().items()
    assert re.search(r"not ready within \d+m?s: the health command failed: not yet", reason), reason
    assert 'last line: "listening on port' in reason, reason
    assert started(machine) == before


def starts(machine, unit: str) -> int:
    """How often systemd began to start it."""
    lines = machine.out(f"journalctl --sync; journalctl -b -o json UNIT={unit} JOB_TYPE=start").splitlines()
    return sum(entry["MESSAGE"].startswith("Starting ") for entry in map(json.loads, lines))


def test_restarts_back_off(machine):
    define(machine, "loop", """
image: localhost/base
services:
  - {name: short, command: "false", restart: {delay: 100ms, max_delay: 4s, max_starts: 7}}
  - {name: long, command: sleep 5, restart: {delay: 100ms, max_delay: 1s}}
  - {name: plain, command: sleep 1000, restart: on-failure}
""")
    short, long = "loop-short@0.service", "loop-long@0.service"
    machine.wait(lambda: machine.unit(short)["ActiveState"] == "failed", what="it to stay failed")
    machine.wait(lambda: starts(machine, long) >= 4, what="four starts of the one that runs for a while")
    assert int(machine.unit(long)["NRestarts"]) <= 1, "it ran well in between, so it is counted from zero"
    assert machine.unit(short)["RestartMaxDelayUSec"] == "4s"
    assert machine.unit("loop-plain@0.service")["RestartMaxDelayUSec"] == "1min"
    assert machine.unit(short)["RestartUSecNext"] not in ("100ms", "4s"), "longer than the first, and not yet the longest"
    machine.reload()
    assert starts(machine, short) == 7, "no longer upheld"
    machine.run("pyservicectl start --no-follow loop/short")
    machine.wait(lambda: starts(machine, short) > 7, what="a start that was asked for")


def refused(machine, command: str = "apply --yes") -> str:
    done = machine.run(f"pyservicectl {command}", check=False)
    assert done.returncode == 1 and re.search("nothing (done|changed): ", done.stderr), done
    return done.stderr


def test_a_full_disk_fails_a_rollout_once(machine):
    def reports() -> int:
        return machine.out("journalctl --sync; journalctl -b -o cat --output-fields=REASON PYSERVICE_APP=hello").count("No space left")

    machine.run("mount -t tmpfs -o size=512k,mode=0755 tmpfs /var/lib/pyservice")
    try:
        app = App(machine)
        app.define(1, 2)
        app.wait(1, 2)
        before = started(machine)
        machine.wait('[ -z "$(find /run/pyservice/unkept /run/pyservice/keeping -mindepth 1)" ]', what="`pyservice-rollout keep`, which writes too")
        settle(machine)
        app.define(2, 2, reload=False)
        machine.run("mount -o remount,nr_inodes=$(($(df --output=iused /var/lib/pyservice | tail -1) + 7)) /var/lib/pyservice")
        assert "/var/lib/pyservice has 7 inodes free, and needs 32; rollouts need it: 'du -xh'" in refused(machine)
        machine.run("mount -o remount,nr_inodes=10000 /var/lib/pyservice && cat /dev/zero >/var/lib/pyservice/.filler", check=False)
        for command in ("apply --yes", "set hello env.FULL yes"):
            assert "/var/lib/pyservice has 0 KiB free, and needs 128 KiB; rollouts need it: 'du -xh'" in refused(machine, command)
        assert app.versions() == app.expected(1, 2) and started(machine) == before
        app.define(2, 2)
        machine.wait(lambda: "No space left on device" in ctl(machine, "rollout", "status", "hello", check=False), what="the reason")
        machine.wait(lambda: "No space left on device" in ctl(machine, "status", "hello", check=False), what="the reason in status")
        assert machine.run(["pyservicectl", "status", "hello"], check=False).returncode != 0
        said, status = ctl(machine, "rollout", "status", "hello", check=False), ctl(machine, "status", "hello", check=False)
        assert said.count("No space left") == status.count("No space left") == 1, "once"
        assert "retry" not in said and "rejected" not in status, "it goes on by itself"
        assert "/var/lib/pyservice" in ctl(machine, "doctor", check=False)
        # It is shown before it is logged.
        machine.wait(lambda: reports() == 1, what="the reason in the journal")
        assert started(machine) == before
        spare = machine.out(["journalctl", "-b", "-o", "cat", "-u", "hello@next.service", f"--since=@{app.begin:.3f}"])
        assert "Starting" not in spare, "no spare starts in vain"
        machine.remove("/var/lib/pyservice/.filler")
        app.wait(2, 2)
        assert reports() == 1
    finally:
        undefine(machine, "hello")
        machine.wait(machine.is_without_apps, what="the application to stop")
        machine.run("umount -l /var/lib/pyservice")


def test_a_full_container_storage_fails_a_rollout_once(machine):
    storage = "/var/lib/containers/storage"
    machine.run(f"systemctl stop lab-podman && mount -t tmpfs -o size=64m tmpfs {storage}")
    try:
        app = App(machine)
        app.define(1, 2)
        app.wait(1, 2)
        before = started(machine)
        machine.run(f"mount -o remount,size=1m {storage}; cat /dev/zero >{storage}/.filler", check=False)
        app.define(2, 2)
        assert "no space left on device" in "".join(app.wait_failed().values()).lower()
        for words in (["rollout", "status", "hello"], ["status", "hello"]):
            assert "no space left on device" in ctl(machine, *words, check=False).lower(), words
        assert f"{storage}: 0 % of the file system is free" in ctl(machine, "doctor", check=False)
        assert started(machine) == before and len(app.failures()) == 1
        machine.run(f"rm {storage}/.filler; mount -o remount,size=64m {storage}")
        ctl(machine, "rollout", "retry", "hello")
        app.wait(2, 2)
    finally:
        undefine(machine, "hello")
        machine.wait(machine.is_without_apps, what="the application to stop")
        machine.run(f"systemctl stop lab-podman; umount -l {storage}")
        machine.podman_ps()     # starts it again


def test_nothing_of_what_is_gone_stays_failed(machine):
    define(machine, "mig", """
image: registry.invalid/no/such:1
tasks: [{name: migrate, image: localhost/base, command: "false"}]
before_update: migrate
services: [{name: web, command: sleep 1000}]
""")
    failed = "systemctl --failed --plain --no-legend"
    machine.wait(lambda: "mig-migrate.service" in machine.out(failed), what="the task to fail")
    machine.run("systemctl start --no-block mig-web@0.service")
    machine.wait(lambda: "-image.service" in machine.out(failed), what="the image not to be found")
    undefine(machine, "mig")
    machine.wait(lambda: machine.out(failed) == "", what="no failed unit")
    # Nor what ends in failure later.
    machine.run("systemctl start mig-migrate.service", check=False)
    machine.wait(lambda: machine.out(failed) == "", what="no failed unit again")
