# SPDX-License-Identifier: Apache-2.0
"""A front of the administrator's beside the generated one: neither takes a request of the other, or cuts a connection."""

import json
import re
import time

from app import HEALTH, HELLO, define, instances_behind, settle, undefine, wait_for
from machine import Machine
from rolling import App

HAPROXY = "/etc/haproxy/haproxy.cfg"
HOST = "hello.example.com"
OWN = ('frontend own\n\tbind :80\n\thttp-request return status 200 content-type text/plain string "own\\n"'
       " unless { hdr(host) -m end example.com }\n")
APP = HELLO + f"proxy: {{domains: [{HOST}]}}\n"
PROXY_UNIT = "systemctl list-units --all --plain --no-legend 'pyservice-proxy@*.service'"


def reload_haproxy(machine: Machine, more: str) -> None:
    """HAProxy serves by its own configuration, and this; also its sockets are the new worker's."""
    base = machine.read("/usr/share/pyservice/haproxy/haproxy.cfg")
    machine.write(HAPROXY, base + more)
    before = workers(machine)
    machine.run("systemctl reload haproxy")
    machine.wait(lambda: workers(machine) not in ([], before), what="the worker after the reload")


def proxy_again(machine: Machine) -> bool:
    """As the timer does after a failure. True where it went well."""
    name = machine.out(PROXY_UNIT).split()[0]
    return machine.ok(["systemctl", "restart", name])


def test_a_frontend_that_is_there_already(machine):
    """HAProxy takes two frontends on one port, and the kernel gives each half of the connections."""
    reload_haproxy(machine, OWN)
    line = len(machine.read(HAPROXY).splitlines()) - 1
    taken = f"{HAPROXY}:{line}: bind :80"
    try:
        define(machine, "hello", APP)
        machine.wait(lambda: "failed" in machine.out(PROXY_UNIT), what="the unit to fail")
        assert taken in machine.journal("pyservice-proxy@*.service")
        # HAProxy's worker before the reload may still answer.
        machine.wait(lambda: {machine.http("http://127.0.0.1/").text for _ in range(20)} == {"own\n"}, what="the administrator's frontend alone")
        assert 'backend "hello"' in machine.read("/run/pyservice/haproxy/10_backend_hello.cfg"), "a frontend of one's own may name it"

        doctor = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
        advice = next(f["advice"] for check in doctor["checks"] if check["check"] == "front" for f in check["findings"])
        paste = advice.partition("paste this line into 'frontend own': ")[2]
        for verb in ("check", "plan"):
            said = machine.run(["pyservicectl", verb], check=False)
            assert taken in said.stdout + said.stderr and paste in said.stdout + said.stderr
            assert "http_port" in said.stdout + said.stderr

        # The line as it is printed.
        wait_for(machine, "hello", 1)
        reload_haproxy(machine, f"{OWN}\t{paste}\n")
        assert proxy_again(machine)
        machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="the application behind the administrator's frontend")
        assert machine.http("http://127.0.0.1/").text == "own\n"
        assert "[front-taken]" not in machine.run("pyservicectl check", check=False).stderr

        # What it serves over HTTPS is for another host.
        machine.run("openssl req -x509 -newkey rsa:2048 -nodes -days 99 -subj /CN=own -addext subjectAltName=DNS:own.example.org -keyout /run/k -out /run/c 2>&1"
                    " && cat /run/c /run/k >/etc/own.pem")
        reload_haproxy(machine, f"{OWN}\tbind :443 ssl crt /etc/own.pem\n\t{paste}\n")
        def certificates() -> list[str]:
            doctor = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
            return [f["text"] for check in doctor["checks"] if check["check"] == "certificates" for f in check["findings"]]

        machine.wait(lambda: certificates() == [f"no certificate of HAProxy names {HOST}, only own.example.org"],
                     what=lambda: f"doctor to miss a certificate: {certificates()}")

        # Other ports.
        reload_haproxy(machine, OWN)
        machine.write("/etc/pyservice/host.yaml", "haproxy: {http_port: 8081}\n")
        machine.reload()
        machine.wait(lambda: instances_behind(machine, HOST, url="http://127.0.0.1:8081") == {"hello-0"}, what="the generated frontend")
        assert {machine.http("http://127.0.0.1/").text for _ in range(8)} == {"own\n"}

        # Gone again: the generated frontend comes back where it was.
        machine.remove("/etc/pyservice/host.yaml")
        reload_haproxy(machine, "")
        machine.reload()
        machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="the generated frontend at its own port")
    finally:
        reload_haproxy(machine, "")
        machine.run("rm -f /etc/own.pem")


