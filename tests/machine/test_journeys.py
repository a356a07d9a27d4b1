# SPDX-License-Identifier: Apache-2.0
"""Four ways through the tool, each printed as a person would see it (tests/run machine -k journey -rP): from the installation to the first answer,
from a broken deployment to its cause, from a 502 to its cause, from a laptop to two machines. And the first command of an operator on call names the cause of each fault."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from app import HELLO, define, settle, undefine, wait_for
from pace import PACE

CTL = Path(os.environ.get("PYSERVICE_BUILD", "")) / "generator/pyservicectl"

SHOP = "image: localhost/hello:1\nport: 8000\nscale: 2\nhealth: {http: /health, interval: 1s}\nproxy: {domains: [shop.example.com]}\n"
ASK = "curl -sS -o /dev/null -w '%{http_code}\\n' -H 'Host: shop.example.com' http://127.0.0.1/"
# Answers its health check, and closes every other connection without an answer.
CLOSES = r"""python3 -c '
import socket
s = socket.create_server(("", 8000))
while True:
    c = s.accept()[0]
    if c.recv(9999).startswith(b"GET /health "):
        c.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    else:
        print("no answer: the upstream api.example.com is gone", flush=True)
    c.close()
'"""


class Person:
    """Types commands, and reads what they print."""

    def __init__(self, machine):
        self.machine = machine

    def types(self, command: str, *expected: str, status: int = 0) -> str:
        done = self.machine.run(f"export COLUMNS=120; {command}", check=False)
        text = done.stdout + done.stderr
        print(f"$ {command}\n{text}")
        assert done.returncode == status, (command, done.returncode, text)
        for pattern in expected:
            assert re.search(pattern, text, re.M), (pattern, text)
        return text

    def sees(self, command: str, *expected: str, status: int = 0) -> None:
        """As soon as it is so: then the same look is printed."""
        def look():
            done = self.machine.run(f"export COLUMNS=120; {command}", check=False)
            last[:] = [done.stdout + done.stderr]
            return done.returncode == status and all(re.search(pattern, last[0], re.M) for pattern in expected)
        last: list[str] = []
        self.machine.wait(look, 60, what=lambda: f"{command} to print {expected}: {last}")
        print(f"$ {command}\n{last[0]}")


@pytest.fixture
def person(machine):
    return Person(machine)


@pytest.fixture
def shop(person):
    define(person.machine, "shop", SHOP)
    wait_for(person.machine, "shop", 2)
    settle(person.machine)
    return person


def test_journey_to_the_first_answer(person):
    person.types("pyservicectl status", "there are no applications", "pyservicectl new")
    person.types("pyservicectl new --image=localhost/hello:1 shop", "/etc/pyservice.d/shop.yaml written")
    person.types("cat /etc/pyservice.d/shop.yaml", "^image: localhost/hello:1$", "^port: 8000$")
    person.types("sed -i 's/^# proxy:/proxy:/' /etc/pyservice.d/shop.yaml")
    person.types("pyservicectl check")
    person.types("pyservicectl plan", "shop is new", "1 to start")
    person.types("systemctl daemon-reload")
    person.types("pyservicectl rollout status shop")
    person.sees("pyservicectl status", "^shop +running +1 +1 +1 ")
    person.types("podman ps", " shop-0$")
    person.sees(ASK, "^200$")
    person.types("pyservicectl scale shop=3")
    person.sees("pyservicectl status", "^shop +running +3 +3 +3 ")


def test_journey_from_a_broken_deployment_to_its_cause(shop):
    crash = """'command: [-c, "echo no DATABASE_URL >&2; exit 3"]'"""
    shop.types(f"cd /etc/pyservice.d && cp shop.yaml /root/before && printf '%s\\n' 'entrypoint: /bin/sh' {crash} >>shop.yaml")
    shop.types("pyservicectl --yes apply shop", r"revision \w+ failed", 'exited with status 3.*last line: "no DATABASE_URL"', status=1)
    shop.types(ASK, "^200$")
    shop.sees("pyservicectl status", r"^shop +running +2 +2 +2 ", "^shop: rollout failed: .*no DATABASE_URL", status=3)
    shop.types("pyservicectl logs -n 20 shop", "no DATABASE_URL")
    shop.types("cp /root/before /etc/pyservice.d/shop.yaml && pyservicectl --yes apply shop")
    shop.sees("pyservicectl status", "^shop +running +2 +2 +2 ")


