# SPDX-License-Identifier: Apache-2.0
"""The DCI control server as its definition in contrib/examples has it, with PostgreSQL, Redis and HAProxy beside it.

All tests share one machine. Each finds it serving with four instances; those that change anything take `restored`.
"""

import base64
import dataclasses
import subprocess
import time
import uuid

import pytest

import dci
from app import settle, started
from conftest import boot
from dci import SIDECAR, address, behind, drop_in, environment, inspect, is_complete, names, ours, wait_served


@pytest.fixture(scope="module")
def site(running):
    machine = boot()
    try:
        dci.set_up(machine)
        dci.start_first(machine)
        yield machine
    finally:
        machine.lab.stop(hard=True)


@pytest.fixture
def restored(site):
    yield
    dci.restore(site)


def log_in(machine, name):
    login = base64.b64encode(f"{name}:password".encode()).decode()
    return machine.http(dci.URL + "identity", headers={"Authorization": f"Basic {login}"})


def mark_of(name):
    return f"last_auth:user:{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"


# --- what runs ---

def test_four_healthy_instances_and_a_sidecar(site):
    assert is_complete(site, 4)
    assert site.read(dci.DEFINITION) == dci.EXAMPLE
    # For a moment, a health check that took too long is a unit that failed.
    site.wait(lambda: site.out("systemctl --failed --plain --no-legend") == "", what="no unit to have failed")


def test_the_database_is_migrated_once_and_before_all_instances(site):
    assert site.journal("dci-api-migrate.service").count("migrated") == 1
    assert "cannot migrate" not in site.journal("dci-api*")


def test_every_instance_answers_through_haproxy(site):
    assert behind(site) == names(4)
    assert site.http(dci.URL, method="HEAD").status == 200
    assert site.http(dci.URL + "identity").status == 401
    config = site.read(f"{dci.CONF_D}/10_backend_dci-api.cfg")
    assert [line.split()[-1] for line in config.splitlines() if line.split()[:1] == ["server"]] == \
        [f'"{name}.dns.podman:5000"' for name in [*names(4), "dci-api-next"]]
    assert inspect(site, "dci-api-0")["HostConfig"]["PortBindings"] == {}, "via: dns publishes nothing"


def test_an_instance_is_made_as_the_definition_says(site):
    shown = inspect(site, "dci-api-2")
    config = shown["Config"]
    labels = config["Labels"]
    assert labels["io.distributed-ci.app"] == "dci_api"
    assert (labels["io.pyservice.app"], labels["io.pyservice.service"]) == ("dci-api", "dci-api")
    second = 1_000_000_000
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "curl --head http://localhost:5000/api/v1/"], "Interval": 5 * second,
        "Timeout": 5 * second, "Retries": 5, "StartPeriod": 10 * second}
    # The hook after the start waits for the health check, where the role has Notify=healthy.
    assert (config["HealthcheckOnFailureAction"], config["sdNotifyMode"]) == ("kill", "conmon")
    assert (config["Hostname"], config["StopTimeout"]) == ("dci-api-2", 100)
    assert shown["ImageName"] == "quay.io/distributedci/dci-control-server:latest"
    assert list(shown["NetworkSettings"]["Networks"]) == ["systemd-quadlet"]
    unit = site.unit("dci-api@2.service")
    assert (unit["Restart"], unit["TimeoutStartUSec"], unit["NotifyAccess"]) == ("always", "5min", "all")
    assert unit["Description"] == "DCI control server API (instance 2)"


# --- the environment, which is upstream's table ---

