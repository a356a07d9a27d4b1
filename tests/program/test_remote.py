# SPDX-License-Identifier: Apache-2.0
"""pyservicectl --host: what ssh is given, and what the shell of the other machine makes of that.

`ssh` in PATH is a program that records its words and does what the real one would: it runs the command by a shell. The
other machine's pyservicectl records its words, too, or is the real one."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

SSH = """#!/usr/bin/python3
import json, os, signal, sys
options = sys.argv[1:sys.argv.index("--")]
host, *words = sys.argv[sys.argv.index("--") + 1:]
with open(os.environ["FAKE"] + "/ssh.log", "a") as log:
    log.write(json.dumps({"options": options, "host": host, "words": words}) + "\\n")
if host == "away":
    sys.exit(255)
os.environ.update(HOST=host, PATH=os.environ["FAKE"] + "/there:" + os.environ["PATH"])
signal.signal(signal.SIGHUP, signal.SIG_DFL)     # as sshd has it, also where the tests run under nohup
shell = os.environ.get("SHELL_THERE", "sh")
os.execvp(shell, [shell, "-c", " ".join(words)])
"""
# Records its words and its files; its end is what the test wants.
THERE = """#!/usr/bin/python3
import json, os, subprocess, sys
words = sys.argv[1:]
files = {word: [open(word).read(), oct(os.stat(word).st_mode & 0o777), oct(os.stat(os.path.dirname(word)).st_mode & 0o777)]
         for word in words if word.startswith("/") and os.path.isfile(word)}
there = {"host": os.environ["HOST"], "words": words, "files": files}
if "STDIN" in os.environ:
    there["stdin"] = sys.stdin.read()
with open(os.environ["FAKE"] + "/there.log", "a") as log:
    log.write(json.dumps(there) + "\\n")
