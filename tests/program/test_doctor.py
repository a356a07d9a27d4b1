# SPDX-License-Identifier: Apache-2.0
"""pyservicectl doctor below a root of its own: what files say. What runs is tests/machine/test_ctl_doctor.py's."""

import fcntl
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest

from answers import read_answer

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

UNITS = ("pyservice.target pyservice-config@.path pyservice-config@.service pyservice-keep.path pyservice-keep.service pyservice-update.service "
         "pyservice-watch.path pyservice-watch.service pyservice-settle.timer pyservice-settle.service "
         "pyservice-state.service pyservice-metrics.socket pyservice-metrics@.service pyservice-proxy@.service pyservice-proxy@.timer pyservice-acme@.timer pyservice-acme@.service pyservice-certificate@.path "
         "pyservice-certificate@.service pyservice-expiry.timer pyservice-expiry.service pyservice-notify.path pyservice-notify.service pyservice-notify@.service haproxy.service.d/pyservice.conf").split()
PROGRAMS = "acme build environment instance kms notify proxy rollout setup".split()
GENERATORS = "usr/lib/systemd/system-generators"
SHOP = "image: localhost/hello:1\nport: 8000\nproxy: {domains: [shop.example.com]}\n"
STAMP = "a b\na b\n-\n-\n-\nunits/shop.target\nunits/shop@.service\nunits/shop@.service.d/10-ports.conf\n"


def write(path, text="", mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def libexecdir():
    """Where the build has its programs."""
    found = re.search(rb"(/[\w./-]+)/pyservice-instance", pathlib.Path(PYSERVICECTL).read_bytes())
    return found[1].decode().lstrip("/")


@pytest.fixture
def root(tmp_path):
    """A machine where all is well, and that has not booted."""
    for unit in UNITS:
        write(tmp_path / "usr/lib/systemd/system" / unit)
    for program in PROGRAMS:
        write(tmp_path / libexecdir() / f"pyservice-{program}", mode=0o755)
    write(tmp_path / GENERATORS / "pyservice-generator", mode=0o755)
    write(tmp_path / GENERATORS / "podman-system-generator", mode=0o755)
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "pyservice.target").symlink_to("/usr/lib/systemd/system/pyservice.target")
    for program in "git", "ssh":
        write(tmp_path / "usr/bin" / program, mode=0o755)
    write(tmp_path / "etc/pyservice.d/shop.yaml", SHOP)
    write(tmp_path / "run/pyservice/apps/shop/stamp", STAMP)
    (tmp_path / "var/log/journal").mkdir(parents=True)
    (tmp_path / "var/lib/pyservice").mkdir(parents=True)
    return tmp_path


def doctor(root, *words):
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "--json", "doctor", *words], capture_output=True, text=True, check=False)
    answer = read_answer("doctor", done.stdout)
    assert done.returncode == (1 if answer["bad"] else 0), done.stderr
    return {check["check"]: " ".join(f"{f['level']} {f['app'] or ''}: {f['text']} → {f['advice']};" for f in check["findings"])
            for check in answer["checks"] if check["findings"] and check["check"] != "disk"}


