# SPDX-License-Identifier: Apache-2.0
"""The tables, and what makes them. Like Alembic it takes no lock: if several find an empty database at once, one
makes the tables, and the others fail."""

import os
import sys

import psycopg2

from dci import settings

TEAMS = "admin", "Red Hat", "EPM"
SECONDS = 2  # that a migration takes


def connect():
    return psycopg2.connect(os.environ["SQLALCHEMY_DATABASE_URI"], connect_timeout=10)


def migrate():
    settings.check()
    with connect() as database, database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        if cursor.fetchone()[0] is not None:
            return
        cursor.execute("CREATE TABLE alembic_version (version text)")
        cursor.execute("SELECT pg_sleep(%s)", (SECONDS,))
        cursor.execute("CREATE TABLE last_auth (key text PRIMARY KEY, at text NOT NULL)")
        cursor.execute("CREATE TABLE teams (name text PRIMARY KEY)")
        cursor.execute("INSERT INTO alembic_version VALUES ('1')")
    print("migrated", flush=True)


def require_teams():
    with connect() as database, database.cursor() as cursor:
        cursor.execute("SELECT name FROM teams")
        known = {name for name, in cursor.fetchall()}
    for team in TEAMS:
        if team not in known:
            sys.exit(f"{team} team not found. Please init the database.")


def version():
    with connect() as database, database.cursor() as cursor:
        cursor.execute("SELECT version FROM alembic_version")
        return cursor.fetchone()[0]
