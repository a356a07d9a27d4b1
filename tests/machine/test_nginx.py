# SPDX-License-Identifier: Apache-2.0
"""nginx as the front: sites, drains, and files that it refuses."""

import json
import time

import pytest

from app import define, instances_behind, settle, wait_for
from held import Held
from load import Load
from test_acme import HOST as SHOP, OWN, REFUSED, authority, has_hsts, is_issued, issuer, start_authority  # noqa: F401
from test_drain import HOST, HTTP, IMAGE, ports, running, slow
from test_trusted import APP, CLIENTS, IN, NETWORK, OUT, ask

SHARE = "/usr/share/pyservice/nginx/pyservice.conf"
SITES = "/var/lib/pyservice/.nginx"


@pytest.fixture
def machine(machine):
    """HAProxy makes room for nginx while the test runs."""
    machine.run("systemctl stop haproxy && systemctl unmask nginx && rm -f /etc/nginx/sites-enabled/default"
                f" && cp {SHARE} /etc/nginx/conf.d/ && systemctl daemon-reload && systemctl restart nginx")
    yield machine
    machine.run(f"systemctl mask --now nginx; rm -rf {SITES}; systemctl start haproxy")


def text(scale: int, more: str = "", proxy: str = "") -> str:
    return f"{IMAGE}{HTTP}scale: {scale}\nproxy: {{kind: nginx, domains: [{HOST}]{proxy}}}\n{more}"


def has_request(machine, number: str) -> bool:
    """nginx keeps no idle connection to an instance; connections of others are health checks."""
    return machine.ok(f"ss -Htnp state established dport = :{ports(machine)[number]} | grep -q nginx")


def in_flight(machine, number: str) -> None:
    machine.wait(lambda: has_request(machine, number), what=f"a request to hello-{number}")


def accepting(machine) -> set[str]:
    """The workers that accept connections. After a reload the previous ones do so for a moment beside the new ones."""
    return set(machine.out("pgrep -fx 'nginx: worker process' || true").split())


def certify(machine) -> None:
    machine.run(f"openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=hello -addext subjectAltName=DNS:{HOST} -keyout /etc/hello.key -out /etc/hello.crt 2>&1"
                " && cat /etc/hello.crt /etc/hello.key >/etc/hello.pem && chmod 600 /etc/hello.pem")


