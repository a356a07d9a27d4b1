# SPDX-License-Identifier: Apache-2.0
"""Certificates of `tls: auto`, from Let's Encrypt's test server (pebble) on the machine itself."""

import json

import pytest

from app import HELLO, define, wait_for
from test_front import workers

HOST = "shop.example.com"
REFUSED = "refused.example.com"
UNIT = f"pyservice-acme@{HOST}.service"
STATE = "/var/lib/pyservice/.acme"
PEM = f"{STATE}/certificates/{HOST}.pem"
CONFIG = {"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
                     "certificate": "/root/pebble/pem", "privateKey": "/root/pebble/key",
                     "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "domainBlocklist": [REFUSED]}}
PEBBLE = ("systemd-run --quiet --collect --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0"
          " pebble -config /root/pebble/config.json")
OWN = "{acme: {directory: 'https://localhost:14000/dir', email: ops@example.com}, hsts: 5min}"
TRUST = "update-ca-certificates >/dev/null 2>&1"
MAKE_KEY = ("openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=pebble -addext subjectAltName=DNS:localhost"
            " -keyout /root/pebble/key -out /root/pebble/pem 2>&1 && cp /root/pebble/pem /usr/local/share/ca-certificates/pebble.crt && ")
# A certificate of 90 days, of which 20 are left. It appears in one step, as pyservice-acme has it: a move from /run would be a copy.
OLD = (f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=old -addext subjectAltName=DNS:{HOST} -keyout /run/key -out /run/certificate"
       " -not_before $(date -u -d -70days +%y%m%d000000Z) -not_after $(date -u -d +20days +%y%m%d000000Z) 2>&1"
       f" && (umask 077 && cat /run/certificate /run/key >{STATE}/new) && mv {STATE}/new {PEM}")
LOAD = f"""
n=0 failed=0
while [ ! -e /run/load/stop ]; do
    n=$((n + 1))
    curl --silent --fail --insecure --output /dev/null --connect-to {HOST}:443:127.0.0.1:443 https://{HOST}/ || failed=$((failed + 1))
    echo $n $failed >/run/load/new && mv /run/load/new /run/load/count
done
"""


@pytest.fixture
def authority(machine):
    """It trusts nobody's word: it requests each challenge from HAProxy on port 80."""
    for path in ("/root/pebble/key", "/root/pebble/pem", "/usr/local/share/ca-certificates/pebble.crt", "/run/load/script"):
        machine.write(path, LOAD)
    machine.write("/root/pebble/config.json", json.dumps(CONFIG))
    machine.write("/etc/hosts", f"127.0.0.1 localhost {HOST} {REFUSED}\n")
    machine.write("/etc/pyservice/host.yaml", "acme: {directory: 'https://localhost:14000/dir'}\n")
    machine.run(MAKE_KEY + TRUST)
    yield
    machine.run(f"systemctl stop pebble; rm -rf /run/load /usr/local/share/ca-certificates/pebble.crt; {TRUST}", check=False)


def start_authority(machine) -> None:
    machine.run(PEBBLE)
    machine.wait("curl --silent https://localhost:14000/dir", what="the authority")


def define_app(machine, *domains: str, tls: str = "auto") -> None:
    define(machine, "shop", HELLO + f"proxy: {{domains: [{', '.join(domains)}], tls: {tls}}}\n")


def issuer(machine, host: str = HOST) -> str:
    """Of the certificate that HAProxy serves."""
    command = f"openssl s_client -connect 127.0.0.1:443 -servername {host} </dev/null 2>/dev/null | openssl x509 -noout -issuer"
    return machine.run(command, check=False).stdout.strip().removeprefix("issuer=CN=")


def has_hsts(machine, scheme: str) -> bool:
    port = {"http": 80, "https": 443}[scheme]
    command = f"curl --silent --insecure --dump-header - --output /dev/null --connect-to {HOST}:{port}:127.0.0.1:{port} {scheme}://{HOST}/"
    return "strict-transport-security: max-age=300" in machine.out(command).lower().splitlines()


def is_issued(machine) -> bool:
    return issuer(machine).startswith("Pebble")


def wait_for_orders(machine, n: int) -> None:
    """The authority has received that many since it started, also those that it refused."""
    machine.wait(lambda: machine.journal("pebble.service").count("POST /order-plz") == n, what=f"{n} orders")


def finding(machine) -> tuple[str, str]:
    answer = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
    check = next(check for check in answer["checks"] if check["check"] == "certificates")
    return check["level"], " ".join(f["text"] for f in check["findings"])


def test_a_certificate_comes_once_and_is_renewed_under_load(machine, authority):
    """From the authority of the definition; nothing listens at that of host.yaml."""
    start_authority(machine)
    machine.write("/etc/pyservice/host.yaml", "acme: {directory: 'https://localhost:1/dir', email: nobody@example.com}\n")
    define_app(machine, HOST, tls=OWN)
    machine.wait(lambda: is_issued(machine), what="the first certificate")
    wait_for(machine, "shop", 1)
    assert has_hsts(machine, "https") and not has_hsts(machine, "http")
    assert machine.out(f"stat -c %a {PEM} {STATE}/uacme/private {STATE}/uacme/private/key.pem").split() == ["600", "700", "600"]
    machine.wait(lambda: finding(machine) == ("good", ""), what=lambda: f"the order to be noted: {finding(machine)}")

    machine.run("for i in $(seq 50); do systemctl daemon-reload; done")
    machine.run(["systemctl", "start", UNIT])
    wait_for_orders(machine, 1)

    before = workers(machine)
    machine.run(OLD)
    machine.wait(lambda: issuer(machine) == "old", what="the certificate that is to be renewed")
    machine.run("systemd-run --quiet --collect --unit=load sh /run/load/script")
    machine.wait("test -s /run/load/count", what="the clients")
    machine.run(["systemctl", "start", UNIT])
    machine.wait(lambda: is_issued(machine), what="the renewed certificate")
    machine.wait(lambda: int(machine.read("/run/load/count").split()[0]) > 5, what="enough requests")
    machine.run("touch /run/load/stop")
    machine.wait(lambda: not machine.is_active("load.service"), what="the clients to end")
    assert machine.read("/run/load/count").split()[1] == "0"
    assert workers(machine) == before, "a reload makes HAProxy another one"
    wait_for_orders(machine, 2)
    assert "email is already up to date" in machine.journal(UNIT), "the account has the address"

    # The authority refuses a second domain: the first one keeps its certificate, and the order is not repeated for hours.
    define_app(machine, HOST, REFUSED, tls=OWN)
    unit = f"pyservice-acme@{REFUSED}.service"
    machine.wait(lambda: machine.unit(unit)["Result"] == "exit-code", what="the order to fail")
    level, text = finding(machine)
    assert level == "bad" and f"no certificate was issued for {REFUSED}: the certificate authority refused it: " in text
    assert is_issued(machine)
    later = f"TRIGGER_TIMER_REALTIME_USEC=$(date -d +15min +%s)000000 /usr/libexec/pyservice/pyservice-acme {REFUSED}"
    said = machine.run(later, check=False)
    assert said.returncode == 1 and "six hours" in said.stderr
    assert not machine.ok(["systemctl", "start", unit]), "by hand it is ordered at once"
    wait_for_orders(machine, 4)


def test_without_an_authority_the_front_serves_what_it_has(machine, authority):
    define_app(machine, HOST)
    machine.wait(lambda: machine.unit(UNIT)["Result"] == "exit-code", what="the order to fail")
    wait_for(machine, "shop", 1)
    machine.wait(lambda: issuer(machine) == "self-signed until one is issued", what="the self-signed certificate")
    level, text = finding(machine)
    assert level == "bad" and f"no certificate was issued for {HOST}: the certificate authority at https://localhost:14000/dir cannot be reached" in text

    start_authority(machine)
    machine.run(["systemctl", "start", UNIT])
    machine.wait(lambda: is_issued(machine), what="the first certificate")
    machine.run("systemctl stop pebble")
    machine.run(OLD)
    assert not machine.ok(["systemctl", "start", UNIT])
    machine.wait(lambda: issuer(machine) == "old", what="the certificate that is there")
    level, text = finding(machine)
    assert level == "warning" and "cannot be renewed: the certificate authority at https://localhost:14000/dir cannot be reached" in text
    assert f"no new certificate for {HOST}: the certificate authority" in machine.out("pyservicectl status shop")
