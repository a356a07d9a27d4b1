# SPDX-License-Identifier: Apache-2.0
"""Shows what was rendered to the programs that are to read it: HAProxy, and systemd for its own sections."""

import os
import re
import shutil
import subprocess
import tempfile

# What an administrator's own part has at least.
HAPROXY_BASE = """\
global
        log stderr format raw local0
defaults
        mode http
        log global
        timeout connect 3s
        timeout client 10s
        timeout server 30s
frontend any
        bind 127.0.0.1:8404
"""

# A name of a container is known only where containers run, and so is the state of a server.
HARMLESS_TO_HAPROXY = re.compile(r"could not resolve address|Can't open server state file")

# Keys that are newer than the oldest systemd which pyservice runs on; they are passed over there.
NEWER_KEYS = re.compile(r"Unknown key '(ImportCredential|RestartSteps|RestartMaxDelaySec)'")


def find_files(tree, suffix):
    return sorted(os.path.join(folder, name) for folder, _, files in os.walk(tree) for name in files if name.endswith(suffix))


def check_haproxy(tree, work):
    """All backends of the case as one configuration."""
    files = find_files(tree, ".cfg")
    if not files or not shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return []
    base = os.path.join(work, "base.cfg")
    with open(base, "w", encoding="utf-8") as file:
        file.write(HAPROXY_BASE)
    arguments = [argument for path in [base, *files] for argument in ("-f", path)]
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    done = subprocess.run([program, "-c", *arguments], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if re.match(r"\[(WARNING|ALERT)\]", line)]
    faults = [f"haproxy: {line}" for line in lines if not HARMLESS_TO_HAPROXY.search(line)]
    return faults or ([f"haproxy: exit status {done.returncode}"] if done.returncode else [])


def read_sections(path):
    """The lines of a unit by section."""
    sections, current = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if re.fullmatch(r"\[[A-Za-z]+\]", line):
                current = sections.setdefault(line, [])
            elif current is not None and line:
                current.append(line)
    return sections


def write_unit(path, work):
    """The part of a Quadlet file that systemd reads, as a service of its own; or a service, without its program."""
    name, suffix = os.path.splitext(os.path.basename(path))
    sections = read_sections(path)
    service = [line for line in sections.get("[Service]", []) if not line.startswith("ExecStart=")]
    if not any(line.startswith("Type=") for line in service):
        service = service + (["Type=oneshot"] if suffix != ".container" else [])
    stem = name if suffix in (".container", ".service") else f"{name}-{suffix[1:]}"
    target = os.path.join(work, f"{stem}.service")
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(["[Unit]", *sections.get("[Unit]", []), "[Service]", *service, "ExecStart=/bin/true", ""]))
    return target


def copy_unit(path, work):
    target = os.path.join(work, os.path.basename(path))
    shutil.copyfile(path, target)
    return target


def copy_drop_in(path, work):
    folder = os.path.join(work, os.path.basename(os.path.dirname(path)))
    os.makedirs(folder, exist_ok=True)
    shutil.copy(path, folder)


def check_systemd(tree, work):
    """systemd's opinion of each [Unit] and [Service]; that programs and other units are not there does not count."""
    if not shutil.which("systemd-analyze"):
        return []
    units = [write_unit(path, work) for suffix in (".container", ".image", ".network", ".volume", ".service") for path in find_files(tree, suffix)]
    units += [copy_unit(path, work) for suffix in (".target", ".timer") for path in find_files(tree, suffix)]
    for path in find_files(tree, ".conf"):
        copy_drop_in(path, work)
    if not units:
        return []
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True, text=True,
                          check=False, env={"PATH": os.environ.get("PATH", ""), "SYSTEMD_UNIT_PATH": f"{work}:"})
    lines = [line.replace(work + "/", "") for line in done.stderr.splitlines() if line.startswith(work + "/")]
    return [f"systemd: {line}" for line in lines if not NEWER_KEYS.search(line)]


def check(tree):
    """What they say against the rendered `tree`, a list of lines."""
    work = tempfile.mkdtemp(prefix="pyservice-consumers-")
    try:
        return check_haproxy(tree, work) + check_systemd(tree, work)
    finally:
        shutil.rmtree(work)
