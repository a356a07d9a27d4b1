# SPDX-License-Identifier: Apache-2.0
"""pyservicectl status and ps below a root: what can be told from files alone."""

import json
import os
import subprocess

import pytest

from answers import read_answer
from test_rollout_verbs import A, B, NOON, PYSERVICECTL, Root

pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

DEFINITION = "image: localhost/hello:2\nport: 8000\nscale: 2\nproxy: {domains: [hello.example.com]}\n"
PARTS = """\
image: localhost/hello:2
services: [{name: web, port: 8000, scale: 2}, {name: worker}]
sidecars: [{name: cache, image: localhost/cache:1}]
timers: [{name: tidy, schedule: [daily, "*-*-* 12:00:00"], command: tidy}]
tasks: [{name: migrate, command: migrate}]
"""
HEAD = "pyservice-bundle 1\n"
PART = "part {kind} {unit} {scale} {label} no no localhost/{image}\n"


class Status(Root):
    def define(self, text=DEFINITION, name="hello"):
        path = self.path / f"etc/pyservice.d/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def publish(self, scale, files=()):
        """A bundle of hello that runs, as the generator would write it."""
        part = PART.format(kind="service", unit="hello", scale=scale, label=A, image="hello:1")
        self.revision(A, A)
        self.progress(A, "done")
        for path, text in {"rollout": f"service hello {A} plain\n", "ports": "hello 0 20001\nhello 1 20002\n",
                           "record": HEAD + part,
                           **dict(files)}.items():
            file = self.path / "run/pyservice/apps/hello" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def json(self, *words, status=None):
        result = self.run("--json", *words)
        assert status is None or result.returncode == status, result
        return read_answer("status APP" if words[0] == "status" and len(words) > 1 else words[0], result.stdout)

    def app(self, status=None):
        return self.json("status", status=status)["apps"][0]


@pytest.fixture
def root(tmp_path):
    return Status(tmp_path)


def test_nothing(root):
    (root.path / "run/pyservice/apps/hello").rmdir()
    result = root.run("status")
    assert (result.returncode, result.stdout) == (0, "") and "there are no applications; each .yaml file in /etc/pyservice.d defines one, and 'pyservicectl new NAME'" in result.stderr
    assert root.json("status", status=0) == {"apps": []}


def test_new(root):
    root.define()
    (root.path / "run/pyservice/apps/hello").rmdir()
    hello = root.app(status=3)
    assert (hello["state"], hello["declared"], hello["running"], hello["revision"]) == ("new", 2, None, None)
    assert hello["note"] == "new; reload to publish it"


def test_a_reader_that_has_seen_enough_is_no_error(root):
    root.define()
    reader, writer = os.pipe()
    os.close(reader)
    # Without SIGPIPE, as in a service.
    result = subprocess.run(root.command("status", "hello"), stdout=writer, stderr=subprocess.PIPE,
                            restore_signals=False, check=False)
    os.close(writer)
    assert result.stderr == b""


def test_published(root):
    root.define()
    root.publish(2)
    hello = root.app(status=0)
    assert hello == {"app": "hello", "state": "unknown", "declared": 2, "running": None, "ready": None, "revision": A, "image": "localhost/hello:1",
                     "since": None, "next": None, "note": None, "wanted": A, "failed": None, "as_declared": True, "pinned": None, "broken": False}
    result = root.run("status")
    assert result.stdout.splitlines()[1].split() == ["hello", "unknown", "2", A, "localhost/hello:1"] and result.stderr == ""
    lines = root.json("ps", status=0)["instances"]
    assert [(line["name"], line["state"], line["port"], line["memory_bytes"]) for line in lines] == [
        ("hello@0", "unknown", 20001, None), ("hello@1", "unknown", 20002, None)]
    assert [line["name"] for line in root.json("ps", "hello@1")["instances"]] == ["hello@1"]


def test_edited(root):
    root.define()
    root.publish(1)
    assert root.app(status=3)["note"] == "edited; reload to apply it"


def test_broken(root):
    root.define(DEFINITION.replace("scale: 2", "scale: two"))
    root.publish(2)
    hello = root.app(status=3)
    assert (hello["state"], hello["declared"], hello["broken"]) == ("broken", 2, True)
    assert hello["note"] == "1 error in its file, the last good version is in use"
    result = root.run("status", "hello")
    assert result.returncode == 3 and "hello.yaml:3:8: error: 'two'" in result.stdout and "3 | scale: two\n" in result.stdout
    error, = root.json("status", "hello")["diagnostics"]
    assert (error["id"], error["line"], error["column"]) == ("bad-value", 3, 8) and error["file"].endswith("/etc/pyservice.d/hello.yaml")


