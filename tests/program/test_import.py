# SPDX-License-Identifier: Apache-2.0
"""pyservicectl import: what other tools were told, as definitions that `check` passes.

PYSERVICECTL names the program. What the Ansible roles make of the same variables is written out here by hand, from their documentation,
and compared with what `render` makes of the definition.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

import jsonschema
import pytest
import yaml

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")
CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
SCHEMA = json.loads((CONTRIB / "editor/pyservice.schema.json").read_text())


class Imported:
    """What one import printed: the definition, as another reader of YAML has it, and the notes."""

    def __init__(self, text, notes, path):
        self.text, self.notes, self.path = text, notes, path
        self.app = yaml.safe_load(text)
        self.comments = re.sub(r"\n *# ", " ", text)

    def part(self, name, kind="services"):
        return next(part for part in self.app[kind] if part["name"] == name)


@pytest.fixture
def root(tmp_path):
    shutil.copytree(CONTRIB / "contracts", tmp_path / "root/etc/pyservice/contracts")
    networks = tmp_path / "root/etc/containers/systemd"
    networks.mkdir(parents=True)
    (networks / "quadlet.network").write_text("[Network]\nSubnet=192.168.100.0/24\n")
    return tmp_path / "root"


def ctl(root, *words, cwd=None):
    done = subprocess.run([PYSERVICECTL, f"--root={root}", *map(str, words)], capture_output=True, cwd=cwd, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def imported(root, tmp_path):
    """Writes the files, imports them, and has `check` look at what comes of it."""

    def run(kind, files, status=0):
        directory = tmp_path / "in"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text)
        code, text, notes = ctl(root, "import", kind, *files, cwd=directory)
        is_whole = "of the input could not be carried over" not in notes
        assert code == (status if is_whole or status != 0 else 3), notes
        path = tmp_path / Path(text.splitlines()[0].removeprefix("# ")).name
        path.write_text(text)
        path.chmod(0o600)
        if status == 0:
            assert ctl(root, "check", path) == (0, "", "")
            jsonschema.validate(yaml.safe_load(text), SCHEMA)
        return Imported(text, notes, path)

    return run


@pytest.fixture
def rendered(root, tmp_path):
    def run(definition):
        code, _, errors = ctl(root, "render", f"--output={tmp_path}/out", definition.path)
        assert (code, errors) == (0, "")
        return tmp_path / "out" / definition.path.stem

    return run


def command_of(unit):
    """The words of Exec=; what stands in them here needs no escapes but \\"."""
    line = next(line for line in unit.read_text().splitlines() if line.startswith("Exec="))
    return shlex.split(line.removeprefix("Exec=").replace("%%", "%").replace("$$", r"\$"))


# --- ansible-pyservice ---

GIFTWRAP = """
app_name: giftwrap
app_repo: git@git.example.com:giftwrap/giftwrap.git
app_tag: v1.4.0
app_ssh_key_path: /etc/pyservice/keys/giftwrap
python_version: "3.12"
web_port: 8080
log_level: "{{ default_level | default('info') }}"
app_services:
  - name: web
    description: "Run the web interface for {{ app_name }}"
    command: "{{ conda_run }} python -m {{ app_module }} --config {{ app_config }} web --port {{ web_port }} --level={{ log_level }}"
app_timers:
  - name: something
    description: "Do something every Monday at 2 AM"
    schedule: "Mon, 02:00"
    command: python -m {{ app_module }} --config {{ app_config }} do_something "two words"
app_files:
  - {dest: "{{ app_config_dir }}/certificate", content: "{{ certificate_contents }}", mode: "0600"}
  - {dest: "{{ app_config }}", content: "data: {{ app_data_dir }}\\n", mode: 0640}
  - {dest: /etc/skipped, content: null}
conda_version: latest-Linux-x86_64
"""

# By the role's README: where everything lies, and what ExecStart= runs in the conda environment.
GIFTWRAP_CONFIG = "/applications/giftwrap/app/config/config.yaml"
GIFTWRAP_WEB = ["python", "-m", "giftwrap", "--config", GIFTWRAP_CONFIG, "web", "--port", "8080", "--level=info"]
GIFTWRAP_SOMETHING = ["python", "-m", "giftwrap", "--config", GIFTWRAP_CONFIG, "do_something", "two words"]


def test_the_role_for_python_applications(imported, rendered):
    definition = imported("ansible-pyservice", {"vars.yml": GIFTWRAP})
    assert definition.text.startswith("# /etc/pyservice.d/giftwrap.yaml\n")
    assert definition.app["source"] == {"repo": "git@git.example.com:giftwrap/giftwrap.git", "ref": "v1.4.0", "python": "3.12",
                                        "ssh_key": "/etc/pyservice/keys/giftwrap", "requirements": "pinned-requirements.txt"}
    out = rendered(definition)
    assert command_of(out / "quadlet/giftwrap-web@.container") == GIFTWRAP_WEB
    assert command_of(out / "quadlet/giftwrap-something.container") == GIFTWRAP_SOMETHING
    assert not list(out.glob("env/*"))  # the role sets no variable
    timer = (out / "units/giftwrap-something.timer").read_text()
    assert "\nOnCalendar=Mon, 02:00\n" in timer and "\nPersistent=yes\n" in timer
    assert "Description=Run the web interface for giftwrap" in (out / "quadlet/giftwrap-web@.container").read_text()

    assert [file["dest"] for file in definition.app["files"]] == ["{{ app_config_dir }}/certificate", "{{ app_config }}"]
    assert definition.app["files"][0]["content"] == {"secret": "certificate"}
    assert definition.app["files"][1] == {"dest": "{{ app_config }}", "content": "data: {{ app_data_dir }}\n", "mode": "0640"}
    assert definition.app["secrets"] == {"certificate": {"credential": "giftwrap.certificate"}}
    for note in ("vars.yml:19:57: {{ certificate_contents }} could not be carried over", "vars.yml:21:5: this file could not", "vars.yml:22:16: 'conda_version' is not"):
        assert note in definition.notes
    assert "Line 19: {{ certificate_contents }} could not be carried over" in definition.comments


def test_a_name_that_is_none_keeps_its_paths(imported, rendered):
    definition = imported("ansible-pyservice", {"vars.yml": """
app_name: Gift_Wrap
app_repo: https://git.example.com/x/y.git
app_tag: main
global_app_root: /srv/apps
app_config: "{{ app_root }}/etc/{{ app_name }}.yaml"
app_services:
  - {name: web_ui, description: "{{ app_user }}", command: "run {{ app_name }} {{ app_config }} {{ app_module }} {{ app_code_dir }}"}
"""})
    # By the role's README, with app_root = {{ global_app_root }}/{{ app_name }}.
    want = ["run", "Gift_Wrap", "/srv/apps/Gift_Wrap/etc/Gift_Wrap.yaml", "Gift_Wrap", "/srv/apps/Gift_Wrap/app/code"]
    assert command_of(rendered(definition) / "quadlet/gift-wrap@.container") == want
    assert "'web_ui' is 'web-ui' here" in definition.notes and "the application is 'gift-wrap' here" in definition.notes


def test_directories_that_lie_elsewhere(imported, rendered):
    definition = imported("ansible-pyservice", {"vars.yml": """
app_name: gw
app_repo: https://git.example.com/x/y.git
app_tag: main
ansible_common_remote_group: deploy
app_data_dir: /mnt/data/gw
app_config_dir: "{{ app_root }}/etc"
app_services:
  - {name: web, command: "run {{ app_data_dir }} {{ app_config }}"}
"""})
    assert definition.app["group"] == "deploy", "the role's default for app_group"
    assert (definition.app["data_dir"], definition.app["config_dir"]) == ("/mnt/data/gw", "{{ app_root }}/etc")
    out = rendered(definition)
    assert command_of(out / "quadlet/gw@.container") == ["run", "/mnt/data/gw", "/applications/gw/etc/config.yaml"]
    made = next(out.glob("setup/*.tmpfiles")).read_text()
    for path in "/mnt/data/gw", "/applications/gw/etc":
        assert f'd "{path}" 0750 gw deploy -\n' in made
        assert f"\nVolume={path}:{path}\n" in (out / "quadlet/gw@.container").read_text()


def test_what_only_ansible_knows_is_to_be_written(imported):
    definition = imported("ansible-pyservice", {"vars.yml": """
app_name: x
app_repo: https://git.example.com/x/y.git
app_tag: "{{ release.tag | upper }}"
app_user: "{{ owner }}"
app_services:
  - {name: a, command: "run {{ groups['db'][0] }} {{ groups['db'][1] }} {{ groups['db'][0] }} {{ '{{' }} }}"}
  - {name: b, command: "run {% if x %}y{% endif %}", environment: {A: b}}
"""})
    assert definition.app["vars"] == {"release": "CHANGE-ME", "owner": "CHANGE-ME", "groups": "CHANGE-ME", "groups_2": "CHANGE-ME"}
    assert definition.part("a")["command"] == "run {{ groups }} {{ groups_2 }} {{ groups }} {{ '{{' }} }}"
    assert "could not be carried over: they are unchanged" in definition.notes and "'environment' could not be carried over" in definition.notes
    assert definition.app["source"]["ref"] == "{{ release }}"


def test_a_time_that_systemd_does_not_know(imported):
    timers = "app_timers:\n  - {name: a, schedule: 'Mon, 25:61', command: x}\n  - {name: b, schedule: daily, command: y}\n"
    definition = imported("ansible-pyservice", {"vars.yml": "app_name: x\napp_repo: https://a/b.git\napp_tag: v1\napp_services: [{name: w, command: z}]\n" + timers}, status=1)
    assert definition.app["timers"] == [{"name": "a", "command": "x"}, {"name": "b", "schedule": "daily", "command": "y"}]
    assert "'schedule' could not be carried over" in definition.notes and "to be fixed: timer needs 'schedule:'" in definition.comments


def test_a_file_without_a_place_keeps_its_content(imported):
    files = "app_files: [{dest: relative, content: precious, mode: '0600'}, {dest: /etc/ok, content: x, more: y}]\n"
    definition = imported("ansible-pyservice", {"vars.yml": "app_name: x\napp_repo: https://a/b.git\napp_tag: v1\napp_services: [{name: health, command: z}]\n" + files}, status=1)
    assert definition.app["files"] == [{"content": "precious", "mode": "0600"}, {"dest": "/etc/ok", "content": "x"}]
    assert "'dest' could not be carried over" in definition.comments and "to be fixed: file needs 'dest:'" in definition.comments
    assert "'health' is 'health-2' here" in definition.comments


PLAYBOOK = """---
- hosts: all
  vars:
    app_services:
      - {name: web, description: "Run {{ app_name }}", command: "python -m {{ app_module }} --config {{ app_config }} web"}
  tasks:
  - name: Install
    import_role: {name: pyservice, tasks_from: setup}
  - name: Template configuration
    ansible.builtin.template: {src: config.yaml, dest: "{{ app_config }}"}
- hosts: other
  vars: {app_name: second, app_services: []}
- hosts: nothing
"""


