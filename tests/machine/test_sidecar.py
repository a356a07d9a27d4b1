# SPDX-License-Identifier: Apache-2.0
"""What a sidecar has in common with a service: ports of the machine, and checks over HTTP."""

from app import define
from pace import limit

CHECK = f"interval: 1s, timeout: {limit(2)}, start_period: {limit(8)}, retries: 2"


def answers(machine, port: int) -> bool:
    return machine.http(f"http://127.0.0.1:{port}/").status == 200


def shop(image: int, path: str = "/health") -> str:
    return f"""image: localhost/hello:1
services: [{{name: web}}]
sidecars: [{{name: admin, image: "localhost/hello:{image}", port: 8000, publish: "127.0.0.1:5432:8000", health: {{http: {path}, {CHECK}}}}}]
"""


def test_a_sidecar_publishes_a_port(machine):
    define(machine, "shop", shop(1))
    machine.wait(lambda: machine.is_active("shop-admin.service"), what="the sidecar")
    assert answers(machine, 5432)
    assert machine.http("http://127.0.0.1:5432/").json()["hostname"] == "shop-admin"

    define(machine, "shop", shop(2))
    machine.wait(lambda: machine.is_active("shop-admin.service")
                 and "hello:2" in machine.out("podman inspect --format '{{.ImageName}}' shop-admin"), what="the new revision")
    assert answers(machine, 5432)


def test_a_sidecar_that_does_not_answer_is_restarted(machine):
    define(machine, "shop", shop(1))
    machine.wait(lambda: machine.is_active("shop-admin.service"), what="the sidecar")
    before = machine.unit("shop-admin.service")["InvocationID"]
    assert machine.http("http://127.0.0.1:5432/health?status=500", method="POST").status == 500
    machine.wait(lambda: machine.is_active("shop-admin.service") and machine.unit("shop-admin.service")["InvocationID"] != before,
                 what="a restart")
    assert answers(machine, 5432)
