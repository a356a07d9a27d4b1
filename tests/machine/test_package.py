# SPDX-License-Identifier: Apache-2.0
"""The packages for Debian: apt installs, upgrades and removes them, while an application runs."""

import re
import subprocess
from pathlib import Path

import pytest

import host
from app import HELLO, define, wait_for
from load import COUNT, Load

HOST = "hello.example.com"
APP = HELLO + f"scale: 2\nenv: {{HELLO_COUNT: /count/posts}}\nvolumes: ['{COUNT}:/count']\nproxy: {{domains: [{HOST}]}}\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The files, as built, by the names of the packages."""
    directory = tmp_path_factory.mktemp("packages")
    done = subprocess.run([host.REPOSITORY / "contrib/package", "deb", directory], check=True, stdout=subprocess.PIPE, text=True)
    return {path.name.partition("_")[0]: path for path in map(Path, done.stdout.splitlines()[-2:])}


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


def test_packages_are_installed_upgraded_and_removed(bare_machine, packages, tmp_path_factory):
    machine = bare_machine
    for name, short in (("pyservice", "main"), ("pyservice-convert", "convert")):
        machine.write(f"/root/{short}.deb", packages[name].read_bytes())
        machine.write(f"/root/{short}-higher.deb", make_higher(packages[name], tmp_path_factory.mktemp(short)).read_bytes())
    machine.run(f"mkdir -p {COUNT} && systemctl start haproxy.service")      # with Debian's own configuration

    apt(machine, "install", "/root/main.deb")
    assert machine.is_active("pyservice.target")
    define(machine, "hello", APP)
    wait_for(machine, "hello", 2)
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": HOST}).status == 200, what="an answer through HAProxy")

    assert "install the package pyservice-convert" in imported(machine).stderr
    apt(machine, "install", "/root/convert.deb")
    assert "\ncommand: ./run\n" in imported(machine).stdout

    before = ids(machine)
    with Load(machine, HOST, "an upgrade of the packages"):
        apt(machine, "install", "/root/main-higher.deb", "/root/convert-higher.deb")
        machine.reload()
    versions = machine.out("dpkg-query -Wf '${Version}\n' pyservice pyservice-convert").split()
    assert len(versions) == 2 and all(version.startswith("1000.") for version in versions)
    assert ids(machine) == before, "an upgrade restarts nothing"

    apt(machine, "remove", "pyservice")
    assert machine.containers() == {}, "apt waits for the end of the instances"
    assert machine.is_active("haproxy.service")
    assert "/run/pyservice" not in machine.out("systemctl show -P ExecStart -P Environment haproxy.service")
    assert machine.exists("/var/lib/pyservice") and machine.exists("/etc/pyservice.d/hello.yaml")
    assert machine.run("systemctl list-units --plain --no-legend '*hello*' '*pyservice*' | grep -v '[.]slice'", check=False).stdout == ""

    apt(machine, "install", "/root/main-higher.deb")
    wait_for(machine, "hello", 2)

    apt(machine, "purge", "pyservice")
    left = machine.out("find / -xdev -path /proc -prune -o -name '*pyservice*' -print").splitlines()
    assert [path for path in left if not path.startswith(("/run/systemd/", "/tmp/", "/var/tmp/"))] == ["/etc/pyservice.d"]
    assert machine.out("ls /etc/pyservice.d") == "hello.yaml"
