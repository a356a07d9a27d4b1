# SPDX-License-Identifier: Apache-2.0
"""Container settings of a part, seen in its container: of a service, a sidecar and a task."""

import json
import struct

from app import define, settle
from dci import inspect
from machine import Machine

PROBE = r"""
import json, os, resource, sys, time
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
seen = {
    "capabilities": int(status["CapBnd"], 16), "no new privileges": status["NoNewPrivs"], "seccomp": int(status["Seccomp_filters"]),
    "groups": sorted(os.getgroups()), "hosts": open("/etc/hosts").read().split(), "dns": open("/etc/resolv.conf").read().split(),
    "host": os.uname().nodename, "nofile": resource.getrlimit(resource.RLIMIT_NOFILE), "zone": time.tzname[0], "tty": sys.stdout.isatty(),
    "somaxconn": open("/proc/sys/net/core/somaxconn").read().strip(), "device": os.path.exists("/dev/second-null"),
    "mounts": {line.split()[1]: line.split()[3] for line in open("/proc/self/mounts").read().splitlines()},
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
    "gpu": (os.path.exists("/dev/nvidia-lab"), os.environ.get("NVIDIA_VISIBLE_DEVICES")),
}
with open("/data/new-" + sys.argv[1], "w") as file:
    file.write(json.dumps(seen))
os.rename(file.name, "/data/" + sys.argv[1])
print("seen by the " + sys.argv[1])
if sys.argv[1] != "task":
    time.sleep(1000000)
"""

APP = """
image: localhost/hello:1
entrypoint: [python3, -c, {probe}]
volumes: ["/srv/settings:/data"]
cap_drop: ALL
extra_hosts: ["ldap.example.com:192.0.2.5", "gateway=host-gateway"]
timezone: Asia/Tokyo
security: {{no_new_privileges: true}}
services:
  - name: web
    command: service
    cap_add: [NET_BIND_SERVICE, SYS_PTRACE]
    devices: "/dev/null:/dev/second-null:rw"
    gpus: all
    hostname: web.example.com
    groups: [4242]
    read_only: true
    tmpfs: ["/cache:size=1m"]
    shm_size: 16m
    sysctls: {{net.core.somaxconn: 77, net.ipv4.ip_local_port_range: "20000 30000"}}
    ulimits: {{nofile: {{soft: 1000, hard: 2000}}}}
    security: {{seccomp: unconfined}}
    log: {{options: {{tag: "50 % \\"web\\" $HOME"}}}}
sidecars:
  - name: side
    command: sidecar
    dns: [192.0.2.53]
    tty: true
    privileged: true
    quadlet: {{Container: {{Annotation: [one=1, two=2], ReadOnly: true}}}}
tasks:
  - name: work
    command: task
    cap_add: CHOWN
    ulimits: {{nofile: 1234}}
    tmpfs: /cache
    tty: true
    log: {{driver: journald, options: {{tag: work}}}}
"""

# As a tool of NVIDIA describes its devices; this one is harmless.
GPU = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [{"name": "all", "containerEdits": {
    "env": ["NVIDIA_VISIBLE_DEVICES=lab"], "deviceNodes": [{"path": "/dev/nvidia-lab", "hostPath": "/dev/null"}]}}]}

CHOWN, NET_BIND_SERVICE, SYS_PTRACE = 1 << 0, 1 << 10, 1 << 19


# A zone file for TZ names that the machine lacks (tzfile(5)): nine hours ahead, in both versions of the format.
ZONE_HEADER = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
ZONE_DATA = struct.pack(">lbb", 9 * 3600, 0, 0) + b"JST\0"
ZONE = ZONE_HEADER + ZONE_DATA + ZONE_HEADER + ZONE_DATA + b"\nJST-9\n"


def look(machine: Machine, name: str) -> dict:
    path = f"/srv/settings/{name}"
    return json.loads(machine.wait(lambda: machine.read(path), what=f"the view of the {name}"))


