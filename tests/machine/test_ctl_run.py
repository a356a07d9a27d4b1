# SPDX-License-Identifier: Apache-2.0
"""pyservicectl run, exec, shell, logs and env: by hand what systemd does, and what all parts say."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from answers import read_answer
from app import define, settle, undefine, wait_for
from pace import PACE

TOKEN = "t0k'en \"$x\\ %"
SHOP = """image: localhost/hello:1
env: {PLAIN: "a b", LINES: "one\\ntwo", TOKEN: {secret: token}}
env_files: [/etc/shop.env, -/etc/missing.env]
secrets: {token: {credential: shop.token}}
volumes: [/srv/shop:/data]
services:
  - name: web
    port: 8000
    scale: 2
    env: {NUMBER: "number {{ instance }}"}
    proxy: {domains: [shop.example.com]}
    health: {command: "curl -fs http://localhost:8000/", interval: 1s}
sidecars:
  - {name: side, stop_timeout: 1, entrypoint: "", command: [sh, -c, "i=0; while :; do i=$((i+1)); echo side $i; sleep 0.2; done"]}
timers:
  - {name: nightly, schedule: "*-01-01 02:00", entrypoint: "", command: [sh, -c, "echo nightly out; echo nightly err >&2"]}
tasks:
  - {name: migrate, entrypoint: "", command: [sh, -c, "echo migrate out; echo migrate err >&2; exit $(cat /data/status)"]}
"""


@pytest.fixture
def shop(machine):
    machine.write("/etc/credstore/shop.token", TOKEN + "\n", 0o600)
    machine.write("/etc/shop.env", "# of the machine\nFROM_FILE=file value\nPLAIN=not this one\n", 0o600)
    machine.write("/srv/shop/status", "0\n")
    machine.since = "--since=" + machine.out("date +@%s.%N")[:-3]
    machine.out("journalctl --sync")
    define(machine, "shop", SHOP)
    wait_for(machine, "shop-web", 2)
    settle(machine)
    yield machine
    machine.remove("/srv/shop")


def ctl(machine, *words, check=True, **options):
    return machine.run(["pyservicectl", *words], check=check, **options)


def leftovers(machine):
    """Containers of one-offs, and their secrets."""
    return machine.out("podman ps -a --format '{{.Names}}' | grep -e -run- ; ls /run/pyservice/secrets | grep -e -run- ; true")


class Terminal:
    """A command in the machine on a terminal of 80 columns."""

    def __init__(self, machine, command):
        self.control, terminal = pty.openpty()
        self.process = machine.popen(["setsid", "--ctty", "--wait", *command], stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self.seen = b""

    def read_until(self, mark, timeout=60):
        deadline = time.monotonic() + timeout * PACE
        while mark not in self.seen:
            ready, _, _ = select.select([self.control], [], [], max(0, deadline - time.monotonic()))
            assert ready, self.seen
            self.seen += os.read(self.control, 4096)

    def type(self, text):
        os.write(self.control, text)

    def end(self):
        with contextlib.suppress(OSError):      # at its end; one whose output nobody reads would wait
            self.read_until(b"\0")
        status = self.process.wait(60 * PACE)
        os.close(self.control)
        return status


# --- run ---

def check_a_command(shop):
    code = "import os, json, sys; print(json.dumps({**os.environ, 'STDIN': sys.stdin.read(), 'SECRET': open('/run/secrets/token').read()})); sys.exit(7)"
    done = shop.run(["env", "HTTP_PROXY=http://of-this-shell", "TOKEN=of this shell", "pyservicectl", "run", "shop", "--", "python3", "-c", code], input="typed", check=False)
    assert done.returncode == 7, done.stderr
    seen = json.loads(done.stdout)
    assert "HTTP_PROXY" not in seen
    instance = dict(line.split("=", 1) for line in shop.run(["podman", "exec", "shop-web-0", "env", "-0"]).stdout.split("\0") if line)
    for name in ("PLAIN", "LINES", "TOKEN", "FROM_FILE", "NUMBER", "PATH"):
        assert seen[name] == instance[name], name
    assert [seen["STDIN"], seen["SECRET"], seen["TOKEN"]] == ["typed", TOKEN + "\n", TOKEN]
    assert re.fullmatch(r"shop-run-[0-9a-f]{4}", seen["HOSTNAME"])
    assert leftovers(shop) == ""

    # What a shell needs to be its own: nothing published, nothing balanced, no journal; labels, volumes and network as the service has them.
    running = shop.popen(["pyservicectl", "run", "shop/web@1", "--", "sh", "-c", "echo $NUMBER; read line; echo for-nobody"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"number 1\n"
    name = shop.out("podman ps --format '{{.Names}}' | grep -e -run-")
    about = json.loads(shop.out(["podman", "inspect", name]))[0]
    assert not any(about["HostConfig"]["PortBindings"].values())
    assert about["Config"]["Labels"]["io.pyservice.app"] == "shop" and about["Config"]["Labels"]["io.pyservice.run"] == "yes"
    assert "PODMAN_SYSTEMD_UNIT" not in about["Config"]["Labels"]
    assert "/data" in [mount["Destination"] for mount in about["Mounts"]]
    assert about["ImageName"] == "localhost/hello:1"
    assert "-run-" not in shop.out("echo show stat | socat - /run/haproxy/admin.sock 2>/dev/null || grep -rh server /run/pyservice/haproxy")
    running.communicate(b"\n", 60 * PACE)
    assert "for-nobody" not in shop.journal()


def check_it_needs_no_instance(shop):
    define(shop, "shop", SHOP.replace("scale: 2", "scale: 0"))
    shop.wait(lambda: not {"shop-web-0", "shop-web-1"} & shop.containers().keys(), what="no instances")
    assert ctl(shop, "run", "shop", "--", "printenv", "TOKEN").stdout == TOKEN + "\n"
    done = ctl(shop, "exec", "shop", "--", "true", check=False)
    assert [done.returncode, done.stdout] == [1, ""]
    assert "no instance of 'shop' is running; 'pyservicectl status shop' shows why" in done.stderr


def check_the_owner(shop):
    """Who runs it the setup finds out."""
    define(shop, "owned", """image: localhost/hello:1
