# SPDX-License-Identifier: Apache-2.0
"""pyservicectl export kubernetes: what comes out, held against Kubernetes' own programs as far as they go without a server.

Three readers look at each manifest:
- python3-kubernetes, whose classes are generated from Kubernetes' OpenAPI document: every field must be one of theirs, of the type that
  it has there, and what is required must be there;
- kubectl, which without a server still reads Deployments, StatefulSets, Jobs, CronJobs and Services into its own types: what it gives back
  must be what it got, and all else as YAML (its `create --dry-run=client` asks a server which kinds there are, even with --validate=false);
- this file, for what neither knows: names, and that what refers to something finds it.
The first two are passed over where they are not installed. PYSERVICECTL names the program.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

try:
    import kubernetes.client as client
except ImportError:
    client = None

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
EXAMPLES = sorted(path.stem for path in (CONTRIB / "examples").glob("*.yaml"))
POD_TEMPLATES = ("Deployment", "StatefulSet", "Job", "CronJob")
# Newer than Debian 12's python3-kubernetes (1.22).
NEWER = {"timeZone", "sleep", "hostUsers"}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc/pyservice.d").mkdir(parents=True)
    (tmp_path / "etc/containers/systemd").mkdir(parents=True)
    (tmp_path / "etc/containers/systemd/quadlet.network").write_text("[Network]\n")
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    shutil.copytree(CONTRIB / "contracts", tmp_path / "usr/share/pyservice/contracts")
    return tmp_path


def run(root, *words):
    return subprocess.run([os.environ["PYSERVICECTL"], f"--root={root}", *words], capture_output=True, text=True)


def export(root, text, app="shop"):
    """The documents by (kind, name), the text of all, and what standard error says."""
    (root / f"etc/pyservice.d/{app}.yaml").write_text(text)
    done = run(root, "export", "kubernetes", app)
    assert done.returncode == 0, done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    as_json = json.loads(run(root, "--json", "export", "kubernetes", app).stdout)
    assert as_json == {"apiVersion": "v1", "kind": "List", "items": documents}
    check(documents, done.stdout)
    return {(d["kind"], d["metadata"]["name"]): d for d in documents}, done.stdout, done.stderr


def template(document):
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    return spec["template"]


def container(document):
    (only,) = template(document)["spec"]["containers"]
    return only


# --- three readers ---


def check(documents, text):
    check_names(documents)
    check_references(documents)
    check_fields(documents)
    check_kubectl(documents, text)


def check_names(documents):
    assert len({(d["kind"], d["metadata"]["name"]) for d in documents}) == len(documents)
    for d in documents:
        length = {"CronJob": 52, "StatefulSet": 52}.get(d["kind"], 63)
        assert re.fullmatch(rf"[a-z]([-a-z0-9]{{0,{length - 2}}}[a-z0-9])?", d["metadata"]["name"])
        for labels in [d["metadata"]["labels"], template(d)["metadata"]["labels"] if d["kind"] in POD_TEMPLATES else {}]:
            assert all(re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value) for value in labels.values())
        for key in d.get("data", {}):
            assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key)


def selects(selector, labels):
    return selector.items() <= labels.items()


def check_references(documents):
    def named(kind):
        return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}

    pods = [template(d) for d in documents if d["kind"] in POD_TEMPLATES]
    for d in documents:
        if d["kind"] in ("Deployment", "StatefulSet"):
            wanted = d["spec"]["selector"]["matchLabels"]
            assert [p for p in pods if selects(wanted, p["metadata"]["labels"])] == [template(d)]
        if d["kind"] in ("Service", "PodDisruptionBudget"):
            wanted = d["spec"]["selector"] if d["kind"] == "Service" else d["spec"]["selector"]["matchLabels"]
            (pod,) = [p for p in pods if selects(wanted, p["metadata"]["labels"])]
            ports = {p["name"] for p in pod["spec"]["containers"][0].get("ports", [])}
            assert {p["targetPort"] for p in d["spec"].get("ports", [])} <= ports
        if d["kind"] == "Ingress":
            for rule in d["spec"]["rules"]:
                backend = rule["http"]["paths"][0]["backend"]["service"]
                assert backend["port"]["number"] in {p["port"] for p in named("Service")[backend["name"]]["spec"]["ports"]}
        if d["kind"] == "StatefulSet":
            assert named("Service")[d["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
    for d in documents:
        if d["kind"] in POD_TEMPLATES:
            check_pod(d, named)


def check_pod(document, named):
    pod, only = template(document)["spec"], container(document)
    volumes = {v["name"] for v in pod.get("volumes", [])} | {c["metadata"]["name"] for c in document["spec"].get("volumeClaimTemplates", [])}
    assert {m["name"] for m in only.get("volumeMounts", [])} == volumes
    assert len({m["mountPath"] for m in only.get("volumeMounts", [])}) == len(only.get("volumeMounts", []))
    for volume in pod.get("volumes", []):
        if "configMap" in volume:
            assert {i["key"] for i in volume["configMap"]["items"]} <= set(named("ConfigMap")[volume["configMap"]["name"]]["data"])
        if "persistentVolumeClaim" in volume:
            claim = named("PersistentVolumeClaim")[volume["persistentVolumeClaim"]["claimName"]]
            assert claim["spec"].get("volumeName", "") in {"", *named("PersistentVolume")}
    for source in only.get("envFrom", []):
        assert "configMapRef" not in source or source["configMapRef"]["name"] in named("ConfigMap")
    names = [e["name"] for e in only.get("env", [])]
    assert len(set(names)) == len(names)
    grace = pod["terminationGracePeriodSeconds"]
    assert only.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) <= grace


def check_fields(documents):
    if client is None:
        return
    for d in documents:
        fits(d, d["apiVersion"].rpartition("/")[2].capitalize() + d["kind"], d["kind"])


def fits(value, kind, where):
    """Is it what the OpenAPI document calls `kind`?"""
    simple = {"str": str, "int": int, "bool": bool, "object": (int, str)}
    if kind.startswith("list["):
        assert isinstance(value, list), where
        for i, item in enumerate(value):
            fits(item, kind[len("list["):-1], f"{where}[{i}]")
    elif kind.startswith("dict("):
        assert isinstance(value, dict), where
        for key, item in value.items():
            fits(item, kind[len("dict(str, "):-1], f"{where}.{key}")
    elif kind in simple:
        assert isinstance(value, simple[kind]) and (kind == "bool") == isinstance(value, bool), f"{where} is {value!r}, no {kind}"
    else:
        model = getattr(client, kind)
        attributes = {name: attribute for attribute, name in model.attribute_map.items()}
        assert isinstance(value, dict) and set(value) <= set(attributes) | NEWER, f"{where}: {set(value) - set(attributes)}"
        known = {attributes[key]: item for key, item in value.items() if key in attributes}
        model(**known)  # raises where something required is missing, or has a value that is none
        for attribute, item in known.items():
            fits(item, model.openapi_types[attribute], f"{where}.{model.attribute_map[attribute]}")


def kubectl_version():
    if not shutil.which("kubectl"):
        return 0
    done = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True)
    return int(re.match(r"\d+", json.loads(done.stdout)["clientVersion"]["minor"]).group())


def kubectl(texts, *words):
    """The documents as they are written, as it reads them."""
    if not texts:
        return []
    done = subprocess.run(["kubectl", *words, "--local", "-o", "json", "-f", "-"], input="---\n".join(texts), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decoder, rest, returned = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        document, end = decoder.raw_decode(rest)
        returned.append(document)
        rest = rest[end:].lstrip()
    assert len(returned) == len(texts)
    return returned


def check_kubectl(documents, text, version=kubectl_version()):
    """From 1.30 on: what it does not know it leaves out."""
    if version < 30:
        return
    texts = re.split(r"^---\n", text, flags=re.M)[1:]
    assert len(texts) == len(documents)
    for document, returned in zip(documents, kubectl(texts, "label", "pyservice=test")):
        assert_within(document, returned, document["kind"])
    pods = [i for i, d in enumerate(documents) if d["kind"] in POD_TEMPLATES]
    for i, returned in zip(pods, kubectl([texts[i] for i in pods], "set", "env", "--containers=*", "PYSERVICE_TEST=x")):
        assert_within(documents[i], returned, documents[i]["kind"])
    services = [i for i, d in enumerate(documents) if d["kind"] == "Service"]
    for i, returned in zip(services, kubectl([texts[i] for i in services], "set", "selector", "x=z")):
        assert_within({**documents[i], "spec": {**documents[i]["spec"], "selector": {"x": "z"}}}, returned, "Service")


def assert_within(small, large, where):
    if isinstance(small, dict):
        assert set(small) <= set(large), f"{where}: kubectl does not know {set(small) - set(large)}"
        for key in small:
            assert_within(small[key], large[key], f"{where}.{key}")
    elif isinstance(small, list):
        assert len(small) <= len(large), where
        for i, (a, b) in enumerate(zip(small, large)):
            assert_within(a, b, f"{where}[{i}]")
    else:
        assert small == large, where


# --- what is made of what ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(root, name):
    documents, text, said = export(root, (CONTRIB / f"examples/{name}.yaml").read_text(), name)
    kinds = {kind for kind, _ in documents}
    assert {"Service"} <= kinds and kinds & {"Deployment", "StatefulSet"}
    assert all(line.startswith(f"pyservicectl: {name}: not carried over: ") for line in said.splitlines())
    # What is missing stands above the document, too.
    for line in said.splitlines():
        assert re.sub(r"^\w[\w-]*: ", "", line.split("not carried over: ")[1]) in text


def test_a_service_of_its_own(root):
    documents, text, _ = export(root, """\