def test_journey_from_a_502_to_its_cause(person):
    define(person.machine, "shop", SHOP + "entrypoint: /bin/sh\ncommand:\n  - -c\n  - |\n" + re.sub("^", "    ", CLOSES, flags=re.M) + "\n")
    wait_for(person.machine, "shop", 2)
    settle(person.machine)
    person.sees(ASK, "^502$")
    for _ in range(10):
        person.machine.run(ASK)
    person.types("pyservicectl doctor", r"502 Bad Gateway .* 'shop' answered so to \d+ of \d+ recent requests", status=1)
    person.types("pyservicectl logs -n 5 shop", "upstream api.example.com is gone")
    define(person.machine, "shop", SHOP, reload=False)
    person.types("pyservicectl --yes apply shop", "Applied")
    person.sees(ASK, "^200$")


# How the fault is made, the operator's first command, what it names.
FAULTS = [
    ("sed -i 's/port: 8000/port: 9000/' /etc/pyservice.d/shop.yaml; systemctl daemon-reload",
     "status", r"^shop: rollout failed: .*GET /health .* on port 9000: .*[Cc]onnection refused; last line: \"listening on port 8000\""),
    ("sed -i 's/hello:1/hello:gone/' /etc/pyservice.d/shop.yaml; systemctl daemon-reload", "status", "localhost/hello:gone"),
    ("echo 'foo bar' >>/etc/haproxy/haproxy.cfg", "doctor", r"haproxy.cfg:\d+\] : unknown keyword 'foo'"),
    ("mount -t tmpfs -o size=64k tmpfs /var/lib/pyservice; cp /usr/bin/podman /var/lib/pyservice/full 2>/dev/null", "doctor",
     "/var/lib/pyservice: 0 % of the file system is free"),
]
REPAIR = """sed -i '/^foo bar$/d' /etc/haproxy/haproxy.cfg
! mountpoint -q /var/lib/pyservice || umount --lazy /var/lib/pyservice
"""
# Its own application, because a certificate has to be there before it is used.
TLS = SHOP.replace("domains: [shop.example.com]", "domains: [shop.example.com], tls: {certificate: /etc/shop.pem}")
EXPIRED = """cd /run && openssl req -newkey rsa:2048 -nodes -subj /CN=shop.example.com -keyout key -out request 2>/dev/null &&
openssl x509 -req -in request -signkey key -days 0 -out crt 2>/dev/null && cat crt key >/etc/shop.pem
while openssl x509 -checkend 0 -noout -in crt; do sleep 0.1; done"""
FORGOTTEN = """\
image: localhost/hello:1
services:
  - {name: web, port: 8000, health: {http: /health}, requires: [db]}
sidecars:
  - name: db
    entrypoint: ""
    command: [sh, -c, ': "${DB_PASSWORD:?parameter not set}"']
    restart: {delay: 100ms, max_delay: 500ms}
"""


def test_the_first_command_names_the_cause(shop):
    for make, command, cause in FAULTS:
        shop.machine.run(make, check=False)
        try:
            shop.sees(f"pyservicectl {command}", cause, status={"status": 3, "doctor": 1}[command])
        finally:
            shop.machine.run(REPAIR)


def test_a_crash_after_an_hour(shop):
    """It was ready long ago, and is ready again when somebody looks."""
    machine = shop.machine
    before = machine.unit("shop@0.service")["InvocationID"]
    machine.run("systemd-run -q --wait sh -c 'podman exec shop-0 sh -c \"echo worker lost its database >/proc/1/fd/2\"; podman kill --signal=KILL shop-0'")
    machine.wait(lambda: machine.unit("shop@0.service")["InvocationID"] not in ("", before), what="the restart")
    wait_for(machine, "shop", 2)
    shop.sees("pyservicectl status shop", "State: running, 2 declared, 2 running, 2 ready",
              r'Restart: shop@0: \S+ ago, ended by SIGKILL; last line: "worker lost its database"')
    shop.types("pyservicectl logs -n 50 shop", "worker lost its database")
    undefine(machine, "shop")


