# SPDX-License-Identifier: Apache-2.0
"""`hardening: strict`: what a container then cannot do, and what still works: volumes, secrets, files of the machine."""

import json

import pytest

import dci
import host
from app import define, settle, undefine, wait_for
from conftest import boot
from dci import SIDECAR, inspect, names, put_credential
from machine import Machine
from repository import SSH_KEY, SSH_URL, URL, WORK, Repository
from test_catalogage import Catalogage
from test_pytq import BIND

# Podman takes no layers of an image from an overlay file system into a user namespace, and the lab has its images on one.
STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
NUMBERS = "containers:2147483648:2147418112\n"
CONTAINERFILE = """
FROM localhost/hello:1
RUN cp /bin/dash /rootdash && chmod 4755 /rootdash && mkdir /seeded && touch /seeded/seed && chown -R 1000:1000 /seeded
"""

# Notes what it tried, as its user, and stays.
PROBE = r"""
import json, os, socket, subprocess, sys, time
def attempt(do):
    try:
        return do()
    except OSError as error:
        return os.strerror(error.errno)
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
result = {
    "write /": attempt(lambda: open("/probe", "w").close()),
    "write /etc": attempt(lambda: open("/etc/probe", "w").close()),
    "write /tmp": attempt(lambda: open("/tmp/own", "w").close()),
    "chmod": attempt(lambda: os.chmod("/tmp/own", 0o600)),
    "write /run": attempt(lambda: open("/run/probe", "w").close()),
    "raw socket": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()),
    "chown": attempt(lambda: os.chown("/tmp/own", 1234, 1234)),
    "port 80": attempt(lambda: socket.create_server(("", 80)).close()),
    "setuid": subprocess.run(["/rootdash", "-p", "-c", "id -u"], capture_output=True, text=True).stdout.strip(),
    "secret": attempt(lambda: open("/run/secrets/token").read()),
    "secret mode": attempt(lambda: "%o %d:%d" % (os.stat("/run/secrets/token").st_mode & 0o777, os.stat("/run/secrets/token").st_uid, os.stat("/run/secrets/token").st_gid)),
    "seed": attempt(lambda: "%d:%d" % (os.stat("/seeded/seed").st_uid, os.stat("/seeded/seed").st_gid)),
    "write seeded": attempt(lambda: open("/seeded/" + sys.argv[1], "w").close()),
    "init": open("/proc/1/cmdline").read().split("\0")[0],
    "capabilities": {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"},
    "no new privileges": status["NoNewPrivs"],
    "map": open("/proc/self/uid_map").read().split(),
}
open("/data/" + sys.argv[1], "w").write(json.dumps(result))
time.sleep(1000000)
"""

APP = """
image: localhost/probe:1
hardening: {hardening}
entrypoint: [python3, -c]
secrets: {{token: {{credential: strict.token}}}}
services:
  - name: root
    command: {root}
    volumes: ["/home/strict/root:/data", "seeds:/seeded"]
  - name: user
    user: "1000:1000"
    command: {user}
    volumes: ["/home/strict/user:/data", "seeds:/seeded"]
"""


def script(name):
    return json.dumps([PROBE, name])


def prepare(machine: Machine, *images: str) -> None:
    """Numbers for the users, and images where they can be mounted with other owners."""
    machine.write("/etc/containers/storage.conf", STORAGE)
    for path in "/etc/subuid", "/etc/subgid":
        machine.write(path, NUMBERS)
    machine.run(f"podman --storage-opt additionalimagestore=/usr/lib/containers/storage save -q -m {' '.join(images)} | podman load -q")


@pytest.fixture
def strict(machine):
    prepare(machine, "localhost/hello:1")
    machine.write("/etc/credstore/strict.token", "s3cret", 0o600)
    machine.write("/run/Containerfile", CONTAINERFILE)
    machine.run("podman build -q -t localhost/probe:1 -f /run/Containerfile /run"
                " && mkdir -p /home/strict/root /home/strict/user && chown 1000:1000 /home/strict/user")
    yield machine
    machine.run("rm -rf /etc/pyservice.d/* && systemctl daemon-reload")
    machine.wait(machine.is_without_apps)
    machine.run("podman volume prune -f --filter all=1; podman rmi -f localhost/probe:1 localhost/hello:1; rm -rf /home/strict /home/applications; userdel shop", check=False)


def probe(machine, name):
    path = f"/home/strict/{name}/{name}"
    text = machine.wait(lambda: machine.read(path), what=f"what {name} tried")     # it is there before it has its content
    machine.remove(path)
    return json.loads(text)