user: owned
port: 8000
health: {command: "curl -fs http://localhost:8000/", interval: 1s}
files: [{dest: "{{ app_config }}", content: "x"}]
""")
    wait_for(shop, "owned", 1)
    uid = shop.out("id -u owned")
    assert ctl(shop, "run", "owned", "--", "id", "-u").stdout == ctl(shop, "exec", "owned", "--", "id", "-u").stdout == f"{uid}\n"
    undefine(shop, "owned")
    shop.wait(lambda: "owned-0" not in shop.containers(), what="its end")
    ctl(shop, "purge", "--yes", "owned")


def check_a_missing_secret(shop):
    shop.remove("/etc/credstore/shop.token")
    done = ctl(shop, "run", "shop", "--", "true", check=False)
    assert done.returncode == 1
    assert "secret 'token' is missing" in done.stderr
    assert leftovers(shop) == ""


def check_a_terminal(shop):
    terminal = Terminal(shop, ["pyservicectl", "run", "shop", "--", "sh"])
    terminal.read_until(b"# ")
    terminal.type(b"tty; echo size $(stty size | wc -w)\n")
    terminal.read_until(b"size 2")
    assert b"/dev/pts/" in terminal.seen
    # Ctrl-C reaches what runs in it, and nothing else.
    terminal.type(b"sleep 1000\n")
    shop.wait("pgrep -x sleep -a | grep -q 1000", what="what is to be interrupted")
    terminal.type(b"\x03")
    terminal.type(b"echo after $?; exit 5\n")
    terminal.read_until(b"after 130")
    assert terminal.end() == 5
    assert leftovers(shop) == ""

    terminal = Terminal(shop, ["pyservicectl", "shell", "shop@1"])
    terminal.read_until(b"# ")
    terminal.type(b"echo on $(hostname) $NUMBER; tty; exit 6\n")
    terminal.read_until(b"on shop-web-1 number 1")
    assert terminal.end() == 6


def start_sleep(machine):
    running = machine.popen(["sh", "-c", "echo $$; exec pyservicectl run shop -- sh -c 'trap \"exit 9\" TERM; echo ready; while :; do sleep 0.1; done'"], stdout=subprocess.PIPE)
    process = running.stdout.readline().decode().strip()
    assert running.stdout.readline() == b"ready\n"
    return running, process


def check_signals(shop):
    running, process = start_sleep(shop)
    shop.run(["kill", "-TERM", process])
    assert running.wait(60 * PACE) == 9
    assert leftovers(shop) == ""

    running, process = start_sleep(shop)
    shop.run(["kill", "-KILL", process])
    assert running.wait(60 * PACE) == -signal.SIGKILL or running.returncode == 128 + signal.SIGKILL
    shop.wait(lambda: leftovers(shop) == "", what="nothing of it to be left")


def check_tasks(shop):
    tasks = read_answer("run APP", ctl(shop, "--json", "run", "shop").stdout)
    assert {(t["task"], t["kind"], t["unit"]) for t in tasks["tasks"]} == {("migrate", "task", "shop-migrate.service"), ("nightly", "timer", "shop-nightly.service")}
    done = ctl(shop, "run", "shop", "migrate")
    assert sorted(done.stdout.splitlines()) == ["migrate err", "migrate out"]
    assert done.stderr == ""
    shop.write("/srv/shop/status", "42\n")
    done = ctl(shop, "run", "shop", "migrate", check=False)
    assert done.returncode == 42
    assert sorted(done.stdout.splitlines()) == ["migrate err", "migrate out"]
    assert done.stderr == "pyservicectl: shop-migrate.service: ended with status 42\n"
    assert sorted(ctl(shop, "run", "shop", "nightly").stdout.splitlines()) == ["nightly err", "nightly out"]
    # Each line is in the journal once.
    said = shop.out(f"journalctl -b -o cat {shop.since} -u shop-migrate -u shop-nightly").splitlines()
    assert [said.count(line) for line in ("migrate out", "migrate err", "nightly out", "nightly err")] == [2, 2, 1, 1]
    done = ctl(shop, "run", "shop", "migrat", check=False)
    assert [done.returncode, done.stderr] == [1, "pyservicectl: shop has no task 'migrat'; did you mean 'migrate'?\n"]


# --- exec ---

def check_exec(shop):
    assert ctl(shop, "exec", "shop", "--", "printenv", "HOSTNAME", "TOKEN").stdout == f"shop-web-0\n{TOKEN}\n"
    assert ctl(shop, "exec", "shop/web@1", "--", "sh", "-c", "echo $NUMBER; cat", input="stdin").stdout == "number 1\nstdin"
    assert ctl(shop, "exec", "shop/side", "--", "hostname").stdout == "shop-side\n"
    assert ctl(shop, "exec", "shop", "--", "sh", "-c", "exit 9", check=False).returncode == 9
    # Without "--", options behind the command are its own.
    assert ctl(shop, "exec", "shop", "sh", "-c", 'printf "%s." "$@"', "--help", "--user", "--", "-f").stdout == "--user.--.-f."
    assert ctl(shop, "shell", "shop", input="hostname; exit 4\n", check=False).returncode == 4
    for words, said in ((["shop/wep"], "did you mean 'web'?"), (["shopp"], "did you mean 'shop'?"), (["shop@7"], "shop has no instance 7; the last one is 1")):
        done = ctl(shop, "exec", *words, "--", "true", check=False)
        assert done.returncode == 1 and said in done.stderr, done.stderr
    as_user = shop.run("setpriv --reuid=65534 --regid=65534 --clear-groups pyservicectl exec shop -- true", check=False)
    assert [as_user.returncode, as_user.stderr] == [1, "pyservicectl exec: this needs root; use --user for the user's own applications\n"]


# --- logs ---

def check_logs(shop):
    ctl(shop, "run", "shop", "migrate")
    ctl(shop, "run", "shop", "nightly")
    for i in range(2):
        shop.run(["podman", "exec", f"shop-web-{i}", "sh", "-c", f"printf 'from {i} \\033[31mred\\033[0m \\033]0;title\\007 \\377\\n' >/proc/1/fd/1"])
    for i in range(2):
        shop.wait(lambda: f"from {i}" in ctl(shop, "logs", f"shop/web@{i}").stdout, what="its line")
    # The rollout ends a moment after the instances are ready.
    shop.wait(lambda: re.search(r"^shop-rollout .* runs$", ctl(shop, "logs", "shop").stdout, re.M), what="the rollout to say so")
    shown = ctl(shop, "logs", shop.since, "shop").stdout.splitlines()
    for line in (r"shop-migrate \| \w+ \d+ [\d:]+ migrate out", r"shop-nightly \| .* nightly err", r"shop-side +\| .* side 1", r"shop-rollout +\| .* runs$",
                 r"shop-web@0 +\| .* from 0 red \\x1b]0;title\\x07 \\xff", r"shop-web@1 +\| .* Started shop-web@1.service.*"):
        assert len([s for s in shown if re.fullmatch(line, s)]) == 1, (line, shown)
    assert not [s for s in shown if re.search(r"container (create|died)|\| \S+ \d+ \S+ [0-9a-f]{64}$|<nwarn>|image.*skipped", s)]

    told = [read_answer("logs", line) for line in ctl(shop, "logs", "--json", shop.since, "shop").stdout.splitlines()]
    assert [line["time"] for line in told] == sorted(line["time"] for line in told)
    numbers = [line["message"] for line in told if line["unit"] == "shop-side.service" and line["by"] == "unit"]
    assert numbers == [f"side {i}" for i in range(1, len(numbers) + 1)], "each line once"
    assert ctl(shop, "logs", "--since", "2100-01-01", "shop").stdout == ""
    # To the microsecond: a line a moment older is not shown.
    moment = next(line["time"] for line in told if line["message"] == "side 2")
    since = shop.out(["date", "-d", moment, "+@%s.%6N"])
    assert json.loads(ctl(shop, "logs", "--json", "--since", since, "shop/side").stdout.splitlines()[0])["message"] == "side 2"
    assert len(ctl(shop, "logs", "-n", "3", "shop/side").stdout.splitlines()) == 3

    colored = Terminal(shop, ["pyservicectl", "logs", shop.since, "shop"])
    colored.read_until(b"from 1 red")
    assert colored.end() == 0
    colors = {name: set(re.findall(rb"\x1b\[(\d+)m" + name, colored.seen)) for name in (b"shop-web@0", b"shop-web@1")}
    assert [len(c) for c in colors.values()] == [1, 1] and colors[b"shop-web@0"] != colors[b"shop-web@1"]
    as_user = shop.run("setpriv --reuid=65534 --regid=65534 --clear-groups pyservicectl logs shop", check=False)
    assert [as_user.returncode, as_user.stdout] == [1, ""]
    assert "this user may read no entries" in as_user.stderr


def check_logs_that_come(shop):
    following = shop.popen(["pyservicectl", "logs", "--follow", "--json", "-n", "1", "shop"], stdout=subprocess.PIPE)
    lines = (json.loads(line) for line in following.stdout)
    first = next(line for line in lines if line["unit"] == "shop-side.service")
    number = int(first["message"].split()[1])
    for i in range(1, 6):
        assert next(line for line in lines if line["unit"] == "shop-side.service")["message"] == f"side {number + i}"
    # An instance that was not there when it began.
    define(shop, "shop", SHOP.replace("scale: 2", "scale: 3"))
    assert next(line for line in lines if line["unit"] == "shop-web@2.service" and line["by"] == "unit")
    # Who stops reading ends it, also while nothing is said.
    quiet = shop.popen("pyservicectl logs -f -n 0 shop/nightly", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for process in (following, quiet):
        process.stdout.close()
        assert process.wait(60 * PACE) == 0
    assert quiet.stderr.read() == b""


# --- env ---

def check_env(shop):
    plain = ctl(shop, "env", "shop").stdout
    told = read_answer("env", ctl(shop, "env", "--json", "shop").stdout)
    rows = {row["name"]: row for row in told["environment"]}
    assert {name: (row["kind"], row["secrets"]) for name, row in rows.items()} == {
        "PLAIN": ("definition", None), "LINES": ("definition", None), "TOKEN": ("definition", "token"), "NUMBER": ("definition", None),
        "FROM_FILE": ("env-file", None)}
    assert [rows["PLAIN"]["origin"], rows["FROM_FILE"]["origin"]] == ["shop.yaml:2", "/etc/shop.env"]
    for value in ("a b", "file value", "number", TOKEN):
        assert value not in plain + json.dumps(told)

    revealed = read_answer("env", ctl(shop, "env", "--json", "--reveal", "shop/web@1").stdout)
    assert {row["name"]: row["value"] for row in revealed["environment"]} == {
        "PLAIN": "a b", "LINES": "one\ntwo", "TOKEN": TOKEN, "NUMBER": "number 1", "FROM_FILE": "file value"}
    assert leftovers(shop) == ""
    as_user = shop.run("setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'pyservicectl env shop; pyservicectl env --reveal shop'", check=False)
    assert as_user.returncode == 1
    assert "TOKEN" in as_user.stdout and "FROM_FILE" not in as_user.stdout
    assert "/etc/shop.env" in as_user.stderr and "this needs root" in as_user.stderr


# --- all of it, on few machines: each takes its time to be cleaned ---

def test_commands(shop):
    check_tasks(shop)
    check_a_command(shop)
    check_a_terminal(shop)
    check_signals(shop)
    check_exec(shop)


def test_logs(shop):
    check_logs(shop)
    check_logs_that_come(shop)


def test_secrets(shop):
    check_env(shop)
    check_it_needs_no_instance(shop)
    check_a_missing_secret(shop)
    check_the_owner(shop)
