# SPDX-License-Identifier: Apache-2.0
"""The sandboxes of our own units: systemd-analyze(1) gives each an exposure, from 0 (locked up) to 10 (may do everything)."""

import re
from pathlib import Path

import pytest

from app import HELLO, define, wait_for

# Every unit of ours that runs a program: installed ones, and those that are generated for an application, with the highest exposure.
# Some right is needed by the work of each; what is above 1.1 has one more:
LIMITS = {
    r"pyservice-config@x": 1.1,
    r"pyservice-keep": 1.1,
    r"pyservice-metrics@x": 1.1,
    r"pyservice-notify@x": 1.1,
    r"pyservice-settle": 1.1,
    r"pyservice-state": 1.1,
    # It reads what definitions name, also in directories of other users.
    r"pyservice-(expiry|update)": 1.5,
    # It posts messages to a web server.
    r"pyservice-notify": 1.6,
    # It connects to the instances.
    r"pyservice-watch": 1.6,
    # It connects to a certificate authority.
    r"pyservice-acme@x": 1.6,
    # `haproxy -c` resolves names over the network, reads certificates of other users, and compiles expressions to machine code.
    r"pyservice-certificate@x": 2.0,
    # It also tries whether HAProxy can have a port below 1024.
    r"pyservice-proxy@x": 2.1,
    # They have no /tmp of their own, which systemd would have to make at each start.
    r".*-rollout@x": 1.3,
    r".*-requires(@x)?": 1.3,
    # It makes files of other users, anywhere.
    r".*-[0-9a-f]{8}-setup": 1.8,
    # It asks AWS KMS, with credentials that may be in a home.
    r"online-[0-9a-f]{8}-creds": 2.0,
    # Podman makes namespaces, mounts and users, and a container that is built has the capabilities and the system calls of any
    # container. The units keep nothing for which neither needs them.
    r".*-[0-9a-f]{8}-(build|image)": 7.5,
}

SERVICES = """
secrets: {token: {credential: offline.token}}
files: [{dest: "{{ app_config }}", content: {secret: token}}]
services:
  - {name: web, command: "hello 8000", port: 8000, requires: [cache], proxy: {domains: [web.example.com], tls: {certificate: /etc/web.pem}}}
  - {name: nginx, command: "hello 8000", port: 8000, proxy: {kind: nginx, domains: [nginx.example.com]}}
sidecars: [{name: cache, command: sleep infinity}, {name: proxy, command: sleep infinity, requires: [cache]}]
tasks: [{name: migrate, command: "true"}]
timers: [{name: nightly, command: "true", schedule: daily}]
"""
SOURCE = "source: {repo: git://localhost/none.git, ref: main}\n"
KMS = """
secrets: {token: {kms: aGVsbG8=}}
files: [{dest: "{{ app_config }}", content: {secret: token}}]
"""


def our_units(machine) -> set[str]:
    """Without those that Quadlet makes of a container, a network or a volume."""
    files = machine.out(r"ls /usr/lib/systemd/system/pyservice-*.service; "
                        r"grep -LE '^\[X-(Container|Network|Volume)\]' /run/pyservice/apps/*/units/*.service")
    return {Path(file).stem.replace("@", "@x") for file in files.split()}


def exposure(machine, unit: str) -> float:
    text = machine.out(["systemd-analyze", "security", "--no-pager", f"{unit}.service"])
    return float(re.search(r"Overall exposure level for .*: ([0-9.]+)", text)[1])


@pytest.fixture
def units(machine):
    # Nothing of it has to run: the units are there as soon as they are generated.
    machine.run("systemctl stop pyservice.target")
    define(machine, "offline", "image: localhost/hello:1" + SERVICES, reload=False)
    define(machine, "online", HELLO + KMS, reload=False)
    define(machine, "source", SOURCE)
    assert not machine.exists("/run/pyservice/errors/offline")
    yield our_units(machine)


def test_no_unit_of_ours_may_do_more_than_it_needs(machine, units):
    rows, faults = [], []
    for unit in sorted(units):
        limit = next((limit for pattern, limit in LIMITS.items() if re.fullmatch(pattern, unit)), None)
        seen = exposure(machine, unit)
        rows.append(f"{unit:40} {seen:4} {limit}")
        if limit is None:
            faults.append(f"{unit} is in no row of the table")
        elif seen > limit:
            faults.append(f"{unit}: {seen} is more than {limit}")
    faults += [f"no unit for the row {pattern}" for pattern in LIMITS if not any(re.fullmatch(pattern, unit) for unit in units)]
    print("unit                                 exposure limit", *rows, sep="\n")
    assert not faults, "\n".join(faults)


def test_setup_writes_where_the_definition_says(machine):
    """Below /usr too, and with a special bit, both of which the sandbox of other setups denies."""
    files = 'files: [{dest: /usr/local/etc/usual, content: x}, {dest: "{{ app_config }}", content: x, mode: "2640"}]\n'
    define(machine, "usual", HELLO + files)
    wait_for(machine, "usual", 1)
    assert machine.out("stat -c %a /usr/local/etc/usual /applications/usual/app/config/config.yaml").split() == ["600", "2640"]
    assert machine.read("/usr/local/etc/usual") == "x"
    machine.run("rm -rf /usr/local/etc/usual /applications/usual")


def test_the_first_podman_after_a_boot_may_be_one_of_a_sandboxed_unit(machine):
    """Without CAP_SYS_ADMIN or device nodes Podman finds that there is no overlayfs, and keeps that until the next boot."""
    machine.run("systemctl stop pyservice.target && rm -rf /run/containers /run/libpod")
    define(machine, "shop", HELLO + "auto_update: local\n")
    machine.run("systemctl start pyservice-update.service")
    assert machine.exists("/run/libpod/alive")
    assert not machine.exists("/run/containers/storage/overlay/overlay-false")
    assert machine.out("podman info --format={{.Store.GraphDriverName}}") == "overlay"
