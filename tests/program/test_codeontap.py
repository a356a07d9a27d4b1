# SPDX-License-Identifier: Apache-2.0
"""The contract `codeontap` against its example, as it stands and with mistakes.

PYSERVICECTL names the program.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
EXAMPLE = (CONTRIB / "examples/base-python.yaml").read_text()


def check(tmp_path, text):
    contracts = tmp_path / "etc/pyservice/contracts"
    contracts.mkdir(parents=True)
    shutil.copy(CONTRIB / "contracts/codeontap.yaml", contracts)
    (tmp_path / "etc/pyservice.d").mkdir()
    (tmp_path / "etc/pyservice.d/base-python.yaml").write_text(text)
    done = subprocess.run([os.environ["PYSERVICECTL"], f"--root={tmp_path}", "check"], capture_output=True, text=True)
    return done.returncode, [line.split(": error: ")[1] for line in done.stderr.splitlines() if ": error: " in line]


def without(*keys):
    return "".join(line for line in EXAMPLE.splitlines(keepends=True) if line.split(":")[0].strip() not in keys)


def replaced(old, new):
    assert EXAMPLE.count(old) == 1
    return EXAMPLE.replace(old, new)


def of_set(prefix):
    return [line.split(":")[0].strip() for line in EXAMPLE.splitlines() if line.strip().startswith(prefix)]


def test_the_example_is_good(tmp_path):
    assert check(tmp_path, EXAMPLE) == (0, [])


@pytest.mark.parametrize("keys", [of_set("DATABASE_"), of_set("RABBITMQ_"), of_set("SESSION_"), of_set("CACHE_"), ["SENTRY_DSN"],
                                  ["AWS_REGION"], of_set("APPDATA_")])
def test_a_set_may_be_left_out(tmp_path, keys):
    assert keys
    assert check(tmp_path, without(*keys)) == (0, [])


@pytest.mark.parametrize("key", [key for key in of_set("DATABASE_") + of_set("RABBITMQ_") + of_set("SESSION_") + of_set("CACHE_") + of_set("APPDATA_")
                                 if not key.endswith(("_HOST", "_BUCKET"))])
def test_a_set_is_given_whole(tmp_path, key):
    status, errors = check(tmp_path, without(key))
    assert status == 1
    assert len(errors) == 1
    assert f"'{key}'" in errors[0] and "[config-missing]" in errors[0]


@pytest.mark.parametrize("first", ["DATABASE_HOST", "RABBITMQ_HOST", "SESSION_REDIS_HOST", "CACHE_REDIS_HOST", "APPDATA_BUCKET"])
def test_a_set_without_its_first_variable_is_half_a_set(tmp_path, first):
    status, errors = check(tmp_path, without(first))
    assert status == 1
    assert errors and all(f"'{first}'" in error for error in errors)


def test_without_debug_mode_the_key_is_demanded(tmp_path):
    status, errors = check(tmp_path, without("DJANGO_SECRET_KEY"))
    assert (status, len(errors)) == (1, 1)
    assert "'DJANGO_SECRET_KEY'" in errors[0]


def test_without_a_word_about_debug_mode_too(tmp_path):
    assert check(tmp_path, without("DJANGO_SECRET_KEY", "DJANGO_DEBUG"))[0] == 1


def test_in_debug_mode_it_is_not(tmp_path):
    assert check(tmp_path, without("DJANGO_SECRET_KEY").replace("DJANGO_DEBUG: false", "DJANGO_DEBUG: true")) == (0, [])


def test_in_debug_mode_it_may_be_given(tmp_path):
    assert check(tmp_path, EXAMPLE.replace("DJANGO_DEBUG: false", "DJANGO_DEBUG: true")) == (0, [])
    done = subprocess.run([os.environ["PYSERVICECTL"], f"--root={tmp_path}", f"--output={tmp_path}/out", "render"], capture_output=True, text=True)
    assert done.returncode == 0
    assert all("DJANGO_SECRET_KEY=" in path.read_text() for path in tmp_path.glob("out/*/env/*.template"))


@pytest.mark.parametrize("old, new, said", [
    ("DATABASE_PORT: 5432", "DATABASE_PORT: postgres", "'DATABASE_PORT' must be a whole number"),
    ("DJANGO_DEBUG: false", 'DJANGO_DEBUG: "no"', "'DJANGO_DEBUG' must be true or false"),
    ("SESSION_REDIS_DB: 0", "SESSION_REDIS_DB: [0]", "'SESSION_REDIS_DB' must be a single value"),
    ("AWS_REGION: eu-west-1", "AWS_REGOIN: eu-west-1", "did you mean 'AWS_REGION'?"),
    ("  SENTRY_DSN", "  APP_RUN_MODE: DAEMON\n  SENTRY_DSN", "allows WEB, TASK, WORKER or BEAT"),
    ("run_mode: BEAT", "run_mode: BEAT\n    scale: 2", "BEAT"),
    ("run_mode: TASK", "run_mode: RUN", "invalid value 'RUN' for 'run_mode'"),
    ("run_mode: WEB\n    worker_count: 3", "run_mode: WEB\n    worker_count: 0", "worker_count"),
])
def test_mistakes(tmp_path, old, new, said):
    status, errors = check(tmp_path, replaced(old, new))
    assert status == 1
    assert any(said in error for error in errors), errors