sys.exit(subprocess.run(["sh", "-c", os.environ.get("THERE", "")]).returncode)
"""
# Each would be another word, or more than one, if it was quoted for one shell only, or not at all.
HOSTILE = ["", " ", "a b", "it's", "'", "''", "\"", "$(touch owned)", "`touch owned`", "; touch owned", "&& touch owned", "\\", "\\'", "a\\\\b", "\\n",
           "*", "?", "~", "~root", "!!", "#x", "a#b", "$HOME", "${HOME}", "=ls", "a=b", "{a,b}", "<x", ">owned", "(x)", "[a]", "%1", "^x", "\t", "-oProxyCommand=x",
           "é", "a\tb"]


class Fake:
    def __init__(self, path):
        self.path = path
        for name, text in (("here/ssh", SSH), ("there/pyservicectl", THERE)):
            (path / name).parent.mkdir()
            (path / name).write_text(text)
            (path / name).chmod(0o755)
        self.environment = {**os.environ, "FAKE": str(path), "PATH": f"{path}/here:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}

    def ctl(self, *words, stdin="", **environment):
        return subprocess.run([PYSERVICECTL, *words], capture_output=True, text=True, check=False, timeout=120, cwd=self.path, input=stdin,
                              env={**self.environment, **environment})

    def good(self, *words, **options):
        done = self.ctl(*words, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bad(self, status, *words, **options):
        done = self.ctl(*words, **options)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stderr

    def log(self, name):
        file = self.path / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def connections(self):
        return self.log("ssh.log")

    def there(self):
        return self.log("there.log")

    def hosts(self):
        return [one["host"] for one in self.there()]


@pytest.fixture
def fake(tmp_path):
    return Fake(tmp_path)


def wait(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_words_of_the_command_line(fake):
    fake.good("-H", "web1", "set", "--json", "--runtime", "shop", "env.LEVEL", "debug")
    fake.good("--host=root@web1", "logs", "shop", "-n5", "--since", "-1h")
    fake.good("exec", "-Hweb1", "shop", "ls", "-l")
    fake.good("run", "shop", "-H", "web1", "--", "-H", "x")
    fake.good("status", "-H", "web1")
    assert [one["words"] for one in fake.there()] == [
        ["--json", "--runtime", "set", "shop", "env.LEVEL", "debug"], ["--lines=5", "--since=-1h", "logs", "shop"],
        ["exec", "shop", "--", "ls", "-l"], ["run", "shop", "--", "-H", "x"], ["status"]]
    assert [(one["options"], one["host"]) for one in fake.connections()] == [([], host) for host in ("web1", "root@web1", "web1", "web1", "web1")]
    assert all(len(one["words"]) == 1 and one["words"][0].startswith("pyservicectl ") for one in fake.connections())


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_hostile_words(fake, shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    fake.good("-H", "web1", "set", "--", "shop", *HOSTILE, SHELL_THERE=shell)
    fake.good("-H", "web1", "exec", "shop", *HOSTILE, "a\nb", SHELL_THERE=shell)
    fake.good("-H", "web1", "logs", *(f"--since={word}" for word in HOSTILE), SHELL_THERE=shell)
    assert [one["words"] for one in fake.there()] == [["set", "--", "shop", *HOSTILE], ["exec", "shop", "--", *HOSTILE, "a\nb"],
                                                      [*(f"--since={word}" for word in HOSTILE), "logs"]]
    assert not list(fake.path.rglob("owned"))


@pytest.mark.parametrize("host", ["", "-oProxyCommand=x", "-", "a,", ",a", "a,,b", "a,-b", "root@-oProxyCommand=x", "ssh://-oProxyCommand=x", "root@-l", "ssh://-l", "a b", "a;b", "$(x)", "a\nb", "a'b", "`x`"])
def test_invalid_hosts(fake, host):
    said = fake.bad(2, f"--host={host}", "status")
    assert said.startswith("pyservicectl: invalid host '") and "[USER@]HOST" in said and fake.connections() == []


def test_valid_hosts(fake):
    hosts = ["web1", "root@web1.example.com", "user@192.0.2.1", "fe80::1%eth0", "ssh://root@web1:2222", "ssh://[2001:db8::1]:2222", "my_alias"]
    fake.good("-H", ",".join(hosts), "status")
    assert [one["host"] for one in fake.connections()] == hosts


def test_the_command_line_is_checked_first(fake):
    for words, said in ((["-H", "a", "get", "--yes", "shop"], "'get' has no option --yes"), (["-H", "a", "statsu"], "did you mean 'status'?"),
                        (["-H", "a"], "missing command"), (["--parallel=2", "status"], "--parallel needs --host"),
                        (["-H", "a", "--parallel=0", "status"], "invalid number '0'"), (["-H", "a", "--parallel=x", "status"], "invalid number 'x'"),
                        (["-H", "a", "--parallel=2", "--json", "status"], "--parallel and --json exclude each other")):
        assert said in fake.bad(2, *words)
    assert fake.connections() == []


def test_standard_input(fake):
    """It belongs to commands that read it, if one machine is meant: a loop over lines of a file would else lose them."""
    fake.good("-H", "web1", "secret", "set", "shop", "password", stdin="geheim", STDIN="1")
    fake.good("-H", "web1", "status", stdin="geheim", STDIN="1")
    fake.good("-H", "web1,web2", "secret", "set", "shop", "password", stdin="geheim", STDIN="1")
    fake.good("-H", "web1", "--parallel=1", "secret", "set", "shop", "password", stdin="geheim", STDIN="1")
    assert [one["stdin"] for one in fake.there()] == ["geheim", "", "", "", ""]


def on_terminal(fake, *words):
    """What it prints on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(fake.path)
        os.execvpe(PYSERVICECTL, [PYSERVICECTL, *words], fake.environment)
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        text += data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text
    os.close(terminal)
    return text.decode()


def test_a_terminal_only_for_commands_that_need_one(fake):
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\n")
    for words in (["shell", "shop"], ["apply", "shop"], ["set", "shop", "scale", "3"], ["status"], ["plan"], ["--parallel=2", "apply", "shop"], ["apply", "shop.yaml"]):
        on_terminal(fake, "-H", "web1", *words)
    assert [one["options"] for one in fake.connections()] == [["-t"], ["-t"], ["-t"], [], [], ["-oBatchMode=yes"], [], ["-t"]]
    fake.good("-H", "web1", "shell", "shop")
    assert fake.connections()[-1]["options"] == []


def test_several_machines_in_order(fake):
    assert fake.good("-H", "a,b,c", "apply", "--yes", THERE="echo done by $HOST") == "==> a <==\ndone by a\n==> b <==\ndone by b\n==> c <==\ndone by c\n"
    done = fake.ctl("-H", "a,b", "apply", "--yes", "--json", THERE="echo {}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n{}\n", "==> a <==\n==> b <==\n")
    assert fake.good("-H", "a", "status", THERE="echo x") == "x\n"


