# SPDX-License-Identifier: Apache-2.0
"""A registry on the machine, with one image whose tag can be moved: 127.0.0.1:5000/app:latest."""

import hashlib
import json
from pathlib import Path

from machine import Machine

IMAGE = "127.0.0.1:5000/app:latest"
INSECURE = '[[registry]]\nlocation = "127.0.0.1:5000"\ninsecure = true\n'
DIRECTORY = "/home/registry"    # not on an overlay

SERVER = """
import hashlib, http.server, json, os, shutil
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        name = self.path.rstrip("/").rpartition("/")[2].removeprefix("sha256:")
        path = "/srv/" + ("version" if name == "v2" else name)
        if not os.path.exists(path):
            return self.send_error(404)
        self.send_response(200)
        if "/manifests/" in self.path:
            data = open(path, "rb").read()
            self.send_header("Content-Type", json.loads(data)["mediaType"])
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.send_header("Content-Length", str(os.path.getsize(path)))
        self.end_headers()
        if self.command == "GET":
            shutil.copyfileobj(open(path, "rb"), self.wfile)
    do_HEAD = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", 5000), Handler).serve_forever()
"""


class Registry:
    """Its tag is hello:1 first; `move` gives it an image that differs in a label."""

    def __init__(self, machine: Machine):
        self.machine = machine
        machine.run(f"mkdir {DIRECTORY} && podman push -q localhost/hello:1 dir:{DIRECTORY}")
        self.path = Path(f"/proc/{machine.lab.leader()}/root{DIRECTORY}")
        self.manifest = json.loads((self.path / "manifest.json").read_text())
        self.config = json.loads((self.path / self.digest_of_config()).read_text())
        self.env = self.config["config"]["Env"]
        self.move(1)
        machine.write("/etc/containers/registries.conf.d/lab.conf", INSECURE)
        machine.run(["podman", "run", "-d", "--name", "registry", "--network", "host", "-v", f"{DIRECTORY}:/srv:ro",
                     "--entrypoint", "python3", "localhost/hello:1", "-c", SERVER])
        machine.wait("curl -fs http://127.0.0.1:5000/v2/")

    def digest_of_config(self) -> str:
        return self.manifest["config"]["digest"].removeprefix("sha256:")

    def add(self, content: dict) -> str:
        data = json.dumps(content).encode()
        name = hashlib.sha256(data).hexdigest()
        (self.path / name).write_bytes(data)
        return name

    def move(self, number: int, *env: str) -> str:
        """Puts another image behind the tag; its id."""
        self.config["config"] |= {"Labels": {"number": str(number)}, "Env": [*self.env, *env]}
        name = self.add(self.config)
        self.manifest["config"] |= {"digest": f"sha256:{name}", "size": (self.path / name).stat().st_size}
        latest = self.add(self.manifest)
        (self.path / "latest.new").write_bytes((self.path / latest).read_bytes())
        (self.path / "latest.new").rename(self.path / "latest")
        return name

    def tag(self, name: str) -> str:
        """The reference of another tag, for the image that is behind the moved one now."""
        (self.path / name).write_bytes((self.path / "latest").read_bytes())
        return IMAGE.replace("latest", name)

    def remove(self) -> None:
        self.machine.run(f"podman rm -f -t 0 registry; rm -rf {DIRECTORY}")
