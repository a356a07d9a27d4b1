# SPDX-License-Identifier: Apache-2.0
"""Pages of the front while an application cannot answer: what a client receives from HAProxy, with the files that pyservice-proxy writes."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

PROXY, PYSERVICECTL = os.environ["PYSERVICE_PROXY"], os.environ["PYSERVICECTL"]
pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
HOST = "shop.example.com"
SHOP = f"image: localhost/shop:1\nport: 8000\nproxy: {{domains: [{HOST}]"
BASE = """\
global
	stats socket {root}/admin.sock level admin
defaults
	mode http
	timeout connect 3s
	timeout client 1m
	timeout server 1m
	timeout queue 1m
"""


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("front")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Front:
    """HAProxy, with our files of the applications below a root; it listens at sockets there instead of at ports."""

    def __init__(self, root):
        self.root, self.process = root, None
        self.files = root / "run/pyservice/haproxy"

    def publish(self, name, text, files=None):
        """Writes the definition, and its files for HAProxy as the generator does; `files` by their paths below the root."""
        for path, content in (files or {}).items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content.encode())
        definition = self.root / f"etc/pyservice.d/{name}.yaml"
        definition.parent.mkdir(parents=True, exist_ok=True)
        definition.write_text(text)
        shutil.rmtree(self.root / "out", ignore_errors=True)
        run(PYSERVICECTL, "render", f"--root={self.root}", f"--output={self.root}/out")
        shutil.rmtree(self.root / "run/pyservice/apps", ignore_errors=True)
        shutil.copytree(self.root / "out", self.root / "run/pyservice/apps")
        (self.root / "run/pyservice/alive.conf").write_text(f"[Unit]\nUpholds={name}.target\n")
        for app in (self.root / "out").iterdir():
            (self.root / "var/lib/pyservice" / app.name).mkdir(parents=True, exist_ok=True)
        apps = [app.name for app in (self.root / "out").iterdir() if (app / "haproxy").exists()]
        (self.root / "run/pyservice/proxy").write_text("".join(f"{app}\n" for app in sorted(apps)))
        run(PROXY, f"--root={self.root}", "x")

    def ctl(self, *words, status=0):
        done = subprocess.run([PYSERVICECTL, f"--root={self.root}", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    def restart(self):
        self.stop()
        shutil.rmtree(self.root / "haproxy")
        self.start()

    def start(self, port=0, more=""):
        """`port`: where the instances listen; `more`: lines of `defaults`."""
        directory = self.root / "haproxy"
        directory.mkdir()
        (directory / "00_base.cfg").write_text(BASE.format(root=self.root) + more)
        for file in self.files.iterdir():
            text = file.read_text().replace("/run/pyservice/", f"{self.root}/run/pyservice/").replace(str(self.files), str(directory))
            text = re.sub(r"bind :80$", f"bind unix@{self.root}/front.sock", text, flags=re.M)
            text = re.sub(r"bind :::80 v6only\n", "\n", text)
            (directory / file.name).write_text(re.sub(r'127\.0\.0\.1:\d+"', f'127.0.0.1:{port}"', text) if port else text)
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(directory)])
        while self.process.poll() is None and not self.tell("show info"):
            pass
        assert self.process.poll() is None

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def tell(self, command):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.root / "admin.sock"))
                s.sendall(command.encode() + b"\n")
                return s.makefile().read()
        except OSError:
            return ""

    def ask(self, host=HOST, path="/"):
        connection = Unix(self.root / "front.sock")
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


@pytest.fixture
def front(tmp_path):
    front = Front(tmp_path)
    yield front
    front.stop()


@pytest.fixture
def silent():
    """A server that takes requests and answers none; its port, and the event of the first request."""
    server, taken, kept = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            kept.append(connection)
            threading.Thread(target=lambda c: c.recv(1) and taken.set(), args=[connection]).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1], taken
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    server.close()
    for connection in kept:
        connection.close()


def is_page(answer, status, *words):
    got, headers, body = answer
    assert got == status and all(word in body for word in words), answer
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert body.startswith("<!DOCTYPE html>\n") and "%" not in body and HOST not in body


def test_no_instance_is_ready_and_an_unknown_host(front):
    front.publish("shop", SHOP + "}\n")
    front.start()
    answer = front.ask()
    is_page(answer, 503, "<h1>Service unavailable</h1>", "No instance of the application is ready")
    assert answer[1]["retry-after"] == "10" and answer[1]["cache-control"] == "no-store"
    is_page(front.ask("<b>.example.com", "/<script>"), 404, "<h1>Not found</h1>", "No application is configured for this host.")


def test_a_stopped_application(front):
    """The page names the reason, until the start; a stop of one part is none of the application."""
    front.publish("shop", SHOP + "}\n")
    closed = front.files / "pyservice-closed.map"
    rest = {file.name: file.read_text() for file in front.files.iterdir() if file != closed}
    front.ctl("stop", "shop@0")
    assert closed.read_text().splitlines()[1:] == []
    front.ctl("stop", "shop")
    assert closed.read_text().splitlines()[1:] == ["shop stopped"]
    # The next run of pyservice-proxy has nothing to do.
    before = closed.stat().st_ino
    run(PROXY, f"--root={front.root}", "x")
    assert closed.stat().st_ino == before and {file.name: file.read_text() for file in front.files.iterdir() if file != closed} == rest
    front.start()
    answer = front.ask()
    is_page(answer, 503, "No instance of the application is ready right now. The administrator stopped it.")
    assert answer[1]["retry-after"] == "10"
    front.ctl("start", "shop")
    assert closed.read_text().splitlines()[1:] == []
    front.restart()
    assert "stopped" not in front.ask()[2]


def test_the_queue_is_full(front, silent):
    """The second request waits for the first, which gets no answer."""
    port, taken = silent
    front.publish("shop", SHOP + ", maxconn: 1, timeouts: {queue: 1s}}\n")
    front.start(port)
    front.tell("set server shop/shop-0 health up; set server shop/shop-0 state ready")
    first = Unix(front.root / "front.sock")
    first.request("GET", "/", headers={"Host": HOST})
    taken.wait()
    answer = front.ask()
    first.close()
    is_page(answer, 503, "All instances of the application are busy")
    assert answer[1]["retry-after"] == "10"


def test_pages_of_ones_own(front):
    """The application's before the machine's, byte by byte, also if `defaults` has an errorfile, as Debian's configuration does."""
    odd = '<p title="a\\b $HOME">%[path] \\x41 \'{{ app }}\'\r\n# Käse; \tend\n'
    (front.root / "default.http").write_text("HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\nthe default\n")
    front.publish("shop", "image: localhost/shop:1\nservices:\n" + "".join(
        f"  - {{name: {name}, port: 8000, proxy: {{domains: [{name}.example.com]{more}}}}}\n" for name, more in
        (("shop", ", errors: {503: /etc/pyservice/shop.html}"), ("large", ", errors: {503: /etc/pyservice/large.html}"), ("plain", ""))), {
            "etc/pyservice/host.yaml": "haproxy: {errors: {404: /etc/pyservice/404.txt, 503: /etc/pyservice/503.json}}\n", "etc/pyservice/404.txt": "Nobody here.\n",
            "etc/pyservice/503.json": '{"retry": true}\n', "etc/pyservice/shop.html": odd, "etc/pyservice/large.html": "x" * 14336})
    front.start(more=f"\terrorfile 503 {front.root}/default.http\n")
    told = {name: front.ask(f"{name}.example.com") for name in ("shop", "large", "plain", "unknown")}
    assert {name: (status, headers["content-type"], headers.get("retry-after"), body) for name, (status, headers, body) in told.items()} == {
        "shop": (503, "text/html; charset=utf-8", "10", odd), "large": (503, "text/html; charset=utf-8", "10", "x" * 14336),
        "plain": (503, "application/json", "10", '{"retry": true}\n'), "unknown": (404, "text/plain; charset=utf-8", None, "Nobody here.\n")}

    # Another page for hosts that no backend is for is also put in place.
    before = (front.files / "20_frontend_pyservice.cfg").read_text()
    (front.root / "etc/pyservice/404.txt").write_text("Still nobody.\n")
    front.publish("shop", SHOP + "}\n")
    assert "Still" in (front.files / "20_frontend_pyservice.cfg").read_text() and "Still" not in before
    (front.root / "etc/pyservice/404.txt").unlink()
    done = subprocess.run([PROXY, f"--root={front.root}", "x"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "/etc/pyservice/host.yaml:1:25: warning: the page '/etc/pyservice/404.txt' cannot be used" in done.stderr
    assert "No application is configured" in (front.files / "20_frontend_pyservice.cfg").read_text()


def closed(front):
    return (front.files / "pyservice-closed.map").read_text().splitlines()[1:]


def kept(front):
    return front.root / "var/lib/pyservice/shop/maintenance"


def test_maintenance(front):
    """HAProxy answers each request itself, with the pages as they are in the map: by its own rules, not by those of instances."""
    page = "<!DOCTYPE html>\n<title a=\"b\">100% 'Käse' & more: \\ ; # + ?</title>\r\n<p>$HOME %[path] <<\n"
    (front.root / "page.html").write_bytes(page.encode())
    front.publish("shop", "image: localhost/shop:1\nservices:\n" + "".join(
        f"  - {{name: {name}, port: 8000, proxy: {{domains: [{name}.example.com], errors: {{503: /etc/own.html}}}}}}\n" for name in ("web", "api")),
        {"etc/own.html": "my own"})
    assert front.ctl("maintenance", "shop") == "shop is in maintenance until 'pyservicectl maintenance --off shop'\n"
    assert closed(front) == ["shop-web maintenance:600", "shop-api maintenance:600"]
    front.start()
    for name in ("web", "api"):
        answer = front.ask(f"{name}.example.com")
        is_page(answer, 503, "<h1>Maintenance</h1>")
        assert answer[1]["retry-after"] == "600" and answer[1]["cache-control"] == "no-store"

    # As after a boot, which empties /run.
    (front.files / "pyservice-closed.map").unlink()
    run(PROXY, f"--root={front.root}", "x")
    assert closed(front) == ["shop-web maintenance:600", "shop-api maintenance:600"]

    # A stop meanwhile does not change the page; another call has another page.
    front.ctl("stop", "shop")
    since = kept(front).read_text().split()[3]
    front.ctl("maintenance", f"--page={front.root}/page.html", "--retry-after", "1h 1s", "shop")
    assert oct(kept(front).stat().st_mode)[-3:] == "600" and kept(front).read_text().split()[3] == since
    front.restart()
    status, headers, body = front.ask("api.example.com")
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "3601", "text/html; charset=utf-8")
    assert body == page.replace("\n", " ").replace("\r", " ")

    assert front.ctl("maintenance", "--off", "shop") == "shop is no longer in maintenance\n" and not kept(front).exists()
    assert closed(front) == ["shop-web stopped", "shop-api stopped"]
    front.restart()
    assert front.ask("web.example.com")[2] == "my own"


def test_status_names_maintenance(front):
    front.publish("shop", SHOP + "}\n")
    assert json.loads(front.ctl("status", "--json", "shop", status=3))["maintenance"] is False
    front.ctl("maintenance", "shop")
    told = json.loads(front.ctl("status", "--json", "shop", status=3))
    assert told["maintenance"] is True and "in maintenance since" in told["note"] and "'pyservicectl maintenance --off shop' ends it" in told["note"]
    assert "in maintenance since" in front.ctl("status", "shop", status=3)


def test_maintenance_is_refused(front):
    front.publish("shop", SHOP + "}\n", {
        "etc/pyservice.d/site.yaml": SHOP.replace(HOST, "site.example.com") + ", kind: nginx}\n",
        "etc/pyservice.d/plain.yaml": "image: localhost/shop:1\nport: 8000\nproxy: {}\n",
        "script": "<p>\n<SCRIPT>// x\n", "large": "<p> " * 2049, "binary": "\0"})
    for words, status, expected in (
            (["shop/shop"], 2, "expected one application"), (["shop", "shop"], 2, "expected one application"), ([], 2, "APP"),
            (["none"], 1, "there is no application 'none'"), (["--off", "--retry-after=1min", "shop"], 2, "--off takes no other option"),
            (["--retry-after=0", "shop"], 2, "invalid time '0'"), (["--retry-after=infinity", "shop"], 2, "invalid time 'infinity'"),
            (["--page=/no/page", "shop"], 1, "/no/page: No such file"), ([f"--page={front.root}/script", "shop"], 1, "cannot have <pre>"),
            ([f"--page={front.root}/large", "shop"], 1, "larger than 12 KiB"), ([f"--page={front.root}/binary", "shop"], 1, "not text in UTF-8"),
            (["site"], 1, "maintenance needs HAProxy"), (["plain"], 1, "maintenance needs 'proxy: {domains: …}'")):
        assert expected in front.ctl("maintenance", *words, status=status)
    assert not kept(front).exists() and closed(front) == []