ENVIRONMENT = {
    "DCI_NB_WORKERS": "4", "DCI_GUNICORN_WORKER_CONNECTIONS": "200", "DCI_GUNICORN_MAX_REQUESTS": "0",
    "DCI_GUNICORN_MAX_REQUESTS_JITTER": "0", "DCI_GUNICORN_TIMEOUT": "60", "DCI_GUNICORN_GRACEFUL_TIMEOUT": "90",
    "API_HOST": "0.0.0.0", "API_PORT": "5000", "LOG_LEVEL": "INFO",
    "DB_HOST": "postgres.example.com",
    "SQLALCHEMY_DATABASE_URI": f"postgresql://dci:{dci.PASSWORD_IN_URL}@postgres.example.com:5432/dci",
    "SQLALCHEMY_DATABASE_URI_PSYCOPG3":
        f"postgresql+psycopg://dci:{dci.PASSWORD_IN_URL}@postgres.example.com:5432/dci",
    "SQLALCHEMY_POOL_SIZE": "20", "SQLALCHEMY_MAX_OVERFLOW": "10",
    "STORE_ENGINE": "s3", "STORE_FILES_CONTAINER": "dci-files", "STORE_COMPONENTS_CONTAINER": "dci-components",
    "AWS_ACCESS_KEY_ID": dci.CREDENTIALS["dci.s3-access-key"], "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": dci.CREDENTIALS["dci.s3-secret-key"],
    "ZMQ_CONN": "tcp://zmq.example.com:5555", "DCI_REDIS_URL": "redis://redis.example.com:6379/0",
    "MAX_CONTENT_LENGTH_MB": "1024",
    "SSO_PUBLIC_KEY": dci.PEM.removesuffix("\n"), "SSO_AUDIENCES": "dci-api", "SSO_READ_ONLY_GROUP": "dci-readonly",
    "SSO_URL": "https://sso.example.com", "SSO_REALM": "dci",
    "CERTIFICATION_URL": "https://certification.example.com", "ANALYTICS_URL": "https://analytics.example.com",
    "AMQP_BROKER_URL": "amqp://rabbitmq.example.com",
    "RHDL_API_URL": "https://api.rhdl.distributed-ci.io/api/v1",
    "RHDL_SERVICE_ACCOUNT_ACCESS_KEY": dci.CREDENTIALS["dci.rhdl-access-key"],
    "RHDL_SERVICE_ACCOUNT_SECRET_KEY": dci.CREDENTIALS["dci.rhdl-secret-key"],
}
# The entry point, which the sidecar skips, takes it from the SSO server.
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nthe key of the SSO server\n-----END PUBLIC KEY-----"
NOT_OURS = {"PATH", "HOME", "HOSTNAME", "PWD", "container", "PYTHONPATH", "PYTHONUNBUFFERED"}  # Podman's, the image's


@pytest.mark.parametrize("container, more", [("dci-api-3", {"SSO_PUBLIC_KEY": PUBLIC_KEY}), (SIDECAR, {})])
def test_the_environment_is_upstreams(site, container, more):
    seen = environment(site, container)
    upstreams = {name: value for name, value in seen.items() if name not in NOT_OURS and not name.startswith("PYSERVICE_")}
    assert upstreams == {**ENVIRONMENT, **more}


def test_secrets_are_files_too(site):
    for name, value in {"dbpassword": dci.CREDENTIALS["dci.dbpassword"], "sso-public-key": dci.PEM}.items():
        assert site.run(["podman", "exec", "dci-api-1", "cat", f"/run/secrets/{name}"]).stdout == value


# --- authentications: from the API to Redis, from there to PostgreSQL ---

def test_a_login_becomes_a_mark_that_the_sidecar_moves(site):
    people = [f"person-{i}" for i in range(10)]  # with the tenth the sidecar does not wait for its 30 s
    for name in people:
        assert log_in(site, name).json()["identity"]["name"] == name
        assert dci.redis(site, "get", mark_of(name)) != ""
    marks = sorted(mark_of(name) for name in people)
    site.wait(lambda: set(marks) <= set(dci.sql(site, "select key from last_auth").splitlines()), what="the sidecar")
    assert dci.redis(site, "smembers", "dirty_last_auth_keys") == ""
    assert dci.sql(site, f"select at from last_auth where key = '{marks[0]}'") == dci.redis(site, "get", marks[0])


def test_the_sidecar_skips_the_entry_point(site):
    shown = inspect(site, SIDECAR)
    assert "".join(shown["Config"]["Entrypoint"] or []) == ""
    # Process 1 is the init, which has the command behind "--".
    words = dci.process_strings(site, SIDECAR, "cmdline")
    assert words[words.index("--") + 1:] == ["bin/dci-sync-redis-auth", "--interval", "30", "--threshold", "10"]
    assert shown["Config"]["Labels"]["io.distributed-ci.app"] == "dci_api"
    unit = site.unit(f"{SIDECAR}.service")
    assert (unit["UpheldBy"], unit["StopWhenUnneeded"], unit["Restart"]) == ("dci-api.target", "yes", "always")


def test_enabled_false_stops_the_sidecar_alone(site, restored):
    before = started(site)
    drop_in(site, "auth_tracking: {enabled: false}\n")
    site.wait(lambda: sorted(ours(site)) == names(4) and not site.is_active(f"{SIDECAR}.service"), what="the sidecar to stop")
    settle(site)
    before.pop(SIDECAR)
    assert started(site) == before
    assert "Killing" not in site.journal(f"{SIDECAR}.service"), "SIGTERM is enough for it"


