# SPDX-License-Identifier: Apache-2.0
"""pyservice-instance and web servers: what it asks, what it makes of the answer, and how it goes on asking."""

import contextlib
import os
import re
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

PROGRAM = os.environ.get("PYSERVICE_INSTANCE", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="PYSERVICE_INSTANCE is not set")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
HOST = "--header=Host: shop.example.com"
ENDS = 60  # seconds
OWN_FAILURE = re.compile(r"cannot query no-such-unit@\d+\.service: Too many open files; that does not count\n")


def hold(client):
    """Until the other side goes."""
    while client.recv(4096):
        pass


class Server:
    """Answers each request with the same bytes, and keeps what it was asked, and how many connections were open at most."""

    def __init__(self, answer=OK, then=lambda client: None, wrap=lambda client: client):
        self.answer, self.then, self.wrap = answer, then, wrap
        self.requests, self.n_open, self.most = [], 0, 0
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            self.n_open += 1
            self.most = max(self.most, self.n_open)
        with contextlib.suppress(OSError), self.wrap(client) as client:
            text = b""
            while b"\r\n\r\n" not in text and (more := client.recv(4096)):
                text += more
            if text:
                self.requests.append(text.decode(errors="replace"))
            if self.answer:
                client.sendall(self.answer)
            self.then(client)
        with self.lock:
            self.n_open -= 1

    def headers(self, number=0):
        lines = self.requests[number].split("\r\n")
        return lines[0], sorted(line for line in lines[1:] if line)