def test_a_site(machine):
    certify(machine)
    before = accepting(machine)
    define(machine, "hello", text(2, proxy=", path: /api, strip: true, redirect_to_https: false, tls: {certificate: /etc/hello.pem},"
                                           " headers: {X-Said: 'a \"b\" \\ ; } # c'}"))
    machine.wait(lambda: machine.http("http://127.0.0.1/api/", headers={"Host": HOST}).status == 200, what="an answer")
    machine.wait(lambda: before.isdisjoint(accepting(machine)), what="the previous workers to accept nothing")
    answer = machine.http("http://127.0.0.1/api/x%20y?a=b", headers={"Host": HOST, "X-Forwarded-For": "1.2.3.4"})
    assert answer.headers["x-said"] == 'a "b" \\ ; } # c'
    told = answer.json()
    assert told["path"] == "/x%20y?a=b"
    assert "1.2.3.4" not in str(told) and HOST in str(told)
    assert machine.http("http://127.0.0.1/apix", headers={"Host": HOST}).status == 404
    assert machine.out(f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {HOST}:443:127.0.0.1 https://{HOST}/api/") == "200"


def test_certificates_from_an_authority(machine, authority):  # noqa: F811
    """Each domain has its own: one that the authority refuses does not delay the other."""
    def findings() -> list:
        answer = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
        return [f["text"] for check in answer["checks"] if check["check"] == "certificates" for f in check["findings"]]

    start_authority(machine)
    define(machine, "hello", text(1).replace(HOST, f"{SHOP}, {REFUSED}").replace("]}", f"], tls: {OWN}}}"))
    machine.wait(lambda: is_issued(machine), what="the first certificate")
    machine.wait(lambda: issuer(machine, REFUSED) == "self-signed until one is issued", what="the self-signed certificate")
    assert machine.http("http://127.0.0.1/x", headers={"Host": SHOP}).status == 308
    assert machine.http("http://127.0.0.1/.well-known/acme-challenge/a.b", headers={"Host": SHOP}).status == 308, "not a token"
    machine.wait(lambda: has_hsts(machine, "https"), what="the header")
    assert not has_hsts(machine, "http")
    refusal = f"no certificate was issued for {REFUSED}: the certificate authority refused it: "
    machine.wait(lambda: [text.startswith(refusal) for text in findings()] == [True], what="doctor to report the refusal alone")


def test_doctor_compares_the_certificate_with_the_one_that_nginx_serves(machine):
    def findings() -> list:
        answer = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
        return next(check["findings"] for check in answer["checks"] if check["check"] == "certificates")

    certify(machine)
    define(machine, "hello", text(1, proxy=", tls: {certificate: /etc/hello.pem}"))
    machine.wait(f"curl -sk -o /dev/null --resolve {HOST}:443:127.0.0.1 https://{HOST}/", what="nginx to serve the certificate")
    # The previous workers may answer for a moment. It expires soon.
    machine.wait(lambda: [finding["level"] for finding in findings()] == ["warning"], what=lambda: f"one warning: {findings()}")

    # inotify does not see a mount, so no unit reloads nginx.
    machine.run("cp /etc/hello.pem /run/first.pem")
    certify(machine)
    machine.wait(lambda: len(findings()) == 1, what="nginx to serve the renewed certificate")
    settle(machine)     # nothing that the change of the file began goes on
    machine.run("mount --bind /run/first.pem /etc/hello.pem")
    try:
        told = machine.wait(lambda: findings()[1:], what="the other certificate to be named")[0]
        assert told["level"] == "bad" and told["text"] == "nginx does not serve the certificate in /etc/hello.pem"
        machine.run(told["advice"])
        machine.wait(lambda: len(findings()) == 1, what="nginx to serve what the file has")
    finally:
        machine.run("umount /etc/hello.pem")


def test_doctor_names_the_site_that_has_the_port_of_haproxy(machine):
    site = "/etc/nginx/conf.d/site.conf"
    machine.write(site, "server {\n    listen 80;\n    server_name site.example.com;\n}\n")
    machine.run("systemctl reload nginx")
    define(machine, "hello", f"{IMAGE}{HTTP}proxy: {{domains: [{HOST}]}}\n")
    wait_for(machine, "hello", 1)
    last = []

    def is_named() -> bool:
        done = machine.run("pyservicectl doctor --json", check=False)
        last[:] = next(check["findings"] for check in json.loads(done.stdout)["checks"] if check["check"] == "front")
        return done.returncode == 1 and [finding["level"] for finding in last] == ["bad"] and f"{site}:2" in last[0]["text"]
    machine.wait(is_named, what=lambda: f"the site to be named: {last}")
    machine.remove(site)


def test_a_change_of_scale_costs_no_request(machine):
    """Of clients that make a connection for each. An nginx before 1.27.4 closes idle ones at a reload, whatever is under way."""
    define(machine, "hello", text(3))
    running(machine, 3)
    with Load(machine, HOST, "nginx, change of scale", ("closed",)):
        for scale in (1, 3, 2):
            define(machine, "hello", text(scale))
            running(machine, scale)
        machine.run("systemctl restart hello@0")
    running(machine, 2)
    said = machine.out("journalctl -b --no-pager -o cat -u hello@1.service -u hello@2.service")
    assert "usage:" not in said and "unset environment" not in said, "what stops for good knows no port any more"


def test_an_instance_enters_and_leaves_without_a_message_bus(machine):
    """It stops with the machine, before the instances; connections to its socket are accepted, and then closed."""
    define(machine, "hello", text(1))
    running(machine, 1)
    try:
        machine.run("systemctl mask --runtime --now dbus.service && systemctl start dbus.socket && systemctl restart hello@0")
        machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="the instance behind nginx")    # running() asks over the bus
        said = machine.out("journalctl -b --no-pager -o cat -u hello@0.service")
        assert "cannot" not in said, said
    finally:
        machine.run("systemctl unmask --runtime dbus.service && systemctl reset-failed dbus.socket; systemctl start dbus.socket dbus.service")


def version(machine) -> str:
    answer = machine.http("http://127.0.0.1/", headers={"Host": HOST})
    return answer.json()["version"] if answer.status == 200 else f"status {answer.status}"


def test_a_rollout_costs_no_request(machine):
    define(machine, "hello", text(2))
    running(machine, 2)
    with Load(machine, HOST, "nginx, rollout", ("closed",)):
        define(machine, "hello", text(2).replace("hello:1", "hello:2"))
        machine.wait(lambda: {version(machine) for _ in range(8)} == {"2"}, what="version 2")
        running(machine, 2)


def test_what_is_open_is_answered_before_a_stop(machine):
    define(machine, "hello", text(2, "stop_timeout: 1s\n", ", timeouts: {drain: 10min}"))
    running(machine, 2)
    requests: list[Held] = []

    def has_each_one() -> bool:
        """nginx chooses an instance at random, so this may need several requests."""
        requests.append(Held(machine, HOST))
        return all(has_request(machine, number) for number in "01")
    machine.wait(has_each_one, what="a request to each instance")
    define(machine, "hello", text(1, "stop_timeout: 1s\n", ", timeouts: {drain: 10min}"))
    machine.wait(lambda: machine.unit("hello@1.service")["ActiveState"] == "deactivating", what="the drain")
    time.sleep(2)       # longer than the stop itself would wait
    assert [request.end() for request in requests] == ["200"] * len(requests)
    running(machine, 1)


