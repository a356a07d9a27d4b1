# SPDX-License-Identifier: Apache-2.0
"""pyservicectl rollout, below a root whose files say how rollouts stand: what it tells, and what it changes."""

import os
import pty
import re
import subprocess
import urllib.parse

import pytest

from answers import read_answer

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

A, B, C, X = "a" * 12, "b" * 12, "c" * 12, "0123456789ab"
SECOND = 1_000_000
NOON = 1_795_176_000 * SECOND  # 2026-11-20 12:00 UTC
UNITS = {"hello@0.service": "done", "hello@1.service": "restarting", "hello@2.service": "waiting"}


class Root:
    def __init__(self, path):
        self.path = path
        self.state_dir = path / "var/lib/pyservice/hello"
        self.progress_file = path / "run/pyservice/rollouts/hello"
        for directory in (path / "run/pyservice/apps/hello", path / "run/pyservice/rollouts", path / "run/pyservice/errors", self.state_dir):
            directory.mkdir(parents=True)

    def replace(self, path, text):
        """As the programs do: nobody sees half of it."""
        new = path.with_name(path.name + ".new")
        new.write_text(text)
        new.rename(path)

    def revision(self, runs, wanted, file=None):
        self.replace(self.path / "run/pyservice/apps/hello/revision", f"runs {runs}\nwanted {wanted}\nfile {file or wanted}\n")

    def state(self, *lines):
        self.replace(self.state_dir / "state", "".join(line + "\n" for line in lines))

    def history(self, *events):
        self.replace(self.state_dir / "history", "".join(f"{time} {revision} {reason}\n" for time, revision, reason in events))

    def bundles(self, *revisions):
        for revision in revisions:
            directory = self.state_dir / "bundles" / revision
            directory.mkdir(parents=True)
            (directory / "manifest").write_text("")

    def progress(self, revision, phase, units=(), message=""):
        lines = [f"revision {revision}", f"phase {phase}", f"started {NOON}"]
        lines += [f"unit {unit} {state}" for unit, state in dict(units).items()]
        self.replace(self.progress_file, "\n".join(lines + [f"message {message}"] * bool(message)) + "\n")

    def state_lines(self):
        """What the file holds, in either format: an earlier version wrote no first line, and escaped nothing."""
        lines = (self.state_dir / "state").read_text().splitlines()
        return [urllib.parse.unquote(line) for line in lines if not line.startswith("pyservice-state ")]

    def command(self, *words):
        return [PYSERVICECTL, f"--root={self.path}", *words]

    def run(self, *words, **environment):
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **environment})

    def rollout(self, *words):
        return self.run("rollout", *words)


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture
def kept(root):
    """A runs since it was gone back to; B was tried after it, C never ran well."""
    root.revision(A, A)
    root.state(f"accepted {A}", f"failed {C} {NOON + 3 * SECOND} hello@next.service answered 500")
    root.history((NOON, A, "first"), (NOON + SECOND, B, "edit"), (NOON + 2 * SECOND, A, "undo"))
    root.bundles(A, B)
    root.progress(A, "done")
    return root


# --- command lines ---

@pytest.mark.parametrize("words, said", [
    ([], "missing subcommand"),
    (["statsu", "hello"], "unknown subcommand 'statsu'"),
    (["status"], "the name of one application"),
    (["pause", "hello", "x"], "the name of one application"),
    (["undo", "hello", A, "x"], "optionally a revision"),
    (["status", "../hello"], "invalid application name"),
])
def test_wrong_usage(root, words, said):
    result = root.rollout(*words)
    assert result.returncode == 2 and said in result.stderr and result.stdout == ""


@pytest.mark.parametrize("verb", ["status", "history", "undo", "retry", "pause", "resume"])
def test_an_app_that_is_not_there(root, verb):
    result = root.rollout(verb, "other")
    assert result.returncode == 1
    assert "there is no application 'other'" in result.stderr
    assert not (root.path / "var/lib/pyservice/other").exists()


@pytest.mark.parametrize("verb", ["history", "undo", "retry", "pause", "resume"])
def test_a_state_of_a_later_version(kept, verb):
    kept.state("accepted " + A, "dreamt " + B)
    result = kept.rollout(verb, "hello")
    assert result.returncode == 111 and "lines that this version cannot read" in result.stderr
    assert kept.state_lines()[1] == "dreamt " + B