def test_a_good_root(root):
    assert doctor(root) == {}
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", "shop"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "good; " in done.stdout and "more need the running machine" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="some of it is root's to see")
@pytest.mark.parametrize("check, path, text, words", [
    ("generator", f"{GENERATORS}/pyservice-generator", None, ["bad", "pyservice-generator is not in", "install"]),
    ("generator", "etc/systemd/system-generators/pyservice-generator", "/dev/null", ["bad", "is masked by /etc/systemd/system-generators/", "rm "]),
    ("generator", f"{GENERATORS}/podman-system-generator", None, ["bad", "Quadlet"]),
    ("units", "usr/lib/systemd/system/pyservice-proxy@.timer", None, ["bad", "not installed: pyservice-proxy@.timer →"]),
    ("units", "usr/lib/systemd/system/haproxy.service.d/pyservice.conf", None, ["bad", "not installed: haproxy.service.d/pyservice.conf →"]),
    ("target", "etc/systemd/system/multi-user.target.wants/pyservice.target", None, ["warning", "not enabled"]),
    ("shadowed", "etc/systemd/system/shop@.service", "[Unit]\n", ["bad shop", "hides"]),
    ("shadowed", "run/systemd/system/shop@3.service", "/dev/null", ["bad shop", "shop@3.service is masked"]),
    ("shadowed", "etc/systemd/system.control/shop@.service.d/10-ports.conf", "", ["bad shop", "drop-in of the same name"]),
    ("shadowed", "etc/systemd/system/pyservice-keep.service", "/dev/null", ["bad : the unit pyservice-keep.service is masked"]),
    ("errors", "etc/pyservice.d/bad.yaml", "imgae: x\n", ["bad bad: /etc/pyservice.d/bad.yaml:1:1: error: ", "pyservicectl check"]),
    ("errors", "etc/pyservice/host.yaml", "ports: {first: 1}\nhaproxi: {}\n", ["bad : /etc/pyservice/host.yaml"]),
    ("credentials", "etc/pyservice.d/bad.yaml", "image: x\nsecrets: {a: {credential: bad.a}}\n", ["bad bad: the credential 'bad.a' of its secret 'a' is missing"]),
    ("secret-files", "etc/pyservice.d/bad.yaml", "image: x\nsecrets: {a: {file: '/etc/a-{{ instance }}'}}\n", ["bad bad: the file of its secret 'a' /etc/a-0: No such"]),
    ("removed", "var/lib/pyservice/gone/state", "", ["warning gone: ", "purge gone"]),
    ("directories", "var/lib/pyservice", None, ["warning : /var/lib/pyservice does not exist: ", "→ install -d -m 0755 /var/lib/pyservice"]),
    ("reads", "etc/default/haproxy", "EXTRAOPTS=-S /x\n", ["bad ", "-f /run/pyservice/haproxy"]),
    ("generated", "run/pyservice/without-state", "", ["bad ", "published nothing"]),
])
def test_what_is_wrong(root, check, path, text, words):
    file = root / path
    if text is None and file.is_dir():
        file.rmdir()
    elif text is None:
        file.unlink()
    elif text == "/dev/null":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(text)
    else:
        write(file, text)
    if check == "removed":
        file.parent.chmod(0o700)
    found = doctor(root)
    # A unit that somebody else has is a mistake of the definition, too.
    assert check in found and set(found) <= {check, "errors"} and all(word in found[check] for word in words), found


def test_a_stray_file_is_no_application(root):
    write(root / "var/lib/pyservice/notes", "mine\n")
    assert "removed" not in doctor(root)


def test_what_builds_need(root):
    build = "source: {{repo: '{}', ref: v1}}\ncommand: serve\n"
    write(root / "etc/pyservice.d/built.yaml", build.format("https://git.example.com/app.git"))
    (root / "usr/bin/ssh").unlink()
    assert doctor(root) == {}
    write(root / "etc/pyservice.d/keyed.yaml", build.format("git@git.example.com:team/app.git"))
    assert doctor(root) == {"git": "bad keyed: ssh is not installed, and its repository is reached with it → install OpenSSH's client;"}
    (root / "usr/bin/git").unlink()
    assert doctor(root)["git"].count("git is not installed, and its image is built from a repository → install git;") == 2 and "built: git" in doctor(root)["git"]
    write(root / "usr/local/bin/git", mode=0o755)
    assert "git is not" not in doctor(root)["git"] and "git" not in doctor(root, "built")


def test_read_since(root):
    """What was written after the generators ran."""
    (root / "run/systemd/generator/pyservice.target.d").mkdir(parents=True)
    write(root / "run/pyservice/alive.conf", "[Unit]\nUpholds=shop.target\nUpholds=old.target\n")
    assert list(doctor(root)) == ["generated"] and "old: its definition was removed" in doctor(root)["generated"]
    write(root / "run/pyservice/alive.conf", "[Unit]\nUpholds=shop.target\n")
    assert doctor(root) == {}
    write(root / "etc/pyservice.d/shop.yaml.d/50-more.yaml", "scale: 3\n")
    assert "warning shop: its definition was changed since" in doctor(root)["generated"]
    assert doctor(root, "shop").keys() == {"generated"}