image: registry.example.com/shop:1
pull: always
auth_file: /etc/registry.json
user: "1000:2000"
workdir: /srv
port: 8000
scale: 3
stop_timeout: 20s
command: serve --all 'a b' $HOME $(HOME) $$
health: {http: /ready, interval: 10s, timeout: 2s, retries: 3, start_period: 1min}
resources: {memory: 512M, cpus: 1.5}
rollout: {max_unavailable: 2, min_ready: 0}
proxy: {domains: [shop.example.com, "*.shop.example.com"], path: /api, tls: {certificate: /etc/tls/shop.pem}, timeouts: {drain: 15s}}
""")
    spec = documents["Deployment", "shop"]["spec"]
    assert spec["replicas"] == 3 and "minReadySeconds" not in spec
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 2}}
    pod, only = spec["template"]["spec"], container(documents["Deployment", "shop"])
    assert pod["terminationGracePeriodSeconds"] == 35 and only["lifecycle"]["preStop"]["sleep"]["seconds"] == 15
    assert pod["imagePullSecrets"] == [{"name": "shop-registry"}] and only["imagePullPolicy"] == "Always"
    assert "--type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=/etc/registry.json" in text
    assert only["securityContext"] == {"runAsUser": 1000, "runAsGroup": 2000} and pod["securityContext"] == {"fsGroup": 2000}
    assert only["workingDir"] == "/srv" and "command" not in only
    # $(NAME) is replaced there, $$ is how one writes '$'.
    assert only["args"] == ["serve", "--all", "a b", "$HOME", "$$(HOME)", "$$$"]
    assert only["resources"] == {"limits": {"memory": "512Mi", "cpu": "1500m"}}
    headers = {"Host": "shop.example.com", "X-Forwarded-Proto": "https", "User-Agent": "pyservice"}
    asked = {"path": "/ready", "port": 8000, "httpHeaders": [{"name": name, "value": value} for name, value in headers.items()]}
    question = {"httpGet": asked, "periodSeconds": 10, "timeoutSeconds": 2}
    assert only["readinessProbe"] == only["livenessProbe"] == {**question, "failureThreshold": 3}
    assert only["startupProbe"] == {**question, "failureThreshold": 9}
    assert documents["PodDisruptionBudget", "shop"]["spec"]["maxUnavailable"] == 2
    ingress = documents["Ingress", "shop"]["spec"]
    assert ingress["tls"] == [{"hosts": ["shop.example.com", "*.shop.example.com"], "secretName": "shop-tls"}]
    assert [rule["host"] for rule in ingress["rules"]] == ["shop.example.com", "*.shop.example.com"]
    assert ingress["rules"][0]["http"]["paths"][0]["path"] == "/api" and "kubectl create secret tls shop-tls" in text


def test_environment_and_secrets(root):
    documents, text, said = export(root, """\
