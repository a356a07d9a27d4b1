# SPDX-License-Identifier: Apache-2.0
"""pyservicectl scale, get, set, edit, cat and new on a machine: what they write reaches what runs."""



from answers import read_answer
from app import HEALTH, HELLO, define, started, wait_for

CTL = "pyservicectl"
TWO = f"""\
image: localhost/hello:1
env: {{LEVEL: info}}
rollout: {{min_ready: 0}}
services:
  - name: web
    scale: 2
    port: 8000
    {HEALTH}    proxy: {{domains: [shop.example.com]}}
  - {{name: idle, command: sleep infinity, scale: 0}}
"""


def ask(machine, command, *words):
    return read_answer(command, machine.out([CTL, "--json", *words]))


def refused(machine, *words, status=1):
    done = machine.run([CTL, *words], check=False)
    assert done.returncode == status, done
    return done.stderr


def variable(machine, container, name):
    return machine.out(["podman", "exec", container, "printenv", name])


def n_reloads(machine):
    return machine.out("journalctl --sync; journalctl -b _PID=1 -o cat").count("Reloading finished")


def typed(machine, words):
    """Output and errors of a verb on a terminal."""
    return machine.run(["script", "--quiet", "--return", "--command", f"{CTL} {words}", "/dev/null"]).stdout


def test_scale_and_set(machine):
    define(machine, "shop", TWO, reload=False)
    define(machine, "hello", HELLO + "scale: 1\n")
    wait_for(machine, "shop-web", 2)
    wait_for(machine, "hello", 1)
    before = started(machine)
    files = machine.out("cat /etc/pyservice.d/*.yaml")
    reloads = n_reloads(machine)

    # several at once are one reload, and restart nothing that stays
    answer = ask(machine, "scale", "scale", "shop/web=3", "shop/idle=1", "hello=2")
    assert {row["file"] for row in answer["scales"]} == {f"/etc/pyservice.d/{app}.yaml.d/90-pyservicectl.yaml" for app in ("shop", "hello")}
    wait_for(machine, "shop-web", 3)
    wait_for(machine, "shop-idle", 1)
    wait_for(machine, "hello", 2)
    assert n_reloads(machine) <= reloads + 1
    assert {name: value for name, value in started(machine).items() if name in before} == before

    # until the next boot: below /run, which no boot keeps
    assert machine.out("findmnt -n -o FSTYPE --target /run/pyservice.d 2>/dev/null || stat -f -c %T /run") in ("tmpfs", "ramfs")
    machine.run([CTL, "scale", "--runtime", "shop/web=1"])
    wait_for(machine, "shop-web", 1)
    assert machine.read("/run/pyservice.d/shop.yaml.d/95-pyservicectl-runtime.yaml").endswith("services:\n  web:\n    scale: 1\n")
    machine.remove("/run/pyservice.d")  # as after a boot
    machine.reload()
    wait_for(machine, "shop-web", 3)

    # a setting is rolled out; the definition itself is as it was
    ask(machine, "set", "set", "shop", "services.web.env.LEVEL", "debug")
    machine.run([CTL, "rollout", "status", "shop"])
    wait_for(machine, "shop-web", 3)
    assert {variable(machine, f"shop-web-{i}", "LEVEL") for i in range(3)} == {"debug"}
    assert variable(machine, "shop-idle-0", "LEVEL") == "info"
    assert machine.out("cat /etc/pyservice.d/*.yaml") == files

    # where it comes from, without root too
    values = {value["key"]: value for value in ask(machine, "cat", "cat", "shop")["values"]}
    assert values["services.web.env.LEVEL"]["origin"].startswith("shop.yaml.d/90-pyservicectl.yaml:")
    assert values["services.idle.env.LEVEL"]["origin"] == "shop.yaml:2" and values["services.web.restart"]["origin"] == "default"
    assert machine.out(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTL, "get", "shop", "services.web.scale"]) == "3"
    denied = machine.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTL, "scale", "shop/web=4"], check=False)
    assert denied.returncode == 1 and "run it as root" in denied.stderr

    # what is refused loses nothing
    now, drop_ins = started(machine), machine.out("cat /etc/pyservice.d/*.yaml.d/*.yaml")
    assert "many" in refused(machine, "set", "shop", "services.web.scale", "many")
    assert "NoSuchKey" in refused(machine, "set", "shop", "quadlet.Container.NoSuchKey", "x")  # only Quadlet sees this
    assert "shop.example.com" in refused(machine, "set", "hello", "proxy", "{domains: [shop.example.com]}")
    assert (started(machine), machine.out("cat /etc/pyservice.d/*.yaml.d/*.yaml")) == (now, drop_ins)

    # on a terminal, the command ends with the rollout; without one, it names the command that follows it
    followed = "'pyservicectl rollout status shop' follows it\n"
    assert followed not in typed(machine, "set shop services.web.env.LEVEL warning")
    assert {variable(machine, f"shop-web-{i}", "LEVEL") for i in range(3)} == {"warning"}
    assert "shop-web@3.service: started" in typed(machine, "scale shop/web=4 --runtime") and "shop-web-3" in started(machine)
    assert "is pinned to" in typed(machine, "rollout undo shop")
    assert {variable(machine, f"shop-web-{i}", "LEVEL") for i in range(3)} == {"debug"}
    assert "no longer pinned" in typed(machine, "rollout resume shop")
    assert {variable(machine, f"shop-web-{i}", "LEVEL") for i in range(3)} == {"warning"}
    assert "follows it" in typed(machine, "set --no-follow shop services.web.env.LEVEL debug")
    machine.run([CTL, "rollout", "status", "shop"])
    assert machine.run([CTL, "scale", "shop/web=3"]).stdout.endswith(followed)
    assert "follows it" not in machine.out([CTL, "scale", "--json", "shop/web=3"])
    machine.remove("/run/pyservice.d")
    machine.reload()
    wait_for(machine, "shop-web", 3)

    # and taken back it is as the definition says
    machine.run([CTL, "set", "shop", "services", "null"])
    machine.run([CTL, "rollout", "status", "shop"])
    wait_for(machine, "shop-web", 2)
    assert {variable(machine, f"shop-web-{i}", "LEVEL") for i in range(2)} == {"info"}
    assert not machine.exists("/etc/pyservice.d/shop.yaml.d")