@pytest.mark.skipif(os.geteuid() != 0, reason="some of it is root's to see")
def test_what_is_masked_is_not_gone(root):
    (root / "etc/pyservice.d/old.yaml").symlink_to("/dev/null")
    (root / "var/lib/pyservice/old").mkdir(parents=True, mode=0o700)
    assert doctor(root) == {}
    (root / "run/systemd/generator/pyservice.target.d").mkdir(parents=True)
    write(root / "run/pyservice/alive.conf", "[Unit]\nUpholds=old.target\n")
    assert "warning old: it is masked by /etc/pyservice.d/old.yaml, and systemd has not been reloaded since" in doctor(root)["generated"]
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", "old"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == "pyservicectl: old is masked by /etc/pyservice.d/old.yaml; remove that link, and the definition takes effect again\n"


@pytest.mark.other_users
def test_what_only_root_can_read_is_no_mistake(root):
    write(root / "etc/pyservice.d/sec.yaml", SHOP, mode=0o600)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PYSERVICECTL, f"--root={root}", "--json", "doctor"],
                          capture_output=True, text=True, check=False)
    answer = read_answer("doctor", done.stdout)
    found = [check for check in answer["checks"] if check["check"] == "errors"]
    assert answer["bad"] == 0 and found[0]["level"] == "skipped" and found[0]["findings"] == [], found


def test_nothing_of_the_file_moves_a_terminal(root):
    write(root / "etc/pyservice.d/bad.yaml", "image: \"x\\u0007y\"\nscale: '\u202e'\n")
    write(root / "etc/systemd/system/shop@.service.d/10-ports.conf\033[31m", "")
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor"], capture_output=True, check=False)
    assert done.returncode == 1 and not any(byte < 32 and byte != 10 for byte in done.stdout)


def test_one_line_for_each_kind(root):
    for name in "gone", "lost":
        (root / "var/lib/pyservice" / name).mkdir(parents=True)
    write(root / "etc/pyservice.d/sec.yaml", "image: x.example.com/a:1\nsecrets: {a: {file: /etc/a}, b: {file: /etc/b}}\n")
    write(root / "etc/b", "b")
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor"], capture_output=True, text=True, check=False)
    assert "  bad     /var/lib/pyservice/gone has the mode 0755: " in done.stdout  # no other finding is like it
    assert "  warning 2 definitions were removed, but their state remains in /var/lib/pyservice: gone, lost\n" \
           "          → if it will not return: pyservicectl purge gone\n" in done.stdout
    if os.geteuid() == 0:
        assert "  bad     sec: the file of its secret 'a' /etc/a: No such file" in done.stdout
        assert "  warning sec: the file of its secret 'b', /etc/b, can be read" in done.stdout
        (root / "etc/b").unlink()
        done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor"], capture_output=True, text=True, check=False)
        assert "  bad     2 files of secrets cannot be read: /etc/a, /etc/b\n          → write it there" in done.stdout
    many = [f"gone{n:02}" for n in range(25)]
    for name in many:
        (root / "var/lib/pyservice" / name).mkdir()
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor"], capture_output=True, text=True, check=False)
    assert f"27 definitions were removed, but their state remains in /var/lib/pyservice: gone, {', '.join(many[:19])} …; --json shows all\n" in done.stdout
    assert doctor(root)["removed"].count("purge") == 27


def test_fixes_of_another_root(root):
    (root / "etc/systemd/system/multi-user.target.wants/pyservice.target").unlink()
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor"], capture_output=True, text=True, check=False)
    assert "; --fix fixes 1" in done.stdout
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "--json", "doctor"], capture_output=True, text=True, check=False)
    assert '"fix": "systemctl enable pyservice.target"' in done.stdout
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", "--fix", "--yes"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "not with --root" in done.stderr and done.stdout == ""


