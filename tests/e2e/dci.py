# SPDX-License-Identifier: Apache-2.0
"""The machine of test_dci.py, as an administrator sets it up before there is any pyservice: a network, PostgreSQL, Redis
and HAProxy in containers of their own, and the secrets."""

import json
import re
from urllib.parse import quote

import host
from machine import Machine

DEFINITION = host.REPOSITORY / "contrib/examples/dci-api.yaml"
HAPROXY = host.REPOSITORY / "contrib/haproxy"
HOST_NAME = "api1.example.com"
URL = "http://127.0.0.1/api/v1/"

# Each holds a mark of letters and digits, which every encoding leaves alone, so that it can be looked for.
SECRETS = {
    "dci.dbpassword": "dbMarkQ7zx@:/%41+&?#='\"$ {}$HOME\\n;\u00e9",
    "dci.s3-access-key": "s3MarkQ7zxACCESS",
    "dci.s3-secret-key": "s3MarkQ8zx/+SECRET=",
    "dci.rhdl-access-key": "rhdlMarkQ7zx",
    "dci.rhdl-secret-key": "rhdlMarkQ8zx $x ",
}
PEM_FILE = "/etc/dci-api/sso.pem"
PEM = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApemMarkQ7zx5sGHDMe+
c2Zs0/9rM1n4J=
  "quoted" 'lines' # of a key, $HOME and \\ back
-----END PUBLIC KEY-----
"""
MARKS = ["dbMarkQ7zx", "s3MarkQ7zx", "s3MarkQ8zx", "rhdlMarkQ7zx", "rhdlMarkQ8zx", "pemMarkQ7zx"]

NETWORK = """
[Network]
Subnet=192.168.100.0/24
Gateway=192.168.100.1
"""
POSTGRES = """
[Container]
ContainerName=postgres
Image=localhost/postgres:1
Network=quadlet.network
NetworkAlias=postgres.example.com
Environment=POSTGRES_USER=dci
Secret=postgres-password,type=env,target=POSTGRES_PASSWORD
Volume=postgres:/var/lib/postgresql
HealthCmd=pg_isready -q -h localhost
HealthInterval=1s
Notify=healthy

[Install]
WantedBy=multi-user.target
"""
REDIS = """
[Container]
ContainerName=redis
Image=localhost/redis:1
Network=quadlet.network
NetworkAlias=redis.example.com

[Install]
WantedBy=multi-user.target
"""
HOST = """
haproxy:
  container: haproxy
  directory: /etc/haproxy/conf.d
"""
FRONTEND = """
frontend http
    bind :80
    default_backend dci-api
"""
