# SPDX-License-Identifier: Apache-2.0
"""pyservicectl update, with a program in Podman's place that answers from a file and notes what it was asked."""

import json
import os
import shutil
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

PODMAN = """#!/usr/bin/python3
import json, os, sys
words = sys.argv[1:]
path = os.environ["FAKE_PODMAN"]
with open(path) as file:
    world = json.load(file)
with open(path + ".log", "a") as file:
    file.write(" ".join(words) + "\\n")
images, name = world["images"], words[-1]

def find(name):
    for image in images:
        if name in image["names"] or name == "sha256:" + image["id"]:
            return image

if words[:2] == ["image", "exists"]:
    sys.exit(0 if find(name) else 1)
elif words[:2] == ["image", "inspect"]:
    image = find(name)
    print(image["id"] + " " + image["digest"])
    names = list(image["names"])
    names += [n.rsplit(":", 1)[0] + "@" + image["digest"] for n in names if "@" not in n]
    print("\\n".join(names))
elif words[0] == "pull":
    with open(f"/proc/{os.getppid()}/cmdline") as file:
        above = file.read().split("\\0")
    if os.path.basename(above[0]) != "timeout" or "2h" not in above:
        sys.exit("Error: a registry may never answer")
    if world.get("hangs"):
        sys.exit(124)   # of timeout(1), when the time is over
    new = world["registry"].get(name)
    if not new:
        sys.exit("Trying to pull " + name + "...\\nError: " + name + ": manifest unknown")
    for image in images:
        if name in image["names"]:
            image["names"].remove(name)
    image = next((i for i in images if i["id"] == new["id"]), None)
    if not image:
        image = {**new, "names": []}
        images.append(image)
    image["names"].append(name)
    with open(path, "w") as file:
        json.dump(world, file)
    print(new["id"])
elif words[0] == "tag":
    find("sha256:" + words[1])["names"].append(name)
    with open(path, "w") as file:
        json.dump(world, file)
elif words[0] == "ps":
    print("\\n".join(name + " " + image for name, image in world["ps"].items()))
else:
    sys.exit("what?")
"""
APP = """image: registry.example.com/hello:1
port: 8000
tls_verify: false
auth_file: /etc/hello.json
"""
REF, REPOSITORY = "registry.example.com/hello:1", "registry.example.com/hello"
A, B = "a" * 12, "b" * 12
OLD, NEW, MINE = "1" * 64, "2" * 64, "3" * 64
OLD_DIGEST, NEW_DIGEST = "sha256:" + "d" * 64, "sha256:" + "e" * 64
BUNDLE = f'''[Container]
Image={REF}
Exec="{REF}"
'''
IMAGE = f'''[Image]
Image={REF}
'''


class Root:
    def __init__(self, path):
        self.path = path
        self.state = path / "var/lib/pyservice/hello/state"
        self.bundle = path / "var/lib/pyservice/hello/bundles" / A
        self.podman = path / "podman"
        self.world_file = path / "world"
        for directory in (path / "etc/pyservice.d", path / "run/pyservice/apps/hello", self.bundle / "quadlet"):
            directory.mkdir(parents=True)
        self.podman.write_text(PODMAN)
        self.podman.chmod(0o755)
        self.define(APP)
        self.revision(A)
        self.state.write_text(f"accepted {A}\n")
        (self.bundle / "manifest").write_text("revision hello 0644 quadlet/hello-01234567.image\nrevision hello 0600 quadlet/hello@.container\n")
        (self.bundle / "quadlet/hello@.container").write_text(BUNDLE)
        (self.bundle / "quadlet/hello-01234567.image").write_text(IMAGE)
        self.world = {
            "images": [{"id": OLD, "digest": OLD_DIGEST, "names": [REF]}, {"id": MINE, "digest": "sha256:" + "f" * 64, "names": ["localhost/mine:1"]}],
            "registry": {REF: {"id": OLD, "digest": OLD_DIGEST}},
            "ps": {"hello-0": OLD, "hello-1": OLD},
        }

    def define(self, text, name="hello"):
        (self.path / f"etc/pyservice.d/{name}.yaml").write_text(text)

    def revision(self, wanted):
        (self.path / "run/pyservice/apps/hello/revision").write_text(f"runs {A}\nwanted {wanted}\nfile {wanted}\n")

    def publish_new(self):
        self.world["registry"] = {name: {"id": NEW, "digest": NEW_DIGEST} for name in (REF, f"{REPOSITORY}@{NEW_DIGEST}")}

    def update(self, *words):
        self.world_file.write_text(json.dumps(self.world))
        self.log_file.unlink(missing_ok=True)
        result = subprocess.run([PYSERVICECTL, f"--root={self.path}", "update", *words], capture_output=True, text=True, check=False, timeout=60,
                                env={**os.environ, "PYSERVICE_PODMAN": str(self.podman), "FAKE_PODMAN": str(self.world_file)})
        self.world = json.loads(self.world_file.read_text())
        return result

    @property
    def log_file(self):
        return self.world_file.with_name("world.log")

    def pulls(self):
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        return [line for line in lines if line.startswith("pull")]

    def names(self, image):
        return next(i["names"] for i in self.world["images"] if i["id"] == image)

    def state_lines(self):
        return [line for line in self.state.read_text().splitlines() if line != "pyservice-state 1"]


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def test_up_to_date(root):
    result = root.update("hello")
    assert (result.returncode, result.stdout, result.stderr) == (0, "hello: up to date\n", "")
    assert root.pulls() == [f"pull --quiet --authfile=/etc/hello.json --tls-verify=false {REF}"]
    assert root.state_lines() == [f"accepted {A}"]


