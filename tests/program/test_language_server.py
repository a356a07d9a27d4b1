# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema in an editor: what the YAML language server of most editors offers, and where it puts an error.

It comes from npm, where that is installed, into a directory that outlives the test."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "contrib/editor/pyservice.schema.json"
SERVER = "yaml-language-server@1.25.0"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "/var/cache")) / "pyservice-lab" / SERVER.replace("@", "-")
SETTINGS = {"yaml": {"schemas": {SCHEMA.as_uri(): "/etc/pyservice.d/*.yaml"}, "schemaStore": {"enable": False},
                     "validate": True, "completion": True, "hover": True}}
FILE = "file:///etc/pyservice.d/shop.yaml"


class Server:
    """Speaks the language server protocol over a pipe."""

    def __init__(self, program: pathlib.Path):
        self.process = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0

    def write(self, message: dict) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self) -> dict:
        length = 0
        while (line := self.process.stdout.readline().strip()):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server ended"
        message = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:         # it asks for the editor's settings
            self.write({"id": message["id"], "result": [SETTINGS.get(item["section"]) for item in message["params"]["items"]]})
        return message

    def ask(self, method: str, params: dict):
        self.number += 1
        self.write({"method": method, "params": params, "id": self.number})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]

    def wait(self, method: str) -> dict:
        while True:
            message = self.receive()
            if message.get("method") == method:
                return message["params"]


@pytest.fixture(scope="module")
def program():
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("no npm")
    path = CACHE / "node_modules/.bin/yaml-language-server"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", CACHE, SERVER], check=True)
    return path


@pytest.fixture
def server(program):
    one = Server(program)
    one.ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {"workspace": {"configuration": True}}})
    one.write({"method": "initialized", "params": {}})
    yield one
    one.process.kill()
    one.process.wait()


def open_file(server: Server, text: str) -> list[dict]:
    """Gives what is wrong with it, once the server has taken its settings and looked."""
    server.write({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": FILE, "languageId": "yaml", "version": 1, "text": text}}})
    return server.wait("textDocument/publishDiagnostics")["diagnostics"]


def complete(server: Server, text: str) -> set[str]:
    """What is offered at the end of the text."""
    open_file(server, text)
    lines = text.split("\n")
    answer = server.ask("textDocument/completion", {"textDocument": {"uri": FILE}, "position": {"line": len(lines) - 1, "character": len(lines[-1])}})
    return {item["label"] for item in answer["items"]}


@pytest.mark.parametrize("text, some", [
    ("", {"image", "services", "scale", "rollout"}),
    ("image: shop:1\nservices:\n  - name: web\n    ", {"command", "scale", "health", "proxy"}),
    ("image: shop:1\nport: 8000\nproxy:\n  ", {"domains", "balance", "sticky"}),
    ("image: shop:1\nrestart: ", {"always", "on-failure"}),
])
def test_completion(server, text, some):
    assert some <= complete(server, text)


@pytest.mark.parametrize("text, line, columns", [
    ("image: shop:1\nscael: 2\n", 1, (0, 5)),
    ("image: shop:1\nservices:\n  - name: web\n    restart: sometimes\n", 3, (13, 22)),
])
def test_an_error_at_its_place(server, text, line, columns):
    (problem,) = open_file(server, text)
    start, end = problem["range"]["start"], problem["range"]["end"]
    assert (start["line"], start["character"], end["character"]) == (line, *columns), problem


def test_what_is_good_has_none(server):
    assert open_file(server, "image: shop:1\nport: 8000\nscale: 4\nhealth: {http: /health}\n") == []


def test_hover_explains(server):
    open_file(server, "image: shop:1\n")
    answer = server.ask("textDocument/hover", {"textDocument": {"uri": FILE}, "position": {"line": 0, "character": 2}})
    assert "Image to run" in json.dumps(answer)
