# SPDX-License-Identifier: Apache-2.0
"""The README's installation and first definition, word for word, on a machine that has never seen pyservice."""

import json
import os
import subprocess

import host
from app import settle

README = (host.REPOSITORY / "README.md").read_text()


def block_after(heading: str, kind: str = "") -> str:
    """The first code block after a heading."""
    return README.split(heading, 1)[1].split(f"```{kind}\n", 1)[1].split("```", 1)[0]


def test_the_readme_leads_to_a_running_application(bare_machine):
    machine = bare_machine
    # The machine has no compiler: what is built here is installed there.
    commands = block_after("## Install")
    assert "meson install -C build\n" in commands
    subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", os.environ["PYSERVICE_BUILD"]], check=True,
                   env={**os.environ, "DESTDIR": str(machine.lab.root)})
    machine.run(commands.split("meson install -C build\n")[1])

    assert "pyservicectl new NAME" in machine.read("/etc/pyservice.d/README") and machine.ok("pyservicectl check /usr/share/pyservice/examples/hello.yaml")
    first = block_after("## A first definition", "yaml")
    machine.run("cat >/etc/pyservice.d/hello.yaml", input=first)
    then = README[README.index("pyservicectl check  "):].split("```")[0]
    *before, last = [line for line in then.splitlines() if line]
    machine.run("\n".join(before))
    assert last.startswith("curl ")
    answer = machine.wait(lambda: machine.run(last + " -fs", check=False).stdout, what="an answer through HAProxy")
    assert '"hostname": "hello-' in answer
    machine.wait(lambda: {f"hello-{i}" for i in range(4)} == set(machine.containers()), what="four containers")

    # And away from it.
    stop, uninstall = block_after("To uninstall without a package:").split("ninja -C build uninstall\n")
    machine.run(stop)
    machine.wait(lambda: machine.containers() == {}, what="all of it to stop")
    settle(machine)     # a unit stops after its container, and for that needs the programs that go now
    there = subprocess.run(["meson", "introspect", "--installed", os.environ["PYSERVICE_BUILD"]], check=True,
                           stdout=subprocess.PIPE)
    remove = 'for file; do [ -d "$file" ] || rm -f "$file"; done'
    machine.run(["sh", "-ec", remove, "sh", *json.loads(there.stdout).values()])
    machine.run(uninstall)
    assert machine.is_active("haproxy.service")
    # The watcher ends by itself, some seconds after the last instance.
    machine.wait("! systemctl list-units --all --plain --no-legend '*hello*' '*pyservice*' | grep -v '[.]slice'", what="no unit to be left")