def test_a_new_image(root):
    shutil.copytree(root.bundle, root.bundle.with_name(B))
    root.publish_new()
    result = root.update("hello")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"hello: {REF} is now {REPOSITORY}@{NEW_DIGEST}\n", "")
    assert root.state_lines() == [f"accepted {A}", f"image {REF} {REPOSITORY}@{NEW_DIGEST}"]
    # Names of their own, which stay when the tag moves on.
    assert root.pulls()[-1].endswith(f" {REPOSITORY}@{NEW_DIGEST}")
    assert root.names(NEW) == [REF, f"{REPOSITORY}@{NEW_DIGEST}"]
    assert root.names(OLD) == [f"localhost/pyservice-kept:{OLD[:12]}"]

    # What runs, or ran, goes on with the image that it was accepted with.
    assert (root.bundle / "quadlet/hello@.container").read_text() == f'[Container]\nImage=sha256:{OLD}\nExec="{REF}"\n'
    assert (root.bundle / "quadlet/hello-01234567.image").read_text() == IMAGE, "what pulls only asks whether the tag is there"
    assert (root.bundle / "manifest").read_text().count("\nfile ") == 3
    assert f" sha256:{OLD}\n" in (root.bundle / "record").read_text()

    assert f"Image=sha256:{OLD}" in (root.bundle.with_name(B) / "quadlet/hello@.container").read_text(), "nor does an undo start another one"

    # Rolled out or reverted: it is not found a second time.
    assert root.update("hello").stdout == "hello: up to date\n"
    root.world["ps"] = {"hello-0": NEW}
    assert root.update("hello").stdout == "hello: up to date\n"


def test_the_next_new_image(root):
    root.publish_new()
    root.update("hello")
    third = {"id": "4" * 64, "digest": "sha256:" + "c" * 64}
    root.world["registry"] = {name: third for name in (REF, f"{REPOSITORY}@{third['digest']}")}
    assert root.update("hello").returncode == 0
    assert root.state_lines() == [f"accepted {A}", f"image {REF} {REPOSITORY}@{third['digest']}"]
    assert f"sha256:{OLD}" in (root.bundle / "quadlet/hello@.container").read_text()


def test_what_podman_says_moves_no_terminal(root):
    root.podman.write_text("#!/bin/sh\nprintf 'Error: evil \\033[2J \\302\\2332J \\2332J \\303\\251\\n' >&2\nexit 1\n")
    result = root.update("hello")
    assert result.returncode == 1 and result.stderr == "pyservicectl: hello: podman ps: Error: evil ?[2J ??2J ?2J \xe9\n"


