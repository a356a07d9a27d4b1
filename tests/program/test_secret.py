# SPDX-License-Identifier: Apache-2.0
"""pyservicectl secret, as far as it needs no key of a machine.

PYSERVICECTL names the program.
"""

import os
import pty
import signal
import subprocess
import termios

import pytest

from answers import read_answer

DEFINITION = """\
image: registry.example.com/shop:1
secrets:
  token: {credential: shop.token}
  tls: {file: "/etc/shop/tls-{{ instance }}"}
  sealed: {kms: AQIC}
  queue: {podman: shop-queue}
services:
  - {name: web, scale: 2}
  - {name: worker, secrets: {token: {credential: shop.worker-token}}}
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc/pyservice.d").mkdir(parents=True)
    (tmp_path / "etc/pyservice.d/shop.yaml").write_text(DEFINITION)
    (tmp_path / "etc/pyservice.d/broken.yaml").write_text("image: [\n")
    return tmp_path


def run(root, *words):
    return subprocess.run([os.environ["PYSERVICECTL"], f"--root={root}", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def listed(root):
    rows = read_answer("secret", run(root, "--json", "secret", "list", "shop").stdout)["secrets"]
    return {(row["source"], row["state"], row["users"]) for row in rows}


def test_list_says_what_is_there(root):
    assert listed(root) == {
        ("credential shop.token", "missing", "shop-web"),
        ("credential shop.worker-token", "missing", "shop-worker"),
        ("file /etc/shop/tls-{{ instance }}", "missing for instance 0", "shop-web, shop-worker"),
        ("kms", "in the definition", "shop-web, shop-worker"),
        ("podman shop-queue", "not known", "shop-web, shop-worker"),
    }
    for name in ("etc/credstore/shop.token", "etc/credstore.encrypted/shop.worker-token", "etc/shop/tls-0"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
    assert listed(root) >= {
        ("credential shop.token", f"in clear, {root}/etc/credstore/shop.token", "shop-web"),
        ("credential shop.worker-token", f"encrypted, {root}/etc/credstore.encrypted/shop.worker-token", "shop-worker"),
        ("file /etc/shop/tls-{{ instance }}", "missing for instance 1", "shop-web, shop-worker"),
    }
    (root / "etc/shop/tls-1").touch()
    assert ("file /etc/shop/tls-{{ instance }}", "there", "shop-web, shop-worker") in listed(root)


def test_rm(root):
    sealed = root / "etc/credstore.encrypted/shop.worker-token"
    sealed.parent.mkdir()
    sealed.write_text("x")
    done = run(root, "secret", "rm", "shop", "token")
    assert (done.returncode, "several sources" in done.stderr) == (1, True)
    done = run(root, "secret", "rm", "shop", "shop.worker-token")
    assert (done.returncode, sealed.exists()) == (0, False)
    done = run(root, "secret", "rm", "shop", "shop.worker-token")
    assert (done.returncode, "does not exist" in done.stderr) == (1, True)


@pytest.mark.parametrize("words, status, said", [
    ([], 2, "expected one of list, set, rm and edit"),
    (["show", "shop"], 2, "unknown subcommand 'show'"),
    (["list"], 2, "give the name of an application\n"),
    (["set", "shop"], 2, "give the name of an application and of its secret"),
    (["set", "shop", "token"], 2, "--root is not supported"),
    (["edit", "shop", "token"], 2, "--root is not supported"),
    (["list", "shops"], 1, "'shops' has no definition"),
    (["list", "broken"], 1, "its definition has errors"),
    (["rm", "shop", "seald"], 1, "did you mean 'sealed'?"),
    (["rm", "shop", "sealed"], 1, "its ciphertext is in the definition"),
    (["rm", "shop", "tls"], 1, "it is read from a file"),
    (["rm", "shop", "queue"], 1, "podman secret create --replace shop-queue -"),
])
def test_what_is_refused(root, words, status, said):
    done = run(root, "secret", *words)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_shows_again_what_is_typed(tmp_path, number):
    """Also where somebody thinks better of it."""
    (tmp_path / ".config/pyservice.d").mkdir(parents=True)
    (tmp_path / ".config/pyservice.d/shop.yaml").write_text(DEFINITION)
    mine, its = pty.openpty()
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    # Whoever runs the tests may ignore signals (nohup).
    command = ["env", "--default-signal", os.environ["PYSERVICECTL"], "--user", "secret", "set", "shop", "shop.token"]
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        text = ""
        while "Value of 'token':" not in text:
            text += os.read(mine, 4096).decode()
        assert not termios.tcgetattr(its)[3] & termios.ECHO
        process.send_signal(number)
        assert process.wait(60) == -number
    assert termios.tcgetattr(its)[3] & termios.ECHO
    os.close(mine)
    os.close(its)
