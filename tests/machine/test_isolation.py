# SPDX-License-Identifier: Apache-2.0
"""An error in one place changes nothing elsewhere, nobody reads the secrets of others, and users have applications of their own."""

import pytest

from app import HELLO, define, settle, started, wait_for
from pace import PACE, limit

HOST = "/etc/pyservice/host.yaml"


@pytest.fixture
def shop(machine):
    define(machine, "shop", HELLO + "scale: 2\nproxy: {domains: [shop.example.com]}\n")
    wait_for(machine, "shop", 2)
    yield machine
    machine.remove(HOST)


def published(machine, name):
    return machine.out(f"cd /run/pyservice/apps/{name} && find . -type f | LC_ALL=C sort | xargs sha256sum")


@pytest.mark.parametrize("error", ["netwrok: x\n", "network: {\n", "haproxy: {directory: relative}\n"])
def test_an_error_in_the_machines_file_changes_nothing(shop, error):
    before = started(shop), published(shop, "shop")
    shop.write(HOST, error)
    shop.reload()
    shop.wait(lambda: shop.unit("pyservice-config@HOST.service")["ActiveState"] == "failed", what="the error to be shown")
    settle(shop)
    assert (started(shop), published(shop, "shop")) == before

    # What runs is restarted as it was, and what is new starts all the same.
    shop.run("systemctl restart shop@1")
    wait_for(shop, "shop", 2)
    define(shop, "new", HELLO)
    wait_for(shop, "new", 1)

    shop.remove(HOST)
    shop.reload()
    shop.wait(lambda: shop.out("systemctl --failed --plain --no-legend") == "", what="no failed unit")


def test_a_file_that_takes_too_long_stops_nothing(shop):
    """systemd gives a generator 90 s, and then all of its units are gone."""
    before = started(shop)
    shop.write("/etc/pyservice.d/huge.yaml", "image: x\ntasks:\n" + "".join(f"- name: t{i}\n" for i in range(68000)))
    shop.run(f"timeout {120 * PACE:.0f} systemctl daemon-reload")
    settle(shop)
    assert started(shop) == before
    assert shop.is_active("shop.target")
    shop.run("systemctl restart shop@1")
    wait_for(shop, "shop", 2)
    shop.remove("/etc/pyservice.d/huge.yaml")
    shop.reload()


def test_a_unit_that_runs_can_not_be_taken(machine):
    define(machine, "shop", "image: localhost/hello:1\nservices: [{name: mail-in}]\n")
    define(machine, "shop-mail", "image: localhost/hello:2\nservices: [{name: out}]\n")
    wait_for(machine, "shop-mail-in", 1)
    wait_for(machine, "shop-mail-out", 1)
    before = started(machine)

    # Both run, and each in turn wants what the other has, also while that one's file is broken.
    for text in ("services: [{name: mail-in}]\n", "services: [{name: mail-in, scale: many}]\n"):
        define(machine, "shop", "image: localhost/hello:1\n" + text, reload=False)
        define(machine, "shop-mail", "image: localhost/hello:2\nservices: [{name: out}, {name: in}]\n")
        settle(machine)
        assert started(machine) == before
        assert "localhost/hello:1" in machine.out("systemctl cat shop-mail-in@0.service")
        assert "unit-taken" in machine.out("cat /run/pyservice/errors/shop-mail")


def test_nobody_else_can_read_a_value(machine):
    machine.write("/etc/credstore/review", "in-a-secret-7", mode=0o600)
    machine.write("/etc/pyservice.d/shop.yaml", HELLO + (
        "env:\n  ONE: in-a-value-7\n  MANY: |\n    in-a-value-7\n    of two lines\n  TOKEN: {secret: token}\n"
        "secrets: {token: {credential: review}}\n"), mode=0o600)
    machine.reload()
    wait_for(machine, "shop", 1)
    assert machine.out("podman exec shop-0 printenv MANY") == "in-a-value-7\nof two lines"
    assert machine.out("podman exec shop-0 printenv TOKEN") == "in-a-secret-7"

    assert seen_by_nobody(machine, "in-a-value-7\nin-a-secret-7\n") == ""
    assert "in-a-" not in machine.journal()
    machine.remove("/etc/credstore/review")


def test_nobody_else_can_read_what_a_container_says(shop):
    """An error may quote a password; so the reason of a failure is for root, and for who may read the journal."""
    define(shop, "shop", f"image: localhost/hello:1\nport: 8000\nscale: 2\nrollout: {{ready_timeout: {limit(10)}}}\n"
                         "health: {command: 'echo in-an-error-$((3+4)); exit 4', interval: 1s, retries: 100}\n")
    shop.wait(lambda: "in-an-error-7" in shop.out("pyservicectl status shop || true")
              and shop.out("systemctl show -P StatusText shop@0") == "the health command failed", what="root to see it, and others that there is something")
    assert seen_by_nobody(shop, "in-an-error-7\n") == ""

    shop.wait(lambda: "failed" in shop.out("cat /run/pyservice/rollouts/shop"), what="the rollout to fail")
    assert "in-an-error-7" in shop.out("pyservicectl rollout status shop || true")
    assert seen_by_nobody(shop, "in-an-error-7\n") == ""
    shop.run("pyservicectl stop shop")      # systemd does not stop by itself what is still starting