def test_a_playbook_with_variables_of_the_inventory(imported, rendered, root, tmp_path):
    group = "app_name: wrap\napp_repo: https://git.example.com/x/y.git\napp_tag: v1\n"
    definition = imported("ansible-pyservice", {"group.yml": group, "one.yml": PLAYBOOK[:PLAYBOOK.index("- hosts: other")]})
    assert command_of(rendered(definition) / "quadlet/wrap@.container")[:3] == ["python", "-m", "wrap"]
    assert "task 'Template configuration' could not be carried over" in definition.notes and "'Install'" not in definition.notes

    (tmp_path / "in/play.yml").write_text(PLAYBOOK)
    _, text, _ = ctl(root, "import", "ansible-pyservice", tmp_path / "in/group.yml", tmp_path / "in/play.yml")
    documents = text.split("\n---\n")
    assert [document.splitlines()[0] for document in documents] == ["# /etc/pyservice.d/wrap.yaml", "# /etc/pyservice.d/second.yaml"]


USES = """---
- hosts: all
  vars: {app_name: base, app_tag: v1, app_repo: "https://x/base.git", app_user: svc}
  roles:
    - {role: other, vars: {app_name: not}}
    - {role: pyservice, tags: [x], vars: {app_name: one, app_repo: "https://x/one.git"}}
    - {role: org.apps.pyservice, app_name: two, app_tag: v2}
  tasks:
  - import_role: {name: pyservice, tasks_from: setup}
    vars: {app_name: three}
  - {name: Later, ansible.builtin.include_role: {name: pyservice}, vars: {app_name: three, app_user: third}}
"""


def test_variables_that_the_role_is_given(root, tmp_path):
    (tmp_path / "play.yml").write_text(USES)
    _, text, notes = ctl(root, "import", "ansible-pyservice", tmp_path / "play.yml")
    apps = [(document.splitlines()[0], yaml.safe_load(document)) for document in text.split("\n---\n")]
    assert [(name.split("/")[-1], app["source"]["repo"], app["source"]["ref"], app["user"]) for name, app in apps] == [
        ("one.yaml", "https://x/one.git", "v1", "svc"), ("two.yaml", "https://x/base.git", "v2", "svc"), ("three.yaml", "https://x/base.git", "v1", "third")]
    assert "'Later'" not in notes


def test_variables_that_the_role_for_the_dci_api_is_given(imported):
    play = [{"hosts": "all", "vars": yaml.safe_load(DCI.replace("!vault", "")), "roles": [{"role": "quadlet.dci_api", "vars": {"dci_api_container_scale": 9}}]}]
    assert imported("dci-api", {"play.yml": json.dumps(play)}).app["scale"] == 9


# --- dci-api ---

DCI = """
dci_api_container_scale: 6
dci_redis_url: redis://redis.example.com:6379/0
dbhost: postgres.example.com
dbuser: dci
dbpassword: "{{ vault_db_password }}"
dbname: dci
sqlalchemy_pool_size: 20
sqlalchemy_max_overflow: 10
apihost: 0.0.0.0
api_log_level: INFO
gunicorn_nb_workers: 4
gunicorn_worker_connections: 200
gunicorn_timeout: 60
gunicorn_extra_cmd_args: "--log-level 'debug' # all"
store_engine: s3
store_files_container: dci-files
store_components_container: dci-components
store_s3_aws_access_key_id: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162
store_s3_aws_secret_access_key: "{{ vault_s3_secret_key }}"
store_s3_aws_region: us-east-1
store_s3_endpoint_url: https://s3.example.com
zmq_conn: "tcp://zmq.example.com:5555"
max_content_length_mb: 1024
analytics_url: "https://analytics.example.com"
amqp_broker_url: "amqp://rabbitmq.example.com"
certification_url: "https://certification.example.com"
sso_public_key: "{{ vault_sso_public_key }}"
sso_audiences: ["dci-api", "two"]
sso_read_only_group: "dci-readonly"
sso_url: "https://sso.example.com"
sso_realm: "{{ realm }}"
rhdl_service_account_access_key: "{{ vault_rhdl_access_key }}"
rhdl_service_account_secret_key: "{{ vault_rhdl_secret_key }}"
haproxy_config_dir: /etc/haproxy/conf.d
dci_api_container_volumes: [/a:/b]
sqlalchemy_echo: false
requests_timeout_read: 10.5
"""

# What the role's template of dci-api.env makes of them; of secrets only the name is known here.
DCI_ENVIRONMENT = {
    "DCI_NB_WORKERS": "4", "DCI_GUNICORN_WORKER_CONNECTIONS": "200", "DCI_GUNICORN_MAX_REQUESTS": "0", "DCI_GUNICORN_MAX_REQUESTS_JITTER": "0",
    "DCI_GUNICORN_TIMEOUT": "60", "DCI_GUNICORN_GRACEFUL_TIMEOUT": "90", "GUNICORN_CMD_ARGS": "--log-level 'debug' # all",
    "API_HOST": "0.0.0.0", "API_PORT": "5000", "LOG_LEVEL": "INFO", "MAX_CONTENT_LENGTH_MB": "1024", "DB_HOST": "postgres.example.com",
    "SQLALCHEMY_POOL_SIZE": "20", "SQLALCHEMY_MAX_OVERFLOW": "10", "STORE_ENGINE": "s3", "STORE_FILES_CONTAINER": "dci-files",
    "STORE_COMPONENTS_CONTAINER": "dci-components", "AWS_REGION": "us-east-1", "S3_ENDPOINT_URL": "https://s3.example.com",
    "ZMQ_CONN": "tcp://zmq.example.com:5555", "DCI_REDIS_URL": "redis://redis.example.com:6379/0", "SSO_AUDIENCES": "dci-api,two",
    "SSO_READ_ONLY_GROUP": "dci-readonly", "SSO_URL": "https://sso.example.com", "SSO_REALM": "CHANGE-ME",
    "CERTIFICATION_URL": "https://certification.example.com", "ANALYTICS_URL": "https://analytics.example.com",
    "AMQP_BROKER_URL": "amqp://rabbitmq.example.com", "RHDL_API_URL": "https://api.rhdl.distributed-ci.io/api/v1",
    "SQLALCHEMY_ECHO": "false", "REQUESTS_TIMEOUT_READ": "10.5",
}
DCI_SECRETS = {
    "AWS_ACCESS_KEY_ID": "%{store-s3-aws-access-key-id}", "AWS_SECRET_ACCESS_KEY": "%{store-s3-aws-secret-access-key}",
    "RHDL_SERVICE_ACCOUNT_ACCESS_KEY": "%{rhdl-service-account-access-key}", "RHDL_SERVICE_ACCOUNT_SECRET_KEY": "%{rhdl-service-account-secret-key}",
    "SQLALCHEMY_DATABASE_URI": "postgresql://dci:%u{dbpassword}@postgres.example.com:5432/dci", "SSO_PUBLIC_KEY": "%{sso-public-key}",
    "SQLALCHEMY_DATABASE_URI_PSYCOPG3": "postgresql+psycopg://dci:%u{dbpassword}@postgres.example.com:5432/dci",
}


def variables(out, pattern):
    return dict(line.split("=", 1) for path in out.glob(pattern) for line in path.read_text().splitlines())


def test_the_role_for_the_dci_api(imported, rendered):
    definition = imported("dci-api", {"vars.yml": DCI})
    out = rendered(definition)
    for unit in "dci-api", "dci-api-auth-tracking":
        assert variables(out, f"env/{unit}.????????.env") == DCI_ENVIRONMENT
        assert variables(out, f"env/{unit}.????????.template") == DCI_SECRETS

    unit = (out / "quadlet/dci-api@.container").read_text()
    for line in ("ContainerName=dci-api-%i", "HostName=dci-api-%i", "Image=quay.io/distributedci/dci-control-server:latest", 'Label="io.distributed-ci.app=dci_api"',
                 "Network=systemd-quadlet", 'HealthCmd=["curl --head http://localhost:5000/api/v1/"]', "HealthInterval=5s", "HealthRetries=5",
                 "HealthStartPeriod=10s", "HealthTimeout=5s", "Restart=always", "StopTimeout=100"):
        assert f"\n{line}\n" in unit
    assert "\nExec=" not in unit  # the image's own
    assert command_of(out / "quadlet/dci-api-auth-tracking.container") == ["bin/dci-sync-redis-auth", "--interval", "30", "--threshold", "10"]
    assert '\nPodmanArgs="--entrypoint="\n' in (out / "quadlet/dci-api-auth-tracking.container").read_text()
    assert command_of(out / "quadlet/dci-api-migrate.container") == ["python3", "bin/dci-dbsync"]
    assert "\ntask dci-api-migrate.service\n" in (out / "rollout").read_text()
    assert "option httpchk" in (out / "haproxy/etc/haproxy/conf.d/10_backend_dci-api.cfg").read_text()
    assert "Upholds=dci-api@5.service" in (out / "units/dci-api.target.d/50-dci-api.conf").read_text()
    assert "'dci_api_container_volumes' could not be carried over" in definition.notes and "a value of Ansible's vault could not" in definition.notes


def test_the_sidecar_runs_where_the_role_runs_it(imported, rendered):
    definition = imported("dci-api", {"vars.yml": DCI + "dci_api_auth_tracking_enabled: no\ngunicorn_graceful_timeout: 300\napi_debug: True\n"})
    assert definition.app["auth_tracking"] == {"enabled": False, "redis_url": "redis://redis.example.com:6379/0"}
    assert definition.app["stop_timeout"] == "310s" and definition.app["config"]["api_debug"] is True
    assert not (rendered(definition) / "quadlet/dci-api-auth-tracking.container").exists()


def test_what_the_contract_demands_is_asked_for(imported):
    definition = imported("dci-api", {"vars.yml": "dbhost: x\n"}, status=1)
    assert "to be fixed: " in definition.notes and "'dbuser'" in definition.notes
    assert definition.app["config"] == {"dbhost": "x"}


def test_each_variable_of_the_role_is_carried_over_or_named(imported):
    further = """
sqlalchemy_record_queries: true
sqlalchemy_native_unicode: true
requests_timeout_connect: "3"
dci_mail_worker_spec: {command: bin/run-mail-worker}
haproxy_listen_http_port: 8080
zone: eu
sso_realm: "realm-{{ zone }}"
unknown_here: 1
vault_db_password: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162
"""
    definition = imported("dci-api", {"vars.yml": DCI.replace('sso_realm: "{{ realm }}"\n', "") + further})
    config = definition.app["config"]
    given = {name: config[name] for name in ("sqlalchemy_record_queries", "sqlalchemy_native_unicode", "requests_timeout_connect", "sso_realm")}
    assert given == {"sqlalchemy_record_queries": True, "sqlalchemy_native_unicode": True, "requests_timeout_connect": "3", "sso_realm": "realm-{{ zone }}"}
    named = set(re.findall(r"'(\w+)' could not be carried over", definition.notes))
    assert named == {"dci_api_container_volumes", "dci_mail_worker_spec", "haproxy_listen_http_port", "unknown_here"}
    assert "bin/run-mail-worker" in definition.comments, "and how it is written here"


def test_a_password_that_was_encoded_for_the_role_is_named(imported):
    definition = imported("dci-api", {"vars.yml": DCI.replace('"{{ vault_db_password }}"', "p%40ss")})
    assert "the URI encodes it" in definition.notes
    assert "the URI encodes it" not in imported("dci-api", {"vars.yml": DCI}).notes


# --- procfile ---

PROCFILE = """# comment
web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT
worker:   celery -A shop "a worker"
release: python manage.py migrate
clock_1: python first.py && python tick.py {{x}}
mail: A=$B python mail.py
"""