def test_a_reload_that_takes_long_is_no_failure(machine):
    """On a busy machine HAProxy may have a new worker only many seconds after it was told to reload."""
    define(machine, "hello", APP)
    machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="hello behind HAProxy")
    settle(machine)
    master, done = machine.out("systemctl show -P MainPID haproxy"), machine.journal("haproxy.service").count("Reloaded haproxy")
    machine.run(["kill", "-STOP", master])
    try:
        define(machine, "other", HELLO + "proxy: {domains: [other.example.com]}\n")
        machine.wait(lambda: machine.journal("haproxy.service").count("Reloaded haproxy") > done, what="HAProxy to be told to reload")
        stopped = time.monotonic()
        machine.wait(lambda: time.monotonic() - stopped > 7, what="longer than a reload takes")
    finally:
        machine.run(["kill", "-CONT", master])
    machine.wait(lambda: instances_behind(machine, "other.example.com") == {"other-0"}, what="other behind HAProxy")
    settle(machine)
    assert "could not be reloaded" not in machine.journal("pyservice-proxy@*")


def test_an_application_without_domains_needs_no_frontend(machine):
    reload_haproxy(machine, OWN)
    try:
        define(machine, "hello", HELLO + "proxy: {}\n")
        machine.wait("test -e /run/pyservice/haproxy/10_backend_hello.cfg")
        reload_haproxy(machine, OWN + "\tdefault_backend hello\n")
        machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="the application")
        machine.wait(lambda: machine.out("systemctl --failed --plain --no-legend") == "", what="no failed unit")
    finally:
        reload_haproxy(machine, "")


def test_a_frontend_for_connections(machine):
    """check prints the lines of it. HAProxy accepts them also when the application is gone."""
    define(machine, "hello", HELLO + "proxy: {mode: tcp}\n")
    first, *lines = re.findall("'((?:frontend|mode|bind|use_backend) [^']*)'", machine.run("pyservicectl check").stderr)
    assert first == "frontend hello" and "bind :8000" in lines, lines
    try:
        reload_haproxy(machine, "\n\t".join([first, *lines]) + "\n")
        machine.wait("curl -fsS --max-time 20 http://127.0.0.1:8000/", what="an answer through the frontend")
        assert machine.run("pyservicectl check").stderr == ""
        undefine(machine, "hello")
        machine.wait(lambda: not machine.exists("/run/pyservice/haproxy/10_backend_hello.cfg"), what="the backend to go")
        machine.wait(f"haproxy -c -q -f {HAPROXY} -f /run/pyservice/haproxy", what="HAProxy to accept what is left")
    finally:
        reload_haproxy(machine, "")


def connections(version: int) -> str:
    return (f"image: localhost/hello:{version}\nservices:\n  - {{name: web, port: 8000, scale: 2, {HEALTH.strip()},\n"
            "     proxy: {mode: tcp, listen: 5432, timeouts: {drain: 1min}}}\n")


# A connection after the other until /run/connect.end exists: what failed, and the number so far.
CONNECT_ON = """
n=0
while [ ! -e /run/connect.end ]; do
    curl -fsS --max-time 60 http://127.0.0.1:5432/ >/dev/null 2>>/run/connect.failed || echo "attempt $n" >>/run/connect.failed
    n=$((n + 1))
    echo $n >/run/connect.new && mv /run/connect.new /run/connect.count
done
"""


