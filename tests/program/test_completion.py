# SPDX-License-Identifier: Apache-2.0
"""What bash, zsh and fish offer: each is asked itself."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "contrib/completions"
PROGRAM = os.environ["PYSERVICECTL"]
APP = ("image: localhost/shop:1\ntasks:\n  - {name: migrate, command: x}\n"
       "services:\n  - {name: web, scale: 2, secrets: {key: {credential: key}}}\n  - {name: work}\n")

# Readline calls the function with the line; compopt works only there.
BASH = """
compopt() { :; }
. "$1"
COMP_LINE=$2 COMP_POINT=${#2}
_pyservicectl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def path(tmp_path) -> dict[str, str]:
    """An environment in which `pyservicectl` is ours."""
    directory = tmp_path / "bin"
    directory.mkdir(exist_ok=True)
    if not (directory / "pyservicectl").exists():
        (directory / "pyservicectl").symlink_to(os.path.abspath(PROGRAM))
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb"}


def in_bash(line, tmp_path, cwd):
    result = subprocess.run(["bash", "-c", BASH, "bash", SCRIPTS / "pyservicectl.bash", line], env=path(tmp_path),
                            capture_output=True, text=True, check=False, cwd=cwd)
    assert result.stderr == ""
    return sorted(result.stdout.split())


def in_fish(line, tmp_path, cwd):
    result = subprocess.run(["fish", "--no-config", "-c", f'source {SCRIPTS}/pyservicectl.fish; complete -C "$argv[1]"', line], env=path(tmp_path),
                            capture_output=True, text=True, check=False, cwd=cwd)
    assert result.stderr == ""
    start = len(line.split(" ")[-1])
    return sorted(text.split("\t")[0][max(0, start - len(line.split(" ")[-1])):] for text in result.stdout.splitlines())


@pytest.fixture
def offered(tmp_path):
    """What bash and, where it is there, fish offer for a line; both say the same."""
    def ask(line, cwd=tmp_path):
        bash = in_bash(f"pyservicectl {line}", tmp_path, cwd)
        if shutil.which("fish"):
            word = line.split(" ")[-1]
            head = word[:max(word.rfind(sign) for sign in "=@:") + 1]
            fish = in_fish(f"pyservicectl {line}", tmp_path, cwd)
            assert [text.removeprefix(head).rstrip("/") for text in fish] == bash
        return bash
    return ask


@pytest.fixture
def shop(tmp_path):
    """A root in which there is an application, and one that was."""
    root = tmp_path / "root"
    for name in ("etc/pyservice.d", "run/pyservice/apps/shop", "run/pyservice/apps/gone", "var/lib/pyservice/shop/bundles/0123456789ab",
                 "var/lib/pyservice/shop/bundles/ba9876543210"):
        (root / name).mkdir(parents=True)
    (root / "etc/pyservice.d/shop.yaml").write_text(APP)
    return root


@pytest.mark.parametrize("line, words", [
    ("che", ["check"]),
    ("x", []),
    ("--", ["--help", "--host=", "--json", "--parallel=", "--root=", "--user", "--version"]),
    ("rollout ", ["history", "pause", "resume", "retry", "status", "undo"]),
    ("rollout un", ["undo"]),
    ("rollout status --n", ["--no-follow"]),
    ("secret ", ["edit", "list", "rm", "set"]),
    ("secret --j", ["--json"]),
    ("update --a", ["--auto"]),
    ("schema ", ["app", "contract", "host"]),
    ("schema --m", ["--man"]),
    ("schema host --k", ["--keys"]),
    ("help roll", ["rollout"]),
    ("render --o", ["--output="]),
    ("check --json --r", ["--root="]),
    ("nothing ", []),
])
def test_words(offered, line, words):
    assert offered(line) == words


def test_every_verb_is_offered(offered):
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    assert offered("") == sorted(re.findall(r"^  ([a-z]+) {2,}[A-Z]", text, re.M))


def test_directories(offered, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "other.yaml").touch()
    assert offered("render --output=o") == ["out"]


def test_files(offered, tmp_path):
    (tmp_path / "here.yaml").touch()
    (tmp_path / "heredir").mkdir()
    assert offered(f"--root={tmp_path}/heredir check he") == ["here.yaml", "heredir"]


def test_definitions_below_a_root(shop, tmp_path):
    assert in_bash(f"pyservicectl --root={shop} check sh", tmp_path, "/") == [f"{shop}/etc/pyservice.d/shop.yaml"]


def test_applications_and_revisions(offered, shop):
    root = f"--root={shop}"
    assert offered(f"{root} rollout status ") == ["gone", "shop"]
    assert offered(f"rollout {root} undo s") == ["shop"]
    assert offered(f"{root} rollout undo shop ") == ["0123456789ab", "ba9876543210"]
    assert offered(f"{root} rollout undo shop b") == ["ba9876543210"]
    assert offered(f"{root} rollout retry shop ") == []
    assert offered(f"{root} status g") == offered(f"{root} stop g") == ["gone"]
    assert offered(f"{root} purge ") == ["gone"]
    for verb in ("cat", "edit", "env", "export kubernetes", "export quadlet", "get", "graph", "scale", "secret set", "set", "update"):
        assert offered(f"{root} {verb} ") == ["shop"]
    assert offered(f"{root} update shop s") == ["shop"]
    assert offered(f"{root} update x") == []
    assert offered(f"{root} secret set shop ") == ["key"]
    assert offered(f"{root} secret list shop ") == []


def test_other_machines(offered, shop, tmp_path):
    """Their applications are not known here; files are from here."""
    root = f"--root={shop}"
    (tmp_path / "shop.yaml").touch()
    for host in ("-H root@web1", "--host web1", "-Hweb1,web2", "--host=web1"):
        assert offered(f"{host} che") == ["check"] and offered(f"{host} rollout un") == ["undo"]
        assert offered(f"{root} {host} status ") == offered(f"{root} {host} logs sh") == offered(f"{root} {host} rollout undo shop ") == []
        assert offered(f"{root} {host} check sh") == offered(f"{root} {host} apply sh") == ["shop.yaml"]
    assert offered("-H ") == offered("-H st") == offered("--host=st") == []


def test_parts_and_instances(offered, shop):
    root = f"--root={shop}"
    assert offered(f"{root} logs sh") == ["shop"]
    assert offered(f"{root} restart shop/w") == ["shop/web", "shop/work"]
    assert offered(f"{root} restart shop/web@") == ["0", "1"]
    assert offered(f"{root} run shop ") == ["migrate"]


def test_keys(offered, shop):
    root = f"--root={shop}"
    (shop / "etc/pyservice.d/hello.yaml").write_text("image: localhost/hello:1\nenv: {LEVEL: info, LIMIT: \"2\"}\nlabels: {io.example/team: a}\n")
    assert offered(f"{root} set hello pro") == ["proxy."]
    assert offered(f"{root} get hello proxy.do") == ["proxy.domains"]
    assert offered(f"{root} get hello proxy.timeouts.dr") == ["proxy.timeouts.drain"]
    assert offered(f"{root} get hello env.") == ["env.LEVEL", "env.LIMIT"]
    assert offered(f"{root} get hello labels.") == ["labels.io.example/team"]
    assert offered(f"{root} get shop services.") == ["services.web.", "services.work."]
    assert offered(f"{root} set shop services.web.sca") == ["services.web.scale"]
    assert offered(f"{root} set shop tasks.migrate.comm") == ["tasks.migrate.command", "tasks.migrate.commands"]
    for line in ("get hello image.x", "get hello nothing.", "get none env.", "set hello scale "):
        assert offered(f"{root} {line}") == []
    assert "scale" in offered(f"{root} set none ") and "proxy." in offered(f"{root} get --json hello ")


def test_the_manual_names_what_is_offered():
    """Each verb's options stand in its synopsis; a letter, and how a target is written, as --help has it."""
    synopsis, _, rest = (HERE.parents[1] / "contrib/man/pyservicectl.1").read_text().replace("\\-", "-").partition(".Sh DESCRIPTION")
    told = {}
    for block in synopsis.split(".Nm\n")[1:]:
        verbs = re.findall(r"^\.Cm ([a-z]+)", block, re.M)
        for verb in verbs:
            told.setdefault(verb, set()).update(re.findall(r"(?:Fl|\|) (-[a-z-]+|[a-z]\b)", block))
    letters = {"-follow": "f", "-lines": "n"}
    for verb in told:
        done = subprocess.run([PROGRAM, "completion", "--", verb, "--"], capture_output=True, text=True, check=True)
        offered = {line.split("\t")[0][1:].rstrip("=") for line in done.stdout.splitlines()} - {"-help"}
        # It refuses one below a root, and has it for tests.
        offered -= {"-root"} if verb == "update" else set()
        assert {letters.get(name, name) for name in offered} <= told[verb], verb
    overview = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    verbs = re.findall(r"^  ([a-z]+) {2,}[A-Z]", overview, re.M)
    assert set(verbs) == set(told)
    usage = "".join(subprocess.run([PROGRAM, "help", verb], capture_output=True, text=True, check=True).stdout for verb in verbs)
    assert "[/SERVICE[@N]]" not in usage and usage.count("[/SERVICE][@N]") == 10
    for letter, name in re.findall(r"^  -([a-z]) --([a-z-]+)", usage, re.M):
        assert re.search(rf"^\.It Fl {letter} , -{name}\b", rest, re.M), name


def typed(shell, setup, line, tmp_path, until, cwd="/") -> None:
    """Waits until a terminal shows what is looked for, after the line and two tabs."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(shell[0], shell, path(tmp_path))
    shown, deadline = "", time.monotonic() + 120
    try:
        os.write(terminal, f"{setup}; echo READ''Y\n".encode())
        for wait_for, then in (("READY", f"{line}\t\t"), (until, "")):
            while not re.search(wait_for, shown, re.S):
                assert time.monotonic() < deadline, f"no {wait_for!r} in {shown!r}"
                if select.select([terminal], [], [], 0.5)[0]:
                    shown += os.read(terminal, 4096).decode(errors="replace")
            os.write(terminal, then.encode())
            shown = shown.partition("READY")[2]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


@pytest.mark.parametrize("line, until", [("restart shop/web@", "0 +1|web@[01] .*web@[01]"), ("rollout un", "undo"), ("rollout undo shop 0", "0123456789ab")])
@pytest.mark.parametrize("shell, setup", [
    (["bash", "--norc", "--noprofile", "-i"], f"PS1='> '; . {SCRIPTS}/pyservicectl.bash"),
    (["zsh", "-f", "-i"], f"PS1='> '; fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -u -D"),
])
def test_in_a_terminal(shell, setup, line, until, shop, tmp_path):
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]}")
    line = f"pyservicectl --root={shop} {line}"
    assert not re.search(until, line)
    typed(shell, setup, line, tmp_path, until)