def test_a_procfile(imported):
    definition = imported("procfile", {"Procfile": PROCFILE})
    assert definition.app == {
        "image": "localhost/in:1",
        "services": [
            {"name": "web", "command": ["sh", "-c", "exec gunicorn shop.wsgi --bind 0.0.0.0:$PORT"], "port": 8000, "env": {"PORT": "8000"},
             "proxy": {"domains": ["in.example.com"]}},
            {"name": "worker", "command": 'celery -A shop "a worker"'},
            {"name": "clock-1", "command": ["sh", "-c", "python first.py && exec python tick.py {{ '{{' }}x}}"]},
            {"name": "mail", "command": ["sh", "-c", "exec env A=$B python mail.py"]}],
        "tasks": [{"name": "release", "command": "python manage.py migrate"}], "before_update": ["release"]}
    assert "podman build -t localhost/in:1 ." in definition.notes


@pytest.mark.parametrize("text, want", [
    ("", "Procfile: error: the file has no line 'TYPE: COMMAND'"), ("web\n", "Procfile:1:1: error: a line of a Procfile is 'TYPE: COMMAND'"),
    ("web: a\nb c: d\n", "Procfile:2:1: error: a line of"), ("web:\n", "Procfile:1:1: error: a line of"),
])
def test_what_is_no_procfile(root, tmp_path, text, want):
    (tmp_path / "Procfile").write_text(text)
    code, out, errors = ctl(root, "import", "procfile", "Procfile", cwd=tmp_path)
    assert (code, out) == (1, "") and want in errors


# --- kamal ---

KAMAL = """
service: shop
image: acme/shop
servers:
  web: {hosts: [192.0.2.1, 192.0.2.2], labels: {a: b}}
  job: {hosts: [192.0.2.3], cmd: bin/jobs}
proxy: {ssl: true, host: shop.example.com, app_port: 3000, healthcheck: {path: /health}}
registry: {server: ghcr.io, username: acme, password: [KAMAL_REGISTRY_PASSWORD]}
builder: {arch: amd64}
env:
  clear: {RAILS_ENV: production, PERCENT: "100% {{x}}"}
  secret: [RAILS_MASTER_KEY, DB_PASSWORD:POSTGRES_PASSWORD]
volumes: ["storage:/rails/storage"]
accessories:
  db:
    image: docker.io/library/postgres:16
    host: 192.0.2.4
    port: "127.0.0.1:5432:5432"
    env: {secret: [POSTGRES_PASSWORD]}
    directories: [data:/var/lib/postgresql/data]
  search: {image: localhost/search:1, host: 192.0.2.4, port: 7700, proxy: {host: search.example.com, app_port: 7700, healthcheck: {path: /health}}}
asset_path: /rails/public
"""


def test_kamal(imported, rendered):
    definition = imported("kamal", {"deploy.yml": KAMAL})
    assert definition.app == {
        "image": "ghcr.io/acme/shop:latest",
        "env": {"RAILS_ENV": "production", "PERCENT": "100% {{ '{{' }}x}}", "RAILS_MASTER_KEY": {"secret": "rails-master-key"}, "DB_PASSWORD": {"secret": "postgres-password"}},
        "services": [
            {"name": "web", "volumes": ["storage:/rails/storage"], "port": 3000, "health": {"http": "/health"}, "proxy": {"domains": ["shop.example.com"]}},
            {"name": "job", "command": "bin/jobs", "volumes": ["storage:/rails/storage"]}],
        "sidecars": [{"name": "db", "image": "docker.io/library/postgres:16", "env": {"POSTGRES_PASSWORD": {"secret": "postgres-password"}},
                      "volumes": ["data:/var/lib/postgresql/data"], "publish": ["127.0.0.1:5432:5432"]},
                     {"name": "search", "image": "localhost/search:1", "publish": ["7700:7700"], "port": 7700, "health": {"http": "/health"},
                      "proxy": {"domains": ["search.example.com"]}}],
        "secrets": {"rails-master-key": {"credential": "shop.rails-master-key"}, "postgres-password": {"credential": "shop.postgres-password"}}}
    lost = {re.search(r"'(\w+)' could not", line)[1] for line in definition.notes.splitlines() if "' could not be carried over" in line}
    assert lost == {"labels", "ssl", "asset_path"} and "it ran on 2 machines" in definition.notes
    assert "storage" not in (rendered(definition) / "quadlet/shop-db.container").read_text()


def test_a_hostile_port_stays_a_value(imported):
    definition = imported("kamal", {"deploy.yml": 'service: a\nimage: b\nservers: [c]\nproxy: {app_port: "80\\nprivileged: true", host: "x\\nprivileged: true"}\n'})
    assert "privileged" not in definition.app and "port" not in definition.app


def test_kamal_in_its_shortest_form(imported):
    definition = imported("kamal", {"deploy.yml": "service: my_app\nimage: acme/app\nservers: [192.0.2.1]\nenv: {A: b}\n"})
    assert definition.path.name == "my-app.yaml"
    assert definition.app == {"image": "docker.io/acme/app:latest", "env": {"A": "b"}, "port": 80, "health": {"http": "/up"}, "proxy": {"domains": ["my-app.example.com"]}}


# --- compose ---

SHOP = """
name: Shop
x-common: &common
  restart: unless-stopped
  environment: &env {LOG_LEVEL: info, TZ: Europe/Berlin}
services:
  web:
    <<: *common
    image: "ghcr.io/acme/shop:${TAG:-1.4}"
    command: ["gunicorn", "-b", "0.0.0.0:8000", "--title", "a $$b {{x}}"]
    ports: ["127.0.0.1:8080:8000"]
    environment:
      <<: *env
      DATABASE_URL: postgres://shop:x@db:5432/shop
      CACHE_HOST: cache
      MODE: web
      SECRET_KEY: ${SECRET_KEY}
      DB_PASS_FILE: /run/secrets/db_password
      GIVEN:
      N: 5
    env_file: [./common.env, {path: /etc/opt.env, required: false}]
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started, required: false}
    deploy: {replicas: 3, resources: {limits: {cpus: "0.5", memory: 512m}}}
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/it's"], interval: 1m30s, retries: 3}
    volumes: ["./static:/srv/static:ro", "uploads:/srv/uploads", "/anonymous", {type: bind, source: /etc/x, target: /x, read_only: true}, "theirs:/theirs:ro", {type: volume, source: other, target: /other}]
    secrets: [db_password, {source: key}]
    configs: [{source: nginx, target: /etc/nginx.conf}, {source: motd, target: /etc/motd}]
    labels: {"traefik.enable": true}
    cpu_rt_period: 5
  worker:
    <<: *common
    build: {context: ./worker, dockerfile: Containerfile}
    command: celery -A shop worker
    depends_on: [db, cache]
    working_dir: /app
    user: "1000:1000"
    stop_grace_period: 1m
    ulimits: {nofile: {soft: 1024, hard: 4096}}
  migrate: {image: "ghcr.io/acme/shop:${TAG:-1.4}", command: ./manage.py migrate, depends_on: [db], restart: "no"}
  db:
    image: postgres:16
    volumes: [dbdata:/var/lib/postgresql/data]
    secrets: [db_password]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U shop"]}
    shm_size: 128mb
  cache: {image: redis:7, networks: {back: {aliases: [redis]}}, restart: on-failure:3}
volumes:
  uploads:
  theirs: {external: true}
  other: {external: true, name: their_other}
  dbdata: {driver_opts: {type: nfs, o: "addr=10.0.0.1,rw", device: ":/exports/db"}}
networks:
  back: {internal: true, ipam: {config: [{subnet: 10.91.0.0/24, gateway: 10.91.0.1}]}}
secrets:
  db_password: {file: ./db_password.txt}
  key: {external: true}
configs:
  nginx: {file: ./nginx.conf}
  motd: {content: "hello ${TAG:-1.4}\\n"}
"""


def test_compose_with_all_kinds_of_parts(imported, tmp_path):
    definition = imported("compose", {"compose.yaml": SHOP})
    app, here = definition.app, str(tmp_path / "in")
    assert definition.path.name == "shop.yaml"
    assert {kind: [part["name"] for part in app[kind]] for kind in ("services", "sidecars", "tasks")} == \
        {"services": ["web", "worker"], "sidecars": ["db", "cache"], "tasks": ["migrate"]}
    assert "before_update" not in app and app["network"] == "default.network" and app["vars"] == {"TAG": "1.4"}
    assert app["networks"] == {"default": {}, "back": {"internal": True, "subnet": "10.91.0.0/24", "gateway": "10.91.0.1"}}
    assert app["volumes"] == {"uploads": {}, "dbdata": {"type": "nfs", "device": "10.0.0.1:/exports/db", "options": "rw"}}
    assert app["files"] == [{"dest": "{{ app_dir }}/files/motd", "content": "hello {{ TAG }}\n", "mode": "0444"}]

    assert definition.part("web") == {
        "name": "web", "image": "ghcr.io/acme/shop:{{ TAG }}", "command": ["gunicorn", "-b", "0.0.0.0:8000", "--title", "a $b {{ '{{' }}x}}"],
        "scale": 3, "port": 8000, "host_port": 8080, "labels": {"traefik.enable": "true"},
        "env": {"LOG_LEVEL": "info", "TZ": "Europe/Berlin", "DATABASE_URL": "postgres://shop:x@db:5432/shop", "CACHE_HOST": "cache", "MODE": "web",
                "SECRET_KEY": {"secret": "secret-key"}, "DB_PASS_FILE": "/run/secrets/db-password", "N": "5"},
        "env_files": [f"{here}/common.env", "-/etc/opt.env"], "resources": {"cpus": "0.5", "memory": "512M"},
        "volumes": [f"{here}/static:/srv/static:ro,create", "uploads:/srv/uploads", "web-anonymous:/anonymous", "/etc/x:/x:ro",
                    {"volume": "theirs", "dest": "/theirs", "options": "ro"}, {"volume": "their_other", "dest": "/other"}, f"{here}/nginx.conf:/etc/nginx.conf:ro",
                    "{{ app_dir }}/files/motd:/etc/motd:ro"],
        "health": {"command": ["curl", "-f", "http://localhost:8000/it's"], "interval": "1m30s", "timeout": "30s", "start_period": "0s", "on_failure": "none", "retries": 3},
        "requires": ["db", {"migrate": "done"}], "after": ["cache"], "secrets": {"db-password": {"file": f"{here}/db_password.txt"}, "key": {"podman": "key"}, "secret-key": {"credential": "shop.secret-key"}}}
    assert definition.part("worker") == {
        "name": "worker", "image": "localhost/shop-worker:latest", "pull": "never", "command": "celery -A shop worker", "user": "1000:1000", "workdir": "/app",
        "env": {"LOG_LEVEL": "info", "TZ": "Europe/Berlin"}, "stop_timeout": "1m", "requires": ["db", "cache"], "ulimits": {"nofile": {"soft": 1024, "hard": 4096}}}
    assert definition.part("db", "sidecars")["image"] == "docker.io/library/postgres:16" and definition.part("db", "sidecars")["shm_size"] == "128M"
    assert definition.part("cache", "sidecars") == {"name": "cache", "image": "docker.io/library/redis:7", "network": "back.network", "aliases": ["redis"],
                                                      "restart": {"policy": "on-failure", "max_starts": 4}}
    assert definition.part("migrate", "tasks") == {"name": "migrate", "image": "ghcr.io/acme/shop:{{ TAG }}", "command": "./manage.py migrate",
                                                   "requires": ["db"]}
    for note in ("'cpu_rt_period: 5' could not be carried over", "the volume at /anonymous has no name in Compose; it is 'web-anonymous' here",
                 "left out, as Compose does, since no environment file sets them: 'GIVEN'", "podman build -t localhost/shop-worker:latest", "store it with 'pyservicectl secret set shop secret-key'"):
        assert note in definition.notes and note in definition.comments