def test_a_bundle_of_a_later_version(kept):
    kept.replace(kept.path / "run/pyservice/apps/hello/revision", f"pyservice-revision 2\nruns {A}\n")
    result = kept.rollout("status", "hello")
    assert (result.returncode, result.stdout) == (111, "")
    assert "another version of pyservice published it; reload" in result.stderr


# --- status ---

def test_status_of_what_runs(kept):
    kept.state("accepted " + A)
    result = kept.rollout("status", "hello")
    assert (result.returncode, result.stdout) == (0, f"hello: revision {A} is desired\nhello: revision {A} runs\n")


def test_status_only_looks(root):
    root.revision(A, B)
    root.state("accepted " + A)
    root.progress(B, "instances", UNITS, "restarting instances")
    for words in (["--no-follow"], []):     # another root is only looked at anyway
        result = root.rollout("status", *words, "hello")
        assert result.returncode == 0
        assert result.stdout.splitlines() == [f"hello: revision {B} is to replace {A}", "hello: restarting instances", "hello: hello@0.service: done",
                                              "hello: hello@1.service: restarting"]


def test_status_before_anything_runs(root):
    root.revision("-", A)
    result = root.rollout("status", "--no-follow", "hello")
    assert (result.returncode, result.stdout) == (0, f"hello: revision {A} is desired, nothing is running yet\n")


def test_status_of_a_failure(kept):
    kept.revision(A, A, C)
    result = kept.rollout("status", "hello")
    assert result.returncode == 1
    assert f"hello: revision {C} failed: hello@next.service answered 500; running: {A}\n" in result.stdout
    assert "'pyservicectl rollout retry hello' tries it again" in result.stdout


def test_status_of_a_failure_with_nothing_to_go_back_to(root):
    root.revision(A, A)
    root.progress(A, "failed", {"hello@0.service": "failed"}, "hello@0.service did not start")
    result = root.rollout("status", "hello")
    assert result.returncode == 1
    assert result.stdout.splitlines()[1:3] == ["hello: hello@0.service: failed", f"hello: revision {A} failed: hello@0.service did not start"]


def test_status_tells_a_failure_once(root):
    root.revision(A, A)
    root.progress(A, "failed", message=f"hello: revision {A} failed: hello@0.service: it failed")
    assert root.rollout("status", "hello").stdout.splitlines()[1] == f"hello: revision {A} failed: hello@0.service: it failed"


def test_status_while_paused(root):
    root.revision(A, B)
    root.state("accepted " + A, "paused")
    root.progress(B, "paused")
    result = root.rollout("status", "hello")
    assert result.returncode == 1 and "hello: paused; 'pyservicectl rollout resume hello' continues\n" in result.stdout


def test_status_while_pinned(root):
    root.revision(A, A, B)
    root.state("accepted " + A, f"pinned {A} {B}", f"failed {B} {NOON} it answered 500")
    root.progress(A, "done")
    result = root.rollout("status", "hello")
    assert result.returncode == 0
    assert f"hello: it is pinned to {A} until the next edit of its file" in result.stdout


def test_status_shows_no_control_characters(root):
    root.revision(A, A)
    root.progress(A, "failed", message="\033[31mred\x07 and \udcff".encode("utf-8", "surrogateescape").decode("latin-1"))
    result = root.rollout("status", "hello")
    assert "\033" not in result.stdout and "\x07" not in result.stdout and "?[31mred? and " in result.stdout


def follow(root, steps):
    """Goes through the steps, each when the last one's line was told; gives the status and all lines."""
    with subprocess.Popen(root.command("rollout", "status", "--follow", "hello"), stdout=subprocess.PIPE, text=True) as status:
        lines = []
        for expected, step in steps:
            for line in status.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == expected:
                    break
            else:
                pytest.fail(f"never said {expected!r}: {lines}")
            step()
        lines += status.stdout.read().splitlines()
        return status.wait(timeout=60), lines


