# SPDX-License-Identifier: Apache-2.0
"""An error in a file stops nothing, affects no other application, is shown, and is gone once the file is fixed."""

import pytest

from app import HEALTH, HELLO, define, healthy, instances_behind, settle, started, wait_for

# TLS is told to who checks health by HTTP: without such a check, only HAProxy sees it.
GOOD = HELLO.replace(HEALTH, "# no health check\n") + "scale: 2\nproxy: {domains: [shop.example.com]}\n"

# Name → what is appended to the good definition, and what must be said (file, line, column, id).
IN_THE_FILE = {
    "broken YAML": ("env: {A: [\n", "shop.yaml:", "yaml-syntax"),
    "unknown key": ("prot: 80\n", "shop.yaml:6:1:", "unknown-key"),
    "missing variable": ("contract: dci-api\nconfig: {dbhost: x}\n", "shop.yaml:6:11:", "config-missing"),
    "invalid for Quadlet only": ("quadlet: {Container: {NoSuchKey: x}}\n", "shop.yaml:6:", "quadlet-refused"),
    "name collision": ("tasks: [{name: web}]\nsidecars: [{name: web}]\n", "shop.yaml:6:", "duplicate-name"),
}


@pytest.fixture
def shop(machine):
    define(machine, "shop", GOOD)
    define(machine, "other", HELLO + "scale: 1\n")
    wait_for(machine, "shop", 2)
    wait_for(machine, "other", 1)
    machine.wait(lambda: len(instances_behind(machine, "shop.example.com")) == 2, what="both behind HAProxy")
    return machine


def assert_shown(machine, unit, *words):
    """It may have failed with other errors before; systemd knows of an end before journald has the words; and what serves a
    proxy is tried again from time to time."""
    def status():
        return machine.run(["systemctl", "status", "--no-pager", "-n", "50", unit], check=False).stdout

    def is_shown():
        said = status()
        return "Active: failed" in said and all(word in said for word in words) and unit in failed_units(machine)
    machine.wait(is_shown, what=lambda: f"{unit} to have failed with {words}:\n{status()}")


def failed_units(machine):
    return [line.split()[0] for line in machine.out("systemctl --failed --plain --no-legend").splitlines()]


def assert_cleared(machine):
    settle(machine)
    machine.wait(lambda: failed_units(machine) == [], what="no failed unit")


@pytest.mark.parametrize("name", IN_THE_FILE)
def test_an_error_stops_nothing(shop, name):
    text, place, identifier = IN_THE_FILE[name]
    before = started(shop)
    define(shop, "shop", GOOD.replace("scale: 2", "scale: 3") + text)

    assert_shown(shop, "pyservice-config@shop.service", place, identifier)
    settle(shop)
    assert started(shop) == before
    assert instances_behind(shop, "shop.example.com") == {"shop-0", "shop-1"}

    # Others go on being updated.
    define(shop, "other", HELLO + "scale: 2\n")
    wait_for(shop, "other", 2)
    assert healthy(shop, "shop") == ["shop-0", "shop-1"]

    define(shop, "shop", GOOD)
    assert_cleared(shop)
    after = started(shop)
    assert {n: after[n] for n in before} == before


def test_unsafe_permissions(shop):
    before = started(shop)
    shop.write("/etc/pyservice.d/shop.yaml", GOOD.replace("scale: 2", "scale: 3"), mode=0o666)
    shop.reload()
    assert_shown(shop, "pyservice-config@shop.service", "unsafe-permissions", "chmod go-w")
    settle(shop)
    assert started(shop) == before
    define(shop, "shop", GOOD)
    assert_cleared(shop)


def test_a_name_that_another_app_or_the_machine_has(shop):
    before = started(shop)
    define(shop, "haproxy", HELLO, reload=False)     # haproxy.target is free, but so would not be …
    define(shop, "getty", HELLO, reload=False)       # … getty@.service
    define(shop, "shop-web", HELLO + "scale: 1\n")
    assert_shown(shop, "pyservice-config@getty.service", "unit-taken", "getty@.service")
    wait_for(shop, "shop-web", 1)
    define(shop, "shop", "image: localhost/hello:1\nservices:\n- {name: web}\n")
    assert_shown(shop, "pyservice-config@shop.service", "unit-taken", "'shop-web'", "shop.yaml:3:10:")
    settle(shop)
    now = started(shop)
    assert {n: now[n] for n in before} == before


