# SPDX-License-Identifier: Apache-2.0
"""One health check, asked the same way by everybody: of a real Django site that checks host names and wants TLS."""

import pytest

from app import define, settle, started, undefine
from pace import limit
from rolling import App

HOST, CTL = "shop.example.com", "pyservicectl"
STATUS, CHECK = 17, 36  # columns of HAProxy's statistics

# Each request is noted: who asked, for which host, and whether by TLS as far as the site was told.
SITE = """
import os
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=os.environ["HOSTS"].split(","), SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SECRET_KEY="test", ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"])

from django.core.wsgi import get_wsgi_application


def health(request):
    meta = request.META
    with open("/site/seen", "a") as file:
        file.write(f"{meta['SERVER_PROTOCOL']} {meta.get('HTTP_CONNECTION')} {meta.get('HTTP_USER_AGENT')} {meta['HTTP_HOST']} {request.scheme} "
                   f"{meta.get('HTTP_X_MARK')}\\n")
    return HttpResponse("well\\n", status=503 if os.path.exists("/site/ill") else 200)


def stream(request):
    def body():
        while True:
            yield b": still here\\n\\n"
            time.sleep(0.1)
    import time
    with open("/site/streams", "a") as file:
        file.write("one\\n")
    return StreamingHttpResponse(body(), content_type="text/event-stream")


urlpatterns = [path("healthz", health), path("stream", stream)]
application = get_wsgi_application()
"""

DEFINITION = """
image: registry.example.com/component:2026.11
env: {{HOSTS: "{hosts}"}}
workdir: /site
entrypoint: gunicorn
stop_timeout: 2s
services:
  - name: web
    command: --bind=0.0.0.0:80 --threads=8 --worker-tmp-dir=/dev/shm site_of_shop
    port: 80
    volumes: ["/srv/site:/site"]
    health: {health}
    proxy: {{domains: ["*.example.com", shop.example.com, www.example.com], tls: {{certificate: /srv/site/site.pem}}, timeouts: {{drain: 1s}}}}
rollout: {{min_ready: 500ms, spare: true}}
"""
LIMITS = f"interval: 1s, start_period: {limit(8)}, timeout: {limit(12)}"
HEALTH = f"{{http: /healthz, status: '200', retries: 2, {LIMITS}, headers: {{X-Mark: \"a \\\"b\\\" $c; 'd' # \\\\\"}}}}"


def shop(machine, hosts=HOST, health=HEALTH):
    define(machine, "shop", DEFINITION.format(hosts=hosts, health=health))


def seen(machine):
    return set(machine.out("cat /srv/site/seen 2>/dev/null || true").splitlines())


def streams(machine):
    return machine.run("cat /srv/site/streams", check=False).stdout.count("one")


def server(machine, column=STATUS):
    """HAProxy's word of the instance."""
    rows = machine.out("echo 'show stat' | socat -t 60 - /run/haproxy/admin.sock").splitlines()    # socat itself would wait half a second
    return next((row.split(",")[column] for row in rows if row.startswith("shop-web,shop-web-0,")), "")


@pytest.fixture
def site(machine):
    machine.write("/srv/site/site_of_shop.py", SITE)
    machine.run(f"cd /srv/site && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -keyout key -out crt 2>/dev/null && cat crt key >site.pem")
    yield machine
    undefine(machine, "shop")
    machine.run("rm -rf /srv/site")


def wait_ready(machine):
    machine.wait(lambda: machine.is_active("shop-web@0.service") and server(machine).startswith("UP"), what="the site to be ready")
    settle(machine)


def test_everybody_asks_the_same(site):
    shop(site)
    wait_ready(site)
    (asked,) = seen(site)
    assert asked == f"HTTP/1.1 close pyservice {HOST} https a \"b\" $c; 'd' # \\", "the probe, the watcher and HAProxy"
    site.wait("systemctl is-active -q pyservice-watch.service", what="the watcher, which a path unit starts")
    site.run("rm /srv/site/seen")
    site.run("systemctl stop haproxy")          # the watcher alone
    site.wait(lambda: seen(site), what="the watcher to ask")
    assert seen(site) == {asked}
    site.run("systemctl stop pyservice-watch.path pyservice-watch.service; rm /srv/site/seen; systemctl start haproxy")
    site.wait(lambda: seen(site), what="HAProxy to ask")
    assert seen(site) == {asked}
    site.run("systemctl start pyservice-watch.path")

    # A spare that refuses the host says what it was asked and what it answered.
    app, before = App(site, "shop"), started(site)
    shop(site, hosts="other.example.com")
    app.wait_failed()
    said = site.run([CTL, "rollout", "status", "shop"], check=False).stdout
    assert f"not ready: GET /healthz with Host: {HOST} on port " in said, said
    assert ": 400 Bad Request, not 200; does the application restrict host names (ALLOWED_HOSTS)?" in said
    assert "400 Bad Request" in site.journal("shop-web@next.service")
    assert started(site) == before


def test_what_drains_is_not_restarted(site):
    shop(site, health=HEALTH.replace("{http", "{on_failure: drain, http"))
    wait_ready(site)
    before = started(site)
    site.run("touch /srv/site/ill")
    site.wait(lambda: server(site).startswith("DOWN"), what="HAProxy to take it out")
    site.run("rm /srv/site/ill")
    site.wait(lambda: server(site).startswith("UP"), what="HAProxy to put it in again")
    assert started(site) == before and site.unit("shop-web@0.service")["NRestarts"] == "0"
    assert not site.run("ls /run/pyservice/health", check=False).stdout, "nobody restarts it"

    # Only its start is judged: HAProxy tries connections, and nothing is restarted for the change.
    shop(site, health=HEALTH.replace("{http", "{on_failure: none, http"))
    site.wait(lambda: server(site, CHECK).startswith("L4OK"), what="HAProxy to try a connection")
    site.run("touch /srv/site/ill")
    # Requests from before may still be under way.
    site.wait(lambda: site.run("rm -f /srv/site/seen; sleep 3") and not seen(site), what="nobody to ask")
    assert server(site).startswith("UP") and started(site) == before


def test_a_stream_is_healthy(site):
    shop(site, health=f"{{http: /stream, retries: 1, {LIMITS}}}")
    wait_ready(site)
    before, asked = started(site), streams(site)
    site.wait(lambda: streams(site) >= asked + 8, what="the watcher and HAProxy to ask four times")
    assert started(site) == before and site.unit("shop-web@0.service")["NRestarts"] == "0" and server(site).startswith("UP")
