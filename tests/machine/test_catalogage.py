# SPDX-License-Identifier: Apache-2.0
"""Catalogage as its definition in contrib/examples has it: FastAPI on Uvicorn, built from its Git repository over HTTPS, with PostgreSQL
elsewhere, and alembic's migrations before each update.

All tests share one machine; each goes on where the one before it ended.
"""

import json

import pytest

import host
from app import define, settle, started
from conftest import boot
from dci import put_credential
from machine import ANSWERS, Machine
from pace import PACE
from repository import BARE, WORK, Repository
from rolling import App

EXAMPLE = (host.REPOSITORY / "contrib/examples/catalogage.yaml").read_text()
DROP_INS = "/etc/pyservice.d/catalogage.yaml.d"
HOST = "catalogage.example.com"
INSTANCES = ["catalogage-server-0", "catalogage-server-1"]
DATABASE_IP = "10.88.250.2"
PASSWORD = "pw-MarkQ7zx"
URL = "postgresql+asyncpg://catalogage:%s@db.example.com/%s"
# The part that the example's last lines show; and the lab's: Git has the port for TLS.
STAGING = "source: {ref: mybranch}\nsecrets: {database-url: {credential: catalogage-staging.database-url}}\n"
HTTPS_PORT = 8444

MAIN = """
import uvicorn
from server.settings import settings

# Uvicorn believes the proxies that FORWARDED_ALLOW_IPS names.
uvicorn.run("server.app:app", host=settings.host, port=settings.port, root_path="/api" if settings.mode == "live" else "")
"""
SETTINGS = """
import os


class settings:
    database_url = os.environ["APP_DATABASE_URL"]
    host = os.environ.get("APP_HOST", "localhost")
    port = int(os.environ.get("APP_PORT", "3579"))
    mode = os.environ.get("APP_SERVER_MODE", "local")
"""
APP = """
import contextlib, os
from fastapi import FastAPI, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from server.settings import settings

VERSION, COLUMNS = %r, %r
engine = create_async_engine(settings.database_url)


@contextlib.asynccontextmanager
async def lifespan(app):
    await datasets()  # does not start before the schema is the one that it was written for
    yield
    await engine.dispose()

app = FastAPI(lifespan=lifespan)


@app.get("/datasets/")
async def datasets():
    async with engine.connect() as connection:
        rows = await connection.execute(text(f"SELECT {COLUMNS} FROM dataset ORDER BY id"))
        return {"version": VERSION, "hostname": os.uname().nodename, "datasets": [list(row) for row in rows]}


@app.post("/datasets/", status_code=201)
async def create(title: str):
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO dataset (title) VALUES (:title)"), {"title": title})


@app.get("/seen")
async def seen(request: Request):
    return {"client": request.client.host, "scheme": request.url.scheme, "url": str(request.url_for("datasets"))}
"""
ALEMBIC_INI = "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n"
ALEMBIC_ENV = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
from server.settings import settings