def test_invalid_for_haproxy_only(shop):
    before = started(shop)
    define(shop, "shop", GOOD.replace("domains: [shop.example.com]",
                                      "domains: [shop.example.com], tls: {certificate: /etc/no-such.pem}"), reload=False)
    define(shop, "second", HELLO + "scale: 1\nproxy: {domains: [second.example.com]}\n")
    wait_for(shop, "second", 1)

    unit = shop.wait(lambda: next(unit for unit in [*failed_units(shop), ""] if unit.startswith("pyservice-proxy@") or not unit),
                     what="the proxy's unit to have failed")
    assert_shown(shop, unit, "shop", "/etc/no-such.pem")
    assert started(shop).items() >= before.items()
    # The old routes stay in force, and the other app's new ones are live.
    assert instances_behind(shop, "shop.example.com") == {"shop-0", "shop-1"}
    shop.wait(lambda: instances_behind(shop, "second.example.com") == {"second-0"}, what="second behind HAProxy")

    define(shop, "shop", GOOD)
    assert_cleared(shop)


def is_waited_for(machine, name, text):
    """Writes a file without a line feed at its end; True if the reload right after it waits for the rest."""
    machine.write("/run/half", text.rstrip("\n"))
    machine.run(f"cp /run/half /etc/pyservice.d/{name}.yaml && systemctl daemon-reload")
    return machine.ok("grep -qx Upholds=pyservice-settle.timer /run/pyservice/alive.conf")


def test_a_definition_that_was_never_good(machine):
    define(machine, "night", HELLO + "timers: [{name: t, schedule: 0 3 * * *, command: x}]\n", reload=False)
    define(machine, "new", "image: localhost/hello:1\nscale: many\n")
    assert_shown(machine, "pyservice-config@new.service", "new.yaml:2:8:", "scale: many", "^~~~")
    assert_shown(machine, "pyservice-config@night.service", "bad-schedule", 'write "03:00"')
    assert machine.containers() == {}
    machine.remove("/etc/pyservice.d/night.yaml")
    # It is told once, not again and again.
    settle(machine)
    machine.reload()
    settle(machine)
    assert machine.journal("pyservice-config@new.service").count("new.yaml:2:8:") <= 2
    # An incomplete file is not an error, and it is read without another reload once it has settled.
    machine.wait(lambda: is_waited_for(machine, "new", HELLO), what="a reload less than three seconds after a write")
    wait_for(machine, "new", 1)
    assert_cleared(machine)
    assert not machine.is_active("pyservice-settle.timer")
    # Who applies it has seen it.
    machine.write("/run/half", HELLO + "scale: 2")
    machine.run("cp /run/half /etc/pyservice.d/new.yaml && pyservicectl apply --yes new")
    assert healthy(machine, "new") == ["new-0", "new-1"]
    assert machine.out("ls /run/pyservice/errors") == ""


def test_check_says_it_before(machine):
    machine.write("/root/new.yaml", "image: localhost/hello:1\nscale: many\nquadlet: {Container: {NoSuchKey: x}}\n")
    done = machine.run("pyservicectl check /root/new.yaml", check=False)
    assert done.returncode == 1
    assert "/root/new.yaml:2:8: error:" in done.stderr
    machine.write("/root/new.yaml", "image: localhost/hello:1\nquadlet: {Container: {NoSuchKey: x}}\n")
    done = machine.run("pyservicectl check /root/new.yaml", check=False)
    assert done.returncode == 1 and "/root/new.yaml:2:" in done.stderr and "quadlet-refused" in done.stderr
    machine.write("/root/new.yaml", HELLO + "proxy:\n  domains: [new.example.com]\n  tls: {certificate: /etc/no-such.pem}\n")
    done = machine.run("pyservicectl check /root/new.yaml", check=False)
    assert done.returncode == 1 and "/root/new.yaml:5:" in done.stderr and "haproxy-refused" in done.stderr
    assert "/etc/no-such.pem" in done.stderr and machine.out("ls /run/pyservice/haproxy") == ""
    machine.write("/root/new.yaml", HELLO)
    assert machine.run("pyservicectl check /root/new.yaml").stderr == ""


def test_secrets_appear_in_no_message(shop):
    # One is refused when it is decoded, one by its contract; a line that does not parse speaks of a password.
    for text, identifier in (("env: {API_TOKEN: hunter2secret, B: no}\n", "quote-needed"),
                             ("contract: dci-api\nconfig: {dbpassword: hunter2secret, gunicorn_nb_workers: hunter2secret}\n",
                              "config-missing"),
                             ("env: {PASSWORD: hunter2secret: x}\n", "yaml-")):
        define(shop, "shop", GOOD + text)
        assert_shown(shop, "pyservice-config@shop.service", identifier)
        assert_nowhere(shop, "hunter2secret")


def assert_nowhere(shop, secret):
    for place in ("journalctl -b --no-pager", "cat /run/pyservice/errors/shop", "systemctl status --no-pager 'pyservice*'"):
        assert secret not in shop.run(place, check=False).stdout