def seen_by_nobody(machine, words):
    """As a user: in files, units and command lines."""
    machine.write("/tmp/words", words)
    return machine.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c",
                        "grep -rlaF -f /tmp/words /run /var /etc /dev/shm 2>/dev/null; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -aF -f /tmp/words;"
                        "systemctl show 'shop*' | grep -F -f /tmp/words; true"]).stdout


HOLD = "find /run/pyservice /etc/pyservice.d -readable ! -type p ! -type s | { while read -r path; do flock $path sleep infinity & done; echo held; wait; }"


def test_nobody_else_can_hold_a_lock(machine):
    """One can be held on all that can be opened, for ever."""
    define(machine, "shop", HELLO + "proxy: {domains: [shop.example.com]}\nfiles: [{dest: /etc/note, content: x}]\n")
    wait_for(machine, "shop", 1)
    machine.run(["systemd-run", "-q", "--unit=holder", "--uid=65534", "sh", "-c", HOLD])
    machine.wait(lambda: "held" in machine.journal("holder.service"), what="the locks")
    try:
        machine.run(f"timeout {60 * PACE:.0f} systemctl restart shop@0 'shop-*-setup.service'")
        machine.run(f"timeout {60 * PACE:.0f} pyservicectl scale shop=2")
        wait_for(machine, "shop", 2)
    finally:
        machine.run("systemctl stop holder")


@pytest.fixture
def user(own_machine):
    machine = own_machine
    machine.run("useradd -m -u 1500 me && loginctl enable-linger me")
    machine.wait(lambda: machine.is_active("user@1500.service"), what="the user's manager")
    machine.run("podman save -q localhost/hello:1 -o /var/tmp/hello.tar && chmod 644 /var/tmp/hello.tar")
    as_user(machine, "podman load -q -i /var/tmp/hello.tar")
    return machine


def as_user(machine, command):
    return machine.run(["setpriv", "--reuid=1500", "--regid=1500", "--init-groups", "env", "HOME=/home/me", "XDG_RUNTIME_DIR=/run/user/1500",
                        "sh", "-c", "umask 002; cd; " + command]).stdout


def test_a_user_has_applications_too(user):
    """Without a network, which the lab machine gives no user."""
    as_user(user, "mkdir -p .config/pyservice.d && echo in-a-secret-7 >token && cat >.config/pyservice.d/mine.yaml <<E\n"
                  "image: localhost/hello:1\nnetwork: none\nscale: 2\nsecrets: {token: {file: /home/me/token}}\nenv: {TOKEN: {secret: token}}\nE\n")
    as_user(user, "systemctl --user daemon-reload && systemctl --user enable --now pyservice.target")
    user.wait(lambda: as_user(user, "podman ps --format '{{.Names}}' | sort") == "mine-0\nmine-1\n", what="both instances")
    assert as_user(user, "podman exec mine-1 printenv TOKEN") == "in-a-secret-7\n"
    assert user.containers() == {}

    # The reason is in the user's own journal.
    as_user(user, "mv token away; systemctl --user --no-block restart mine@1")
    user.wait(lambda: "mine@1: secret 'token' is missing: there is no file '/home/me/token'" in as_user(user, "pyservicectl --user status || true"), what="the reason")
    as_user(user, "mv away token; systemctl --user restart mine@1")     # it may start by itself as soon as the file is there
    user.wait(lambda: as_user(user, "podman ps --format '{{.Names}}' | sort") == "mine-0\nmine-1\n", what="both instances again")

    as_user(user, "echo 'scale: x' >>.config/pyservice.d/mine.yaml && systemctl --user daemon-reload")
    user.wait(lambda: "pyservice-config@mine.service" in as_user(user, "systemctl --user --failed --plain --no-legend"), what="the error to be shown")
    assert as_user(user, "podman ps --format '{{.Names}}' | sort") == "mine-0\nmine-1\n"

    as_user(user, "rm .config/pyservice.d/mine.yaml && systemctl --user daemon-reload")
    user.wait(lambda: as_user(user, "podman ps -q") == "", what="no container")


def test_check_keeps_out_of_the_way(shop):
    """Both lay out what HAProxy is to look at in the same place."""
    assert shop.run("flock /run/pyservice/proxy.lock timeout 3 pyservicectl check", check=False).returncode == 124
    assert shop.run(f"timeout {60 * PACE:.0f} pyservicectl check", check=False).returncode == 0