def migrate(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(settings.database_url)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()

asyncio.run(main())
"""
MIGRATION = """
from alembic import op

revision, down_revision = %r, %r


def upgrade():
    for statement in %r:
        op.execute(statement)
"""


class Catalogage(Repository):
    def make(self) -> None:
        super().make()
        self.machine.run(f"cd {WORK} && git checkout -q -b master && git rm -q -r setup.py pinned-requirements.txt"
                         f" && printf '#!/bin/sh\\nexec git update-server-info\\n' >{BARE}/hooks/post-update && chmod +x {BARE}/hooks/post-update"
                         " && mkdir -p /srv/git/etalab && ln -s ../shop.git /srv/git/etalab/catalogage-donnees.git")
        for name, text in {"requirements.txt": "fastapi\nuvicorn\nsqlalchemy\nasyncpg\nalembic\n", "alembic.ini": ALEMBIC_INI,
                           "migrations/env.py": ALEMBIC_ENV, "server/__init__.py": "", "server/main.py": MAIN, "server/settings.py": SETTINGS}.items():
            self.put(name, text)

    def release(self, version: str, columns: str = "id, title", tag: str = "") -> str:
        self.put("server/app.py", APP % (version, columns))
        return self.commit()

    def migration(self, name: str, after: str | None, *statements: str) -> None:
        self.put(f"migrations/versions/{name}.py", MIGRATION % (name, after, statements))


@pytest.fixture(scope="module")
def site(running):
    machine = boot()
    try:
        repository = Catalogage(machine)
        repository.make()
        repository.migration("first", None, "CREATE TABLE dataset (id serial PRIMARY KEY, title text NOT NULL)")
        repository.release("one")
        repository.serve_https(443, "")
        machine.run("cat >>/etc/hosts", input=f"{DATABASE_IP} db.example.com\n")
        start_database(machine)
        make_certificate(machine)
        machine.write("/etc/pyservice/host.yaml", f"haproxy: {{https_port: {HTTPS_PORT}}}\n")
        yield machine
    finally:
        machine.lab.stop(hard=True)


def start_database(machine: Machine) -> None:
    machine.run(f"podman run -d --name postgres --ip {DATABASE_IP} -e POSTGRES_USER=catalogage -e POSTGRES_PASSWORD={PASSWORD} localhost/postgres:1")
    machine.wait("podman exec postgres pg_isready -q -h localhost", what="PostgreSQL")
    machine.wait(lambda: sql(machine, "SELECT 1") == "1", what="PostgreSQL to answer")
    sql(machine, "CREATE DATABASE staging")


def make_certificate(machine: Machine) -> None:
    machine.run(f"cd /srv/tls && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST}"
                " -keyout site.key -out site.crt 2>/dev/null && cat site.crt site.key >site.pem")


def sql(machine: Machine, statement: str, database: str = "catalogage") -> str:
    return machine.run(["podman", "exec", "-i", "postgres", "sh", "-c", f"PGPASSWORD=$POSTGRES_PASSWORD exec psql -h localhost -U catalogage -qAt {database}"],
                       check=False, input=statement).stdout.strip()


def columns(machine: Machine) -> list[str]:
    return sql(machine, "SELECT column_name FROM information_schema.columns WHERE table_name = 'dataset' ORDER BY ordinal_position").split()


def ask(machine: Machine, path: str = "/api/datasets/", method: str = "GET"):
    return machine.http(f"http://127.0.0.1{path}", headers={"Host": HOST}, method=method)


def versions(machine: Machine) -> set:
    """Each instance that answers, with its version; the status of what is no good answer."""
    answers = [ask(machine) for _ in range(12)]
    return {(answer.json()["hostname"], answer.json()["version"]) if answer.status == 200 else answer.status for answer in answers}


def wait_version(machine: Machine, version: str) -> None:
    app = App(machine, "catalogage")
    machine.wait(lambda: versions(machine) == {(name, version) for name in INSTANCES} and app.is_done(), timeout=180,
                 what=lambda: f"version {version} alone to answer: {versions(machine)}, {app}")
    settle(machine)


def migrations(machine: Machine) -> tuple[int, int]:
    """How often it began, and how often it ended well."""
    told = machine.journal("catalogage-migrate.service")
    return told.count("]: Starting catalogage-migrate.service"), told.count("]: Finished catalogage-migrate.service")


def none_failed_to_start(machine: Machine) -> bool:
    told = machine.journal("catalogage-server@*")
    return "Application startup complete" in told and "Application startup failed" not in told


def set_secret(machine: Machine, url: str, verb: str = "set", environment: str = "") -> str:
    return machine.run(f"{environment} pyservicectl secret {verb} catalogage database-url", input=url).stdout


def test_as_it_stands(site):
    # The other way round, a migration may begin before there is a secret.
    define(site, "catalogage", EXAMPLE, reload=False)
    set_secret(site, URL % (PASSWORD, "catalogage"))
    site.reload()
    wait_version(site, "one")
    assert site.read("/etc/pyservice.d/catalogage.yaml") == EXAMPLE
    assert migrations(site) == (1, 1)
    assert none_failed_to_start(site), "the schema was there before any instance"

    assert ask(site, "/api/datasets/?title=Eau", "POST").status == 201
    answer = ask(site)
    assert answer.json()["datasets"] == [[1, "Eau"]]
    assert (answer.headers["x-frame-options"], answer.headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert ask(site, "/datasets/").status == 404, "only what is below /api is the application's"
    assert ask(site, "/api/openapi.json").json()["servers"] == [{"url": "/api"}]
    for told in ("journalctl -b -o cat", "systemctl show 'catalogage*'", "grep -rs . /run/pyservice/apps /var/lib/pyservice"):
        assert site.run(f"{told} | grep -acF {PASSWORD}", check=False).stdout.strip() == "0", told


def seen(machine: Machine, *options: str) -> dict:
    done = machine.run(["curl", "-sS", "--interface", "127.0.0.9", "--max-time", f"{ANSWERS * PACE:.0f}", "-H", "X-Forwarded-For: 192.0.2.66",
                        "-H", "X-Forwarded-Proto: ftp", *options], check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {"problem": done.stdout + done.stderr}


def test_uvicorn_knows_the_clients_address_and_scheme(site):
    assert seen(site, "-H", f"Host: {HOST}", "http://127.0.0.1/api/seen") == {"client": "127.0.0.9", "scheme": "http", "url": f"http://{HOST}/api/datasets/"}

    before = started(site)
    proxy = EXAMPLE[EXAMPLE.index("  - name: server"):EXAMPLE.index("tasks:")].replace("      strip: true\n", "      strip: true\n      tls: {certificate: /srv/tls/site.pem}\n")
    site.write(f"{DROP_INS}/tls.yaml", "services:\n" + proxy)
    site.reload()
    secure = ["--cacert", "/srv/tls/site.crt", "--resolve", f"{HOST}:{HTTPS_PORT}:127.0.0.1", f"https://{HOST}:{HTTPS_PORT}/api/seen"]
    wanted = {"client": "127.0.0.9", "scheme": "https", "url": f"https://{HOST}:{HTTPS_PORT}/api/datasets/"}
    site.wait(lambda: seen(site, *secure) == wanted, what=lambda: f"TLS: {seen(site, *secure)}")
    # HAProxy's worker before the reload may answer for a moment.
    answer = site.wait(lambda: (found := ask(site)).status == 308 and found, what="the redirection")
    assert answer.headers["location"] == f"https://{HOST}:{HTTPS_PORT}/api/datasets/"
    # The probe asks as HAProxy does, with X-Forwarded-Proto: it is another revision.
    app = App(site, "catalogage")
    site.wait(lambda: app.is_done() and started(site) != before, timeout=180, what=lambda: f"the rollout, {app}")
    site.remove(f"{DROP_INS}/tls.yaml")
    site.reload()
    wait_version(site, "one")


def test_an_update_is_whole_or_not_at_all(site):
    repository = Catalogage(site)
    repository.migration("second", "first", "ALTER TABLE dataset ADD description text DEFAULT 'none'")
    repository.release("two", "id, title, description")
    before = migrations(site)
    site.run("pyservicectl update catalogage")
    wait_version(site, "two")
    assert migrations(site) == (before[0] + 1, before[1] + 1)
    assert ask(site).json()["datasets"] == [[1, "Eau", "none"]]
    assert none_failed_to_start(site), "the new schema was there before any new instance"

    running, count = started(site), migrations(site)
    repository.migration("third", "second", "ALTER TABLE dataset ADD licence text DEFAULT 'etalab-2.0'", "SELECT 1 / 0")
    repository.release("three", "id, title, licence")
    site.run("pyservicectl update catalogage")
    reason, = App(site, "catalogage").wait_failed().values()
    assert "catalogage-migrate.service" in reason
    assert "division by zero" in site.journal("catalogage-migrate.service")
    settle(site)
    assert started(site) == running, "the old version serves on"
    assert columns(site) == ["id", "title", "description"] and sql(site, "SELECT version_num FROM alembic_version") == "second"
    assert versions(site) == {(name, "two") for name in INSTANCES}
    assert migrations(site) == (count[0] + 1, count[1])

    repository.migration("third", "second", "ALTER TABLE dataset ADD licence text DEFAULT 'etalab-2.0'")
    repository.release("mended", "id, title, licence")
    site.run("pyservicectl update catalogage")
    wait_version(site, "mended")
    assert ask(site).json()["datasets"] == [[1, "Eau", "etalab-2.0"]]


def test_an_environment_of_its_own_and_a_new_password(site):
    site.run(f"cd {WORK} && git checkout -q -b mybranch")
    Catalogage(site).release("branch", "id, title, licence")
    put_credential(site, "catalogage-staging.database-url", URL % (PASSWORD, "staging"))
    site.write(f"{DROP_INS}/staging.yaml", STAGING)
    site.reload()
    wait_version(site, "branch")
    assert ask(site).json()["datasets"] == [], "the database of this environment, and migrated"
    assert sql(site, "SELECT version_num FROM alembic_version", "staging") == "third"

    sql(site, "ALTER USER catalogage PASSWORD 'newer-MarkQ8zx'")
    site.write("/usr/local/bin/editor-of-test", f"#!/bin/sh\nsed -i s/{PASSWORD}/newer-MarkQ8zx/ \"$1\"\n", 0o755)
    told = set_secret(site, "", "edit", "EDITOR=editor-of-test")
    site.run(next(line for line in told.splitlines() if "systemctl" in line))
    for name in INSTANCES:
        url = site.run(["podman", "exec", name, "printenv", "APP_DATABASE_URL"]).stdout.strip()
        assert url == URL % ("newer-MarkQ8zx", "staging")
    wait_version(site, "branch")