def test_the_first_failure_ends_it(fake):
    done = fake.ctl("-H", "a,b,c,d", "apply", "--yes", THERE="test $HOST = a || exit 4")
    assert (done.returncode, done.stdout) == (4, "==> a <==\n==> b <==\n")
    assert done.stderr == "pyservicectl: b failed with exit status 4; not run on c, d\n" and fake.hosts() == ["a", "b"]
    assert fake.bad(255, "-H", "a,away,b", "stop", "shop").endswith("away failed with exit status 255; not run on b\n")
    assert fake.bad(7, "-H", "a", "run", "shop", "x", THERE="exit 7") == ""
    assert fake.bad(143, "-H", "a", "run", "shop", "x", THERE="exit 143") == ""


def test_a_look_at_all_machines(fake):
    """It changes nothing, so the others are looked at, too."""
    done = fake.ctl("-H", "a,away,b,c", "status", THERE="test $HOST = a || exit 3")
    assert done.returncode == 255 and fake.hosts() == ["a", "b", "c"]
    assert done.stderr == "".join(f"pyservicectl: {host} failed with exit status {status}\n" for host, status in (("away", 255), ("b", 3), ("c", 3)))


def test_without_ssh(fake):
    (fake.path / "here/ssh").unlink()
    assert "pyservicectl: ssh: No such file or directory\n" in fake.bad(111, "-H", "a", "status", PATH=str(fake.path / "here"))


def test_several_machines_at_once(fake):
    """Each waits for the other one: it would be alone if they ran in order."""
    meet = "touch $FAKE/at-$HOST; until [ -e $FAKE/at-a ] && [ -e $FAKE/at-b ]; do sleep 0.02; done; echo out of $HOST; echo err of $HOST >&2"
    done = fake.ctl("-H", "a,b", "--parallel=2", "apply", "--yes", THERE=meet)
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == ["a: out of a", "b: out of b"] and sorted(done.stderr.splitlines()) == ["a: err of a", "b: err of b"]
    assert all(one["options"] == ["-oBatchMode=yes"] for one in fake.connections())


def test_no_more_than_so_many_at_once(fake):
    count = "touch $FAKE/run-$HOST; ls $FAKE | grep -c ^run- >>$FAKE/counts; echo $HOST; rm $FAKE/run-$HOST"
    hosts = list("abcdefg")
    text = fake.good("-H", ",".join(hosts), "--parallel", "2", "apply", "--yes", THERE=count)
    assert sorted(text.splitlines()) == [f"{host}: {host}" for host in hosts]
    assert set((fake.path / "counts").read_text().split()) <= {"1", "2"}


def test_lines_of_any_length(fake):
    text = fake.good("-H", "a", "--parallel=1", "cat", "shop", THERE="printf 'one\\n\\ntwo'; printf '%05000d'; echo; printf end")
    lines = [line.removeprefix("a: ") for line in text.splitlines()]
    assert all(line.startswith("a: ") for line in text.splitlines()) and "".join(lines) == "onetwo" + "0" * 5000 + "end" and lines[:2] == ["one", ""]


def test_the_first_failure_starts_no_further_machine(fake):
    """Those that run go on to their end, here after the failure was told."""
    there = "if [ $HOST = b ]; then exit 5; fi; until grep -q 'b failed' $FAKE/told; do sleep 0.02; done; echo end of $HOST"
    with (fake.path / "told").open("w") as told:
        done = subprocess.run([PYSERVICECTL, "-H", "a,b,c,d", "--parallel=2", "apply", "--yes"], stdout=subprocess.PIPE, stderr=told, text=True,
                              check=False, timeout=120, cwd=fake.path, stdin=subprocess.DEVNULL, env={**fake.environment, "THERE": there})
    assert (done.returncode, done.stdout) == (5, "a: end of a\n")
    assert (fake.path / "told").read_text() == "pyservicectl: b failed with exit status 5; not run on c, d\n"
    assert sorted(fake.hosts()) == ["a", "b"]