def test_a_listener_for_connections(machine):
    """Every attempt to connect succeeds over a rollout and a reload."""
    app = App(machine)
    machine.run("rm -f /run/connect.*")
    define(machine, "hello", connections(1))
    wait_for(machine, "hello-web", 2)
    machine.wait("curl -fsS --max-time 60 http://127.0.0.1:5432/", what="an answer through HAProxy")
    assert machine.ok("curl -fsS --max-time 60 'http://[::1]:5432/'") == machine.exists("/proc/net/if_inet6")
    assert machine.run("pyservicectl check").stderr == ""

    def attempts() -> int:
        return int(machine.read("/run/connect.count"))

    client = machine.popen(CONNECT_ON)
    try:
        machine.wait(lambda: attempts() > 20, what="the client to connect")
        machine.wait(app.is_done, what="the first rollout")
        accepted = app.accepted()
        define(machine, "hello", connections(2))
        machine.wait(lambda: app.is_done() and app.accepted() != accepted, what="the rollout")
        wait_for(machine, "hello-web", 2)
        machine.run("systemctl reload haproxy")
        before = attempts()
        machine.wait(lambda: attempts() > before + 20, what="the client to connect after the reload")
        assert client.poll() is None
    finally:
        machine.write("/run/connect.end", "")
        client.wait()
    assert machine.read("/run/connect.failed") == ""

    # Nothing listens when the application is gone.
    undefine(machine, "hello")
    machine.wait("! curl -sS --max-time 5 http://127.0.0.1:5432/", what="the listener to go")


def test_a_port_of_another_program(machine):
    """HAProxy would not start with it, so it is left out, and the other applications do not notice."""
    machine.run("systemd-run --quiet --collect --unit=thief socat TCP-LISTEN:853,fork,reuseaddr EXEC:cat")
    machine.wait("ss -ltn | grep -q :853", what="the other program to listen")
    try:
        define(machine, "hello", connections(1).replace("5432", "853"))
        define(machine, "other", APP.replace(HOST, "other.example.com"))
        machine.wait(lambda: "could not listen on '853'" in machine.journal("pyservice-proxy@*.service"), what="the reason")
        machine.wait(lambda: instances_behind(machine, "other.example.com") == {"other-0"}, what="the other application")
        assert "[front-taken]" in machine.run("pyservicectl check", check=False).stderr
        machine.run("systemctl restart haproxy")
    finally:
        machine.run("systemctl stop thief")
    assert proxy_again(machine)
    machine.wait("curl -fsS --max-time 20 http://127.0.0.1:853/", what="an answer through HAProxy")

    # Its own port is free for it.
    assert proxy_again(machine)
    assert "[front-taken]" not in machine.run("pyservicectl check", check=False).stderr
    assert machine.exists("/run/pyservice/haproxy/20_frontend_pyservice_tcp.cfg")
    undefine(machine, "other")
    undefine(machine, "hello")


def test_proxies_in_front_of_the_machine(machine):
    """The application's view; tests/program/test_front.py has the rules."""
    machine.write("/etc/pyservice/host.yaml", "front: {trusted_proxies: [127.0.0.2, /etc/cdn.list]}\n")
    machine.write("/etc/cdn.list", "# the CDN\n127.0.0.8/29\n")

    def seen(source: str) -> set[str]:
        """The headers that the application gets; none if it gets no request."""
        done = machine.run(["curl", "-fsS", "--interface", source, "--max-time", "20", "-H", f"Host: {HOST}", "-H", "X-Forwarded-For: 192.0.2.7",
                            "-H", "X-Forwarded-Proto: https", "http://127.0.0.1/"], check=False)
        headers = dict(json.loads(done.stdout, object_pairs_hook=list))["headers"] if done.returncode == 0 else []
        return {f"{name[12:]}: {value}" for name, value in headers if name.startswith("x-forwarded-")}

    def kept(proxy: str) -> set[str]:
        return {f"host: {HOST}", "for: 192.0.2.7", f"for: {proxy}", "proto: https", "port: 443"}

    own = {f"host: {HOST}", "for: 127.0.0.1", "proto: http", "port: 80"}
    define(machine, "hello", "network: podman\n" + APP)
    machine.wait(lambda: [seen(source) for source in ("127.0.0.1", "127.0.0.2", "127.0.0.9")] == [own, kept("127.0.0.2"), kept("127.0.0.9")],
                 what=lambda: f"the views: {seen('127.0.0.1')}, {seen('127.0.0.2')}")

    # The client is the one that the application trusts, or not.
    define(machine, "hello", "network: podman\ntrusted: [192.0.2.7]\n" + APP)
    machine.wait(lambda: (seen("127.0.0.1"), seen("127.0.0.2")) == (set(), kept("127.0.0.2")), what=lambda: f"the views: {seen('127.0.0.1')}, {seen('127.0.0.2')}")


