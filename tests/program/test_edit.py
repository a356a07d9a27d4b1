# SPDX-License-Identifier: Apache-2.0
"""pyservicectl get, set, scale, cat, edit and new, below a root: what they write, what they refuse, and what they leave alone."""

import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

import pytest

from answers import read_answer

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

HELLO = "# Greets.\nimage: localhost/hello:1   # the first\nport: 8000\nenv: {LEVEL: info}\n"
SHOP = """\
image: localhost/shop:1
labels: {io.example.team: a}
volumes: [data:/data]
env: {LEVEL: info, WHO: "{{ app_name }}-{{ instance }}"}
services:
  - name: web
    scale: 2
    port: 8000
    proxy: {domains: [shop.example.com]}
    volumes: [cache:/cache]
  - name: worker
    command: work
    env: {LEVEL: debug}
"""
SOURCE = pathlib.Path(__file__).parents[2]
EXAMPLES = [*sorted((SOURCE / "contrib/examples").glob("*.yaml")),
            *(SOURCE / f"tests/golden/{name}.yaml" for name in ("nginx/in/etc/pyservice.d/shop", "proxy/in/etc/pyservice.d/shop", "source/in/etc/pyservice.d/own"))]
LASTING, RUNTIME = "90-pyservicectl.yaml", "95-pyservicectl-runtime.yaml"


