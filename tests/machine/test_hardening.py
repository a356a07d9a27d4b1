# SPDX-License-Identifier: Apache-2.0
"""`hardening: strict`: what a container then cannot do, and what still works: volumes, secrets, files of the machine."""

import json

import pytest

import dci
import host
from app import define, wait_for
from conftest import boot
from dci import SIDECAR, names, put_credential
from load import Load
from machine import Machine
from repository import SSH_KEY, SSH_URL, URL, WORK, Repository
from test_catalogage import Catalogage
from test_pytq import BIND

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
rollout: {{min_ready: 1s}}
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


def write_numbers(machine: Machine, text: str) -> None:
    for path in "/etc/subuid", "/etc/subgid":
        machine.write(path, text)


def prepare(machine: Machine, *images: str) -> None:
    """Numbers for the users, and images where they can be mounted with other owners."""
    machine.write("/etc/containers/storage.conf", STORAGE)
    write_numbers(machine, NUMBERS)
    machine.run(f"podman --storage-opt additionalimagestore=/usr/lib/containers/storage save -q -m {' '.join(images)} | podman load -q")


@pytest.fixture(scope="module")
def site(running):
    machine = boot()
    try:
        prepare(machine, *IMAGES)
        machine.run(f"ip address add {SERVERS_IP}/32 dev lo; mkdir /scratch && mount -t tmpfs tmpfs /scratch; mkdir /home/applications /home/data"
                    " && ln -s home/applications /applications")
        machine.write("/etc/credstore/strict.token", "s3cret", 0o600)
        machine.write("/run/Containerfile", CONTAINERFILE)
        machine.run("podman build -q -t localhost/probe:1 -f /run/Containerfile /run")
        for name, words in SERVERS.items():
            machine.run(f"podman run -d --network=host --name {name} {words}")
        machine.wait("podman exec postgres pg_isready -q -h localhost", what="PostgreSQL")
        yield machine
    finally:
        machine.lab.stop(hard=True)


@pytest.fixture
def strict(site):
    site.run("mkdir -p /home/strict/root /home/strict/user && chown 1000:1000 /home/strict/user")
    yield site
    site.run("rm -rf /etc/pyservice.d/* && systemctl daemon-reload")
    site.wait(site.is_without_apps)
    site.run("podman volume prune -f --filter all=1; rm -rf /home/strict")


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
        assert seen["raw socket"] == seen["chown"] == "Operation not permitted", (name, seen)
        assert seen["port 80"] is None, (name, seen)
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


def test_maps_of_ids(strict):
    """Its users are those of the definition, and it reads its secret, which belongs to its own root."""
    write_numbers(strict, NUMBERS + "joe:300000:65536\n")
    define(strict, "ids", """
image: localhost/hello:1
entrypoint: [sleep, "100000"]
secrets: {token: {credential: strict.token, mode: "0400"}}
volumes: ["/home/strict/user:/data:idmap"]
services:
  - {name: maps, userns: {uid_map: ["0:100000:65536", "+1000:1000"], gid_map: "0:200000:65536"}}
  - {name: names, hardening: strict, userns: {subids: joe}}
""")
    facts = "cat /proc/self/uid_map /proc/self/gid_map /run/secrets/token; stat -c ' %u' /run/secrets/token /data"
    for part, ids in ("maps", "0 100000 1000 1000 1000 1 1001 101001 64535 0 200000 65536"), ("names", "0 300000 65536 0 300000 65536"):
        wait_for(strict, f"ids-{part}", 1)
        seen = strict.wait(lambda part=part: strict.out(["podman", "exec", f"ids-{part}-0", "sh", "-c", facts]), what="the container")
        assert seen.split() == [*ids.split(), "s3cret", "0", "1000"], (part, seen)


PARTS = """
image: localhost/hello:1
entrypoint: [sh, -c]
services:
  - {name: writer, command: ["mkdir /var/cache/own; touch /var/cache/own/x; exec sleep 100000"], user: "0", volumes: ["one:/srv/one"]}
  - {name: root, command: ["mkdir -p /app/__pycache__; touch /tmp/x /run/x /app/__pycache__/x.pyc /srv/two/x; exec sleep 100000"], volumes: ["two:/srv/two"]}
  - {name: drops, command: ["exec setpriv --reuid=redis --regid=redis --clear-groups sleep 100000"]}
  - {name: user, user: "1000:1000", command: ["touch /tmp/x /var/cache/own/x; exec sleep 100000"], tmpfs: /var/cache/own, volumes: ["/srv:/srv/three"]}
  - {name: strict, hardening: strict, command: ["exec sleep 100000"]}
"""
NOTES = {
    "writer": ("wrote /var/cache/own/x, which is read-only with 'hardening: strict'", "add 'tmpfs: /var/cache/own:mode=1777'"),
    "root": ("writes only to its volumes, but runs with capabilities", "set 'hardening: strict'; if the new revision fails"),
    "drops": ("begins as root and becomes the user redis, for which it needs capabilities", "set 'hardening: strict' and 'user: redis'"),
    "user": ("would run with 'hardening: strict'", "set 'hardening: strict' and 'userns: host' (/srv is on an overlay)"),
}


