# SPDX-License-Identifier: Apache-2.0
"""The front as HAProxy executes it: what an application and the log see, also behind proxies in front of the machine.

Definitions go through the generator's renderer and pyservice-proxy. HAProxy gets sockets that listen already, so no port is chosen and
no test waits for it; clients differ by their address in 127.0.0.0/8."""

import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")

BASE = """
global
	log stdout format raw local0
	nbthread 1
defaults
	mode http
	log global
	option httplog
	timeout connect 3s
	timeout client 60s
	timeout server 60s
"""
PROXY, OTHER = "127.0.0.2", "127.0.0.1"     # the first is a trusted one, and so is the network of .8 to .15
FRONT = "front: {trusted_proxies: [127.0.0.2, /etc/cdn.list]%s}\n"


class Answer(http.server.BaseHTTPRequestHandler):
    """The names and values of the request's headers."""

    def do_GET(self):
        text = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class Balanced:
    def __init__(self, port, log):
        self.port, self.log = port, log

    def ask(self, headers, source=PROXY, before=b"", host="shop.example.com", path="/"):
        """The status, and the header fields that the application gets."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(source, 0))
        connection.connect()
        with contextlib.closing(connection):
            connection.sock.sendall(before)
            connection.putrequest("GET", path, skip_accept_encoding=True, skip_host=True)
            for name, value in [("Host", host), *headers]:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else answer.getheader("Location")


    def clients(self, n):
        """Those of the first n requests in the log, which has a line shortly after the answer."""
        while len(found := re.findall(r"^(\S+):\d+ \[.*GET / HTTP", self.log.read_text(), re.M)) < n:
            time.sleep(0.01)
        return found


def values(fields, name):
    return [value for field, value in fields if field == name]


def prepare(root, definition, host):
    """The configuration that HAProxy gets, with the paths of `root`."""
    for path, text in {"etc/pyservice.d/shop.yaml": definition, "etc/pyservice/host.yaml": host,
                       "etc/cdn.list": "# networks of the CDN\n127.0.0.8/29\n2001:db8::/32\n", "run/pyservice/proxy": "shop\n"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    done = subprocess.run([os.environ["PYSERVICECTL"], f"--root={root}", "render", f"--output={root}/out"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shutil.copytree(root / "out/shop/haproxy", root / "run/pyservice/apps/shop/haproxy")
    done = subprocess.run([os.environ["PYSERVICE_PROXY"], f"--root={root}", "x"], capture_output=True, text=True)
    text = "\n".join(path.read_text() for path in sorted((root / "run/pyservice/haproxy").glob("*.cfg")))
    text = re.sub("^.*(load-server-state|server-state-file|bind :::).*$", "", text, flags=re.M).replace("/run/pyservice/haproxy", f"{root}/run/pyservice/haproxy")
    return BASE + re.sub(r'^(\s*server "\S+-0" .*) disabled$', r"\1", text, flags=re.M).replace("/etc/cdn.list", f"{root}/etc/cdn.list")


@contextlib.contextmanager
def balanced(root, definition, host="", bind=":80"):
    text = prepare(root, definition, host)
    with socket.create_server(("127.0.0.1", 0)) as listener, open(root / "log", "w") as log:
        bound, n = re.subn(rf'^(\s*)bind "?{re.escape(bind)}"?$', rf"\1bind fd@{listener.fileno()}", text, flags=re.M)
        assert n == 1, text
        (root / "haproxy.cfg").write_text(bound)
        with subprocess.Popen(["haproxy", "-db", "-f", root / "haproxy.cfg"], pass_fds=[listener.fileno()], stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                yield Balanced(listener.getsockname()[1], root / "log")
            finally:
                process.terminate()


def shop(port, more=""):
    return f"image: localhost/hello:1\nport: 8000\nhost_port: {port}\nrollout: {{}}\n{more}proxy: {{domains: [shop.example.com]}}\n"


CLIENT = "192.0.2.7"
# The connection's address, X-Forwarded-For, the client's address, the field values that the application gets.
WALKS = [
    ("a client", OTHER, [], OTHER, [OTHER]),
    ("a client that pretends", OTHER, [CLIENT], OTHER, [OTHER]),
    ("a proxy", PROXY, [CLIENT], CLIENT, [CLIENT, PROXY]),
    ("a proxy of the file", "127.0.0.9", ["2001:db9::1"], "2001:db9::1", ["2001:db9::1", "127.0.0.9"]),
    ("a client that pretends to a proxy", PROXY, [f"{CLIENT}, 198.51.100.1"], "198.51.100.1", [f"{CLIENT}, 198.51.100.1", PROXY]),
    ("in two fields", PROXY, [CLIENT, "198.51.100.1"], "198.51.100.1", [CLIENT, "198.51.100.1", PROXY]),
    ("two proxies", PROXY, [f"{CLIENT}, 127.0.0.9"], CLIENT, [f"{CLIENT}, 127.0.0.9", PROXY]),
    ("four proxies", PROXY, [f"{CLIENT}, 2001:db8::1, 127.0.0.9, 127.0.0.8"], CLIENT, [f"{CLIENT}, 2001:db8::1, 127.0.0.9, 127.0.0.8", PROXY]),
    ("a port", PROXY, [f"{CLIENT}, 198.51.100.1:4711"], "198.51.100.1", [f"{CLIENT}, 198.51.100.1:4711", PROXY]),
    ("not an address", PROXY, [f"{CLIENT}, unknown"], PROXY, [f"{CLIENT}, unknown", PROXY]),
    ("not an address behind a proxy", PROXY, [f"{CLIENT}, unknown, 127.0.0.9"], "127.0.0.9", [f"{CLIENT}, unknown, 127.0.0.9", PROXY]),
    ("a proxy that does not name the client", PROXY, [], PROXY, [PROXY]),
]


def test_x_forwarded_for(tmp_path, server):
    with balanced(tmp_path, shop(server), FRONT % "") as front:
        for name, source, sent, _, got in WALKS:
            status, fields = front.ask([("X-Forwarded-For", value) for value in sent], source)
            assert (status, values(fields, "x-forwarded-for")) == (200, got), name
        assert front.clients(len(WALKS)) == [client for _, _, _, client, _ in WALKS]


def test_trusted_addresses_of_an_application(tmp_path, server):
    """Also on a connection that has carried another client's request."""
    with balanced(tmp_path, shop(server, f"network: podman\ntrusted: [{CLIENT}]\n"), FRONT % "") as front:
        for name, source, sent, client, _ in WALKS:
            status, _ = front.ask([("X-Forwarded-For", value) for value in sent], source)
            assert status == (200 if client == CLIENT else 403), name
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60, source_address=(PROXY, 0))
        seen = []
        for address in CLIENT, "198.51.100.1", CLIENT:
            connection.request("GET", "/", headers={"Host": "shop.example.com", "X-Forwarded-For": address})
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
        connection.close()
    assert seen == [200, 403, 200]


