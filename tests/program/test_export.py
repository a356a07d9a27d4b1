# SPDX-License-Identifier: Apache-2.0
"""pyservicectl export: what comes out, held against the programs that read it. For Quadlet see the end of this file; Kubernetes' own
programs are used as far as they go without a server.

Three readers look at each manifest:
- python3-kubernetes, whose classes are generated from Kubernetes' OpenAPI document: every field must be one of theirs, of the type that
  it has there, and what is required must be there;
- kubectl, which without a server still reads Deployments, StatefulSets, Jobs, CronJobs and Services into its own types: what it gives back
  must be what it got, and all else as YAML (its `create --dry-run=client` asks a server which kinds there are, even with --validate=false);
- this file, for what neither knows: names, and that what refers to something finds it.
Programs that are not installed are passed over. PYSERVICECTL names the program of this project.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

try:
    import kubernetes.client as client
except ImportError:
    client = None

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))

import consumers  # noqa: E402

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


def test_a_shared_network_is_not_carried_over(root):
    _, _, said = export(root, "image: registry.example.com/web:1\nsidecars: [{name: vpn, network_of: shop}]\n")
    assert said.splitlines() == ["pyservicectl: shop: not carried over: vpn: network_of shop: it is a pod of its own; to share the network, "
                                 "make it a container of that pod"]


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


@pytest.mark.parametrize("tls", ["auto", "{acme: {email: ops@example.com}}"])
def test_a_certificate_that_is_ordered(root, tls):
    _, text, _ = export(root, f"image: registry.example.com/shop:1\nport: 8000\nproxy: {{domains: shop.example.com, tls: {tls}}}\n")
    assert "cert-manager keep the certificate in the secret shop-tls" in text


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
sidecars: [{name: cache, image: registry.example.com/cache:1, entrypoint: "", command: redis, before_start: a, after_start: b, before_stop: c}]
tasks:
  - {name: migrate, commands: ["a 'b'", c], timeout: 5min}
  - {name: report, command: report}
before_update: migrate
after_update: report
on_failure: report
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
    assert "initContainer" in text and "before_update" in said and "after_update: run it when the rollout" in said and "on_failure: run it when a rollout failed" in said
    assert "before_start: write an initContainer" in said and "lifecycle.postStart.exec" in said and "lifecycle.preStop.exec" in said
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
        ([], 2, "expected one of kubernetes and quadlet"),
        (["compose", "shop"], 2, "unknown subcommand 'compose'"),
        (["kubernetes"], 2, "give one application"),
        (["kubernetes", "--output=x", "shop"], 2, "--output is for 'quadlet'"),
        (["quadlet"], 2, "give at least one application"),
        (["quadlet", "--json", "shop"], 2, "--json is for 'kubernetes'"),
        (["quadlet", "shop/web"], 2, "give applications"),
        (["quadlet", "shp"], 1, "did you mean 'shop'"),
        (["quadlet", "shop", "broken"], 1, "broken: its definition has errors"),
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
    assert spec["securityContext"]["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/run", "/tmp", "/var/tmp", "/data"}


def test_a_platform_selects_nodes(root):
    documents, _, said = export(root, "image: registry.example.com/shop:1\nplatform: linux/arm/v7\n")
    (spec,) = [d["spec"]["template"]["spec"] for (kind, _), d in documents.items() if kind in POD_TEMPLATES]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm"}
    assert "the variant of the platform linux/arm/v7" in said


# --- Quadlet ---

QUADLET = Path("/usr/libexec/podman/quadlet")
# Nothing of pyservice's is read or run: neither its directories nor its programs.
OURS = re.compile(r"(/run|/var/lib|/var/cache|/usr/libexec|/usr/lib|/etc)/pyservice|io\.pyservice|SourcePath|ExecCondition|StopWhenUnneeded")


def export_quadlet(root, definitions):
    """The output directory, its files by path, and what the command prints."""
    for app, text in definitions.items():
        (root / f"etc/pyservice.d/{app}.yaml").write_text(text)
    output = root / f"out{len(list(root.glob('out*')))}"
    done = run(root, "export", "quadlet", f"--output={output}", *definitions)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (output / "README").read_text()
    printed = run(root, "export", "quadlet", *definitions).stdout
    files = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
    for name, path in files.items():
        assert path.read_text() in printed and (name == "README" or f"\n# {name}" in printed)
    for line in done.stderr.splitlines():
        note = re.fullmatch(r"pyservicectl: (\S+): not carried over: (.*)", line)
        assert f"\n- {note[1]}: {note[2]}\n" in done.stdout
    check_quadlet(output, files, done.stdout)
    return files, done.stdout


def check_quadlet(output, files, readme):
    created = re.findall(r"podman secret create (\S+)", readme.split("Not carried over")[0])
    for name, path in files.items():
        text = path.read_text()
        assert name == "README" or not OURS.search(re.sub("Image=.*|ImageTag=.*", "", text)), name
        for word in re.findall(r'^EnvironmentFile="([^/"]*)"', text, re.M):
            assert (path.parent / word).stat().st_mode & 0o777 == 0o600
        for secret in re.findall(r'^Secret="([^,]*),', text, re.M):
            assert secret.replace("%i", "0") in created
        # Each file belongs to a directory that the README names.
        assert name == "README" or any(f"/{name}".startswith(line[2:].split(": ")[0] + "/") for line in readme.splitlines() if line.startswith("- /"))
    for link in (output / "etc/containers/systemd").glob("*@*.container"):
        assert not link.is_symlink() or os.readlink(link) == re.sub("@.*[.]", "@.", link.name)
    work = output.with_name(f"consumers-{output.name}")
    (work / "haproxy").mkdir(parents=True, exist_ok=True)
    (work / "units").mkdir(exist_ok=True)
    for path in (output / "etc/haproxy/conf.d").glob("*"):
        (work / "haproxy" / path.name).write_text(re.sub("^.*crt-list.*$", "", path.read_text(), flags=re.M).replace("/etc/haproxy/conf.d", f"{work}/haproxy"))
    assert consumers.check_haproxy(work / "haproxy", str(work)) == []
    assert consumers.check_systemd(output / "etc", str(work / "units")) == []
    if QUADLET.exists():
        done = subprocess.run([QUADLET, "-dryrun", "-no-kmsg-log"], capture_output=True, text=True,
                              env={"QUADLET_UNIT_DIRS": str(output / "etc/containers/systemd")})
        assert done.returncode == 0 and not re.search("error|unsupported|unable", done.stderr), done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_quadlet_of_the_examples(root, name):
    export_quadlet(root, {name: (CONTRIB / f"examples/{name}.yaml").read_text()})


SHOP = """\
description: The shop
image: registry.example.com/shop:1
env: {LEVEL: "a b", LINES: "a\\nb"}
secrets: {token: {credential: shop.token}, key: {file: /etc/shop.key}, own: {podman: mine}}
services:
  - name: web
    port: 8000
    scale: 2
    env: {TOKEN: {secret: token}, NUMBER: "{{ instance }}"}
    inherit: [secrets]
    requires: [cache]
    health: {http: /ready}
    proxy: {domains: [shop.example.com], tls: {certificate: /etc/tls/shop.pem}}
  - name: worker
    command: work
    health: {command: "true"}
    bound_to: [cache]
