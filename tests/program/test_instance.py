# SPDX-License-Identifier: Apache-2.0
"""pyservice-instance with a HAProxy of the test's own."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

PROGRAM = os.environ.get("PYSERVICE_INSTANCE", "")
ENDS = 120  # seconds; a stop of 15 seconds is no failure
pytestmark = pytest.mark.skipif(not PROGRAM, reason="PYSERVICE_INSTANCE is not set")


@pytest.fixture
def silent(tmp_path):
    """It listens, and has stopped accepting: nobody can connect any more."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen(0)
        queued = []
        while not queued or queued[-1].connect_ex(server.getsockname()) == 0:
            queued.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        yield server, queued
        leave(queued)


def leave(clients) -> None:
    while clients:
        clients.pop().close()


def start(server, **environment):
    return subprocess.Popen([PROGRAM, "ready", "--server=shop/shop-0", f"--socket={server.getsockname()}"],
                            env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def asked(server) -> str:
    client, _ = server.accept()
    with client, client.makefile("rw") as stream:
        text = stream.read()
        if text:
            stream.write("\n")
    return text


@pytest.mark.parametrize("verb", ["ready", "enter"])
def test_an_instance_whose_number_is_scaled_away_is_no_failure(verb):
    done = subprocess.run([PROGRAM, verb, "--server=shop/shop-2", "--socket=/nowhere", "--port=", "--path=/"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "pyservice-instance: no longer desired: a reload removed its port\n")
    done = subprocess.run([PROGRAM, verb, "--port=x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("usage: ")


def test_a_silent_haproxy_is_waited_for(silent):
    server, queued = silent
    with start(server) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        leave(queued)
        server.settimeout(ENDS)
        told = []
        while len(told) < 2:
            told += filter(None, [asked(server)])
        assert told == ["set server shop/shop-0 state ready\n"] * 2, "once more, after all that was left unanswered"
        assert process.communicate(timeout=ENDS)[1] == ""
        assert process.returncode == 0


def test_not_longer_than_the_instance_runs(silent):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as instance, start(silent[0], MAINPID=str(instance.pid)) as process:
        time.sleep(0.3)
        instance.communicate(b"\n")
        assert process.communicate(timeout=ENDS)[1] == "shop-0: exited while HAProxy did not answer\n"
        assert process.returncode == 1


def test_an_instance_that_ended_before_the_hook_began():
    """systemd that is busy with a reload reaps the main process, and sets MAINPID all the same."""
    with socket.socket() as closed, subprocess.Popen(["true"]) as instance:
        closed.bind(("127.0.0.1", 0))
        instance.wait()
        done = subprocess.run([PROGRAM, "enter", f"--port={closed.getsockname()[1]}"], env={**os.environ, "MAINPID": str(instance.pid)},
                              capture_output=True, text=True, timeout=ENDS, check=False)
    assert done.returncode == 1 and "exited before it was ready: a connection to port" in done.stderr


OWN_NETWORK = """
ip link add d0 type veth peer name d1 && ip addr add 127.0.0.5/8 dev d0 || exit
exec setpriv --bounding-set=-net_admin sh -c "echo made; exec sleep infinity"
"""


def conmon_of(unshare):
    """As conmon with a container whose process is in a network with an address, which it has no right to change."""
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "sh", "-c", f'unshare {unshare} sh -c "$0"; :', OWN_NETWORK], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as conmon:
        try:
            if conmon.stdout.readline() != "made\n":
                pytest.skip("no network can be made here")
            yield conmon.pid
        finally:
            os.killpg(conmon.pid, signal.SIGKILL)


@pytest.fixture
def liar():
    """Its process went to a network of its own, gave itself an address, and gave up the right to do so."""
    yield from conmon_of("-rn")


@pytest.fixture
def honest():
    yield from conmon_of("-n")


def test_a_container_does_not_choose_its_address(liar):
    """The hook would ask there, and HAProxy would send requests there, past all that keeps a container from the machine's own services."""
    with socket.create_server(("127.0.0.5", 0)) as server:
        server.setblocking(False)
        done = subprocess.run([PROGRAM, "enter", "--container=liar", "--network=lies", f"--port={server.getsockname()[1]}", "--path=/", "--retries=1",
                               "--start-period=0", "--timeout=2000"], env={**os.environ, "MAINPID": str(liar)}, capture_output=True, text=True, check=False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.returncode == 1 and "its container has no address on the network lies" in done.stderr


def test_an_address_in_a_shared_network_is_not_believed(honest):
    """A VPN with NET_ADMIN, whose network a service shares, would choose where the hook asks."""
    with socket.create_server(("127.0.0.5", 0)) as server:
        server.setblocking(False)
        command = [PROGRAM, "enter", "--container=vpn", "--network=lies", f"--port={server.getsockname()[1]}", "--path=/", "--retries=1",
                   "--start-period=0", "--timeout=600000"]
        environment = {**os.environ, "MAINPID": str(honest)}
        done = subprocess.run([*command, "--shared-network"], env=environment, capture_output=True, text=True, check=False)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert done.returncode == 1 and "its container has no address on the network lies" in done.stderr
        # in a network of its own it is
        server.settimeout(ENDS)
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL):
            server.accept()[0].close()