def test_compose_with_one_service_is_the_short_form(imported, tmp_path):
    definition = imported("docker-compose", {"docker-compose.yml": """
version: "3.8"
services:
  app:
    image: localhost/x
    container_name: app
    ports: [{target: 80, published: "8080", protocol: tcp}, "53:53/udp", "9000-9002:9000-9002"]
    user: app
    tmpfs: [/tmp]
    init: true
    cap_drop: [ALL]
    cap_add: [CHOWN, SETUID]
    sysctls: {net.core.somaxconn: 1024}
    extra_hosts: ["a:10.0.0.1"]
    privileged: false
    entrypoint: []
    command: serve --name="$${HOSTNAME}" $NAME
    network_mode: host
    logging: {driver: syslog}
"""})
    assert definition.path.name == "in.yaml"  # the directory's, as Compose has it
    assert definition.app == {
        "image": "localhost/x", "entrypoint": "", "command": 'serve --name="${HOSTNAME}" {{ NAME }}', "user": "app", "network": "host", "port": 80, "init": True,
        "publish": ["8080:80", "53:53/udp", "9000-9002:9000-9002"], "vars": {"NAME": "CHANGE-ME"},
        "tmpfs": ["/tmp"], "cap_drop": ["ALL"], "cap_add": ["CHOWN", "SETUID"], "extra_hosts": ["a:10.0.0.1"], "sysctls": {}, "restart": "no"}
    assert "'network: host' has no network of its own" in definition.notes  # Podman refuses it too
    assert "'logging' could not be carried over" in definition.notes


SETTINGS = """
name: vpn
services:
  vpn:
    image: localhost/vpn:1
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    devices: ["/dev/net/tun", {source: /dev/null, target: /dev/zero2, permissions: rw}]
    extra_hosts: {a: 10.0.0.1, b: "[2001:db8::1]"}
    dns: 192.0.2.53
    dns_search: [example.com, example.net]
    hostname: gateway
    group_add: [1000, video]
    read_only: true
    tmpfs: /run
    shm_size: 1gb
    sysctls: ["net.ipv4.ip_forward=1"]
    ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}
    tty: true
    stdin_open: true
    logging: {driver: journald, options: {tag: "{{.Name}}", env: x}}
    security_opt: ["no-new-privileges:true", "seccomp=./seccomp.json", apparmor:unconfined, label=disable, "systempaths=unconfined"]
    userns_mode: host
    gpus: all
    pid: host
    oom_score_adj: -500
    mac_address: 02:42:ac:11:65:43
    annotations: {com.example.foo: bar, com.example.baz: "1"}
  other:
    image: localhost/other:1
    privileged: true
    extra_hosts: ["host.docker.internal=host-gateway"]
    dns: [192.0.2.53, 192.0.2.54]
    read_only: false
    init: true
    tty: false
    pid: "service:vpn"
    gpus: 2
    logging: {driver: json-file, options: {max-size: 10m}}
"""


def test_the_platform_of_a_compose_service(imported):
    definition = imported("compose", {"compose.yaml": "services:\n  web:\n    image: ghcr.io/x/web:1\n    platform: linux/arm/v7\n"})
    assert definition.app["platform"] == "linux/arm/v7"


def test_settings_of_compose_stay_with_their_service(imported, rendered, tmp_path):
    definition = imported("compose", {"compose.yaml": SETTINGS})
    assert definition.part("vpn") == {
        "name": "vpn", "image": "localhost/vpn:1", "cap_add": ["NET_ADMIN"], "cap_drop": ["ALL"], "devices": ["/dev/net/tun", "/dev/null:/dev/zero2:rw"],
        "extra_hosts": ["a:10.0.0.1", "b:2001:db8::1"], "dns": ["192.0.2.53"], "hostname": "gateway", "groups": ["1000", "video"], "read_only": True,
        "tmpfs": ["/run"], "shm_size": "1G", "sysctls": {"net.ipv4.ip_forward": 1}, "ulimits": {"nproc": 65535, "nofile": {"soft": 20000, "hard": 40000}}, "tty": True,
        "log": {"driver": "journald", "options": {"tag": "{{ '{{' }}.Name}}"}},
        "security": {"no_new_privileges": True, "seccomp": f"{tmp_path}/in/seccomp.json", "apparmor": "unconfined", "selinux_disable": True},
        "userns": "host", "gpus": "all", "restart": "no",
        "quadlet": {"Container": {"DNSSearch": ["example.com", "example.net"], "Annotation": ["com.example.foo=bar", "com.example.baz=1"],
                                  "PodmanArgs": ["--interactive", "--pid=host", "--mac-address=02:42:ac:11:65:43"]}, "Service": {"OOMScoreAdjust": "-500"}}}
    assert definition.part("other") == {"name": "other", "image": "localhost/other:1", "privileged": True, "extra_hosts": ["host.docker.internal:host-gateway"],
                                        "dns": ["192.0.2.53", "192.0.2.54"], "init": True, "restart": "no"}
    for note in ("'security_opt: systempaths=unconfined' could not be carried over", "'pid: service:vpn' could not be carried over", "'gpus' could not be carried over",
                 "'logging: json-file': here the journal has the output"):
        assert note in definition.notes and note in definition.comments
    units = {name: (rendered(definition) / f"quadlet/vpn-{name}@.container").read_text() for name in ("vpn", "other")}
    assert "\nAddCapability=NET_ADMIN\n" in units["vpn"] and "NET_ADMIN" not in units["other"]
    assert '\nPodmanArgs="--log-opt=tag={{.Name}}"\n' in units["vpn"] and "\nPodmanArgs=--privileged\n" in units["other"]


OVERRIDE = """
services:
  web:
    image: !override localhost/shop:2
    command: [serve, --debug]
    environment: ["MODE=debug", EXTRA=1]
    ports: ["127.0.0.1:9090:9000"]
    volumes: ["./dev:/srv/static", "more:/more"]
    labels: !override {only: this}
    healthcheck: {interval: 10s}
    deploy: !reset null
  db: {cap_add: [NET_ADMIN]}
  extra: {image: localhost/extra:1}
volumes: {more: {}}
"""
MERGED = """
name: shop
services:
  web:
    image: localhost/shop:2
    command: [serve, --debug]
    environment: {LOG: info, MODE: debug, EXTRA: "1"}
    ports: ["127.0.0.1:8080:8000", "127.0.0.1:9090:9000"]
    volumes: ["./dev:/srv/static", "uploads:/srv/uploads", "more:/more"]
    labels: {only: this}
    healthcheck: {test: [CMD, "true"], interval: 10s}
  db: {image: "postgres:16", cap_add: [CHOWN, NET_ADMIN]}
  extra: {image: localhost/extra:1}
volumes: {uploads: {}, more: {}}
"""
BASE = """
name: shop
services:
  web:
    image: localhost/shop:1
    command: serve
    environment: {LOG: info, MODE: web}
    ports: ["127.0.0.1:8080:8000"]
    volumes: ["./static:/srv/static", "uploads:/srv/uploads"]
    labels: [a=b]
    healthcheck: {test: [CMD, "true"], interval: 30s}
    deploy: {replicas: 3}
  db: {image: "postgres:16", cap_add: [CHOWN]}
volumes: {uploads: {}}
"""


def test_several_files_of_compose_are_merged_as_compose_does(imported):
    one = imported("compose", {"compose.yaml": MERGED})
    both = imported("compose", {"compose.yaml": BASE, "compose.override.yaml": OVERRIDE})
    assert both.app == one.app and "Compose lays" not in both.notes


def test_a_file_that_compose_would_merge_is_named(imported, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/compose.override.yaml").write_text(OVERRIDE)
    assert "Compose lays 'compose.override.yaml' over this file; name both to import both" in imported("compose", {"compose.yaml": BASE}).notes


def test_whether_all_was_carried_over(root, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: localhost/a:1, cpu_rt_period: 3, blkio_config: {weight: 1}}}\n")
    code, out, errors = ctl(root, "import", "compose", "compose.yaml", cwd=tmp_path)
    assert code == 3 and "image: localhost/a:1" in out and errors.endswith("pyservicectl: 2 settings of the input could not be carried over\n")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: localhost/a:1}}\n")
    code, out, errors = ctl(root, "import", "compose", "compose.yaml", cwd=tmp_path)
    assert code == 0 and "could not" not in errors


def test_all_of_an_import_as_json(root, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: localhost/a:1, user: 'a b',\n  cpu_rt_period: 3, container_name: b, restart: always}}\n")
    code, out, _ = ctl(root, "import", "--json", "compose", "compose.yaml", cwd=tmp_path)
    result = json.loads(out)
    assert code == 3 and result["app"] == yaml.safe_load("x: " + tmp_path.name.replace("_", "-"))["x"]
    assert yaml.safe_load(result["definition"]) == {"image": "localhost/a:1"}
    assert [(note["kind"], note.get("line"), note.get("column")) for note in result["notes"]] == [("lost", 2, 18), ("check", 2, 37), ("lost", None, None)]
    assert result["notes"][0] == {"kind": "lost", "file": "compose.yaml", "line": 2, "column": 18, "text": "'cpu_rt_period: 3' could not be carried over"}


def test_several_networks(imported):
    compose = """
name: n
services:
  a: {image: x/y, networks: [front, back]}
  b: {image: x/y, networks: {front: , back: {aliases: [bee], ipv4_address: 10.9.0.7, priority: 5, mac_address: "02:42:ac:11:65:43"}}}
  c: {image: x/y, networks: {back: {ipv4_address: 10.9.0.8}}}
networks: {front: , back: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}
"""
    definition = imported("compose", {"compose.yaml": compose})
    assert [definition.part(name)["networks"] for name in "abc"] == [
        ["front.network", "back.network"], ["front.network", {"name": "back.network", "aliases": ["bee"], "address": "10.9.0.7"}],
        [{"name": "back.network", "address": "10.9.0.8"}]]
    assert "'mac_address: 02:42:ac:11:65:43' could not be carried over" in definition.notes and "priority" not in definition.notes
    quadlet = {"a.container": "[Container]\nImage=x/y\nNetwork=f.network\nNetwork=b.network\nNetwork=theirs\n", "f.network": "[Network]\n", "b.network": "[Network]\n"}
    assert imported("quadlet", quadlet).app["networks"] == {"f": {}, "b": {}}


def test_compose_on_a_pipe(root, tmp_path):
    (tmp_path / "Some_Place/data").mkdir(parents=True)
    text = b"services: {a: {image: quay.io/x/y, restart: always, volumes: ['./data:/data', '../up:/up']}}\n"
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "import", "compose", "-"], input=text, capture_output=True, cwd=tmp_path / "Some_Place", check=True)
    assert done.stdout.startswith(b"# /etc/pyservice.d/some-place.yaml\n")
    assert done.stderr == b""
    assert yaml.safe_load(done.stdout) == {"image": "quay.io/x/y", "volumes": [f"{tmp_path}/Some_Place/data:/data", f"{tmp_path}/up:/up:create"]}