def test_status_follows(root):
    root.revision(A, B)
    root.state("accepted " + A)
    units = {"hello@0.service": "waiting", "hello@1.service": "waiting"}

    def accept():
        root.revision(B, B)
        root.state("accepted " + B)
        root.progress(B, "instances", {**units, "hello@0.service": "restarting"}, "restarting instances")

    status, lines = follow(root, [
        (f"hello: revision {B} is to replace {A}", lambda: root.progress(B, "spare", {"hello@next.service": "restarting"}, "trying it")),
        ("hello: hello@next.service: restarting", accept),
        ("hello: hello@0.service: restarting", lambda: root.progress(B, "done", dict.fromkeys(units, "done"))),
    ])
    assert status == 0
    assert lines == [
        f"hello: revision {B} is to replace {A}", "hello: trying it", "hello: hello@next.service: restarting",
        "hello: restarting instances", "hello: hello@0.service: restarting", "hello: hello@0.service: done", "hello: hello@1.service: done",
        f"hello: revision {B} runs"]


def test_status_follows_to_a_failure_that_was_reverted_at_once(root):
    """The rollout of what is gone back to may write before anybody looked."""
    root.revision(A, B)
    root.state("accepted " + A)

    def fail():
        root.state("accepted " + A, f"failed {B} {NOON} hello@next.service exited with 1")
        root.progress(A, "done")
        root.revision(A, A, B)

    status, lines = follow(root, [(f"hello: revision {B} is to replace {A}", fail)])
    assert status == 1
    assert f"hello: revision {B} failed: hello@next.service exited with 1; running: {A}" in lines


def test_status_follows_an_undo_that_fails(root):
    root.revision(A, B, A)
    root.state("accepted " + A, f"pinned {B} {A}")

    def fail():
        root.state("accepted " + A, f"failed {B} {NOON} hello@next.service exited with 1")
        root.revision(A, A, A)

    status, lines = follow(root, [(f"hello: revision {B} is to replace {A}", fail)])
    assert (status, lines[-1]) == (1, f"hello: revision {B} failed: hello@next.service exited with 1; running: {A}")


def test_status_waits_until_a_failure_is_noted(root):
    root.revision(A, B)
    root.state("accepted " + A)

    def note():
        root.state("accepted " + A, f"failed {B} {NOON} hello@next.service exited with 1")

    status, lines = follow(root, [(f"hello: revision {B} is to replace {A}", lambda: root.progress(B, "failed", {"hello@next.service": "failed"})),
                                  ("hello: hello@next.service: failed", note)])
    assert status == 1
    assert lines[2] == f"hello: revision {B} failed: hello@next.service exited with 1; running: {A}"


def test_status_follows_the_one_that_overtakes(root):
    root.revision(A, B)
    root.state("accepted " + A)

    def overtake():
        root.progress(C, "done")
        root.revision(C, C)

    status, lines = follow(root, [(f"hello: revision {B} is to replace {A}", overtake)])
    assert (status, lines[1:]) == (0, [f"hello: revision {C} is desired", f"hello: revision {C} runs"])


def test_status_draws_a_bar_on_a_terminal(root):
    root.revision(A, B)
    root.state("accepted " + A)
    root.progress(B, "instances", UNITS, "restarting instances")
    mine, its = pty.openpty()
    with subprocess.Popen(root.command("rollout", "status", "--follow", "hello"), stdin=subprocess.DEVNULL, stdout=its, stderr=its) as status:
        os.close(its)
        text = b""
        while b"hello@1.service" not in text:
            text += os.read(mine, 65536)
        assert b"hello: [########----------------] 1/3 hello@1.service" in text
        root.progress(B, "done", dict.fromkeys(UNITS, "done"))
        try:
            while piece := os.read(mine, 65536):
                text += piece
        except OSError:
            pass  # the other end is closed
        assert status.wait(timeout=60) == 0
    os.close(mine)
    assert text.endswith(f"\r\033[Khello: revision {B} runs\r\n".encode())


def test_status_as_json(root):
    root.revision(A, A, B)
    root.state("accepted " + A, f"pinned {A} {B}", "paused")
    root.progress(A, "instances", UNITS, 'says "this"')
    result = root.rollout("status", "hello", "--json")
    assert result.returncode == 1
    assert read_answer("rollout status", result.stdout) == {
        "app": "hello", "outcome": "paused", "runs": A, "wanted": A, "file": B, "accepted": A, "pinned": A, "paused": True, "failure": None,
        "rollout": {"revision": A, "phase": "instances", "message": 'says "this"', "started": "2026-11-20T12:00:00Z", "since": None,
                    "units": [{"unit": unit, "state": state} for unit, state in UNITS.items()]}}


