#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `pyservicectl import` makes of other people's files: rates, and the kinds of loss, most frequent first.

rates.py [--quadlet=PROGRAM] PYSERVICECTL compose|kamal|procfile|quadlet|ansible-pyservice DIRECTORY

Every file of that kind below DIRECTORY is imported alone; a .container file with the files that it refers to. The definition
has to pass `check`, and to render. A key is a scalar of the file (a line of a unit). It is lost if a note of the kind "lost" is
at its place or above it, and changed if another note is. It is lost in silence if no note is there and words of it are missing
from the definition: these are suspects, for a person to judge. With --quadlet, the program that Podman brings converts the
.container file and what was rendered from it, and Podman's arguments are compared.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import arguments  # noqa: E402
import yaml

PATTERNS = {
    "compose": r"\.ya?ml$", "kamal": r"deploy[^/]*\.ya?ml$", "procfile": r"Procfile[^/]*$", "quadlet": r"\.container$",
    "ansible-pyservice": r"\.ya?ml$",
}
# What a container has without the key, what is merged before anything is carried over, and what is said in other words.
SILENT = re.compile(r"version:|\.restart:(always|unless-stopped)$|\.name:|container_name|driver:(bridge|local|default)$"
                    r"|condition:service_|external|required:|\.(profiles|include|extends|develop|expose|x-[^.]*)\b"
                    r"|:(false|0)$|^\.(secrets|configs|networks)\.|stdin_open|security_opt|type:(bind|volume|tmpfs)$|mode:(host|ingress)$"
                    r"|network_mode:bridge$|condition:(any|unless-stopped|none)$|mode:replicated$|depends_on|protocol:tcp$|create_host_path|volumes\.-\.read_only"
                    r"|disable:true$|CMD|NONE$|traefik\.|caddy|dockerfile|context:\.?$|build:\.?$")
TO_FIX = ("does not exist in /etc/containers", "there is no network", "no file ")


