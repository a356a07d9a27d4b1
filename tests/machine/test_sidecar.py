# SPDX-License-Identifier: Apache-2.0
"""What a sidecar has in common with a service: ports of the machine, and checks over HTTP."""

import json
import time

from app import define, settle, started, undefine
from held import Held, requests_at
from pace import limit

CHECK = f"interval: 1s, timeout: {limit(2)}, start_period: {limit(8)}, retries: 2"


def answers(machine, port: int) -> bool:
    return machine.http(f"http://127.0.0.1:{port}/").status == 200


def shop(image: int) -> str:
    return f"""image: localhost/hello:1
services: [{{name: web}}]
sidecars:
  - name: admin
    image: localhost/hello:{image}
    port: 8000
    publish: ["127.0.0.1:5432:8000", "127.0.0.1:5440-5442:7999-8001"]
    health: {{http: /health, {CHECK}}}
"""


def test_a_sidecar_publishes_a_port(machine):
    define(machine, "shop", shop(1))
    machine.wait(lambda: machine.is_active("shop-admin.service"), what="the sidecar")
    assert answers(machine, 5432)
    assert machine.http("http://127.0.0.1:5441/").json()["hostname"] == "shop-admin"

    define(machine, "shop", shop(2))
    # In this order: the unit is active again after its container is there.
    machine.wait(lambda: "hello:2" in machine.out("podman inspect --format '{{.ImageName}}' shop-admin")
                 and machine.is_active("shop-admin.service"), what="the new revision")
    assert answers(machine, 5432)


SHARED = f"""image: localhost/hello:1
rollout: {{min_ready: 500ms}}
services: [{{name: web, network_of: net, port: 8000, health: {{http: /health, {CHECK}}}}}]
sidecars: [{{name: net, image: localhost/redis:1, publish: "127.0.0.1:5432:8000", env: {{VERSION: 1}}}}]
tasks: [{{name: ask, network_of: net, entrypoint: curl, command: "-fs http://localhost:8000/health"}}]
"""


def test_a_service_shares_the_network_of_a_sidecar(machine):
    """Its port is published by the sidecar. A sidecar that starts again has a new network, so the service restarts with it."""
    def is_new(before: dict[str, str]) -> bool:
        now = started(machine)
        return now.keys() == {"shop-net", "shop-web-0"} and not now.items() & before.items() and answers(machine, 5432) \
            and machine.are_active(["shop-net.service", "shop-web@0.service"])

    define(machine, "shop", SHARED)
    machine.wait(lambda: is_new({}), what="the first start")
    assert machine.ok("systemctl start shop-ask.service")

    for action in (lambda: machine.run("podman kill --signal=KILL shop-net"),
                   lambda: define(machine, "shop", SHARED.replace("VERSION: 1", "VERSION: 2"))):
        before = started(machine)
        action()
        machine.wait(lambda before=before: is_new(before), what="both to start again")
    undefine(machine, "shop")
    machine.wait(lambda: not started(machine), what="the end of both")


def test_a_sidecar_that_does_not_answer_is_restarted(machine):
    define(machine, "shop", shop(1))
    machine.wait(lambda: machine.is_active("shop-admin.service"), what="the sidecar")
    before = machine.unit("shop-admin.service")["InvocationID"]
    assert machine.http("http://127.0.0.1:5432/health?status=500", method="POST").status == 500
    machine.wait(lambda: (unit := machine.unit("shop-admin.service"))["ActiveState"] == "active" and unit["InvocationID"] != before, what="a restart")
    assert answers(machine, 5432)


PAGE = f"""image: localhost/hello:1
services: [{{name: web}}]
sidecars:
  - name: page
    image: localhost/hello:IMAGE
    port: 8000
    stop_timeout: 1s
    health: {{http: /health, {CHECK}}}
    proxy: {{domains: [page.example.com], path: /}}
"""
HOST = {"Host": "page.example.com"}


def page(machine) -> bool:
    return machine.http("http://127.0.0.1/", headers=HOST).status == 200