def test_definitions_are_copied(fake):
    (fake.path / "dir").mkdir()
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\n")
    (fake.path / "dir/blog.yaml").write_text("image: localhost/blog:1\n")
    (fake.path / "dir/blog.yaml").chmod(0o640)
    (fake.path / "link.yaml").symlink_to("shop.yaml")
    fake.good("-H", "a,b", "apply", "--yes", "shop.yaml", "other", "./dir/blog.yaml", "link.yaml")
    fake.good("-H", "a", "--parallel=1", "check", f"{fake.path}/shop.yaml")
    for one in fake.there()[:2]:
        *words, shop, other, blog, link = one["words"]
        assert words == ["--yes", "apply"] and other == "other"
        assert [os.path.basename(word) for word in (shop, blog, link)] == ["shop.yaml", "blog.yaml", "link.yaml"]
        assert [file[:1] + file[2:] for file in one["files"].values()] == [["image: localhost/shop:1\n", "0o700"], ["image: localhost/blog:1\n", "0o700"],
                                                                         ["image: localhost/shop:1\n", "0o700"]]
        assert one["files"][blog][1] == ("0o640" if os.geteuid() == 0 else "0o600")
    directories = {os.path.dirname(word) for one in fake.there() for word in one["files"]}
    assert len(directories) == 3 and all(name.startswith("/tmp/pyservice-") for name in directories)
    assert not any(os.path.exists(name) for name in directories)
    # A connection that copies, and one for the command.
    assert [one["host"] for one in fake.connections()] == ["a", "a", "b", "b", "a", "a"]


def test_the_copy_goes_whatever_happens(fake):
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\n")
    fake.bad(9, "-H", "a", "apply", "shop.yaml", THERE="exit 9")
    fake.bad(1, "-H", "a", "apply", "shop.yaml", THERE="kill -HUP $(ps -o ppid= -p $PPID); exit 0")
    directories = [os.path.dirname(word) for one in fake.there() for word in one["files"]]
    assert len(directories) == 2 and not any(os.path.exists(name) for name in directories)


def test_a_hostile_name_of_a_file(fake):
    name = "-C $(touch owned)'\\; \"x\".yaml"
    (fake.path / name).write_text("x: 1\n")
    fake.good("-H", "a", "check", f"./{name}")
    assert os.path.basename(fake.there()[0]["words"][1]) == name and list(fake.there()[0]["files"].values())[0][0] == "x: 1\n"
    assert not list(fake.path.rglob("owned"))


def test_files_that_cannot_be_copied(fake):
    (fake.path / "dir").mkdir()
    for name in ("shop.yaml", "dir/shop.yaml"):
        (fake.path / name).write_text("image: localhost/shop:1\n")
    assert "none.yaml: No such file or directory" in fake.bad(1, "-H", "a", "apply", "none.yaml")
    assert "./dir is not a regular file" in fake.bad(1, "-H", "a", "check", "./dir")
    assert "two files are named 'shop.yaml'" in fake.bad(2, "-H", "a", "check", "shop.yaml", "dir/shop.yaml")
    assert fake.connections() == []
    # The machine after that stays as it was.
    assert "not run on b" in fake.bad(255, "-H", "away,b", "apply", "shop.yaml") and fake.hosts() == []


def test_a_shell_that_greets(fake):
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\n")
    (fake.path / "there/greeting").write_text('#!/bin/sh\necho Welcome to /tmp; exec sh "$@"\n')
    (fake.path / "there/greeting").chmod(0o755)
    fake.good("-H", "a", "check", "shop.yaml", SHELL_THERE=str(fake.path / "there/greeting"))
    assert list(fake.there()[0]["files"].values())[0][0] == "image: localhost/shop:1\n"
    (fake.path / "there/greeting").write_text("#!/bin/sh\necho Access denied\n")
    assert "unexpected answer" in fake.bad(111, "-H", "a", "check", "shop.yaml", SHELL_THERE=str(fake.path / "there/greeting"))


def test_the_real_program_there(fake):
    (fake.path / "there/pyservicectl").unlink()
    (fake.path / "there/pyservicectl").symlink_to(os.path.abspath(PYSERVICECTL))
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\nport: 80000\n")
    assert "/shop.yaml:2:7: error: port 80000 is not between 1 and 65535" in fake.bad(1, "-H", "a", "check", "./shop.yaml")
    (fake.path / "shop.yaml").write_text("image: localhost/shop:1\n")
    assert fake.good("-H", "a", "check", "./shop.yaml") == ""
    assert fake.good("-H", "a", "render", f"--output={fake.path}/out", "shop.yaml") == "" and (fake.path / "out/shop").is_dir()
    assert fake.good("-H", "a", "schema", "--keys", "host") == fake.good("schema", "--keys", "host")
    assert "Show the plan" in fake.good("-H", "a", "help", "apply")


