# SPDX-License-Identifier: Apache-2.0
"""Applications that administrators asked for: each can be said, `check` reports nothing, and what was asked for is in what is generated."""

import os
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

DJANGO = """
image: registry.example.com/shop:1
env: {DATABASE_HOST: postgres, REDIS_URL: 'redis://redis:6379/0'}
services:
  - {name: web, command: gunicorn shop.wsgi, port: 8000, scale: 3, health: /healthz, proxy: {domains: [shop.example.com]}, requires: [postgres, redis]}
  - {name: worker, command: celery -A shop worker, scale: 2, requires: [postgres, redis]}
  - {name: beat, command: celery -A shop beat, requires: [redis]}
sidecars:
  - {name: postgres, image: docker.io/library/postgres:17, volumes: ['data:/var/lib/postgresql/data'], env: {POSTGRES_PASSWORD: {secret: password}}}
  - {name: redis, image: docker.io/library/redis:7}
tasks: [{name: migrate, command: ./manage.py migrate, requires: [postgres]}]
before_update: [migrate]
timers: [{name: backup, schedule: '*-*-* 03:00', command: ./backup, volumes: ['backups:/backups']}]
secrets: {password: {credential: shop.password}}
"""
NAMED = """
services:
  - {name: web, image: registry.example.com/web:1, aliases: [front], extra_hosts: ['legacy:192.0.2.1', 'old:192.0.2.2']}
  - {name: worker, image: registry.example.com/worker:1, extra_hosts: ['other:192.0.2.3']}
"""
SETTINGS = """
services:
  - {name: web, image: registry.example.com/web:1, read_only: true, tmpfs: [/tmp, /run], shm_size: 256M, sysctls: {net.core.somaxconn: '1024', net.ipv4.ip_local_port_range: '1024 65000'}}
  - {name: worker, image: registry.example.com/worker:1, cap_add: [NET_ADMIN, SYS_NICE], devices: [/dev/fuse, /dev/ttyS0], quadlet: {Container: {Annotation: [a=1, b=2], EnvironmentHost: true}}}
"""

# Name, definition, files below the directory of the application that have these lines, and some that have not.
ROWS = [
    ("django", DJANGO, {"shop-postgres.container": ["--network-alias=postgres", "Volume=shop-data:"], "shop-web@.container": ["Network=shop-default"],
                        "shop-backup.timer": ["OnCalendar=*-*-* 03:00"]}, {}),
    ("websocket", "image: localhost/shop:1\nport: 8000\nhealth: /\nproxy: {domains: [shop.example.com], timeouts: {server: 10min}}\n", {"haproxy": ["timeout server"]}, {}),
    ("tcp", "image: localhost/mqtt:1\nport: 1883\nscale: 2\nproxy: {mode: tcp}\n", {"haproxy": ["server \"shop-1\""]}, {"haproxy": ["http"]}),
    ("udp", "image: localhost/dns:1\npublish: ['53:53/udp']\n", {"shop@.container": ["PublishPort=53:53/udp"]}, {}),
    ("static", "image: docker.io/library/nginx:1.27\nport: 80\nvolumes: ['/srv/www:/usr/share/nginx/html:ro,create']\nproxy: {domains: [shop.example.com]}\n",
     {"shop@.container": ["/srv/www:/usr/share/nginx/html:ro"]}, {}),
    ("gpu", "services:\n- {name: model, image: localhost/model:1, gpus: all}\n- {name: web, image: localhost/web:1}\n", {"shop-model@.container": ["nvidia.com/gpu=all"]},
     {"shop-web@.container": ["nvidia"]}),
    ("two-ports", "image: localhost/two:1\npublish: ['80:8080', '9000-9001:9000-9001']\n", {"shop@.container": ["PublishPort=80:8080", "PublishPort=9000-9001:9000-9001"]}, {}),
    ("names", NAMED, {"shop-web@.container": ["--add-host=legacy:192.0.2.1", "--add-host=old:192.0.2.2", "--network-alias=front"], "shop-worker@.container": ["--add-host=other:192.0.2.3"]},
     {"shop-worker@.container": ["legacy", "front"]}),
    ("settings", SETTINGS, {"shop-web@.container": ["ReadOnly=yes", "Tmpfs=/tmp", "Tmpfs=/run", "ShmSize=256M", "net.core.somaxconn=1024", "net.ipv4.ip_local_port_range=1024 65000"],
                            "shop-worker@.container": ["AddCapability=NET_ADMIN", "AddCapability=SYS_NICE", "/dev/fuse", "/dev/ttyS0", "Annotation=a=1", "Annotation=b=2", "EnvironmentHost=true"]},
     {"shop-web@.container": ["NET_ADMIN", "/dev/fuse"], "shop-worker@.container": ["somaxconn", "ReadOnly"]}),
    ("node", "source: {repo: 'https://git.example.com/shop.git', ref: main, containerfile: Containerfile}\nport: 3000\ncommand: node server.js\nproxy: {domains: [shop.example.com]}\n",
     {"shop@.container": ["\"node\" \"server.js\""]}, {}),
    ("registry", "image: registry.example.com/shop:1\nauth_file: /etc/shop/auth.json\ntls_verify: false\n", {"": ["/etc/shop/auth.json", "TLSVerify=false"]}, {}),
    ("ipv6", "image: localhost/shop:1\npublish: ['[::]:80:8080', '[2001:db8::1]:81:81']\nnetworks: {inner: {ipv6: true}}\nnetwork: inner.network\n",
     {"shop@.container": ["PublishPort=[::]:80:8080"], "shop-inner.network": ["IPv6=yes"]}, {}),
]


@pytest.mark.parametrize("definition, has, lacks", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_it_can_be_said(tmp_path, definition, has, lacks):
    path = tmp_path / "etc/pyservice.d/shop.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(definition)
    (tmp_path / "etc/shop").mkdir()
    (tmp_path / "etc/shop/auth.json").write_text("{}")
    (tmp_path / "etc/shop/auth.json").chmod(0o600)
    (tmp_path / "etc/cdi").mkdir()
    (tmp_path / "etc/cdi/nvidia.json").write_text('{"kind": "nvidia.com/gpu", "devices": [{"name": "all"}]}')
    for words in ["check"], ["render", f"--output={tmp_path}/out"]:
        done = subprocess.run([PYSERVICECTL, f"--root={tmp_path}", *words], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done
    texts = {str(file.relative_to(tmp_path / "out")): file.read_text() for file in (tmp_path / "out").rglob("*") if file.is_file()}

    def text_of(name):
        found = [text for path, text in texts.items() if name in path]
        assert found, (name, sorted(texts))
        return "\n".join(found)

    for name, lines in has.items():
        for line in lines:
            assert line in text_of(name), (name, line, text_of(name))
    for name, lines in lacks.items():
        for line in lines:
            assert line not in text_of(name), (name, line, text_of(name))
