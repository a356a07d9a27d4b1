# SPDX-License-Identifier: Apache-2.0
"""pyservicectl export: what it writes runs.

`quadlet`: on a machine without pyservice, after the steps of its README.

`kubernetes`: Podman plays it, which knows Deployments, ConfigMaps, Secrets, claims and probes.
Podman wants an image for the container that holds a pod together; the machine has no catatonit, so it gets one that sleeps.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from app import define, instances_behind
from machine import Machine
from repository import URL as GIT_URL, Repository

DEFINITION = """\
image: localhost/hello:1
pull: never
port: 8000
scale: 2
command: "first 'second word' $(GREETING) $$"
env: {GREETING: "good $(morning)", ANSWER: "42", LINES: "a\\nb", TOKEN: {secret: token}}
secrets: {token: {credential: hello.token}}
files: [{dest: /etc/hello/hello.conf, content: "a: 1\\n"}]
volumes: ["data:/data"]
health: {http: /health, interval: 1s}
proxy: {domains: [hello.example.com], timeouts: {drain: 1s}}
"""

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hello"}, "stringData": {"token": "only for the container"}}

PAUSE = 'FROM localhost/base\\nSTOPSIGNAL SIGKILL\\nENTRYPOINT ["/usr/bin/sleep", "infinity"]\\n'
URL = "http://127.0.0.1:8080"

LIST = {
    "type": "object", "additionalProperties": False, "required": ["apiVersion", "kind", "items"],
    "properties": {
        "apiVersion": {"const": "v1"}, "kind": {"const": "List"},
        "items": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["apiVersion", "kind", "metadata"],
            "properties": {"metadata": {"type": "object", "required": ["name", "labels"]}}}},
    },
}


@pytest.fixture
def played(machine: Machine):
    """Plays a manifest; all that it made is gone afterwards."""
    podman = "CONTAINERS_CONF_OVERRIDE=/root/pause.conf podman"
    machine.write("/root/pause.conf", '[engine]\ninfra_image = "localhost/pause:latest"\n')
    machine.run(f"printf '{PAUSE}' | podman build -q -t localhost/pause -f - /root")

    def play(text: str) -> None:
        machine.write("/root/manifest.yaml", text)
        machine.run(f"{podman} kube play --publish=127.0.0.1:8080:8000 /root/manifest.yaml")

    yield play
    machine.run(f"{podman} kube down --force /root/manifest.yaml", check=False)
    machine.run("podman volume rm -f hello hello-files", check=False)


def test_podman_plays_it(machine: Machine, played):
    define(machine, "hello", DEFINITION, reload=False)
    done = machine.run("pyservicectl export kubernetes hello")
    documents = list(yaml.safe_load_all(done.stdout))
    assert {d["kind"] for d in documents} == {"ConfigMap", "PersistentVolumeClaim", "Service", "Deployment", "PodDisruptionBudget", "Ingress"}
    assert "the image is on this machine only" in done.stderr
    as_json = json.loads(machine.out("pyservicectl --json export kubernetes hello"))
    jsonschema.validate(as_json, LIST)
    assert as_json["items"] == documents
    # Who may read the definition needs no more.
    assert machine.out("setpriv --reuid=65534 --clear-groups pyservicectl export kubernetes hello") == done.stdout.strip()

    played(yaml.safe_dump(SECRET) + "---\n" + done.stdout)
    machine.wait(lambda: machine.is_healthy("hello-pod-hello"), what="the probe to find the pod well")
    reply = machine.http(f"{URL}/env").json()
    assert reply["argv"] == ["first", "second word", "$(GREETING)", "$$"]
    wanted = {"GREETING": "good $(morning)", "ANSWER": "42", "LINES": "a\nb", "TOKEN": "only for the container"}
    assert {key: reply["environ"].get(key) for key in wanted} == wanted
    assert machine.http(f"{URL}/file?path=/etc/hello/hello.conf").json()["content"] == "a: 1\n"
    assert machine.http(f"{URL}/file?path=/run/secrets/token").json()["content"] == "only for the container"
    assert machine.out("podman volume inspect hello-data --format '{{.Name}}'") == "hello-data"


SHOP = """\
image: localhost/hello:1
pull: never
user: shop
env: {GREETING: "good $morning %n", LINES: "a\\nb", TOKEN: {secret: token}}
secrets: {token: {credential: shop.token}, key: {file: /etc/shop.key}}
files: [{dest: "{{ app_config_dir }}/shop.conf", content: "a: 1\\n"}]
services:
  - name: web
    port: 8000
    scale: 2
    health: {http: /health, interval: 1s}
    requires: [cache]
    proxy: {domains: [shop.example.com]}
