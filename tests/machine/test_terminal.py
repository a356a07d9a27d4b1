# SPDX-License-Identifier: Apache-2.0
"""What a hostile container, registry, repository or HAProxy says reaches a terminal without control characters.

`exec`, `shell` and `run APP -- COMMAND` are not asked: as with Podman, the terminal is the container's there."""

import json
import re

import pytest

from app import define, wait_for
from pace import limit
from registry import INSECURE
from repository import BARE, Repository

# ESC and BEL, CSI as UTF-8 and as a byte, a character that is cut off.
EVIL = b"evil \x1b[2J\x1b]0;x\x07 \xc2\x9b2J \x9b2J \xe2\x80\xa8 \xc3"
ESCAPED = "".join(f"\\x{byte:02x}" for byte in EVIL)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\udc80-\udcff]")
FAILED = "cad48d3599b642bf97d442df792b28a5"

SERVER = r"""
import os, socket, sys
EVIL = b"%s"
os.write(2, EVIL + b"\n")
if len(sys.argv) > 1:
    sys.exit(int(sys.argv[1]))
server = socket.create_server(("", int(os.environ.get("PORT", "8000"))))
while True:
    peer, _ = server.accept()
    peer.recv(4096)
    try:
        peer.sendall(b"HTTP/1.1 " + os.environ.get("STATUS", "200").encode() + b" " + EVIL + b"\r\nContent-Type: application/json\r\nContent-Length: "
                     + b"%%d" %% (len(EVIL) + 40) + b"\r\nX-Evil: " + EVIL + b"\r\n\r\n"
                     + b'{"errors": [{"message": "' + EVIL + b" " * 12 + b'"}]}')
    except OSError:
        pass
    peer.close()
""" % ESCAPED

APP = """
image: localhost/hostile:1
port: 8000
scale: 2
health: {{http: /, interval: 1s}}
env: {{STATUS: "{status}"}}
command: {command}
rollout: {{ready_timeout: {limit}, min_ready: 1s}}
proxy: {{domains: [hostile.example.com]}}
tasks: [{{name: evil, entrypoint: /bin/sh, command: [-c, "printf '{octal}\\\\n'; exit 3"]}}]
"""
OCTAL = "".join(f"\\\\{byte:03o}" for byte in EVIL)


class Terminal:
    """Runs verbs, and searches all that they print."""

    def __init__(self, machine):
        self.machine = machine
        self.faults = []
        self.said = set()

    def run(self, *words, says_evil=False):
        if words[0] == "journalctl" or "logs" in words:
            self.machine.run("journalctl --sync")
        done = self.machine.run(list(words), check=False)
        text = done.stdout + done.stderr
        for match in CONTROL.finditer(text):
            self.faults.append((words, text[max(match.start() - 60, 0):match.end() + 20]))
            break
        assert not says_evil or "evil" in text, (words, text)
        return text

    def ctl(self, *words, **options):
        return self.run("pyservicectl", *words, **options)

    def wait_restart(self):
        self.machine.wait(lambda: int(self.machine.unit("hostile@0.service")["NRestarts"]) > 0, what="systemd to try again")

    def look(self):
        """The verbs that show facts, as text and as JSON."""
        for words in (["status"], ["status", "hostile"], ["ps"], ["doctor"], ["doctor", "hostile"], ["logs", "-n", "50", "hostile"], ["env", "hostile"],
                      ["rollout", "status", "--no-follow", "hostile"], ["rollout", "history", "hostile"], ["plan"], ["check"], ["graph"]):
            self.ctl(*words)
            self.ctl(words[0], "--json", *words[1:])

    def journal(self):
        """As an administrator reads it; journalctl itself shows no control character of a message, but all of a catalog's text."""
        for unit in "hostile-rollout@*", "hostile@*", "pyservice-proxy@*", "hostile-*-build", "hostile-*-image", "hostile-health":
            self.run("journalctl", "--no-pager", "-x", "-n", "100", "-u", unit)
        self.run("systemctl", "--no-pager", "status", "hostile@0", "hostile@next", "hostile-rollout@*", "pyservice-proxy@*", "pyservice-config@hostile")
        for entry in self.machine.out("journalctl -b -o json MESSAGE_ID=" + FAILED).splitlines():
            for name, value in json.loads(entry).items():
                if not isinstance(value, str) or CONTROL.search(value):
                    self.faults.append((name, value))

    def assert_clean(self):
        assert self.faults == []


@pytest.fixture
def terminal(machine):
    return Terminal(machine)


def script(command=()):
    return json.dumps(["-c", SERVER, *command])


def app(status="200", command=(), more=""):
    return APP.format(status=status, command=script(command), limit=limit(8), octal=OCTAL) + more


@pytest.fixture
def hostile(machine, terminal):
    """Its image has such labels and variables too."""
    machine.write("/root/label", EVIL.replace(b"\xc3", b""))
    machine.run('podman create --name evil localhost/hello:1 && podman commit -q --change "LABEL org.opencontainers.image.revision=\\"$(cat /root/label)\\""'
                ' --change "ENV EVIL=\\"$(cat /root/label)\\"" --change "ENTRYPOINT [\\"python3\\"]" evil localhost/hostile:1 && podman rm evil && rm /root/label')
    define(machine, "hostile", app())
    wait_for(machine, "hostile", 2)
    return terminal