def test_warnings_of_definitions(root):
    write(root / "etc/pyservice.d/late.yaml", "image: x.example.com/late:1\ncommand: gunicorn --graceful-timeout 60 late.wsgi\n")
    write(root / "etc/pyservice.d/twice.yaml", "image: x.example.com/twice:1\ncommand: sh -c 'date; celery -A twice beat'\nscale: 2\n")
    assert re.search("warning late: .*late.yaml:2:10: .*killed after 10s.*warning twice: .*stop signal.*warning twice: .*each of the 2 instances", doctor(root)["errors"])


def test_eighty_columns(root):
    (root / GENERATORS / "pyservice-generator").unlink()
    write(root / "etc/pyservice.d/bad.yaml", "image: x\nhealth: {httpp: /}\n" + "scale: 2\n")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen([PYSERVICECTL, f"--root={root}", "doctor"], stdout=theirs, env={**os.environ, "TERM": "xterm", "NO_COLOR": ""}) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the terminal is gone
            pass
    os.close(ours)
    lines = re.sub(r"\033\[[0-9;]*m", "", text.decode()).replace("\r", "").splitlines()
    assert process.returncode == 1 and max(map(len, lines)) <= 80 and b"\033[1;31m" in text
    assert len([line for line in lines if line.startswith("  bad     ")]) == 2


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A certificate from an intermediate authority, its key, and that authority's certificate."""
    place = tmp_path_factory.mktemp("pem")

    def make(name, issuer, days=90, names="shop.example.com"):
        signed = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"] if issuer else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                        "-out", f"{name}.crt", *signed, *(["-addext", f"subjectAltName=DNS:{names}"] if names else [])], cwd=place, capture_output=True, check=True)
        return (place / f"{name}.crt").read_text()

    texts = {"authority": make("authority", None), "between": make("between", "authority"), "leaf": make("leaf", "between"),
             "soon": make("soon", "between", 20), "late": make("late", "between", 22), "other": make("other", "between", names="a.example.com,DNS:b.example.com"),
             "wild": make("wild", "between", names="*.example.com"), "nameless": make("nameless", "between", names=None)}
    subprocess.run(["openssl", "x509", "-req", "-in", "/dev/stdin", "-CA", "between.crt", "-CAkey", "between.key", "-days", "0", "-out", "gone.crt"], cwd=place,
                   input=subprocess.run(["openssl", "req", "-new", "-key", "leaf.key", "-subj", "/CN=gone"], cwd=place, capture_output=True, check=True).stdout,
                   capture_output=True, check=True)
    while subprocess.run(["openssl", "x509", "-checkend", "0", "-noout", "-in", "gone.crt"], cwd=place, capture_output=True, check=False).returncode == 0:
        time.sleep(0.1)     # it ends with the second in which it was made
    texts["gone"] = (place / "gone.crt").read_text()
    return texts | {f"{name}.key": (place / f"{name}.key").read_text() for name in ("leaf", "soon", "late", "other", "wild", "nameless")}


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="root alone reads keys; needs openssl")
@pytest.mark.parametrize("pieces, level, words", [
    (["leaf", "between", "leaf.key"], None, []),
    (["leaf.key", "leaf", "between", "authority"], None, []),
    (["late", "between", "late.key"], None, []),
    (["soon", "between", "soon.key"], "warning", ["/etc/shop.pem expires soon, on ", " GMT →"]),
    (["gone", "between", "leaf.key"], "bad", ["/etc/shop.pem expired on ", "renew"]),
    (["leaf", "between", "soon.key"], "bad", ["the key in /etc/shop.pem does not belong to the certificate"]),
    (["between", "leaf", "leaf.key", "authority"], "bad", ["the key in /etc/shop.pem does not belong to the certificate"]),
    (["leaf", "between"], "bad", ["/etc/shop.pem has no key that can be read", "append the key"]),
    (["leaf", "leaf.key"], "warning", ["/etc/shop.pem has an incomplete chain", "fullchain.pem"]),
    (["leaf.key"], "bad", ["/etc/shop.pem is not a certificate"]),
    (None, "bad", ["its certificate /etc/shop.pem: No such file or directory"]),
])
def test_certificates(root, pem, pieces, level, words):
    define = SHOP.replace("]}", "], tls: {certificate: /etc/%s}}")
    write(root / "etc/pyservice.d/shop.yaml", define % "shop.pem")
    if pieces:
        write(root / "etc/shop.pem", "".join(pem[piece] for piece in pieces), mode=0o600)
    found = doctor(root)
    assert found.keys() == ({"certificates"} if level else set()), found
    assert not level or all(word in found["certificates"] for word in [f"{level} shop: ", *words]) and found["certificates"].count("→") == 1

    # In a directory; a key beside the file is HAProxy's to find.
    write(root / "etc/pyservice.d/shop.yaml", define % "certificates")
    (root / "etc/certificates").mkdir()
    if pieces:
        (root / "etc/shop.pem").rename(root / "etc/certificates/shop.pem")
        found = doctor(root)
        assert found.keys() == ({"certificates"} if level else set()) and all(word.replace("/etc/", "/etc/certificates/") in found["certificates"] for word in words)
        write(root / "etc/certificates/shop.pem.key", pem["leaf.key"], mode=0o600)
        assert pieces != ["leaf", "between"] or doctor(root) == {}


