# SPDX-License-Identifier: Apache-2.0
"""The contracts of contrib against what their applications read today: the variables, as a container receives them.

PYSERVICECTL names the program.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
DCI = ("dbhost dbuser dbname sqlalchemy_pool_size sqlalchemy_max_overflow apihost store_files_container store_components_container"
       " zmq_conn max_content_length_mb analytics_url amqp_broker_url certification_url sso_public_key sso_audiences sso_read_only_group"
       " sso_url sso_realm").split()
GIVEN = {name: "http://x/" if name.endswith("_url") else 7 for name in DCI} | {
    "store_engine": "file", "dbhost": "db", "dbuser": "me", "dbname": "dci", "dbpassword": {"secret": "pw"},
    "rhdl_service_account_access_key": {"secret": "pw"}, "rhdl_service_account_secret_key": {"secret": "pw"}}


@pytest.fixture
def variables(tmp_path):
    def of(contract, config):
        shutil.copytree(CONTRIB / "contracts", tmp_path / "etc/pyservice/contracts")
        definition = tmp_path / "app.yaml"
        definition.write_text(json.dumps({"image": "localhost/x:1", "contract": contract, "config": config,
                                          "secrets": {"pw": {"credential": "app.pw"}}}) + "\n")
        definition.chmod(0o600)
        done = subprocess.run([os.environ["PYSERVICECTL"], f"--root={tmp_path}", "render", f"--output={tmp_path}/out", definition],
                              capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        files = [path for path in (tmp_path / "out/app/env").iterdir()]
        return dict(line.split("=", 1) for path in files for line in path.read_text().splitlines())

    return of


def test_dci_api_has_what_the_role_writes(variables):
    seen = variables("dci-api", GIVEN | {"sqlalchemy_echo": False, "sqlalchemy_record_queries": True, "sqlalchemy_native_unicode": True,
                                         "requests_timeout_connect": 3.5, "requests_timeout_read": "10"})
    assert seen["SQLALCHEMY_DATABASE_URI"] == "postgresql://me:%u{pw}@db:5432/dci"
    assert seen["SQLALCHEMY_DATABASE_URI_PSYCOPG3"] == "postgresql+psycopg://me:%u{pw}@db:5432/dci"
    assert [seen[f"SQLALCHEMY_{name}"] for name in ("ECHO", "RECORD_QUERIES", "NATIVE_UNICODE")] == ["false", "true", "true"]
    assert [seen[f"REQUESTS_TIMEOUT_{name}"] for name in ("CONNECT", "READ")] == ["3.5", "10"]


def test_pytq_and_scitq_are_one_contract(variables):
    seen = variables("pytq", {"pytq_server": "pytq.example.com", "sqlalchemy_database_uri": "postgresql://root@/scitq", "flask_app": "scitq.server",
                              "scitq_production": 1, "scitq_server_process": 10, "queue_process": 1, "queue_log_file": "/var/log/scitq/queue.log",
                              "queue_log_file_max_size": 10000000, "queue_log_file_keep": 3, "scitq_permanent_worker": 0,
                              "server_crash_worker_recovery": "true"})
    assert seen["PYTQ_SERVER"] == seen["SCITQ_SERVER"] == "pytq.example.com"
    assert (seen["SCITQ_PRODUCTION"], seen["SCITQ_SERVER_PROCESS"], seen["SCITQ_PERMANENT_WORKER"]) == ("1", "10", "0")
    assert (seen["QUEUE_PROCESS"], seen["QUEUE_LOG_FILE"], seen["QUEUE_LOG_FILE_KEEP"]) == ("1", "/var/log/scitq/queue.log", "3")


def test_catalogage_has_the_keys_of_its_present_version(variables):
    seen = variables("catalogage", {"database_url": {"secret": "pw"}, "config_repo_api_key": {"secret": "pw"}, "passwords": {"secret": "pw"},
                                    "client_server_mode": "live", "client_api_browser_url": "/api",
                                    "client_api_ssr_url": "http://localhost:3579"})
    assert (seen["APP_CONFIG_REPO_API_KEY"], seen["TOOLS_PASSWORDS"]) == ("%{pw}", "%{pw}")
    assert [seen[f"VITE_{name}"] for name in ("SERVER_MODE", "API_BROWSER_URL", "API_SSR_URL")] == ["live", "/api", "http://localhost:3579"]


def test_codeontap_has_what_the_entrypoint_and_the_fragment_of_the_container_know(variables):
    given = {"DJANGO_DEBUG": True, "APP_DEBUG": "-x", "AMAZON_METADATA_INSTANCE": "169.254.169.254",
             "ANALYTICS_ES_ENDPOINT": "https://es.example.com:443", "ANALYTICS_ES_INDEX_NAME": "web"}
    assert variables("codeontap", given) == given | {"DJANGO_DEBUG": "true"}
