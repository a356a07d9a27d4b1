# SPDX-License-Identifier: Apache-2.0
import os


def number(name, default):
    return int(os.environ.get(name) or default)


worker_class = "gthread"
workers = number("DCI_NB_WORKERS", 1)
threads = 4
worker_connections = number("DCI_GUNICORN_WORKER_CONNECTIONS", 100)
max_requests = number("DCI_GUNICORN_MAX_REQUESTS", 0)
max_requests_jitter = number("DCI_GUNICORN_MAX_REQUESTS_JITTER", 0)
timeout = number("DCI_GUNICORN_TIMEOUT", 30)
graceful_timeout = number("DCI_GUNICORN_GRACEFUL_TIMEOUT", 90)