@pytest.fixture
def serve():
    servers = []

    def start(*words, **more):
        servers.append(Server(*words, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.listener.close()


def ready(server, *words, path="/healthz", **more):
    return subprocess.run([PROGRAM, "ready", f"--path={path}", f"--port={server.port}", "--interval=1000", "--start-period=0", "--retries=1", *words],
                          capture_output=True, text=True, timeout=ENDS, **more)


# --- what is asked ---

def test_the_request_is_what_the_unit_says(serve):
    server = serve()
    said = ready(server, HOST, "--header=X-Forwarded-Proto: https", "--header=User-Agent: pyservice", "--header=X-Odd: a \"b\" $c; 'd' \\")
    assert (said.returncode, said.stderr) == (0, "")
    assert server.headers() == ("GET /healthz HTTP/1.1", sorted([
        "Host: shop.example.com", "X-Forwarded-Proto: https", "User-Agent: pyservice", "X-Odd: a \"b\" $c; 'd' \\", "Connection: close"]))


@pytest.mark.parametrize("header", ["X: a\r\nY: b", "X: a\nY: b", "X", ": a", "X:a", "X: a\x7f"])
def test_what_could_be_two_headers_is_none(serve, header):
    server = serve()
    assert ready(server, f"--header={header}").returncode == 2
    assert not server.requests


def test_another_port_is_asked_for_health_alone(serve):
    clients, health = serve(), serve()
    assert ready(clients, f"--health-port={health.port}").returncode == 0
    assert len(health.requests) == 1 and not clients.requests


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl for a certificate")
def test_by_tls_the_name_is_said_and_no_certificate_checked(serve, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=nobody",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    names, context = [], ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    context.set_servername_callback(lambda connection, name, _: names.append(name))
    server = serve(wrap=lambda client: context.wrap_socket(client, server_side=True))
    assert ready(server, HOST, "--tls").returncode == 0
    assert names == ["shop.example.com"] and "Host: shop.example.com" in server.headers()[1]
    said = ready(serve(), HOST, "--tls")
    assert said.returncode == 1 and " by TLS: no answer: " in said.stderr, "one that speaks no TLS"


# --- what is answered ---

def test_a_refusal_says_what_was_asked_and_answered(serve):
    server = serve(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    said = ready(server, HOST)
    assert said.returncode == 1
    assert said.stderr == (f"pyservice-instance: not ready: GET /healthz with Host: shop.example.com on port {server.port}: 400 Bad Request; "
                           "does the application restrict host names (ALLOWED_HOSTS)?\n")


def test_the_port_of_the_definition_is_named(serve):
    """A person knows the port of the container, not the one that the machine gives it."""
    server, other = (serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") for _ in range(2))
    assert ready(server, "--container-port=8000").stderr.endswith("GET /healthz on port 8000: 404 Not Found\n") and server.requests
    assert ready(server, "--container-port=8000", f"--health-port={other.port}").stderr.endswith(f"GET /healthz on port {other.port}: 404 Not Found\n")


@pytest.mark.parametrize("line, words", [
    ("500 Internal Server Error", "500 Internal Server Error\n"), ("503", "503\n"), ("404 Not\x1b[31m \tFound", "404 Not?[31m ?Found\n"),
    ("421 Misdirected Request", "(ALLOWED_HOSTS)?\n"), ("403 Forbidden", "(ALLOWED_HOSTS)?\n"), ("404 " + "x" * 5000, ": 404 " + "x" * 64 + "\n"),
])
def test_words_of_the_server_are_shown_as_words(serve, line, words):
    said = ready(serve(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert said.returncode == 1 and said.stderr.endswith(words)


def test_a_status_that_was_not_wanted_says_which_was(serve):
    said = ready(serve(), "--status=204,301-302")
    assert said.returncode == 1 and said.stderr.endswith(": 200 OK, not 204,301-302\n")


def test_nobody_there(serve):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        said = ready(serve(), f"--health-port={port}", HOST)
    assert said.returncode == 1 and said.stderr.endswith(f"on port {port}: no answer: Connection refused\n")


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize("answer", [
    STREAM, STREAM + b"data: 1\n\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nX-Slow: headers\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
])
def test_a_body_that_never_ends_is_healthy_if_the_status_is(serve, answer):
    server = serve(answer, then=hold)
    assert ready(server, "--timeout=600000").returncode == 0, "long before its timeout"
    server = serve(answer.replace(b"200 OK", b"500 No"), then=hold)
    assert ready(server, "--timeout=600000").stderr.endswith(": 500 No\n")


def test_a_body_without_end_is_not_read_without_end(serve):
    def pour(client):
        while True:
            client.sendall(b"x" * 65536)

    assert ready(serve(STREAM, then=pour), "--timeout=600000").returncode == 0


# --- as long as it runs ---

def leave(directory, number, port, **more):
    keys = {"invocation": "aa", "address": "127.0.0.1", "path": "/healthz", "header": "Host: shop.example.com", "codes": "200-399", "port": port,
            "tls": 0, "timeout": 600000, "interval": 1000, "retries": 3, **more}
    (directory / f".{number}").write_text("".join(f"{key} {value}\n" for key, value in keys.items()))
    os.rename(directory / f".{number}", directory / f"no-such-unit@{number}.service")


@contextlib.contextmanager
def watch(directory, **more):
    with subprocess.Popen([PROGRAM, "watch", f"--watch={directory}"], stderr=subprocess.PIPE, text=True, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def wait(condition, what=""):
    end = time.monotonic() + ENDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_each_is_asked_in_its_own_interval(serve, tmp_path):
    often, seldom = serve(), serve()
    leave(tmp_path, 0, often.port, interval=1000)
    leave(tmp_path, 1, seldom.port, interval=3000)
    with watch(tmp_path):
        wait(lambda: len(often.requests) > 2 * len(seldom.requests) > 2, "one to be asked more than twice as often")
        assert often.headers()[1] == ["Connection: close", "Host: shop.example.com"]


def test_what_comes_is_asked_and_what_goes_is_not(serve, tmp_path):
    first, second = serve(), serve()
    leave(tmp_path, 0, first.port)
    with watch(tmp_path) as process:
        wait(lambda: first.requests)
        leave(tmp_path, 1, second.port)
        wait(lambda: second.requests)
        (tmp_path / "no-such-unit@0.service").unlink()
        seen = len(second.requests)
        wait(lambda: len(second.requests) > seen + 2)
        asked = len(first.requests)
        wait(lambda: len(second.requests) > seen + 4)
        assert len(first.requests) == asked
        (tmp_path / "no-such-unit@1.service").unlink()
        assert process.wait(timeout=ENDS) == 0, "nothing is left to watch"


def test_connections_are_bounded(serve, tmp_path):
    server = serve(b"", then=hold)
    for number in range(400):
        leave(tmp_path, number, server.port)
    with watch(tmp_path):
        wait(lambda: server.n_open >= 200)
        time.sleep(1.5)
        assert server.most <= 256


def test_its_own_want_of_descriptors_counts_against_nobody(serve, tmp_path):
    """Systemd, or what is in its place here, is asked about nobody: nobody failed."""
    server = serve(b"", then=hold)
    for number in range(40):
        leave(tmp_path, number, server.port, retries=1)
    with watch(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))) as process:
        lines = [process.stderr.readline() for _ in range(20)]
    assert [line for line in lines if not OWN_FAILURE.fullmatch(line)] == []
    assert len(list(tmp_path.iterdir())) == 40, "none was taken for one that is gone"