def define_probe(machine, hardening):
    define(machine, "strict", APP.format(hardening=hardening, root=script("root"), user=script("user")))
    return {name: probe(machine, name) for name in ("root", "user")}


def test_what_it_cannot_do(strict):
    found = define_probe(strict, "strict")
    for name, seen in found.items():
        assert seen["write /"] == seen["write /etc"] == "Read-only file system", (name, seen)
        assert seen["write /tmp"] is None and seen["write /run"] == ("Permission denied" if name == "user" else None), (name, seen)
        assert seen["raw socket"] == seen["chown"] == "Operation not permitted" and seen["port 80"] == "Permission denied", (name, seen)
        assert seen["capabilities"] and seen["no new privileges"] == "1", (name, seen)
        assert seen["init"].endswith("init"), seen
        assert seen["secret"] == "s3cret" and seen["seed"] == "1000:1000", (name, seen)
        assert seen["map"][0] == "0" and int(seen["map"][1]) >= 2147483648 and seen["map"][2] == "65536", (name, seen)
    assert found["user"]["setuid"] == "1000" and found["user"]["write seeded"] is None
    assert found["user"]["secret mode"] == "400 1000:1000" and found["root"]["secret mode"] == "444 0:0"
    # Root without capabilities is one user among others in the volume.
    assert found["root"]["write seeded"] == "Permission denied"
    assert found["root"]["map"][1] != found["user"]["map"][1]


def test_another_containers_files_are_not_its_own(strict):
    """Even when it has come out of its container: the numbers of its users are nobody else's."""
    found = define_probe(strict, "strict")
    pids = {name: strict.out(f"podman inspect --format '{{{{.State.Pid}}}}' strict-{name}-0") for name in found}
    for name, other in ("root", "user"), ("user", "root"):
        number = int(found[name]["map"][1])
        as_other = f"setpriv --reuid={number} --regid={number} --clear-groups cat"
        assert strict.ok(f"cat /proc/{pids[other]}/root/tmp/own")
        assert not strict.ok(f"{as_other} /proc/{pids[other]}/root/tmp/own")
        assert not strict.ok(f"{as_other} /run/pyservice/secrets/strict-{other}@0/token")
    own = strict.out(f"stat -c %u:%a /proc/{pids['user']}/root/tmp/own")
    assert own == f"{int(found['user']['map'][1]) + 1000}:600"


def test_there_and_back(strict):
    """Files belong to the same numbers with it and without it: what one wrote the other reads and writes."""
    for hardening in "none", "strict", "none":
        found = define_probe(strict, hardening)
        assert found["user"]["write seeded"] is None and found["user"]["seed"] == "1000:1000", (hardening, found)
        assert strict.out("stat -c %u:%g $(podman volume inspect --format '{{.Mountpoint}}' strict-seeds)/user") == "1000:1000"
        assert (found["user"]["setuid"] == "0") == (hardening == "none")
        assert found["root"]["chown"] == (None if hardening == "none" else "Operation not permitted")


def test_files_and_data_of_the_machines_user(strict):
    define(strict, "shop", """
image: localhost/probe:1
hardening: strict
root: /home/applications/shop
user: shop
entrypoint: [python3, -c]
command: ['import os, time; open(os.environ["DATA"] + "/x", "w").write(open(os.environ["CONFIG"]).read()); time.sleep(100000)']
env: {DATA: "{{ app_data_dir }}", CONFIG: "{{ app_config }}"}
files: [{dest: "{{ app_config }}", content: "hello", mode: "0400"}]
""")
    wait_for(strict, "shop", 1)
    path = "/home/applications/shop/data/x"
    strict.wait(lambda: strict.exists(path) and strict.read(path) == "hello", what="the data")
    assert strict.out(f"stat -c %U {path}") == "shop"
    # Another container with the same hardening, whose user is the same one.
    probe = "import os; open(os.environ['DATA'] + '/y', 'w'); print(os.getuid(), open('/proc/self/uid_map').read().split()[2])"
    assert strict.out(["pyservicectl", "run", "shop", "--", "python3", "-c", probe]) == strict.out("id -u shop") + " 65536"
    assert strict.out("stat -c %U /home/applications/shop/data/y") == "shop"


PARTS = """
image: localhost/hello:1
entrypoint: [sh, -c]
services:
  - {name: writer, command: ["mkdir /var/cache/own; touch /var/cache/own/x; exec sleep 100000"], user: "0", volumes: ["one:/srv/one"]}
  - {name: root, command: ["touch /tmp/x /run/x /srv/two/x; exec sleep 100000"], volumes: ["two:/srv/two"]}
  - {name: user, user: "1000:1000", command: ["touch /tmp/x; exec sleep 100000"], volumes: ["three:/srv/three"]}
  - {name: strict, hardening: strict, command: ["exec sleep 100000"]}
"""