class Root:
    def __init__(self, path):
        self.path = path
        self.etc, self.run_dir = path / "etc/pyservice.d", path / "run/pyservice.d"
        self.etc.mkdir(parents=True)

    def write(self, path, text, mode=0o644):
        file = self.etc / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def drop_in(self, app, runtime=False):
        directory, name = (self.run_dir, RUNTIME) if runtime else (self.etc, LASTING)
        return directory / f"{app}.yaml.d" / name

    def ctl(self, *words, **environment):
        return subprocess.run([PYSERVICECTL, f"--root={self.path}", *words], capture_output=True, text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment})

    def good(self, *words, **environment):
        done = self.ctl(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bad(self, *words, status=1, **environment):
        done = self.ctl(*words, **environment)
        assert done.returncode == status and done.stdout == "", (done.returncode, done.stdout, done.stderr)
        return done.stderr

    def get(self, *words):
        return self.good("get", *words).removesuffix("\n")

    def files(self):
        return {str(file.relative_to(self.path)): file.read_bytes() for file in self.path.rglob("*") if file.is_file() and file.suffix != ".lock"}

    def talk(self, words, answers, **environment):
        """On a terminal: gives each answer, or signal, when its question is there. What was written to the terminal, and the exit status."""
        mine, its = pty.openpty()
        # Whoever runs the tests may ignore signals (nohup).
        with subprocess.Popen(["env", "--default-signal", PYSERVICECTL, f"--root={self.path}", *words], stdin=its, stdout=its, stderr=its,
                              env={"PATH": os.environ["PATH"], "TERM": "dumb", **environment}) as process:
            os.close(its)
            text = ""
            for question, answer in answers:
                text = read_until(mine, text, question)
                if isinstance(answer, int):
                    process.send_signal(answer)
                else:
                    os.write(mine, answer.encode())
            text = read_until(mine, text, None)
        os.close(mine)
        return text.replace("\r\n", "\n"), process.returncode


def read_until(terminal, text, pattern):
    """Until `pattern` comes after what was read before; with None, to the end."""
    start = len(text)
    while pattern is None or not re.search(pattern, text[start:]):
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        if not piece:
            assert pattern is None, f"no {pattern!r} in {text!r}"
            return text
        text += piece.decode()
    return text


@pytest.fixture
def root(tmp_path):
    root = Root(tmp_path)
    root.write("hello.yaml", HELLO)
    root.write("shop.yaml", SHOP)
    return root


# --- get ---


def test_get_single_values(root):
    assert root.get("hello", "image") == "localhost/hello:1"
    assert root.get("hello", "port") == "8000" and root.get("hello", "env.LEVEL") == "info"
    # what is in no file: defaults of the format
    assert root.get("hello", "scale") == "1" and root.get("hello", "rollout.min_ready") == "5s"
    assert root.get("shop", "services.web.proxy.timeouts.drain") == "30s"
    # what a service takes over from its app
    assert root.get("shop", "services.web.image") == "localhost/shop:1"
    assert root.get("shop", "services.web.env.LEVEL") == "info" and root.get("shop", "services.worker.env.LEVEL") == "debug"
    assert root.get("shop", "services.worker.env.WHO") == "shop-{{ instance }}"
    assert root.get("shop", "services.web.volumes") == "- data:/data\n- cache:/cache"
    assert root.get("shop", "labels.io.example.team") == "a"


def test_get_all(root):
    whole = json.loads(root.good("get", "shop", "--json"))
    assert [service["name"] for service in whole["services"]] == ["web", "worker"]
    web = whole["services"][0]
    assert web["scale"] == 2 and web["tls_verify"] is True and web["volumes"] == ["data:/data", "cache:/cache"]
    assert "scale" not in whole and whole["rollout"]["strategy"] == "rolling"
    # as a definition it is the same again
    text = root.good("get", "shop")
    again = root.path / "again"
    again.mkdir()
    (again / "shop.yaml").write_text(text)
    assert root.ctl("check", str(again / "shop.yaml")).returncode == 0
    assert json.loads(root.good("get", "hello", "port", "--json")) == 8000


PARTS = """image: registry.example.com/shop:1
quadlet: {Container: {AddCapability: CHOWN, DNS: [192.0.2.1, 192.0.2.2]}, Service: {Nice: 5}}
security: {no_new_privileges: true}
ulimits: {core: 0}
networks: {back: {}}
services:
  - name: web
    quadlet: {Container: {AddCapability: [NET_ADMIN, NET_RAW]}}
    security: {seccomp: unconfined}
    ulimits: {nofile: {soft: 1, hard: 2}}
    networks: [back.network, {name: theirs, aliases: it}]
"""


def test_settings_are_inherited_by_key(root):
    root.write(root.path / "etc/pyservice.d/parts.yaml", PARTS)
    web = json.loads(root.good("get", "parts", "services.web", "--json"))
    assert web["quadlet"] == {"Container": {"DNS": ["192.0.2.1", "192.0.2.2"], "AddCapability": ["NET_ADMIN", "NET_RAW"]}, "Service": {"Nice": 5}}
    assert web["security"] == {"seccomp": "unconfined", "no_new_privileges": True} and web["ulimits"] == {"core": 0, "nofile": {"soft": 1, "hard": 2}}
    assert web["networks"] == ["back.network", {"name": "theirs", "aliases": "it"}]
    for key, value in (("networks.back.subnet", "10.1.0.0/24"), ("services.web.quadlet.Container.DNS", "[192.0.2.3, 192.0.2.4]"),
                       ("services.web.quadlet.Container.ReadOnly", "true"), ("services.web.ulimits.core", "5")):
        root.good("set", "parts", key, value)
    web = json.loads(root.good("get", "parts", "services.web", "--json"))
    assert web["quadlet"]["Container"]["DNS"] == ["192.0.2.3", "192.0.2.4"] and web["ulimits"]["core"] == 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_get_is_a_definition(root, example):
    if "golden" in example.parts:
        shutil.copytree(example.parents[2], root.path, dirs_exist_ok=True)
    else:
        shutil.copytree(SOURCE / "contrib/contracts", root.path / "etc/pyservice/contracts")
        (root.path / "etc/containers/systemd").mkdir(parents=True)
        root.write(root.path / "etc/containers/systemd/quadlet.network", "[Network]\n")
    root.write(example.name, example.read_text())
    text, whole = root.good("get", example.stem), json.loads(root.good("get", example.stem, "--json"))
    root.write(example.name, text)
    root.good("check")
    assert json.loads(root.good("get", example.stem, "--json")) == whole


def test_get_volumes_that_the_app_makes(root):
    root.write("shop.yaml", "image: localhost/shop:1\nvolumes: {data: {}, logs: {}}\nservices: [{name: web}, {name: worker, volumes: [data:/data]}]\n")
    assert root.get("shop", "services.worker.volumes") == "- data:/data"
    assert "volumes" not in json.loads(root.good("get", "shop", "--json"))["services"][0]


def test_get_shows_what_is_mounted(root):
    root.write("shop.yaml", "image: x\nvolumes: ['a:/a', 'b:/b']\nservices: [{name: web, volumes: ['d:/a']}]\n")
    assert json.loads(root.good("get", "shop", "--json"))["services"][0]["volumes"] == ["b:/b", "d:/a"]
    theirs = {"volume": "c", "dest": "/a"}
    root.write("shop.yaml", "image: x\nvolumes: ['a:/a', {volume: b, dest: /b}]\n"
               "services: [{name: web, volumes: [{volume: c, dest: /a}]}, {name: job, volumes: ['d:/b']}]\n")
    services = json.loads(root.good("get", "shop", "--json"))["services"]
    assert [service["volumes"] for service in services] == [[{"volume": "b", "dest": "/b"}, theirs], ["a:/a", "d:/b"]]
    assert root.ctl("check").returncode == 0


def test_get_refuses(root):
    assert "did you mean 'port'?" in root.bad("get", "hello", "prot")
    assert "did you mean 'drain'?" in root.bad("get", "shop", "services.web.proxy.timeouts.drian")
    assert "did you mean 'hello'?" in root.bad("get", "helo")
    assert "services.web.scale" in root.bad("get", "shop", "scale")
    assert "'y' is below a value, which has no keys" in root.bad("get", "hello", "port.y")
    assert "is not set" in root.bad("get", "hello", "health")
    root.bad("get", status=2)
    root.write("hello.yaml", "image: x\nscale: many\n")
    message = root.bad("get", "hello", "image")
    assert "hello.yaml:2:8" in message and "shop" not in message


def test_contract_and_host(root):
    (root.path / "etc/pyservice/contracts").mkdir(parents=True)
    (root.path / "etc/pyservice/contracts/small.yaml").write_text(
        "variables:\n  - {name: level, env: LEVEL, default: info}\n  - {name: size, env: SIZE, type: integer, default: \"7\"}\n")
    (root.path / "etc/pyservice/host.yaml").write_text("network: frontnet\n")
    root.write("hello.yaml", HELLO + "contract: small\nconfig: {level: debug}\n")
    assert root.get("hello", "config.level") == "debug" and root.get("hello", "config.size") == "7"
    assert root.get("hello", "network") == "frontnet"
    text = root.good("cat", "hello")
    assert re.search(r"size: 7 +# /etc/pyservice/contracts/small.yaml:3\n", text)
    assert re.search(r"network: frontnet +# /etc/pyservice/host.yaml:1\n", text)


# --- set ---


def test_set_keeps_everything_else(root):
    before = root.files()
    mine = root.write("hello.yaml.d/90-pyservicectl.yaml", "# Mine.\nenv:\n  # why\n  OTHER: x   # because\nlabels: {a: b}\n")
    assert root.good("set", "hello", "env.LEVEL", "debug") == "hello: env.LEVEL is set, in /etc/pyservice.d/hello.yaml.d/90-pyservicectl.yaml\n"
    root.good("set", "hello", "env.OTHER", "z")
    root.good("set", "hello", "labels.io.example/team", "c d")
    root.good("set", "hello", "scale", "3")
    assert mine.read_text() == ("# Mine.\nenv:\n  # why\n  OTHER: z   # because\n  LEVEL: debug\nlabels: {a: b, io.example/team: c d}\nscale: 3\n")
    root.good("set", "hello", "env.LEVEL", "null")
    root.good("set", "hello", "labels.a", "null")
    root.good("set", "hello", "env.discovery.type", "single-node")
    assert root.get("hello", "env.discovery.type") == "single-node"
    root.good("set", "hello", "env.discovery.type", "null")
    assert mine.read_text() == ("# Mine.\nenv:\n  # why\n  OTHER: z   # because\nlabels: {io.example/team: c d}\nscale: 3\n")
    assert root.get("hello", "env.LEVEL") == "info" and root.get("hello", "scale") == "3"
    # the definition itself is never touched
    assert {name: text for name, text in root.files().items() if name in before} == before


def test_set_and_take_back(root):
    before = root.files()
    for key, value, shown in (("image", "localhost/hello:2", None), ("command", '[serve, "a b", \'c"d\']', '- serve\n- a b\n- c"d'), ("env.EMPTY", "", None),
                              ("env.TEXT", '"line\\nnext: x"', "line\nnext: x"), ("trusted", "[10.0.0.0/8, 192.168.0.0/16]", None),
                              ("health", "{http: /ok, interval: 3s}", None), ("health.interval", "4s", None), ("x-note.who", "me", None)):
        root.good("set", "hello", key, value)
        if shown is not None:
            assert root.get("hello", key).replace('"c\\"d"', 'c"d').replace('"a b"', "a b") in (shown, '[serve, a b, c"d]')
    assert root.get("hello", "env.EMPTY") == "" and root.get("hello", "env.TEXT") == "line\nnext: x"
    assert root.get("hello", "health.http") == "/ok" and root.get("hello", "health.interval") == "4s"
    assert json.loads(root.good("get", "hello", "command", "--json")) == ["serve", "a b", 'c"d']
    assert read_answer("set", root.good("set", "--json", "hello", "scale", "2")) == {
        "changes": [{"app": "hello", "key": "scale", "file": "/etc/pyservice.d/hello.yaml.d/90-pyservicectl.yaml"}]}
    for key in ("image", "command", "env.EMPTY", "env.TEXT", "trusted", "health", "x-note.who", "scale"):
        root.good("set", "hello", key, "null")
    assert root.files() == before and not root.drop_in("hello").parent.exists()
    assert "was not set with this tool; it is in /etc/pyservice.d/hello.yaml:2" in root.bad("set", "hello", "image", "null")


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAg==\n-----END CERTIFICATE-----"


@pytest.mark.parametrize("text", [PEM, PEM + "\n", "a #b", "010 #b", "null #b", "a\n\nb", "#!/bin/sh\nset -e", "# a\nb", " a ", "a\tb #"])
def test_set_a_text_as_it_is(root, text):
    """Not what YAML would make of it: lines folded into one, comments cut off."""
    root.good("set", "--", "hello", "env.CERT", text)
    assert json.loads(root.good("get", "hello", "env.CERT", "--json")) == text
    root.good("set", "hello", "description", "kept")
    assert json.loads(root.good("get", "hello", "env.CERT", "--json")) == text
    root.good("set", "hello", "labels.note", "x # y")
    assert root.get("hello", "labels.note") == "x # y"


def test_set_in_a_service(root):
    root.good("set", "shop", "services.web.proxy.timeouts.drain", "40s")
    root.good("set", "shop", "services.worker.env.LEVEL", "yes")  # a variable is a text
    assert root.get("shop", "services.web.proxy.timeouts.drain") == "40s" and root.get("shop", "services.worker.env.LEVEL") == "yes"
    assert root.get("shop", "services.web.proxy.domains") == "- shop.example.com" and root.get("shop", "services.web.env.LEVEL") == "info"
    assert root.drop_in("shop").read_text() == ("# Written by pyservicectl; a drop-in for the definition of shop.\n"
                                                "services:\n  web:\n    proxy:\n      timeouts:\n        drain: 40s\n  worker:\n    env:\n      LEVEL: \"yes\"\n")


REFUSALS = [
    (("hello", "scale", "many"), "hello.yaml.d/90-pyservicectl.yaml:2:8: error: 'many' is not a valid number"),
    (("hello", "scale", "many"), "2 | scale: many"),
    (("hello", "env_files", "[yes]"), 'write "yes"'),
    (("hello", "sclae", "2"), "did you mean 'scale'?"),
    (("hello", "env.A B", "2"), "'A B' is not a valid name"),
    (("hello", "port", "[1, 2]"), "error"),
    (("hello", "description", "{a"), "VALUE:1:1"),
    (("hello", "description", "#x"), "'#x' is an empty value in YAML"),
    (("hello", "env.X", "&x y"), "names a value that no alias uses"),
    (("hello", "env.X", '"a" #b'), "YAML would read only 'a' of this value; quote the text for YAML"),
    (("hello", "scale", "3 # more"), "YAML would read only '3' of this value"),
    (("hello", "x-note.who", "you\nand me"), "YAML would read only 'you and me' of this value"),
    (("hello", "contract", "none"), "none"),
    (("hello", "before_update", "migrate"), "migrate"),
    (("shop", "services.wep.scale", "2"), "did you mean 'web'?"),
    (("shop", "scale", "2"), "belongs to a service"),
    (("hello", "a.b", "2"), "is not a key"),
    (("nobody", "scale", "2"), "'nobody' has no definition"),
    (("../x", "scale", "2"), "'../x' has no definition"),
]


@pytest.mark.parametrize(("words", "message"), REFUSALS, ids=[" ".join(words) for words, _ in REFUSALS])
def test_set_refuses(root, words, message):
    root.good("set", "hello", "labels.kept", "x")
    root.good("set", "hello", "labels.kept", "null")
    before = root.files()
    assert message in root.bad("set", *words)
    assert root.files() == before


def test_set_refuses_what_harms_others(root):
    root.write("third.yaml", "image: x\nscale: many\n")  # another's mistake is no hindrance
    root.good("set", "hello", "host_port", "9000")
    before = root.files()
    assert "9000" in root.bad("set", "shop", "services.web.host_port", "9000")
    assert root.files() == before


def test_set_does_not_uncover_an_error(root):
    """A drop-in replaces a value that is wrong, and then counts; it cannot be taken away before the value is right."""
    root.write("third.yaml", "image: localhost/x:1\nscale: many\n")
    root.good("set", "third", "scale", "3")
    assert root.get("third", "scale") == "3" and root.ctl("check").returncode == 0
    before = root.files()
    assert "third.yaml:2:8: error: 'many' is not a valid number" in root.bad("set", "third", "scale", "null") and root.files() == before
    root.write("third.yaml", "image: localhost/x:1\nscale: 2\n")
    root.good("set", "third", "scale", "null")
    assert root.get("third", "scale") == "2"


def test_set_that_would_not_count(root):
    root.write("hello.yaml.d/99-site.yaml", "scale: 5\n")
    before = root.files()
    assert "would have no effect because of /etc/pyservice.d/hello.yaml.d/99-site.yaml:1, which overrides it" in root.bad("set", "hello", "scale", "2")
    assert root.files() == before


def test_set_in_an_odd_file(root):
    for text in ("scale: 2", "{scale: 2}\n", "---\nscale: 2\n", "# only a comment\n", "", "env:\n\nscale: 2\n", "env: # none yet\n"):
        file = root.write("hello.yaml.d/90-pyservicectl.yaml", text)
        root.good("set", "hello", "env.LEVEL", "debug")
        assert root.get("hello", "env.LEVEL") == "debug", text
        assert all(line in file.read_text() for line in re.findall("#.*", text))
        if "2" in text:
            assert root.get("hello", "scale") == "2"
    root.write("hello.yaml.d/90-pyservicectl.yaml", "labels:\n  - x\n")
    root.bad("set", "hello", "labels.a", "b")
    file = root.write("hello.yaml.d/90-pyservicectl.yaml", "scale: [\n")
    assert "change it by hand" in root.bad("set", "hello", "port", "1")
    assert file.read_text() == "scale: [\n"


def test_modes(root):
    root.write("hello.yaml", HELLO, 0o600)
    root.good("set", "hello", "env.PASSWORD", "x")
    assert root.drop_in("hello").stat().st_mode & 0o777 == 0o600
    root.good("scale", "shop/web=3")
    assert root.drop_in("shop").stat().st_mode & 0o777 == 0o644
    root.drop_in("shop").chmod(0o640)
    root.good("scale", "shop/web=4")
    assert root.drop_in("shop").stat().st_mode & 0o777 == 0o640
    # What became secret meanwhile is not written down for everybody.
    (root.etc / "shop.yaml").chmod(0o600)
    root.good("set", "shop", "env.PASSWORD", "x")
    assert root.drop_in("shop").stat().st_mode & 0o777 == 0o600


def test_a_secret_in_clear_is_reported(root):
    for key, said in (("env.DB_PASSWORD", "pyservicectl set: env.DB_PASSWORD looks like a secret, and is not encrypted here; store it with "
                                          "'pyservicectl secret set hello NAME', and set {secret: NAME}\n"),
                      ("env.DB_PASSWORD_FILE", ""), ("env.LEVEL", ""), ("labels.TOKEN", "")):
        done = root.ctl("set", "hello", key, "x")
        assert (done.returncode, done.stderr) == (0, said)
    assert root.ctl("set", "hello", "env.DB_PASSWORD", "null").stderr == ""


@pytest.mark.other_users
def test_owners(root):
    root.write("hello.yaml", HELLO, 0o640)
    os.chown(root.etc / "hello.yaml", 0, 4)
    root.good("edit", "hello", EDITOR="sed -i s/8000/9000/")
    root.good("set", "hello", "scale", "2")
    os.chown(root.drop_in("hello"), 0, 4)
    root.good("set", "hello", "scale", "3")
    for file in root.etc / "hello.yaml", root.drop_in("hello"):
        assert (file.stat().st_uid, file.stat().st_gid) == (0, 4)
    assert (root.etc / "hello.yaml").stat().st_mode & 0o777 == 0o640


def test_one_at_a_time(root):
    """Who comes later waits, and finds what the other one wrote. A user who locks what all can open keeps nobody waiting."""
    root.good("set", "hello", "env.FIRST", "1")
    everybodys = os.open(root.etc, os.O_RDONLY)
    fcntl.flock(everybodys, fcntl.LOCK_EX)
    path = root.path / "run/pyservice/definitions.lock"
    assert path.stat().st_mode & 0o777 == 0o600
    lock = os.open(path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    words = [[PYSERVICECTL, f"--root={root.path}", "set", "hello", f"env.V{i}", str(i)] for i in range(6)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in words]
    assert all(process.poll() is None for process in running)
    os.close(lock)
    assert [process.wait(60) for process in running] == [0] * 6
    assert [root.get("hello", f"env.V{i}") for i in range(6)] == [str(i) for i in range(6)]


# --- scale ---


def test_scale(root):
    answer = read_answer("scale", root.good("scale", "--json", "shop/web=5", "hello=3", "shop/worker=0"))
    lasting = "/etc/pyservice.d/{}.yaml.d/90-pyservicectl.yaml".format
    assert answer == {"scales": [{"app": "shop", "service": "web", "scale": 5, "file": lasting("shop")},
                                 {"app": "hello", "service": "hello", "scale": 3, "file": lasting("hello")},
                                 {"app": "shop", "service": "worker", "scale": 0, "file": lasting("shop")}]}
    assert [root.get("shop", f"services.{name}.scale") for name in ("web", "worker")] == ["5", "0"] and root.get("hello", "scale") == "3"

    # until the next boot: below /run, and over what lasts
    assert "/run/pyservice.d/shop.yaml.d/95-pyservicectl-runtime.yaml" in root.good("scale", "--runtime", "shop/web=7")
    assert root.get("shop", "services.web.scale") == "7" and "scale: 5" in root.drop_in("shop").read_text()
    # what is to last is not hidden by that
    root.good("scale", "shop/web=6")
    assert root.get("shop", "services.web.scale") == "6" and not root.drop_in("shop", runtime=True).exists()


def test_scale_refuses(root):
    before = root.files()
    assert "its services are web or worker" in root.bad("scale", "shop=3")
    assert "unknown service 'wep'" in root.bad("scale", "shop/wep=3")
    assert "give hello=N" in root.bad("scale", "hello/web=3")
    assert "did you mean 'shop'?" in root.bad("scale", "shpo=3")
    for words in (["shop/web"], ["shop/web=x"], ["shop/web=-1"], ["shop/web=10001"], ["shop@1=2"], ["../hello=2"], []):
        root.bad("scale", *words, status=2)
    root.write("hello.yaml", HELLO + "run_mode: BEAT\n")
    before = root.files()
    assert "BEAT" in root.bad("scale", "shop/web=4", "hello=2")
    assert root.files() == before  # all or nothing


def test_of_a_user(root):
    own = root.path / "home/me/.config/pyservice.d"
    own.mkdir(parents=True)
    (own / "hello.yaml").write_text(HELLO)
    environment = {"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1000"}
    root.good("scale", "--user", "hello=3", **environment)
    root.good("scale", "--user", "--runtime", "hello=4", **environment)
    assert root.good("get", "--user", "hello", "scale", **environment) == "4\n" and root.get("hello", "scale") == "1"
    assert (own / "hello.yaml.d" / LASTING).exists() and (root.path / "run/user/1000/pyservice.d/hello.yaml.d" / RUNTIME).exists()

    # Only a published port leads from the machine into a user's container.
    (own / "hello.yaml").write_text("image: localhost/hello:1\nport: 80\nhealth: /\n")
    assert "hello.yaml:3:9: error: a user's containers are reached only at ports that are published" in root.bad("check", "--user", **environment)
    (own / "hello.yaml").write_text("image: localhost/hello:1\nport: 80\nhost_port: 8080\nhealth: /\n")
    root.good("check", "--user", **environment)


# --- cat ---


def test_cat(root):
    root.good("scale", "shop/web=4")
    root.good("scale", "--runtime", "shop/worker=3")
    text = root.good("cat", "shop")
    heads = [line for line in text.splitlines() if line.startswith("# /") or line.startswith("# The resulting")]
    assert heads == ["# /etc/pyservice.d/shop.yaml", "# /etc/pyservice.d/shop.yaml.d/90-pyservicectl.yaml",
                     "# /run/pyservice.d/shop.yaml.d/95-pyservicectl-runtime.yaml", "# The resulting values, and where each is set"]
    assert SHOP in text
    end = text.partition("# The resulting")[2]
    for line in (r"  - name: web +# shop.yaml:6", r"    scale: 4 +# shop.yaml.d/90-pyservicectl.yaml:4", r"    scale: 3 +# shop.yaml.d/95-pyservicectl-runtime.yaml:4",
                 r"        drain: 30s +# default", r"    image: localhost/shop:1 +# shop.yaml:1", r"      - data:/data +# shop.yaml:3", r"      - cache:/cache +# shop.yaml:10"):
        assert re.search(f"^{line}$", end, re.M), line


def test_cat_as_json(root):
    root.good("scale", "shop/web=4")
    answer = read_answer("cat", root.good("cat", "shop", "--json"))
    values = {value["key"]: value for value in answer["values"]}
    assert answer["app"] == "shop" and answer["files"] == ["/etc/pyservice.d/shop.yaml", "/etc/pyservice.d/shop.yaml.d/90-pyservicectl.yaml"]
    assert values["services.web.scale"] == {"key": "services.web.scale", "value": 4, "origin": "shop.yaml.d/90-pyservicectl.yaml:4",
                                            "file": "/etc/pyservice.d/shop.yaml.d/90-pyservicectl.yaml", "line": 4, "column": 12}
    assert values["services.web.pull"] == {"key": "services.web.pull", "value": "missing", "origin": "default", "file": None, "line": None, "column": None}
    assert values["services.web.proxy.domains"]["value"] == ["shop.example.com"]


def test_cat_of_a_broken_one(root):
    root.write("hello.yaml", "image: x\nscale: \033[31mred\n")
    done = root.ctl("cat", "hello")
    assert done.returncode == 1 and "scale: ?[31mred" in done.stdout and "\033" not in done.stdout + done.stderr
    assert "hello.yaml:2" in done.stderr and "# The resulting" not in done.stdout


# --- edit ---


def test_edit(root):
    file = root.write("hello.yaml", HELLO, 0o640)
    assert root.good("edit", "hello", EDITOR="sed -i s/8000/9000/") == "hello: /etc/pyservice.d/hello.yaml written; it takes effect at the next reload\n"
    assert file.read_text() == HELLO.replace("8000", "9000") and file.stat().st_mode & 0o777 == 0o640
    assert root.good("edit", "hello", EDITOR="true") == "hello: nothing changed\n"
    assert "the editor failed" in root.bad("edit", "hello", EDITOR="false")
    assert "did you mean 'hello'?" in root.bad("edit", "hell", EDITOR="true")
    root.bad("edit", "../hello", status=2)


def test_edit_with_mistakes(root):
    file = root.etc / "hello.yaml"
    message = root.bad("edit", "hello", EDITOR="sed -i s/8000/many/")
    assert "/etc/pyservice.d/hello.yaml:3:7: error: 'many'" in message and file.read_text() == HELLO
    draft = re.search(r"your text is in (\S+)", message)[1]
    with open(draft, encoding="utf-8") as kept:
        assert kept.read() == HELLO.replace("8000", "many")
    os.unlink(draft)
    os.rmdir(os.path.dirname(draft))

    # first a mistake, then it is mended
    editor = root.path / "editor"
    editor.write_text("#!/bin/sh\ngrep -q many \"$1\" && exec sed -i s/many/9000/ \"$1\"\nexec sed -i s/8000/many/ \"$1\"\n")
    editor.chmod(0o755)
    text, status = root.talk(["edit", "hello"], [(r"\[e\]dit again", "e\n")], EDITOR=str(editor))
    assert status == 0 and "'many'" in text and file.read_text() == HELLO.replace("8000", "9000")
    text, status = root.talk(["edit", "hello"], [(r"\[e\]dit again", "what\n"), (r"\[e\]dit again", "t\n")], EDITOR="sed -i s/9000/many/")
    assert status == 1 and "Thrown away" in text and "your text" not in text and file.read_text() == HELLO.replace("8000", "9000")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_edit_that_is_interrupted(root, number):
    """Where the draft is, is told."""
    text, status = root.talk(["edit", "hello"], [(r"\[e\]dit again", number)], EDITOR="sed -i s/8000/many/")
    draft = pathlib.Path(re.search(r"\npyservicectl: hello: interrupted; your text is in (\S+)\n", text)[1])
    assert status == -number and draft.read_text() == HELLO.replace("8000", "many") and draft.stat().st_mode & 0o777 == 0o600
    assert (root.etc / "hello.yaml").read_text() == HELLO
    shutil.rmtree(draft.parent)


def test_edit_of_what_a_package_brought(root):
    vendor = root.path / "usr/lib/pyservice.d"
    vendor.mkdir(parents=True)
    (root.etc / "hello.yaml").rename(vendor / "hello.yaml")
    assert "/etc/pyservice.d/hello.yaml written" in root.good("edit", "hello", EDITOR="sed -i s/8000/9000/")
    assert (vendor / "hello.yaml").read_text() == HELLO and (root.etc / "hello.yaml").read_text() == HELLO.replace("8000", "9000")
    assert root.get("hello", "port") == "9000"


def test_edit_while_another_writes(root):
    other = root.etc / "hello.yaml"
    editor = root.path / "editor"
    editor.write_text(f"#!/bin/sh\nsed -i s/8000/9000/ \"$1\"\necho '# other' >>{other}\n")
    editor.chmod(0o755)
    message = root.bad("edit", "hello", EDITOR=str(editor))
    assert "another program changed the file" in message and other.read_text() == HELLO + "# other\n"
    draft = re.search(r"your text is in (\S+)", message)[1]
    assert "9000" in open(draft, encoding="utf-8").read()
    os.unlink(draft)
    os.rmdir(os.path.dirname(draft))


# --- new ---


def test_new_from_an_image(root):
    text = root.good("new", "fresh", "--image=localhost/fresh:1.2")
    assert (root.etc / "fresh.yaml").stat().st_mode & 0o777 == 0o644
    assert "/etc/pyservice.d/fresh.yaml written" in text and "pyservicectl apply fresh" in text
    written = (root.etc / "fresh.yaml").read_text()
    assert "image: localhost/fresh:1.2\n" in written and "# port: 8000\n" in written and "scale: 1\n" in written
    for example in ("domains: [fresh.example.com]", "credential: fresh.token}", "data:/var/lib/fresh]", "'pyservicectl secret set fresh token'"):
        assert example in written
    assert "app.example.com" not in written and "app.token" not in written
    assert root.ctl("check").returncode == 0
    # what stands there as an example is right, too
    (root.etc / "fresh.yaml").write_text(re.sub(r"^# ((?=[a-z]+:( |$))|(?=  ))", "", written, flags=re.M))
    done = root.ctl("check")
    assert done.returncode == 0 and root.get("fresh", "port") == "8000" and root.get("fresh", "env.LEVEL") == "info", done.stderr

    assert "is defined by /etc/pyservice.d/fresh.yaml" in root.bad("new", "fresh", "--image=localhost/other:1")
    os.symlink("/dev/null", root.etc / "masked.yaml")
    assert "masked is masked by /etc/pyservice.d/masked.yaml" in root.bad("new", "masked", "--image=localhost/other:1")
    assert sorted(os.listdir(root.etc)) == ["fresh.yaml", "hello.yaml", "masked.yaml", "shop.yaml"]
    for words in (["Fresh", "--image=x"], ["../x", "--image=x"], ["x", "--image=-x y"], ["x"], [], ["x", "y"]):
        root.bad("new", *words, status=2)


PROCFILE = "web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\nrelease: ./manage.py migrate\n"
COMPOSE = "services:\n  web: {image: localhost/web:1, ports: ['%s:80'], depends_on: [db], environment: {LEVEL: info}}\n  db: {image: localhost/db:1%s}\n"


def test_new_from_what_another_tool_runs(root, tmp_path):
    """A file or a directory is recognized, and converted as by `import`, under the name that is given."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Procfile").write_text(PROCFILE)
    done = root.ctl("new", f"--from={project}", "proc")
    assert done.returncode == 0 and "/etc/pyservice.d/proc.yaml written" in done.stdout and "pyservicectl apply proc" in done.stdout, done.stderr
    values = json.loads(root.good("get", "proc", "--json"))
    assert values["image"] == "localhost/proc:1" and values["before_update"] == ["release"] and [task["name"] for task in values["tasks"]] == ["release"]
    web = values["services"][0]
    assert (web["name"], web["port"], web["env"]["PORT"], web["proxy"]["domains"]) == ("web", 8000, "8000", ["proc.example.com"])
    assert web["command"] == ["sh", "-c", "exec gunicorn shop.wsgi --bind 0.0.0.0:$PORT"]
    comments = (root.etc / "proc.yaml").read_text().replace("\n  # ", " ").replace("\n# ", " ")
    assert "podman build -t localhost/proc:1 ." in comments and "'health: /PATH'" in comments and "project" not in comments

    # The file of somebody else may name one that only root can read: what is written has its values.
    (tmp_path / "private.env").write_text("DATABASE_URL=postgres://shop.internal/shop?key=precious\n")
    (tmp_path / "private.env").chmod(0o600)
    (project / "compose.yaml").write_text("include: [{path: side.yaml, env_file: %s/private.env}]\n"
                                          "services: {web: {image: 'localhost/web:1', environment: {LEVEL: '$DATABASE_URL'}}}\n" % tmp_path)
    (project / "side.yaml").write_text("services: {side: {image: 'localhost/side:1'}}\n")
    assert root.ctl("new", f"--from={project}", "private").returncode == 0
    assert "key=precious" in (root.etc / "private.yaml").read_text() and (root.etc / "private.yaml").stat().st_mode & 0o777 == 0o600

    # A directory's Compose file counts more than its Procfile.
    (project / "compose.yaml").write_text(COMPOSE % (8080, ""))
    assert root.ctl("new", f"--from={project}", "first").returncode == 0
    assert root.get("first", "services.web.port") == "80" and root.get("first", "sidecars.db.image") == "localhost/db:1"
    # Something is lost: exit status 3, and a comment in the file that is written all the same.
    (project / "compose.yaml").write_text(COMPOSE % (8081, ", foo: bar"))
    done = root.ctl("new", f"--from={project}/compose.yaml", "second")
    assert done.returncode == 3 and "1 setting of the input could not be carried over" in done.stderr and "second.yaml written" in done.stdout
    assert "# Line 3: 'foo: bar' could not be carried over" in (root.etc / "second.yaml").read_text()
    assert root.ctl("check").returncode == 0

    (project / "other.yaml").write_text("image: x\n")
    (project / "web.txt").write_text("")
    (project / "bad.yaml").write_text("services:\n  web: {ports: ['80']}\n")
    before = root.files()
    for source, why in ((f"{project}/other.yaml", "a Compose file has 'services:'"), (f"{project}/web.txt", "neither a Compose file (.yaml) nor a Procfile"),
                        (root.path, "the directory has neither a Compose file nor a Procfile"), (f"{project}/none", "No such file"), ("none", "No such file"),
                        (f"{project}/bad.yaml", "nothing is written")):
        assert why in root.bad("new", f"--from={source}", "third")
    assert "exclude each other" in root.bad("new", "--from=x", "--image=x", "third", status=2)
    assert "is defined by" in root.bad("new", f"--from={project}", "hello") and root.files() == before


def test_new_from_a_git_repository(root, tmp_path):
    repository = tmp_path / "shop"
    repository.mkdir()

    def commit(**files):
        for name, text in files.items():
            if text is None:
                (repository / name).unlink()
            else:
                (repository / name).write_text(text)
        subprocess.run("git init -q -b trunk . && git add -A && git -c user.name=a -c user.email=a@example.com commit -q -m x", shell=True, check=True, cwd=repository)

    def new(app):
        done = root.ctl("new", f"--from=file://{repository}", app)
        assert done.returncode == 0, done.stderr
        return json.loads(root.good("get", app, "--json")), " ".join((root.etc / f"{app}.yaml").read_text().replace("#", "").split())

    (tmp_path / "secret").write_text("web: secret\n")
    commit(Procfile=PROCFILE, **{"uv.lock": ""})
    values, text = new("python")
    assert values["source"]["repo"] == f"file://{repository}" and values["source"]["ref"] == "trunk" and values["source"]["manager"] == "uv"
    assert values["services"][0]["port"] == 8000 and values["before_update"] == ["release"] and "image:" not in text
    assert "'trunk' is the repository's branch: 'pyservicectl update python'" in text

    commit(Procfile=None, Dockerfile="FROM localhost/hello:1\n", **{"compose.yml": "services: {}\n"})
    values, text = new("container")
    assert values["source"]["containerfile"] == "Dockerfile" and "services:" not in text
    assert "the repository has no Procfile" in text and "'pyservicectl import compose compose.yml'" in text

    commit(Dockerfile=None, **{"uv.lock": None})
    assert "neither a Containerfile nor a Python project" in new("nothing")[1]
    # A link in a repository leads nowhere.
    (repository / "Procfile").symlink_to(tmp_path / "secret")
    commit()
    errors = root.bad("new", f"--from=file://{repository}", "link")
    assert "a line of a Procfile" in errors and "web: secret" not in errors
    errors = root.bad("new", f"--from=file://{tmp_path}/none", "link")
    assert f"cannot clone file://{tmp_path}/none" in errors and "does not appear to be a git repository" in errors


def test_new_by_asking(root):
    text, status = root.talk(["new", "fresh"], [("Image to run: ", "\n"), ("Image to run: ", "A B\n"), ("Image to run: ", "localhost/fresh:1\n"), ("Port .*: ", "8080\n"),
                                                (r"Instances \[1\]: ", "x\n"), (r"Instances \[1\]: ", "3\n"), ("Domain .*: ", "fresh.example.com\n"),
                                                ("Path .*: ", "/health\n")])
    assert status == 0, text
    values = json.loads(root.good("get", "fresh", "--json"))
    assert (values["image"], values["port"], values["scale"]) == ("localhost/fresh:1", 8080, 3)
    assert values["proxy"]["domains"] == ["fresh.example.com"] and values["health"]["http"] == "/health"

    text, status = root.talk(["edit", "second"], [("Write one", "y\n"), ("Image", "localhost/x\n"), ("Port", "\n"), ("Instances", "\n")])
    assert status == 0 and root.get("second", "image") == "localhost/x" and root.get("second", "scale") == "1", text
    text, status = root.talk(["edit", "third"], [("Write one", "n\n")])
    assert status == 1 and not (root.etc / "third.yaml").exists()
    # who goes away leaves nothing
    text, status = root.talk(["new", "third"], [("Image", "localhost/x\n"), ("Port", "\x04")])
    assert status == 1 and not (root.etc / "third.yaml").exists()
