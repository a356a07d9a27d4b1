# SPDX-License-Identifier: Apache-2.0
"""Pages of the front while an application cannot answer: what a client receives from HAProxy, with the files that pyservice-proxy writes."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

PROXY, PYSERVICECTL = os.environ["PYSERVICE_PROXY"], os.environ["PYSERVICECTL"]
needs_haproxy = pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
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

    def publish(self, name, text):
        """Writes the definition, and its files for HAProxy as the generator does."""
        definition = self.root / f"etc/pyservice.d/{name}.yaml"
        definition.parent.mkdir(parents=True, exist_ok=True)
        definition.write_text(text)
        shutil.rmtree(self.root / "out", ignore_errors=True)
        run(PYSERVICECTL, "render", f"--root={self.root}", f"--output={self.root}/out")
        shutil.rmtree(self.root / "run/pyservice/apps", ignore_errors=True)
        shutil.copytree(self.root / "out", self.root / "run/pyservice/apps")
        (self.root / "run/pyservice/alive.conf").write_text(f"[Unit]\nUpholds={name}.target\n")
        (self.root / f"var/lib/pyservice/{name}").mkdir(parents=True, exist_ok=True)
        (self.root / "run/pyservice/proxy").write_text(f"{name}\n")
        run(PROXY, f"--root={self.root}", "x")

    def ctl(self, *words):
        run(PYSERVICECTL, f"--root={self.root}", *words)

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


@needs_haproxy
def test_no_instance_is_ready_and_an_unknown_host(front):
    front.publish("shop", SHOP + "}\n")
    front.start()
    answer = front.ask()
    is_page(answer, 503, "<h1>Service unavailable</h1>", "No instance of the application is ready")
    assert answer[1]["retry-after"] == "10" and answer[1]["cache-control"] == "no-store"
    is_page(front.ask("<b>.example.com", "/<script>"), 404, "<h1>Not found</h1>", "No application is configured for this host.")


@needs_haproxy
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


@needs_haproxy
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


@needs_haproxy
def test_pages_of_ones_own(front):
    """The application's before the machine's, byte by byte, also if `defaults` has an errorfile, as Debian's configuration does."""
    odd = '<p title="a\\b $HOME">%[path] \\x41 \'{{ app }}\'\r\n# Käse; \tend\n'
    (front.root / "etc/pyservice").mkdir(parents=True)
    for name, text in {"host.yaml": "haproxy: {errors: {404: /etc/pyservice/404.txt, 503: /etc/pyservice/503.json}}\n", "404.txt": "Nobody here.\n",
                       "503.json": '{"retry": true}\n', "shop.html": odd, "large.html": "x" * 14336}.items():
        (front.root / "etc/pyservice" / name).write_bytes(text.encode())
    (front.root / "default.http").write_text("HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\nthe default\n")
    front.publish("shop", "image: localhost/shop:1\nservices:\n" + "".join(
        f"  - {{name: {name}, port: 8000, proxy: {{domains: [{name}.example.com]{more}}}}}\n" for name, more in
        (("shop", ", errors: {503: /etc/pyservice/shop.html}"), ("large", ", errors: {503: /etc/pyservice/large.html}"), ("plain", ""))))
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
    assert done.returncode == 1 and "/etc/pyservice/host.yaml:1:25: error: the page '/etc/pyservice/404.txt' cannot be used" in done.stderr
    assert "No application is configured" in (front.files / "20_frontend_pyservice.cfg").read_text()
