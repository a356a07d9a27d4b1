# SPDX-License-Identifier: Apache-2.0
"""The package for Debian: apt installs, upgrades and removes it, while an application runs."""

import subprocess

import pytest

import host
from app import HELLO, define, wait_for
from load import COUNT, Load

HOST = "hello.example.com"
APP = HELLO + f"scale: 2\nenv: {{HELLO_COUNT: /count/posts}}\nvolumes: ['{COUNT}:/count']\nproxy: {{domains: [{HOST}]}}\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """As built, and the same with a higher version."""
    directory = tmp_path_factory.mktemp("packages")
    subprocess.run([host.REPOSITORY / "contrib/package", "deb", directory], check=True, stdout=subprocess.DEVNULL)
    (built,) = directory.glob("pyservice_*.deb")
    tree, higher = directory / "tree", directory / "higher.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", built, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 1000."))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, higher], check=True, stdout=subprocess.DEVNULL)
    return built, higher


def apt(machine, *words: str) -> None:
    machine.run(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", *words])


def ids(machine) -> dict[str, str]:
    return {row["Names"][0]: row["Id"] for row in machine.podman_ps()}


def test_lintian_finds_nothing(packages):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", packages[0]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_package_is_installed_upgraded_and_removed(bare_machine, packages):
    machine = bare_machine
    for name, package in zip(("built", "higher"), packages):
        machine.write(f"/root/{name}.deb", package.read_bytes())
    machine.run(f"mkdir -p {COUNT} && systemctl start haproxy.service")      # with Debian's own configuration

    apt(machine, "install", "/root/built.deb")
    assert machine.is_active("pyservice.target")
    define(machine, "hello", APP)
    wait_for(machine, "hello", 2)
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": HOST}).status == 200, what="an answer through HAProxy")

    before = ids(machine)
    with Load(machine, HOST, "an upgrade of the package"):
        apt(machine, "install", "/root/higher.deb")
        machine.reload()
    assert machine.out("dpkg-query -Wf '${Version}' pyservice").startswith("1000.")
    assert ids(machine) == before, "an upgrade restarts nothing"

    apt(machine, "remove", "pyservice")
    assert machine.containers() == {}, "apt waits for the end of the instances"
    assert machine.is_active("haproxy.service")
    assert "/run/pyservice" not in machine.out("systemctl show -P ExecStart -P Environment haproxy.service")
    assert machine.exists("/var/lib/pyservice") and machine.exists("/etc/pyservice.d/hello.yaml")
    assert machine.run("systemctl list-units --plain --no-legend '*hello*' '*pyservice*' | grep -v '[.]slice'", check=False).stdout == ""

    apt(machine, "install", "/root/higher.deb")
    wait_for(machine, "hello", 2)

    apt(machine, "purge", "pyservice")
    left = machine.out("find / -xdev -path /proc -prune -o -name '*pyservice*' -print").splitlines()
    assert [path for path in left if not path.startswith(("/run/systemd/", "/tmp/", "/var/tmp/"))] == ["/etc/pyservice.d"]
    assert machine.out("ls /etc/pyservice.d") == "hello.yaml"