def test_what_the_machine_lacks(root):
    """The reason why a start fails, and fails again."""
    root.define("image: hello:1\nenv_files: [/etc/hello.env]\nvolumes: ['/srv/hello:/srv:ro']\n")
    root.publish(1)
    (root.path / "run/pyservice/errors/hello").write_text("hello.yaml:1:1: error: Quadlet does not like it\n")
    lacks = ("hello.yaml:1:8: warning: 'hello:1' has no registry",
             "hello.yaml:2:13: warning: this machine has no '/etc/hello.env'",
             "hello.yaml:3:11: warning: this machine has no '/srv/hello'")
    for verb in ("status", "doctor", "plan"):
        done = root.run(verb, "hello")
        assert all(text in done.stdout + done.stderr for text in lacks), done
        assert verb != "status" or "At the last reload:" in done.stdout
    for path, text in {"etc/hello.env": "", "srv/hello/x": "",
                       "etc/containers/registries.conf": "unqualified-search-registries = ['x']\n"}.items():
        (root.path / path).parent.mkdir(parents=True, exist_ok=True)
        (root.path / path).write_text(text)
    assert "warning" not in root.run("status", "hello").stdout + root.run("plan", "hello").stderr


def test_refused_by_the_last_reload(root):
    root.define()
    root.publish(2)
    (root.path / "run/pyservice/errors/hello").write_text("hello.yaml:1:1: error: Quadlet does not like it\n")
    assert "refused by the last reload" in root.app(status=3)["note"]
    assert "At the last reload:\nhello.yaml:1:1: error: Quadlet" in root.run("status", "hello").stdout


def test_all_kinds_of_parts(root):
    root.define(PARTS)
    whole = root.json("status", "hello")
    assert [(s["name"], s["unit"], s["scale"]) for s in whole["services"]] == [("web", "hello-web", 2), ("worker", "hello-worker", 1)]
    assert [s["unit"] for s in whole["services"][0]["instances"]] == ["hello-web@0.service", "hello-web@1.service"]
    assert [(s["name"], s["image"]) for s in whole["sidecars"]] == [("cache", "localhost/cache:1")]
    assert whole["timers"] == [{"name": "tidy", "unit": "hello-tidy.timer", "schedule": "daily; *-*-* 12:00:00", "active": None, "next": None, "last": None,
                                "result": None}]
    assert whole["tasks"] == [{"name": "migrate", "unit": "hello-migrate.service", "active": None, "last": None, "result": None, "done": False}]
    text = root.run("status", "hello").stdout
    assert "├─hello-web@0" in text and "hello-cache" in text and "daily; *-*-* 12:00:00" in text


def test_parts_of_what_was_published(root):
    """Where the definition no longer says what there is."""
    root.define("scale: many")
    root.publish(2, files={
        "record": HEAD + "".join(PART.format(kind=kind, unit=unit, scale=scale, label=A, image="hello:1") for kind, unit, scale in (
            ("service", "hello", 2), ("task", "hello-migrate", 0), ("timer", "hello-tidy", 1)))}.items())
    whole = root.json("status", "hello", status=3)
    assert [(part["unit"], part["scale"]) for part in whole["services"]] == [("hello", 2)]
    assert [part["name"] for part in whole["timers"]] == ["tidy"] and [part["name"] for part in whole["tasks"]] == ["migrate"]


TLS = DEFINITION.replace("domains", "tls: {certificate: /etc/hello.pem}, domains")


@pytest.mark.parametrize("has_record", [True, False], ids=["record", "older"])
@pytest.mark.parametrize("text", [DEFINITION, TLS], ids=["plain", "tls"])
def test_as_rendered(root, text, has_record):
    """What systemd keeps up besides, as what watches a certificate, is no instance. A bundle that an older pyservice published has
    no record until the next reload."""
    root.define(text)
    app = root.path / "run/pyservice/apps/hello"
    assert root.run("render", f"--output={app.parent}").returncode == 0
    files = sorted(str(path.relative_to(app)) for path in app.rglob("*") if path.is_file())
    (app / "manifest").write_text("".join(f"{'plan' if name in ('record', 'rollout') else 'revision'} - 0644 {name}\n"
                                          for name in files if has_record or name != "record"))
    if not has_record:
        (app / "record").unlink()
    root.revision(A, A)
    root.progress(A, "done")
    hello = root.app(status=0)
    assert (hello["declared"], hello["image"], hello["note"]) == (2, "localhost/hello:2", None)
    root.define(text.replace("scale: 2", "scale: two"))
    assert root.app(status=3)["declared"] == 2


