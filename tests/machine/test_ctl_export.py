# SPDX-License-Identifier: Apache-2.0
"""pyservicectl export kubernetes: what it prints runs. Podman plays it, which knows Deployments, ConfigMaps, Secrets, claims and probes.

Podman wants an image for the container that holds a pod together; the machine has no catatonit, so it gets one that sleeps.
"""

import json

import jsonschema
import pytest
import yaml

from app import define
from machine import Machine

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