image: registry.example.com/shop:1
env: {COMMON: "yes", LINES: "a\\nb\\n", NUMBER: "010", BROKER: "amqp://user:hidden@host/"}
env_files: [/etc/default/shop, -/etc/default/more]
secrets:
  token: {credential: shop.token}
services:
  - {name: web, env: {TOKEN: {secret: token}, OWN: "$(COMMON)"}}
  - {name: worker, secrets: {token: {file: /etc/worker.token}}, env: {TOKEN: {secret: token}}}
""")
    assert documents["ConfigMap", "shop"]["data"] == {"COMMON": "yes", "LINES": "a\nb\n", "NUMBER": "010"}
    assert "hidden" not in text + said
    web, worker = container(documents["Deployment", "shop-web"]), container(documents["Deployment", "shop-worker"])
    (first, second, common) = web["envFrom"]
    assert common == {"configMapRef": {"name": "shop"}} and "optional" not in first["secretRef"] and second["secretRef"]["optional"]
    assert f"kubectl create secret generic {first['secretRef']['name']} --from-env-file=/etc/default/shop" in text

    def variables(only):
        return {e["name"]: e.get("value", e.get("valueFrom")) for e in only["env"]}

    def key(name):
        return {"secretKeyRef": {"name": "shop", "key": name}}

    assert variables(web) == {"BROKER": key("env.BROKER"), "OWN": "$$(COMMON)", "TOKEN": key("token")}
    assert variables(worker) == {"BROKER": key("env.BROKER"), "TOKEN": key("worker.token")}
    assert "#         --from-file=worker.token=FILE\n" in text and "worker.token: the file /etc/worker.token" in text
    (volume,) = [v for v in template(documents["Deployment", "shop-worker"])["spec"]["volumes"]]
    assert volume["secret"] == {"secretName": "shop", "items": [{"key": "worker.token", "path": "token"}]}
    assert web["volumeMounts"] == [{"name": "pyservice-secrets", "mountPath": "/run/secrets", "readOnly": True}]


def test_a_changed_value_is_a_rollout(root):
    text = "image: registry.example.com/shop:1\nenv: {A: %s}\n"
    hashes = [template(export(root, text % value)[0]["Deployment", "shop"])["metadata"]["annotations"] for value in ("a", "b")]
    assert hashes[0] != hashes[1]


def test_instances_that_differ(root):
    documents, _, said = export(root, """\
