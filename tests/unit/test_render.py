# SPDX-License-Identifier: Apache-2.0
"""pyservicectl render as root in a directory where other users write."""

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
