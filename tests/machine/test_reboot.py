# SPDX-License-Identifier: Apache-2.0
"""What the file says is what runs, after a reboot too: without a registry, and with a file that was broken meanwhile."""

from app import HELLO, define, instances_behind, settle, wait_for

SHOP = HELLO + "scale: 3\nproxy: {domains: [shop.example.com]}\n"


def test_reboot(own_machine):
    machine = own_machine
    define(machine, "shop", SHOP)
    define(machine, "other", HELLO + "scale: 1\n")
    wait_for(machine, "shop", 3)
    wait_for(machine, "other", 1)
    ports = machine.read("/run/pyservice/apps/shop/ports")

    machine.reboot()
    wait_for(machine, "shop", 3)
    wait_for(machine, "other", 1)
    assert machine.read("/run/pyservice/apps/shop/ports") == ports
    machine.wait(lambda: len(instances_behind(machine, "shop.example.com")) == 3, what="all behind HAProxy")
    settle(machine)
    machine.wait('test "$(systemctl is-system-running)" = running', what="no unit that failed")

    define(machine, "other", HELLO + "scale: many\n", reload=False)
    machine.reboot(hard=True)
    wait_for(machine, "shop", 3)
    machine.wait(lambda: machine.unit("pyservice-config@other.service")["ActiveState"] == "failed", what="the error to be shown")
    assert machine.run("systemctl is-system-running", check=False).stdout.strip() == "degraded"
    assert "pyservice-config@other.service" in machine.out("systemctl --failed --plain --no-legend")
    machine.wait(lambda: len(instances_behind(machine, "shop.example.com")) == 3, what="all behind HAProxy")