image: registry.example.com/shop:1
scale: 2
command: "run {{ instance }} ${{ instance }}"
env: {NAME: "shop-{{ instance }}"}
volumes: ["data-{{ instance }}:/data", "shared:/shared:ro,z", "/srv/shop:/srv", "/shared:/other"]
""")
    d = documents["StatefulSet", "shop"]
    assert d["spec"]["serviceName"] == "shop" and documents["Service", "shop"]["spec"]["clusterIP"] == "None"
    (claim,) = d["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data" and claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    only = container(d)
    assert only["args"] == ["run", "$(PYSERVICE_INSTANCE)", "$$(PYSERVICE_INSTANCE)"]
    assert only["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert only["env"][1] == {"name": "NAME", "value": "shop-$(PYSERVICE_INSTANCE)"}
    assert {"name": "shared", "mountPath": "/shared", "readOnly": True} in only["volumeMounts"]
    (other,) = [v for v in template(d)["spec"]["volumes"] if v.get("hostPath") == {"path": "/shared"}]
    assert other["name"] != "shared" and {"name": other["name"], "mountPath": "/other"} in only["volumeMounts"]
    assert documents["PersistentVolumeClaim", "shop-shared"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "the machine's /srv/shop" in said


def test_what_a_proxy_says_without_an_ingress(root):
    documents, text, said = export(root, """\
image: registry.example.com/shop:1
rollout: {strategy: recreate}
services:
  - name: web
    port: 8000
    env: {I: "{{ instance }}"}
    proxy: {servers: ["h.example.com:80"], maxconn: 5, sticky: true, headers: {X-A: b}, timeouts: {server: 90s}}
  - name: tcp
    port: 5432
    env: {I: "{{ instance }}"}
    proxy: {mode: tcp, servers: ["h.example.com:5432"], maxconn: 5, timeouts: {server: 90s}, retries: 2}
  - {name: plain, port: 5433, proxy: {mode: tcp}}