GIT = """
name: g
services:
  web: {build: "https://git.example.com/a/b.git#v1:web", ports: ["80"]}
  worker: {build: {context: "https://git.example.com/a/b.git#v1:web"}, command: work}
"""


def test_compose_that_builds_from_one_git_repository(imported):
    definition = imported("compose", {"compose.yaml": GIT})
    assert definition.app["source"] == {"repo": "https://git.example.com/a/b.git", "ref": "v1", "subdir": "web", "containerfile": "Dockerfile"}
    assert definition.app["services"] == [{"name": "web", "port": 80, "restart": "no"}, {"name": "worker", "command": "work", "restart": "no"}]


def test_compose_with_several_images_has_them_built_by_hand(imported):
    definition = imported("compose", {"compose.yaml": GIT + "  other: {image: quay.io/x/y}\n"})
    assert {part["name"]: (part["image"], part.get("pull")) for part in definition.app["services"]} == \
        {"web": ("localhost/g-web:latest", "never"), "worker": ("localhost/g-worker:latest", "never"), "other": ("quay.io/x/y", None)}
    assert "podman build -t localhost/g-web:latest -f Dockerfile 'https://git.example.com/a/b.git#v1:web'" in definition.notes


def test_what_no_definition_holds_is_taken_out(imported):
    definition = imported("compose", {"compose.yaml": """
services:
  "we b":
    image: ok
    working_dir: relative
    user: "a b"
    environment: {"A B": c, OK: x}
    command: "unclosed 'quote"
    labels: ["a b=c"]
    scale: many
    mem_limit: lots
    healthcheck: {test: "a", interval: 10ms}
    stop_signal: NOPE
    volumes: ["a:b", "x y:/z"]
    depends_on: [nobody]
    ports: ["80000:80", "81:81/sctp"]
"""})
    assert definition.app == {"image": "docker.io/library/ok", "port": 80, "labels": {}, "env": {"OK": "x"}, "volumes": ["x-y:/z"], "health": {"command": "a", "timeout": "30s", "start_period": "0s", "on_failure": "none", "retries": 3}, "resources": {}, "restart": "no"}
    for key in ("workdir", "user", "env: A B", "command", "scale", "resources: memory", "health: interval", "stop_signal", "publish"):
        assert f"'{key}' could not be carried over" in definition.notes and f"'{key}' could not be carried over" in definition.comments


def test_a_sidecar_keeps_its_ports(imported):
    definition = imported("compose", {"compose.yaml": """
name: shop
services:
  web: {image: x/shop, depends_on: [db, cache, dns, queue]}
  db: {image: postgres, ports: ["127.0.0.1:5432:5432", "[::1]:5432:5432"]}
  cache: {image: redis, ports: [{target: 6379, published: 6380, host_ip: 192.0.2.1}]}
  dns: {image: dnsmasq, ports: ["53:53/udp"]}
  queue: {image: rabbitmq, ports: ["5672"]}
"""})
    assert {part["name"]: (part.get("port"), part.get("publish")) for part in definition.app["sidecars"]} == {
        "db": (5432, ["127.0.0.1:5432:5432", "[::1]:5432:5432"]),
        "cache": (6379, ["192.0.2.1:6380:6379"]),
        "dns": (None, ["53:53/udp"]),
        "queue": (5672, None),
    }
    assert "'proxy:' or 'publish:' gives it one" in definition.notes


def test_parts_whose_names_are_taken_get_others(imported):
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  web_1: {image: x/y, depends_on: [Web-1], environment: {NEXT: "http://next:3000", ONE: "http://Web-1:80"}}
  Web-1: {image: x/y, scale: 1, ports: ["80:80"]}
  health: {image: x/y}
  next: {image: x/next, ports: ["3000:3000"]}
"""})
    assert [part["name"] for part in definition.app["services"]] == ["web-1", "web-1-2", "health-2", "next-2"]
    assert definition.part("web-1") == {"name": "web-1", "image": "docker.io/x/y", "aliases": ["web_1"], "requires": ["web-1-2"],
                                        "env": {"NEXT": "http://next:3000", "ONE": "http://Web-1:80"}, "restart": "no"}
    assert definition.part("web-1-2")["aliases"] == ["Web-1"] and definition.part("next-2")["aliases"] == ["next"]
    assert "'Web-1' is 'web-1-2' here" in definition.notes and "'next' is 'next-2' here" in definition.comments


def test_names_by_which_compose_knows_a_container(imported, rendered):
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  web:
    image: x/y
    environment: {DSN: "postgresql://postgres:postgres@postgres:5432/x", HOST: mine}
    command: [--db=postgres:5432]
    links: ["postgres:sql", postgres]
  postgres: {image: x/db, container_name: mine}
  Other_1: {image: x/k, networks: {back: {aliases: [o]}, front: }}
networks: {back: , front: }
"""})
    assert definition.part("web")["env"] == {"DSN": "postgresql://postgres:postgres@postgres:5432/x", "HOST": "mine"}
    assert definition.part("web")["command"] == ["--db=postgres:5432"] and definition.part("postgres")["aliases"] == ["mine", "sql"]
    assert definition.part("other-1")["networks"] == [{"name": "back.network", "aliases": ["o", "Other_1"]}, {"name": "front.network", "aliases": ["Other_1"]}]
    unit = (rendered(definition) / "quadlet/n-postgres@.container").read_text()
    assert all(f'"--network-alias={name}"' in unit for name in ("postgres", "mine", "sql"))


def test_what_lies_in_a_home_directory_is_said(imported):
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  w:
    image: x/y
    env_file: [~/e.env, "${CONF:-/etc/c}/f.env"]
    build: {context: ~/src}
    secrets: [s]
    configs: [c]
    volumes: [{type: bind, source: ~/z, target: /z}]
secrets: {s: {file: ~/s.txt}}
configs: {c: {file: ~/c.txt}}
"""})
    assert definition.app["env_files"] == ["{{ CONF }}/f.env"] and definition.app["secrets"] == {"s": {"credential": "n.s"}} and "volumes" not in definition.app
    for path in "~/e.env", "~/src", "~/s.txt", "~/c.txt", "~/z":
        assert f"{path} could not be carried over: write the path of the home directory" in definition.notes
    assert "/~/" not in definition.text + definition.notes


def test_a_password_inside_a_longer_value_is_said_to_be_in_clear(imported):
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  w: {image: x/y, environment: {DATABASE_URL: "postgres://app:${DB_PASSWORD}@db.example.com/app", ONLY: "${DB_PASSWORD}", API_KEY: , PLAIN: "a-${PLAIN}"}}
"""})
    assert definition.app["env"] == {"DATABASE_URL": "postgres://app:{{ DB_PASSWORD }}@db.example.com/app", "ONLY": {"secret": "db-password"}, "PLAIN": "a-{{ PLAIN }}"}
    want = "'DB_PASSWORD' looks like a secret, but is not encrypted here; store the whole value with 'pyservicectl secret set n NAME' instead, and write '{secret: NAME}' there"
    assert want in definition.notes and want in definition.comments and "write the value that 'PLAIN' has" in definition.notes


ENV = r"""
# of the shop
TAG=1.5   # the newest
export MODE='a $TAG'
TITLE="a \"b\" $TAG \$5"
SHELL_ONLY
EMPTY=
DB_PASSWORD=hunter2
DATABASE_URL=postgres://app:${DB_PASSWORD}@db.example.com/app
UPLOADS=./uploads
LEVEL: debug
CERTIFICATE='two
lines'
"""
INTERPOLATED = """
services:
  w:
    image: "localhost/x:${TAG:-1}"
    command: ["${MODE}", "$$5", "${EMPTY:-${NONE-${LEVEL}}}", "${EMPTY-unset}", "${LEVEL:+--debug}", "${EMPTY:+x}", "${LEVEL:?set it}"]
    environment: {TITLE: , LEVEL: "$LEVEL", PASSWORD: "${DB_PASSWORD:-x}", DSN: "${DATABASE_URL}", LONG: "x ${DATABASE_URL}", CERTIFICATE: "$CERTIFICATE"}
    volumes: ["${UPLOADS}/a:/a", "${OTHER:-./b}:/b"]
"""


def test_variables_of_compose_come_from_its_environment_files(imported, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/.env").write_text(ENV)
    definition = imported("compose", {"compose.yaml": INTERPOLATED})
    here = tmp_path / "in"
    assert definition.app["vars"] == {"TAG": "1.5", "MODE": "a $TAG", "EMPTY": "", "LEVEL": "debug", "NONE": "{{ LEVEL }}", "TITLE": 'a "b" 1.5 $5', "DATABASE_URL": "CHANGE-ME",
                                      "CERTIFICATE": "two\nlines", "OTHER": "./b"}
    assert definition.app["image"] == "localhost/x:{{ TAG }}"
    assert definition.app["command"] == ["{{ MODE }}", "$5", "{{ NONE }}", "{{ EMPTY }}", "--debug", "", "{{ LEVEL }}"]
    assert definition.app["env"] == {"TITLE": "{{ TITLE }}", "LEVEL": "{{ LEVEL }}", "PASSWORD": {"secret": "db-password"}, "DSN": {"secret": "database-url"},
                                     "LONG": "x {{ DATABASE_URL }}", "CERTIFICATE": "{{ CERTIFICATE }}"}
    assert definition.app["volumes"] == [f"{here}/uploads/a:/a:create", f"{here}/b:/b:create"]
    assert "hunter2" not in definition.text + definition.notes
    assert "'DATABASE_URL' looks like a secret" in definition.notes and "compose.yaml:5:" in definition.notes


def test_names_of_variables_that_no_shell_takes(imported):
    definition = imported("compose", {"compose.yaml": """
services:
  search:
    image: localhost/search:1
    environment: ["discovery.type=single-node", "ES-KEY_PASSWORD=${ES_PASSWORD}", "cluster.name"]
"""})
    assert definition.app["env"] == {"discovery.type": "single-node", "ES-KEY_PASSWORD": {"secret": "es-password"}}
    assert "environment file sets them: 'cluster.name'" in " ".join(definition.notes.split())
    assert "vars" not in definition.app


def test_hooks_of_compose(imported):
    definition = imported("compose", {"compose.yaml": """
services:
  web:
    image: localhost/web:1
    post_start: [{command: ./warm --all, user: root}, {command: [./second]}]
    pre_stop: [{command: [./finish, "a b"]}]
"""})
    assert definition.app["after_start"] == {"command": "./warm --all", "user": "root"} and definition.app["before_stop"] == ["./finish", "a b"]
    assert "user: root' could" not in definition.notes and "command 2 of 'post_start'" in definition.notes


def test_environment_files_of_compose_that_are_named(root, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: 'localhost/a:$A-$B-$C-${D:?say what}'}}\n")
    for name, text in {".env": "C=c\n", "one.env": "A=1\nB=1\n", "two.env": "B=$A$B\nCOMPOSE_PROJECT_NAME=shop\n"}.items():
        (tmp_path / name).write_text(text)
    environment = {**os.environ, "C": "of the shell"}
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "import", "--env-file=one.env", "--env-file=two.env", "compose", "compose.yaml"], capture_output=True, cwd=tmp_path,
                          env=environment, check=False)
    out, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 3 and out.startswith("# /etc/pyservice.d/shop.yaml\n")
    assert yaml.safe_load(out)["vars"] == {"A": "1", "B": "11", "C": "change-me", "D": "change-me"}
    for name in "CD":
        assert f"compose.yaml:1:23: the value of '{name}' could not be carried over, since no environment file sets it; write the value that '{name}' has" in errors
    assert errors.endswith("pyservicectl: 2 settings of the input could not be carried over\n")
    assert ctl(root, "import", "--env-file=one.env", "procfile", "x", cwd=tmp_path)[::2] == (2, "pyservicectl import: procfile: --env-file is an option of compose\nTry 'pyservicectl help import'.\n")
    assert ctl(root, "import", "--env-file=none.env", "compose", "compose.yaml", cwd=tmp_path) == (1, "", "pyservicectl: none.env: No such file or directory\n")