@pytest.mark.parametrize(("record", "why"), [
    ("pyservice-bundle 0\n", "another version of pyservice published it"), ("pyservice-bundle 99\nstrange\n", "another version of pyservice published it"),
    ("part", "its record is damaged"), (HEAD + "part service hello many - no no -\n", "its record is damaged")])
def test_a_record_that_cannot_be_read(root, record, why):
    root.define()
    root.publish(2, files={"record": record}.items())
    assert why in root.app(status=3)["note"]


def test_gone(root):
    root.publish(1)
    assert root.json("status", status=0) == {"apps": []}
    assert "there are no applications" in root.run("status").stderr
    assert root.json("status", "hello")["state"] == "gone"


@pytest.mark.parametrize(("lines", "note"), [
    ([f"accepted {A}", f"pinned {A} {B}"], f"pinned to {A}"), ([f"accepted {A}", "paused"], "rollout paused"),
    ([f"accepted {A}", f"failed {B} {NOON} it answered 500"], "rollout failed: it answered 500")])
def test_what_a_rollout_left(root, lines, note):
    root.define()
    root.publish(2)
    root.revision(A, A, B)
    root.progress(A, "paused" if "paused" in lines else "done")
    root.state(*lines)
    hello = root.app(status=3)
    assert note in hello["note"] and (hello["pinned"] == A) == ("pinned" in note)


def test_stopped(root):
    root.define()
    root.publish(2)
    stopped = root.path / "run/pyservice/stopped/hello"
    stopped.parent.mkdir()
    stopped.write_text(f"now {NOON} hello@1\n")
    assert root.app(status=3)["note"] == "stopped: hello@1"
    assert [line["state"] for line in root.json("ps")["instances"]] == ["unknown", "held"]
    stopped.write_text(f"now {NOON} *\n")
    assert root.app(status=3)["note"] == "stopped; 'pyservicectl start hello' starts it"


@pytest.mark.other_users
def test_what_only_root_can_read(root):
    """It is no mistake of the file; what is published is told."""
    root.define()
    root.define(name="sec")
    root.publish(2)
    (root.path / "etc/pyservice.d/hello.yaml").chmod(0o600)
    (root.path / "etc/pyservice.d/sec.yaml").chmod(0o600)

    def as_nobody(*words):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *root.command(*words)], capture_output=True, text=True, check=False)

    result = as_nobody("--json", "status", "hello")
    hello = json.loads(result.stdout)
    assert (result.returncode, hello["state"], hello["declared"]) == (0, "unknown", 2) and hello["broken"] is None
    assert "not shown without root privileges: the content of /etc/pyservice.d/hello.yaml" in result.stderr
    result = as_nobody("status")
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:3]] == [["hello", "unknown"], ["sec", "new"]] and "mistake" not in result.stdout
    result = as_nobody("get", "hello", "scale")
    assert (result.returncode, result.stderr.splitlines()[-1]) == (1, "pyservicectl: hello: its definition cannot be read; run this as root")
    result = as_nobody("check")
    assert result.returncode == 1 and "hello.yaml: error: only root can read this file; run this command as root [file-unreadable]" in result.stderr


def test_masked(root):
    root.publish(2)
    (root.path / "etc/pyservice.d").mkdir(parents=True)
    (root.path / "etc/pyservice.d/hello.yaml").symlink_to("/dev/null")
    hello = root.json("status", "hello")
    assert (hello["state"], hello["note"]) == ("masked", "masked by /etc/pyservice.d/hello.yaml")
    assert "none; masked by /etc/pyservice.d/hello.yaml" in root.run("status", "hello").stdout
    for words in ["scale", "hello=2"], ["set", "hello", "scale", "2"], ["edit", "hello"], ["new", "hello"], ["cat", "hello"]:
        result = root.run(*words)
        assert result.returncode == 1 and result.stderr.startswith("pyservicectl: hello is masked by /etc/pyservice.d/hello.yaml; remove that link"), result