def test_each_part_has_its_own(machine):
    machine.write("/usr/share/zoneinfo/Asia/Tokyo", ZONE)
    machine.run("rm -rf /srv/settings && mkdir -p /srv/settings /etc/cdi")
    machine.write("/etc/cdi/nvidia.json", json.dumps(GPU))
    define(machine, "cfg", APP.format(probe=json.dumps(PROBE)))
    machine.run("systemctl start cfg-work.service")
    web, side, work = look(machine, "service"), look(machine, "sidecar"), look(machine, "task")

    assert web["capabilities"] == NET_BIND_SERVICE | SYS_PTRACE and work["capabilities"] == CHOWN
    assert side["capabilities"] & (1 << 21), "a privileged container has CAP_SYS_ADMIN"
    assert web["no new privileges"] == side["no new privileges"] == work["no new privileges"] == "1"
    assert web["seccomp"] == side["seccomp"] < work["seccomp"], "the machine of the lab has filters of its own"
    assert 4242 in web["groups"] and 4242 not in work["groups"]
    for seen in web, side, work:
        assert "ldap.example.com" in seen["hosts"] and "gateway" in seen["hosts"] and seen["zone"] == "JST", seen
    assert "192.0.2.53" not in web["dns"]
    assert (web["host"], work["host"]) == ("web.example.com", "cfg-work")
    assert web["nofile"] == [1000, 2000] and work["nofile"] == [1234, 1234]
    assert web["somaxconn"] == "77" and work["somaxconn"] != "77"
    assert (web["device"], work["device"]) == (True, False)
    assert web["gpu"] == [True, "lab"] and work["gpu"] == [False, None]
    machine.run("rm -r /etc/cdi")
    assert web["mounts"]["/"].startswith("ro") and work["mounts"]["/"].startswith("rw")
    assert "/cache" in web["mounts"] and "size=1024k" in web["mounts"]["/cache"] and "/cache" in work["mounts"] and "/cache" not in side["mounts"]
    assert web["shm"] == 16 << 20 and work["shm"] != 16 << 20
    assert (web["tty"], side["tty"], work["tty"]) == (False, True, True)
    assert machine.out("journalctl --sync && journalctl -b -o cat -u cfg-work.service | tr -d '\\r'").splitlines().count("seen by the task") == 1

    config = inspect(machine, "cfg-web-0")["HostConfig"]
    assert config["LogConfig"]["Tag"] == '50 % "web" $HOME' and config["LogConfig"]["Type"] == "journald"
    assert inspect(machine, "cfg-side")["HostConfig"]["Dns"] == ["192.0.2.53"]
    assert inspect(machine, "cfg-side")["HostConfig"]["ReadonlyRootfs"] is True
    annotations = inspect(machine, "cfg-side")["Config"]["Annotations"]
    assert (annotations["one"], annotations["two"]) == ("1", "2")
    settle(machine)


def test_a_change_is_a_new_revision(machine):
    base = "image: localhost/hello:1\nservices:\n  - name: web\n    {}\nsidecars:\n  - {{name: side, command: sleep infinity}}\n"

    def labels():
        return {row["Names"][0]: row["Labels"]["io.pyservice.revision"] for row in machine.podman_ps() if row["State"] == "running"}

    define(machine, "cfg", base.format("command: sleep infinity"))
    machine.wait(lambda: set(labels()) == {"cfg-web-0", "cfg-side"}, what="both containers")
    before = labels()
    define(machine, "cfg", base.format("command: sleep infinity\n    ulimits: {core: 0}"))
    machine.wait(lambda: labels().get("cfg-web-0", before["cfg-web-0"]) != before["cfg-web-0"], what="the new revision")
    assert labels()["cfg-side"] == before["cfg-side"], "the sidecar was not changed"
    settle(machine)


NETWORKS = """
image: localhost/hello:1
networks:
  front: {}
  back: {subnet: 10.91.7.0/24, internal: true}
services:
  - name: web
    command: sleep infinity
    networks: [front.network, {name: back.network, aliases: [www]}]
sidecars:
  - name: db
    command: sleep infinity
    networks: [{name: back.network, aliases: [database, pg], address: 10.91.7.9}]
tasks:
  - name: work
    networks: [front.network, back.network]
    volumes: ["/srv/settings:/data"]
    entrypoint: [python3, -c]
    command: ["import json, socket; json.dump({name: sorted({one[4][0] for one in socket.getaddrinfo(name, 1)}) for name in ('db', 'database', 'pg', 'web', 'www', 'cfg-web')}, open('/data/names', 'w'))"]
"""


def test_a_part_on_several_networks(machine):
    machine.run("rm -rf /srv/settings && mkdir -p /srv/settings")
    define(machine, "cfg", NETWORKS)
    machine.wait(lambda: {"cfg-web-0", "cfg-db"} <= set(machine.containers()), what="both containers")
    settle(machine)
    networks = {name: inspect(machine, name)["NetworkSettings"]["Networks"] for name in ("cfg-web-0", "cfg-db")}
    assert set(networks["cfg-web-0"]) == {"cfg-front", "cfg-back"} and set(networks["cfg-db"]) == {"cfg-back"}
    assert networks["cfg-db"]["cfg-back"]["IPAddress"] == "10.91.7.9"
    assert {"www", "web", "cfg-web"} <= set(networks["cfg-web-0"]["cfg-back"]["Aliases"]) and "www" not in networks["cfg-web-0"]["cfg-front"]["Aliases"]

    machine.wait("systemctl start cfg-work.service", what="a task that finds all names")      # Podman's name server may be behind
    names = json.loads(machine.read("/srv/settings/names"))
    assert names["db"] == names["database"] == names["pg"] == ["10.91.7.9"]
    web = [networks["cfg-web-0"][name]["IPAddress"] for name in ("cfg-front", "cfg-back")]
    assert set(names["web"]) <= set(web) and names["www"] == web[1:] and set(names["cfg-web"]) <= set(web)
