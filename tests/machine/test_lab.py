# SPDX-License-Identifier: Apache-2.0
"""The machine itself: what the other tests rest on works in it."""

import base64

from held import Held

HELLO = """
[Unit]
Description=hello
[Container]
ContainerName=hello
Image=localhost/hello:1
PublishPort=127.0.0.1:8000:8000
Environment=INSTANCE=7
HealthCmd=curl -fs http://localhost:8000/health
HealthInterval=1s
Notify=healthy
StopTimeout=600
Exec=one "two words"
"""


def start_hello(machine):
    machine.write("/etc/containers/systemd/hello.container", HELLO)
    machine.reload()
    machine.run("systemctl start hello")


def test_container_becomes_healthy_and_answers(machine):
    start_hello(machine)
    assert machine.is_healthy("hello")
    assert machine.unit("hello.service")["ActiveState"] == "active"

    answer = machine.http("http://127.0.0.1:8000/", headers={"X-Test": "yes"}).json()
    assert (answer["version"], answer["instance"]) == ("1", "7")
    assert answer["headers"]["X-Test"] == "yes"
    assert machine.http("http://127.0.0.1:8000/env").json()["argv"] == ["one", "two words"]
    assert machine.http("http://127.0.0.1:8000/status/503", method="HEAD").status == 503
    assert machine.http("http://127.0.0.1:8000/count", method="POST").json() == {"count": 1}


def test_nothing_stays_from_the_test_before(machine):
    assert machine.podman_ps() == []
    assert not machine.exists("/etc/containers/systemd/hello.container")
    assert not machine.is_active("hello")
    assert machine.http("http://127.0.0.1:8000/").status == 0


def test_what_is_in_flight_is_answered_during_a_stop(machine):
    start_hello(machine)
    slow = Held(machine, "hello.example.com", 8000)
    machine.wait("ss -Htin state established dport = :8000 | grep -q 'bytes_acked:[0-9][0-9]'", what="the request, not only its connection")
    machine.run("systemctl stop --no-block hello")
    machine.wait(lambda: machine.http("http://127.0.0.1:8000/").status == 0, what="it to take nothing new")
    assert slow.end() == "200"
    machine.wait(lambda: machine.unit("hello.service")["ActiveState"] == "inactive", what="the end")
    assert "drained" in machine.journal("hello")


def test_haproxy_balances(machine):
    start_hello(machine)
    machine.write("/etc/haproxy/haproxy.cfg", "global\n  stats socket /run/haproxy/admin.sock\n"
                  "defaults\n  mode http\n  timeout connect 1s\n  timeout client 9s\n"
                  "  timeout server 9s\nlisten hello\n  bind 127.0.0.1:80\n"
                  "  server s 127.0.0.1:8000 check\n")
    machine.run("systemctl restart haproxy")
    assert machine.http("http://127.0.0.1/").json()["version"] == "1"


def test_written_file_is_as_before_1(machine):
    machine.write("/etc/haproxy/haproxy.cfg", b"\xff\n", mode=0o600)
    assert machine.out("stat -c %a /etc/haproxy/haproxy.cfg") == "600"
    assert machine.run("cat /etc/haproxy/haproxy.cfg").stdout.encode(
        errors="surrogateescape") == b"\xff\n"


def test_written_file_is_as_before_2(machine):
    assert "defaults" in machine.read("/etc/haproxy/haproxy.cfg")
    assert machine.is_active("haproxy")


def test_credentials_without_a_tpm(machine):
    sealed = machine.run("systemd-creds encrypt --with-key=host --name=x - -", input="secret").stdout
    base64.b64decode(sealed)
    machine.write("/etc/credstore.encrypted/x", sealed, mode=0o600)
    shown = machine.out("systemd-run --quiet --wait --pipe -p LoadCredentialEncrypted=x"
                        " systemd-creds cat x")
    assert shown == "secret"


def test_files_outlive_a_reboot(own_machine):
    own_machine.write("/etc/marker", "etc")
    own_machine.write("/var/lib/marker", "var")
    own_machine.write("/run/marker", "run")
    own_machine.run("podman create --name kept localhost/hello:2")
    boot = own_machine.read("/proc/sys/kernel/random/boot_id")

    own_machine.reboot()
    assert own_machine.read("/etc/marker") + own_machine.read("/var/lib/marker") == "etcvar"
    assert not own_machine.exists("/run/marker")
    assert list(own_machine.containers()) == ["kept"]

    own_machine.write("/etc/marker", "again")
    own_machine.reboot(hard=True)
    assert own_machine.read("/etc/marker") == "again"
    assert own_machine.out("systemctl is-system-running") == "running"
