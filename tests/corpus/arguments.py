# SPDX-License-Identifier: Apache-2.0
"""Podman's arguments, as Quadlet makes them of .container files; for rates.py."""

import json
import os
import re
import shutil
import subprocess
import tempfile

SUFFIXES = "volume|network|pod|image|build"
# A pod of one container is its settings, which the container gets.
# pyservice's own: names, order, start, stop and logs of the tasks that it runs are no settings of the container.
FLAGS = {"--replace", "--rm", "-d", "--init", "--privileged", "--tty", "--interactive", "--env-host", "--no-healthcheck"}
ALONE = {"--replace", "--rm", "-d", "--name", "--hostname", "--pull", "--stop-timeout", "--env-file", "--cidfile", "--sdnotify",
         "--health-on-failure", "--init", "--init-path", "--pod-id-file"}
DEFAULTS = {"--cgroups split", "--health-interval 30", "--health-timeout 30", "--health-retries 3", "--health-start-period 0",
            "--log-driver passthrough"}
UNITS = {"s": 1, "m": 60, "h": 3600}


def with_companions(path):
    """The file, and those in its directory that it names, of which containers of the same pod are none."""
    found, new = [], [path]
    while new:
        one = new.pop()
        found.append(one)
        for name in re.findall(rf"[\w@.-]+\.(?:{SUFFIXES})\b|(?<=^Network=)[\w@.-]+\.container$", one.read_text(), re.M):
            other = path.parent / name
            if other.is_file() and other not in found + new:
                new.append(other)
    return found


def words_of(line):
    """systemd's words: quotes, and escapes as C has them."""
    words = []
    for text in re.findall(r'(?:"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s"\'\\]|\\.)+', line):
        word = "".join(part[1:-1] if part[0] in "\"'" and len(part) > 1 else part
                       for part in re.findall(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\\.|[^"\'\\]+', text))
        words.append(re.sub(r"\\(x[0-9a-f]{2}|[0-7]{3}|.)", unescape, word))
    return words


def unescape(match):
    code = match.group(1)
    if len(code) == 3:
        return chr(int(code[1:], 16) if code[0] == "x" else int(code, 8))
    return {"n": "\n", "t": "\t", "s": " "}.get(code, code)


def run_quadlet(program, directory):
    """{unit: its text}, or None if Quadlet refuses one."""
    done = subprocess.run([program, "-dryrun"], capture_output=True, text=True, check=False,
                          env={**os.environ, "QUADLET_UNIT_DIRS": str(directory)})
    units = re.split(r"^---(.+)---$", done.stdout, flags=re.M)
    return None if done.returncode else dict(zip(units[1::2], units[2::2]))


def exec_of(unit):
    line = re.search(r"^ExecStart=(.*podman.* run .*)$", unit, re.M)
    return words_of(line.group(1).replace("$$", "$")) if line else None


def of_originals(program, paths):
    """None if Quadlet refuses the files."""
    with tempfile.TemporaryDirectory() as directory:
        for path in paths:
            shutil.copy(path, directory)
        units = run_quadlet(program, directory) or {}
        found = [exec_of(unit) for unit in units.values() if f"/{paths[0].name}\n" in unit]
        return normal(found[0], directory, str(paths[0].parent)) if found and found[0] else None


def of_rendered(program, tree, path):
    """Of the part that the file has become, of which there is often no other."""
    with tempfile.TemporaryDirectory() as directory:
        for path in tree.rglob("*/quadlet/*"):
            shutil.copy(path, directory)
        units = {name: exec_of(text) for name, text in (run_quadlet(program, directory) or {}).items()}
    units = {name: words for name, words in units.items() if words}
    if not units:
        return None
    stem = re.sub(r"\W+", "-", path.stem).strip("-")
    found = [words for name, words in units.items() if re.search(rf"-(main|{stem})@?\.service", name)] or list(units.values())
    env = dict(line.split("=", 1) for path in tree.rglob("*.env") for line in path.read_text().splitlines() if "=" in line)
    # What an environment file cannot hold is assembled at the start.
    for path in tree.rglob("*.template"):
        env.update((name, value.replace("%n", "\n"))
                   for name, value in re.findall(r'^(\w+)="?(.*?)"?$', path.read_text(), re.M))
    options, rest = normal(found[0], "", "")
    options = [option for option in options if not re.fullmatch(r"--env \w+|--network-alias (app|app-.*|%p.*)", option)]
    return sorted(options + [f"--env {name}={value}" for name, value in env.items()]), rest


def seconds(text):
    parts = re.findall(r"(\d+)([smh])", text)
    return str(sum(int(n) * UNITS[unit] for n, unit in parts)) if re.fullmatch(r"(\d+[smh])+", text) else text


def value_of(name, value):
    """One of several forms that mean one thing to Podman."""
    if name in ("--health-cmd", "--entrypoint") and not value.startswith("["):
        return json.dumps([value])
    if name in ("--health-cmd", "--entrypoint"):
        return json.dumps(json.loads(value))
    if name.startswith("--health"):
        return seconds(value)
    if name == "--network":  # that of the application has its name, and so has a container
        value = re.sub(r"^container:.*", "container:that of the file", value)
        return re.sub(r"^(systemd|app|test)-.*", "the network of the file", value)
    if name == "--secret":
        value = value.removeprefix("source=")
        return value.replace(",type=mount,target=" + value.partition(",")[0], "")
    return value


def normal(words, directory, real):
    """(options as a sorted list, the rest), without those of pyservice."""
    words = [word.replace(directory, real) if directory else word for word in words]
    words = [word.replace("%h", "/root").replace("%%", "%") for word in words]
    i = words.index("run") + 1
    options = words[1:i - 1]
    while i < len(words) and words[i].startswith("-"):
        name, sign, value = words[i].partition("=")
        if not sign and name not in FLAGS and not name.startswith("--read-only"):
            i += 1
            value = words[i]
        i += 1
        name = {"-v": "--volume"}.get(name, name)
        option = f"{name} {value_of(name, value)}" if value or sign else name
        if name in ALONE or option in DEFAULTS or re.search(
                r"io\.pyservice|PYSERVICE_|PODMAN_SYSTEMD_UNIT|io.containers.autoupdate", option):
            continue
        options.append(option)
    return sorted(options), words[i:]


def difference(before, after):
    if after is None:
        return "refused by Quadlet"
    lost, gained = [o for o in before[0] if o not in after[0]], [o for o in after[0] if o not in before[0]]
    rest = "" if before[1] == after[1] else f"{before[1]} → {after[1]}"
    return f"- {lost} + {gained} {rest}" if lost or gained or rest else ""
