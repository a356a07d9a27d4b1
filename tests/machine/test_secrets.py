# SPDX-License-Identifier: Apache-2.0
"""Secrets of every kind: encrypted credentials and their tool, ciphertexts of AWS KMS, Podman's secrets."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

import fake_kms
from app import HELLO, define, settle, started, wait_for

PROGRAM_TESTS = Path(__file__).resolve().parents[1] / "program"

VALUE = "kmsMark'8zx $x\"/+"
METADATA = "169.254.169.254"
KMS_PORT = 8099
URL = f"http://127.0.0.1:{KMS_PORT}"
HOST = f"kms: {{endpoint: '{URL}', region: {fake_kms.REGION}, credentials: /etc/pyservice/aws}}\n"
KEYS = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
SEALED = """
env: {TOKEN: {secret: token}, PLAIN: x}
secrets: {token: {kms: %s%s}}
"""


def start_server(machine, name, command, address, port):
    machine.run(["podman", "run", "-d", "--name", name, "--network=host", "-v", "/srv:/srv:ro", "--entrypoint", "", "-e", "INITIAL_NO_AUTH_ACTION_COUNT=3",
                 "localhost/hello:1", "/usr/bin/python3", *command])
    machine.wait(f"curl -s -o /dev/null http://{address}:{port}/", what=f"{name} to listen")


@pytest.fixture
def kms(machine):
    machine.write("/srv/fake_kms.py", (PROGRAM_TESTS / "fake_kms.py").read_text())
    machine.write("/etc/pyservice/host.yaml", HOST)
    machine.write("/etc/pyservice/aws", KEYS.format("AKIDFILE", "secret/of+file"), 0o600)
    start_server(machine, "fake-kms", ["/srv/fake_kms.py", "127.0.0.1", str(KMS_PORT)], "127.0.0.1", KMS_PORT)
    return machine


def behave(machine, url=URL, **behaviour):
    assert machine.http(f"{url}/behave", method="POST", data=json.dumps(behaviour)).status == 200


def variable(machine, container, name):
    return machine.run(["podman", "exec", container, "printenv", name]).stdout.removesuffix("\n")


def mounted(machine, container, name):
    return machine.run(["podman", "exec", container, "cat", f"/run/secrets/{name}"]).stdout


def define_sealed(machine, on_error="", ciphertext=fake_kms.encrypt(VALUE.encode())):
    define(machine, "hello", HELLO + SEALED % (ciphertext, on_error))


# --- AWS KMS ---

def test_a_ciphertext_is_decrypted_into_memory_only(kms):
    define_sealed(kms)
    wait_for(kms, "hello", 1)
    assert variable(kms, "hello-0", "TOKEN") == VALUE
    assert mounted(kms, "hello-0", "token") == VALUE
    assert kms.out("stat -c '%a %U' /run/pyservice/secrets/hello@0 /run/pyservice/apps/hello/env/*.kms").splitlines() == ["700 root", "600 root"]
    kms.run("cat >/dev/shm/pattern", input=VALUE)
    found = kms.run("grep -rlaF -f /dev/shm/pattern /etc /var/lib/pyservice /run/pyservice /run/systemd /tmp /root", check=False).stdout.split()
    assert sorted(found) == ["/run/pyservice/secrets/hello@0/token"], "with its escapes .env holds it too"
    for told in ("journalctl -b -o export --no-pager", "systemctl show --all 'hello*'", "systemctl cat 'hello*'"):
        assert kms.run(f"{told} | grep -caF -f /dev/shm/pattern", check=False).stdout.strip() == "0", told
    kms.run("rm /dev/shm/pattern")


def test_a_refusal_is_told_and_waited_for(kms):
    behave(kms, deny=True)
    define_sealed(kms)
    kms.wait(lambda: "AccessDeniedException" in kms.journal("hello@0.service"), what="the reason in the journal")
    assert f"cannot decrypt secret 'token': AWS KMS at {URL}/ answers with status 400: AccessDeniedException" in kms.journal("hello@0.service")
    assert not kms.exists("/run/pyservice/secrets/hello@0/token")
    behave(kms)
    wait_for(kms, "hello", 1)
    assert variable(kms, "hello-0", "TOKEN") == VALUE


def test_a_file_gets_what_a_unit_of_its_own_has_decrypted(kms):
    """The unit that asks AWS KMS may not write, and the one that writes has no network."""
    behave(kms, deny=True)
    files = "\nfiles: [{dest: '{{ app_config }}', content: {secret: token}}]\nsecrets: {token: {kms: %s}}\n" % fake_kms.encrypt(VALUE.encode())
    define(kms, "hello", HELLO + files)
    setup = Path(kms.out("ls /run/pyservice/apps/hello/units/hello-*-setup.service").strip()).name
    creds = setup.replace("-setup", "-creds")
    assert kms.run(["systemctl", "start", setup], check=False).returncode != 0
    assert f"the secrets in the files of 'hello' could not be decrypted; see 'systemctl status {creds}'" in kms.journal(setup)
    assert f"cannot decrypt secret 'token': AWS KMS at {URL}/ answers with status 400: AccessDeniedException" in kms.journal(creds)
    behave(kms)
    wait_for(kms, "hello", 1)
    assert kms.run("cat /applications/hello/app/config/config.yaml").stdout == VALUE
    kms.wait(lambda: not kms.exists(f"/run/pyservice/secrets/{creds.removesuffix('.service')}"), what="the plain text to go with the setup")
    kms.run("systemctl restart hello@0.service")
    assert kms.run("cat /applications/hello/app/config/config.yaml").stdout == VALUE


def test_literally(kms):
    behave(kms, deny=True)
    sealed = fake_kms.encrypt(VALUE.encode())
    define_sealed(kms, ", on_error: literal")
    wait_for(kms, "hello", 1)
    assert variable(kms, "hello-0", "TOKEN") == sealed
    assert "cannot decrypt secret 'token', so its text is used as it is" in kms.journal("hello@0.service")
    behave(kms)
    kms.run("systemctl restart hello@0.service")
    assert variable(kms, "hello-0", "TOKEN") == VALUE
    kms.http(f"{URL}/seen")
    define_sealed(kms, ", on_error: literal", "'in clear, 100 %'")
    # It is replaced meanwhile, so there may be none to ask.
    kms.wait(lambda: kms.run("podman exec hello-0 printenv TOKEN", check=False).stdout == "in clear, 100 %\n", what="the text in clear")
    assert kms.http(f"{URL}/seen").json() == []


def test_how_kms_is_reached_is_no_new_revision(kms):
    define_sealed(kms)
    wait_for(kms, "hello", 1)
    settle(kms)
    before = started(kms)
    kms.write("/etc/pyservice/host.yaml", HOST.replace("eu-west-1", "eu-west-2"))
    kms.reload()
    settle(kms)
    assert started(kms) == before
    kms.run("systemctl restart --no-block hello@0.service")
    kms.wait(lambda: "IncompleteSignatureException" in kms.journal("hello@0.service"), what="the other region to be used")
    kms.write("/etc/pyservice/host.yaml", HOST)
    kms.reload()
    wait_for(kms, "hello", 1)


def test_a_task_that_runs_before_anything_is_accepted(kms):
    define(kms, "hello", HELLO + SEALED % (fake_kms.encrypt(VALUE.encode()), "") + """
