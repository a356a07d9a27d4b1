# SPDX-License-Identifier: Apache-2.0
"""The images that stand for those of the DCI control server do what the real ones do."""

import base64

import pytest

NETWORK = """
[Network]
NetworkName=quadlet
Subnet=192.168.100.0/24
Gateway=192.168.100.1
"""
ENVIRONMENT = """
API_HOST=0.0.0.0
DB_HOST=postgres.example.com
SQLALCHEMY_DATABASE_URI=postgresql://dci:secret@postgres.example.com:5432/dci
SQLALCHEMY_POOL_SIZE=20
SQLALCHEMY_MAX_OVERFLOW=10
DCI_REDIS_URL=redis://redis.example.com:6379/0
DCI_NB_WORKERS=2
STORE_ENGINE=file
STORE_FILES_CONTAINER=files
STORE_COMPONENTS_CONTAINER=components
ZMQ_CONN=tcp://zmq.example.com:5555
MAX_CONTENT_LENGTH_MB=1024
SSO_PUBLIC_KEY=key
SSO_AUDIENCES=dci-api
SSO_READ_ONLY_GROUP=readonly
SSO_URL=https://sso.example.com
SSO_REALM=dci
CERTIFICATION_URL=https://certification.example.com
ANALYTICS_URL=https://analytics.example.com
AMQP_BROKER_URL=amqp://rabbitmq.example.com
RHDL_SERVICE_ACCOUNT_ACCESS_KEY=a
RHDL_SERVICE_ACCOUNT_SECRET_KEY=b
"""
API = "quay.io/distributedci/dci-control-server:latest"
RUN = "podman run --network quadlet --env-file /etc/dci.env "
URL = "http://192.168.100.20:5000/api/v1/"
SQL = "podman exec -e PGPASSWORD=secret postgres psql -h localhost -U dci dci -Atc "


@pytest.fixture
def dci(machine):
    """A machine with the network, the database and Redis."""
    machine.write("/etc/containers/systemd/quadlet.network", NETWORK)
    machine.write("/etc/dci.env", ENVIRONMENT)
    machine.reload()
    machine.run("systemctl start quadlet-network")
    machine.run("podman run -d --name postgres --network quadlet --network-alias postgres.example.com"
                " -e POSTGRES_USER=dci -e POSTGRES_PASSWORD=secret localhost/postgres:1")
    machine.run("podman run -d --name redis --network quadlet --network-alias redis.example.com"
                " localhost/redis:1")
    machine.wait(SQL + "'select 1'")
    machine.wait("podman exec redis redis-cli ping")
    return machine


def start_api(machine):
    machine.run(RUN + f"--rm {API} python3 bin/dci-dbinit")
    machine.run(RUN + f"-d --name api --hostname dci-api-0 --ip 192.168.100.20 {API}")
    return machine.wait(lambda: (answer := machine.http(URL)).status == 200 and answer, what="the API")


def test_the_root_needs_no_login(dci):
    answer = start_api(dci)
    assert (answer.json()["_status"], answer.json()["hostname"]) == ("OK", "dci-api-0")
    assert answer.headers["x-served-by"] == "dci-api-0"
    assert dci.http(URL, method="HEAD").status == 200
    assert dci.http(URL + "identity").status == 401


def test_logins_reach_the_database(dci):
    start_api(dci)
    dci.run(RUN + f"-d --name sync --entrypoint '' {API}"
            " bin/dci-sync-redis-auth --interval 3600 --threshold 1")
    login = base64.b64encode(b"jane:password").decode()
    answer = dci.http(URL + "identity", headers={"Authorization": f"Basic {login}"}).json()
    key = f"last_auth:user:{answer['identity']['id']}"
    dci.wait(lambda: key in dci.out(SQL + "'select key from last_auth'"), what="the sync")
    dci.run("podman stop -t 60 sync")
    assert dci.out("podman inspect -f {{.State.ExitCode}} sync") == "0"


@pytest.mark.parametrize("variable", ["SSO_PUBLIC_KEY", "SQLALCHEMY_DATABASE_URI"])
def test_a_missing_variable_is_named(machine, variable):
    lines = [line for line in ENVIRONMENT.splitlines() if not line.startswith(variable)]
    machine.write("/etc/dci.env", "\n".join(lines))
    done = machine.run(f"podman run --rm --env-file /etc/dci.env --entrypoint '' {API} bin/dci-dbsync", check=False)
    assert (done.returncode, variable in done.stderr) == (1, True)


def test_the_sync_ends_where_there_is_no_redis(machine):
    machine.write("/etc/dci.env", ENVIRONMENT)
    done = machine.run(f"podman run --rm --env-file /etc/dci.env --entrypoint '' {API}"
                       " bin/dci-sync-redis-auth", check=False)
    assert (done.returncode, "no Redis" in done.stderr) == (1, True)


def test_backup(machine):
    image = "quay.io/distributedci/backup:latest"
    assert machine.out(f"podman run --rm {image} yolo backup --tag current") == "backup tagged current"
    assert not machine.ok(f"podman run --rm -e YOLO_FAIL=1 {image} yolo backup --tag current")


def test_haproxy_reloads(machine):
    def config(status):
        machine.write("/etc/haproxy-container/50.cfg", "defaults\n  mode http\n  timeout client 9s\n"
                      f"frontend all\n  bind :80\n  http-request return status {status}\n")

    config(200)
    machine.run("podman run -d --name haproxy -p 127.0.0.1:8080:80"
                " -v /etc/haproxy-container:/usr/local/etc/haproxy:ro localhost/haproxy:1")
    machine.wait(lambda: machine.http("http://127.0.0.1:8080/").status == 200, what="HAProxy")
    config(404)
    machine.run("podman exec haproxy haproxy -c -f /usr/local/etc/haproxy")
    machine.run("podman kill --signal USR2 haproxy")
    machine.wait(lambda: machine.http("http://127.0.0.1:8080/").status == 404, what="the reload")
