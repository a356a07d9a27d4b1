# SPDX-License-Identifier: Apache-2.0
"""The root file system that the machines boot from: Debian packages, settings, container images.

It is kept in a cache, below a name that is the hash of all that goes into it, in two steps: the
packages (a minute), and on top of them the settings and the images that are made from tests/machine/images
(seconds). Each step works below a temporary name and ends with a rename.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import host
from host import CACHE

IMAGES = Path(__file__).resolve().parent / "images"
KEPT = 3  # of each step; older ones go

MACHINE_PACKAGES = """
    systemd systemd-sysv dbus dbus-user-session libpam-systemd
    podman crun netavark aardvark-dns nftables iproute2 uidmap passt
    haproxy nginx ca-certificates curl git less openssh-server openssl procps socat strace
    libyaml-0-2 libsystemd0 libcurl4t64 libcurl3t64-gnutls libmnl0 libjson-c5
    uacme pebble
""".split()

IMAGE_PACKAGES = """
    python3 python3-gunicorn gunicorn python3-psycopg2 python3-redis
    python3-pip python3-setuptools python3-venv python3-wheel
    postgresql redis-server haproxy curl ca-certificates
    python3-moto python3-flask-cors python3-django python3-celery
    python3-fastapi python3-uvicorn python3-sqlalchemy python3-greenlet python3-asyncpg alembic