def test_the_other_headers(tmp_path, server):
    """Kept from a proxy, and removed from a client; Forwarded and X-Real-IP, which a proxy may just pass on, are always removed."""
    sent = [("x-forwarded-proto", "https"), ("X-Forwarded-Host", "www.example.com"), ("X-Forwarded-Port", "8443"), ("X-FORWARDED-Prefix", "/a"),
            ("Forwarded", "for=192.0.2.1"), ("X-Real-IP", "192.0.2.1"), ("CF-Connecting-IP", "192.0.2.1")]
    names = {name.lower() for name, _ in sent}
    with balanced(tmp_path, shop(server), FRONT % "") as front:
        def passed(headers, source=PROXY):
            return {name: value for name, value in front.ask(headers, source)[1] if name in names}

        assert passed(sent) == {"x-forwarded-proto": "https", "x-forwarded-host": "www.example.com", "x-forwarded-port": "8443",
                                "x-forwarded-prefix": "/a", "cf-connecting-ip": "192.0.2.1"}
        own = {"x-forwarded-proto": "http", "x-forwarded-host": "shop.example.com", "x-forwarded-port": str(front.port)}
        assert passed(sent, OTHER) == own | {"cf-connecting-ip": "192.0.2.1"}
        assert passed([]) == own
        # A port of this machine would not be the client's.
        assert passed([("X-Forwarded-Proto", "https")])["x-forwarded-port"] == "443"
        assert passed([("X-Forwarded-Proto", "http")])["x-forwarded-port"] == "80"


@pytest.mark.parametrize("host", ["", FRONT % ""], ids=["without proxies", "with proxies"])
def test_names_with_underscores(tmp_path, server, host):
    """WSGI gives an application X_Forwarded_For under the name of X-Forwarded-For, as CGI does."""
    pretended = ["X_Forwarded_For", "X-FORWARDED_PROTO", "x_forwarded-host", "X_Real_IP", "X-Real_IP"]
    with balanced(tmp_path, shop(server), host) as front:
        for source in (OTHER, PROXY):
            fields = front.ask([*((name, CLIENT) for name in pretended), ("X_Own", "kept")], source)[1]
            assert [name for name, _ in fields if "_" in name] == ["x_own"]


