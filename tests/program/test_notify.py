# SPDX-License-Identifier: Apache-2.0
"""Messages about events: their recipients in host.yaml; what a web server and a program get; and when a message that no
recipient accepts is removed. The messages themselves are written as an event leaves them (bundle/message.h).

PYSERVICE_NOTIFY and PYSERVICE_GENERATOR name the programs.
"""

import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

NOTIFY, GENERATOR, PYSERVICECTL = (os.environ.get(f"PYSERVICE{name}", "") for name in ("_NOTIFY", "_GENERATOR", "CTL"))
SANITIZERS = {name: value for name, value in os.environ.items() if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
KEY = "key of the signature"
HOSTILE = 'x", "event": "accepted", "a": "\\ \r\nSubject: y\x1b[31m é'
pytestmark = pytest.mark.skipif(not NOTIFY or os.geteuid() != 0, reason="needs the program, and to be root")


class Receiver:
    """A web server that can be down, or refuse."""

    def __init__(self):
        self.got, self.status = [], 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers, body))
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(b"a secret of the server" if receiver.status >= 400 else b"")

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=geheim"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def url_of_nobody():
    """Of a web server that is down: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/hook?token=geheim"


@pytest.fixture
def root(tmp_path):
    for name in ("etc/pyservice", "etc/pyservice.d", "etc/credstore", "run/pyservice", "var/lib/pyservice", "out"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def configure(root, text):
    (root / "etc/pyservice/host.yaml").write_text(text)
    shutil.rmtree(root / "out")
    (root / "out").mkdir()
    done = subprocess.run([GENERATOR, f"--root={root}", root / "out"], capture_output=True, text=True, timeout=60,
                          env={**SANITIZERS, "PYSERVICE_QUADLET": "/bin/true"})
    assert done.returncode == 0, done.stderr
    return root / "run/pyservice/notify"


def escaped(text):
    return "".join(f"%{byte:02X}" if byte <= 32 or byte in b"%\x7f" else chr(byte) for byte in text.encode()).encode("latin-1")


def leave(root, message="a1", event="rejected", reason="it is broken", log=(), age=0):
    """As a rollout does it."""
    directory = root / "var/lib/pyservice/.messages"
    directory.mkdir(mode=0o700, exist_ok=True)
    usec = int((time.time() - age) * 1e6)
    head = f"pyservice-message 1\nevent {message} {event} shop shop@next 0123456789ab web1 {usec} ".encode()
    (directory / ".new").write_bytes(head + escaped(reason) + b"\n" + b"".join(b"log " + escaped(line) + b"\n" for line in log))
    (directory / ".new").rename(directory / message)


def left(root):
    directory = root / "var/lib/pyservice/.messages"
    return sorted(os.listdir(directory)) if directory.exists() else []


def deliver(root, *options):
    done = subprocess.run([NOTIFY, f"--root={root}", *options, "deliver"], capture_output=True, text=True, timeout=60, env=SANITIZERS)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stderr and "geheim" not in done.stderr and "secret of the server" not in done.stderr
    return done.stderr


def signed(root, receiver):
    (root / "etc/credstore/hook").write_text(KEY + "\n")
    return configure(root, f"notify: {{webhook: {{url: '{receiver.url}', credential: hook}}}}\n")


def test_only_root_reads_the_recipients_which_change_with_the_file(root, receiver):
    settings = signed(root, receiver)
    assert settings.stat().st_mode & 0o777 == 0o600
    assert KEY not in settings.read_text()
    assert (root / "out/pyservice-notify.service.d/50-pyservice.conf").read_text() == "[Service]\nImportCredential=hook\n"
    upheld = root / "out/pyservice.target.d/50-pyservice.conf"
    assert "Upholds=pyservice-notify.path\nUpholds=pyservice-expiry.timer\n" in upheld.read_text()
    configure(root, "notify: {command: /bin/true, events: [rejected, task-failed]}\n")
    assert [line for line in settings.read_text().splitlines() if line.startswith("event")] == ["event rejected", "event task-failed"]
    configure(root, "network: host\n")
    assert not settings.exists() and not re.search("notify|expiry", upheld.read_text())


def test_a_broken_host_file_keeps_the_recipients(root, receiver):
    before = signed(root, receiver).read_text()
    (root / "etc/pyservice/host.yaml").write_text("notify: {command: tell}\n")
    done = subprocess.run([GENERATOR, f"--root={root}", root / "out"], capture_output=True, text=True, timeout=60, env=SANITIZERS)
    assert done.returncode == 1
    assert (root / "run/pyservice/notify").read_text() == before


@pytest.mark.parametrize("settings", ["a directory", "of a later version"])
def test_settings_that_cannot_be_used_stop_nothing_else(root, settings):
    """Everything else is generated as usual: 111 would make the generator fall back to what it published before."""
    place = root / "run/pyservice/notify"
    if settings == "a directory":
        (place / "full").mkdir(parents=True)
        text, status, problem = "notify: {command: /bin/true}\n", 0, "Is a directory"
    else:
        place.write_text("pyservice-notify 2\nnews\n")
        text, status, problem = "notify: {command: tell}\n", 1, "Protocol not supported"
    (root / "etc/pyservice/host.yaml").write_text(text)
    done = subprocess.run([GENERATOR, f"--root={root}", root / "out"], capture_output=True, text=True, timeout=60, env=SANITIZERS)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        status, f"pyservice-generator: cannot prepare messages about events ('notify' in host.yaml): {problem}")
    assert "Upholds=pyservice-notify.path\n" in (root / "out/pyservice.target.d/50-pyservice.conf").read_text()


def test_a_web_server_gets_one_signed_object(root, receiver):
    signed(root, receiver)
    leave(root, reason=HOSTILE, log=["first line", HOSTILE])
    assert deliver(root) == ""
    assert left(root) == []
    ((path, headers, body),) = receiver.got
    assert path == "/hook?token=geheim"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Pyservice-Signature"] == "sha256=" + hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    message = json.loads(body, object_pairs_hook=lambda pairs: pairs and dict(pairs, _keys=[key for key, _ in pairs]))
    assert message.pop("_keys") == ["id", "event", "time", "host", "application", "part", "revision", "reason", "log"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message.pop("time"))
    assert message == {"id": "a1", "event": "rejected", "host": "web1", "application": "shop", "part": "shop@next",
                       "revision": "0123456789ab", "reason": HOSTILE, "log": ["first line", HOSTILE]}
    assert b"\x1b" not in body and body.count(b"\n") == 1


def test_a_server_that_was_down_gets_it_later_and_once(root, receiver):
    """The program waits for the time of the next try, and ends; its unit starts it again. A message that comes meanwhile does not wait."""
    signed(root, receiver)
    receiver.status = 503
    leave(root)
    assert deliver(root, "--once") == "shop: message a1 (rejected) is tried again: webhook: answered with status 503\n"
    receiver.status = 204
    with subprocess.Popen([NOTIFY, f"--root={root}", "deliver"], stderr=subprocess.PIPE, text=True, env=SANITIZERS) as program:
        leave(root, "b2", event="accepted")
        assert program.wait(timeout=60) == 0, program.stderr.read()
    while left(root):
        assert deliver(root) == ""
    ids = [json.loads(body)["id"] for _, _, body in receiver.got]
    assert sorted(ids) == ["a1", "a1", "b2"] and ids[0] == "a1"
    bodies = [body for _, _, body in receiver.got if b'"a1"' in body]
    assert bodies[0] == bodies[1], "each try has the same bytes"


def test_one_recipient_that_is_down_holds_up_no_other(root, url_of_nobody):
    got = root / "got"
    program = root / "tell"
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" >>{got}\ncat >>{got}\n')
    program.chmod(0o755)
    configure(root, f"notify: {{command: '{program} --to \"all of us\"', webhook: {{url: '{url_of_nobody}'}}}}\n")
    leave(root)
    leave(root, "b2", event="task-failed")
    problem = deliver(root, "--once")
    assert problem.count("is tried again: webhook: ") == 1, "the server is asked once in a round, not for each message"
    lines = got.read_text().splitlines()
    assert sorted(json.loads(line.removeprefix("--to all of us "))["id"] for line in lines) == ["a1", "b2"]
    deliver(root, "--once")
    assert got.read_text().splitlines() == lines, "who got it does not get it again"
    assert left(root) == ["a1", "b2"]

    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", "--json"], capture_output=True, text=True, timeout=60, env=SANITIZERS)
    (check,) = (check for check in json.loads(done.stdout)["checks"] if check["check"] == "messages")
    assert "webhook: " in check["findings"][0]["text"] and "shop rejected" in check["findings"][0]["text"], check


def test_a_program_gets_an_empty_argument(root):
    configure(root, f"notify: {{command: [/bin/sh, -c, 'echo \"$#\" >{root}/got', sh, '', x]}}\n")
    leave(root)
    assert deliver(root) == "" and left(root) == []
    assert (root / "got").read_text() == "2\n"


def test_a_result_that_cannot_be_written_is_reported(root, receiver):
    """Otherwise the next try, after some seconds, and each one after it would go to all who got the message."""
    receiver.status = 503
    configure(root, f"notify: {{command: [/bin/sh, -c, 'echo x >>{root}/got'], webhook: {{url: '{receiver.url}'}}}}\n")
    leave(root)
    (root / "var/lib/pyservice/.messages/.a1.new").mkdir()
    assert "cannot write to /var/lib/pyservice/.messages: Is a directory; who got a message may get it again, in ten minutes\n" in deliver(root, "--once")
    assert left(root) == [".a1.new", "a1"] and (root / "got").read_text() == "x\n"


def test_a_missing_key_and_a_program_that_fails_are_named(root, receiver):
    configure(root, f"notify: {{command: [/bin/sh, -c, 'echo boom >&2; exit 3'], webhook: {{url: '{receiver.url}', credential: hook}}}}\n")
    leave(root)
    problems = deliver(root, "--once")
    assert "command: /bin/sh exited with status 3: boom" in problems
    assert "the credential 'hook' is neither in /etc/credstore.encrypted" in problems
    assert receiver.got == [], "never without its signature"


def test_an_empty_key_signs_nothing(root, receiver):
    signed(root, receiver)
    (root / "etc/credstore/hook").write_text("\n")
    leave(root)
    assert "the credential 'hook' is empty" in deliver(root, "--once")
    assert receiver.got == [] and left(root) == ["a1"]


def test_nothing_stays_for_ever(root, receiver):
    receiver.status = 410
    signed(root, receiver)
    leave(root, age=2 * 86400)
    (root / "var/lib/pyservice/.messages/garbage").write_text("rubbish\n")
    said = deliver(root)
    assert "message a1 (rejected) was not delivered within a day, and is removed" in said
    assert "garbage is not a message; it is removed" in said
    assert left(root) == []
    leave(root)
    configure(root, "network: host\n")
    deliver(root)
    assert left(root) == [], "without recipients no message is left"


CA = """
[ca]
default_ca = any
[any]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Makes a certificate that is valid from some days ago until in some days."""
    place = tmp_path_factory.mktemp("ca")
    (place / "ca.conf").write_text(CA)
    (place / "index").touch()
    (place / "serial").write_text("01\n")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=place, capture_output=True, check=True)

    def day(days):
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))

    def make(path, ago, left):
        openssl("ca", "-config", "ca.conf", "-selfsign", "-batch", "-notext", "-keyfile", "key", "-in", "request", "-out", "one",
                "-startdate", day(-ago), "-enddate", day(left))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((place / "one").read_bytes())
        end = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-enddate"], capture_output=True, check=True, text=True).stdout
        return int(subprocess.run(["date", "-ud", end.strip().removeprefix("notAfter="), "+%s"], capture_output=True, check=True, text=True).stdout)

    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=shop", "-keyout", "key", "-out", "request")
    return make


def expiring(root):
    """The messages about certificates that one run leaves, which then are delivered."""
    done = subprocess.run([NOTIFY, f"--root={root}", "certificates"], capture_output=True, text=True, timeout=60, env=SANITIZERS)
    assert (done.returncode, done.stderr) == (0, "")
    found = {}
    for name in left(root):
        path = root / "var/lib/pyservice/.messages" / name
        _, _, event, app, part, revision, _, _, reason = path.read_text().splitlines()[1].split(" ")
        assert (event, part, revision) == ("certificate-expiring", "-", "-")
        file, text = urllib.parse.unquote(reason).split(",", 1)
        assert file not in found
        found[file] = (app, text)
        path.unlink()
    return found


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_certificate_that_expires_is_reported_once(root, certificate):
    tls, shop = root / "etc/tls", root / "etc/pyservice.d/shop.yaml"
    others = configure(root, "notify: {command: /bin/true, events: [rejected]}\n").read_text()
    settings = configure(root, "notify: {command: /bin/true}\n")
    for name, days in {"long": (10, 80), "month": (9, 21.5), "week": (3, 4)}.items():
        certificate(tls / f"{name}.pem", *days)
    soon, short, gone = (certificate(tls / f"{name}.pem", *days) for name, days in {"soon": (70, 20), "short": (5.5, 1.5), "gone": (91, -1)}.items())
    (tls / "rubbish.pem").write_text("not a certificate\n")
    definition = "image: a\nport: 80\nproxy: {domains: [shop.example.com], tls: {certificate: /etc/tls}}\n"
    shop.write_text(definition)
    shop.with_name("other.yaml").write_text(definition.replace("shop.", "other."))

    wanted = settings.read_text()
    settings.write_text(others)
    assert expiring(root) == {}
    settings.write_text(wanted)
    assert expiring(root) == {f"/etc/tls/{name}.pem": ("other", f" the certificate of other.example.com, {words} on {utc(end)}")
                              for name, words, end in (("soon", "expires", soon), ("short", "expires", short), ("gone", "expired", gone))}
    assert expiring(root) == {}

    # It is reported again when it has expired, and not again after the definitions had errors for a while.
    told = root / "var/lib/pyservice/.expiring"
    told.write_text("".join(line.replace(" expired", " soon") + "\n" for line in told.read_text().splitlines()))
    assert list(expiring(root)) == ["/etc/tls/gone.pem"]
    for path in shop, shop.with_name("other.yaml"):
        path.write_text(definition + "scale: many\n")
    assert expiring(root) == {}
    shop.write_text(definition)
    assert expiring(root) == {}

    # A new one is another certificate.
    certificate(tls / "gone.pem", 60, 30)
    end = certificate(tls / "soon.pem", 71, 19)
    assert expiring(root) == {"/etc/tls/soon.pem": ("shop", f" the certificate of shop.example.com, expires on {utc(end)}")}
    assert f"certificate /etc/tls/soon.pem {soon} " in told.read_text()


def test_the_reason_names_why_a_renewal_failed(root, certificate):
    configure(root, "notify: {command: /bin/true}\n")
    state = root / "var/lib/pyservice/.acme"
    certificate(state / "certificates/shop.example.com.pem", 70, 20)
    (state / "orders").mkdir()
    (state / "orders/shop.example.com").write_text("pyservice-acme 1\nissued https://ca.example.com/directory\nfailed 1797768192 yes no%20such%20host\n")
    (root / "etc/pyservice.d/shop.yaml").write_text("image: a\nport: 80\nproxy: {domains: [shop.example.com], tls: auto}\n")
    ((app, text),) = expiring(root).values()
    assert app == "shop" and text.endswith("Z; it cannot be renewed: no such host")
