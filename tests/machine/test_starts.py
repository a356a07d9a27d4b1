# SPDX-License-Identifier: Apache-2.0
"""What one instance does keeps no other from starting, and moves no port."""

from app import HELLO, define, instances_behind, undefine, wait_for
from held import requests_at
from test_drain import HOST

# One ignores that it is to end, as an interpreter does that is process 1.
PARTS = """image: localhost/hello:1
files: [{{dest: "{{{{ app_config }}}}", content: "x"}}]
services:
  - {{name: slow, entrypoint: "", command: [python3, -c, "import time; time.sleep(9999)"], stop_timeout: 10min, init: false}}
  - {{name: fast, port: 8000, scale: {scale}}}
{more}"""


def is_stopping(machine, unit: str) -> bool:
    return machine.unit(unit)["ActiveState"] == "deactivating"


def identifier(machine, container: str) -> str:
    return machine.run(["podman", "inspect", "--format", "{{.Id}}", container], check=False).stdout.strip()


def test_a_stop_keeps_no_start_waiting(machine):
    """systemd starts what two units come after only when neither of them stops: the image's unit, the set-up's."""
    define(machine, "two", PARTS.format(scale=1, more=""))
    machine.wait(lambda: machine.is_active("two-slow@0.service") and machine.is_active("two-fast@0.service"), what="both to run")
    machine.wait("grep -qsx 'phase done' /run/pyservice/rollouts/two")
    first = identifier(machine, "two-fast-0")
    machine.run("systemctl stop --no-block two-slow@0.service")
    machine.wait(lambda: is_stopping(machine, "two-slow@0.service"), what="one to stop")
    try:
        machine.run("podman kill -s KILL two-fast-0")
        machine.wait(lambda: machine.is_active("two-fast@0.service") and identifier(machine, "two-fast-0") not in ("", first), what="the crashed one to be back")
        define(machine, "two", PARTS.format(scale=2, more=""))
        machine.wait(lambda: machine.is_active("two-fast@1.service"), what="a further instance")
        define(machine, "two", PARTS.format(scale=2, more="  - {name: more, port: 8000}\n"))
        machine.wait(lambda: machine.is_active("two-more@0.service"), what="another service")
        assert is_stopping(machine, "two-slow@0.service"), "it ends when the test says so"
    finally:
        machine.run("podman kill -s KILL two-slow-0")
    machine.wait(lambda: machine.is_active("two-slow@0.service"), what="what stopped to be back, as its file says")
    undefine(machine, "two")
    machine.wait(lambda: is_stopping(machine, "two-slow@0.service"), what="it to stop for good")
    machine.run("podman kill -s KILL two-slow-0")


def test_an_image_that_was_removed_is_pulled_again(machine):
    """The image's unit is active from the first start on, and is asked again when there is no image."""
    define(machine, "hello", HELLO)
    wait_for(machine, "hello", 1)
    image = machine.out("podman image inspect --format '{{.Id}}' localhost/hello:1")
    machine.run("podman untag localhost/hello:1 && podman kill -s KILL hello-0")
    try:
        machine.wait(lambda: "localhost/hello" in machine.journal("hello-*-image.service"), what="the pull, which fails")
    finally:
        machine.run(f"podman tag {image} localhost/hello:1")
    wait_for(machine, "hello", 1)


def test_an_instance_keeps_its_port(machine):
    """Whatever happens to the scale while it drains."""
    def text(scale: int) -> str:
        return HELLO + f"scale: {scale}\nproxy: {{domains: [{HOST}], timeouts: {{drain: 10min}}}}\n"

    def ports() -> dict[str, str]:
        return {number: port for (_, number), port in machine.ports("hello").items() if number != "next"}

    define(machine, "hello", text(3))
    wait_for(machine, "hello", 3)
    before = {n: ports()[n] for n in "012"}
    streams = []
    try:
        machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": HOST}).status == 200, what="an answer")
        for _ in range(6):
            streams.append(machine.popen(f"exec curl -sN -H 'Host: {HOST}' -o /dev/null http://127.0.0.1/stream"))
        machine.wait(lambda: (at := requests_at(machine, "hello")) and all(at.get(f"hello-{n}") for n in before), what="a stream at each instance")
        define(machine, "hello", text(1))
        machine.wait(lambda: is_stopping(machine, "hello@1.service") and is_stopping(machine, "hello@2.service"), what="two to drain")
        define(machine, "other", HELLO + "scale: 2\nproxy: {}\n")
        assert {n: before[n] for n in "12"}.items() <= ports().items(), "they listen there, and nobody else gets these"
        assert f"PYSERVICE_PORT_2={before['2']}" in machine.unit("hello@2.service")["Environment"]
        define(machine, "hello", text(3))
        assert is_stopping(machine, "hello@1.service") and {n: before[n] for n in "012"} == {n: ports()[n] for n in "012"}
    finally:
        for stream in streams:
            stream.kill()
        machine.run("pkill -x curl", check=False)
    wait_for(machine, "hello", 3)
    assert {n: before[n] for n in "012"} == {n: ports()[n] for n in "012"}


PROXIED = HELLO + "rollout: {min_ready: 0}\nproxy: {domains: [hello.example.com]}\n"
ON_SEVERAL = """image: localhost/hello:1
networks: {front: {}, back: {}}
services:
  - name: web
    port: 8000
    health: {http: /health, interval: 1s}
    networks: [front.network, back.network]
"""
LOG_CALLS = '#!/bin/sh\necho "$*" >>/run/podman-calls\nexec /usr/bin/podman "$@"\n'


def test_a_start_asks_podman_for_no_address(machine):
    """Each process of Podman's costs a tenth of a second: the kernel knows the address of a container with one network."""
    machine.write("/usr/local/bin/podman", LOG_CALLS, 0o755)
    define(machine, "hello", PROXIED)
    wait_for(machine, "hello", 1)
    machine.wait(lambda: instances_behind(machine, "hello.example.com") == {"hello-0"}, what="HAProxy to send it requests")
    assert "image exists" in machine.read("/run/podman-calls")
    assert "inspect" not in machine.read("/run/podman-calls")


def test_podman_is_asked_for_an_address_that_is_not_plain(machine):
    """With several networks only Podman knows which is which; and who may change addresses is not believed."""
    machine.write("/usr/local/bin/podman", LOG_CALLS, 0o755)
    for name, text in ("several", ON_SEVERAL), ("mighty", HELLO + "cap_add: [NET_ADMIN]\n"):
        machine.run(": >/run/podman-calls")
        define(machine, name, text)
        machine.wait(f"grep -q 'phase done' /run/pyservice/rollouts/{name}", 60)
        assert "container inspect" in machine.read("/run/podman-calls")