def test_status_shows_what_a_rollout_waits_for_and_since_when(root):
    root.revision("-", A, A)
    root.progress(A, "tasks", message="waiting for hello-db to be ready")
    progress = root.path / "run/pyservice/rollouts/hello"
    progress.write_text(progress.read_text() + f"since {NOON}\n")
    text = root.rollout("status", "hello", "--no-follow").stdout
    assert re.search("waiting for hello-db to be ready, since ... 2026-11-20 ..:00:00", text), text
    assert read_answer("rollout status", root.rollout("status", "hello", "--json").stdout)["rollout"]["since"] == "2026-11-20T12:00:00Z"


def test_status_of_a_failure_as_json(kept):
    kept.revision(A, A, C)
    result = kept.rollout("status", "hello", "--json")
    status = read_answer("rollout status", result.stdout)
    assert result.returncode == 1 and status["outcome"] == "failed"
    assert status["failure"] == {"revision": C, "time": "2026-11-20T12:00:03Z", "reason": "hello@next.service answered 500"}


# --- history ---

def test_history(kept):
    result = kept.rollout("history", "hello")
    assert result.returncode == 0
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()]
    assert [" ".join(row).split() for row in rows] == [line.split() for line in (
        "REVISION TIME REASON MARK",
        f"{C} Fri 2026-11-20 12:00:03 UTC hello@next.service answered 500 failed",
        f"{A} Fri 2026-11-20 12:00:02 UTC undo accepted",
        f"{B} Fri 2026-11-20 12:00:01 UTC edit kept",
        f"{A} Fri 2026-11-20 12:00:00 UTC first")]


def test_history_as_json(kept):
    kept.state(f"accepted {A}", f"pinned {A} {C}")
    result = kept.rollout("history", "hello", "--json")
    assert result.returncode == 0
    assert read_answer("rollout history", result.stdout) == {"history": [
        {"revision": A, "time": "2026-11-20T12:00:02Z", "reason": "undo", "mark": "accepted, pinned"},
        {"revision": B, "time": "2026-11-20T12:00:01Z", "reason": "edit", "mark": "kept"},
        {"revision": A, "time": "2026-11-20T12:00:00Z", "reason": "first", "mark": None}]}


def test_no_history(root):
    root.revision("-", A)
    result = root.rollout("history", "hello")
    assert (result.returncode, result.stdout) == (0, "") and "no history yet" in result.stderr
    assert read_answer("rollout history", root.rollout("history", "hello", "--json").stdout) == {"history": []}


# --- undo, retry, pause, resume ---

def test_undo(kept):
    result = kept.rollout("undo", "hello")
    assert result.returncode == 0
    assert f"hello is pinned to {B}; this ends with the next edit of its file, or 'pyservicectl rollout resume hello'\n" == result.stdout
    assert kept.state_lines()[:2] == [f"accepted {A}", f"pinned {B} {A}"]


def test_undo_to_one_that_is_named(kept):
    kept.revision(A, A, C)
    assert kept.rollout("undo", "hello", B).returncode == 0
    assert kept.state_lines()[1] == f"pinned {B} {C}"
    # A second one is over the same file.
    kept.revision(A, B, C)
    assert kept.rollout("undo", "hello", A).returncode == 0
    assert kept.state_lines()[1] == f"pinned {A} {C}"


def test_undo_with_a_broken_file(kept):
    kept.revision(A, A, "-")
    assert kept.rollout("undo", "hello").returncode == 0
    assert kept.state_lines()[1] == f"pinned {B} -"


def test_undo_of_a_rollout_under_way(kept):
    kept.revision(A, X)
    assert kept.rollout("undo", "hello").returncode == 0
    assert kept.state_lines()[1] == f"pinned {A} {X}"


def test_undo_of_what_was_stopped_halfway(kept):
    kept.revision(A, A, C)
    kept.state(f"accepted {A}", f"held {C}", f"failed {C} {NOON} it answered 500")
    assert kept.rollout("undo", "hello").returncode == 0
    assert kept.state_lines() == [f"accepted {A}", f"pinned {A} {C}", f"failed {C} {NOON} it answered 500"]