tasks: [{name: migrate, entrypoint: "", command: "/bin/sh -c 'printenv TOKEN | wc -c'"}]
before_update: [migrate]
""")
    wait_for(kms, "hello", 1)
    assert re.search(rf": {len(VALUE) + 1}$", kms.journal("hello-migrate.service"), re.M)


def test_the_spare_of_a_revision_that_brings_the_first_ciphertext(kms):
    proxied = HELLO + "proxy: {domains: [hello.example.com]}\n"
    define(kms, "hello", proxied)
    wait_for(kms, "hello", 1)
    kms.run("pyservicectl rollout status hello")
    define(kms, "hello", proxied + SEALED % (fake_kms.encrypt(VALUE.encode()), ""))
    kms.run("pyservicectl rollout status hello")
    assert variable(kms, "hello-0", "TOKEN") == VALUE


def test_the_role_of_the_machine(kms):
    kms.run(f"ip address add {METADATA}/32 dev lo; systemctl restart haproxy")      # it may have the port of a test before
    try:
        start_server(kms, "metadata", ["/srv/fake_kms.py", METADATA, "80"], METADATA, 80)
        kms.write("/etc/pyservice/host.yaml", f"kms: {{endpoint: '{URL}'}}\n")
        define_sealed(kms)
        wait_for(kms, "hello", 1)
        assert variable(kms, "hello-0", "TOKEN") == VALUE
        assert kms.http(f"http://{METADATA}/seen").json()[-4:] == [
            "/latest/api/token", "/latest/meta-data/iam/security-credentials/", "/latest/meta-data/iam/security-credentials/component-role",
            "/latest/meta-data/placement/region"]
    finally:
        kms.run(f"ip address del {METADATA}/32 dev lo")


MOTO = """
import base64, boto3, json
def client(name, key_id="x", key="y"):
    return boto3.client(name, endpoint_url="http://127.0.0.1:5599", region_name="eu-west-1", aws_access_key_id=key_id, aws_secret_access_key=key)