def test_a_pull_that_fails(root):
    root.world["registry"] = {}
    result = root.update("hello")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"pyservicectl: hello: {REF}: Error: {REF}: manifest unknown\n"
    root.world["hangs"] = True
    assert root.update("hello").stderr == f"pyservicectl: hello: {REF}: the registry did not send it within 2h\n"
    assert root.state_lines() == [f"accepted {A}"]


def test_one_failure_of_two_changes_nothing(root):
    root.define(APP + "sidecars:\n- name: cache\n  image: registry.example.com/cache:1\n  command: [cache]\n")
    root.publish_new()
    result = root.update("hello")
    assert result.returncode == 1 and "registry.example.com/cache:1" in result.stderr
    assert root.state_lines() == [f"accepted {A}"]


def test_an_image_of_this_machine(root):
    root.define("image: localhost/mine:1\nport: 8000\n")
    root.world["ps"] = {"hello-0": MINE}
    assert root.update("hello").stdout == "hello: up to date\n"
    root.world["images"][1]["names"] = []
    root.world["images"].append({"id": NEW, "digest": NEW_DIGEST, "names": ["localhost/mine:1"]})
    result = root.update("hello")
    assert result.stdout == f"hello: localhost/mine:1 is now sha256:{NEW}\n"
    assert root.pulls() == []
    assert root.names(NEW) == ["localhost/mine:1", f"localhost/pyservice-kept:{NEW[:12]}"]


def test_local_asks_no_registry(root):
    root.publish_new()
    result = root.update("--local", "hello")
    assert (result.returncode, result.stdout, root.pulls()) == (0, "hello: up to date\n", [])
    root.world["images"][0]["names"] = []
    root.world["images"].append({"id": NEW, "digest": NEW_DIGEST, "names": [REF]})
    assert root.update("--local", "hello").stdout == f"hello: {REF} is now {REPOSITORY}@{NEW_DIGEST}\n"
    assert root.pulls() == []


def test_parts_are_told_apart(root):
    """What another part runs, or a container of no instance's name, is not compared."""
    root.world["ps"] = {"hello-0": OLD, "hello-next": NEW, "hello-web-0": NEW, "other-0": NEW}
    assert root.update("hello").stdout == "hello: up to date\n"


def test_a_digest_never_changes(root):
    root.define(f"image: {REPOSITORY}@{OLD_DIGEST}\n")
    assert root.update("hello").stdout == "hello: up to date\n"
    assert root.pulls() == []


def test_pins_of_what_is_not_used_any_more_go(root):
    root.state.write_text(f"accepted {A}\nimage registry.example.com/hello:0 sha256:{MINE}\n")
    root.publish_new()
    assert root.update("hello").returncode == 0
    assert root.state_lines() == [f"accepted {A}", f"image {REF} {REPOSITORY}@{NEW_DIGEST}"]


def test_what_is_pinned_is_not_updated(root):
    root.state.write_text(f"accepted {A}\npinned {B} {A}\n")
    root.revision(B)
    root.publish_new()
    result = root.update("hello")
    assert result.returncode == 1 and "is pinned to" in result.stderr and root.pulls() == []
    root.define(APP + "auto_update: registry\n")
    assert root.update("--auto").returncode == 0


def test_auto(root):
    root.publish_new()
    assert (root.update("--auto").stdout, root.pulls()) == ("", [])
    root.define(APP + "auto_update: local\n")
    assert (root.update("--auto").stdout, root.pulls()) == ("hello: up to date\n", [])
    root.define(APP + "auto_update: registry\n")
    assert root.update("--auto").stdout == f"hello: {REF} is now {REPOSITORY}@{NEW_DIGEST}\n"


def test_auto_leaves_to_podman_what_is_podmans(root):
    root.define(APP + "auto_update: registry\nlabels:\n  io.containers.autoupdate: registry\n")
    root.publish_new()
    assert (root.update("--auto").stdout, root.pulls()) == ("hello: up to date\n", [])


@pytest.mark.parametrize("words", [[], ["--auto", "hello"], ["--auto", "--local"]])
def test_wrong_usage(root, words):
    assert root.update(*words).returncode == 2


def test_names(root):
    root.define("image: [\n", "broken")
    result = root.update("other", "hello", "broken")
    assert result.returncode == 1
    assert "'other' has no definition" in result.stderr and "'broken' has errors" in result.stderr
    assert result.stdout == "hello: up to date\n"