def test_doctor_names_the_parts_that_would_run_with_it(strict):
    define(strict, "parts", PARTS)
    for name in "writer", "root", "user", "strict":
        wait_for(strict, f"parts-{name}", 1)
    strict.wait("podman diff parts-writer-0 | grep -q own/x && podman exec parts-root-0 test -e /srv/two/x")
    notes = [line.strip() for line in strict.run("pyservicectl doctor parts", check=False).stdout.splitlines() if line.startswith("  note ")]
    assert [" ".join(note.split()[1:7]) for note in notes] == [
        "parts: writer wrote /var/cache/own/x, which is",
        "parts: root writes only to its",
        "parts: user would run with 'hardening:"], notes
    assert "  note " not in strict.run("pyservicectl doctor", check=False).stdout


def test_a_machine_without_numbers_is_told_of(strict):
    strict.write("/etc/subuid", "")
    define(strict, "strict", "image: localhost/probe:1\nhardening: strict\ncommand: sleep 1000\n", reload=False)
    done = strict.run("pyservicectl check", check=False)
    assert "[no-subordinate-ids]" in done.stdout + done.stderr
    undefine(strict, "strict")


# --- the examples ---

DCI_IMAGES = ("quay.io/distributedci/dci-control-server:latest", "quay.io/distributedci/backup:latest", "localhost/postgres:1", "localhost/redis:1",
              "localhost/haproxy:1")
IMAGES = ("localhost/hello:1", "localhost/postgres:1", "localhost/redis:1", "docker.io/library/python:3.12-slim", "docker.io/library/python:3.8-slim",
          "registry.example.com/component:2026.11", "registry.example.com/pytq:0.9")
SERVERS_IP = "192.0.2.1"    # of the machine: containers reach it from any network
HOSTS = "127.0.0.1 localhost git.example.com\n" + "".join(f"{SERVERS_IP} {name}.example.com\n" for name in ("db", "redis", "rabbitmq", "pytq"))
SERVERS = {
    "postgres": "-e POSTGRES_USER=component -e POSTGRES_PASSWORD=pw localhost/postgres:1",
    "redis": "localhost/redis:1",
    "broker": "localhost/redis:1 --port 5672 --user default off --user component on '>pw' '~*' '&*' '+@all'",
}
GIFTWRAP = """
import http.server, pathlib, sys

config = pathlib.Path(sys.argv[2])
data = pathlib.Path(config.read_text().split(": ")[1].strip())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = config.with_name("certificate").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if sys.argv[3] == "web":
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
(data / "done").write_text(sys.argv[3])
"""


@pytest.fixture(scope="module")
def site(running):
    machine = boot()
    try:
        prepare(machine, *IMAGES)
        machine.run(f"ip address add {SERVERS_IP}/32 dev lo; mkdir /scratch && mount -t tmpfs tmpfs /scratch; mkdir /home/applications /home/data"
                    " && ln -s home/applications /applications")
        for name, words in SERVERS.items():
            machine.run(f"podman run -d --network=host --name {name} {words}")
        machine.wait("podman exec postgres pg_isready -q -h localhost", what="PostgreSQL")
        yield machine
    finally:
        machine.lab.stop(hard=True)


@pytest.fixture
def try_example(site):
    """Defines an example as it stands, with `hardening: strict` for all of it, and what differs in the lab."""
    site.run("cat >/etc/hosts", input=HOSTS)

    def define_strict(name: str, lab: str = "") -> None:
        text = (host.REPOSITORY / f"contrib/examples/{name}.yaml").read_text()
        site.write(f"/etc/pyservice.d/{name}.yaml.d/50-lab.yaml", f"hardening: strict\n{lab}")
        define(site, name, text)
    yield define_strict
    site.run("rm -rf /etc/pyservice.d/* && systemctl daemon-reload")
    site.wait(site.is_without_apps)


def answer(machine: Machine, domain: str, path: str = "/") -> str:
    """Through HAProxy, once it sends requests there."""
    return machine.wait(lambda: next((seen.text for seen in [machine.http(f"http://127.0.0.1{path}", {"Host": domain})] if seen.status == 200), None),
                        what=f"{domain} to answer")


def test_hello_runs(site, try_example):
    try_example("hello")
    wait_for(site, "hello", 4)
    assert json.loads(answer(site, "hello.example.com"))["hostname"].startswith("hello-")


