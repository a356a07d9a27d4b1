# SPDX-License-Identifier: Apache-2.0
"""pyservicectl import: what a tool was told, and its import, run as the same container. Files and errors are tests/program/test_import.py's."""

import json

from app import wait_for
from machine import Machine

QUADLET = r"""# tests of what Podman is given in the end
[Unit]
Description=Probe, 100%% hostile

[Container]
Image=localhost/hello:1
Pull=never
Exec=one "two words" \
    # between two lines
    --price '$$5' "a\tb\"\x41 \\" 100%% {{x}} 'it''s'
Environment=LEVEL=info "GREETING=hello world" 'Q=it"s'
Environment=PCT=50%% DOLLAR=$$HOME BRACES={{x}}
EnvironmentFile=/root/in/more.env
Label=app=probe "title=The {{Probe}}"
Volume=data.volume:/data
Volume=/root/in/data:/mnt:ro
Tmpfs=/scratch:size=1m
PublishPort=127.0.0.1:8090:8000
AddCapability=NET_ADMIN
AddCapability=SYS_PTRACE
ReadOnly=true
User=1000
Group=1001
WorkingDir=/tmp
HealthCmd=curl -fs http://localhost:8000/
HealthInterval=1s
HealthTimeout=30s
HealthRetries=4
HealthStartPeriod=7s
Notify=healthy
StopTimeout=3
StopSignal=SIGINT
Ulimit=nofile=4096:4096
ShmSize=32m
Secret=token,type=env,target=API_TOKEN

[Service]
Restart=always
"""

URL = "http://127.0.0.1:8090"


def seen(machine: Machine, container: str) -> dict:
    """What Podman was told of a container, and what its process sees."""
    about = json.loads(machine.out(["podman", "inspect", container]))[0]
    config, host = about["Config"], about["HostConfig"]
    machine.wait(lambda: machine.http(f"{URL}/health").status == 200, what=f"{container} to answer")
    env = machine.http(f"{URL}/env").json()
    return {
        "argv": env["argv"],
        "environ": {name: value for name, value in env["environ"].items() if name not in ("HOSTNAME", "container") and not name.startswith("PYSERVICE_")},
        "command": config["Cmd"], "user": config["User"], "workdir": config["WorkingDir"], "stop": [config["StopTimeout"], config["StopSignal"]],
        "labels": {name: value for name, value in config["Labels"].items() if not name.startswith(("io.pyservice.", "PODMAN_"))},
        "health": [config["Healthcheck"].get(key) for key in ("Test", "Interval", "Timeout", "Retries", "StartPeriod")],
        "host": [host[key] for key in ("CapAdd", "ReadonlyRootfs", "Tmpfs", "PortBindings", "ShmSize")],
        "ulimits": [limit for limit in host["Ulimits"] if limit["Name"] == "RLIMIT_NOFILE"],
        "mounts": sorted((mount["Type"], mount["Destination"], mount["RW"]) for mount in about["Mounts"]),
    }


def test_quadlets_container_and_its_import_are_the_same(machine: Machine) -> None:
    machine.write("/etc/containers/systemd/old.container", QUADLET)
    machine.write("/etc/containers/systemd/data.volume", "[Volume]\n")
    machine.write("/root/in/more.env", "FROM_FILE=a b\n")
    machine.write("/root/in/data/file", "x\n")
    machine.write("/root/in/probe.container", QUADLET)
    machine.write("/root/in/data.volume", "[Volume]\n")
    machine.run("printf 'the token' | podman secret create token -")
    machine.reload()
    machine.run("systemctl start old.service")
    old = seen(machine, "systemd-old")
    assert old["argv"] == ["one", "two words", "--price", "$5", 'a\tb"A \\', "100%", "{{x}}", "its"]
    machine.run("systemctl stop old.service")

    done = machine.run("cd /root/in && pyservicectl import quadlet probe.container data.volume")
    assert done.stdout.startswith("# /etc/pyservice.d/probe.yaml\n") and "volume: systemd-data" in done.stdout
    machine.write("/etc/pyservice.d/probe.yaml", done.stdout)
    assert machine.run("pyservicectl check").stderr == ""
    machine.reload()
    wait_for(machine, "probe", 1)
    assert seen(machine, "probe-0") == old


COMPOSE = """
name: shop
services:
  web:
    image: localhost/hello:1
    pull_policy: never
    command: [serve, "--title", "$${NAME} {{x}}"]
    ports: ["127.0.0.1:8090:8000"]
    environment: {PEER_HOST: peer, PEER_URL: "http://peer:8000/", LEVEL: "${LEVEL:-debug}"}
    depends_on: [peer]
    deploy: {replicas: 2}
    healthcheck: {test: ["CMD", "curl", "-fs", "http://localhost:8000/"], interval: 1s}
    secrets: [pass_word]
    configs: [{source: motd, target: /etc/motd}]
  peer:
    image: localhost/hello:1
    pull_policy: never
    healthcheck: {test: curl -fs http://localhost:8000/, interval: 1s}
secrets: {pass_word: {file: ./pass}}
configs: {motd: {content: "level ${LEVEL:-debug}\\n"}}
"""


def test_compose_runs(machine: Machine) -> None:
    machine.write("/srv/in/compose.yaml", COMPOSE)
    machine.write("/srv/in/pass", "secret\n", mode=0o600)
    text = machine.run("pyservicectl import compose /srv/in/compose.yaml", check=False).stdout  # the ports are open to all addresses
    assert machine.run("cd / && setpriv --reuid=65534 --regid=65534 --clear-groups pyservicectl import compose /srv/in/compose.yaml", check=False).stdout == text
    machine.write("/etc/pyservice.d/shop.yaml", text)
    assert machine.run("pyservicectl check").stderr == ""
    machine.reload()
    wait_for(machine, "shop-web", 2)

    env = [machine.http(f"http://127.0.0.1:{port}/env").json() for port in (8090, 8091)]
    assert [one["argv"] for one in env] == [["serve", "--title", "${NAME} {{x}}"]] * 2 and env[0]["environ"]["LEVEL"] == "debug"
    peer = machine.out("podman exec shop-web-1 sh -c 'curl -fs $PEER_URL'")
    assert json.loads(peer)["hostname"] == "shop-peer" and env[0]["environ"]["PEER_HOST"] == "peer"
    assert machine.out("podman exec shop-web-0 cat /run/secrets/pass-word /etc/motd") == "secret\nlevel debug"