""".split()

IMAGE_WITHOUT = """
    /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/i18n/*
    /usr/lib/*/libLLVM* /usr/lib/*/libz3*
    /usr/lib/postgresql/*/lib/llvmjit* /usr/lib/postgresql/*/lib/bitcode/*
""".split()

NO_CLUSTER = ('mkdir -p "$1/etc/postgresql-common" && '
              'echo create_main_cluster = false >"$1/etc/postgresql-common/createcluster.conf"')

IMAGE_STORE = "/usr/lib/containers/storage"

MACHINE_FILES = {
    "etc/hostname": None,  # else the host's
    # It has systemd tell each change of each unit on the bus, which is a twentieth of what the tests cost. It starts when asked for.
    "usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service": None,
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "options timeout:1 attempts:1\n",
    "etc/containers/containers.conf.d/10-lab.conf":
        # The pids controller may not be in the unified hierarchy; limits may not be raised.
        "[containers]\npids_limit = 0\n"
        'default_ulimits = ["nofile=1024:16384", "nproc=16384:16384"]\n',
    # Most of what a short run of Podman costs is Go's start; to collect no garbage saves a third of it.
    "etc/systemd/system.conf.d/10-lab.conf": "[Manager]\nDefaultEnvironment=GOGC=off\n",
    "etc/containers/storage.conf":
        '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\n'
        'graphroot = "/var/lib/containers/storage"\n'
        f'[storage.options]\nadditionalimagestores = ["{IMAGE_STORE}"]\n',
}

MASKED = """
    modprobe@.service systemd-modules-load.service
    netavark-dhcp-proxy.socket netavark-dhcp-proxy.service
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer getty@tty1.service
    ssh.service ssh.socket nginx.service
""".split()

# Generators of systemd's that have nothing to do in a container. They are most of what a reload costs, and the tests
# reload hundreds of times.
MASKED_GENERATORS = "debug getty gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2".split()

IMAGE_TAGS = {  # tag: (directory, build arguments)
    "localhost/hello:1": ("hello", ["VERSION=1"]),
    "localhost/hello:2": ("hello", ["VERSION=2"]),
    "docker.io/library/python:3.12-slim": ("python", []),
    "docker.io/library/python:3.8-slim": ("python", []),
    "localhost/postgres:1": ("postgres", []),
    "localhost/redis:1": ("redis", []),
    "localhost/haproxy:1": ("haproxy", []),
    "quay.io/distributedci/dci-control-server:latest": ("dci", []),
    "quay.io/distributedci/backup:latest": ("backup", []),
    # Under the names that test_selfhosted.py's Compose files have.
    "docker.io/library/postgres:16-alpine": ("postgres", ["USER=root"]),
    "docker.io/valkey/valkey:8.0-alpine": ("valkey", []),
    "docker.io/example/inventory:v4": ("inventory", []),
    "ghcr.io/example/tickets:7.1": ("tickets", []),
    "ghcr.io/example/photos-server:v2": ("photos", []),
    "registry.example.com/pytq:0.9": ("pytq", []),
    "registry.example.com/component:2026.11": ("component", []),
}


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    options: tuple[str, ...] = ()


SUITES = {
    "trixie": Suite("trixie"),
    # mount(8) is not essential there.
    "sid": Suite("sid", ("--aptopt=Acquire::Check-Valid-Until \"false\"", "--include=mount")),
}


def key_of(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def packages_key(suite: Suite) -> str:
    return key_of(suite.name, suite.options, MACHINE_PACKAGES, IMAGE_PACKAGES, IMAGE_WITHOUT,
                  NO_CLUSTER, IMAGE_STORE)


def images_key() -> str:
    sources = [(path.relative_to(IMAGES), path.stat().st_mode & 0o100, path.read_bytes().hex())
               for path in sorted(IMAGES.rglob("*"))
               if path.is_file() and "__pycache__" not in path.parts]
    return key_of(MACHINE_FILES, MASKED, MASKED_GENERATORS, IMAGE_TAGS, sources)


def build(suite_name: str = "trixie") -> Path:
    """Returns the root file system, made now if it is not in the cache."""
    suite = SUITES[suite_name]
    packages = CACHE / f"packages-{suite.name}-{packages_key(suite)}"
    root = CACHE / f"root-{suite.name}-{packages_key(suite)}-{images_key()}"
    host.install_packages(host.LAB_PACKAGES)
    if not root.exists():
        with host.locked("build.lock"):
            make(packages, lambda new: make_packages(new, suite))
            make(root, lambda new: make_images(new, packages))
            prune(packages, root)
    os.utime(root)
    return root


def make(path: Path, fill: Callable[[Path], None]) -> None:
    if path.exists():
        return
    new = path.with_name(f"new-{path.name}")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir()
        fill(new)
        new.rename(path)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def make_packages(new: Path, suite: Suite) -> None:
    host.say("installing", suite.name)
    debootstrap(suite, "apt", MACHINE_PACKAGES, [], str(new))
    host.say("making the base image")
    tar = new / "base.tar"
    options = [f"--dpkgopt=path-exclude={path}" for path in IMAGE_WITHOUT]
    debootstrap(suite, "essential", IMAGE_PACKAGES,
                options + [f"--essential-hook={NO_CLUSTER}"], str(tar))
    podman(new, f"podman --root {IMAGE_STORE} import -q /base.tar localhost/base")
    tar.unlink()


def debootstrap(suite: Suite, variant: str, packages: list[str], options: list[str],
                target: str) -> None:
    host.run(["mmdebstrap", "--quiet", f"--variant={variant}", f"--include={','.join(packages)}",
              *suite.options, *options, suite.name, target])


def make_settings(new: Path) -> None:
    for name, content in MACHINE_FILES.items():
        path = new / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (new / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    for unit in MASKED:
        (new / "etc/systemd/system" / unit).symlink_to("/dev/null")
    generators = new / "etc/systemd/system-generators"
    generators.mkdir(exist_ok=True)
    for generator in MASKED_GENERATORS:
        (generators / f"systemd-{generator}-generator").symlink_to("/dev/null")


def make_images(new: Path, packages: Path) -> None:
    host.run(["cp", "-a", "--reflink=auto", f"{packages}/.", str(new)])
    make_settings(new)
    host.say("making the images")
    program = new / "programs/hello"
    program.parent.mkdir()
    host.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-static", "-pthread", "-o", program, IMAGES / "hello/hello.c"])
    lines = ["set -e"]
    for tag, (directory, arguments) in IMAGE_TAGS.items():
        options = " ".join(f"--build-arg {argument}" for argument in arguments)
        lines.append(f"podman --root {IMAGE_STORE} build -q --layers=false {options} "
                     f"--build-context=programs=/programs -t {tag} /mnt/{directory}")
    podman(new, "\n".join(lines))
    shutil.rmtree(program.parent)


def podman(root: Path, script: str) -> None:
    name = f"build-{uuid.uuid4().hex[:8]}"
    try:
        host.run([*host.nspawn(name, root), "--pipe", f"--bind-ro={IMAGES}:/mnt",
                  "--setenv=PODMAN_IGNORE_CGROUPSV1_WARNING=1", "sh", "-c", script])
    finally:
        host.forget_nspawn(name)


def prune(*needed: Path) -> None:
    """Makes room; under the lock, so that what is half made was given up."""
    for path in CACHE.glob("new-*"):
        shutil.rmtree(path)
    used = {Path(state.read_text()) for state in host.machines().glob("*/lower")} | set(needed)
    for kind in ("packages-*", "root-*"):
        newest_first = sorted(CACHE.glob(kind), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[KEPT:]:
            if path not in used:
                shutil.rmtree(path)