def test_edit_and_new(machine):
    # from an image that is here: its port
    text = machine.out([CTL, "new", "hello", "--image=localhost/hello:1"])
    machine.written.add("/etc/pyservice.d/hello.yaml")
    assert "pyservicectl apply hello" in text and machine.out([CTL, "get", "hello", "port"]) == "8000"
    assert not machine.containers()  # nothing is started yet

    # from one with a health check of its own
    machine.run("podman build -q -t localhost/checked:1 --format=docker -",
                input="FROM localhost/hello:1\nEXPOSE 8000\nHEALTHCHECK CMD curl -fs http://localhost:8000/ || exit 1\n")
    machine.run([CTL, "new", "checked", "--image=localhost/checked:1"])
    machine.written.add("/etc/pyservice.d/checked.yaml")
    assert machine.out([CTL, "get", "checked", "health.command"]) == "curl -fs http://localhost:8000/ || exit 1"
    machine.remove("/etc/pyservice.d/checked.yaml")

    edit = rf"EDITOR='sed -i s/^\(scale:.\).*/\1{{}}/' {CTL} edit --yes hello"
    machine.run(edit.format("2"))
    wait_for(machine, "hello", 2)
    before = started(machine)
    done = machine.run(edit.format("many"), check=False)
    assert done.returncode == 1 and "'many' is not a valid number" in done.stderr and "your text is in /run/pyservice-edit-" in done.stderr
    assert "scale: 2\n" in machine.read("/etc/pyservice.d/hello.yaml") and started(machine) == before
    machine.run("rm -r /run/pyservice-edit-*")