def test_large_headers_fail_no_request(machine):
    """nginx's default buffer of 4 KiB made a 502 of each such response, and an application without a server after two."""
    define(machine, "hello", text(2))
    running(machine, 2)
    statuses = [machine.http(f"http://127.0.0.1/header?n={8 << 10}", headers={"Host": HOST}).status for _ in range(2)]
    statuses.append(machine.http("http://127.0.0.1/", headers={"Host": HOST, "Cookie": "a" * (12 << 10)}).status)
    # One that no buffer holds fails alone.
    failed = [machine.http(f"http://127.0.0.1/header?n={20 << 10}", headers={"Host": HOST}).status for _ in range(4)]
    statuses += [machine.http("http://127.0.0.1/", headers={"Host": HOST}).status for _ in range(4)]
    assert (statuses, failed) == ([200] * 7, [502] * 4)


def test_a_drain_ends_at_its_timeout(machine):
    define(machine, "hello", text(1, "stop_timeout: 1s\n", ", timeouts: {drain: 1s}"))
    running(machine, 1)
    request = slow(machine, 60)
    in_flight(machine, "0")
    machine.run("systemctl restart hello@0")
    assert request.communicate()[0] != "200"
    assert " requests still open after 1 s" in machine.journal("hello@0.service")
    running(machine, 1)


def test_a_refused_site_leaves_the_old_one(machine):
    define(machine, "hello", text(1))
    running(machine, 1)
    before = machine.read(f"{SITES}/hello.conf")
    define(machine, "hello", text(1, proxy=", tls: {certificate: /etc/nothing.pem}"))
    machine.wait(lambda: "nginx rejects 'hello.conf'" in machine.journal("pyservice-proxy@*.service"), what="the unit to say so")
    machine.wait(lambda: "failed" in machine.out("systemctl list-units --all 'pyservice-proxy@*.service'"), what="the unit to be shown as failed")
    assert machine.read(f"{SITES}/hello.conf") == before
    # Another scheme is another health request, and so another revision; the spare serves meanwhile.
    machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="the instance to be back")
    machine.run("nginx -t -q")
    define(machine, "hello", text(1))
    running(machine, 1)


def test_nobody_is_blamed_for_what_is_in_place(machine):
    """A certificate goes, and then another application changes."""
    other = text(1).replace(HOST, "other.example.com")
    certify(machine)
    define(machine, "hello", text(1, proxy=", tls: {certificate: /etc/hello.pem}"), reload=False)
    define(machine, "other", other)
    machine.wait(lambda: instances_behind(machine, "other.example.com") == {"other-0"}, what="the other to be served")
    machine.run("mv /etc/hello.pem /etc/away.pem")
    define(machine, "other", other.replace("domains: [", "domains: [more.example.com, "))
    machine.wait(lambda: "nginx rejects the files in place now, so nothing changed" in (said := machine.journal("pyservice-proxy@*.service"))
                 and "/etc/hello.pem" in said, what="the unit to say so, and why")
    assert "nginx rejects 'other.conf'" not in machine.journal("pyservice-proxy@*.service")
    # Its health request has another host, so it is another revision; the spare serves meanwhile.
    machine.wait(lambda: instances_behind(machine, "other.example.com") == {"other-0"}, what="the instance to be back")
    assert "more.example.com" not in machine.read(f"{SITES}/other.conf")
    machine.run("mv /etc/away.pem /etc/hello.pem; systemctl start 'pyservice-proxy@'$(sed -n 's/^Upholds=pyservice-proxy@\\(.*\\).timer/\\1/p' /run/pyservice/alive.conf)")
    machine.wait(lambda: instances_behind(machine, "more.example.com") == {"other-0"}, what="the change")


def test_a_restart_and_a_removal(machine):
    define(machine, "hello", text(1))
    running(machine, 1)
    machine.run("systemctl restart nginx")
    running(machine, 1)
    machine.remove("/etc/pyservice.d/hello.yaml")
    machine.reload()
    machine.wait(f"! test -e {SITES}/hello.conf", what="the site to be gone")
    machine.wait(lambda: not machine.containers(), what="no container")


def test_trusted(machine):
    machine.run(CLIENTS)
    try:
        machine.write("/etc/containers/systemd/both.network", NETWORK)
        define(machine, "shop", APP.replace("proxy: {", "proxy: {kind: nginx, "))
        machine.wait(lambda: ask(machine, IN[0], 80) == "200", what="nginx to serve")
        machine.wait(lambda: [ask(machine, client, 80) for client in IN + OUT] == ["200", "200", "403", "403"], what="who is listed alone to be let in")
    finally:
        machine.run("ip netns del clients")