def test_one_that_runs(hostile):
    hostile.look()
    hostile.ctl("logs", "hostile", says_evil=True)
    hostile.ctl("logs", "--json", "hostile", says_evil=True)
    hostile.ctl("run", "hostile", "evil", says_evil=True)
    for words in ["restart", "hostile@1"], ["restart", "hostile"], ["stop", "hostile"], ["start", "hostile"], ["update", "hostile"]:
        hostile.ctl(*words)
    hostile.machine.run("systemctl kill -s KILL hostile@0")
    hostile.look()
    hostile.journal()
    hostile.assert_clean()


@pytest.mark.parametrize("status, command", [("503", ()), ("200", ("3",))])
def test_one_that_does_not_become_ready(hostile, status, command):
    define(hostile.machine, "hostile", app(status, command), reload=False)
    hostile.ctl("apply", "--yes", says_evil=True)
    hostile.ctl("rollout", "status", "hostile", says_evil=True)
    # It is shown before it is logged.
    hostile.machine.wait(f"journalctl -b -q MESSAGE_ID={FAILED} | grep -qa evil", what="the failure in the journal")
    hostile.run("journalctl", "--no-pager", "-x", "MESSAGE_ID=" + FAILED, says_evil=True)
    hostile.look()
    hostile.journal()
    hostile.ctl("rollout", "retry", "hostile")
    hostile.ctl("rollout", "status", "hostile", says_evil=True)
    hostile.assert_clean()


def test_one_that_never_ran(terminal):
    """Nothing to go back to, and `start` says why."""
    define(terminal.machine, "hostile", app(command=("3",)).replace("localhost/hostile:1", "localhost/hello:1").replace("\ncommand: ", "\nentrypoint: python3\ncommand: "))
    terminal.wait_restart()
    terminal.ctl("start", "hostile", says_evil=True)
    terminal.ctl("restart", "hostile")
    terminal.look()
    terminal.journal()
    terminal.assert_clean()


def test_haproxy_that_refuses(hostile):
    """Also for what HAProxy says of a file that somebody else has the last word in."""
    machine = hostile.machine
    machine.write("/usr/local/sbin/haproxy", f"#!/bin/sh\ncase $* in *-c*) printf '[ALERT] (1) : config : {OCTAL.replace(chr(92) * 2, chr(92))}\\n' >&2; exit 1;; esac\n"
                  'exec /usr/sbin/haproxy "$@"\n', 0o755)
    define(machine, "hostile", app(more="").replace("hostile.example.com", "hostile.example.com, other.example.com"), reload=False)
    hostile.ctl("check", says_evil=True)
    hostile.ctl("apply", "--yes", says_evil=True)
    machine.reload()
    machine.wait("systemctl list-units --plain --no-legend --state=failed 'pyservice-proxy@*' | grep .", what="HAProxy's refusal")
    hostile.look()
    hostile.run("journalctl", "--no-pager", "-u", "pyservice-proxy@*", says_evil=True)
    hostile.journal()
    hostile.assert_clean()


def test_a_registry(terminal):
    machine = terminal.machine
    machine.write("/etc/containers/registries.conf.d/lab.conf", INSECURE.replace("5000", "5001"))
    machine.run(["podman", "run", "-d", "--name", "registry", "--network", "host", "--env", "PORT=5001", "--env", "STATUS=500",
                 "--entrypoint", "python3", "localhost/hello:1", "-c", SERVER])
    machine.wait("curl -s http://127.0.0.1:5001/v2/ | grep -a evil", what="the registry")
    define(machine, "hostile", "image: 127.0.0.1:5001/app:latest\nport: 8000\n")
    terminal.wait_restart()
    terminal.ctl("start", "hostile")
    terminal.ctl("update", "hostile")
    terminal.look()
    terminal.journal()
    machine.run("podman rm -f -t 0 registry")
    terminal.assert_clean()


def test_a_build(terminal):
    machine = terminal.machine
    repository = Repository(machine)
    repository.make()
    repository.put("Containerfile", f"FROM localhost/hello:1\nRUN printf 'Error: {OCTAL.replace(chr(92) * 2, chr(92))}\\n' >&2; exit 1\n")
    repository.commit()
    define(machine, "hostile", f"port: 8000\nsource: {{repo: {BARE}, ref: main, containerfile: Containerfile}}\n")
    terminal.wait_restart()
    terminal.run("journalctl", "--no-pager", "-b", "-g", "evil", says_evil=True)
    terminal.ctl("start", "hostile")
    terminal.ctl("update", "hostile", says_evil=True)
    terminal.look()
    terminal.journal()
    assert CONTROL.search(machine.read("/run/pyservice/builds/hostile.failed")) is None
    terminal.assert_clean()
