# SPDX-License-Identifier: Apache-2.0
"""A small task queue, for tests: a server that workers ask for tasks, as PYTQ has one.

    /           200
    POST /add?n=30          adds that many tasks
    POST /pause?is=1        gives no task to a worker before /pause?is=0
    POST /take?worker=NAME  {"task": 7}, or {} where there is none
    POST /done?task=7&worker=NAME
    /state      {"waiting": …, "running": {"7": NAME}, "done": {"6": [NAME]}}
"""

import logging
import logging.handlers
import os
import threading

import flask

app = flask.Flask(__name__)
lock = threading.Lock()
waiting, running, done = [], {}, {}
last, is_paused = 0, False

logger = logging.getLogger("pytq")
logger.setLevel(logging.INFO)
logger.addHandler(logging.handlers.RotatingFileHandler(
    os.environ["LOG_FILE"], maxBytes=int(os.environ["LOG_FILE_MAX_SIZE"]), backupCount=int(os.environ["LOG_FILE_KEEP"])))


@app.get("/")
def index():
    return "pytq\n"


@app.post("/add")
def add():
    global last
    with lock:
        for _ in range(int(flask.request.args["n"])):
            last += 1
            waiting.append(str(last))
    return {}


@app.post("/pause")
def pause():
    global is_paused
    with lock:
        is_paused = flask.request.args["is"] == "1"
    return {}


@app.post("/take")
def take():
    worker = flask.request.args["worker"]
    with lock:
        if is_paused or not waiting:
            return {}
        task = waiting.pop(0)
        running[task] = worker
    logger.info("%s takes %s", worker, task)
    return {"task": task}


@app.post("/done")
def finish():
    task, worker = flask.request.args["task"], flask.request.args["worker"]
    with lock:
        running.pop(task, None)
        done.setdefault(task, []).append(worker)
    logger.info("%s did %s", worker, task)
    return {}


@app.get("/state")
def state():
    with lock:
        return {"waiting": len(waiting), "running": dict(running), "done": dict(done), "database": os.environ["SQLALCHEMY_DATABASE_URI"]}