def test_a_header_of_the_proxies_own(tmp_path, server):
    """A client cannot send it past the proxies."""
    with balanced(tmp_path, shop(server, f"network: podman\ntrusted: [{CLIENT}, {OTHER}]\n"), FRONT % ", client_ip_header: CF-Connecting-IP") as front:
        assert front.ask([("CF-Connecting-IP", CLIENT)])[0] == 200
        assert front.ask([("cf-connecting-ip", "198.51.100.1"), ("X-Forwarded-For", CLIENT)])[0] == 403
        assert front.ask([("X-Forwarded-For", CLIENT)])[0] == 403
        status, fields = front.ask([("CF-Connecting-IP", CLIENT)], OTHER)
        assert (status, values(fields, "cf-connecting-ip")) == (200, [])


def test_a_redirect_to_https(tmp_path, server):
    """Not of a request that came to the proxy by HTTPS: it would never end."""
    with balanced(tmp_path, shop(server).replace("]}", "], redirect_to_https: true}"), FRONT % "") as front:
        assert front.ask([("X-Forwarded-Proto", "https")])[0] == 200
        assert front.ask([("X-Forwarded-Proto", "http")]) == (308, "https://shop.example.com/")
        assert front.ask([("X-Forwarded-Proto", "https")], OTHER) == (308, "https://shop.example.com/")


def test_the_proxy_protocol(tmp_path, server):
    """From the proxies alone; the address that it names may be one of them again."""
    with balanced(tmp_path, shop(server), FRONT % ", proxy_protocol: true") as front:
        def forwarded(address, headers=()):
            return values(front.ask(headers, before=f"PROXY TCP4 {address} 192.0.2.80 999 80\r\n".encode())[1], "x-forwarded-for")

        assert forwarded(CLIENT, [("X-Forwarded-For", "198.51.100.1")]) == [CLIENT]
        assert forwarded("127.0.0.9", [("X-Forwarded-For", CLIENT)]) == [CLIENT, "127.0.0.9"]
        assert values(front.ask([], OTHER)[1], "x-forwarded-for") == [OTHER]
        assert front.ask([], OTHER, before=f"PROXY TCP4 {CLIENT} 192.0.2.80 999 80\r\n".encode())[0] == 400
        with pytest.raises(OSError):
            front.ask([], PROXY)


def test_the_proxy_protocol_for_connections(tmp_path, server):
    definition = shop(server, f"network: podman\ntrusted: [{CLIENT}]\n").replace("domains: [shop.example.com]", "mode: tcp, listen: 5432")
    with balanced(tmp_path, definition, FRONT % ", proxy_protocol: true", bind=":5432") as front:
        assert front.ask([], before=f"PROXY TCP4 {CLIENT} 192.0.2.80 999 5432\r\n".encode())[0] == 200
        with pytest.raises(OSError):
            front.ask([], before=b"PROXY TCP4 198.51.100.1 192.0.2.80 999 5432\r\n")
        with pytest.raises(OSError):
            front.ask([], OTHER)


def test_names_that_are_redirected(tmp_path, server):
    """With the path, the query and the port of the request."""
    definition = shop(server).replace("]}", "], redirect_from: [www.example.com, old.example.org]}")
    with balanced(tmp_path, definition) as front:
        assert front.ask([])[0] == 200
        assert front.ask([], host="WWW.example.com", path="/a%20b?c=d") == (308, "http://shop.example.com/a%20b?c=d")
        assert front.ask([], host="old.example.org:8080") == (308, "http://shop.example.com:8080/")
        assert front.ask([], host="a.www.example.com")[0] == 404
        # What is not a port is no part of a host's name, and a browser would read another host in it.
        assert front.ask([], host="www.example.com:@other.example.org")[0] == 200


def test_the_scheme_of_a_redirect_behind_a_proxy(tmp_path, server):
    definition = shop(server).replace("]}", "], redirect_from: [www.example.com]}")
    with balanced(tmp_path, definition, FRONT % "") as front:
        assert front.ask([("X-Forwarded-Proto", "https")], host="www.example.com") == (308, "https://shop.example.com/")
        assert front.ask([("X-Forwarded-Proto", "https")], OTHER, host="www.example.com") == (308, "http://shop.example.com/")
        # Of several proxies each may have added its own.
        assert front.ask([("X-Forwarded-Proto", "https, http")], host="www.example.com") == (308, "https://shop.example.com/")


def test_addresses_that_are_refused(tmp_path, server):
    definition = shop(server).replace("]}", "], allow: [127.0.0.0/28], deny: [127.0.0.3, 127.0.0.4]}")
    with balanced(tmp_path, definition) as front:
        assert [front.ask([], f"127.0.0.{i}")[0] for i in (2, 3, 4, 15, 16)] == [200, 403, 403, 200, 403]


def test_connections_that_are_refused(tmp_path, server):
    definition = shop(server).replace("domains: [shop.example.com]", "mode: tcp, listen: 5432, deny: 127.0.0.3")
    with balanced(tmp_path, definition, bind=":5432") as front:
        assert front.ask([])[0] == 200
        with pytest.raises(OSError):
            front.ask([], "127.0.0.3")