REFUSED = "failed 1796056495 yes it%20is%20refused\n"
ISSUED = "issued https://ca.example.com/directory\n"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="root alone reads keys; needs openssl")
@pytest.mark.parametrize("record, piece, words", [
    (None, "leaf", ["warning shop: no certificate was issued yet for shop.example.com", "systemctl start pyservice-acme@shop.example.com.service"]),
    ("", "leaf", ["warning shop: no certificate was issued yet for shop.example.com"]),
    (REFUSED, "leaf", ["bad shop: no certificate was issued for shop.example.com: it is refused"]),
    (ISSUED, "leaf", []),
    (ISSUED, "soon", []),
    (ISSUED + REFUSED, "leaf", ["warning shop: the certificate of shop.example.com cannot be renewed: it is refused"]),
    (ISSUED + REFUSED, "gone", ["cannot be renewed: it is refused", "bad shop: /var/lib/pyservice/.acme/certificates/shop.example.com.pem expired on "]),
])
def test_certificates_that_are_ordered(root, pem, record, piece, words):
    write(root / "etc/pyservice.d/shop.yaml", SHOP.replace("]}", "], tls: auto}"))
    key = pem["leaf.key" if piece == "gone" else f"{piece}.key"]
    write(root / "var/lib/pyservice/.acme/certificates/shop.example.com.pem", pem[piece] + pem["between"] + key, mode=0o600)
    if record is not None:
        write(root / "var/lib/pyservice/.acme/orders/shop.example.com", record and "pyservice-acme 1\n" + record)
    found = doctor(root)
    assert found.keys() == ({"certificates"} if words else set()), found
    assert all(word in found["certificates"] for word in words), found


