# SPDX-License-Identifier: Apache-2.0
"""A Git repository on the machine: a package that pip installs, served by git's own daemon, over SSH and from its path."""

import shlex

from machine import Machine

BARE = "/srv/git/shop.git"
WORK = "/root/shop"
URL = "git://localhost/shop.git"
SSH_URL = "git@git.example.com:/srv/git/shop.git"
SSH_KEY = "/etc/pyservice/keys/shop"
SSHD_CONFIG = """
ListenAddress 127.0.0.1
HostKey /root/sshd/host
AuthorizedKeysFile /root/sshd/authorized
PermitRootLogin no
PasswordAuthentication no
StrictModes no
UsePAM no
"""

# Files of a directory over HTTPS, for who knows the password, if there is one: git's own "dumb" protocol.
HTTPS_URL = "https://git.example.com:8443/shop.git"
HTTPS = """
import base64, http.server, ssl, sys
LOGIN = sys.argv[2] and "Basic " + base64.b64encode(sys.argv[2].encode()).decode()
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if not LOGIN or self.headers["Authorization"] == LOGIN:
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic realm=git")
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), lambda *words: Handler(*words, directory="/srv/git"))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/tls/cert.pem", "/srv/tls/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""

SETUP = """
from setuptools import setup
setup(name="shop", version="1", packages=["shop"], entry_points={"console_scripts": ["shop=shop:main"]})
"""
PACKAGE = """
import http.server
import os
import sys

VERSION = "%s"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = (VERSION + " " + os.uname().nodename).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


class Repository:
    def __init__(self, machine: Machine):
        self.machine = machine

    def make(self) -> None:
        self.machine.run(f"rm -rf {BARE} {WORK}; git init -q --bare -b main {BARE} && git init -q -b main {WORK}"
                         f" && cd {WORK} && git config user.name x && git config user.email x@example.com"
                         f" && git remote add origin {BARE} && touch {BARE}/git-daemon-export-ok")
        self.put("setup.py", SETUP)
        self.put("pinned-requirements.txt", "gunicorn\n")
        self.release("one")

    def put(self, name: str, text: str) -> None:
        self.machine.run(["sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', f"{WORK}/{name}"], input=text)

    def commit(self) -> str:
        return self.machine.out(f"cd {WORK} && git add -A && git commit -q --allow-empty -m x && git push -q -f origin HEAD && git rev-parse HEAD")

    def release(self, version: str, tag: str = "") -> str:
        """A commit whose program answers with this version; and its tag."""
        self.put("shop/__init__.py", PACKAGE % version)
        commit = self.commit()
        if tag:
            self.machine.run(f"cd {WORK} && git tag -f {shlex.quote(tag)} && git push -q -f origin {shlex.quote(tag)}")
        return commit

    def serve(self) -> None:
        """Over git://, by a unit that a test may stop."""
        self.machine.run("systemctl reset-failed git-daemon.service 2>/dev/null; systemctl is-active -q git-daemon.service || systemd-run -q --unit=git-daemon"
                         " git daemon --reuseaddr --base-path=/srv/git --listen=127.0.0.1 /srv/git")
        self.machine.wait(f"git ls-remote {URL}", what="git daemon")

    def serve_ssh(self) -> None:
        """Over SSH as the user git; the machine knows no host key yet."""
        self.machine.run("id git 2>/dev/null || useradd -m -p '*' -s /usr/bin/git-shell git; mkdir -p /root/sshd /run/sshd; chmod 755 /root /root/sshd;"
                         "ssh-keygen -q -t ed25519 -N '' -f /root/sshd/host <<<y; mkdir -p -m 0700 /etc/pyservice/keys;"
                         f"ssh-keygen -q -t ed25519 -N '' -f {SSH_KEY}; cp {SSH_KEY}.pub /root/sshd/authorized; chmod 644 /root/sshd/authorized;"
                         f"chown -R git {BARE}".replace("<<<y", "</dev/null"))
        self.machine.write("/root/sshd/config", SSHD_CONFIG)
        self.machine.write("/etc/hosts", "127.0.0.1 localhost git.example.com\n::1 localhost\n")
        self.machine.run("systemctl is-active -q lab-sshd.service || systemd-run -q --unit=lab-sshd /usr/sbin/sshd -D -f /root/sshd/config")
        self.machine.wait("ssh-keyscan -t ed25519 git.example.com 2>/dev/null | grep -q ed25519", what="sshd")

    def know_host(self) -> None:
        # ssh-keyscan gives up after five seconds, and then prints nothing.
        key = self.machine.wait(lambda: self.machine.out("ssh-keyscan -t ed25519 git.example.com 2>/dev/null"), what="the key of sshd")
        self.machine.write("/etc/ssh/ssh_known_hosts", key + "\n")

    def serve_https(self, port: int = 8443, login: str = "deploy:s3cret:Q") -> None:
        """With a password, or for everybody; the machine trusts its certificate for git alone."""
        self.machine.write("/etc/hosts", "127.0.0.1 localhost git.example.com\n::1 localhost\n")
        self.machine.run("mkdir -p /srv/tls && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=git.example.com -addext subjectAltName=DNS:git.example.com"
                         " -keyout /srv/tls/key.pem -out /srv/tls/cert.pem 2>/dev/null"
                         f" && git config --system http.sslCAInfo /srv/tls/cert.pem && git -C {BARE} update-server-info")
        self.machine.write("/srv/tls/serve.py", HTTPS)
        self.machine.run("podman run -d --name git-https --network host -v /srv:/srv:ro docker.io/library/python:3.12-slim"
                         f" python /srv/tls/serve.py {port} '{login}'")
        self.machine.wait(f"curl -sk -o /dev/null https://git.example.com:{port}/", what="the HTTPS server")