iam = client("iam")
iam.create_user(UserName="component")
iam.put_user_policy(UserName="component", PolicyName="kms", PolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}))
made = iam.create_access_key(UserName="component")["AccessKey"]
kms = client("kms", made["AccessKeyId"], made["SecretAccessKey"])
key = kms.create_key()["KeyMetadata"]["KeyId"]
text = kms.encrypt(KeyId=key, Plaintext=%r)["CiphertextBlob"]
print(json.dumps([made["AccessKeyId"], made["SecretAccessKey"], base64.b64encode(text).decode()]))
"""


def test_with_motos_kms_which_checks_signatures(machine):
    """From the fourth request on moto wants each to be signed by a user who may do it."""
    machine.run(["podman", "run", "-d", "--name", "moto", "--network=host", "--entrypoint", "", "-e", "INITIAL_NO_AUTH_ACTION_COUNT=3",
                 "localhost/hello:1", "/usr/bin/python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", "5599"])
    machine.wait("curl -s -o /dev/null http://127.0.0.1:5599/moto-api/", what="moto to listen")
    made = machine.run(["podman", "exec", "-i", "moto", "/usr/bin/python3", "-"], input=MOTO % VALUE.encode()).stdout
    key_id, key, sealed = json.loads(made.splitlines()[-1])
    machine.write("/etc/pyservice/host.yaml", "kms: {endpoint: 'http://127.0.0.1:5599', region: eu-west-1, credentials: /etc/pyservice/aws}\n")
    machine.write("/etc/pyservice/aws", KEYS.format(key_id, key[::-1]), 0o600)
    define_sealed(machine, ciphertext=sealed)
    machine.wait(lambda: "answers with status 403" in machine.journal("hello@0.service"), what="moto to refuse the wrong key")
    machine.write("/etc/pyservice/aws", KEYS.format(key_id, key), 0o600)
    wait_for(machine, "hello", 1)
    assert variable(machine, "hello-0", "TOKEN") == VALUE


# --- Podman's ---

def test_podmans_secrets(machine):
    for name, value in (("hello-whole", "whole value\n"), ("hello-part", "p@rt/%")):
        machine.run(["podman", "secret", "create", name, "-"], input=value)
    define(machine, "hello", """image: localhost/hello:1
secrets: {whole: {podman: hello-whole}, part: {podman: hello-part}, late: {podman: hello-late}}
contract: hello
config: {part: {secret: part}}
env: {WHOLE: {secret: whole}, LATE: {secret: late}}
services:
  - {name: web, port: 8000, health: {command: "curl -fs http://localhost:8000/", interval: 1s}}
""", reload=False)
    machine.write("/etc/pyservice/contracts/hello.yaml", """
variables:
  - {name: part, secret: true, required: true}
  - {env: URL, template: "db://u:{{ part | urlencode }}@h/d", secret: true}
""")
    machine.reload()
    machine.wait(lambda: '"hello-late": no such secret' in machine.journal("hello-web@0.service"), what="Podman to miss a secret")
    machine.run(["podman", "secret", "create", "hello-late", "-"], input="late")
    wait_for(machine, "hello-web", 1)
    assert variable(machine, "hello-web-0", "WHOLE").rstrip("\n") == "whole value"
    assert variable(machine, "hello-web-0", "URL") == "db://u:p%40rt%2F%25@h/d"
    assert mounted(machine, "hello-web-0", "part") == "p@rt/%"
    assert [variable(machine, "hello-web-0", "LATE"), mounted(machine, "hello-web-0", "late")] == ["late", "late"]
    assert not machine.exists("/run/pyservice/secrets/hello-web@0/part")


# --- names that systemd does not take ---

def test_a_variable_with_dots_is_carried_with_a_secret_too(machine):
    machine.write("/etc/search.pem", "p@rt $x%\n", 0o600)
    machine.run(["podman", "secret", "create", "hello-whole", "-"], input="whole")
    define(machine, "hello", HELLO + """
