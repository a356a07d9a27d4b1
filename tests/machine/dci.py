# SPDX-License-Identifier: Apache-2.0
"""The machine of test_dci.py, as an administrator sets it up who knows nothing of pyservice: a network, PostgreSQL,
Redis and HAProxy in containers of their own, and secrets."""

import json
import shlex

import host
from app import instances_behind
from machine import Machine

EXAMPLE = (host.REPOSITORY / "contrib/examples/dci-api.yaml").read_text()
DEFINITION = "/etc/pyservice.d/dci-api.yaml"
DROP_IN = f"{DEFINITION}.d/50-test.yaml"
HOST_NAME = "api1.example.com"
URL = "http://127.0.0.1/api/v1/"
SIDECAR = "dci-api-auth-tracking"

# In each there are some letters and digits, which no encoding changes, to look for: MARKS.
CREDENTIALS = {
    "dci.dbpassword": "dbMarkQ7zx@:/%41+&?#='\"$ {}$HOME\\n;\u00e9",
    "dci.s3-access-key": "s3MarkQ7zxACCESS",
    "dci.s3-secret-key": "s3MarkQ8zx/+SECRET=",
    "dci.rhdl-access-key": "rhdlMarkQ7zx",
    "dci.rhdl-secret-key": "rhdlMarkQ8zx $x ",
}
PASSWORD_IN_URL = "dbMarkQ7zx%40%3A%2F%2541%2B%26%3F%23%3D%27%22%24%20%7B%7D%24HOME%5Cn%3B%C3%A9"
PEM_FILE = "/etc/dci-api/sso.pem"
PEM = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApemMarkQ7zx5sGHDMe+
c2Zs0/9rM1n4J=
  "quoted" 'lines' # not of a real key: $HOME, \\ at the end \\
-----END PUBLIC KEY-----
"""
MARKS = "dbMarkQ7zx s3MarkQ7zx s3MarkQ8zx rhdlMarkQ7zx rhdlMarkQ8zx pemMarkQ7zx".split()

QUADLETS = "/etc/containers/systemd"
CREDSTORE = "/etc/credstore.encrypted"
CONF_D = "/etc/haproxy/conf.d"
FILES = {
    f"{QUADLETS}/quadlet.network": """
[Network]
Subnet=192.168.100.0/24
Gateway=192.168.100.1
""",
    f"{QUADLETS}/postgres.container": """
[Container]
ContainerName=postgres
Image=localhost/postgres:1
Network=quadlet.network
NetworkAlias=postgres.example.com
Environment=POSTGRES_USER=dci
Secret=postgres-password,type=env,target=POSTGRES_PASSWORD
Volume=postgres:/var/lib/postgresql
HealthCmd=pg_isready -q -h localhost
HealthInterval=3s
Notify=healthy

[Install]
WantedBy=multi-user.target
""",
    f"{QUADLETS}/redis.container": """
[Container]
ContainerName=redis
Image=localhost/redis:1
Network=quadlet.network
NetworkAlias=redis.example.com

[Install]
WantedBy=multi-user.target
""",
    f"{CONF_D}/00_global.cfg": (host.REPOSITORY / "contrib/haproxy/00_global.cfg").read_text(),
    f"{CONF_D}/01_frontend.cfg": """
frontend http
    bind :80
    default_backend dci-api