def test_an_expired_certificate(person):
    person.machine.run(EXPIRED)
    try:
        define(person.machine, "shop", TLS)
        wait_for(person.machine, "shop", 2)
        person.sees("pyservicectl doctor", "/etc/shop.pem expired on ", status=1)
    finally:
        person.machine.run("rm -f /etc/shop.pem")


def test_a_password_of_a_dependency_is_missing(person):
    define(person.machine, "shop", FORGOTTEN)
    person.sees("pyservicectl status", "^shop: shop-db: exited with status .*DB_PASSWORD: parameter not set", status=3)


SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift 2
exec {enter} sh -c "$*"
"""


@pytest.fixture
def laptop(machine, tmp_path):
    """Runs pyservicectl here, with an `ssh` that enters the machine, whatever its name."""
    def run(*words, status=0):
        done = subprocess.run([CTL, *words], cwd=tmp_path, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=200 * PACE)
        print(f"laptop$ pyservicectl {' '.join(words)}\n{done.stdout}")
        assert done.returncode == status, (words, done.returncode, done.stdout)
        return done.stdout
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH.format(enter=shlex.join(machine.lab.command([]))))
    ssh.chmod(0o755)
    run.file = tmp_path / "shop.yaml"
    return run


def test_journey_from_a_laptop(laptop, person):
    """Two machines in order: the second one is the first by another name, and so has nothing to do."""
    installed = "/etc/pyservice.d/shop.yaml"
    laptop.file.write_text(SHOP)
    assert "Plan: 2 to start" in laptop("-H", "web1", "plan", "./shop.yaml")
    assert not person.machine.exists(installed)
    text = laptop("-H", "web1,root@web2", "--yes", "apply", "./shop.yaml")
    first, second = text.removeprefix("==> web1 <==\n").split("==> root@web2 <==\n")
    assert f"\nshop: {installed} written\n" in first and first.endswith("\nApplied.\n") and "\nNothing changes.\n" in second
    assert person.machine.read(installed) == SHOP
    person.sees(ASK, "^200$")

    # What has an error does not become a definition, and no other machine gets it.
    laptop.file.write_text(SHOP.replace("port: 8000", "port: 80000"))
    for verb in ("check", "apply"):
        text = laptop("-H", "web1,root@web2", verb, "./shop.yaml", status=1)
        assert "shop.yaml:2:7: error: " in text and text.endswith("web1 failed with exit status 1; not run on root@web2\n")
    assert "nothing done; fix the errors" in text and person.machine.read(installed) == SHOP

    # A revision that fails is rejected there, and comes no further.
    laptop.file.write_text(SHOP + "entrypoint: /bin/sh\ncommand: [-c, 'echo no DATABASE_URL >&2; exit 3']\n")
    text = laptop("-H", "web1,root@web2", "--yes", "apply", "shop.yaml", status=1)
    assert re.search(r"revision \w+ failed", text) and "no DATABASE_URL" in text and text.endswith("; not run on root@web2\n")
    person.sees(ASK, "^200$")
    laptop.file.write_text(SHOP)
    laptop("-H", "web1", "--yes", "apply", "shop.yaml")

    assert laptop("-H", "web1", "exec", "shop", "sh", "-c", "echo \"it's $0\"; exit 7", "$(id) here", status=7) == "it's $(id) here\n"

    # A link in its place: the file that it leads to is written; nothing is, if it masks the application.
    person.types(f"mv {installed} /root/shop.yaml && ln -s /root/shop.yaml {installed} && ln -s /dev/null /etc/pyservice.d/masked.yaml")
    laptop.file.write_text(SHOP.replace("scale: 2", "scale: 1"))
    assert "shop: /root/shop.yaml written" in laptop("-H", "web1", "--yes", "apply", "shop.yaml")
    person.types(f"test -L {installed} && pyservicectl get shop scale", "^1$")
    laptop.file.with_name("masked.yaml").write_text(SHOP)
    assert "masked.yaml is not a regular file" in laptop("-H", "web1", "--yes", "apply", "masked.yaml", status=1)
    person.types("test -c /dev/null && ! ls -d /tmp/pyservice-?????? && rm /root/shop.yaml")