def tree_of(path):
    try:
        return yaml.compose(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def value_of(node, key):
    return next((v for k, v in getattr(node, "value", []) if isinstance(k, yaml.ScalarNode) and k.value == key), None) \
        if isinstance(node, yaml.MappingNode) else None


def has_key(node, key):
    return isinstance(node, yaml.MappingNode) and any(k.value == key for k, _ in node.value)


def is_whole_compose(node):
    """False for other YAML, and for a fragment: a file with a service that neither names an image nor is built, or that is on
    a network of another file."""
    services, networks = value_of(node, "services"), value_of(node, "networks")
    if not isinstance(services, yaml.MappingNode) or not services.value:
        return False
    for _, service in services.value:
        own = value_of(service, "networks")
        own = own.value if isinstance(own, (yaml.SequenceNode, yaml.MappingNode)) else []
        names = [n.value if isinstance(n, yaml.ScalarNode) else n[0].value for n in own]
        if any(name != "default" and not has_key(networks, name) for name in names):
            return False
    return all(isinstance(s, yaml.MappingNode) and any(value_of(s, k) for k in ("image", "build", "extends", "provider", "<<"))
               for _, s in services.value)


def place_of(node):
    return node.start_mark.line + 1, node.start_mark.column + 1


def leaves_of(node, path="", seen=None):
    """Scalars as (path, value, places of the nodes from the root to it); what an alias repeats counts once."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return []
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return [(path, node.value, {place_of(node)})]
    pairs = [(k.value, {place_of(k)}, v) for k, v in node.value] if isinstance(node, yaml.MappingNode) \
        else [("-", set(), v) for v in node.value]
    return [(p, text, places | place | {place_of(v)})
            for key, place, v in pairs if not str(key).startswith("x-")
            for p, text, places in leaves_of(v, f"{path}.{key}", seen)]


def lines_of(path):
    lines, section = [], ""
    for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        key, sign, value = line.partition("=")
        if line.startswith("["):
            section = line.strip("[] ")
        elif sign and re.match(r"\w+$", key):
            lines.append((f".{section}.{key}", value, {(n, 1)}))
    return lines


def is_carried(path, value, text):
    value = re.sub(r"/tcp$|^127\.0\.0\.1:|^(container|service):|\b(cached|delegated)$|\.\.|\.container$", "", value)
    name = path.rsplit(".", 1)[-1] if not path.endswith("-") else path.split(".")[-2]
    if SILENT.search(f"{path}:{value}"):
        return True
    if value.lower() in ("true", "yes", "on", ""):
        return name.lower().replace("_", "-") in text or name.partition("_")[0].lower() in text
    words = re.findall(r"\w+", re.sub(r"\$\{\w+[^}]*\}", "", value).lower().replace("_", "-"))
    return all(word in text for word in words if len(word) > 2)


class Rates:
    def __init__(self, program, kind, quadlet, work):
        self.program, self.kind, self.quadlet, self.work = program, kind, quadlet, work
        self.n, self.causes, self.failures = collections.Counter(), collections.Counter(), []

    def run(self, *words):
        return subprocess.run([self.program, f"--root={self.work}", *map(str, words)], capture_output=True, check=False, timeout=120)

    def keys(self, path, notes, text):
        leaves = lines_of(path) if self.kind in ("quadlet", "procfile") else leaves_of(tree_of(path))
        at = {kind: {(n["line"], n["column"]) for n in notes if n["kind"] == kind and n.get("file") == str(path)
                     and "chooses them" not in n["text"]} for kind in ("lost", "check")}
        left_out = re.findall(r"'([^']*)' \(", "".join(n["text"] for n in notes if "chooses them" in n["text"]))
        # Values that were removed when the definition was checked have no place, and a shared map is named at its first use only.
        placeless = [n["text"] for n in notes if "file" not in n or "left out, as Compose does" in n["text"]]
        said = text + " ".join(placeless).lower().replace("_", "-")
        lost = changed = 0
        for where, value, places in leaves:
            if places & at["lost"]:
                lost += 1
            elif places & at["check"]:
                changed += 1
            elif where.split(".")[2:3] and where.split(".")[2] in left_out:
                changed += 1
            elif not is_carried(where, value, said) and f"env: {where.partition('.environment.')[2]}' could" not in " ".join(placeless):
                self.n["keys lost in silence"] += 1
                self.causes[f"silent: {where.rsplit('.', 1)[-1]} ({path}: {where}={value})"] += 1
        self.n["keys"] += len(leaves)
        self.n["keys changed"] += changed
        self.n["keys lost"] += lost + sum("file" not in n for n in notes if n["kind"] == "lost")

    def file(self, path):
        self.n["files"] += 1
        inputs = [path] if self.kind != "quadlet" else arguments.with_companions(path)
        done = self.run("import", "--json", self.kind, *inputs)
        if b"each service is in a profile" in done.stderr:
            done = self.run("import", "--json", "--profile=*", self.kind, *inputs)
        if not done.stdout:
            self.failures.append((path, done.stderr.decode().strip().splitlines()[-1]))
            return
        definition = Path(self.work) / "app.yaml"
        results = [json.loads(line) for line in done.stdout.splitlines()]
        for result in results:
            notes = result["notes"]
            self.causes.update(f"{n['kind']}: {re.sub(r'[0-9]+|’.*’|[^ ]*/[^ ]*', '*', n['text'])[:150]}" for n in notes)
            definition.write_text(result["definition"])
            self.keys(path, notes, re.sub(r"^ *#.*\n", "", result["definition"], flags=re.M).lower().replace("_", "-"))
            fix = [n["text"] for n in notes if n["kind"] == "fix" and not any(t in n["text"] for t in TO_FIX)]
            checked = self.run("check", definition)
            if checked.returncode and fix:
                self.failures.append((path, fix[0]))
                if self.quadlet:
                    self.n["accepted by Quadlet"] += arguments.of_originals(self.quadlet, inputs) is not None
                return
            tree = Path(self.work) / "out"
            subprocess.run(["rm", "-rf", tree], check=True)
            rendered = self.run("render", f"--output={tree}", definition)
            if rendered.returncode and checked.returncode == 0:
                self.failures.append((path, rendered.stderr.decode().strip()))
                return
        self.n["files imported"] += 1
        if self.quadlet:
            self.compare(inputs, tree)

    def compare(self, inputs, tree):
        before = arguments.of_originals(self.quadlet, inputs)
        if before is None:
            return
        self.n["accepted by Quadlet"] += 1
        after = arguments.of_rendered(self.quadlet, tree, inputs[0])
        difference = arguments.difference(before, after)
        self.n["same arguments"] += not difference
        if difference:
            self.failures.append((inputs[0], f"other arguments: {difference}"))

    def show(self):
        for name, n in self.n.items():
            of = self.n["keys"] if name.startswith("keys ") else self.n["accepted by Quadlet"] if name == "same arguments" \
                else self.n["files"]
            print(f"{name:24} {n:7} {100 * n / of if of and name not in ('files', 'keys') else 100:7.2f} %")
        for path, why in self.failures:
            print(f"failed: {path}: {why}")
        for cause, n in self.causes.most_common():
            print(f"{n:6} {cause}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quadlet", help="Podman's Quadlet, to compare Podman's arguments")
    parser.add_argument("pyservicectl")
    parser.add_argument("kind", choices=PATTERNS)
    parser.add_argument("directory", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rates = Rates(given.pyservicectl, given.kind, given.quadlet, work)
        for path in sorted(given.directory.rglob("*")):
            if re.search(PATTERNS[given.kind], str(path)) and path.is_file() and \
                    (given.kind != "compose" or is_whole_compose(tree_of(path))):
                rates.file(path)
        rates.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