def test_the_sidecar_runs_on_its_host_only(site, restored):
    before = started(site)
    tried = f"journalctl -b -o cat -u {SIDECAR}.service | grep -c 'unmet condition' || true"
    count = int(site.out(tried))
    dci.set_host_name(site, "api2.example.com")
    site.reload()
    site.wait(lambda: sorted(ours(site)) == names(4), what="the sidecar to stop")
    settle(site)
    before.pop(SIDECAR)
    assert started(site) == before
    site.reload()
    settle(site)
    assert int(site.out(tried)) - count <= 1, "systemd is not to try again and again"
    site.run(f"systemctl start {SIDECAR}.service")
    assert not site.is_active(f"{SIDECAR}.service"), "ConditionHost= holds by hand too"


# --- the task ---

def test_the_backup_runs_by_name(site):
    site.run("systemctl start dci-api-backup.service")
    assert "backup tagged current" in site.journal("dci-api-backup.service")
    assert site.unit("dci-api-backup.service")["TimeoutStartUSec"] == "30min"
    site.wait(lambda: sorted(ours(site)) == sorted([*names(4), SIDECAR]), what="its container to be removed")


def test_a_failed_backup_is_a_failed_unit(site, restored):
    before = started(site)
    # Else the rollout runs it too, and takes the variable back when it has failed.
    site.run("pyservicectl rollout pause dci-api")
    try:
        drop_in(site, "tasks: {backup: {env: {YOLO_FAIL: '1'}}}\n")
        settle(site)
        assert not site.ok("systemctl start dci-api-backup.service")
        site.wait(lambda: site.out("systemctl --failed --plain --no-legend").split()[:1] == ["dci-api-backup.service"],
                  what="the unit to have failed")
        assert "backup failed" in site.journal("dci-api-backup.service")
        assert started(site) == before
        site.run("systemctl reset-failed dci-api-backup.service")
    finally:
        site.remove(dci.DROP_IN)
        site.run("pyservicectl rollout resume dci-api")


# --- scale, addresses, restarts ---

def test_scale_and_haproxy_go_together(site, restored):
    for scale in (6, 2):
        before = started(site)
        drop_in(site, f"scale: {scale}\n")
        wait_served(site, scale)
        after = started(site)
        assert {n: after[n] for n in after if n in before} == {n: before[n] for n in before if n in after}
    site.wait(lambda: site.out("ls /run/pyservice/secrets").split() == [SIDECAR, "dci-api@0", "dci-api@1"],
              what="secrets to go with their instances")


def test_a_restart_of_the_networks_unit_stops_nothing(site, restored):
    """Of ours and of contrib's. Quadlet's Network=quadlet.network does stop PostgreSQL and Redis; the sidecar may end without Redis."""
    kept = [*names(4), "haproxy"]
    before = started(site)
    site.run("systemctl restart quadlet-network.service")
    site.wait(lambda: site.is_healthy("postgres") and site.is_active("redis.service"), what="the others to be back")
    settle(site)
    after = started(site)
    assert after["redis"] != before["redis"], "the network's unit was restarted"
    assert {name: after.get(name) for name in kept} == {name: before[name] for name in kept}


def test_a_restart_of_haproxy_keeps_its_configuration(site, restored):
    files = f"cd {dci.CONF_D} && sha256sum *"
    before = site.out(files)
    site.run("systemctl restart haproxy.service")
    site.wait(lambda: behind(site) == names(4), what="all instances behind it again")
    assert site.out(files) == before


# HAProxy's container ends while a command in it checks the files, as where each of its starts fails: once.
ENDS = """#!/bin/sh
case " $* " in
*" -c "*) rm /run/haproxy/ends 2>/dev/null && kill 1 && exec sleep 100 ;;
esac
exec /usr/sbin/haproxy "$@"
"""


def test_haproxy_ends_while_it_checks(site, restored):
    drop_in_of_haproxy = f"{dci.QUADLETS}/haproxy.container.d/ends.conf"
    site.write("/usr/local/sbin/haproxy-that-ends", ENDS, 0o755)
    site.write(drop_in_of_haproxy, "[Container]\nVolume=/usr/local/sbin/haproxy-that-ends:/usr/local/sbin/haproxy:ro\n")
    try:
        site.reload()
        site.run("systemctl restart haproxy.service")
        wait_served(site, 4)
        site.write("/run/haproxy/ends", "")
        seen = site.journal("pyservice-proxy@*")
        drop_in(site, "scale: 3\n")
        # The fourth instance may be gone before the files are checked.
        site.wait("! test -e /run/haproxy/ends", what="HAProxy to end")
        wait_served(site, 3)
        settle(site)
        assert "rejects" not in site.journal("pyservice-proxy@*")[len(seen):]
    finally:
        site.remove(drop_in_of_haproxy)
        site.reload()
        site.run("systemctl restart haproxy.service")