""",
    "/etc/pyservice/host.yaml": f"haproxy: {{container: haproxy, directory: {CONF_D}}}\n",
}

# In the contrib file, what the official image needs and ours does not.
HAPROXY = (host.REPOSITORY / "contrib/haproxy/haproxy.container",
           "s,^Image=.*,Image=localhost/haproxy:1,; /^Exec=haproxy/d")

# Notes marks that show in an argument of any process; and an option of Podman's, which proves that it looks.
ARGV_NOTES = "/run/argv-notes"
ARGV_PROOF = "--env=SSO_PUBLIC_KEY"
WATCH_ARGV = f"while :; do grep -haoF -f /root/patterns /proc/[0-9]*/cmdline >>{ARGV_NOTES} 2>/dev/null; sleep 0.1; done"


def set_up(machine: Machine) -> None:
    """The machine, without the definition. HAProxy has no configuration that it could start with yet."""
    set_host_name(machine, HOST_NAME)
    machine.run("systemctl disable --now haproxy.service")  # Debian's own
    for name, value in CREDENTIALS.items():
        put_credential(machine, name, value)
    machine.run("podman secret create postgres-password -", input=CREDENTIALS["dci.dbpassword"])
    machine.write(PEM_FILE, PEM, 0o600)
    for path, text in FILES.items():
        machine.write(path, text)
    source, script = HAPROXY
    machine.run(f"sed -e {shlex.quote(script)} >{QUADLETS}/haproxy.container", input=source.read_text())
    machine.reload()
    machine.run("systemctl start postgres.service redis.service")
    machine.run("systemctl start --no-block haproxy.service")


def start_first(machine: Machine) -> None:
    """From the definition to a site that serves; all the while the processes' arguments are looked at."""
    machine.write("/root/patterns", "\n".join([*MARKS, ARGV_PROOF]))
    watcher = machine.popen(WATCH_ARGV)
    try:
        machine.write(DEFINITION, EXAMPLE)
        machine.reload()
        machine.wait(lambda: sql(machine, "select to_regclass('teams')"), what="the migration")
        machine.run("pyservicectl run dci-api -- python3 bin/dci-dbinit")
        wait_served(machine, 4)
    finally:
        watcher.kill()
        watcher.wait()


def put_credential(machine: Machine, name: str, value: str) -> None:
    machine.run(f"mkdir -p -m 0700 {CREDSTORE} && systemd-creds encrypt --with-key=host --name={name} - {CREDSTORE}/{name}",
                input=value)


def set_host_name(machine: Machine, name: str) -> None:
    machine.run(f"hostname {name} && echo {name} >/etc/hostname")


def restore(machine: Machine) -> None:
    """As start_first() left it, but for the secrets."""
    machine.write(DEFINITION, EXAMPLE)
    machine.remove(f"{DEFINITION}.d")
    set_host_name(machine, HOST_NAME)
    machine.reload()
    wait_served(machine, 4)


def drop_in(machine: Machine, text: str) -> None:
    machine.write(DROP_IN, text)
    machine.reload()


# --- what there is ---

def names(scale: int) -> list[str]:
    return [f"dci-api-{i}" for i in range(scale)]


def ours(machine: Machine) -> dict[str, str]:
    """The containers of the application, with their health."""
    return {name: status for name, status in machine.containers().items() if name.startswith("dci-api")}


def is_complete(machine: Machine, scale: int) -> bool:
    """Are its healthy instances and its sidecar there, and nothing else of it?"""
    there = ours(machine)
    return (sorted(there) == sorted([*names(scale), SIDECAR])
            and all(there[name] == "healthy" for name in names(scale))
            and machine.are_active([*(f"dci-api@{i}.service" for i in range(scale)), f"{SIDECAR}.service"]))


def behind(machine: Machine) -> list[str]:
    return sorted(instances_behind(machine, "api.example.com", "/api/v1/"))


def wait_served(machine: Machine, scale: int) -> None:
    machine.wait(lambda: is_complete(machine, scale), what=f"{scale} healthy instances and a sidecar")
    machine.wait(lambda: behind(machine) == names(scale), what=f"{scale} instances behind HAProxy")


def inspect(machine: Machine, container: str) -> dict:
    return json.loads(machine.out(["podman", "inspect", container]))[0]


def address(machine: Machine, container: str) -> str:
    return inspect(machine, container)["NetworkSettings"]["Networks"]["systemd-quadlet"]["IPAddress"]


def process_strings(machine: Machine, container: str, file: str) -> list[str]:
    """/proc/1/cmdline or /proc/1/environ, as the kernel has it."""
    return machine.run(["podman", "exec", container, "cat", f"/proc/1/{file}"]).stdout.split("\0")[:-1]


def environment(machine: Machine, container: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in process_strings(machine, container, "environ"))


def redis(machine: Machine, *command: str) -> str:
    return machine.out(["podman", "exec", "redis", "redis-cli", "--raw", *command])


def sql(machine: Machine, statement: str) -> str:
    """In PostgreSQL, over the network, with the password."""
    return machine.run(psql(), input=statement).stdout.strip()


def psql() -> list[str]:
    """The password is the container's own variable, so that it is in no argument."""
    return ["podman", "exec", "-i", "postgres", "sh", "-c",
            "PGPASSWORD=$POSTGRES_PASSWORD exec psql -h localhost -U dci -qAt dci"]