""")
    for line in ("web: proxy.servers: the additional server h.example.com:80", "web: proxy.maxconn: nothing", "web: proxy.sticky: ", "web: proxy.headers: the header X-A", "web: proxy.timeouts but",
                 "tcp: proxy.servers: the additional server h.example.com:5432", "tcp: proxy.maxconn: ", "tcp: proxy.timeouts but 'drain': a Service has none",
                 "tcp: proxy.retries: the cluster", "web: rollout.strategy recreate: ", "tcp: proxy.mode tcp: an Ingress has only HTTP, and this Service only names the pods"):
        assert f"shop: not carried over: {line}" in said
    assert documents["Service", "shop-plain"]["spec"]["type"] == "LoadBalancer" and "type" not in documents["Service", "shop-tcp"]["spec"]
    assert text.count("if the cluster has load balancers") == 1


def test_parts_beside_services(root):
    documents, text, said = export(root, """\
image: registry.example.com/shop:1
secrets: {key: {file: /etc/key}}
services: [{name: web, port: 80, host_port: 8080, publish: ["53:53/udp"], restart: "no", requires: cache, network: podman}]
sidecars: [{name: cache, image: registry.example.com/cache:1, entrypoint: "", command: redis}]
tasks:
  - {name: migrate, commands: ["a 'b'", c], timeout: 5min}
  - {name: report, command: report}
before_update: migrate
timers:
  - {name: clean, command: clean, schedule: ["*-*-* 04:30", "Mon..Fri *:0/15 UTC"], persistent: false}
  - {name: odd, command: odd, schedule: "Mon *-*-01"}
files:
  - {dest: /etc/shop/a.conf, content: "x: 1\\n", mode: "755"}
  - {dest: /etc/shop/b.conf, content: {secret: key}}
  - {dest: /etc/shop/c.conf, source: /etc/c.conf}
