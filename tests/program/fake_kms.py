#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An AWS KMS and an instance metadata service that check what they get, by AWS's documents and not by our code.

Usage: fake_kms.py ADDRESS PORT. Prints "ready". What it knows of keys, and how it behaves, is below; a POST to /behave changes the
latter: {"fail": N} answers the next N requests for Decrypt with 500, {"throttle": N} with ThrottlingException, {"slow": SECONDS}
waits before each, {"deny": true} refuses all. GET /seen tells the requests since the last time.
"""

import base64
import hashlib
import hmac
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = b"\x01\x02\x02\x00fake:"  # in base64 it begins like a ciphertext of KMS
KEYS = {  # access key: (secret, session token)
    "AKIDENVIRONMENT": ("secret/of+environment", None),
    "AKIDFILE": ("secret/of+file", None),
    "AKIDSESSION": ("secret/of+session", "session-token/with+signs=="),
    "AKIDROLE": ("secret/of+role", "role-token"),
}
METADATA_TOKEN = "metadata-token=="
REGION = "eu-west-1"


def encrypt(plaintext):
    return base64.b64encode(PREFIX + bytes(byte ^ 0x5A for byte in plaintext)).decode()


def decrypt(text):
    blob = base64.b64decode(text, validate=True)
    if not blob.startswith(PREFIX):
        raise ValueError("not of this key")
    return bytes(byte ^ 0x5A for byte in blob[len(PREFIX):])


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def refusal_of(request, body):
    """Why its signature is no good (AWS Signature Version 4, "Create a signed request"); None where it is good."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
                         r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", request.headers.get("Authorization", ""))
    if not match:
        return "MissingAuthenticationTokenException"
    key_id, date, region, service, names, signature = match.groups()
    stamp = request.headers.get("X-Amz-Date", "")
    secret, token = KEYS.get(key_id, (None, None))
    if secret is None or request.headers.get("X-Amz-Security-Token") != token:
        return "UnrecognizedClientException"
    age = abs(time.time() - time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) + time.timezone)
    if (region, service) != (REGION, "kms") or not stamp.startswith(date) or age > 300:
        return "IncompleteSignatureException"
    needed = {"host", "x-amz-date", "x-amz-target"} | ({"x-amz-security-token"} if token else set())
    signed = names.split(";")
    if signed != sorted(signed) or not needed <= set(signed):
        return "IncompleteSignatureException"
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    canonical = "\n".join(["POST", "/", "", headers, names, hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{date}/{region}/{service}/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = sign(sign(sign(sign(b"AWS4" + secret.encode(), date), region), service), "aws4_request")
    return None if hmac.compare_digest(sign(key, text).hex(), signature) else "InvalidSignatureException"


class Handler(BaseHTTPRequestHandler):
    behaviour = {}
    seen = []
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def answer(self, status, content):
        data = content if isinstance(content, bytes) else content.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, status, kind, message=""):
        self.answer(status, json.dumps({"__type": kind, "message": message}))

    def count(self, name):
        with self.lock:
            left = self.behaviour.get(name, 0)
            self.behaviour[name] = max(left - 1, 0)
        return left > 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/behave":
            self.behaviour.clear()
            self.behaviour.update(json.loads(body))
            return self.answer(200, "")
        self.seen.append("decrypt")
        time.sleep(self.behaviour.get("slow", 0))
        if self.count("fail"):
            return self.fail(500, "KMSInternalException")
        if self.count("throttle"):
            return self.fail(400, "ThrottlingException", "Rate exceeded")
        if "answer" in self.behaviour:
            return self.answer(200, self.behaviour["answer"])
        refusal = refusal_of(self, body)
        if refusal or self.behaviour.get("deny"):
            return self.fail(400, refusal or "AccessDeniedException", "User is not authorized\nto perform: kms:Decrypt")
        if self.headers["X-Amz-Target"] != "TrentService.Decrypt" or self.headers["Content-Type"] != "application/x-amz-json-1.1":
            return self.fail(400, "UnknownOperationException")
        request = json.loads(body)
        if list(request) != ["CiphertextBlob"]:
            return self.fail(400, "ValidationException")
        try:
            plaintext = decrypt(request["CiphertextBlob"])
        except ValueError:
            return self.fail(400, "InvalidCiphertextException")
        return self.answer(200, json.dumps({"KeyId": "arn:aws:kms:fake", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                                            "Plaintext": base64.b64encode(plaintext).decode()}))

    def do_PUT(self):
        self.seen.append(self.path)
        life = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        is_good = self.path == "/latest/api/token" and life.isdigit() and 1 <= int(life) <= 21600
        self.answer(200 if is_good else 400, METADATA_TOKEN if is_good else "")

    def do_GET(self):
        if self.path == "/seen":
            seen, self.seen[:] = list(self.seen), []
            return self.answer(200, json.dumps(seen))
        self.seen.append(self.path)
        if self.headers.get("X-aws-ec2-metadata-token") != METADATA_TOKEN:
            return self.answer(401, "")
        secret, token = KEYS["AKIDROLE"]
        role = {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIDROLE", "SecretAccessKey": secret, "Token": token}
        pages = {"/latest/meta-data/placement/region": REGION,
                 "/latest/meta-data/iam/security-credentials/": "component-role",
                 "/latest/meta-data/iam/security-credentials/component-role": json.dumps(role)}
        if self.path not in pages or self.behaviour.get("no-role"):
            return self.answer(404, "")
        return self.answer(200, pages[self.path])


def main():
    server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
    print("ready", server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