def test_requests_reach_a_sidecar_through_haproxy(machine):
    # Slow to start, so that requests can be seen to fail meanwhile.
    define(machine, "shop", PAGE.replace("IMAGE", "1").replace("    port: 8000\n", "    port: 8000\n    env: {HELLO_START_DELAY: 3}\n"))
    machine.wait(lambda: machine.is_active("shop-page.service"), what="the sidecar")
    machine.wait(lambda: page(machine), what="an answer")
    assert "shop-page" in machine.out("pyservicectl ps")
    assert json.loads(machine.out("pyservicectl status --json shop"))["sidecars"][0]["instances"][0]["proxy"].startswith("UP")

    machine.run("systemctl reload haproxy")
    assert page(machine)

    def is_out_after_a_crash() -> bool:
        """Killed again at each look, because it may be back before we ask."""
        machine.run("podman kill --signal KILL shop-page", check=False)
        return not page(machine)
    machine.wait(is_out_after_a_crash, what="HAProxy to take the server out")
    machine.wait(lambda: page(machine), what="an answer after a crash")


def test_an_update_of_a_sidecar_answers_what_is_open(machine):
    """Requests that it has are answered, longer than it itself would wait; new ones wait until the new revision is ready."""
    text = PAGE.replace("path: /", "path: /, timeouts: {drain: 10min}")
    define(machine, "shop", text.replace("IMAGE", "1"))
    machine.wait(lambda: page(machine), what="an answer")
    request = Held(machine, "page.example.com")
    machine.wait(lambda: requests_at(machine, "shop-page").get("shop-page"), what="the request")

    define(machine, "shop", text.replace("IMAGE", "2"))
    machine.wait(lambda: machine.unit("shop-page.service")["ActiveState"] == "deactivating", what="the drain")
    time.sleep(2)       # longer than the stop itself would wait
    assert request.end() == "200"
    machine.wait(lambda: page(machine), what="an answer of the new revision")
    assert machine.http("http://127.0.0.1/", headers=HOST).json()["version"] == "2"


def test_a_sidecar_leaves_haproxy_with_its_proxy(machine):
    define(machine, "shop", PAGE.replace("IMAGE", "1"))
    machine.wait(lambda: page(machine), what="an answer")
    define(machine, "shop", "".join(line for line in PAGE.replace("IMAGE", "1").splitlines(True) if "proxy:" not in line))
    machine.wait(lambda: not machine.ok("ls /run/pyservice/haproxy/*shop-page*"), what="HAProxy's files to go")
    machine.wait(lambda: machine.is_active("shop-page.service")
                 and "pyservice-instance drain" not in machine.out("systemctl cat shop-page.service"), what="the sidecar without a proxy")
    assert not machine.exists("/run/systemd/generator/shop-page.service.d/10-ports.conf")
    define(machine, "shop", PAGE.replace("IMAGE", "1"))
    machine.wait(lambda: page(machine), what="an answer again")


def test_a_sidecar_of_another_machine_stays_inactive(machine):
    """Also on a machine whose name the network gave it, which has no /etc/hostname."""
    name = machine.out("hostname")
    define(machine, "shop", "image: localhost/hello:1\nservices: [{name: web}]\nsidecars: [{name: away, hosts: elsewhere}]\n")
    machine.wait(lambda: machine.is_active("shop-web@0.service"), what="the service")
    settle(machine)
    assert "skipped" not in machine.journal("shop-away.service")
    try:
        machine.run("hostname elsewhere")
        machine.reload()
        machine.wait(lambda: machine.is_active("shop-away.service"), what="the sidecar where it belongs")
    finally:
        machine.run(f"hostname {name}")
    machine.reload()
    machine.wait(lambda: "shop-away" not in machine.containers(), what="its end")


def test_what_ends_at_once_is_never_ready(machine):
    define(machine, "shop", """image: localhost/hello:1
entrypoint: ""
services: [{name: web, command: /app/hello, after: [broken, done]}]
sidecars:
  - {name: broken, command: sh -c "exit 3", restart: {delay: 100ms}}
  - {name: done, command: "true", restart: "no"}
""")
    machine.wait(lambda: int(machine.unit("shop-broken.service")["NRestarts"]) > 2, what="restarts")
    assert machine.unit("shop-broken.service")["ActiveEnterTimestampMonotonic"] == "0"
    machine.wait(lambda: machine.is_active("shop-web@0.service"), what="the service")
    # Its container may still be being removed.
    machine.wait(lambda: (done := machine.unit("shop-done.service"))["ActiveState"] == "inactive" and done["Result"] == "success", what="the end")
