# SPDX-License-Identifier: Apache-2.0
"""pyservicectl env, run, exec, shell and logs, as far as they need nothing that runs.

PYSERVICECTL names the program.
"""

import os
import subprocess

import pytest

from answers import read_answer

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

SHOP = """\
image: registry.example.com/shop:1
contract: shop
config:
  store: s3
  password: {secret: password}
env:
  BOTH: from the app
  NAME: "{{ app_name }}"
env_files: [/etc/shop.env, -/etc/missing.env]
secrets: {password: {credential: shop.password}}
services:
  - {name: web, scale: 2, run_mode: WEB, env: {OWN: x, HOST: "{{ instance }} of {{ app_name }}"}}
  - {name: worker, run_mode: WORKER, worker_count: 3, env_files: [/etc/worker.env]}
tasks:
  - {name: migrate, command: migrate}
timers:
  - {name: nightly, schedule: daily, command: tidy}
"""
DROP_IN = "env: {BOTH: from the drop-in}\n"
CONTRACT = """\
variables:
  - {name: store, env: STORE, required: true}
  - {name: level, env: LEVEL, default: INFO}
  - {name: password, secret: true, required: true}
  - {env: URL, template: "db://u:{{ password | urlencode }}@h/{{ store }}"}
"""


@pytest.fixture
def root(tmp_path):
    for path, text in {
        "etc/pyservice.d/shop.yaml": SHOP, "etc/pyservice.d/shop.yaml.d/10-both.yaml": DROP_IN, "etc/pyservice.d/broken.yaml": "image: [\n",
        "etc/pyservice.d/plain.yaml": "image: registry.example.com/plain:1\n", "etc/pyservice/contracts/shop.yaml": CONTRACT,
        "etc/shop.env": "# a comment\n\n FROM_FILE=1=2\nBOTH=lost\nPASSED_ON\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def run(root, *words):
    return subprocess.run([PYSERVICECTL, f"--root={root}", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def environment(root, *words):
    done = run(root, "--json", "env", *words)
    assert done.returncode == 0, done.stderr
    return {row.pop("name"): tuple(row.values()) for row in read_answer("env", done.stdout)["environment"]}


def test_where_variables_come_from(root):
    web = {
        "APP_RUN_MODE": ("pyservice", "shop.yaml:12", None),
        "BOTH": ("definition", "shop.yaml.d/10-both.yaml:1", None),
        "FROM_FILE": ("env-file", "/etc/shop.env", None),
        "HOST": ("definition", "shop.yaml:12", None),
        "LEVEL": ("default", "shop, by /etc/pyservice/contracts/shop.yaml:3", None),
        "NAME": ("definition", "shop.yaml:8", None),
        "OWN": ("definition", "shop.yaml:12", None),
        "PASSED_ON": ("env-file", "/etc/shop.env", None),
        "STORE": ("config", "shop.yaml:4", None),
        "URL": ("contract", "shop, made from others by /etc/pyservice/contracts/shop.yaml:5", "password"),
    }
    assert environment(root, "shop") == web == environment(root, "shop/web@1")
    assert environment(root, "shop/worker")["APP_WORKER_COUNT"] == ("pyservice", "shop.yaml:13", None)
    assert "/etc/worker.env" in run(root, "env", "shop/worker").stderr
    assert "OWN" not in environment(root, "shop/migrate")
    assert environment(root, "plain") == {}
    shown = run(root, "env", "shop").stdout
    assert "VALUE" not in shown and "from the" not in shown and "s3" not in shown


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_values(root):
    revealed = {name: row[-1] for name, row in environment(root, "--reveal", "shop").items()}
    assert revealed == {"APP_RUN_MODE": "WEB", "BOTH": "from the drop-in", "FROM_FILE": "1=2", "HOST": "{{ instance }} of shop", "LEVEL": "INFO", "NAME": "shop", "OWN": "x",
                        "PASSED_ON": None, "STORE": "s3", "URL": None}
    assert environment(root, "--reveal", "shop/web@1")["HOST"][-1] == "1 of shop"


def test_tasks(root):
    tasks = read_answer("run APP", run(root, "--json", "run", "shop").stdout)["tasks"]
    assert {(task["task"], task["kind"]) for task in tasks} == {("migrate", "task"), ("nightly", "timer")}
    done = run(root, "run", "plain")
    assert (done.returncode, done.stdout) == (0, "")
    assert "'pyservicectl run plain -- COMMAND' runs a command" in done.stderr


@pytest.mark.parametrize("words, status, said", [
    (["env"], 2, "give APP, APP/SERVICE or APP/SERVICE@N"),
    (["env", "broken"], 1, "its definition has errors"),
    (["env", "shopp"], 1, "did you mean 'shop'?"),
    (["env", "shop/wep"], 1, "did you mean 'web'?"),
    (["env", "../etc"], 2, "is not a valid name of an app"),
    (["run"], 2, "give APP, APP TASK or APP[/SERVICE][@N] -- COMMAND"),
    (["run", "shop", "--"], 2, "give APP, APP TASK or APP[/SERVICE][@N] -- COMMAND"),
    (["run", "shop", "migrate", "--", "x"], 2, "give APP, APP TASK or APP[/SERVICE][@N] -- COMMAND"),
    (["run", "shop/web"], 2, "give APP, APP TASK or APP[/SERVICE][@N] -- COMMAND"),
    (["run", "shop", "migrate"], 2, "--root is not supported"),
    (["run", "shop", "--", "sh"], 2, "--root is not supported"),
    (["exec", "shop", "--", "sh"], 2, "'exec' has no option --root"),
    (["logs", "shop"], 2, "'logs' has no option --root"),
])
def test_refusals(root, words, status, said):
    done = run(root, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr


@pytest.mark.parametrize("words", [["ls", "-l"], ["ls", "--unknown", "-x"], ["ls", "--", "--help"], ["ls", "--help"], ["--", "ls", "--help"]])
def test_options_behind_the_command_of_exec_are_its_own(words):
    done = subprocess.run([PYSERVICECTL, "exec", "no-such-app", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert (done.returncode, done.stdout) != (2, "") and "Options:" not in done.stdout and "unrecognized" not in done.stderr


@pytest.mark.parametrize("words, said", [
    (["exec", "shop"], "then a command"),
    (["exec", "shop", "--"], "then a command"),
    (["exec", "--", "sh"], "then a command"),
    (["exec", "shop", "--lines=1", "sh"], "'exec' has no option --lines"),
    (["exec", "shop", "--unknown", "sh"], "unrecognized option '--unknown'"),
    (["shell", "a", "b"], "give APP, APP@N, APP/SERVICE or APP/SERVICE@N"),
    (["logs"], "give APP, APP@N, APP/SERVICE or APP/SERVICE@N"),
    (["logs", "-n", "many", "shop"], "invalid number of lines 'many'; write a number, or 'all'"),
])
def test_usage(words, said):
    done = subprocess.run([PYSERVICECTL, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
