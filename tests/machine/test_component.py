# SPDX-License-Identifier: Apache-2.0
"""The Django component as its definition in contrib/examples has it: gunicorn, celery and its beat, with PostgreSQL, Redis and AWS KMS."""

import collections
import json
import re
from pathlib import Path

import pytest

import host
import fake_kms
from app import instances_behind, settle
from conftest import boot
from dci import environment, put_credential
from pace import limit
from rolling import App

PROGRAM_TESTS = Path(__file__).resolve().parents[1] / "program"

NAME, DOMAIN = "base-python", "component.example.com"
EXAMPLE = (host.REPOSITORY / "contrib/examples/base-python.yaml").read_text()
DEFINITION = f"/etc/pyservice.d/{NAME}.yaml"
SERVERS_IP = "192.0.2.1"  # of the machine: containers reach it from any network
HOSTS = "".join(f"{SERVERS_IP} {name}.example.com\n" for name in ("db", "redis", "rabbitmq"))
DATABASE_PASSWORD, BROKER_PASSWORD, KEY = "dbMark'8zx $x\"/+", "rabbit-Mark/8zx", "djangoMark 8zx"
KMS = "http://127.0.0.1:8099"
LAB = f"""
secrets: {{database-password: {{kms: "{fake_kms.encrypt(DATABASE_PASSWORD.encode())}"}}}}
rollout: {{min_ready: 1s}}
services: {{worker: {{health: {{interval: 1s, start_period: {limit(20)}}}}}, beat: {{health: {{interval: 1s, start_period: {limit(20)}}}}}}}
config: {{DJANGO_ALLOWED_HOSTS: [{DOMAIN}]}}
"""
SERVERS = {  # beside the component, on the machine's own addresses; the second Redis is in RabbitMQ's place
    "postgres": ["-e", "POSTGRES_USER=component", "--env-file=/root/postgres", "localhost/postgres:1"],
    "redis": ["localhost/redis:1"],
    "broker": ["localhost/redis:1", "--port", "5672", "--user", "default", "off",
               "--user", "component", "on", f">{BROKER_PASSWORD}", "~*", "&*", "+@all"],
    "kms": ["-v", "/srv:/srv:ro", "--entrypoint", "", "localhost/hello:1", "python3", "/srv/fake_kms.py", "127.0.0.1", "8099"],
}
CONTAINERS = [f"{NAME}-{part}" for part in ("web-0", "web-1", "worker-0", "worker-1", "worker-2", "beat-0")]
PODMANS_OWN = 10  # seconds after which it kills what has no stop_timeout


@pytest.fixture(scope="module")
def site(running):
    machine = boot()
    try:
        machine.run(["ip", "address", "add", f"{SERVERS_IP}/32", "dev", "lo"])
        machine.run("cat >>/etc/hosts", input=HOSTS)
        machine.write("/srv/fake_kms.py", (PROGRAM_TESTS / "fake_kms.py").read_text())
        machine.write("/root/postgres", f"POSTGRES_PASSWORD={DATABASE_PASSWORD}\n", 0o600)
        for name, words in SERVERS.items():
            machine.run(["podman", "run", "-d", "--network=host", "--name", name, *words])
        machine.wait("podman exec postgres pg_isready -q -h localhost", what="PostgreSQL")
        machine.wait("podman exec broker redis-cli -p 5672 ping", what="Redis")
        machine.wait(f"curl -s -o /dev/null {KMS}/seen", what="the KMS")
        machine.write("/etc/pyservice/host.yaml", f"kms: {{endpoint: '{KMS}', region: {fake_kms.REGION}, credentials: /etc/pyservice/aws}}\n")
        machine.write("/etc/pyservice/aws", "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = secret/of+file\n", 0o600)
        put_credential(machine, "component.django-secret-key", KEY)
        machine.run("podman secret create component-rabbitmq -", input=BROKER_PASSWORD)
        machine.write(DEFINITION, EXAMPLE)
        machine.write(f"{DEFINITION}.d/50-lab.yaml", LAB)
        machine.reload()
        wait_complete(machine)
        yield machine
    finally:
        machine.lab.stop(hard=True)


def wait_complete(machine):
    app = App(machine, NAME)
    machine.wait(lambda: app.is_done() and set(ours(machine)) == set(CONTAINERS), timeout=240, what=lambda: f"{CONTAINERS}, {app}")
    settle(machine)


def ours(machine):
    """The id of each container, in whatever state: equal twice where none was made anew."""
    return {row["Names"][0]: row["Id"] for row in machine.podman_ps() if row["Names"][0].startswith(NAME)}


def sql(machine, statement):
    command = ["podman", "exec", "-i", "postgres", "sh", "-c", "PGPASSWORD=$POSTGRES_PASSWORD exec psql -h localhost -U component -qAt component"]
    return machine.run(command, input=statement).stdout.strip()


def ask(machine, path, method="GET", **headers):
    return machine.http(f"http://127.0.0.1{path}", {"Host": DOMAIN, **headers}, method)


def queue(machine, held=False):
    """A job, through the web."""
    answer = ask(machine, "/jobs/?held" if held else "/jobs/", "POST")
    assert answer.status == 200, answer
    return answer.json()["job"]