sidecars:
  - {name: cache, image: localhost/redis:1, pull: never, volumes: ["data:/data"]}
tasks:
  - {name: migrate, command: migrate}
timers:
  - {name: clean, command: clean, schedule: daily}
before_update: [migrate]
"""


def test_quadlet(root):
    (root / "etc/credstore").mkdir()
    (root / "etc/credstore/shop.token").write_text("a token in clear")
    files, readme = export_quadlet(root, {"shop": SHOP})
    quadlets, units = "etc/containers/systemd/", "etc/systemd/system/"
    assert set(files) == {
        "README", "etc/haproxy/conf.d/10_backend_shop-web.cfg", "etc/haproxy/conf.d/20_frontend_pyservice.cfg",
        "etc/haproxy/conf.d/pyservice-certificates.list", "etc/haproxy/conf.d/pyservice-https.map", "etc/haproxy/conf.d/pyservice-routes.map",
        *(quadlets + name for name in (
            "shop.image", "shop-default.network", "shop-data.volume", "shop-web@.container", "shop-web@0.container", "shop-web@1.container",
            "shop-web@0.container.d/10-port.conf", "shop-web@1.container.d/10-port.conf", "shop-worker@.container", "shop-worker@0.container",
            "shop-worker.env", "shop-cache.container", "shop-migrate.container", "shop-migrate.env", "shop-clean.container", "shop-clean.env")),
        *(units + name for name in ("shop.target", "shop-clean.timer", "shop-image.service.d/10-pull.conf"))}

    web, worker = (files[f"{quadlets}shop-{name}@.container"].read_text() for name in ("web", "worker"))
    for line in ("PartOf=shop.target", "Wants=shop-cache.service", "After=shop-cache.service", "Wants=shop-image.service", "Restart=always",
                 'Secret="shop.token,type=env,target=TOKEN"', 'Secret="mine,type=mount,target=own"', 'Environment="NUMBER=%i"'):
        assert f"\n{line}\n" in web
    assert "PublishPort" not in web and "Exec" not in web and "HealthCmd" not in web
    for line in ("Notify=healthy", 'HealthCmd=["true"]', "HealthOnFailure=kill", "Requires=shop-cache.service", 'EnvironmentFile="shop-worker.env"',
                 'Environment="LINES=a\\nb"', 'Exec="work"'):
        assert f"\n{line}\n" in worker
    assert files[quadlets + "shop-worker.env"].read_text() == "LEVEL=a b\n"
    ports = [re.fullmatch(r"\[Container\]\nPublishPort=(127\.0\.0\.1:\d+):8000\n", files[f"{quadlets}shop-web@{i}.container.d/10-port.conf"].read_text())[1] for i in (0, 1)]
    backend = files["etc/haproxy/conf.d/10_backend_shop-web.cfg"].read_text()
    assert re.findall(r'^ +server (.*)', backend, re.M) == [f'"shop-web-{i}" "{port}"' for i, port in enumerate(ports)]
    assert files[units + "shop.target"].read_text().splitlines()[2:] == [
        "Wants=shop-web@0.service", "Wants=shop-web@1.service", "Wants=shop-worker@0.service", "Wants=shop-cache.service", "Wants=shop-clean.timer",
        "", "[Install]", "WantedBy=multi-user.target"]

    assert "a token in clear" not in readme
    for line in ("    podman secret create shop.token /etc/credstore/shop.token", "    podman secret create shop.key /etc/shop.key", "- certificate /etc/tls/shop.pem",
                 "    podman secret create mine FILE   # it is a secret of Podman's already", "- systemctl start shop-migrate.service",
                 "    systemctl enable --now shop.target"):
        assert f"\n{line}\n" in readme
    for word in ("rollout: ", "before_update: ", "scale: ", "web: timeouts.drain: ", "web: health.http: HAProxy checks it", "requires: ", "worker: init: "):
        assert f"\n- shop: {word}" in readme


def test_quadlet_without_values_of_secrets(root):
    """A variable that only pyservice could compose is one secret of Podman's; secrets of one key and two sources are two."""
    (root / "etc/pyservice/contracts").mkdir(parents=True)
    (root / "etc/pyservice/contracts/shop.yaml").write_text("variables: [{name: host}, {name: password, secret: true},\n"
                                                            "  {env: URL, template: 'db://shop:{{ password | urlencode }}@{{ host }}'}]\n")
    files, readme = export_quadlet(root, {"shop": """\
image: registry.example.com/shop:1
contract: shop
config: {host: db.example.com, password: {secret: password}}
secrets: {password: {kms: AQICAHhexample0ciphertext0in0base064}}
env_files: ["-/etc/shop.env"]
services:
  - {name: one, secrets: {key: {credential: one}}, env: {KEY: {secret: key}}}
  - {name: two, secrets: {key: {credential: two}}, env: {KEY: {secret: key}}}
  - {name: each, scale: 2, secrets: {key: {file: "/etc/key-{{ instance }}"}}, env: {KEY: {secret: key}}}
"""})
    text = "".join(path.read_text() for path in files.values())
    assert "AQICAHhexample0ciphertext0in0base064" not in text
    assert "podman secret create shop.password FILE   # what AWS KMS decrypts" in readme
    assert "--name=one /etc/credstore.encrypted/one - | podman secret create shop.key -" in readme
    assert "--name=two /etc/credstore.encrypted/two - | podman secret create shop-two.key -" in readme
    assert "podman secret create shop.key-0 /etc/key-0\n    podman secret create shop.key-1 /etc/key-1\n" in readme
    assert 'Secret="shop.key-%i,type=env,target=KEY"' in files["etc/containers/systemd/shop-each@.container"].read_text()
    assert 'podman secret create shop.URL FILE   # "db://shop:" + the secret shop.password, encoded for a URL + "@" + "db.example.com"\n' in readme
    assert 'Secret="shop-two.key,type=env,target=KEY"' in files["etc/containers/systemd/shop-two@.container"].read_text()
    assert 'EnvironmentFile="/etc/shop.env"' in text and "/etc/shop.env is no longer optional" in readme