def test_environment_files_that_podman_reads_in_another_way(imported, tmp_path):
    """Podman takes the rest of a line as the value."""
    for name, text in {"a.env": "PLAIN=a b\nQUOTED=\"x y\"\nLATER='a'\nAGAIN=1\nDB_PASSWORD='p'\nSET='1'\n",
                       "b.env": "LATER=b\nAGAIN=2 # of them\nexport OUT=3\nMADE=${LATER}!\nLINES='two\nlines'\nCURLY='{{x}}'\n", "raw.env": "RAW='1'\n"}.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  a: &a
    image: x/y
    restart: always
    env_file: [a.env, b.env, {path: none.env, required: false}, {path: raw.env, format: raw}]
    environment: [SET=2]
  b: {<<: *a, environment: {QUOTED: 3}}
"""})
    differ = {"AGAIN": "2", "OUT": "3", "MADE": "b!", "LINES": "two\nlines", "CURLY": "{{ '{{' }}x}}", "DB_PASSWORD": {"secret": "db-password"}}
    assert definition.part("a")["env"] == {"SET": "2", "QUOTED": "x y", **differ}
    assert definition.part("b")["env"] == {"QUOTED": "3", "SET": "1", **differ}
    assert "as they stand: 'QUOTED', 'AGAIN', 'OUT', 'MADE', 'LINES', 'CURLY'" in definition.notes and definition.notes.count("secret set n db-password") == 1


@pytest.mark.parametrize(("text", "want"), [
    ("A=1\nPASSWORD hunter2\n", "2:10: error: expected '=' after the name"), ("=hunter2\n", "1:1: error: expected NAME=VALUE"),
    ("A='hunter2\n", "1:3: error: the quote is not closed"), ('A="x" hunter2\n', "1:7: error: text after the closing quote; expected the end of the line"),
    ("A=hunter2\x07\n", "1:10: error: a control character; expected text"), ("A=${B:?hunter2}\n", "1:3: error: the value is made of a variable that has none"),
    ("A=hunter2\n" + "A=$A$A$A$A$A$A$A$A$A$A$A$A$A$A$A$A\n" * 20, "error: the value is longer than 65536 bytes"),
])
def test_errors_in_an_environment_file_show_no_value(root, tmp_path, text, want):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: localhost/a}}\n")
    (tmp_path / ".env").write_text(text)
    code, out, errors = ctl(root, "import", "compose", tmp_path / "compose.yaml")
    assert (code, out) == (1, "") and f"pyservicectl: {tmp_path}/.env:" in errors and want in errors and "hunter2" not in errors


def test_variables_nested_too_deep_are_text(imported):
    definition = imported("compose", {"compose.yaml": "services: {a: {image: x/y, command: ['" + "${A:-" * 100000 + "x" + "}" * 100000 + "']}}\n"})
    assert "a '$' that begins no variable is kept; Compose rejects it" in definition.notes


PROFILES = """
name: p
services:
  web: {image: x/web}
  debug: {image: x/debug, profiles: [debug, "${MORE:-tools}"]}
  load: {image: x/load, profiles: [load]}
"""


@pytest.mark.parametrize(("options", "env", "want"), [
    ([], "", ["web"]), (["--profile=debug"], "", ["web", "debug"]), (["--profile=tools", "--profile=load"], "", ["web", "debug", "load"]),
    (["--profile=*"], "", ["web", "debug", "load"]), ([], "COMPOSE_PROFILES=load,x\n", ["web", "load"]), (["--profile=x"], "COMPOSE_PROFILES=load\n", ["web"])])
def test_services_of_other_profiles_are_left_out(root, tmp_path, options, env, want):
    (tmp_path / "compose.yaml").write_text(PROFILES)
    (tmp_path / ".env").write_text(env)
    code, out, errors = ctl(root, "import", *options, "compose", "compose.yaml", cwd=tmp_path)
    app = yaml.safe_load(out)
    assert code == 0 and [part["name"] for part in app.get("services", [{"name": "web"}])] == want
    left_out = [f"'{name}' ({profiles})" for name, profiles in (("debug", "debug, ${MORE:-tools}"), ("load", "load")) if name not in want]
    note = "compose.yaml:4:3: left out, since no --profile chooses them: " + ", ".join(left_out)
    assert note in errors if left_out else "left out" not in errors


def test_a_file_whose_services_are_all_left_out(root, tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x/y, profiles: [b]}}\n")
    assert ctl(root, "import", "compose", "compose.yaml", cwd=tmp_path) == (
        1, "", "pyservicectl: compose.yaml:1:11: error: each service is in a profile, and --profile chooses none of 'a' (b)\n")


EXTENDS = {"compose.yaml": """
name: e
services:
  base: {image: "localhost/x:1", environment: [A=1, B=1], command: [a], cap_add: [CHOWN], volumes: ["./base:/data"], profiles: [none]}
  middle: {extends: base, environment: {B: 2}, cap_add: [KILL], profiles: !reset }
  web: {extends: {service: middle}, command: [b], environment: {C: 3}}
  other: {extends: {service: worker, file: sub/other.yaml}, restart: "no"}
""", "sub/other.yaml": """
services:
  common: {image: localhost/o, volumes: ["./o:/o"]}
  worker: {extends: {service: common}, command: work}
"""}


def write_all(directory, files):
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def test_services_extend_others_as_in_compose(imported, tmp_path):
    here = tmp_path / "in"
    write_all(here, EXTENDS)
    definition = imported("compose", {"compose.yaml": EXTENDS["compose.yaml"]})
    env = {"A": "1", "B": "2"}
    assert [part["name"] for part in definition.app["services"]] == ["middle", "web", "other"]
    assert definition.part("middle") == {"name": "middle", "image": "localhost/x:1", "env": env, "command": ["a"], "cap_add": ["CHOWN", "KILL"], "volumes": [f"{here}/base:/data:create"],
                                         "restart": "no"}
    assert definition.part("web") == {**definition.part("middle"), "name": "web", "command": ["b"], "env": {**env, "C": "3"}}
    assert definition.part("other") == {"name": "other", "image": "localhost/o", "command": "work", "volumes": [f"{here}/sub/o:/o:create"], "restart": "no"}
    assert "extends" not in definition.notes


@pytest.mark.parametrize(("services", "want"), [
    ("a: {extends: a}", "1:25: error: 'a' extends itself"), ("a: {extends: b}, b: {extends: {service: a}}", "error: 'a' extends itself"),
    ("a: {extends: b}", "1:25: error: unknown service 'b'; 'extends' names a service of this file, or has 'file:'"),
    ("a: {extends: {service: b, file: o.yaml}}", "1:25: error: unknown service 'b'; 'extends' names a service of the other file"),
    ("a: {extends: {service: loop, file: o.yaml}}", "error: 'loop' extends itself"),
    ("a: {extends: {service: b, file: none.yaml}}", "1:44: error: cannot read '{here}/none.yaml': No such file or directory"),
    ("a: {extends: {service: b, file: 'https://example.com/o.yaml'}}", "1:44: error: a file of another machine is not read; copy it here"),
    ("s0: {image: x/y}, " + ", ".join(f"s{i}: {{extends: s{i - 1}}}" for i in range(1, 40)), "error: more than 16 services extend one another"),
    ("b: {environment: [" + ", ".join(f"A{i}=" for i in range(9000)) + "]}, " + ", ".join(f"s{i}: {{extends: b, environment: [B=1]}}" for i in range(40)),
     "error: the services that extend others have more than 65536 values"),
])
def test_what_no_service_can_extend(root, tmp_path, services, want):
    write_all(tmp_path, {"compose.yaml": f"services: {{{services}}}\n", "o.yaml": "services: {loop: {extends: {file: o.yaml, service: loop}}}\n"})
    code, out, errors = ctl(root, "import", "compose", "compose.yaml", cwd=tmp_path)
    assert (code, out) == (1, "") and want.replace("{here}", str(tmp_path)) in errors


INCLUDE = {"compose.yaml": """
name: i
include:
  - sub/db.yaml
  - path: [sub/cache.yaml, over.yaml]
    env_file: cache.env
services:
  web: {image: localhost/web, depends_on: [db]}
volumes: {data: }
""", "sub/db.yaml": """
include: [../shared.yaml]
services:
  db: {image: "localhost/db:${DB_TAG}", volumes: ["./init:/init", "shared:/shared", "data:/data"]}
volumes: {data: }
""", "sub/.env": "DB_TAG=3\nWHO=sub\n", ".env": "WHO=main\n", "cache.env": "CACHE_TAG=7\n",
           "sub/cache.yaml": "include: [../shared.yaml]\nservices: {cache: {image: 'localhost/cache:${CACHE_TAG}-${WHO}', command: x}}\n", "over.yaml": "services: {cache: {command: y}}\n",
           "shared.yaml": "volumes: {shared: }\n"}


def test_files_that_a_compose_file_includes(imported, tmp_path):
    here = tmp_path / "in"
    write_all(here, INCLUDE)
    definition = imported("compose", {"compose.yaml": INCLUDE["compose.yaml"]})
    assert definition.app["vars"] == {"DB_TAG": "3", "CACHE_TAG": "7", "WHO": "main"} and definition.app["volumes"] == {"data": {}, "shared": {}}
    assert definition.part("db", "sidecars") == {"name": "db", "image": "localhost/db:{{ DB_TAG }}", "volumes": [f"{here}/sub/init:/init:create", "shared:/shared", "data:/data"],
                                                   "restart": "no"}
    assert definition.part("cache") == {"name": "cache", "image": "localhost/cache:{{ CACHE_TAG }}-{{ WHO }}", "command": "y", "restart": "no"}
    assert "include" not in definition.notes


@pytest.mark.parametrize(("text", "want"), [
    ("include: [o.yaml]\n", "o.yaml:1:11: error: '{here}/o.yaml' includes itself"), ("include: [none.yaml]\n", "compose.yaml:1:11: error: cannot read '{here}/none.yaml': No such file"),
    ("include: [dir]\n", "{here}/dir: Is a directory"), ("include: [list.yaml]\n", "list.yaml:1:1: error: expected a map, as every Compose file is"),
    ("include: [device]\n", "{here}/device: "), ("include: x\n", "compose.yaml:1:10: error: expected a list of files"),
    ("include: [{}]\n", "compose.yaml:1:11: error: expected the path of a file, or 'path:' with one or more"),
    ("include: ['oci://example.com/x']\n", "compose.yaml:1:11: error: a file of another machine is not read; copy it here"),
    ("include: [{path: v.yaml, project_directory: x}]\n", "compose.yaml:1:45: error: 'project_directory' is not supported"),
    ("include: [v.yaml]\nservices: {a: {image: x/other}}\n", "compose.yaml:2:15: error: 'a' is in an included file too, and differs"),
    ("include: [f0.yaml]\n", "error: more than 64 files are included or extended"), ("include: [{path: v.yaml, env_file: none.env}]\n", "none.env: No such file or directory"),
])
def test_files_that_no_compose_file_can_include(root, tmp_path, text, want):
    files = {f"f{i}.yaml": f"include: [f{i + 1}.yaml]\n" for i in range(100)}
    write_all(tmp_path, {**files, "compose.yaml": text, "o.yaml": "include: [o.yaml]\n", "list.yaml": "[]\n", "v.yaml": "services: {a: {image: x/y}}\n"})
    (tmp_path / "dir").mkdir()
    (tmp_path / "device").symlink_to("/dev/zero")
    code, out, errors = ctl(root, "import", "compose", "compose.yaml", cwd=tmp_path)
    assert (code, out) == (1, "") and want.replace("{here}", str(tmp_path)) in errors


def test_names_that_compose_was_given_are_told(imported):
    definition = imported("compose", {"compose.yaml": """
