# SPDX-License-Identifier: Apache-2.0
"""The packages for Debian: apt installs, upgrades and removes them, while an application runs. Those for Fedora and openSUSE
are compared with them."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest

import host
from app import define, wait_for
from load import Load
from pace import PACE
from rolling import App

HOST = "hello.example.com"
# The state as pyservice wrote it before its files had versions (bundle/rows.h), and bundles a record.
EARLIER = r"""
cd /var/lib/pyservice/hello
sed -i 1d state
sed -i -e 1d -e 's/^event //' history
for bundle in bundles/*; do
        sed -i -e 1d -e '/ record$/d' -e 's/^file //' "$bundle/manifest"
        rm "$bundle/record"
done
"""

# Takes some seconds to end. It runs when its trap is set.
LATE = """image: localhost/hello:1
entrypoint: ""
command: [sh, -c, 'trap "sleep 3; exit" TERM; touch /tmp/ready; while :; do sleep 0.1; done']
health: {command: test -e /tmp/ready, interval: 1s}
"""


def build(kind, directory):
    done = subprocess.run([host.REPOSITORY / "contrib/package", kind, directory], check=True, stdout=subprocess.PIPE, text=True)
    return [Path(line) for line in done.stdout.splitlines()[-2:]]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The files, as built, by the names of the packages."""
    return {path.name.partition("_")[0]: path for path in build("deb", tmp_path_factory.mktemp("packages"))}


def make_higher(built, directory):
    """The same package with a higher version."""
    tree, higher = directory / "tree", directory / "higher.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", built, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(\nVersion: |pyservice \(= )", r"\g<1>1000.", control.read_text()))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, higher], check=True, stdout=subprocess.DEVNULL)
    return higher


def apt(machine, *words: str) -> None:
    machine.run(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", *words])


def ids(machine) -> dict[str, str]:
    return {row["Names"][0]: row["Id"] for row in machine.podman_ps()}


def test_lintian_finds_nothing(packages):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *packages.values()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def imported(machine):
    return machine.run("echo 'web: ./run' | pyservicectl import procfile -", check=False)


def left(machine) -> list[str]:
    """If something goes while find(1) looks, find fails."""
    found = machine.out("find / -xdev -path /proc -prune -o -name '*pyservice*' -print").splitlines()
    return [path for path in found if not path.startswith(("/run/systemd/", "/tmp/", "/var/tmp/"))]


def test_packages_are_installed_upgraded_and_removed(bare_machine, packages, tmp_path_factory):
    machine = bare_machine
    for name, short in (("pyservice", "main"), ("pyservice-convert", "convert")):
        machine.write(f"/root/{short}.deb", packages[name].read_bytes())
        machine.write(f"/root/{short}-higher.deb", make_higher(packages[name], tmp_path_factory.mktemp(short)).read_bytes())
    app = App(machine)
    machine.run("systemctl start haproxy.service")      # with Debian's own configuration

    apt(machine, "install", "/root/main.deb")
    assert machine.is_active("pyservice.target")
    define(machine, "late", LATE, reload=False)
    app.define(1)
    app.wait(1, 2)
    wait_for(machine, "late", 1)

    assert "install the package pyservice-convert" in imported(machine).stderr
    apt(machine, "install", "/root/convert.deb")
    assert "\ncommand: ./run\n" in imported(machine).stdout

    before, accepted = ids(machine), app.accepted()
    machine.wait('[ -z "$(find /run/pyservice/unkept /run/pyservice/keeping -mindepth 1)" ]', what="`pyservice-rollout keep`, which writes too")
    machine.run(EARLIER)
    with Load(machine, HOST, "an upgrade of the packages", requests=10_000):
        apt(machine, "install", "/root/main-higher.deb", "/root/convert-higher.deb")
        machine.reload()
        assert ids(machine) == before, "an upgrade restarts nothing"
        app.define(2)
        app.wait(2, 2)
        app.ctl("rollout", "undo", "hello")
        app.wait(1, 2)
    assert app.accepted() == accepted, "the revision that the earlier package stored"
    versions = machine.out("dpkg-query -Wf '${Version}\n' pyservice pyservice-convert").split()
    assert len(versions) == 2 and all(version.startswith("1000.") for version in versions)

    apt(machine, "remove", "pyservice")
    assert not [row for row in machine.podman_ps() if row["State"] in ("running", "stopping")], "apt waits for the end of the instances"
    # Podman removes them after that.
    machine.wait(lambda: machine.containers() == {}, what="no container")
    machine.remove("/etc/pyservice.d/late.yaml")
    assert machine.is_active("haproxy.service")
    assert "/run/pyservice" not in machine.out("systemctl show -P ExecStart -P Environment haproxy.service")
    assert machine.exists("/var/lib/pyservice") and machine.exists("/etc/pyservice.d/hello.yaml")
    machine.wait("! systemctl list-units --plain --no-legend '*hello*' '*pyservice*' | grep -v '[.]slice'", what="no unit")

    apt(machine, "install", "/root/main-higher.deb")
    wait_for(machine, "hello", 2)

    apt(machine, "purge", "pyservice")
    machine.wait(lambda: left(machine) == ["/etc/pyservice.d"], what=lambda: f"the definitions alone to be left, there are {left(machine)}")
    assert machine.out("ls /etc/pyservice.d") == "hello.yaml"


# Where each distribution has what only it has, or has otherwise.
OWN = re.compile(r"usr/(share/(doc|licenses|lintian)|lib/[.]build-id)/")


def read_tree(directory):
    """Modes and contents of the files of a package. Programs are compiled with other flags in each."""
    found = {}
    for path in directory.rglob("*"):
        name = str(path.relative_to(directory))
        if OWN.match(name) or path.is_dir() and not path.is_symlink():
            continue
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        if name.endswith(".gz"):
            name, content = name.removesuffix(".gz"), gzip.decompress(content)
        name = name.replace("zsh/vendor-completions/", "zsh/site-functions/")
        found[name] = (path.lstat().st_mode, "a program" if content.startswith(b"\x7fELF") else content)
    return found


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


FAKES = """#!/bin/sh
echo "$(basename "$0") $*" >>calls
case "$1" in
ps) cat running 2>/dev/null || true ;;
wait) rm running ;;
*) exit 1 ;;
esac
"""
TMPFILES, CATALOG = "systemd-tmpfiles --create pyservice.conf", "journalctl --update-catalog"
RELOAD, HAPROXY = "systemctl daemon-reload", "systemctl try-restart haproxy.service"
LIST = 'podman ps -a --filter label=io.pyservice.app --format {{if eq .State "running" "stopping"}}{{.ID}}{{end}}'
# The number behind a script is how many versions are installed when it is done.
SCRIPTS = {
    ("POSTIN", "1"): [TMPFILES, CATALOG, "systemctl preset pyservice.target", RELOAD, HAPROXY],
    ("POSTIN", "2"): [TMPFILES, CATALOG],
    ("POSTUN", "1"): [RELOAD],
    ("PREUN", "1"): [],
    ("PREUN", "0"): ["systemctl disable --now pyservice-metrics.socket pyservice.target", LIST, "podman wait --ignore 1f2e", LIST,
                     "systemctl stop pyservice-watch.service pyservice-notify.service"],
    ("POSTUN", "0"): [RELOAD, HAPROXY],
}


def calls_of(script, number, directory):
    """The programs that a script runs. All except podman fail, as they do in an image that is being built."""
    bin = directory / "bin"
    bin.mkdir(parents=True)
    for name in ("journalctl", "podman", "systemctl", "systemd-tmpfiles"):
        (bin / name).write_text(FAKES)
        (bin / name).chmod(0o755)
    (directory / "running").write_text("1f2e\n")
    (directory / "calls").touch()
    subprocess.run(["sh", "-c", script, "-", number], check=True, cwd=directory, env={"PATH": f"{bin}:/usr/bin:/bin"}, timeout=60 * PACE)
    return (directory / "calls").read_text().splitlines()


def test_rpms_have_what_the_packages_for_debian_have(packages, tmp_path):
    rpms = {output("rpm", "-qp", "--qf", "%{NAME}", path): path for path in build("rpm", tmp_path)}
    assert rpms.keys() == packages.keys()
    for name, path in rpms.items():
        deb, rpm = tmp_path / name / "deb", tmp_path / name / "rpm"
        rpm.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "--extract", packages[name], deb], check=True)
        subprocess.run(["sh", "-c", 'rpm2archive -n - <"$0" | tar -x', path], cwd=rpm, check=True)
        assert read_tree(rpm) == read_tree(deb)
        assert set(output("rpm", "-qp", "--qf", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]", path).split()) == {"root:root"}
        assert output("rpm", "-qp", "--qf", "%{VERSION}", path) == output("dpkg-deb", "--field", packages[name], "Version").strip()

    assert output("rpm", "-qpc", rpms["pyservice"]) == "/etc/pyservice.d/README\n"
    assert {"podman >= 5.0", "systemd >= 252"} < set(output("rpm", "-qp", "--requires", rpms["pyservice"]).splitlines())
    assert "pyservice-convert" in output("rpm", "-qp", "--recommends", rpms["pyservice"]).split()
    for (name, number), calls in SCRIPTS.items():
        script = output("rpm", "-qp", "--qf", f"%{{{name}}}", rpms["pyservice"])
        assert calls_of(script, number, tmp_path / f"{name}-{number}") == calls, (name, number)