sidecars:
  - {name: cache, image: localhost/hello:1, health: {command: "test -e /proc/1", interval: 1s}}
tasks:
  - {name: migrate, entrypoint: "", command: [sh, -c, 'echo "migrate $TOKEN" >{{ app_data_dir }}/migrate']}
timers:
  - {name: clean, schedule: "*:*:*", entrypoint: "", command: [sh, -c, "echo clean >{{ app_data_dir }}/clean"]}
"""
DATA = "/applications/shop/data"


def export_quadlet(directory: Path, app: str, definition: str) -> tuple[Path, list[str]]:
    """Without a machine: the files, and the commands among the steps that are printed."""
    root, output = directory / "root", directory / "out"
    (root / "etc/pyservice.d").mkdir(parents=True)
    (root / f"etc/pyservice.d/{app}.yaml").write_text(definition)
    (root / "etc/credstore").mkdir()
    (root / "etc/credstore/shop.token").touch()
    program = Path(os.environ["PYSERVICE_BUILD"]) / "generator/pyservicectl"
    done = subprocess.run([program, f"--root={root}", "export", "quadlet", f"--output={output}", app],
                          check=True, stdout=subprocess.PIPE, text=True)
    return output, [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]


def follow(machine: Machine, output: Path, commands: list[str]) -> None:
    """Runs the commands of the steps, after Quadlet has found no error."""
    shutil.copytree(output, machine.lab.root / "root/out", symlinks=True)
    dry = machine.run("QUADLET_UNIT_DIRS=/root/out/etc/containers/systemd /usr/libexec/podman/quadlet -dryrun -no-kmsg-log")
    assert "rror" not in dry.stderr and "unsupported" not in dry.stderr
    for command in commands:
        machine.run(f"cd /root/out && {command}")


def test_it_runs_on_a_machine_without_pyservice(bare_machine: Machine, tmp_path):
    machine = bare_machine
    assert not machine.exists("/usr/bin/pyservicectl")
    machine.write("/etc/credstore/shop.token", "only for the container")
    machine.write("/etc/shop.key", "a key")
    follow(machine, *export_quadlet(tmp_path, "shop", SHOP))

    both = {"shop-web-0", "shop-web-1"}
    machine.wait(lambda: instances_behind(machine, "shop.example.com") == both, what="both instances to answer through HAProxy")
    reply = machine.http("http://127.0.0.1/env", headers={"Host": "shop.example.com"}).json()
    wanted = {"GREETING": "good $morning %n", "LINES": "a\nb", "TOKEN": "only for the container", "PYSERVICE_SERVICE": "web"}
    assert {key: reply["environ"].get(key) for key in wanted} == wanted
    for path, content in [("/run/secrets/key", "a key"), ("/applications/shop/app/config/shop.conf", "a: 1\n")]:
        assert machine.http(f"http://127.0.0.1/file?path={path}", headers={"Host": "shop.example.com"}).json()["content"] == content
    machine.wait(lambda: both <= set(machine.containers()) and machine.is_healthy("shop-cache"), what="all parts to be there")
    machine.run("systemctl start shop-migrate.service")
    assert machine.read(f"{DATA}/migrate") == "migrate only for the container\n"
    assert machine.out(f"stat -c %U {DATA}/migrate") == "shop"
    machine.wait(lambda: machine.exists(f"{DATA}/clean"), what="the timer to start its work")

    # It comes back by itself, after a crash and after a boot.
    machine.run("podman kill shop-web-0")
    machine.wait(lambda: instances_behind(machine, "shop.example.com") == both, what="the instance that crashed")
    machine.reboot()
    machine.wait(lambda: instances_behind(machine, "shop.example.com") == both, what="both instances after a boot")
    machine.run("systemctl disable --now shop.target")
    machine.wait(lambda: machine.containers() == {}, what="all parts to stop with the target")
    assert not machine.exists("/run/pyservice") and not machine.exists("/var/lib/pyservice")


def test_quadlet_builds_the_image(bare_machine: Machine, tmp_path):
    machine, repository = bare_machine, Repository(bare_machine)
    repository.make()
    repository.put("own/docker/Containerfile", "FROM localhost/hello:1\nCOPY mark /mark\n")
    repository.put("own/mark", "built")
    repository.commit()
    repository.serve()
    definition = f"source: {{repo: '{GIT_URL}', ref: main, subdir: own, containerfile: docker/Containerfile}}\nhealth: {{command: test -s /mark}}\n"
    follow(machine, *export_quadlet(tmp_path, "shop", definition))
    machine.wait(lambda: machine.is_healthy("shop-0"), what="the instance of the image that was built")
