# SPDX-License-Identifier: Apache-2.0
"""pyservice-kms against a server that checks the signature by itself (fake_kms.py).

PYSERVICE_KMS names the program.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import fake_kms

PROGRAM = os.environ["PYSERVICE_KMS"]
SANITIZERS = {name: value for name, value in os.environ.items() if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}    # all else is the test's
SECRET = b"p%w d\n\0\xff"


class Server:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, fake_kms.__file__, "127.0.0.1", "0"], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().split()[1]}"

    def behave(self, **behaviour):
        with urllib.request.urlopen(f"{self.url}/behave", json.dumps(behaviour).encode()):
            pass

    def seen(self):
        with urllib.request.urlopen(f"{self.url}/seen") as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def running():
    server = Server()
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def server(running):
    running.behave()
    running.seen()
    return running


KEYS = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "secret/of+environment"}


def decrypt(tmp_path, server, environment=KEYS, ciphertext=None, region=True, timeout=60):
    file = tmp_path / "ciphertext"
    file.write_text((ciphertext or fake_kms.encrypt(SECRET)) + "\n")
    base = {"AWS_ENDPOINT_URL_KMS": server.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "HOME": str(tmp_path)}
    if region:
        base["AWS_REGION"] = fake_kms.REGION
    done = subprocess.run([PROGRAM, str(file)], env={**SANITIZERS, **base, **environment}, capture_output=True, timeout=timeout)
    assert b"secret/of" not in done.stderr, "no credential is in a message"
    return done


def problem(done):
    assert done.returncode == 1
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_credentials_from_the_environment(tmp_path, server):
    done = decrypt(tmp_path, server)
    assert (done.returncode, done.stdout, done.stderr) == (0, SECRET, b"")
    assert server.seen() == ["decrypt"]


def test_a_session_token_is_signed_too(tmp_path, server):
    done = decrypt(tmp_path, server, {"AWS_ACCESS_KEY_ID": "AKIDSESSION", "AWS_SECRET_ACCESS_KEY": "secret/of+session",
                                      "AWS_SESSION_TOKEN": "session-token/with+signs=="})
    assert (done.returncode, done.stdout, done.stderr) == (0, SECRET, b"")


FILE = """# mine
[other]
aws_access_key_id = AKIDNOBODY
aws_secret_access_key = nothing
[default]
aws_access_key_id=AKIDFILE
aws_secret_access_key = secret/of+file\r
region = nowhere
[session]
aws_access_key_id = AKIDSESSION
aws_secret_access_key = secret/of+session
aws_session_token = session-token/with+signs==
[half]
aws_access_key_id = AKIDFILE
"""


@pytest.mark.parametrize("profile", ["", "default", "session"])
@pytest.mark.parametrize("is_named", [True, False])
def test_credentials_from_a_shared_file(tmp_path, server, profile, is_named):
    path = tmp_path / ("mine" if is_named else ".aws/credentials")
    path.parent.mkdir(exist_ok=True)
    path.write_text(FILE)
    environment = {"AWS_PROFILE": profile}
    if is_named:
        environment["AWS_SHARED_CREDENTIALS_FILE"] = str(path)
    done = decrypt(tmp_path, server, environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, SECRET, b"")


def test_credentials_and_region_from_the_machine(tmp_path, server):
    done = decrypt(tmp_path, server, {}, region=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, SECRET, b"")
    role = "/latest/meta-data/iam/security-credentials/"
    assert server.seen() == ["/latest/api/token", role, role + "component-role", "/latest/meta-data/placement/region", "decrypt"]


@pytest.mark.parametrize("environment, expected", [
    ({"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT"}, "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set"),
    ({"AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials"}, "cannot read the credentials file '/nowhere/credentials'"),
    ({"AWS_PROFILE": "none"}, "has no profile 'none'"),
    ({"AWS_PROFILE": "half"}, "is missing aws_access_key_id or aws_secret_access_key"),
    ({"AWS_EC2_METADATA_DISABLED": "true"}, "no credentials for AWS"),
    ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, "metadata service does not answer"),
    ({**KEYS, "AWS_ACCESS_KEY_ID": "AKID\nX: y"}, "contain invalid bytes"),
    ({**KEYS, "AWS_REGION": "eu west"}, "not an AWS region"),
    ({**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
    ({**KEYS, "AWS_REGION": "eu-west-2"}, "IncompleteSignatureException"),
])
def test_what_is_missing_or_wrong(tmp_path, server, environment, expected):
    if "AWS_PROFILE" in environment:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/credentials").write_text(FILE)
    assert expected in problem(decrypt(tmp_path, server, environment))


def test_a_machine_without_a_role(tmp_path, server):
    server.behave(**{"no-role": True})
    assert "metadata service answers with status 404" in problem(decrypt(tmp_path, server, {}))


def test_no_ciphertext_is_asked_about(tmp_path, server):
    for text in ("not base64!", "AQIC", "QQ=", "QR==" + "AAAA"):
        done = decrypt(tmp_path, server, ciphertext=text)
        assert done.returncode == 1
    assert "decrypt" in server.seen(), "'AQIC' is base64, so KMS decides"
    assert "InvalidCiphertextException" in problem(decrypt(tmp_path, server, ciphertext="AQIC"))


def test_what_passes_is_tried_again(tmp_path, server):
    for behaviour in ({"fail": 2}, {"throttle": 2}):
        server.behave(**behaviour)
        assert decrypt(tmp_path, server).stdout == SECRET
        assert server.seen() == ["decrypt"] * 3
    server.behave(fail=3)
    assert "answers with status 500: KMSInternalException" in problem(decrypt(tmp_path, server))


def test_what_stays_is_not_tried_again(tmp_path, server):
    server.behave(deny=True)
    assert "AccessDeniedException: User is not authorized?to perform" in problem(decrypt(tmp_path, server))
    assert server.seen() == ["decrypt"]


def test_a_server_that_is_away_or_silent_takes_no_longer_than_a_start(tmp_path, server):
    assert "does not answer" in problem(decrypt(tmp_path, server, {**KEYS, "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1"}))
    server.behave(slow=600)
    assert "does not answer: Timeout" in problem(decrypt(tmp_path, server, timeout=90))


@pytest.mark.parametrize("answer", [
    "", "{}", "[]", "null", '{"Plaintext": null}', '{"Plaintext": "QQ"}', '{"Plaintext": "QQ=="', '{"Plaintext": "QQ=="} x',
    '{"Plaintext": {"Plaintext": "QQ=="}}', '{"a": {"Plaintext": "QQ=="}}',
    '{"Plaintext": "Q\nQ=="}', '{"Plaintext": "QQ==",}', '{"a": 01, "Plaintext": "QQ=="}', '{"a": ' + "[" * 40 + "]" * 40 + ', "Plaintext": "QQ=="}',
    pytest.param('{"Plaintext": "' + "A" * 300000 + '"}', id="too long"),
])
def test_an_answer_that_is_none(tmp_path, server, answer):
    server.behave(answer=answer)
    assert "AWS KMS at" in problem(decrypt(tmp_path, server))


@pytest.mark.parametrize("answer", [
    '{"Plaintext": "QQ=="}', ' { "a" : [1, -2.5e+3, {"b": null}, true, "\\ud83d\\ude00\\n"] , "Pl\\u0061intext":"Q\\u0051=="}\n'])
def test_an_answer_in_other_words(tmp_path, server, answer):
    server.behave(answer=answer)
    assert decrypt(tmp_path, server).stdout == b"A"