def test_undo_ends_a_pause_and_asks_for_what_had_failed(kept):
    kept.state(f"accepted {A}", "paused", f"failed {B} {NOON} it answered 500")
    result = kept.rollout("undo", "hello", B)
    assert result.returncode == 0 and "no longer paused" in result.stdout
    assert kept.state_lines() == [f"accepted {A}", f"pinned {B} {A}"]


@pytest.mark.parametrize("revision", [X, "b" * 11, "../" + B, ""])
def test_undo_to_what_is_not_kept(kept, revision):
    before = kept.state_lines()
    result = kept.rollout("undo", "hello", revision)
    assert result.returncode == 1
    assert f"revision '{revision}' is not kept\npyservicectl: kept revisions: {A}, {B}\n" in result.stderr
    assert kept.state_lines() == before


def test_undo_without_anything_earlier(root):
    root.revision(A, A)
    root.state("accepted " + A)
    root.history((NOON, A, "first"), (NOON + SECOND, B, "edit"), (NOON + 2 * SECOND, A, "revert"))
    result = root.rollout("undo", "hello")
    assert result.returncode == 1 and "no earlier revision exists" in result.stderr


def test_undo_to_what_the_file_says(kept):
    result = kept.rollout("undo", "hello", A)
    assert result.returncode == 1 and "there is nothing to undo" in result.stderr
    kept.state(f"accepted {B}", f"pinned {B} {A}")
    kept.revision(B, B, A)
    result = kept.rollout("undo", "hello", A)
    assert result.returncode == 1 and "'pyservicectl rollout resume' returns to it" in result.stderr
    result = kept.rollout("undo", "hello", B)
    assert result.returncode == 1 and "pinned to " + B + " already" in result.stderr


def test_retry(kept):
    kept.revision(A, A, C)
    result = kept.rollout("retry", "hello")
    assert (result.returncode, result.stdout) == (0, f"hello: revision {C} is tried again\n")
    assert kept.state_lines() == [f"accepted {A}"]
    assert kept.progress_file.exists()


def test_retry_forgets_what_was_told_of_the_failure(kept):
    kept.revision(A, A, C)
    kept.progress(C, "failed")
    assert kept.rollout("retry", "hello").returncode == 0
    assert not kept.progress_file.exists()


def test_retry_of_what_has_not_failed(kept):
    result = kept.rollout("retry", "hello")
    assert result.returncode == 1 and "there is nothing to retry" in result.stderr


def test_pause_and_resume(kept):
    kept.progress(A, "paused")
    assert kept.rollout("pause", "hello").returncode == 0
    assert "paused" in kept.state_lines()
    assert kept.rollout("pause", "hello").returncode == 1
    result = kept.rollout("resume", "hello")
    assert (result.returncode, result.stdout) == (0, "hello is no longer paused\n")
    assert "paused" not in kept.state_lines() and not kept.progress_file.exists()
    result = kept.rollout("resume", "hello")
    assert result.returncode == 1 and "there is nothing to resume" in result.stderr


def test_resume_ends_an_undo(kept):
    kept.rollout("undo", "hello")
    result = kept.rollout("resume", "hello")
    assert (result.returncode, result.stdout) == (0, "hello is no longer pinned; the revision of its file is rolled out\n")
    assert not [line for line in kept.state_lines() if line.startswith("pinned")]


@pytest.mark.other_users
def test_without_root(kept):
    kept.state_dir.chmod(0o700)

    def as_nobody(*words):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *kept.command("rollout", *words)],
                              capture_output=True, text=True, check=False)

    result = as_nobody("status", "hello")
    assert (result.returncode, result.stdout) == (0, f"hello: revision {A} is desired\nhello: revision {A} runs\n")
    kept.revision(A, A, C)
    (kept.path / "run/pyservice/errors/hello").touch()
    result = as_nobody("status", "hello")
    assert result.returncode == 1 and "root can see which" in result.stdout
    for verb in ("history", "undo", "retry", "pause", "resume"):
        result = as_nobody(verb, "hello")
        assert result.returncode == 1 and "this needs root" in result.stderr
