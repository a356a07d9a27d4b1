# SPDX-License-Identifier: Apache-2.0
"""Stands for the DCI control server: the root, which needs no login, and one page that does."""

import base64
import binascii
import datetime
import json
import os
import socket
import uuid

import redis

from dci import database, settings


def user_of(environ):
    """The user that the request logs in as, or None. Every name with a password is known."""
    scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        name, _, password = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name if scheme.lower() == "basic" and name and password else None


def note_login(user_id):
    if "DCI_REDIS_URL" not in os.environ:
        return
    key = f"last_auth:user:{user_id}"
    with redis.from_url(os.environ["DCI_REDIS_URL"]) as store:
        store.set(key, datetime.datetime.now(datetime.timezone.utc).isoformat())
        store.sadd("dirty_last_auth_keys", key)


def answer(environ):
    if environ["PATH_INFO"] == "/api/v1/":
        return "200 OK", {"_status": "OK", "message": "Distributed CI."}
    if environ["PATH_INFO"] != "/api/v1/identity":
        return "404 Not Found", {"message": "not found"}
    name = user_of(environ)
    if name is None:
        return "401 Unauthorized", {"message": "log in"}
    user_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    note_login(user_id)
    return "200 OK", {"identity": {"id": user_id, "name": name}, "schema": database.version()}


def create_app():
    settings.check()
    database.require_teams()

    def app(environ, start_response):
        status, value = answer(environ)
        value["hostname"] = socket.gethostname()
        body = (json.dumps(value) + "\n").encode()
        start_response(status, [("Content-Type", "application/json"),
                                ("Content-Length", str(len(body))),
                                ("X-Served-By", socket.gethostname())])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app