NAMES = {"leaf": "shop.example.com", "other": "a.example.com, b.example.com", "wild": "*.example.com", "nameless": ""}


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="root alone reads keys; needs openssl")
@pytest.mark.parametrize("name, kind, domains, missing", [
    ("leaf", "haproxy", "shop.example.com", ""), ("wild", "haproxy", "shop.example.com, '*.example.com'", ""), ("wild", "nginx", "shop.example.com", ""),
    ("other", "haproxy", "shop.example.com", "shop.example.com"), ("other", "nginx", "a.example.com, c.example.com, d.example.com", "c.example.com, d.example.com"),
    ("wild", "haproxy", "example.com, a.b.example.com", "example.com, a.b.example.com"), ("leaf", "haproxy", "'*.example.com'", "*.example.com"),
    ("nameless", "haproxy", "nameless", "nameless"),
])
def test_the_names_of_a_certificate(root, pem, name, kind, domains, missing):
    def define(app, certificate, names):
        write(root / f"etc/pyservice.d/{app}.yaml", f"image: localhost/hello:1\nport: 8000\nproxy: {{kind: {kind}, domains: [{names}], tls: {{certificate: {certificate}}}}}\n")

    write(root / "etc/shop.pem", pem[name] + pem["between"] + pem[f"{name}.key"], mode=0o600)
    define("shop", "/etc/shop.pem", domains)
    found = doctor(root)
    if not missing:
        assert found == {}
        return
    has = f", only {NAMES[name]}" if NAMES[name] else ", nor another host"
    assert found.keys() == {"certificates"} and found["certificates"].startswith(f"warning shop: /etc/shop.pem does not name {missing}{has} → "), found

    # HAProxy chooses among the certificates of all applications, nginx does not.
    write(root / "etc/more.pem", pem["wild"] + pem["between"] + pem["wild.key"], mode=0o600)
    define("more", "/etc/more.pem", "more.example.com")
    assert doctor(root) == ({} if kind == "haproxy" and domains in ("shop.example.com", "'*.example.com'") else found)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="root alone reads keys; needs openssl")
def test_a_certificate_with_many_names(root, tmp_path):
    """What its names need is no more than a few times their text: a certificate may be from somebody else."""
    names = [f"{number}.example.com" for number in range(20000)]
    (tmp_path / "settings").write_text("[req]\ndistinguished_name=of\nx509_extensions=more\nprompt=no\n[of]\nCN=x\n[more]\nsubjectAltName=@names\n[names]\n" +
                                       "".join(f"DNS.{number}={name}\n" for number, name in enumerate(names)))
    pem = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-config", tmp_path / "settings", "-keyout", "/dev/stdout"],
                         capture_output=True, text=True, check=True).stdout
    write(root / "etc/shop.pem", pem, mode=0o600)
    write(root / "etc/pyservice.d/shop.yaml", SHOP.replace("]}", "], tls: {certificate: /etc/shop.pem}}"))
    assert ", only " + ", ".join(names) + " → " in doctor(root)["certificates"]
    with subprocess.Popen([PYSERVICECTL, f"--root={root}", "doctor"], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0 and used.ru_maxrss < 500_000


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("openssl"), reason="root alone reads keys; needs openssl")
def test_pipes_among_certificates(root, pem):
    """Who may write certificates there does not make doctor wait for ever."""
    (root / "etc/certificates").mkdir()
    os.mkfifo(root / "etc/certificates/pipe.pem")
    os.mkfifo(root / "etc/certificates/shop.pem.key")
    write(root / "etc/certificates/shop.pem", pem["leaf"] + pem["between"], mode=0o600)
    write(root / "etc/pyservice.d/shop.yaml", SHOP.replace("]}", "], tls: {certificate: /etc/certificates}}"))
    with subprocess.Popen([PYSERVICECTL, f"--root={root}", "doctor"], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            text = process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert "has no key that can be read" in text and "pipe.pem" not in text
    write(root / "etc/pyservice.d/shop.yaml", SHOP.replace("]}", "], tls: {certificate: /etc/certificates/pipe.pem}}"))
    assert "bad shop: /etc/certificates/pipe.pem is not a certificate" in doctor(root)["certificates"]


def test_the_certificate_of_a_sidecar(root):
    write(root / "etc/pyservice.d/shop.yaml", SHOP + "sidecars: [{name: page, port: 80, proxy: {domains: [page.example.com], tls: {certificate: /etc/page.pem}}}]\n")
    assert "bad shop: its certificate /etc/page.pem: No such file or directory" in doctor(root)["certificates"]


def test_usage(root):
    for words in ["a", "b"], ["../a"], ["-x"]:
        assert subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", *words], capture_output=True, check=False).returncode == 2
    unknown = subprocess.run([PYSERVICECTL, f"--root={root}", "doctor", "shpo"], capture_output=True, text=True, check=False)
    assert unknown.returncode == 1 and "did you mean 'shop'?" in unknown.stderr and unknown.stdout == ""