def ask_haproxy(machine: Machine, path: str, command: str) -> str:
    """socat itself would wait half a second for the answer."""
    return machine.run(["socat", "-t", "60", "-", path], input=command).stdout


def workers(machine: Machine) -> list[str]:
    """The processes of HAProxy that serve: a reload has another one. Those from before it end when their connections do."""
    # While it reloads, nobody can connect to it.
    said = machine.wait(lambda: ask_haproxy(machine, "/run/haproxy-master.sock", "show proc\n"), what="HAProxy's master")
    text = said.partition("# workers")[2].partition("# old workers")[0]
    return sorted(line.split()[0] for line in text.splitlines() if " worker " in line)


def ready_servers(machine: Machine) -> set[str]:
    text = ask_haproxy(machine, "/run/haproxy/admin.sock", "show stat other 4 -1\n")
    return {line.split(",")[1] for line in text.splitlines() if ",UP" in line}


def test_servers_that_speak_http2_only(machine):
    """As gRPC's do. The server is a HAProxy that refuses HTTP/1.1 and answers with the version that it was asked with."""
    machine.write("/srv/h2/h2.cfg", """
defaults
    mode http
    timeout client 5s
frontend h2
    bind :8000 proto h2
    http-request return status 200 content-type text/plain lf-string "%[req.ver]"
""")
    define(machine, "grpc", """
image: localhost/haproxy:1
port: 8000
entrypoint: [haproxy, -db, -f, /srv/h2.cfg]
volumes: ["/srv/h2:/srv:ro"]
rollout: {min_ready: 1s}
proxy: {domains: grpc.example.com, protocol: h2}
""")
    wait_for(machine, "grpc", 1)
    ask = "curl -fsS --max-time 20 -w ' %{http_version}' -H 'Host: grpc.example.com' http://127.0.0.1/"
    for options, answer in ("", "2.0 1.1"), (" --http2-prior-knowledge", "2.0 2"):
        assert machine.wait(lambda options=options: machine.out(ask + options), what="an answer") == answer