def test_quadlet_of_users_and_files(root):
    files, readme = export_quadlet(root, {"shop": """\
image: registry.example.com/shop:1
user: shop
secrets: {key: {credential: shop.key}}
files:
  - {dest: "{{ app_config_dir }}/shop.conf", content: "a: 1"}
  - {dest: "{{ app_config_dir }}/key", content: {secret: key}, mode: "0640"}
  - {dest: "{{ app_config_dir }}/copy", source: /etc/shop.original, mode: "0644"}
"""})
    assert '"/applications/shop/app/config/shop.conf"' in files["etc/tmpfiles.d/shop.conf"].read_text()
    assert "app/config/key" not in files["etc/tmpfiles.d/shop.conf"].read_text()
    assert files["etc/tmpfiles.d/shop.conf"].stat().st_mode & 0o777 == 0o600
    assert "u shop " in files["etc/sysusers.d/shop.conf"].read_text()
    # Never root because the number of the user is unknown.
    assert "\nUser=shop\nGroup=shop\n" in files["etc/containers/systemd/shop@.container"].read_text()
    for line in ("    systemd-sysusers", "    systemd-tmpfiles --create shop.conf",
                 "    install -m 0644 -o shop -g shop /etc/shop.original /applications/shop/app/config/copy",
                 "    mkdir -p /etc/containers/systemd/shop@.container.d"):
        assert f"\n{line}\n" in readme
    assert "files: write the secret key to /applications/shop/app/config/key yourself, with mode 0640, for shop:shop" in readme


