# SPDX-License-Identifier: Apache-2.0
"""pyservicectl purge below a root of its own; what Podman has is tests/machine/test_files.py's."""

import os
import pathlib
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

FIRST, SECOND = "123456789abc", "cba987654321"


def write(path, text="x\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def root(tmp_path):
    state = tmp_path / "var/lib/pyservice"
    write(state / f"wrap/bundles/{FIRST}/setup/places", "root /srv/apps/old\nfile /etc/wrap.conf\n")
    write(state / f"wrap/bundles/{SECOND}/setup/places", "root /applications/wrap\nfile /etc/wrap.conf\n")
    write(state / "wrap-x/state", "")
    write(tmp_path / "run/pyservice/apps/wrap/setup/places", "root /applications/wrap\nfile /run/wrap/link/passwd\n")
    write(tmp_path / "run/pyservice/setup/wrap")
    for path in "srv/apps/old/app/config/config.yaml", "applications/wrap/app/code/x.py", "applications/wrap/data/x", "etc/wrap.conf":
        write(tmp_path / path)
    write(tmp_path / "applications/wrap-x/data/x")
    write(tmp_path / "applications/wrap/notes")
    write(tmp_path / "etc/passwd")
    write(tmp_path / "run/wrap/x")
    (tmp_path / "run/wrap/link").symlink_to("../../etc")
    (tmp_path / "run/wrap").chmod(0o777)
    (tmp_path / "applications/wrap/data/link").symlink_to(tmp_path / "applications/wrap-x")
    (tmp_path / "etc/pyservice.d").mkdir()
    return tmp_path


def purge(root, *words, answer=""):
    return subprocess.run([PYSERVICECTL, f"--root={root}", "purge", *words], input=answer, capture_output=True, text=True, check=False)


def listing(root):
    return sorted(str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*") if not path.is_dir() or path.is_symlink())


def test_all_of_it_and_nothing_else(root):
    done = purge(root, "--yes", "wrap")
    assert listing(root) == ["applications/wrap-x/data/x", "applications/wrap/notes", "etc/passwd", "run/pyservice/apps/wrap/setup/places",
                             "run/wrap/link", "run/wrap/x", "var/lib/pyservice/wrap-x/state"]
    assert done.returncode == 111  # a link is on the way to one of them
    assert done.stderr.splitlines() == [
        "pyservicectl: /applications/wrap is kept, because it contains other files",
        "pyservicectl: the symbolic link '/run/wrap/link' belongs to 'root', in a directory of 'root', and is not followed; "
        "remove it: on the way to '/run/wrap/link/passwd' only links that belong to root, in directories that only root may "
        "write, are followed"]
    assert not (root / "srv/apps/old").exists() and (root / "srv/apps").exists()


@pytest.mark.parametrize("target", ["/srv/apps", "srv/apps", "../../srv/./apps"])
def test_follows_a_link_of_the_administrator(root, target):
    (root / "applications").rename(root / "srv/apps/all")
    (root / "applications").symlink_to(f"{target}/all")
    done = purge(root, "--yes", "wrap")
    assert not (root / "srv/apps/all/wrap/data").exists() and not (root / "srv/apps/all/wrap/app").exists()
    assert (root / "srv/apps/all/wrap/notes").exists() and (root / "srv/apps/all/wrap-x/data/x").exists()
    assert "/applications/" not in done.stderr.replace("/applications/wrap is kept", ""), done


def test_a_link_that_others_could_replace_is_refused(root):
    """One that another user owns, and one in a directory that another user may write."""
    (root / "applications").rename(root / "srv/mine")
    (root / "applications").symlink_to("srv/mine")
    try:
        os.chown(root / "applications", 4711, 4711, follow_symlinks=False)
    except OSError:  # a user namespace of tests/run has one user
        root.chmod(0o777)
    done = purge(root, "--yes", "wrap")
    root.chmod(0o700)
    assert done.returncode == 111
    assert done.stderr.count("the symbolic link '/applications' belongs to ") == 3, done.stderr
    assert (root / "srv/mine/wrap/data/x").exists() and (root / "srv/mine/wrap/app/code/x.py").exists()


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yup\n"])
def test_asks_first(root, answer):
    before = listing(root)
    done = purge(root, "wrap", answer=answer)
    assert done.returncode == 1 and done.stderr == "Nothing was removed.\n"
    assert "  directory /applications/wrap/data\n" in done.stdout and "  file /etc/wrap.conf\n" in done.stdout
    assert listing(root) == before


def test_takes_yes_for_an_answer(root):
    purge(root, "wrap", answer="y\n")
    assert not (root / "applications/wrap/data").exists()


@pytest.mark.parametrize("text", ["image: localhost/wrap:1\n", "broken: [\n"])
def test_refuses_while_there_is_a_definition(root, text):
    write(root / "etc/pyservice.d/wrap.yaml", text)
    before = listing(root)
    done = purge(root, "--yes", "wrap")
    assert done.returncode == 1 and "wrap is defined by /etc/pyservice.d/wrap.yaml" in done.stderr
    assert listing(root) == before


HELLO = "image: localhost/hello:1\n"


@pytest.mark.parametrize("text, stays", [
    (HELLO + "root: /applications/wrap\n", ["applications/wrap/app/code/x.py", "applications/wrap/data/x"]),
    (HELLO + "files: [{dest: /etc/wrap.conf, content: x}]\n", ["etc/wrap.conf"]),
    (HELLO + "files: [{dest: /applications/wrap/data/y, content: x}]\n", ["applications/wrap/data/x"]),
    (HELLO + "volumes: ['/applications/wrap/app/code/{{ instance }}:/x']\n", ["applications/wrap/app/code/x.py"]),
    (HELLO + "root: /linked/wrap\n", ["applications/wrap/app/code/x.py", "applications/wrap/data/x"]),
    (HELLO + "volumes: ['/:/host:ro', '/etc:/host-etc:ro']\n", []),
])
def test_leaves_what_another_definition_uses(root, text, stays):
    (root / "linked").symlink_to("applications")
    write(root / "etc/pyservice.d/store.yaml", text)
    done = purge(root, "--yes", "wrap")
    kept = [path for path in ("applications/wrap/app/code/x.py", "applications/wrap/data/x", "etc/wrap.conf") if (root / path).exists()]
    assert kept == stays, done
    for line in done.stdout.splitlines()[1:]:
        assert not any(line.split()[-1] == f"/{path}" for path in stays)
    assert not stays or " is kept, because store uses /" in done.stderr
    assert not (root / "var/lib/pyservice/wrap").exists() and not (root / "srv/apps/old").exists()


@pytest.mark.parametrize("place, link", [("run/pyservice/apps/store", None), ("var/lib/pyservice/store/bundles/123456789abc", "store.yaml")])
def test_leaves_what_another_application_had(root, place, link):
    """Its bundle, or that of one that is masked."""
    write(root / place / "setup/places", "root /applications/wrap\nfile /etc/wrap.conf\n")
    write(root / "usr/lib/pyservice.d/store.yaml", HELLO)
    if link:
        (root / "etc/pyservice.d" / link).symlink_to("/dev/null")
    done = purge(root, "--yes", "wrap")
    assert "pyservicectl: /applications/wrap/data is kept, because store uses /applications/wrap/data\n" in done.stderr
    assert (root / "applications/wrap/data/x").exists() and (root / "etc/wrap.conf").exists()


def test_refuses_while_it_does_not_know_what_is_used(root):
    write(root / "etc/pyservice.d/store.yaml", "imgae: x\n")
    before = listing(root)
    done = purge(root, "--yes", "wrap")
    assert done.returncode == 1 and "/etc/pyservice.d/store.yaml has errors; fix them first" in done.stderr
    assert listing(root) == before


def test_refuses_what_is_masked(root):
    (root / "etc/pyservice.d/wrap.yaml").symlink_to("/dev/null")
    before = listing(root)
    done = purge(root, "--yes", "wrap")
    assert done.returncode == 1 and "wrap is masked by /etc/pyservice.d/wrap.yaml; remove that link" in done.stderr
    assert listing(root) == before


def test_what_it_does_not_know(root):
    assert purge(root, "--yes", "gone").stderr == "pyservicectl: nothing of 'gone' exists\n"
    for words in [], ["../x"], ["wrap", "wrap-x"]:
        assert purge(root, "--yes", *words).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_mount_below_stops_it_before_anything_is_removed(root):
    """What a bind mount shows has the same device as the directory around it."""
    precious, mounted = root / "srv/precious", root / "applications/wrap/data/mounted"
    write(precious / "data.db")
    mounted.mkdir()
    before = listing(root)
    command = 'mount --bind "$1" "$2" && exec "$3" --root="$4" purge --yes wrap'
    done = subprocess.run(["unshare", "-m", "sh", "-c", command, "-", precious, mounted, PYSERVICECTL, root],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"'{mounted}' is a mount point" in done.stderr and "nothing was removed" in done.stderr
    assert listing(root) == before