name: n
services:
  w: {image: x/y, container_name: mine, volumes: ["v:/v"]}
volumes: {v: {name: old_v}, V: {}}
networks: {default: {name: foo}}
"""})
    for note in ("the container is not named mine here", "the data of Compose is in the volume old_v; 'podman volume export'", "the network is 'n-default' here, not 'foo'", "'V' is 'v' here, like another one"):
        assert note in definition.notes and note in definition.comments


def test_a_flag_may_be_a_variable(imported, tmp_path):
    """An internal network stays internal, and a mount that cannot be written stays so."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/.env").write_text("RO=true\n")
    definition = imported("compose", {"compose.yaml": """
services:
  web:
    image: docker.io/library/nginx:1
    restart: always
    networks: [back]
    volumes: [{type: volume, source: data, target: /data, read_only: "${RO}"}]
    healthcheck: {test: x, disable: "${OFF:-true}"}
volumes: {data: {}}
networks: {back: {internal: "${INTERNAL:-true}"}}
"""})
    assert definition.app["networks"] == {"back": {"internal": True}} and definition.app["volumes"] == {"data": {}}
    (web,) = definition.app["services"]
    assert web["volumes"] == ["data:/data:ro"] and "health" not in web
    assert "'${INTERNAL:-true}' is 'true' here" in definition.notes


# --- texts that want out ---

HOSTILE = [
    "", " ", "x: y", "- x", "#x", "x #y", "x:", "'", '"', "''", '"x', "it's", "true", "No", "~", "null", "010", "0x1f", "1e3", "1_000", "12:30:45", "2026-11-20", ".5",
    ".inf", "-", "--", "---", "--- x", "...", "!tag x", "&a", "*a", "|", ">", "%YAML 1.1", "@x", "`x`", "{a: b}", "[a]", "? x", ": x", "a, b", "{", "}}", "<<", "=",
    "a\nb", "a\nb\n", "\n", "\na", " a\nb", "a\n\n", "a\n b\n\tc", "a\n---\nb", "a\n# b\n", "\ta", "a\t", "trailing ", "x\\", "\\n", "\\", "ü", "日本", "\U0001f600 x",
    "é: x\nž", "{{ x }}", "{{", "{{ '{{' }}", "a{{{b", "{% x %}", "{# x #}", "x" * 3000, "a b " * 400, "$HOME", "%i", "-0", "+1", "y", "N", "5s", "512M", "5x", "0o7", "-b", "--x=1", "-1",
    "services: []", "\"\n  evil: true\n\"", "null\n", "text # comment: x", "key: |\n  x",
]


def unescaped(text):
    return text.replace("{{ '{{' }}", "{{")


@pytest.fixture(scope="module")
def everything():
    return {f"V{i}": text for i, text in enumerate(HOSTILE)}


def test_hostile_texts_stay_in_their_scalars(imported, everything):
    doubled = {name: text.replace("$", "$$") for name, text in everything.items()}
    service = {"image": "quay.io/x/y", "environment": doubled, "command": [text for text in doubled.values()], "labels": {name.lower(): text for name, text in doubled.items() if len(text) < 1000}}
    definition = imported("compose", {"compose.yaml": json.dumps({"name": "h", "services": {"a": service}}, ensure_ascii=False)})
    assert {name: unescaped(text) for name, text in definition.app["env"].items()} == everything
    assert [unescaped(word) for word in definition.app["command"]] == HOSTILE
    assert {name: unescaped(text) for name, text in definition.app["labels"].items()} == {name.lower(): text for name, text in everything.items() if len(text) < 1000}
    assert set(definition.app) == {"image", "command", "labels", "env", "restart"}


def test_hostile_texts_stay_in_their_comments(imported):
    sly = "x\nevil: true\n# \r\x85\u2028y\u2029\ufeff".replace("\r", "").replace("\x85", "").replace("\u2028", "").replace("\u2029", "").replace("\ufeff", "")
    definition = imported("compose", {"compose.yaml": json.dumps({"name": "h", "services": {"a": {"image": "x", "pid": sly, "y\nevil: true": "z\nevil: true"}}})})
    assert definition.app == {"image": "docker.io/library/x", "restart": "no"}
    assert all(line.startswith("pyservicectl: ") for line in definition.notes.splitlines())


def test_what_the_reader_refuses_has_its_place(root, tmp_path):
    for text, want in (('{"services": {"a": {"image": "x\\u0007"}}}', ":1:30: error: an escape gives control character U+0007"),
                       ("services:\n  a: {image: x, image: y}\n", ":2:17: error: duplicate key 'image'"),
                       ("services: {a: *none}\n", ":1:15: error: '*none' is an alias, and no '&none' comes before it"),
                       ("a: &a [*a]\n", "'*a' is an alias, and no '&a' comes before it"), ("a: [\n", "[yaml-syntax]"), ("", "the file is empty"), ("services: []\n", "a map of maps"),
                       ("a: b\n---\nc: d\n", "a second document begins")):
        (tmp_path / "compose.yaml").write_text(text)
        code, out, errors = ctl(root, "import", "compose", tmp_path / "compose.yaml")
        assert (code, out) == (1, "") and want in errors