def test_other_paths_are_those_of_the_other_machine(fake):
    (fake.path / "compose.yaml").write_text("services: {}\n")
    fake.good("-H", "a", "import", "compose", "compose.yaml")
    fake.good("-H", "a", "set", "shop", "command", "./run.yaml")
    assert [one["words"] for one in fake.there()] == [["import", "compose", "compose.yaml"], ["set", "shop", "command", "./run.yaml"]]


def test_the_end_of_the_program_ends_ssh(fake):
    (fake.path / "here/ssh").write_text("#!/bin/sh\ntrap 'touch $FAKE/ended; exit 0' TERM\necho up\nwhile :; do sleep 0.02; done\n")
    process = subprocess.Popen([PYSERVICECTL, "-H", "a", "run", "shop", "x"], env=fake.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.kill()
    process.communicate()
    wait((fake.path / "ended").exists)


CI = Path(__file__).parents[2] / "contrib/ci"


@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="no ssh-agent")
def test_the_deployment_from_ci(fake):
    """Planned on all machines before one changes; the key is in an agent that ends with it."""
    for name in ("shop", "blog"):
        (fake.path / f"{name}.yaml").write_text("image: localhost/shop:1\n")
    (fake.path / "here/pyservicectl").symlink_to(os.path.abspath(PYSERVICECTL))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploys", "-f", fake.path / "key"], check=True)
    environment = {**fake.environment, "HOME": str(fake.path), "HOSTS": "root@a,b", "FILES": "shop.yaml b*.yaml", "SSH_KEY": (fake.path / "key").read_text().strip(),
                   "KNOWN_HOSTS": "a ssh-ed25519 AAAA", "THERE": "ssh-add -l >>$FAKE/keys; echo $SSH_AUTH_SOCK >$FAKE/agent; [ $FAIL != $HOST ]", "FAIL": "none"}

    def deploy(**more):
        return subprocess.run([CI / "deploy"], cwd=fake.path, env={**environment, **more}, capture_output=True, text=True, check=False, timeout=120)
    done = deploy()
    assert (done.returncode, done.stderr) == (0, "")
    assert [(one["host"], [os.path.basename(word) for word in one["words"]]) for one in fake.there()] == [
        (host, words) for words in (["plan", "shop.yaml", "blog.yaml"], ["--yes", "apply", "shop.yaml", "blog.yaml"]) for host in ("root@a", "b")]
    assert (fake.path / "keys").read_text().count(" deploys ") == 4
    wait(lambda: not os.path.exists((fake.path / "agent").read_text().strip()))      # it ends by a signal, which nobody waits for
    assert (fake.path / ".ssh/known_hosts").read_text() == "a ssh-ed25519 AAAA\n" and (fake.path / ".ssh").stat().st_mode & 0o777 == 0o700
    (fake.path / "there.log").unlink()
    assert deploy(FAIL="b").returncode == 1 and [one["words"][0] for one in fake.there()] == ["plan", "plan"]


def test_the_files_for_ci_are_about_what_there_is():
    action, job = (yaml.safe_load((CI / name).read_text()) for name in ("action.yml", "gitlab-ci.yml"))
    wanted = set(re.findall(r"^#   ([A-Z_]+)  ", (CI / "deploy").read_text(), re.M))
    step, = action["runs"]["steps"]
    assert wanted == {"HOSTS", "FILES", "SSH_KEY", "KNOWN_HOSTS"} == set(step["env"]) - {"ACTION"} == {name.upper() for name in action["inputs"]}
    assert "${{" not in step["run"], "a command of the shell must not be put together from inputs"
    commands = [step["run"], *job["deploy"]["before_script"], *job["deploy"]["script"]]
    programs = set(re.findall(r"(?:\$ACTION|contrib/ci)/(\w+)", " ".join(commands)))
    assert programs == {"install", "deploy"} and all(os.access(CI / name, os.X_OK) for name in programs)
    # Those of the README to build, and ssh.
    readme = (CI.parents[1] / "README.md").read_text()
    packages = re.search(r"apt-get install (gcc .*?)\s+# to build", readme, re.S).group(1).replace("\\\n", " ").split()
    assert set(packages) | {"openssh-client"} <= set(re.findall(r"[a-z0-9-]+", (CI / "install").read_text()))
