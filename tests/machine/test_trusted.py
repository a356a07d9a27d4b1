# SPDX-License-Identifier: Apache-2.0
"""`trusted:` holds for whoever asks HAProxy and for whoever asks a published port, over IPv4 and IPv6."""

import pytest

from app import define, wait_for
from pace import limit

# A second machine, as a network namespace: each of its addresses is a client of its own.
CLIENTS = """set -e
ip netns add clients
ip link add clients type veth peer name eth0 netns clients
ip link set clients up
ip -n clients link set eth0 up
ip -n clients link set lo up
for prefix in 10.8.0 203.0.113; do ip address add $prefix.1/24 dev clients; ip -n clients address add $prefix.5/24 dev eth0; done
for prefix in 2001:db8: 2001:db8:1:; do ip address add $prefix:1/64 dev clients nodad; ip -n clients address add $prefix:5/64 dev eth0 nodad; done
"""
IN = ["10.8.0.5", "2001:db8::5"]
OUT = ["203.0.113.5", "2001:db8:1::5"]
SERVER = {".": "10.8.0.1", ":": "[2001:db8::1]"}
NETWORK = "[Network]\nIPv6=true\nSubnet=10.90.7.0/24\nSubnet=fd00:90:7::/64\n"
APP = """image: localhost/hello:1
entrypoint: ""
command: "/usr/bin/python3 -m http.server --bind :: 8000"
network: both.network
port: 8000
scale: 2
trusted: [10.8.0.0/24, "2001:db8::/64"]
health: {http: /, interval: 1s, start_period: %s}
proxy: {domains: [shop.example.com]}
""" % limit(20)
DIRECT = """image: localhost/hello:1
entrypoint: ""
command: "/usr/bin/python3 -m http.server --bind :: 8000"
network: both.network
publish: ["5000:8000"]
trusted: [10.8.0.0/24, "2001:db8::/64"]
"""


@pytest.fixture
def site(machine):
    machine.run(CLIENTS)
    machine.write("/etc/containers/systemd/both.network", NETWORK)
    machine.reload()
    yield machine
    machine.run("ip netns del clients")


def ask(machine, client: str, port: int) -> str:
    """The HTTP status that this client gets; 000 for no answer."""
    server = SERVER[":" if ":" in client else "."]
    return machine.run(["ip", "netns", "exec", "clients", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3",
                        "--interface", client, "-H", "Host: shop.example.com", f"http://{server}:{port}/"], check=False).stdout


def wait_asked(machine, port: int, wanted: list[str]) -> None:
    """A busy machine may not answer within three seconds."""
    seen: list[str] = []

    def look() -> bool:
        seen[:] = [ask(machine, client, port) for client in IN + OUT]
        return seen == wanted
    machine.wait(look, what=lambda: f"{wanted} for {IN + OUT} at port {port}: {seen}")


def test_through_haproxy(site):
    define(site, "shop", APP)
    wait_for(site, "shop", 2)
    wait_asked(site, 80, ["200", "200", "403", "403"])
    assert site.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}).status == 403, "only who is listed"
    port = site.ports("shop")["shop", "0"]
    assert site.http(f"http://127.0.0.1:{port}/").status == 200, "probes and HAProxy reach the instances"

    # A change is rolled out.
    define(site, "shop", APP.replace('"2001:db8::/64"', '"2001:db8::/64", 203.0.113.0/24, "2001:db8:1::/64"'))
    wait_asked(site, 80, ["200"] * 4)
    define(site, "shop", APP)
    wait_asked(site, 80, ["200", "200", "403", "403"])


def test_through_a_tcp_frontend(site):
    """One of the administrator's own, which takes IPv4 and IPv6 with one socket."""
    config = "/etc/haproxy/haproxy.cfg"
    define(site, "shop", APP.replace("proxy: {domains: [shop.example.com]}", "proxy: {mode: tcp}"))
    wait_for(site, "shop", 2)
    site.wait("test -e /run/pyservice/haproxy/10_backend_shop.cfg", what="the backend")
    site.write(config, site.read(config) + "\nfrontend tcp\n\tmode tcp\n\tbind :::6000 v4v6\n\tdefault_backend shop\n")
    site.run("systemctl restart haproxy.service")
    wait_asked(site, 6000, ["200", "200", "000", "000"])
    site.remove("/etc/pyservice.d/shop.yaml")
    site.write(config, site.read(config).partition("\nfrontend tcp")[0])
    site.run("systemctl restart haproxy.service")


def test_at_a_published_port(site):
    define(site, "shop", DIRECT)
    wait_for(site, "shop", 1)
    wait_asked(site, 5000, ["200", "200", "000", "000"])
    assert site.http("http://127.0.0.1:5000/").status == 200, "the machine itself"

    define(site, "shop", DIRECT.replace("10.8.0.0/24", "10.8.0.0/24, 203.0.113.5"))
    site.wait(lambda: ask(site, OUT[0], 5000) == "200", what="the other to be let in")
    assert ask(site, OUT[1], 5000) == "000"
    define(site, "shop", DIRECT)
    site.wait(lambda: ask(site, OUT[0], 5000) == "000" and ask(site, IN[0], 5000) == "200", what="the other to be refused")
    define(site, "shop", DIRECT.replace("trusted", "x-trusted"))
    wait_asked(site, 5000, ["200"] * 4)