quadlet: {Container: {ShmSize: 1g}}
cap_add: CHOWN
network: host
trusted: [10.0.0.0/8, "2001:db8::1"]
""")
    cache = documents["Deployment", "shop-cache"]
    assert cache["spec"]["replicas"] == 1 and cache["spec"]["strategy"] == {"type": "Recreate"}
    assert container(cache)["command"] == ["redis"] and "args" not in container(cache)
    migrate = documents["Job", "shop-migrate"]["spec"]
    assert migrate["suspend"] and migrate["backoffLimit"] == 0 and migrate["activeDeadlineSeconds"] == 300
    assert container(documents["Job", "shop-migrate"])["args"] == ["/bin/sh", "-c", "'a' 'b' && 'c'"]
    assert "initContainer" in text and "before_update" in said
    clean, again, odd = (documents["CronJob", name]["spec"] for name in ("shop-clean", "shop-clean-2", "shop-odd"))
    assert (clean["schedule"], clean["timeZone"], clean["startingDeadlineSeconds"]) == ("30 4 * * *", "Europe/Berlin", 60)
    assert (again["schedule"], again["timeZone"]) == ("0-59/15 * * * 1,2,3,4,5", "Etc/UTC")
    assert odd["suspend"] and "suspend" not in clean and "'Mon *-*-01', which cron cannot express" in said
    mounts = {m["mountPath"]: m for m in container(documents["Deployment", "shop-web"])["volumeMounts"]}
    assert {"/etc/shop/a.conf", "/etc/shop/b.conf", "/etc/shop/c.conf"} <= set(mounts)
    (volume,) = [v for v in template(documents["Deployment", "shop-web"])["spec"]["volumes"] if "configMap" in v]
    assert volume["configMap"]["items"] == [{"key": "file-0-a.conf", "path": "file-0-a.conf", "mode": 0o755}]
    assert "file-2-c.conf: the file /etc/c.conf" in text
    policy = documents["NetworkPolicy", "shop-trusted"]["spec"]
    assert policy["podSelector"]["matchExpressions"][0]["values"] == ["web", "cache"]
    assert [p["ipBlock"]["cidr"] for p in policy["ingress"][0]["from"] if "ipBlock" in p] == ["10.0.0.0/8", "2001:db8::1/128"]
    assert {(p["name"], p["protocol"]) for p in documents["Service", "shop-web"]["spec"]["ports"]} == {("main", "TCP"), ("udp-53", "UDP")}
    for word in ("host_port", "publish 53:53/udp", "restart", "requires cache", "quadlet", "network host", "cap_add: see securityContext"):
        assert word in said


@pytest.mark.parametrize("calendar, cron", [
    ("hourly", "0 * * * *"), ("weekly", "0 0 * * 1"), ("Mon, 02:00", "0 2 * * 1"), ("Sun 0:0", "0 0 * * 0"),
    ("*-*-01,15 04:30:00", "30 4 1,15 * *"), ("*-1..6/2-* 00:00", "0 0 * 1-6/2 *"), ("10-15", "0 0 15 10 *"), ("*:*", "* * * * *"),
    ("2026-01-01", None), ("*-02~03", None), ("*:*:30", None), ("Sat *-*-1", None),
])
def test_calendar(root, calendar, cron):
    documents, *_ = export(root, f"image: registry.example.com/shop:1\ntimers: [{{name: t, command: x, schedule: '{calendar}'}}]\n")
    spec = documents["CronJob", "shop-t"]["spec"]
    assert spec.get("suspend", False) == (cron is None)
    assert cron is None or spec["schedule"] == cron


def test_a_time_that_systemd_does_not_know(root):
    (root / "etc/pyservice.d/shop.yaml").write_text("image: registry.example.com/shop:1\ntimers: [{name: t, command: x, schedule: 'Fri..Mon 10:00'}]\n")
    done = run(root, "export", "kubernetes", "shop")
    assert (done.returncode, done.stdout) == (1, "") and "invalid time 'Fri..Mon 10:00'" in done.stderr


HOSTILE = ["", "yes", "~", "0x1f", "1e3", "12:30:45", "2001-01-01", "- a", "a: b", "a #b", "'", '"', "\\", "{{ '{{' }}", "&a", "*a", "!t", "%x", "|", ">",
           " a", "a ", "\ta", "a\n", "\na", "a\n\n", " a\nb", "a\n b\n", "a \nb", "é\u00a0", "\U0001f600", "---", "...", "=", "<<", "$(X)", "a\t\nb", "-" * 300]


def test_hostile_values(root):
    env = {f"V{i}": value for i, value in enumerate(HOSTILE)}
    text = json.dumps({"image": "registry.example.com/shop:1", "env": env, "command": ["x", *HOSTILE]}, ensure_ascii=False)
    documents, *_ = export(root, text)
    expected = {key: value.replace("{{ '{{' }}", "{{") for key, value in env.items()}
    assert documents["ConfigMap", "shop"]["data"] == expected
    escaped = [value.replace("$(", "$$(") for value in expected.values()]
    assert container(documents["Deployment", "shop"])["args"] == ["x", *escaped]


@pytest.mark.parametrize("app", ["7zip", "a" * 56])
def test_names(root, app):
    documents, *_ = export(root, "image: registry.example.com/shop:1\nport: 80\ncommand: '{{ instance }}'\ntrusted: 10.0.0.1\n", app)
    assert len(documents) == 3


def test_refusals(root):
    (root / "etc/pyservice.d/shop.yaml").write_text("image: registry.example.com/shop:1\n")
    (root / "etc/pyservice.d/broken.yaml").write_text("image: [\n")
    for words, status, reason in [
        ([], 2, "give 'kubernetes' and one application"),
        (["compose", "shop"], 2, "give 'kubernetes'"),
        (["kubernetes", "shop/web"], 2, "give the application"),
        (["kubernetes", "../shop"], 2, "not a valid name"),
        (["kubernetes", "shp"], 1, "did you mean 'shop'"),
        (["kubernetes", "broken"], 1, "has errors"),
    ]:
        done = run(root, "export", *words)
        assert (done.returncode, done.stdout) == (status, "") and reason in done.stderr, done.stderr
    assert run(root, "export", "kubernetes", "shop").returncode == 0


def test_hardening_is_not_lost(root):
    documents, _, _ = export(root, "image: registry.example.com/shop:1\nhardening: strict\nuser: '1000'\nvolumes: ['data:/data']\n")
    (spec,) = [d["spec"]["template"]["spec"] for (kind, _), d in documents.items() if kind in POD_TEMPLATES]
    (container,) = spec["containers"]
    assert container["securityContext"] == {"runAsUser": 1000, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert spec["hostUsers"] is False
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/run", "/tmp", "/var/tmp", "/data"}


def test_a_platform_selects_nodes(root):
    documents, _, said = export(root, "image: registry.example.com/shop:1\nplatform: linux/arm/v7\n")
    (spec,) = [d["spec"]["template"]["spec"] for (kind, _), d in documents.items() if kind in POD_TEMPLATES]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm"}
    assert "the variant of the platform linux/arm/v7" in said