def test_doctor_names_the_parts_that_would_run_with_it(strict):
    define(strict, "parts", PARTS)
    for name in *NOTES, "strict":
        wait_for(strict, f"parts-{name}", 1)
    strict.wait("podman diff parts-writer-0 | grep -q own/x && podman exec parts-root-0 test -e /srv/two/x && podman top parts-drops-0 comm | grep -qx sleep"
                " && podman exec parts-user-0 test -e /var/cache/own/x")
    seen = " ".join(strict.run("pyservicectl doctor parts", check=False).stdout.split())
    for name, (what, advice) in NOTES.items():
        note = seen.partition(f"parts: {name} ")[2].partition(" note ")[0]
        assert note.startswith(what) and advice in note, (name, seen)
    assert "parts: strict" not in seen
    assert "  note " not in strict.run("pyservicectl doctor", check=False).stdout


def test_a_machine_without_numbers_is_told_of(strict):
    write_numbers(strict, "")
    define(strict, "strict", "image: localhost/probe:1\nhardening: strict\ncommand: sleep 1000\n", reload=False)
    done = strict.run("pyservicectl check", check=False)
    write_numbers(strict, NUMBERS)
    assert "[no-subordinate-ids]" in done.stdout + done.stderr


# --- the examples ---

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


@pytest.fixture
def try_example(site):
    """Defines an example as it stands, with `hardening: strict` for all of it, and what differs in the lab."""
    site.run("cat >/etc/hosts", input=HOSTS)

    def define_example(name: str, lab: str = "", hardening: str = "strict", reload: bool = True) -> None:
        text = (host.REPOSITORY / f"contrib/examples/{name}.yaml").read_text()
        site.write(f"/etc/pyservice.d/{name}.yaml.d/50-lab.yaml", f"hardening: {hardening}\n{lab}")
        define(site, name, text, reload)
    yield define_example
    site.run("rm -rf /etc/pyservice.d/* && systemctl daemon-reload")
    site.wait(site.is_without_apps)


def are_strict(machine: Machine, *containers: str) -> bool:
    shown = json.loads(machine.out(["podman", "inspect", *containers]))
    return all(one["HostConfig"]["ReadonlyRootfs"] and not one["EffectiveCaps"] for one in shown)


def answer(machine: Machine, domain: str, path: str = "/") -> str:
    """Through HAProxy, once it sends requests there."""
    return machine.wait(lambda: next((seen.text for seen in [machine.http(f"http://127.0.0.1{path}", {"Host": domain})] if seen.status == 200), None),
                        what=f"{domain} to answer")


def test_hello_is_rolled_out(site, try_example):
    quick = "rollout: {min_ready: 1s}\n"
    try_example("hello", quick, hardening="none")
    wait_for(site, "hello", 4)
    answer(site, "hello.example.com")
    assert not are_strict(site, "hello-0")
    with Load(site, "hello.example.com", "hello becomes strict", ("kept", "closed")):
        try_example("hello", quick)
        site.wait(lambda: are_strict(site, *(f"hello-{i}" for i in range(4))), what="all instances to be strict")
        wait_for(site, "hello", 4)


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
    assert are_strict(site, "giftwrap-web-0")


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
    assert are_strict(site, "catalogage-server-0")


def test_pytq_runs(site, try_example):
    """Its workers mount NFS, which the lab does not have. An overlay, such as the lab's own files are on, has the same fault: Linux
    does not mount it with other owners."""
    put_credential(site, "pytq.database-uri", "x")
    server = f"trusted: [10.88.0.0/15, {SERVERS_IP}]\nservices: {{server: {{hosts: ['*']}}, worker: {{hosts: ['*']%s}}}}\n"
    try_example("pytq", server % "" + BIND, reload=False)
    site.run("mkdir -p /srv/data")
    done = site.run("pyservicectl check", check=False)
    assert "on an overlay" in done.stderr and "add 'userns: host'" in done.stderr, done
    site.reload()
    site.wait(lambda: "idmap mounts" in site.journal("pytq-worker@0.service"), what="the reason why no worker starts")

    try_example("pytq", server % ", userns: host" + BIND)
    wait_for(site, "pytq-server", 1)
    wait_for(site, "pytq-worker", 3)
    url = f"--max-time 60 --interface {SERVERS_IP} http://pytq.example.com:5000"
    site.run(f"curl -sS -X POST {url}/add?n=5")
    site.wait(lambda: len(json.loads(site.out(f"curl -sS {url}/state"))["done"]) == 5, what="all tasks to be done")
    assert site.out("stat -c %u /srv/data/5 /scratch/5").split() == ["0", "0"]
    assert are_strict(site, "pytq-server-0", "pytq-worker-0")


def test_base_python_runs(site, try_example):
    put_credential(site, "component.django-secret-key", "x")
    put_credential(site, "component.password", "pw")
    site.run("podman secret create component-rabbitmq -", input="pw")
    try_example("base-python", "secrets: {database-password: {credential: component.password}}\nrollout: {min_ready: 1s}\n")
    for part, scale in ("web", 2), ("worker", 3), ("beat", 1):
        wait_for(site, f"base-python-{part}", scale)
    assert answer(site, "component.example.com", "/healthcheck/") == "ok\n"
    assert are_strict(site, *(f"base-python-{part}" for part in ("web-0", "worker-0", "beat-0")))


def test_dci_api_runs(running):
    """With PostgreSQL, Redis, and HAProxy in a container, which are not hardened."""
    machine = boot()
    try:
        prepare(machine, *DCI_IMAGES)
        dci.set_up(machine)
        machine.write(dci.DROP_IN, "hardening: strict\n")
        dci.start_first(machine)
        assert are_strict(machine, *names(4), SIDECAR)
    finally:
        machine.lab.stop(hard=True)
