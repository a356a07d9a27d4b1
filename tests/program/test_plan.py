# SPDX-License-Identifier: Apache-2.0
"""pyservicectl plan, below a root: what a reload would do to what the generator published there before."""

import json
import os
import shutil
import stat
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from answers import read_answer

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = [pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set"),
              pytest.mark.skipif(os.geteuid() != 0, reason="definitions must be root's")]

# In Quadlet's place.
QUADLET = r"""#!/bin/sh
for last; do :; done
for file in "$QUADLET_UNIT_DIRS"/*; do
    name=${file##*/}
    if grep -q '^Description=refuse' "$file"; then
        echo "converting \"$name\": unsupported key 'Description' in group 'Unit' in $file" >&2
        bad=1
        continue
    fi
    case $name in
        *.container) unit=${name%.container}.service ;;
        *.image) unit=${name%.image}-image.service ;;
        *.network) unit=${name%.network}-network.service ;;
        *.volume) unit=${name%.volume}-volume.service ;;
    esac
    cp "$file" "$last/$unit"
done
exit ${bad:-0}
"""

HELLO = "image: registry.example.com/hello:1\nscale: 2\n"


class Root:
    def __init__(self, path):
        self.path = path
        self.definitions = path / "etc/pyservice.d"
        self.definitions.mkdir(parents=True)
        (path / "output").mkdir()
        self.quadlet = path / "quadlet"
        self.quadlet.write_text(QUADLET)
        self.quadlet.chmod(0o755)

    def run(self, *words):
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "PYSERVICE_QUADLET": str(self.quadlet)})

    def define(self, name, text):
        (self.definitions / f"{name}.yaml").write_text(text)

    def reload(self):
        for file in (self.path / "output").iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        done = self.run(str(Path(PYSERVICECTL).with_name("pyservice-generator")), f"--root={self.path}", str(self.path / "output"))
        assert done.returncode in (0, 1), done.stderr

    def accept(self, app):
        """As its rollout would."""
        bundle = self.path / "run/pyservice/apps" / app
        wanted = dict(line.split() for line in (bundle / "revision").read_text().splitlines()[1:])["wanted"]
        state = self.path / "var/lib/pyservice" / app
        shutil.copytree(bundle / "wanted" if (bundle / "wanted").exists() else bundle, state / "bundles" / wanted)
        (state / "state").write_text(f"accepted {wanted}\n")
        self.reload()

    def ctl(self, *words):
        return self.run(PYSERVICECTL, f"--root={self.path}", *words)

    def plan(self, *words, status=0):
        done = self.ctl("plan", *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def actions(self, *words, status=0):
        """What is done to the one app that is told of."""
        apps = read_answer("plan", self.plan("--json", *words, status=status))["apps"]
        assert len(apps) == 1
        return apps[0]["change"], [f'{one["action"]} {one["kind"]} {one["name"]}' for one in apps[0]["actions"]]

    def everything(self):
        """All files, with what is in them, and when they were changed."""
        found = {}
        for file in sorted(self.path.rglob("*")):
            status = file.lstat()
            found[str(file)] = (status.st_mode, status.st_mtime_ns, status.st_ino, file.read_bytes() if stat.S_ISREG(status.st_mode) else b"")
        return found


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def test_nothing_is_written(root):
    root.define("hello", HELLO)
    root.reload()
    root.define("hello", HELLO + "env: {A: 1}\n")
    root.define("other", HELLO)
    before = root.everything()
    del before[str(root.path / "run")]          # the trial was in it, for a moment
    assert "Plan: 2 to start, 2 to restart, 0 to stop, 0 tasks to run.\n" in root.plan("--diff")
    after = root.everything()
    del after[str(root.path / "run")]
    assert after == before


def test_a_new_one_and_none(root):
    assert root.plan() == "Nothing changes.\nPlan: 0 to start, 0 to restart, 0 to stop, 0 tasks to run.\n"
    root.define("hello", HELLO)
    change, actions = root.actions()
    assert change == "new"
    assert actions == ["pull image registry.example.com/hello:1", "start instance hello@0.service", "start instance hello@1.service"]
    root.reload()
    assert root.actions("hello") == ("none", [])
    assert root.plan().startswith("Nothing changes.\n")


def test_what_watches_a_certificate_is_no_part(root):
    root.define("hello", HELLO + "port: 80\nproxy: {domains: [a.example.com], tls: {certificate: /etc/a.pem}}\n")
    # Whether or not there is a HAProxy that misses the certificate.
    app, = read_answer("plan", root.ctl("plan", "--json").stdout)["apps"]
    assert [one["name"] for one in app["actions"] if one["action"] == "start"] == ["hello@0.service", "hello@1.service"]
    root.reload()
    root.define("hello", HELLO)
    app, = read_answer("plan", root.ctl("plan", "--json").stdout)["apps"]
    assert [one["name"] for one in app["actions"] if one["action"] == "stop"] == []


def as_before(bundle, upholding, has_record):
    """A bundle as a pyservice made it that rendered what upholds parts, and knew no records, or those of version 1."""
    manifest = [row.removeprefix("file ") for row in (bundle / "manifest").read_text().splitlines(True)[1:]
                if has_record or not row.endswith(" record\n")]
    manifest.append("scale hello 0644 units/hello.target.d/50-hello.conf\n")
    (bundle / "manifest").write_text("".join(sorted(manifest, key=lambda line: line.split()[3])))
    (bundle / "units/hello.target.d").mkdir(parents=True, exist_ok=True)
    (bundle / "units/hello.target.d/50-hello.conf").write_text(upholding)
    plan, ports = bundle / "rollout", bundle / "ports"
    plan.write_text(plan.read_text().split("\n", 1)[1])
    ports.write_text(ports.read_text().removeprefix("pyservice-ports 1\n").replace("port ", ""))
    if has_record:
        rows = [row for row in (bundle / "record").read_text().splitlines(True)[1:] if row.startswith("part ")]
        (bundle / "record").write_text("pyservice-bundle 1\n" + "".join(rows))
    else:
        (bundle / "record").unlink()


@pytest.mark.parametrize("has_record", (False, True))
def test_upgrade_from_earlier_bundles(root, has_record):
    """They count as they are; the first reload publishes them anew, and what was accepted stays what runs."""
    hello = HELLO + "port: 80\nproxy: {domains: [a.example.com]}\n"
    root.define("hello", hello)
    root.reload()
    root.accept("hello")
    published = root.path / "run/pyservice/apps/hello"
    record, ports = ((published / name).read_text() for name in ("record", "ports"))
    stored, = (root.path / "var/lib/pyservice/hello/bundles").iterdir()
    upholding = (published / "units/hello.target.d/50-hello.conf").read_text()
    for bundle in (published, stored):
        as_before(bundle, upholding, has_record)
    hashes, *units = (published / "stamp").read_text().splitlines()[1:]
    hashes = [urllib.parse.unquote(word) for word in hashes.split()[1:]]
    hashes[0] = "0123456789abcdef" + hashes[0][hashes[0].index(" "):].replace(" 5:", " 3:")
    (published / "stamp").write_text("".join(f"{line}\n" for line in hashes + [row.split()[1] for row in units]))
    for path in (published / "revision", root.path / "var/lib/pyservice/hello/state"):
        path.write_text(path.read_text().removeprefix(f"pyservice-{path.name} 1\n"))

    assert root.actions() == ("changed", [])
    assert root.ctl("status").stdout.splitlines()[1].split()[:3] == ["hello", "unknown", "2"]
    root.reload()
    assert (published / "record").read_text() == record and (stored / "record").exists() == has_record
    assert (published / "ports").read_text() == ports and ports.startswith("pyservice-ports 1\nport hello 0 ")
    assert root.actions("hello") == ("none", [])

    # Another revision beside it: what runs is the one that has no record, now three times.
    root.define("hello", hello.replace("scale: 2", "scale: 3") + "env: {A: 1}\n")
    root.reload()
    known = "".join(row for row in record.splitlines(True) if not row.startswith(("front ", "server ")))
    assert (published / "record").read_text() == known.replace("hello 2 ", "hello 3 ")
    assert (published / "ports").read_text() == ports


@pytest.mark.parametrize("version", [0, 99])
def test_a_bundle_of_another_version(root, version):
    root.define("hello", HELLO)
    root.reload()
    (root.path / "run/pyservice/apps/hello/record").write_text(f"pyservice-bundle {version}\nstrange\n")
    root.define("hello", HELLO.replace("2", "3"))
    done = root.ctl("plan")
    assert (done.returncode, done.stdout) == (111, "")
    assert done.stderr.endswith("another version of pyservice published them; reload to publish them again\n")
    root.reload()
    assert root.actions("hello") == ("none", [])


def test_scale_restarts_nothing(root):
    root.define("hello", HELLO)
    root.reload()
    root.define("hello", HELLO.replace("2", "12"))
    assert root.actions() == ("changed", [f"start instance hello@{i}.service" for i in range(2, 12)])
    assert "  + start    hello@2 … hello@11\n" in root.plan()
    root.define("hello", HELLO.replace("2", "0"))
    assert root.actions() == ("changed", ["stop instance hello@0.service", "stop instance hello@1.service"])
    (root.definitions / "hello.yaml").unlink()
    assert root.actions() == ("gone", ["stop instance hello@0.service", "stop instance hello@1.service"])
    root.reload()
    assert root.plan().startswith("Nothing changes.\n")
    root.define("hello", HELLO)
    assert root.actions()[0] == "new"


PARTS = """image: registry.example.com/hello:1
env: {{A: '{a}'}}
services:
  - {{name: web, scale: 2, port: 8000, health: {{http: /}}, proxy: {{domains: [a.example.com]}}}}
  - {{name: once, restart: on-failure}}
sidecars: [{{name: helper}}]
tasks: [{{name: first, command: [a]}}, {{name: second, command: [b]}}, {{name: last, command: [d]}}]
timers: [{{name: nightly, schedule: daily, command: [c]}}]
before_update: [second, first]
after_update: last
"""


def test_a_revision(root):
    root.define("hello", PARTS.format(a=1))
    assert root.actions()[1][2:5] == ["start sidecar hello-helper.service",
                                      "run task hello-second.service", "run task hello-first.service"]
    root.reload()
    root.accept("hello")
    assert root.plan().startswith("Nothing changes.\n")
    root.define("hello", PARTS.format(a=2))
    assert root.actions() == ("changed", [
        "run task hello-second.service", "run task hello-first.service", "try spare hello-web@next.service",
        "restart instance hello-once@0.service", "restart instance hello-web@0.service", "restart instance hello-web@1.service",
        "restart sidecar hello-helper.service", "run task hello-last.service"])
    text = root.plan()
    assert "3 tasks to run" in text and ", one after another\n" in text

    # What was done for the revision is not done again; a pause holds it all back.
    wanted = read_answer("plan", root.plan("--json"))["apps"][0]["wanted"]
    state = root.path / "var/lib/pyservice/hello/state"
    state.write_text(state.read_text() + f"paused\ntask {wanted} hello-second.service\n")
    assert [action for action in root.actions()[1] if action.startswith("run")] == ["run task hello-first.service", "run task hello-last.service"]
    assert "it is paused until 'pyservicectl rollout resume hello'" in root.plan()

    # One that failed is not tried again.
    state.write_text(state.read_text() + f"failed {wanted} 1795176000000000 it answered 500\n")
    text = root.plan(status=1)
    assert "hello is held back, and stays as it is:\n" in text and "was tried and failed: it answered 500" in text
    assert text.endswith("0 tasks to run. 1 application is held back.\n")


def test_what_requires_a_part_goes_on_and_what_is_bound_to_it_restarts(root):
    parts = """services:
- {{name: web, requires: db}}
- {{name: tied, bound_to: db, scale: 2}}
- {{name: near, network_of: db}}
sidecars:
- {{name: db, env: {{A: {a}}}}}
- {{name: late, bound_to: tied}}
"""
    root.define("hello", "image: a/b:1\n" + parts.format(a=1))
    root.reload()
    root.accept("hello")
    root.define("hello", "image: a/b:1\n" + parts.format(a=2))
    assert root.actions() == ("changed", ["restart instance hello-near@0.service", "restart instance hello-tied@0.service",
                                          "restart instance hello-tied@1.service", "restart sidecar hello-db.service",
                                          "restart sidecar hello-late.service"])


def test_strategy_recreate(root):
    root.define("hello", HELLO + "rollout: {strategy: recreate}\n")
    root.reload()
    root.accept("hello")
    root.define("hello", HELLO + "rollout: {strategy: recreate}\nenv: {A: 1}\n")
    assert root.actions()[1] == ["restart instance hello@0.service", "restart instance hello@1.service"]
    assert ", all instances at once\n" in root.plan()


def test_mistakes_hold_back(root):
    root.define("hello", HELLO)
    root.define("broken", HELLO)
    root.reload()
    root.define("hello", HELLO + "env: {A: 1}\n")
    root.define("broken", HELLO + "scale: many\n")
    text = root.plan(status=1)
    assert "broken is held back, and stays as it is:\n" in text and "^" in text and "  ~ restart  hello@0, hello@1\n" in text
    assert root.plan("hello").count("broken") == 0
    # What only Quadlet refuses, too.
    root.define("broken", HELLO + "description: refuse this\n")
    text = root.plan("broken", status=1)
    assert "[quadlet-refused]" in text and "broken is held back" in text
    answer = read_answer("plan", root.plan("--json", status=1))
    assert [one["id"] for one in answer["diagnostics"]] == ["quadlet-refused"]
    assert {app["app"]: app["held_back"] for app in answer["apps"]} == {"broken": True, "hello": False}


ALONE = """image: registry.example.com/hello:1
labels: {{version: '{version}'}}
services:
  - {{name: web, port: 8000, scale: {scale}, volumes: ['/srv/web:/data'], proxy: {{domains: [web.example.com]}}}}
  - {{name: mail, port: 8000, publish: ['25:25'], proxy: {{domains: [mail.example.com]}}}}
{more}"""


def test_a_service_without_a_spare(root):
    def notes():
        return [note for app in read_answer("plan", root.plan("--json"))["apps"] for note in app["notes"]]

    def define(version, scale=1, more=""):
        root.define("hello", ALONE.format(version=version, scale=scale, more=more))

    define(1)
    assert notes() == []
    root.reload()
    root.accept("hello")
    define(2)
    assert root.actions()[1] == ["restart instance hello-mail@0.service", "restart instance hello-web@0.service"], "no spare is tried"
    assert notes() == [f"hello-{name}@0 has no spare: requests fail while it restarts" for name in ("web", "mail")]
    assert "  ! hello-web@0 has no spare: requests fail while it restarts\n" in root.plan()
    # It goes if nothing is restarted, if users decide so, and if another instance answers.
    define(1, scale=0)
    assert notes() == []
    define(2, more="rollout: {spare: true}\n")
    assert "try spare hello-web@next.service" in root.actions()[1] and notes() == ["hello-mail@0 has no spare: requests fail while it restarts"]
    define(2, scale=2)
    assert notes() == ["hello-mail@0 has no spare: requests fail while it restarts"]


def test_what_is_made_once(root):
    root.define("hello", """source: {repo: "https://git.example.com/hello.git", ref: v1, python: "3.12"}
volumes: ['data:/data']
user: hello
""")
    done = root.ctl("plan", "--json")
    app = json.loads(done.stdout)["apps"][0]
    made = {(one["action"], one["kind"]) for one in app["actions"]}
    assert {("build", "image"), ("start", "instance")} <= made, done.stdout


def test_values_are_hidden(root):
    text = HELLO + 'env: {{PLAIN: "{0}", LINES: "{0}\\nmore", NUMBERED: "{0} {{{{ instance }}}}", SAME: same}}\n'
    files = "files: [{{dest: /srv/hello/file, content: '{0}'}}]\nuser: hello\n"
    root.define("hello", text.format("geheim1") + files.format("geheim1"))
    root.reload()
    root.define("hello", text.format("geheim2") + files.format("geheim2"))
    done = root.ctl("plan", "--diff")
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout + done.stderr
    for line in ("-PLAIN=(hidden)", "+PLAIN=(hidden, another value)", " SAME=(hidden)", '-Environment="NUMBERED=(hidden)', '+Environment="NUMBERED=(hidden, another value)'):
        assert line + "\n" in done.stdout, line
    assert "--- a/hello/env/hello." in done.stdout and "+(hidden, another content)\n" in done.stdout
    assert read_answer("plan", root.plan("--json", "--diff"))["apps"][0]["diff"].count("geheim") == 0


def test_files(root, tmp_path):
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO)
    assert root.actions(str(file))[0] == "new"
    assert list(root.definitions.iterdir()) == []
    root.define("hello", HELLO)
    root.reload()
    file.write_text(HELLO.replace("2", "3"))
    assert root.actions(str(file)) == ("changed", ["start instance hello@2.service"])
    (tmp_path / "Bad.yaml").write_text(HELLO)
    for word, said, status in ((str(tmp_path / "Bad.yaml"), "is not a valid name of a definition", 2), (str(tmp_path / "none.yaml"), "No such file", 1),
                               ("helo", "did you mean 'hello'?", 1), ("..", "invalid application name", 2)):
        done = root.ctl("plan", word)
        assert done.returncode == status and said in done.stderr and done.stdout == "", word


@pytest.mark.parametrize("words, said", [
    (["apply", "--root=/x"], "'apply' has no option --root"), (["try", "--yes"], "'try' has no option --yes"), (["plan", "--yes"], "'plan' has no option --yes"),
    (["try", "--timeout=0"], "invalid time '0'"), (["try", "--timeout=infinity"], "invalid time 'infinity'"),
    (["try", "--timeout=5min"], "this needs a terminal"),
])
def test_wrong_usage(words, said):
    done = subprocess.run([PYSERVICECTL, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and said in done.stderr