def job(machine, number):
    """Who took it, how often it was taken, and whether it is done."""
    return sql(machine, f"select worker, attempts, ended is not null from component_job where id = {number}").split("|")


def events(machine, part):
    """Starts and ends of the containers of a part, as Podman noted them: name, what happened, exit code of an end."""
    machine.run("journalctl --sync")
    lines = machine.out(["podman", "events", "--stream=false", "--since=1h", "--filter=type=container", "--filter=event=start", "--filter=event=died",
                         "--format=json"]).splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: row["timeNano"])
    return [(row["Name"], row["Status"], row.get("ContainerExitCode")) for row in rows if row["Name"].startswith(f"{NAME}-{part}")]


def children(machine, container):
    """How many processes that one of a container has begun which began the most."""
    rows = machine.out(["podman", "top", container, "ppid"]).splitlines()[1:]
    return max(collections.Counter(row.strip() for row in rows).values())


# --- from nothing to a site that serves ---

def test_the_schema_comes_first(site):
    assert [row[1:] for row in events(site, "migrate")] == [("start", None), ("died", 0)]
    assert events(site, "")[:2] == events(site, "migrate")
    assert [row[1] for row in events(site, "")[2:]] == ["start"] * len(CONTAINERS), "and nothing started twice"
    assert sql(site, "select app, name from django_migrations") == "component|0001_initial"
    for container in CONTAINERS:
        seen = environment(site, container)
        assert [seen[name] for name in ("DATABASE_PASSWORD", "RABBITMQ_PASSWORD", "DJANGO_SECRET_KEY")] == [DATABASE_PASSWORD, BROKER_PASSWORD, KEY]


def test_the_parts_do_their_work(site):
    site.wait(lambda: instances_behind(site, DOMAIN) == {f"{NAME}-web-0", f"{NAME}-web-1"}, what="both to answer")
    assert ask(site, "/healthcheck/").text == "ok\n"
    first = ask(site, "/")
    cookie = first.headers["set-cookie"].split(";")[0]
    assert {ask(site, "/", Cookie=cookie).json()["hostname"] for _ in range(8)} == {first.json()["hostname"]}, "sticky"
    for container in CONTAINERS[:5]:
        site.wait(lambda: children(site, container) == 3, what=f"three processes in {container}")
    assert "celery" in site.out(["podman", "top", f"{NAME}-worker-0", "args"])
    number = queue(site)
    site.wait(lambda: job(site, number)[1:] == ["1", "t"], what="a worker to do it")
    assert re.fullmatch(rf"{NAME}-worker-[012]", job(site, number)[0])
    site.wait(lambda: int(sql(site, "select count(*) from component_tick")) > 2, what="beat to tick")


def test_an_end_of_celery_is_seen(site):
    before = ours(site)
    killed = CONTAINERS[4:]
    for container in killed:
        # The container may end before this command in it does.
        site.run(["podman", "exec", container, "sh", "-c", "kill -KILL $(cat /tmp/celery.pid)"], check=False)
    site.wait(lambda: not set(ours(site).values()) & {before[name] for name in killed}, what=f"{killed} to end")
    wait_complete(site)
    assert {name for name, number in ours(site).items() if number != before[name]} == set(killed)


# --- a rollout ---

def test_a_rollout_lets_a_worker_finish_and_beat_be_one(site):
    number = queue(site, held=True)
    holder = site.wait(lambda: job(site, number)[0], what="a worker to take it")
    unit = re.sub(r"-(\d)$", r"@\1.service", holder)
    before, known = ours(site), events(site, "")
    site.write(f"{DEFINITION}.d/60-version.yaml", "env: {VERSION: '2'}\n")
    site.reload()
    site.wait(lambda: site.unit(unit)["ActiveState"] == "deactivating", timeout=240, what="the rollout to come to the worker")
    monotonic = "cut -d ' ' -f 1 /proc/uptime"
    stopping = float(site.out(monotonic))
    site.wait(lambda: float(site.out(monotonic)) > stopping + PODMANS_OWN + 2, what="longer than Podman would wait")
    assert ours(site)[holder] == before[holder]
    sql(site, f"update component_job set held = false where id = {number}")
    wait_complete(site)
    assert job(site, number) == [holder, "1", "t"]
    assert not set(before.values()) & set(ours(site).values())
    assert {environment(site, name)["VERSION"] for name in CONTAINERS} == {"2"}

    seen = events(site, "")[len(known):]
    assert [row[1:] for row in seen if "-beat-" in row[0]] == [("died", 0), ("start", None)], "one after the other"
    assert {row[2] for row in seen if row[1] == "died"} == {0}, "all end by themselves"
    assert [row[1:] for row in seen if "-migrate" in row[0]] == [("start", None), ("died", 0)]
    done, seen = queue(site), int(sql(site, "select count(*) from component_tick"))
    site.wait(lambda: job(site, done)[1:] == ["1", "t"], what="a worker to do another")
    site.wait(lambda: int(sql(site, "select count(*) from component_tick")) > seen + 1, what="beat to tick again")
