# SPDX-License-Identifier: Apache-2.0
"""The parts of one application find each other by name, and nobody else does."""

import json

from app import define, settle
from pace import limit
from rolling import App

HEALTH = f"health: {{http: /health, interval: 1s, start_period: {limit(10)}, timeout: {limit(6)}, retries: 1}}"
SHOP = f"""image: localhost/hello:1
rollout: {{min_ready: 500ms}}
services:
  - {{name: web, port: 8000, {HEALTH}, proxy: {{domains: [shop.example.com]}}}}
  - {{name: api, scale: 2, aliases: [api.internal]}}
sidecars:
  - {{name: redis, aliases: cache}}
  - {{name: agent, network: host}}
timers: [{{name: tick, schedule: "2040-01-01"}}]
"""
# Two applications on a network of the administrator's.
LEFT = """image: localhost/hello:1
network: shared.network
services: [{name: web}]
sidecars: [{name: db, aliases: left-data}]
"""
RIGHT = LEFT.replace("left", "right")


def addresses(machine, container: str, name: str) -> set[str]:
    """Those that a name has inside of a container."""
    script = f"import socket; print(*{{a[4][0] for a in socket.getaddrinfo('{name}', 80, socket.AF_INET)}})"
    return set(machine.run(["podman", "exec", container, "python3", "-c", script], check=False).stdout.split())


def wait_names(machine, container: str, wanted: dict[str, set[str]]) -> None:
    """Podman's name server reads new names some time after their containers have started."""
    seen: dict[str, set[str]] = {}

    def look() -> bool:
        seen.update({name: addresses(machine, container, name) for name in wanted})
        return seen == wanted
    machine.wait(look, what=lambda: f"{wanted} in {container}: {seen}")


def address(machine, container: str) -> set[str]:
    networks = json.loads(machine.out(["podman", "inspect", container]))[0]["NetworkSettings"]["Networks"]
    return {network["IPAddress"] for network in networks.values()}


def test_parts_find_each_other_by_name(machine):
    machine.write("/etc/containers/systemd/shared.network", "[Network]\nNetworkName=shared\n")
    for name, text in (("shop", SHOP), ("left", LEFT), ("right", RIGHT), ("lone", "image: localhost/hello:1\n")):
        define(machine, name, text, reload=False)
    machine.reload()
    names = ["shop-web-0", "shop-api-0", "shop-api-1", "shop-redis", "shop-agent", "left-web-0", "left-db", "right-web-0", "right-db", "lone-0"]
    machine.wait(lambda: set(names) <= set(machine.containers()), what=f"{names}")
    settle(machine)

    ip = {name: address(machine, name) for name in names}
    wanted = {"redis": ip["shop-redis"], "shop-redis": ip["shop-redis"], "cache": ip["shop-redis"], "web": ip["shop-web-0"],
              "api": ip["shop-api-0"] | ip["shop-api-1"], "shop-api": ip["shop-api-0"] | ip["shop-api-1"],
              "api.internal": ip["shop-api-0"] | ip["shop-api-1"], "shop-api-1": ip["shop-api-1"]}
    wait_names(machine, "shop-web-0", wanted)
    assert not addresses(machine, "left-web-0", "redis") and not addresses(machine, "lone-0", "shop-redis")

    wanted = {"left-db": ip["left-db"], "left-data": ip["left-db"], "right-db": ip["right-db"], "right-data": ip["right-db"],
              "right-web": ip["right-web-0"], "db": set(), "web": set()}
    wait_names(machine, "left-web-0", wanted)

    networks = {name: json.loads(machine.out(["podman", "inspect", name]))[0]["HostConfig"]["NetworkMode"] for name in ("shop-agent", "lone-0")}
    assert networks == {"shop-agent": "host", "lone-0": "bridge"}
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}).status == 200, what="shop through HAProxy")


BLOG = {
    "blog.py": """import os

SECRET_KEY = "anything"
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
ROOT_URLCONF = "urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["DATABASE_HOST"], "NAME": "blog", "USER": "blog",
                         "PASSWORD": os.environ["DATABASE_PASSWORD"]}}
""",
    "urls.py": """from django.contrib.auth.models import User
from django.http import JsonResponse
from django.urls import path

urlpatterns = [path("", lambda request: JsonResponse({"users": User.objects.count(), "host": request.get_host()}))]
""",
}

# As its author writes it the first time.
DEFINITION = """image: registry.example.com/component:2026.11
env:
  PYTHONPATH: /srv/blog
  DJANGO_SETTINGS_MODULE: blog
  ALLOWED_HOSTS: blog.example.com,127.0.0.1
  DATABASE_HOST: postgres
  DATABASE_PASSWORD: change-me
volumes: [/srv/blog:/srv/blog:ro]
services:
  - name: web
    entrypoint: ""
    command: gunicorn --bind=0.0.0.0:8000 --worker-tmp-dir=/dev/shm django.core.wsgi:get_wsgi_application()
    port: 8000
    scale: 2
    requires: postgres
    health: {http: /}
    proxy: {domains: [blog.example.com]}
sidecars:
  - name: postgres
    image: localhost/postgres:1
    env: {POSTGRES_USER: blog, POSTGRES_PASSWORD: change-me, POSTGRES_DB: blog}
    health: {command: pg_isready -q -h localhost}
tasks:
  - name: migrate
    entrypoint: ""
    command: python3 -m django migrate
before_update: migrate
"""


def test_an_application_with_a_database_is_up_after_one_reload(machine):
    app = App(machine, "blog")
    for name, text in BLOG.items():
        machine.write(f"/srv/blog/{name}", text)
    define(machine, "blog", DEFINITION)
    machine.wait(lambda: app.is_done() or app.progress().get("phase") == "failed", what=lambda: f"the first start, {app}")
    assert app.is_done(), app
    answer = machine.wait(lambda: (seen := machine.http("http://127.0.0.1/", headers={"Host": "blog.example.com"})).status == 200 and seen,
                          what="an answer through HAProxy")
    assert answer.json() == {"users": 0, "host": "blog.example.com"}, answer
    journal = machine.journal("blog-migrate")
    assert journal.count("Starting blog-migrate.service") == 1 and "Applying auth.0001_initial... OK" in journal
