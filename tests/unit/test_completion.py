# SPDX-License-Identifier: Apache-2.0
"""What bash is offered."""

import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "contrib/completions/pyservicectl.bash"

# Readline calls the function with its words split, also at '='; compopt works only there.
CALL = """
compopt() { :; }
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pyservicectl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words, cwd="/"):
    result = subprocess.run(["bash", "-c", CALL, "bash", str(SCRIPT), "pyservicectl", *words],
                            capture_output=True, text=True, check=False, cwd=cwd)
    assert result.stderr == ""
    return sorted(result.stdout.split())


@pytest.mark.parametrize("words, offered", [
    ([""], ["check", "purge", "render", "rollout", "schema", "secret", "update"]),
    (["c"], ["check"]),
    (["x"], []),
    (["--"], ["--help", "--json", "--no-pager", "--root=", "--user", "--version"]),
    (["rollout", ""], ["history", "pause", "resume", "retry", "status", "undo"]),
    (["rollout", "un"], ["undo"]),
    (["rollout", "status", "--n"], ["--no-follow"]),
    (["secret", ""], ["edit", "list", "rm", "set"]),
    (["secret", "--j"], ["--json"]),
    (["update", "--a"], ["--auto"]),
    (["schema", ""], ["app", "contract", "host"]),
    (["schema", "--m"], ["--man"]),
    (["schema", "host", "--k"], ["--keys"]),
    (["render", "--o"], ["--output="]),
    (["check", "--json", "--r"], ["--root="]),
])
def test_words(words, offered):
    assert complete(*words) == offered


def test_directories(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "other.yaml").touch()
    assert complete("render", "--output", "=", "o", cwd=tmp_path) == ["out"]
    assert complete("render", "--output", "=", cwd=tmp_path) == ["out"]


def test_files(tmp_path):
    (tmp_path / "here.yaml").touch()
    (tmp_path / "here.txt").touch()
    (tmp_path / "heredir").mkdir()
    empty = ["--root", "=", str(tmp_path / "heredir")]
    assert complete(*empty, "check", "he", cwd=tmp_path) == ["here.yaml", "heredir"]
    assert complete(*empty, "check", "--json", "", cwd=tmp_path) == ["here.yaml", "heredir"]


def test_definitions_below_a_root(tmp_path):
    directory = tmp_path / "etc/pyservice.d"
    directory.mkdir(parents=True)
    (directory / "shop.yaml").touch()
    (directory / "web.yaml").touch()
    assert complete("--root", "=", str(tmp_path), "check", "sh") == [f"{directory}/shop.yaml"]
    assert complete("--root", "=", f"{tmp_path}/", "check", f"{tmp_path}/etc/py") == [f"{tmp_path}/etc/pyservice.d"] + [
        f"{directory}/shop.yaml", f"{directory}/web.yaml"]


def test_applications_and_revisions(tmp_path):
    for name in ("etc/pyservice.d", "run/pyservice/apps/shop", "run/pyservice/apps/gone", "var/lib/pyservice/shop/bundles/0123456789ab",
                 "var/lib/pyservice/shop/bundles/ba9876543210"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/pyservice.d/shop.yaml").touch()
    root = ["--root", "=", str(tmp_path)]
    assert complete(*root, "rollout", "status", "") == ["gone", "shop"]
    assert complete("rollout", *root, "undo", "s") == ["shop"]
    assert complete(*root, "rollout", "undo", "shop", "") == ["0123456789ab", "ba9876543210"]
    assert complete(*root, "rollout", "undo", "shop", "b") == ["ba9876543210"]
    assert complete(*root, "rollout", "retry", "shop", "") == []
    assert complete(*root, "update", "shop", "g") == ["gone"]
    assert complete(*root, "update", "x") == []