def test_aliases_cannot_blow_it_up(root, tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    (tmp_path / "wide.yaml").write_text("\n".join(lines) + "\n")
    (tmp_path / "deep.yaml").write_text("\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40)]) + "\n")
    for name in "wide", "deep":
        code, _, errors = ctl(root, "import", "compose", tmp_path / f"{name}.yaml")
        assert code == 1 and "with this alias the file has more than 65536 values, or is nested deeper than 16 [yaml-alias]" in errors


def chain(names, width):
    """Each of the variables is made of the next."""
    return "".join(f"{one}: \"{'{{ %s }}' % other * width}\"\n" for one, other in zip(names, names[1:])) + f"{names[-1]}: 0123456789\n"


ROLE = "app_name: shop\napp_repo: https://git.example.com/shop.git\napp_services: [{name: web, command: run}]\n"


@pytest.mark.parametrize("files", [
    {"vars.yml": ROLE + 'app_tag: "{{ v0 }}"\n' + chain([f"v{i}" for i in range(17)], 10)},
    {"vars.yml": ROLE + 'app_tag: "{{ service }}"\n' + chain(["service", "scale", "instance", "hostname", "revision", "image"], 100)},
    {"compose.yaml": "services: {web: {image: x, environment: {%s}}}\n" % ", ".join(f"K{i}: $A" for i in range(1500)), ".env": f"A={'x' * 1000000}\n"},
    {"compose.yaml": "services: {web: {image: x, labels: [%s]}}\n" % ", ".join(f'"k{i}$A=x"' for i in range(1500)), ".env": f"A={'x' * 1000000}\n"},
    {"compose.yaml": "services: {web: {image: x, environment: {%s}}}\n" % ", ".join(f"K{i}: $image" for i in range(1500)), ".env": f"image={'x' * 1000000}\n"},
], ids=["variables of variables", "built-in names", "a long variable", "in keys", "with a built-in name"])
def test_variables_cannot_blow_it_up(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = next(name for name in files if name != ".env")
    kind = "ansible-pyservice" if given == "vars.yml" else "compose"
    with subprocess.Popen([PYSERVICECTL, "import", kind, given], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        timer = threading.Timer(60, program.kill)
        timer.start()
        _, status, usage = os.wait4(program.pid, 0)
        timer.cancel()
        program.returncode = os.waitstatus_to_exitcode(status)
    assert program.returncode in (0, 1, 3) and usage.ru_maxrss < 800000, (program.returncode, usage.ru_maxrss)


def numbered(n, line):
    return "".join(line.replace("#", str(i)) for i in range(n))


@pytest.mark.parametrize("kind, make", [
    ("procfile", lambda: "w: x\n" * 20000), ("ansible-pyservice", lambda: "app_services:\n" + "  - {name: w}\n" * 20000),
    ("compose", lambda: "services:\n" + numbered(9000, ' s#: {build: "https://a/b.git"}\n')),
    ("kamal", lambda: "service: a\nservers: {web: [h]}\naccessories:\n" + "".join(f' "{"é" * (i % 100 + 1)}{"ü" * (i // 100)}": {{}}\n' for i in range(5000))),
])
def test_more_parts_than_can_be_compared(root, tmp_path, kind, make):
    """A file by others does not keep the import busy for hours."""
    (tmp_path / "input").write_text(make())
    done = subprocess.run([PYSERVICECTL, f"--root={root}", "import", kind, "input"], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "") and "more than 256 parts" in done.stderr


# --- quadlet ---

QUADLET = {
    "shop@.container": r"""
# the API
[Unit]
Description=Shop API, 100%% fresh
After=network-online.target shop-db.service
Requires=shop-db.service

[Container]
Image=shop.image
ContainerName=shop-%i
Exec=gunicorn -b 0.0.0.0:8000 \
    --name "shop %i" \
    # a comment
    --price '$$5' "a\tb\"\x41 \\" '' shop.wsgi
Environment=DROPPED=1
Environment=
Environment=LEVEL=info "GREETING=hello world" N=%i 'Q=it"s'
Environment=PCT=50%%
EnvironmentFile=/etc/shop.env
EnvironmentFile=-./opt.env
Label=app=shop "title=The Shop {{x}}"
Volume=data.volume:/data
Volume=/srv/%p:/static:ro
Volume=theirs:/theirs:ro
Network=shop.network
Secret=token,type=env,target=API_TOKEN
Secret=cert
HealthCmd=curl -f http://localhost:8000/
HealthInterval=5s
HealthRetries=3
Notify=healthy
AddCapability=NET_ADMIN
AddCapability=SYS_PTRACE
ReadOnly=true
User=1000
Group=1001
StopTimeout=30
Ulimit=nofile=1024:4096

[Service]
Restart=always
RestartSec=1
MemoryMax=512M
CPUQuota=150%

[Install]
WantedBy=multi-user.target
""",
    "shop-db.container": "[Container]\nImage=docker.io/library/postgres:16\nVolume=data.volume:/var/lib/postgresql/data\nNetwork=shop.network\nNetworkAlias=database\n"
                         "AddCapability=NET_ADMIN SYS_PTRACE\nReadOnly=true\nHealthOnFailure=kill\n[Service]\nRestart=on-failure\nRestartSec=1\n",
    "shop-report.container": "[Container]\nImage=ghcr.io/acme/shop:1\nExec=./report --daily\n[Unit]\nBindsTo=shop-db.service\nAfter=shop-db.service\n[Container]\nAddCapability=NET_ADMIN SYS_PTRACE\nReadOnly=true\n"
                             "[Service]\nType=oneshot\nRestartSec=1\nTimeoutStartSec=300\n",
    "shop-report.timer": "[Timer]\nOnCalendar=daily\nOnCalendar=Mon 04:00\nRandomizedDelaySec=5min\nOnBootSec=10\n[Install]\nWantedBy=timers.target\n",
    "other.timer": "[Timer]\nOnCalendar=daily\n",
    "data.volume": "[Volume]\nDriver=local\n",
    "shop.network": "[Network]\nSubnet=10.90.0.0/24\nGateway=10.90.0.1\nDNS=10.90.0.1\n",
    "shop.image": "[Image]\nImage=ghcr.io/acme/shop:1\nAuthFile=/etc/auth.json\n",
}


def test_quadlet_files_are_one_application(imported, tmp_path):
    definition = imported("quadlet", QUADLET)
    app = definition.app
    assert definition.path.name == "shop.yaml"
    assert definition.part("main") == {
        "name": "main", "description": "Shop API, 100% fresh", "image": "ghcr.io/acme/shop:1", "auth_file": "/etc/auth.json", "scale": 1,
        "command": ["gunicorn", "-b", "0.0.0.0:8000", "--name", "shop {{ instance }}", "--price", "$5", 'a\tb"A \\', "", "shop.wsgi"],
        "user": "1000:1001", "network": "shop.network", "labels": {"app": "shop", "title": "The Shop {{ '{{' }}x}}"},
        "env": {"LEVEL": "info", "GREETING": "hello world", "N": "{{ instance }}", "Q": 'it"s', "PCT": "50%", "API_TOKEN": {"secret": "token"}},
        "env_files": ["/etc/shop.env", f"-{tmp_path}/in/opt.env"], "volumes": ["data:/data", "/srv/shop:/static:ro", {"volume": "theirs", "dest": "/theirs", "options": "ro"}],
        "resources": {"nofile": 4096, "memory": "512M", "cpus": "1.50"}, "health": {"command": "curl -f http://localhost:8000/", "on_failure": "none", "interval": "5s", "timeout": "30s", "start_period": "0s", "retries": 3},
        "stop_timeout": "30", "requires": ["db"], "secrets": {"token": {"podman": "token"}, "cert": {"podman": "cert"}},
        "quadlet": {"Container": {"AddCapability": ["NET_ADMIN", "SYS_PTRACE"], "ReadOnly": "true"}, "Service": {"RestartSec": "1"}}}
    raw = {"Container": {"AddCapability": "NET_ADMIN SYS_PTRACE", "ReadOnly": "true"}, "Service": {"RestartSec": "1"}}
    assert app["sidecars"] == [{"name": "db", "image": "docker.io/library/postgres:16", "network": "shop.network", "aliases": ["database"], "volumes": ["data:/var/lib/postgresql/data"],
                                "restart": "on-failure", "quadlet": raw}]
    assert app["timers"] == [{"name": "report", "image": "ghcr.io/acme/shop:1", "command": ["./report", "--daily"], "schedule": ["daily", "Mon 04:00"],
                              "persistent": False, "random_delay": "5min", "timeout": "300", "bound_to": ["db"], "quadlet": raw}]
    assert app["volumes"] == {"data": {"driver": "local"}} and app["networks"] == {"shop": {"subnet": "10.90.0.0/24", "gateway": "10.90.0.1"}}
    for note in ("shop.network:4:1: 'DNS=10.90.0.1' could not be carried over", "shop-report.timer:5:1: 'OnBootSec=10' could not", "the volume is 'shop-data' here, not 'systemd-data'",
                 "other.timer:1:1: the timer could not be carried over: its unit"):
        assert note in definition.notes
    assert "shop.network, line 4: 'DNS=10.90.0.1' could not be carried over" in definition.comments


def test_a_container_alone_is_the_short_form(imported):
    definition = imported("quadlet", {"my_web.container": "[Container]\nImage=quay.io/x/web:1\nPublishPort=8080:80\nPublishPort=127.0.0.1:53:53/udp\nPod=a.pod\nShmSize=1g\n"
                                                          "PodmanArgs=--cpus 2\nHealthOnFailure=kill\nNetwork=host\nNetwork=other\nExec=sh -c 'exec echo $HOME %H'\n"
                                                          "[Unit]\nPartOf=x.target\nAfter=postgresql.service\n"})
    assert definition.app == {"image": "quay.io/x/web:1", "command": ["sh", "-c", "exec echo $HOME %H"], "port": 80, "network": "host", "publish": ["8080:80", "127.0.0.1:53:53/udp"],
                              "after": ["postgresql.service"], "quadlet": {"Container": {"ShmSize": "1g", "PodmanArgs": "--cpus 2"}, "Unit": {}}}
    for note in ("'Network=other' could not", "systemd would expand the '$' in 'Exec='", "the specifier '%H' could not",
                 "'Unit: PartOf' could not be carried over"):
        assert note in definition.notes


def test_the_containers_of_a_pod_share_a_network(imported):
    """The first one that waits for no other has the settings of the pod's network."""
    pod = {"shop.pod": "[Pod]\nPublishPort=8080:80\nNetwork=front\nDNS=192.0.2.53\nVolume=/srv/shop:/srv/shop\n"}
    definition = imported("quadlet", {
        **pod,
        "shop-web.container": "[Unit]\nAfter=shop-db.service\n[Container]\nImage=quay.io/x/web:1\nContainerName=web\nPod=shop.pod\n",
        "shop-db.container": "[Unit]\nWants=other.service\n[Container]\nImage=quay.io/x/db:1\nPod=shop.pod\n",
        "shop-job.container": "[Container]\nImage=quay.io/x/job:1\nPod=shop.pod\n[Service]\nType=oneshot\n",
        "other.container": "[Container]\nImage=quay.io/x/other:1\n"})
    both = {"volumes": ["/srv/shop:/srv/shop"]}
    assert definition.part("web", "sidecars") == {"name": "web", "image": "quay.io/x/web:1", "network_of": "db", "after": ["db"], **both}
    assert definition.part("db", "sidecars") == {"name": "db", "image": "quay.io/x/db:1", "network": "front", "port": 80, "publish": ["8080:80"],
                                                 "requires": ["other"], "quadlet": {"Container": {"DNS": "192.0.2.53"}}, **both}
    assert definition.part("job", "tasks") == {"name": "job", "image": "quay.io/x/job:1", "network_of": "db", **both}
    assert "the containers of the pod share the network of 'db' here, and restart with it" in definition.notes

    definition = imported("quadlet", {
        **pod, **{f"{one}.container": f"[Unit]\nAfter={other}.service\n[Container]\nImage=quay.io/x/{one}:1\nPod=shop.pod\n"
                  for one, other in (("a", "b"), ("b", "a"))}})
    assert "the pod could not be carried over: each of its containers waits for another" in definition.notes


@pytest.mark.parametrize("value, keys", [
    ("10min", {"start_timeout": "10min"}),
    ("900", {"start_timeout": "900"}),
    ("infinity", {"quadlet": {"Service": {"TimeoutStartSec": "infinity"}}}),
    ("0", {"quadlet": {"Service": {"TimeoutStartSec": "0"}}}),
])
def test_the_start_timeout_of_a_container(imported, value, keys):
    definition = imported("quadlet", {"web.container": f"[Container]\nImage=quay.io/x/web:1\n[Service]\nTimeoutStartSec={value}\n"})
    assert definition.app == {"image": "quay.io/x/web:1", **keys}


def test_words_of_systemd_for_yes_and_no_and_repeated_keys(imported):
    definition = imported("quadlet", {
        "n.container": "[Container]\nImage=n.image\nNetwork=n.network\nHostName=node1\nNotify=no\nDNS=10.1.0.1\nDNS=10.1.0.2\n",
        "n.image": "[Image]\nImage=localhost:5000/x:1\nTLSVerify=no\n",
        "n.network": "[Network]\nSubnet=10.1.0.0/24\nSubnet=fd00::/64\nInternal=Yes\nIPv6=on\nDisableDNS=1\nOptions=isolate=true\nOptions=mtu=1400\n",
        "m.network": "[Network]\nInternal=f\nIPv6=perhaps\n"})
    assert definition.app["networks"] == {"n": {"subnet": "10.1.0.0/24", "internal": True, "ipv6": True, "disable_dns": True, "options": "isolate=true"}, "m": {"internal": False}}
    assert definition.app["hostname"] == "node1"
    assert definition.app["quadlet"] == {"Container": {"DNS": ["10.1.0.1", "10.1.0.2"]}}
    assert definition.app["tls_verify"] is False and "Notify" not in definition.notes
    for line in "Subnet=fd00::/64", "Options=mtu=1400", "IPv6=perhaps":
        assert f"'{line}' could not be carried over" in definition.notes


@pytest.mark.parametrize("text", ["*x", "{soft: 1, hard: [2", "16: {a: b}", "!x", "1 #"])
def test_a_limit_that_is_no_number_is_a_text(imported, text):
    definition = imported("quadlet", {"a.container": f"[Container]\nImage=quay.io/x/y\nUlimit=nofile={text}\n"})
    assert definition.app == {"image": "quay.io/x/y", "resources": {}} and "'resources: nofile' could not be carried over" in definition.notes


def test_files_whose_parts_would_have_one_name(imported):
    image = "[Container]\nImage=quay.io/x/y\n"
    definition = imported("quadlet", {"a.container": image, "a-main.container": image, "a-next.container": image + "[Unit]\nRequires=a-main.service\n"})
    assert [part["name"] for part in definition.app["sidecars"]] == ["main", "main-2", "next-2"]
    assert definition.part("next-2", "sidecars")["requires"] == ["main-2"]


@pytest.mark.parametrize("name, text, want", [
    ("a.kube", "[Kube]\nYaml=x\n", "this is not a Quadlet file that can be imported"), ("a.volume", "[Volume]\n", "there is no .container among these files"),
    ("a.container", "Image=x\n", "a.container:1:1: error: a line of a unit is [SECTION], or KEY=VALUE below one"),
    ("a.container", "[Container]\nImage=x\x07\n", "a.container:2:8: error: a control character; remove it"),
])
def test_files_that_cannot_be_imported(imported, root, tmp_path, name, text, want):
    (tmp_path / name).write_text(text)
    code, out, errors = ctl(root, "import", "quadlet", name, cwd=tmp_path)
    assert (code, out) == (1, "") and want in errors


@pytest.mark.parametrize("words, status, want", [
    ([], 2, "missing format; expected one of ansible-pyservice, compose, dci-api, kamal, procfile and quadlet"), (["compos", "x"], 2, "did you mean 'compose'?"), (["compose"], 2, "write COMPOSE.yaml"),
    (["compose", "nothing", "b"], 1, "nothing: No such file or directory"), (["compose", "nothing"], 1, "nothing: No such file or directory"), (["helm", "x"], 2, "cannot import from 'helm'"),
])
def test_usage(root, tmp_path, words, status, want):
    code, out, errors = ctl(root, "import", *words, cwd=tmp_path)
    assert (code, out) == (status, "") and want in errors