env:
  discovery.type: single-node
  cluster.name: "search-{{ instance }}"
  xpack.key: {secret: key}
  one-key: {secret: whole}
  two.lines: "a\\nb"
secrets: {key: {file: /etc/search.pem}, whole: {podman: hello-whole}}
""")
    wait_for(machine, "hello", 1)
    names = {"discovery.type": "single-node", "cluster.name": "search-0", "xpack.key": "p@rt $x%", "one-key": "whole", "two.lines": "a\nb"}
    assert {name: variable(machine, "hello-0", name) for name in names} == names
    once = machine.out("pyservicectl run hello -- printenv xpack.key discovery.type").splitlines()
    assert once == ["p@rt $x%", "single-node"]
    assert "p@rt" not in machine.out("systemctl show hello@0.service; podman inspect --format '{{.Config.CreateCommand}}' hello-0")


# --- pyservicectl secret ---

CREDENTIAL = """
scale: 2
env: {TOKEN: {secret: token}}
secrets: {token: {credential: hello.token}}
"""
STORED = "/etc/credstore.encrypted/hello.token"


@pytest.fixture
def hello(machine):
    define(machine, "hello", HELLO + CREDENTIAL)
    yield machine
    machine.remove(STORED)
    machine.remove("/etc/credstore/hello.token")


def state_of(machine):
    return json.loads(machine.out("pyservicectl --json secret list hello"))["secrets"][0]["state"]


def stored(machine):
    return machine.run(["systemd-creds", "decrypt", "--name=hello.token", STORED, "-"]).stdout


def test_set_and_start_and_set_again(hello):
    assert state_of(hello) == "missing"
    done = hello.run("strace -f -s 9999 -e trace=execve,execveat -o /dev/shm/calls pyservicectl secret set hello token", input=VALUE)
    assert "for i in $(seq 0 1); do systemctl restart hello@$i.service || break; done" in done.stdout
    calls = hello.read("/dev/shm/calls")
    assert "systemd-creds" in calls
    assert VALUE.split()[0] not in calls
    assert VALUE not in done.stdout + done.stderr + hello.read(STORED)
    assert hello.out(f"stat -c '%a %U' {STORED}") == "600 root"
    assert state_of(hello) == f"encrypted, {STORED}"
    wait_for(hello, "hello", 2)
    assert variable(hello, "hello-1", "TOKEN") == VALUE

    told = hello.run("pyservicectl secret set hello hello.token", input="second").stdout
    assert variable(hello, "hello-0", "TOKEN") == VALUE, "what runs keeps its value"
    hello.run(next(line for line in told.splitlines() if "systemctl" in line))
    assert [variable(hello, f"hello-{i}", "TOKEN") for i in range(2)] == ["second"] * 2

    assert hello.run("pyservicectl secret set hello token", input="", check=False).returncode == 1
    assert stored(hello) == "second"
    hello.run("pyservicectl secret rm hello token")
    assert state_of(hello) == "missing"


def edit(machine, script, check=True):
    machine.write("/usr/local/bin/editor-of-test", f"#!/bin/sh\n{script}\n", 0o755)
    return machine.run("EDITOR='editor-of-test --wait' pyservicectl secret edit hello token", check=check)


def test_edit(hello):
    edit(hello, 'stat -f -c %T "$2" >/dev/shm/kind; stat -c %a "$2" "${2%/*}" >>/dev/shm/kind; cp "$2" /dev/shm/before; printf "first\\n" >"$2"')
    assert hello.out("cat /dev/shm/kind").split() == ["tmpfs", "600", "700"]
    assert hello.read("/dev/shm/before") == ""
    assert stored(hello) == "first", "an editor's line feed is not taken for a part of the value"
    edit(hello, 'cp "$2" "$2~"; sed -i s/first/second/ "$2"')
    assert stored(hello) == "second"
    before = hello.read(STORED)
    assert "is unchanged" in edit(hello, "true").stdout
    assert edit(hello, 'echo third >"$2"; exit 1', check=False).returncode == 1
    assert edit(hello, ': >"$2"', check=False).returncode == 1
    assert hello.read(STORED) == before
    edit(hello, 'printf "two\\nlines\\n" >"$2"')
    assert stored(hello) == "two\nlines\n"
    assert hello.out("ls -d /run/pyservice-edit-* 2>/dev/null || true") == ""


def test_edit_is_cleaned_up_after_a_signal(hello):
    edit(hello, 'echo first >"$2"; kill -TERM $PPID; kill -HUP $PPID', check=False)
    assert hello.out("ls -d /run/pyservice-edit-* 2>/dev/null || true") == ""


def test_a_credential_in_clear_counts_first(hello):
    hello.write("/etc/credstore/hello.token", "clear", 0o600)
    assert state_of(hello) == "in clear, /etc/credstore/hello.token"
    for verb in ("set", "edit", "rm"):
        done = hello.run(f"EDITOR=true pyservicectl secret {verb} hello token", input="x", check=False)
        assert done.returncode == 1
        assert "/etc/credstore/hello.token" in done.stderr


def test_what_is_typed_is_not_shown(hello):
    def read_to(mark):
        said = b""
        while mark not in said:
            piece = process.stdout.read1()
            assert piece, said
            said += piece
        return said

    control, terminal = pty.openpty()
    process = hello.popen("pyservicectl secret set hello token", stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = read_to(b"Value of 'token'")
    os.write(control, b"typed secret\n")
    said += read_to(b"Once more")
    os.write(control, b"typed secret\n")
    said += process.stdout.read()
    assert process.wait() == 0
    os.close(terminal)
    os.set_blocking(control, False)
    try:
        echoed = os.read(control, 4096)
    except OSError:
        echoed = b""
    os.close(control)
    assert b"typed" not in said + echoed
    assert stored(hello) == "typed secret"


# --- who gets what ---

def given(machine, container):
    """The variables and secrets that Podman gave a container."""
    seen = json.loads(machine.out(f"podman inspect {container}"))[0]
    variables = dict(pair.split("=", 1) for pair in seen["Config"]["Env"])
    mounts = {mount["Destination"].removeprefix("/run/secrets/") for mount in seen["Mounts"]}
    return {name for name in ("LEVEL", "TOKEN", "PASSWORD") if name in variables}, mounts


def test_a_companion_gets_only_what_it_names_and_a_secret_has_an_owner(machine):
    machine.write("/etc/shop/token", "mark-token", 0o600)
    machine.write("/etc/shop/key", "mark-key", 0o600)
    machine.run(["podman", "secret", "create", "shop-pin", "-"], input="mark-pin")
    define(machine, "shop", """image: localhost/hello:1
