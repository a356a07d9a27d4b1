# SPDX-License-Identifier: Apache-2.0
"""Whatever a value holds, the container gets it byte for byte, and nothing else is made of it."""

import json
import re

import pytest

from app import HELLO, define, settle, started, wait_for

NASTY = {
    "quotes": "it's \"quoted\" `so`",
    "percent": "100% %i %n %% %h",
    "dollar": "$HOME ${PATH} $$ $(id)",
    "semicolon": ";",
    "semicolons": "a;b ; c",
    "hash": "# no comment",
    "backslash": "\\ \\n \\\\ \\x41 C:\\dir\\",
    "newline": "first\nsecond\n[Service]\nExecStartPre=/bin/touch /tmp/injected\n",
    "tab": "a\tb",
    "blanks": "  both  ends  ",
    "unicode": "données – 日本語 🐍",
    "empty": "",
    "option": "--privileged",
    "equals": "a=b=c",
    "braces": "{a,b} * ? [x] ~",
    "long": "x" * 300,
}


def as_yaml(value) -> str:
    """JSON is YAML, but for characters outside the BMP, which it writes as two escapes."""
    return json.dumps(value, ensure_ascii=False)


def environment(machine, port):
    """What the container was given; it writes bytes as Latin-1."""
    seen = machine.http(f"http://127.0.0.1:{port}/env").json()
    return {"argv": [text(word) for word in seen["argv"]],
            "environ": {name: text(value) for name, value in seen["environ"].items()}}


def text(latin: str) -> str:
    return latin.encode("latin-1").decode()


def port_of(machine, app, unit=None):
    return machine.ports(app)[unit or app, "0"]


def test_every_value_arrives(machine):
    names = {name: f"V_{name.upper()}" for name in NASTY}
    text = (HELLO + "proxy: {}\n"
            + "command: " + as_yaml(list(NASTY.values())) + "\n"
            + "env: " + as_yaml({names[n]: v for n, v in NASTY.items()} | {"PYSERVICE_HOST": "a host of my own"}) + "\n"
            + "labels: " + as_yaml({f"test.{n}": v for n, v in NASTY.items()}) + "\n")
    define(machine, "bytes", text)
    wait_for(machine, "bytes", 1)

    seen = environment(machine, port_of(machine, "bytes"))
    revision = machine.out("podman inspect --format '{{index .Config.Labels \"io.pyservice.revision\"}}' bytes-0").strip()
    assert {n: v for n, v in seen["environ"].items() if n.startswith("PYSERVICE_")} == {
        "PYSERVICE_APP": "bytes", "PYSERVICE_SERVICE": "bytes", "PYSERVICE_INSTANCE": "0", "PYSERVICE_REVISION": revision,
        "PYSERVICE_IMAGE": "localhost/hello:1", "PYSERVICE_HOST": "a host of my own"}
    assert seen["argv"] == list(NASTY.values())
    assert {n: seen["environ"].get(names[n]) for n in NASTY} == NASTY

    labels = json.loads(machine.out("podman inspect bytes-0"))[0]["Config"]["Labels"]
    assert {n: labels.get(f"test.{n}") for n in NASTY} == NASTY
    assert not machine.exists("/tmp/injected")


def test_values_that_only_the_unit_knows(machine):
    """A new name of the machine is no new revision."""
    value = "{{ image }} {{ revision }} {{ hostname }} {{ instance }}"
    define(machine, "marks", f"""
image: localhost/hello:1
services:
  - name: web
    port: 8000
    proxy: {{}}
    health: {{http: /health, interval: 1s}}
    command: ["{value}"]
    env: {{ORIGIN: "{value}", TWO: "$ %H ${{PYSERVICE_REVISION}}"}}
    labels: {{test.origin: "{value}"}}
tasks:
  - {{name: once, entrypoint: "", command: ["printenv", "ORIGIN"], env: {{ORIGIN: "task {{{{ revision }}}} on {{{{ hostname }}}}"}}}}
""")
    wait_for(machine, "marks-web", 1)
    labels = json.loads(machine.out("podman inspect marks-web-0"))[0]["Config"]["Labels"]
    own, name = labels["io.pyservice.revision"], machine.out("hostname").strip()
    seen, wanted = environment(machine, port_of(machine, "marks", "marks-web")), f"localhost/hello:1 {own} {name} 0"
    assert seen["argv"] == [wanted] and seen["environ"]["ORIGIN"] == wanted and labels["test.origin"] == wanted
    assert seen["environ"]["TWO"] == "$ %H ${PYSERVICE_REVISION}"
    assert re.search(rf"^task [0-9a-f]{{12}} on {name}$", machine.out("pyservicectl run marks once"), re.M)
    assert machine.out(["pyservicectl", "run", "marks", "--", "printenv", "ORIGIN"]).strip() == wanted

    before = started(machine)
    try:
        machine.run(["hostname", "other"])
        machine.reload()
        machine.wait(lambda: "PYSERVICE_HOST=other" in machine.out("systemctl show --property=ExecStart marks-web@0.service"), what="the new name")
        settle(machine)
        assert started(machine) == before
    finally:
        machine.run(["hostname", name])
        machine.reload()


def test_a_command_as_text_is_split_like_a_shell_would(machine):
    words = "one 'two words' \"th\\\"ree\" four\\ five $HOME ; %i {{ instance }}"
    define(machine, "split", HELLO + f"proxy: {{}}\ncommand: {words}\n")
    wait_for(machine, "split", 1)
    assert environment(machine, port_of(machine, "split"))["argv"] == [
        "one", "two words", 'th"ree', "four five", "$HOME", ";", "%i", "0"]


@pytest.mark.parametrize("line", [
    'image: "localhost/hello:1\\nExecStartPre=/bin/touch /tmp/injected"',
    'image: "localhost/hello:1 --privileged"',
    'network: "host\\nPodmanArgs=--privileged"',
    'user: "root --privileged"',
    'volumes: ["/:/host:rw --privileged"]',
    'volumes: ["../etc:/etc"]',
    'publish: ["80:80 --privileged"]',
    'workdir: "/a b\\nExec=x"',
    'proxy: {domains: ["a b"]}',
    'proxy: {backend: "x\\n  server evil 1.2.3.4:80"}',
    'proxy: {headers: {"X-A": "%[env(HOME)]"}}',
    'proxy: {path: "/x\\n  use_backend y"}',
    'hosts: ["x\\nConditionHost="]',
    'requires: ["x.service\\nBefore=sysinit.target"]',
    'secrets: {x: {file: "/etc/../etc/shadow"}}',
    'secrets: {"../x": {file: /etc/shadow}}',
    'quadlet: {Service: {ExecStart: "/bin/touch /tmp/injected"}}',
    'quadlet: {Service: {"Type=oneshot\\nX": "1"}}',
    'stop_signal: "SIGTERM --privileged"',
])
def test_what_could_become_something_else_is_refused(machine, line):
    image = "" if line.startswith("image:") else "image: localhost/hello:1\n"
    define(machine, "inject", f"{image}port: 8000\n{line}\n")
    assert not machine.exists("/run/systemd/generator/inject@.service")
    machine.wait("systemctl is-failed pyservice-config@inject.service", what="the error to be shown")
    assert not machine.exists("/tmp/injected")