def test_a_reload_of_haproxy_costs_no_request(site):
    load = f"while [ -e /run/load ]; do curl -sS -o /dev/null -w '%{{http_code}}\\n' {dci.URL} >>/run/codes; done"
    site.run("touch /run/load; : >/run/codes")
    clients = [site.popen(load) for _ in range(6)]
    for _ in range(4):
        reload_haproxy(site)
    site.wait(lambda: int(site.out("wc -l </run/codes")) > 200, what="so many requests, however slow the machine is")
    site.run("rm /run/load")
    assert [client.wait() for client in clients] == [0] * 6
    codes = site.read("/run/codes").split()
    assert len(codes) > 200
    assert {code: codes.count(code) for code in codes} == {"200": len(codes)}


def reload_haproxy(site, command="true"):
    def reloads():
        return site.journal("haproxy.service").count("Loading success")

    done = reloads()
    site.run(f"{command} && systemctl reload haproxy.service")
    site.wait(lambda: reloads() > done, what="the new worker")


# --- a restart of one instance, while it answers a request ---

@dataclasses.dataclass
class Restart:
    name: str
    answer: str          # to the request
    state_before: str    # of the unit, when the answer was held back
    result: str
    addresses: tuple[str, str]
    haproxy: tuple[str, str]


@pytest.fixture(scope="module")
def restart(site):
    """A lock on the table that the request reads holds the answer back, longer than the 10 s after which Podman kills."""
    # HAProxy would wait 30 s for an answer, and there would be no time to lose. (As a part of the definition it is a new revision.)
    backend = f"{dci.CONF_D}/10_backend_dci-api.cfg"
    reload_haproxy(site, f"cp {backend} /root/backend.cfg && sed -i 's/timeout server .*/timeout server 10min/' {backend}")
    with site.popen(dci.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as database:
        database.stdin.write(b"BEGIN; LOCK TABLE alembic_version; SELECT 'locked';\n")
        database.stdin.flush()
        assert database.stdout.readline() == b"locked\n"
        by_address = {address(site, name): name for name in names(4)}
        haproxy = started(site)["haproxy"]
        request = site.popen(f"curl -sS -i -u jane:password {dci.URL}identity", stdout=subprocess.PIPE, text=True)
        waiting = "select client_addr from pg_stat_activity where wait_event_type = 'Lock' and client_addr is not null"
        client = site.wait(lambda: dci.sql(site, waiting), what="the request")
        name = by_address[client]
        unit = f"dci-api@{name.removeprefix('dci-api-')}.service"
        site.run(["systemctl", "restart", "--no-block", unit])
        stopped = time.monotonic()
        site.wait(lambda: time.monotonic() - stopped > 12.5, what="longer than Podman's 10 s")
        state = site.unit(unit)["ActiveState"]
        database.stdin.write(b"COMMIT;\n")
        database.stdin.close()
        answer = request.communicate()[0]
    site.wait(lambda: is_complete(site, 4), what="the instance to be back")
    reload_haproxy(site, f"cp /root/backend.cfg {backend}")
    return Restart(name, answer, state, site.unit(unit)["Result"], (client, address(site, name)),
                   (haproxy, started(site)["haproxy"]))


def test_what_is_in_flight_when_an_instance_stops_is_answered(restart):
    assert (restart.state_before, restart.answer.split()[1]) == ("deactivating", "200")
    assert f"x-served-by: {restart.name}" in restart.answer.lower()
    assert restart.result == "success"


def test_haproxy_finds_an_instance_at_its_new_address(site, restart):
    before, after = restart.addresses
    assert before != after
    site.wait(lambda: behind(site) == names(4), what="HAProxy to ask for the address")
    assert restart.haproxy[0] == restart.haproxy[1]


# --- removal ---

def test_a_removed_definition_stops_all_of_it(site, restored):
    """The administrator's frontend names the backend, so that stays, and HAProxy with it."""
    before = started(site)
    site.remove(dci.DEFINITION)
    site.reload()
    site.wait(lambda: ours(site) == {}, what="all to stop")
    settle(site)
    assert site.out("ls /run/pyservice/secrets") == ""
    assert started(site) == {name: before[name] for name in ("postgres", "redis", "haproxy")}
    assert site.http(dci.URL).status == 503
    for words in ("application 'dci-api': it was removed, but other parts of HAProxy's configuration need its files",
                  "unable to find required default_backend: 'dci-api'"):
        site.wait(lambda words=words: words in site.journal("pyservice-proxy@*"), what=words)


# --- secrets ---

def test_no_secret_lies_in_the_open(site):
    site.write("/root/marks", "\n".join(dci.MARKS))
    site.run("cp /root/marks /run/marks-for-nobody && chmod 0644 /run/marks-for-nobody")
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "
    look = nobody + "grep -rlaF --devices=skip -f /run/marks-for-nobody /etc /run /var /tmp /dev/shm /root /home /opt /srv 2>/dev/null"
    assert site.run(look, check=False).stdout.split() == ["/run/marks-for-nobody"], "it finds its own patterns, so it looks"
    site.run("rm /run/marks-for-nobody")
    for told in ("journalctl -b -o export --no-pager", "systemctl show --all '*'", "systemctl cat 'dci-api*'",
                 "cat /run/systemd/generator/* /run/pyservice/apps/*/*/* 2>/dev/null",
                 "systemctl show-environment"):
        assert site.run(f"{told} | grep -aoF -f /root/marks", check=False).stdout == "", told
    notes = set(site.read(dci.ARGV_NOTES).splitlines())
    assert notes == {dci.ARGV_PROOF}


def test_the_composed_environment_is_in_memory_and_roots_alone(site):
    """That it goes with its instance is seen where the scale changes."""
    directory = "/run/pyservice/secrets/dci-api@3"
    assert site.out(f"stat -c '%a %U' {directory} {directory}/.env").splitlines() == ["700 root", "600 root"]
    assert site.out(f"findmnt -no FSTYPE --target {directory}") == "tmpfs"


def test_missing_secrets_are_named_and_waited_for(site, restored):
    others = {name: when for name, when in started(site).items() if name != "dci-api-0"}
    site.run(["rm", f"{dci.CREDSTORE}/dci.dbpassword", dci.PEM_FILE])
    site.run(f"echo of another machine >{dci.CREDSTORE}/dci.s3-access-key")
    site.run("systemctl restart --no-block dci-api@0.service")
    site.wait(lambda: int(site.unit("dci-api@0.service")["NRestarts"]) >= 2, what="systemd to try again")
    told = site.journal("dci-api@0.service")
    assert "secret 'dbpassword' is missing: the credential 'dci.dbpassword' is neither in" in told
    assert f"systemd-creds encrypt --name=dci.dbpassword - {dci.CREDSTORE}/dci.dbpassword" in told
    assert f"secret 'sso-public-key' is missing: there is no file '{dci.PEM_FILE}'" in told
    assert "secret 's3-access-key' is missing: cannot decrypt the credential 'dci.s3-access-key'" in told
    assert "rhdl-access-key' is missing" not in told
    assert not site.exists("/run/pyservice/secrets/dci-api@0/.env")
    site.wait(lambda: behind(site) == names(4)[1:], what="HAProxy to know that its name is gone")

    for name in ("dci.dbpassword", "dci.s3-access-key"):
        dci.put_credential(site, name, dci.CREDENTIALS[name])
    site.write(dci.PEM_FILE, dci.PEM, 0o600)
    wait_served(site, 4)
    assert {name: when for name, when in started(site).items() if name != "dci-api-0"} == others


# --- errors ---

def test_a_missing_variable_is_named_with_its_line(site, restored):
    before = started(site)
    text = dci.EXAMPLE.replace("  dbname: dci\n", "")
    line = text.splitlines().index("contract: dci-api") + 1
    site.write(dci.DEFINITION, text)
    checked = site.run(["pyservicectl", "check"], check=False)
    assert checked.returncode == 1
    assert f"{dci.DEFINITION}:{line}:" in checked.stderr and "'dbname'" in checked.stderr
    site.reload()
    site.wait(lambda: "'dbname'" in site.journal("pyservice-config@dci-api.service"), what="the journal to say so")
    settle(site)
    assert started(site) == before


# --- last, as it takes everything down ---

def test_all_come_back_after_a_reboot(site):
    known = dci.sql(site, "select count(*) from last_auth")
    site.reboot()
    wait_served(site, 4)
    # For a moment, a health check that took too long is a unit that failed.
    site.wait(lambda: site.out("systemctl --failed --plain --no-legend") == "", what="no unit to have failed")
    assert dci.sql(site, "select count(*) from last_auth") == known