env: {LEVEL: INFO, TOKEN: {secret: token}}
secrets:
  token: {file: /etc/shop/token}
  key: {file: /etc/shop/key, mode: "0400", uid: 33}
  pin: {podman: shop-pin, mode: "0440", gid: 34}
services: [{name: web, port: 8000, health: {command: "curl -fs http://localhost:8000/", interval: 1s}}]
sidecars:
  - {name: bare, image: localhost/redis:1}
  - {name: one, image: localhost/redis:1, env: {PASSWORD: {secret: key}}}
  - {name: all, image: localhost/redis:1, inherit: true}
""")
    wait_for(machine, "shop-web", 1)
    for part in ("bare", "one", "all"):
        machine.wait(lambda name=part: machine.is_active(f"shop-{name}.service"), what=f"shop-{part}")
    assert given(machine, "shop-bare") == (set(), set())
    assert given(machine, "shop-one") == ({"PASSWORD"}, {"key"})
    # Podman mounts its own secrets in another way than ours.
    assert given(machine, "shop-all") == given(machine, "shop-web-0") == ({"LEVEL", "TOKEN"}, {"token", "key"})
    assert machine.out("podman exec shop-web-0 stat -c '%a %u %g' /run/secrets/token /run/secrets/key /run/secrets/pin").splitlines() == [
        "444 0 0", "400 33 0", "440 0 34"]
    assert "/run/secrets/pin" not in machine.out("podman exec shop-one cat /proc/self/mounts")
    refused = machine.run("podman exec --user 34:34 shop-web-0 cat /run/secrets/key", check=False)
    assert refused.returncode != 0 and "mark-key" not in refused.stdout
    assert machine.out("podman exec --user 33 shop-web-0 cat /run/secrets/key") == "mark-key"
