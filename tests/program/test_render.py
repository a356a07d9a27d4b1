# SPDX-License-Identifier: Apache-2.0
"""pyservicectl render: what definitions with anchors give, and output to a directory where other users write."""

import os
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "r/etc/pyservice.d").mkdir(parents=True)
    (tmp_path / "r/etc/pyservice.d/shop.yaml").write_text("image: localhost/shop:1\n")
    (tmp_path / "systemd").mkdir()
    return tmp_path


def render(root, output):
    return subprocess.run([PYSERVICECTL, f"--root={root}/r", "render", f"--output={output}"], cwd=root, capture_output=True, text=True, check=False)


def give_away(path, directory):
    """Another user's link; where there is no other user, one that others could have replaced."""
    try:
        os.chown(path, 4711, 4711, follow_symlinks=False)
    except OSError:
        pass
    directory.chmod(0o777)


@pytest.mark.parametrize("link", ["out/shop/units", "out/shop", "out"])
def test_a_link_of_another_user_is_refused_by_its_name(root, link):
    link = root / link
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(root / "systemd")
    give_away(link, link.parent)
    done = render(root, root / "out")
    assert done.returncode == 1 and f"pyservicectl render: the symbolic link '{link}' belongs to " in done.stderr, done
    assert list((root / "systemd").iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced(root):
    (root / "out/shop/units").mkdir(parents=True)
    (root / "out/shop/units/shop.target").symlink_to(root / "systemd/shop.target")
    give_away(root / "out/shop/units/shop.target", root / "out/shop/units")
    assert render(root, root / "out").returncode == 0
    assert not (root / "systemd/shop.target").exists() and not (root / "out/shop/units/shop.target").is_symlink()


@pytest.mark.parametrize("output", ["own", "new/below", "./own/"])
def test_own_links_and_new_directories(root, output):
    (root / "own").symlink_to("systemd")
    done = render(root, output)
    assert done.returncode == 0, done
    assert (root / output / "shop/units/shop.target").exists()


SHARED = """\
x-common: &common
  stop_timeout: &stop 20s
  env: {A: b, C: "{{ service }}"}
image: localhost/shop:1
services:
  - <<: *common
    name: web
    port: 8000
  - {name: worker, <<: *common, stop_timeout: 30s, env: {A: c}}
  - name: small
    stop_timeout: *stop
"""
WRITTEN_OUT = """\
image: localhost/shop:1
services:
  - name: web
    port: 8000
    stop_timeout: 20s
    env: {A: b, C: "{{ service }}"}
  - {name: worker, stop_timeout: 30s, env: {A: c}}
  - name: small
    stop_timeout: 20s
"""


def files(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file() and file.suffix != ".conf" and "record" not in file.name}


def test_anchors_are_the_same_as_what_they_stand_for(root):
    shop = root / "r/etc/pyservice.d/shop.yaml"
    shop.write_text(SHARED)
    assert render(root, "one").returncode == 0
    shop.write_text(WRITTEN_OUT)
    assert render(root, "two").returncode == 0
    assert files(root / "one") == files(root / "two") != {}


def test_an_error_below_an_anchor_names_both_places(root):
    (root / "r/etc/pyservice.d/shop.yaml").write_text(SHARED.replace("stop_timeout: &", "stop_timout: &"))
    done = render(root, "one")
    assert "shop.yaml:2:3: error: 'stop_timout' is not a key of service; did you mean 'stop_timeout'?" in done.stderr
    assert "shop.yaml:6:9: note: this alias uses it" in done.stderr


def test_a_secret_is_hidden_in_both_places(root):
    (root / "r/etc/pyservice.d/shop.yaml").write_text("image: localhost/shop:1\nx-values: [&other [hunter2]]\nenv: {PASSWORD: *other}\n")
    done = render(root, "one")
    assert "shop.yaml:3:17: error: a value is a text, or {secret: NAME}, not a list" in done.stderr and "shop.yaml:2:19: note:" in done.stderr
    assert "hunter2" not in done.stderr


def test_aliases_do_not_grow_without_end(root):
    lines = ["x-0: &x0 [a, a, a, a, a, a, a, a, a, a]"] + [f"x-{i + 1}: &x{i + 1} [{', '.join([f'*x{i}'] * 10)}]" for i in range(5)]
    (root / "r/etc/pyservice.d/shop.yaml").write_text("\n".join([*lines, "image: localhost/shop:1", ""]))
    done = render(root, "one")
    assert done.returncode == 1 and "shop.yaml:4:" in done.stderr and "more than 10000 values" in done.stderr