def test_a_stream_outlives_changes_of_another_application(machine):
    """Neither a scale nor a rollout of the other is a change of HAProxy's configuration."""
    def other(scale: int, version: int) -> None:
        define(machine, "other", HELLO + f"env: {{V: '{version}'}}\nscale: {scale}\nproxy: {{domains: [other.example.com]}}\n")

    define(machine, "hello", APP, reload=False)
    other(1, 0)
    for name, host in (("hello", HOST), ("other", "other.example.com")):
        machine.wait(lambda: instances_behind(machine, host) == {f"{name}-0"}, what=f"{name} behind HAProxy")
    before = workers(machine)
    stream = machine.popen(f"exec curl -sN -H 'Host: {HOST}' -o /run/stream http://127.0.0.1/stream")
    try:
        machine.wait("test -s /run/stream")
        for i, scale in enumerate((3, 1, 2, 1, 3, 1, 2, 3)):
            other(scale, i // 6)
            wait_for(machine, "other", scale)
        machine.wait("grep -qsx 'phase done' /run/pyservice/rollouts/other")
        wait_for(machine, "other", 3)
        machine.wait(lambda: ready_servers(machine) == {f"other-{i}" for i in range(3)}, what="its servers to be ready")
        size = int(machine.out("stat -c %s /run/stream"))
        machine.wait(lambda: int(machine.out("stat -c %s /run/stream")) > size, what="the stream to go on")
        assert stream.poll() is None and workers(machine) == before
    finally:
        stream.kill()
        machine.run("pkill -x curl", check=False)

    # What is in the files is what runs.
    for verb in ("reload", "restart"):
        machine.run(["systemctl", verb, "haproxy"])
        machine.wait(lambda: ready_servers(machine) == {f"other-{i}" for i in range(3)}, what=f"the same servers after a {verb}")


def test_a_renewed_certificate_is_served(machine):
    """By every connection from then on, and without a reload."""
    def renew(name: str, days: int) -> None:
        # In one step: from another file system it would be a copy.
        machine.run(f"openssl req -x509 -newkey rsa:2048 -nodes -days {days} -subj /CN={name} -addext subjectAltName=DNS:{HOST} -keyout /run/k -out /run/c 2>&1"
                    " && (umask 077 && cat /run/c /run/k >/etc/hello-1.new) && mv /etc/hello-1.new /etc/hello-1.pem")

    def served() -> str:
        command = f"openssl s_client -connect 127.0.0.1:443 -servername {HOST} </dev/null 2>/dev/null"
        return machine.run(f"{command} | openssl x509 -noout -subject", check=False).stdout.strip()

    def check() -> dict:
        answer = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
        return next(check for check in answer["checks"] if check["check"] == "certificates")

    machine.write("/etc/hello-1.pem", "")       # it goes when the test is over
    renew("first", 9)
    define(machine, "hello", HELLO + f"proxy: {{domains: [{HOST}], tls: {{certificate: /etc/hello-1.pem}}}}\n")
    machine.wait(lambda: served().endswith("first"), what="the first certificate")
    wait_for(machine, "hello", 1)
    before = workers(machine)
    assert check()["level"] == "warning", "it expires soon"
    renew("second", 99)
    machine.wait(lambda: served().endswith("second"), what="the second certificate")
    assert workers(machine) == before
    settle(machine)     # nothing that the change of the file began goes on
    machine.wait(lambda: check()["level"] == "good", what=lambda: f"doctor to be content: {check()}")

    # HAProxy has another one, whoever gave it that.
    machine.run("openssl req -x509 -newkey rsa:2048 -nodes -days 99 -subj /CN=third -keyout /run/k -out /run/c 2>&1")
    for command in (f"set ssl cert /etc/hello-1.pem <<\n{machine.read('/run/c')}{machine.read('/run/k')}\n", "commit ssl cert /etc/hello-1.pem\n"):
        ask_haproxy(machine, "/run/haproxy/admin.sock", command)
    assert served().endswith("third")
    told = check()
    assert told["level"] == "bad" and "HAProxy does not serve the certificate in /etc/hello-1.pem" in told["findings"][0]["text"]
    machine.run(told["findings"][0]["advice"])
    assert served().endswith("second") and check()["level"] == "good"


def test_hard_stop_is_compared_with_the_drains(machine):
    define(machine, "hello", HELLO + f"proxy: {{domains: [{HOST}], timeouts: {{drain: 10min}}}}\n", reload=False)
    assert "[hard-stop]" not in machine.run("pyservicectl check", check=False).stderr, "by the base configuration as it is installed"
    machine.write(HAPROXY, machine.read(HAPROXY).replace("hard-stop-after 1d", "hard-stop-after 5m"))
    said = machine.run("pyservicectl check", check=False).stderr
    assert "hard-stop-after 5m" in said and "/etc/pyservice.d/hello.yaml:" in said
    doctor = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)
    assert [check["level"] for check in doctor["checks"] if check["check"] == "hard-stop"] == ["warning"]