def test_quadlet_of_a_repository(root):
    """Podman builds from a Containerfile in a repository that everybody may read; nothing else."""
    source = "{repo: 'https://git.example.com/shop.git', ref: v1, subdir: server, containerfile: docker/Containerfile}"
    files, readme = export_quadlet(root, {"shop": f"source: {source}\ntls_verify: false\ntasks: [{{name: t, command: x}}]\n"})
    build = files["etc/containers/systemd/shop.build"].read_text()
    tag = re.search("^ImageTag=(localhost/.*)$", build, re.M)[1]
    for line in ('SetWorkingDirectory="https://git.example.com/shop.git#v1:server"', 'File="docker/Containerfile"', "Pull=missing", "TLSVerify=false"):
        assert f"\n{line}\n" in build
    for name in ("shop@", "shop-t"):
        unit = files[f"etc/containers/systemd/{name}.container"].read_text()
        assert f"\nImage={tag}\nPull=never\n" in unit and "\nWants=shop-build.service\nAfter=shop-build.service\n" in unit
    assert "- Podman 5.2 or later, for shop.build\n" in readme and "source:" not in readme
    for other in (source.replace(", containerfile: docker/Containerfile", ""), source.replace("https://git", "git@git").replace(".com/", ".com:")):
        files, readme = export_quadlet(root, {"shop": f"source: {other}\n"})
        assert re.search(r"- shop: source: Quadlet cannot build the image\. .* podman save localhost/pyservice-shop:", readme)


def test_quadlet_of_several_applications(root):
    one = "image: registry.example.com/one:1\nport: 80\nproxy: {domains: [one.example.com]}\ntrusted: 192.0.2.0/24\n"
    files, readme = export_quadlet(root, {"one": one, "two": one.replace("one", "two")})
    assert {line for line in files["etc/haproxy/conf.d/pyservice-routes.map"].read_text().splitlines() if line[0] != "#"} == {
        "one.example.com/ one", "two.example.com/ two"}
    assert "\nIPAddressAllow=192.0.2.0/24\n" in files["etc/containers/systemd/two@.container"].read_text()
    assert "systemctl enable --now one.target" in readme and "systemctl enable --now two.target" in readme


@pytest.mark.parametrize("health, note", [
    ("http: /", "HAProxy checks it and sends no requests to an instance that fails, but nothing restarts that instance"),
    ("http: /, on_failure: drain", None), ("http: /, port: 9000", "nothing checks it"), ("command: 'true'", None),
])
def test_quadlet_health(root, health, note):
    _, readme = export_quadlet(root, {"shop": f"image: registry.example.com/shop:1\nport: 80\nhealth: {{{health}}}\nproxy: {{domains: [shop.example.com]}}\n"})
    assert re.findall(r"health\.http: (.*)", readme) == ([note] if note else [])


def test_quadlet_without_haproxy(root):
    files, readme = export_quadlet(root, {"shop": "image: registry.example.com/shop:1\nport: 80\nscale: 2\nproxy: {kind: nginx, domains: [shop.example.com]}\n"})
    assert not [name for name in files if "haproxy" in name] and "haproxy" not in readme
    assert re.search(r"proxy\.kind nginx: write an upstream with these servers: 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+\n", readme)


def test_quadlet_of_a_user(tmp_path):
    """Twice into one directory: the links are replaced, too."""
    (tmp_path / ".config/pyservice.d").mkdir(parents=True)
    (tmp_path / ".config/pyservice.d/shop.yaml").write_text("image: registry.example.com/shop:1\nhealth: {command: 'true'}\n")
    for _ in range(2):
        done = subprocess.run([os.environ["PYSERVICECTL"], "--user", "export", "quadlet", "-o", tmp_path / "out", "shop"], capture_output=True, text=True,
                              env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")})
        assert done.returncode == 0, done.stderr
    for line in ("cp -r .config/. ~/.config/", "systemctl --user daemon-reload", "systemctl --user enable --now shop.target"):
        assert f"\n    {line}\n" in done.stdout
    assert os.readlink(tmp_path / "out/.config/containers/systemd/shop@0.container") == "shop@.container"
    assert "WantedBy=default.target\n" in (tmp_path / "out/.config/systemd/user/shop.target").read_text()