def test_no_control_characters(root):
    root.define()
    root.publish(2)
    root.revision(A, B)
    root.progress(B, "tasks", message="\033[31mred\x07")
    for words in (["status", "hello"], ["--json", "status", "hello"]):
        result = root.run(*words)
        assert "\033" not in result.stdout and "\x07" not in result.stdout and "?[31mred?" in result.stdout


HOSTILE = b"\033[2J\x07evil \xc2\x9b2J \x9b2J \xc3\xa9".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("words", [["status"], ["status", "hello"], ["ps"], ["rollout", "status", "hello"], ["rollout", "history", "hello"], ["doctor"]], ids=" ".join)
@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["text", "json"])
def test_no_verb_moves_a_terminal(root, words, mode):
    """Files of an earlier version may hold what a container said, as it said it."""
    root.define()
    root.publish(2)
    root.revision(A, B)
    (root.state_dir / "state").write_text(f"accepted {A}\nfailed {B} {NOON} {HOSTILE[5:]}\n", errors="surrogateescape")
    root.progress_file.write_text(f"revision {B}\nphase failed\nstarted {NOON}\nmessage {HOSTILE}\n", errors="surrogateescape")
    done = subprocess.run(root.command(*mode, *words), capture_output=True, check=False, timeout=60)
    text = (done.stdout + done.stderr).decode()
    assert [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)] == []
    if words == ["rollout", "status", "hello"]:
        assert "evil ??2J ?2J \xe9" in text


def test_host_is_broken(root):
    root.define()
    root.publish(2)
    (root.path / "etc/pyservice").mkdir()
    (root.path / "etc/pyservice/host.yaml").write_text("ports: many\n")
    result = root.run("status")
    assert result.returncode == 3 and "run 'pyservicectl check'" in result.stderr


@pytest.mark.parametrize(("words", "status", "said"), [
    (["status", "hello", "other"], 2, "one application, or none"), (["status", "hello/web"], 2, "one application, or none"),
    (["status", "Hello"], 2, "valid name"), (["ps", "../x"], 2, "valid name"), (["ps", "hello@x"], 2, "is not a valid number"),
    (["status", "helo"], 1, "did you mean 'hello'?"), (["ps", "other"], 1, "lists all applications"),
    (["ps", "hello/wrb"], 1, "lists what it has"), (["ps", "hello@7"], 1, "hello has no instance 7; the last one is 1"),
    (["env", "hello/hello@7"], 1, "hello/hello has no instance 7; the last one is 1"),
    (["status", "--yes"], 2, "no option --yes")])
def test_refusals(root, words, status, said):
    root.define()
    result = root.run(*words)
    assert (result.returncode, result.stdout) == (status, "") and said in result.stderr


@pytest.mark.skipif(bool(PYSERVICECTL) and b"__asan_init" in open(PYSERVICECTL, "rb").read(), reason="AddressSanitizer needs more address space")
@pytest.mark.parametrize("verb", ["check", "status"])
def test_out_of_memory(root, verb):
    root.define()
    services = ", ".join(f"{{name: s{i}}}" for i in range(400))
    variables = ", ".join(f"A{i}: x" for i in range(1500))
    root.define(f"image: x\nenv: {{{variables}}}\nservices: [{services}]\n", name="large")
    result = subprocess.run(["sh", "-c", 'ulimit -v 98304; exec "$@"', "sh", *root.command(verb)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (111, "")
    assert result.stderr == "pyservice: out of memory on '/etc/pyservice.d/large.yaml'; make that file smaller, or split the application\n"


@pytest.mark.other_users
def test_without_root(root):
    root.define()
    root.publish(2)
    root.state(f"accepted {A}")
    root.state_dir.chmod(0o700)
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *root.command("status")], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0 and "hello" in result.stdout
    assert result.stderr == "pyservicectl: not shown without root privileges: pinned, paused and failed revisions\n"


def test_without_systemd(tmp_path):
    """As for a user who is not logged in, or before systemd runs."""
    (tmp_path / ".config/pyservice.d").mkdir(parents=True)
    done = subprocess.run([PYSERVICECTL, "--user", "status"], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "none")})
    assert (done.returncode, done.stdout) == (111, "")
    assert done.stderr == "pyservicectl: systemd does not answer: No such file or directory; 'pyservicectl doctor' names the cause\n"
