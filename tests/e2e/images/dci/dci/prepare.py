# SPDX-License-Identifier: Apache-2.0
"""Waits for the database and brings its tables up to date.

Like the real one, it takes no lock: of several that find an empty database at once, one wins.
"""

import os
import sys
import time

import psycopg2

from dci import settings

TRIES = 30


def connect():
    for left in reversed(range(TRIES)):
        try:
            return psycopg2.connect(os.environ["SQLALCHEMY_DATABASE_URI"], connect_timeout=2)
        except psycopg2.OperationalError as error:
            print("waiting for the database:", str(error).strip(), file=sys.stderr)
            if left:
                time.sleep(1)
    sys.exit("no database")


def main():
    settings.check()
    with connect() as database, database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        if cursor.fetchone()[0] is None:
            cursor.execute("CREATE TABLE alembic_version (version text)")
            cursor.execute("CREATE TABLE last_auth (key text PRIMARY KEY, at text NOT NULL)")
            cursor.execute("INSERT INTO alembic_version VALUES ('1')")
            print("migrated")


main()