def test_maintenance(machine):
    """Without a reload, and over what HAProxy reads again: the first answer of each worker is the page."""
    page = "<!DOCTYPE html>\n<title a=\"b\">100% 'Käse' & more: \\ ; # + ?</title>\n<p>$HOME %[path] <<\n"

    def answer():
        return machine.http("http://127.0.0.1/", headers={"Host": HOST})

    def is_closed() -> bool:
        """False if no HAProxy listens yet."""
        got = answer()
        assert got.status in (0, 503) and (got.status == 0 or "Maintenance" in got.text), got
        return got.status == 503

    define(machine, "hello", APP)
    machine.wait(lambda: instances_behind(machine, HOST) == {"hello-0"}, what="hello behind HAProxy")
    settle(machine)     # nothing reloads HAProxy any more
    before = workers(machine)
    machine.write("/srv/page.html", page)
    machine.run("pyservicectl maintenance --page=/srv/page.html --retry-after=2min hello")
    got = answer()
    assert (got.status, got.headers["retry-after"], got.text) == (503, "120", page.replace("\n", " "))
    machine.run("pyservicectl maintenance hello")
    assert answer().headers["retry-after"] == "600" and is_closed() and workers(machine) == before
    told = machine.wait(lambda: json.loads(machine.run("pyservicectl status --json hello").stdout), what="hello to be as declared")
    assert told["maintenance"] is True and "in maintenance since" in told["note"]
    doctor = json.loads(machine.run("pyservicectl doctor --json hello", check=False).stdout)
    assert [f["advice"] for check in doctor["checks"] for f in check["findings"] if "is in maintenance since" in f["text"]] == ["pyservicectl maintenance --off hello"]

    for verb in ("reload", "restart"):
        machine.run(["systemctl", verb, "haproxy"])
        machine.wait(is_closed, what=f"the page after a {verb}")
    define(machine, "other", HELLO + "proxy: {domains: [other.example.com]}\n")
    machine.wait(lambda: is_closed() and instances_behind(machine, "other.example.com") == {"other-0"}, what="another application beside it")

    settle(machine)
    before = workers(machine)
    machine.run("pyservicectl maintenance --off hello")
    # The checks of a busy machine may fail for a moment.
    machine.wait(lambda: answer().status == 200, what="an answer of hello")
    assert workers(machine) == before
    machine.run("pyservicectl stop hello")
    got = answer()
    assert got.status == 503 and "The administrator stopped it." in got.text and got.headers["retry-after"] == "10"
    machine.run("pyservicectl start hello")
    machine.wait(lambda: answer().status == 200, what="an answer after the start")
    assert workers(machine) == before


def test_pages_of_the_administrator(machine):
    """A reload reads the files again."""
    def answer(host: str) -> tuple[int, str]:
        got = machine.http("http://127.0.0.1/", headers={"Host": host})
        return got.status, got.text

    machine.write("/etc/pyservice/host.yaml", "haproxy: {errors: {404: /etc/pyservice/404.html}}\n")
    machine.write("/etc/pyservice/404.html", "first\n")
    machine.write("/etc/pyservice/503.html", "%[path] is away\n")
    try:
        define(machine, "hello", HELLO + f"scale: 0\nproxy: {{domains: [{HOST}], errors: {{503: /etc/pyservice/503.html}}}}\n")
        machine.wait(lambda: (answer(HOST), answer("example.org")) == ((503, "%[path] is away\n"), (404, "first\n")), what="both pages")
        machine.write("/etc/pyservice/404.html", "second\n")
        machine.reload()
        machine.wait(lambda: answer("example.org") == (404, "second\n"), what="the other page")
        machine.remove("/etc/pyservice/503.html")
        machine.reload()
        assert answer(HOST) == (503, "%[path] is away\n"), "a definition with an error takes no effect"
        assert "the page '/etc/pyservice/503.html' cannot be used: No such file" in machine.run("pyservicectl check", check=False).stderr
    finally:
        machine.run("rm -f /etc/pyservice/host.yaml /etc/pyservice/404.html /etc/pyservice/503.html")