def test_giftwrap_runs(site, try_example):
    repository = Repository(site)
    repository.make()
    repository.put("setup.py", 'from setuptools import setup\nsetup(name="giftwrap", version="1", packages=["giftwrap"])\n')
    repository.put("giftwrap/__init__.py", "")
    repository.put("giftwrap/__main__.py", GIFTWRAP)
    repository.commit()
    site.run(f"cd {WORK} && git tag v1.4.0 && git push -q origin v1.4.0")
    repository.serve_ssh()
    repository.know_host()
    site.run(f"mv {SSH_KEY} /etc/pyservice/keys/giftwrap")
    put_credential(site, "giftwrap.certificate", "of gifts")
    try_example("giftwrap", f"source: {{repo: '{SSH_URL}'}}\n")
    wait_for(site, "giftwrap-web", 2)
    assert answer(site, "giftwrap.example.com") == "of gifts"
    site.run("systemctl start giftwrap-something.service")
    assert site.out("stat -c %U /applications/giftwrap/data/done") == "giftwrap"


def test_catalogage_runs(site, try_example):
    repository = Catalogage(site)
    repository.make()
    repository.migration("first", None, "CREATE TABLE dataset (id serial PRIMARY KEY, title text NOT NULL)")
    repository.release("one")
    repository.serve()
    put_credential(site, "catalogage.database-url", "postgresql+asyncpg://component:pw@db.example.com/component")
    try_example("catalogage", f"source: {{repo: '{URL}'}}\n")
    wait_for(site, "catalogage-server", 2)
    assert json.loads(answer(site, "catalogage.example.com", "/api/datasets/"))["datasets"] == []


def test_pytq_runs_without_nfs(site, try_example):
    """Which Linux does not mount with other owners; the workers need `hardening: none` there."""
    put_credential(site, "pytq.database-uri", "x")
    try_example("pytq", f"trusted: [10.88.0.0/15, {SERVERS_IP}]\nservices: {{server: {{hosts: ['*']}}, worker: {{hosts: ['*']}}}}\n"
                + BIND.replace("/srv", "/home"))
    wait_for(site, "pytq-server", 1)
    wait_for(site, "pytq-worker", 3)
    url = f"--max-time 5 --interface {SERVERS_IP} http://pytq.example.com:5000"
    site.run(f"curl -sS -X POST {url}/add?n=5")
    site.wait(lambda: len(json.loads(site.out(f"curl -sS {url}/state"))["done"]) == 5, what="all tasks to be done")
    assert site.out("stat -c %u /home/data/5 /scratch/5").split() == ["0", "0"]


def test_base_python_needs_a_low_port(site, try_example):
    put_credential(site, "component.django-secret-key", "x")
    put_credential(site, "component.password", "pw")
    site.run("podman secret create component-rabbitmq -", input="pw")
    lab = "secrets: {database-password: {credential: component.password}}\nrollout: {min_ready: 1s}\n"
    try_example("base-python", lab)
    site.wait("podman exec base-python-web-0 true && journalctl -b -o cat -u 'base-python-web@0' | grep -qi 'permission denied\\|retrying'",
              what="the web service to lack its port")
    try_example("base-python", lab + "quadlet: {Container: {AddCapability: NET_BIND_SERVICE}}\n")
    for part, scale in ("web", 2), ("worker", 3), ("beat", 1):
        wait_for(site, f"base-python-{part}", scale)
    assert answer(site, "component.example.com", "/healthcheck/") == "ok\n"

    # Without it the web service has capabilities: nobody can know whether it needs them.
    try_example("base-python", lab + "services: {web: {hardening: none}}\n")
    site.wait(lambda: instance_maps(site, "base-python-web-0") == ["0", "0"], what="the web service without it")
    wait_for(site, "base-python-web", 2)
    settle(site)    # else doctor may look at a spare that goes
    notes = [line for line in site.run("pyservicectl doctor base-python", check=False).stdout.splitlines() if line.startswith("  note ")]
    assert notes and all("base-python: web " in note and "would run" not in note for note in notes), notes


def instance_maps(machine: Machine, container: str) -> list[str]:
    return machine.run(["podman", "exec", container, "cat", "/proc/self/uid_map"], check=False).stdout.split()[:2]


def test_dci_api_runs(running):
    """With PostgreSQL, Redis, and HAProxy in a container, which are not hardened."""
    machine = boot()
    try:
        prepare(machine, *DCI_IMAGES)
        dci.set_up(machine)
        machine.write(dci.DROP_IN, "hardening: strict\n")
        dci.start_first(machine)
        for name in [*names(4), SIDECAR]:
            shown = inspect(machine, name)
            assert shown["HostConfig"]["ReadonlyRootfs"] and shown["EffectiveCaps"] in (None, []), name
    finally:
        machine.lab.stop(hard=True)
