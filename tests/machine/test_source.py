# SPDX-License-Identifier: Apache-2.0
"""Applications that are built from their Git repository."""

import json
from pathlib import Path

import pytest

from app import define, settle, started, wait_for
from dci import put_credential
from repository import BARE, HTTPS_URL, SSH_KEY, SSH_URL, URL, WORK, Repository
from rolling import App

SHOP = """
source: {repo: %s, ref: %s%s}
services:
  - name: web
    command: shop 8000
    scale: 2
    port: 8000
    health: {http: /, interval: 1s}
    proxy: {domains: [shop.example.com]}
rollout: {min_ready: 1s}
"""


def shop(ref: str, more: str = "", repo: str = URL) -> str:
    return SHOP % (repo, ref, more)


@pytest.fixture
def repository(machine):
    repository = Repository(machine)
    repository.make()
    repository.serve()
    yield repository
    machine.run("systemctl stop git-daemon.service lab-sshd.service; rm -rf /var/cache/pyservice", check=False)


def versions(machine) -> set[str]:
    answers = [machine.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}) for _ in range(12)]
    return {answer.text.split()[0] if answer.status == 200 else f"status {answer.status}" for answer in answers}


def wait_version(machine, version: str, service: str = "shop-web", scale: int = 2) -> None:
    """Until that version alone answers, all instances run, and the rollout is over."""
    machine.wait(lambda: versions(machine) == {version}, timeout=180, what=f"version {version} alone to answer")
    wait_for(machine, service, scale)
    app = App(machine, "shop")
    machine.wait(app.is_done, what=lambda: f"the rollout to be over, {app}")


def status(machine) -> str:
    return machine.run("pyservicectl rollout status --no-follow shop", check=False).stdout


def build_units(machine) -> list[str]:
    return machine.run("ls /run/pyservice/apps/shop/units | grep -- -build.service", check=False).stdout.split()


def commit_of_container(machine) -> str:
    image = json.loads(machine.out("podman inspect shop-web-0"))[0]["Image"]
    return json.loads(machine.out(["podman", "image", "inspect", image]))[0]["Labels"]["org.opencontainers.image.revision"]


def test_tag_is_built_runs_and_needs_nobody_at_the_next_start(machine, repository):
    commit = repository.release("tagged", tag="v1.0")
    repository.release("later")
    define(machine, "shop", shop("v1.0"))
    wait_version(machine, "tagged")
    assert commit_of_container(machine) == commit
    shown = json.loads(machine.run("pyservicectl --json status shop", check=False).stdout)
    assert {instance["commit"] for instance in shown["services"][0]["instances"]} == {commit}
    assert f"Commit: {commit}\n" in machine.run("pyservicectl status shop", check=False).stdout
    assert machine.out("podman exec shop-web-0 pwd") == "/applications/shop/app/code"
    images = machine.out("podman images -q")

    machine.run("systemctl stop git-daemon.service")
    before = started(machine)
    machine.reload()
    settle(machine)
    assert started(machine) == before, "a reload restarts nothing"
    machine.run("systemctl stop 'shop-*-build.service'; systemctl restart shop-web@0.service")
    wait_version(machine, "tagged")
    assert machine.out("podman images -q") == images, "nothing is built where the image is there"


def test_new_from_a_repository_runs_its_procfile(machine, repository):
    repository.put("Procfile", "web: shop $PORT\n")
    repository.release("procfile")
    machine.written.add("/etc/pyservice.d/shop.yaml")
    assert "/etc/pyservice.d/shop.yaml written" in machine.out(["pyservicectl", "new", f"--from={URL}", "shop"])
    machine.run(["pyservicectl", "--yes", "apply", "shop"], timeout=180)
    wait_version(machine, "procfile", "shop", 1)


def test_branch_and_commit(machine, repository):
    first = repository.release("first")
    repository.release("second")
    define(machine, "shop", shop("main"))
    wait_version(machine, "second")
    define(machine, "shop", shop(first))
    wait_version(machine, "first")
    assert commit_of_container(machine) == first


def test_update_follows_a_moved_branch_without_new_requirements(machine, repository):
    repository.release("old")
    define(machine, "shop", shop("main"))
    wait_version(machine, "old")
    assert machine.out("pyservicectl update shop") == "shop: up to date"
    installs = machine.journal().count("already satisfied: gunicorn")
    assert installs > 0

    commit = repository.release("new")
    machine.reload()
    settle(machine)
    assert versions(machine) == {"old"}, "a branch is followed when it is asked for"
    assert machine.out("pyservicectl update shop").splitlines()[0].endswith("-" + commit)
    wait_version(machine, "new")
    assert commit_of_container(machine) == commit
    assert machine.journal().count("already satisfied: gunicorn") == installs, "requirements are in a layer of their own"

    machine.run("systemctl stop git-daemon.service")
    machine.reload()
    settle(machine)
    assert versions(machine) == {"new"}, "what was found stays without the server"


def test_update_goes_on_after_commits_that_do_not_build_or_do_not_run(machine, repository):
    repository.release("good")
    define(machine, "shop", shop("main"))
    wait_version(machine, "good")
    before = started(machine)

    repository.put("pinned-requirements.txt", "no-such-package==1\n")
    repository.commit()
    done = machine.run("pyservicectl update shop", check=False)
    assert done.returncode == 1 and "No matching distribution found for no-such-package" in done.stderr, done
    assert machine.out("ls /run/pyservice/builds") and machine.out("find /run/pyservice/builds -type f -perm /077") == ""
    assert started(machine) == before

    repository.put("pinned-requirements.txt", "gunicorn\n")
    repository.put("shop/__init__.py", "def main():\n    raise SystemExit(3)\n")
    repository.commit()
    machine.run("pyservicectl update shop")
    machine.wait(lambda: " failed" in status(machine), what="the rollout to fail")
    machine.wait(lambda: started(machine) == before, what="what ran to run, and no spare")
    assert versions(machine) == {"good"}

    repository.release("mended")
    machine.run("pyservicectl update shop")
    wait_version(machine, "mended")
    images = "podman image ls --quiet localhost/pyservice-shop"
    machine.wait(lambda: len(set(machine.out(images).split())) == 2, what="the image that failed to go, and the others to stay")


def test_failing_build_leaves_what_runs_and_says_why(machine, repository):
    repository.release("good", tag="v1")
    define(machine, "shop", shop("v1"))
    wait_version(machine, "good")
    before = started(machine)

    repository.put("pinned-requirements.txt", "no-such-package==1\n")
    repository.release("bad", tag="v2")
    define(machine, "shop", shop("v2"))
    machine.wait(lambda: "could not be built" in status(machine) and "No matching distribution found for no-such-package" in status(machine),
                 what="the rollout to fail, and why")
    assert versions(machine) == {"good"}
    assert started(machine) == before
    machine.wait(lambda: "-build.service" in machine.out("systemctl --failed --plain --no-legend"), what="the build to be shown as failed")

    define(machine, "shop", shop("no-such-branch"))
    machine.wait(lambda: "no tag, branch or commit 'no-such-branch'" in status(machine), what="the missing branch to be told")
    assert versions(machine) == {"good"}

    repository.put("pinned-requirements.txt", "gunicorn\n")
    repository.release("mended", tag="v3")
    define(machine, "shop", shop("v3"))
    wait_version(machine, "mended")


def test_ssh_needs_a_known_host_and_the_key(machine, repository):
    repository.release("ssh", tag="v1")
    repository.serve_ssh()
    define(machine, "shop", shop("v1", f", ssh_key: {SSH_KEY}", SSH_URL))
    machine.wait(lambda: build_units(machine) and "Host key verification failed" in machine.journal(build_units(machine)[0]), what="the unknown host to be refused")
    repository.know_host()
    machine.run("systemctl reset-failed 'shop-*'")
    wait_version(machine, "ssh")
    assert SSH_KEY not in machine.out("podman image inspect --format '{{json .}}' $(podman inspect --format '{{.Image}}' shop-web-0)")


def test_https_needs_the_credential_and_shows_it_nowhere(machine, repository):
    repository.release("https", tag="v1")
    repository.serve_https()
    define(machine, "shop", shop("v1", ", credential: shop.git", HTTPS_URL))
    machine.wait(lambda: build_units(machine) and "cannot read the credential 'shop.git'" in machine.journal(build_units(machine)[0]), what="the missing credential to be told")
    put_credential(machine, "shop.git", "deploy:s3cret:Q")
    machine.run("systemctl reset-failed 'shop-*'")
    wait_version(machine, "https")
    shown = machine.journal() + machine.out("systemctl show 'shop-*'") + machine.out("grep -rs . /var/cache/pyservice/shop/code/.git/config /applications/shop/app/code/.git/config")
    assert "s3cret" not in shown
    assert not machine.ok(f"GIT_TERMINAL_PROMPT=0 git ls-remote {HTTPS_URL}")


def test_own_containerfile_submodule_and_commands(machine, repository):
    machine.run(f"rm -rf /srv/git/lib.git && git init -q --bare -b main /srv/git/lib.git && touch /srv/git/lib.git/git-daemon-export-ok"
                f" && git clone -q {WORK} /root/lib && cd /root/lib && git push -q /srv/git/lib.git HEAD:main && rm -rf /root/lib")
    machine.run(f"cd {WORK} && git -c protocol.file.allow=always submodule add -q git://localhost/lib.git vendored")
    repository.release("sub")
    define(machine, "shop", shop("main", ', before: mkdir /made, after: ["cp vendored/setup.py /made/x"]'))
    wait_version(machine, "sub")
    assert machine.ok("podman exec shop-web-0 test -s /made/x")

    repository.put("own/Containerfile", "FROM docker.io/library/python:3.12-slim\nCOPY . /own\nRUN touch /own/yes\nENV PYTHONPATH=/own\n"
                   'CMD ["python", "-c", "import shop, sys; sys.argv.append(8000); shop.main()"]\n')
    repository.put("own/shop/__init__.py", machine.read(f"{WORK}/shop/__init__.py").replace('"sub"', '"own"'))
    repository.commit()
    define(machine, "shop", shop("main", ", subdir: own, containerfile: Containerfile").replace("    command: shop 8000\n", ""))
    wait_version(machine, "own")
    assert machine.ok("podman exec shop-web-0 test -e /own/yes")


PRIVATE = "/root/private"
HOSTILE = "/srv/hostile"
MODULE = """cat >.gitmodules <<'END'
[submodule "lib"]
path = lib
url = %s
%s
END
git update-index --add --cacheinfo 160000,$(git -C /root/private rev-parse HEAD),lib"""
TOUCH = "touch /hostile-ran"
MOUNT = r"FROM localhost/hello:1\nRUN --mount=type=bind,source=%s,target=/m cat /m/key\n"

# What makes the repository's tree, the options of the build, and why there is no image. A command that
# the repository names would create /hostile-ran.
REFUSED = {
    "submodule at a path": (MODULE % (PRIVATE, ""), "", "transport 'file' not allowed"),
    "submodule at a file URL": (MODULE % ("file://" + PRIVATE, ""), "", "transport 'file' not allowed"),
    "submodule beside the repository": (MODULE % ("../private", ""), "", "transport 'file' not allowed"),
    "submodule of a command":
        (MODULE % (f'"ext::sh -c {TOUCH}"', ""), "", "transport 'ext' not allowed"),
    "submodule with an option of git":
        (MODULE % (f'"--upload-pack={TOUCH}"', ""), "", "No url found for submodule path 'lib'"),
    "submodule with a short option of git":
        (MODULE % (f'"-u{TOUCH}"', ""), "", "No url found for submodule path 'lib'"),
    "submodule with an option of ssh":
        (MODULE % (f'"ssh://-oProxyCommand={TOUCH}/x"', ""), "", "strange hostname '-oProxyCommand=touch '"),
    "submodule that runs a command":
        (MODULE % ("https://127.0.0.1:1/x", f"update = !{TOUCH}"), "", "invalid value for 'submodule.lib.update'"),
    "subdir that leaves the repository":
        (f"ln -s {PRIVATE} sub", "--subdir=sub", "'sub' of the repository is a link out of the repository"),
    "Containerfile that leaves the repository":
        (f"ln -sf {PRIVATE}/key Containerfile", "", "'Containerfile' of the repository is a link out of the repository"),
    "list of what is left out, elsewhere":
        (f"ln -s {PRIVATE}/key .dockerignore", "", "'.dockerignore' of the repository is a link out of the repository"),
    "submodule whose name leaves the clone":
        (MODULE.replace('"lib"', '"../../lib"') % ("https://127.0.0.1:1/x", ""), "", "No url found for submodule path 'lib'"),
    "submodule whose path is an option":
        (MODULE.replace("path = lib", "path = -u").replace(",lib", ",lib/-u") % ("https://127.0.0.1:1/x", ""), "",
         "No url found for submodule path 'lib/-u'"),
    "mount that leaves the repository":
        (f"ln -s {PRIVATE} sub; printf '{MOUNT}' sub >Containerfile", "", "no such file or directory"),
    "mount above the repository":
        (f"printf '{MOUNT}' ../../../..{PRIVATE} >Containerfile", "", "no such file or directory"),
    "copy from above the repository":
        ("echo 'COPY ../../../../root/private/key /key' >>Containerfile", "", "possible escaping context directory"),
    "file that leaves the repository":
        (f"ln -s {PRIVATE}/key key; echo 'COPY key /key' >>Containerfile", "", "/root/private/key: no such file"),
}
BUILT = {
    "hooks": (f"mkdir hooks; echo {TOUCH} >hooks/post-checkout; cp -r hooks .githooks; chmod +x *hooks/* .g*/*", ""),
    "attributes": ("echo '* filter=x diff=x merge=x' >.gitattributes", ""),
    "names like options":
        ("touch -- -rf --upload-pack=x '--file=x'; mkdir -- --subdir=x; touch -- --subdir=x/-x", ""),
    "branch like an option": ("true", "--ref=--exec=x"),
    "subdir and Containerfile like options":
        ("mkdir -- --subdir=x; mv Containerfile -- --subdir=x/--file=x", "--subdir=--subdir=x --containerfile=--file=x"),
}
# Trees that git itself would not write: a directory .git with a hook, and a link with a file below it. The first
# line sets main to the tree $t.
RAW = f"""
hook=$(printf '#!/bin/sh\n{TOUCH}\n' | git hash-object -w --stdin)
file=$(git rev-parse main:Containerfile); link=$(printf {PRIVATE} | git hash-object -w --stdin)
%s
git update-ref refs/heads/main $(git commit-tree -m x $t)"""
GIT_DIRECTORY = RAW % """
h=$(printf '100755 blob %s\tpost-checkout\n' $hook | git mktree); g=$(printf '040000 tree %s\thooks\n' $h | git mktree)
t=$(printf '040000 tree %s\t.git\n100644 blob %s\tContainerfile\n' $g $file | git mktree)"""
MODULES_LINK = RAW % "t=$(printf '120000 blob %s\\t.gitmodules\\n100644 blob %s\\tContainerfile\\n' $link $file | git mktree)"
BELOW_LINK = RAW % """
d=$(printf '100644 blob %s\tplanted\n' $hook | git mktree)
t=$(printf '100644 blob %s\tContainerfile\n120000 blob %s\tsub\n040000 tree %s\tsub\n' $file $link $d | git mktree)"""


# Who may write a repository gives objects of another one as its own.
BORROW = f"echo {PRIVATE}/.git/objects >objects/info/alternates; git -C {PRIVATE} rev-parse HEAD >refs/heads/main"


def hostile(machine, tree: str, options: str, bare: str = "true"):
    """What a build of a repository that the user git owns prints."""
    machine.run(f"rm -rf {HOSTILE} /root/hostile; git init -q --bare -b main {HOSTILE}/app.git;"
                "git init -q -b main /root/hostile; cd /root/hostile;"
                "printf 'FROM scratch\\nCOPY . /\\n' >Containerfile;"
                "cp -r /root/private /srv/hostile/; chmod 700 /srv/hostile/private\n"
                f"{tree}\ngit add -A -- . ':!lib' && git commit -qm x || exit\n"
                f"git push -q {HOSTILE}/app.git HEAD:main HEAD:refs/heads/-x HEAD:refs/heads/--exec=x || exit\n"
                f"cd {HOSTILE}/app.git; {bare}; chown -R git {HOSTILE}/app.git")
    return build(machine, "rm -rf /var/cache/hostile", options)


def build(machine, before: str, options: str = ""):
    return machine.run(f"{before}; mkdir -p /var/cache/hostile; CACHE_DIRECTORY=/var/cache/hostile"
                       " $(find /usr/lib* -name pyservice-build) build hostile localhost/hostile:1"
                       f" --runtime=/run/pyservice --repo={HOSTILE}/app.git --ref=main --code=/var/cache/hostile/copy"
                       f" --containerfile=Containerfile {options}; podman rmi -f localhost/hostile:1",
                       check=False)


def make_private(machine):
    """Root's own repository. What is left out of a build by its file `key` would be an error."""
    machine.run("id git 2>/dev/null || useradd -m -p '*' git;"
                "git config --global user.name x; git config --global user.email x@example.com;"
                f"rm -rf {PRIVATE}; git init -q {PRIVATE}; chmod 700 {PRIVATE}; cd {PRIVATE};"
                "echo 'ROOTS-TOKEN[' | tee key >Containerfile; git add . && git commit -qm x")


def test_hostile_repository_runs_no_command_and_reads_nothing_of_roots(machine):
    make_private(machine)
    assert not machine.ok("git config --get-all safe.directory")

    for name, (tree, options) in BUILT.items():
        done = hostile(machine, tree, options)
        assert "Error: " not in done.stderr and "Untagged" in done.stdout, (name, done)
    own = f"git config uploadpack.packObjectsHook '{TOUCH}';" \
          f"printf '#!/bin/sh\n{TOUCH}\n' | tee hooks/post-checkout hooks/pre-auto-gc; chmod +x hooks/*"
    done = hostile(machine, "true", "", own)
    assert "Error: " not in done.stderr and "Untagged" in done.stdout, done

    refused = {name: (hostile(machine, tree, options), why) for name, (tree, options, why) in REFUSED.items()}
    refused["directory of git"] = (hostile(machine, "true", "", GIT_DIRECTORY), "invalid path '.git/hooks/post-checkout'")
    refused["submodules of a link"] = (hostile(machine, "true", "", MODULES_LINK), "invalid path '.gitmodules'")
    done = hostile(machine, "true", "", BELOW_LINK)
    assert "Error: " not in done.stderr and "Untagged" in done.stdout, done
    refused["objects of another repository"] = (hostile(machine, "true", "", BORROW), "upload-pack: not our ref")
    for name, (done, why) in refused.items():
        assert why in done.stderr and "Untagged" not in done.stdout, (name, done)
        assert "ROOTS-TOKEN" not in done.stdout + done.stderr, (name, done)
    assert not machine.ok("test -e /hostile-ran")
    assert machine.out(f"ls -A {PRIVATE}").split() == [".git", "Containerfile", "key"]


def test_repository_of_roots_that_a_group_may_write(machine):
    """As `git init --shared=group` makes one. A member of the group can name objects of root's as its own."""
    make_private(machine)
    share = "cd {0}; chown -R root:git . && chmod -R g+rwX,o= . && rm -rf /var/cache/hostile".format(f"{HOSTILE}/app.git")
    hostile(machine, "true", "")
    done = build(machine, share)
    assert "Error: " not in done.stderr and "Untagged" in done.stdout, done
    done = build(machine, f"{share}; {BORROW}")
    assert "upload-pack: not our ref" in done.stderr and "Untagged" not in done.stdout, done
    assert "ROOTS-TOKEN" not in done.stdout + done.stderr, done


def test_a_link_that_becomes_a_directory(machine):
    """The clone of the build before has the link."""
    make_private(machine)
    done = hostile(machine, f"ln -s {PRIVATE} sub", "")
    assert "Untagged" in done.stdout, done
    machine.run(f"cd /root/hostile && rm sub && mkdir sub && touch sub/planted && git add -A && git commit -qm x && chown -R root {HOSTILE}/app.git"
                f" && git push -q {HOSTILE}/app.git HEAD:main && chown -R git {HOSTILE}/app.git")
    done = build(machine, "true")
    assert "Untagged" in done.stdout and machine.exists("/var/cache/hostile/code/sub/planted"), done
    assert machine.out(f"ls -A {PRIVATE}").split() == [".git", "Containerfile", "key"]


def test_local_repository_of_another_user(machine, repository):
    """With git's own guard against it in place."""
    machine.run("id git 2>/dev/null || useradd -m -p '*' git;"
                f"chown -R git {BARE}; chmod -R go= {BARE}")
    assert not machine.ok("git config --get-all safe.directory") and not machine.ok(f"git ls-remote {BARE}")
    define(machine, "shop", shop("main", repo=BARE))
    wait_version(machine, "one")


CONDA = r"""
FROM docker.io/library/python:3.12-slim
RUN mkdir -p /opt/conda/bin && printf '#!/bin/sh\nset -e\necho "$@" >/conda-was\npython3 -m venv --system-site-packages /opt/conda/envs/"$4"\n' >/opt/conda/bin/conda && chmod +x /opt/conda/bin/conda
"""


def test_conda_environment_of_a_program_in_its_place(machine, repository):
    """What stands for conda makes a virtual environment where conda would make its own."""
    machine.run("podman build -q -t localhost/conda:1 -", input=CONDA)
    repository.release("conda")
    define(machine, "shop", shop("main", ', base: "localhost/conda:1", manager: conda, python: "3.8"'))
    wait_version(machine, "conda")
    assert machine.out("podman exec shop-web-0 cat /conda-was") == "create --yes --name shop python=3.8 pip"
    assert machine.out("podman exec shop-web-0 which shop python").split() == ["/opt/conda/envs/shop/bin/shop", "/opt/conda/envs/shop/bin/python"]


EXAMPLE = Path(__file__).resolve().parents[2] / "contrib/examples/giftwrap.yaml"
GIFTWRAP = """
import argparse, http.server, json, os, pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--config", type=pathlib.Path)
parser.add_argument("work", choices=["web", "do_something"])
args = parser.parse_args()
data = pathlib.Path(args.config.read_text().removeprefix("data: ").strip())
facts = {"uid": os.getuid(), "certificate": (args.config.parent / "certificate").read_text(), "data": str(data)}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if args.work == "web":
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
(data / "done").write_text(str(os.getuid()))
"""


def giftwrap(machine) -> dict:
    answer = machine.http("http://127.0.0.1/", headers={"Host": "giftwrap.example.com"})
    return answer.json() if answer.status == 200 else {}


def test_giftwrap_as_it_stands(own_machine):
    machine, repository = own_machine, Repository(own_machine)
    repository.make()
    repository.put("setup.py", 'from setuptools import setup\nsetup(name="giftwrap", version="1.4", packages=["giftwrap"])\n')
    repository.put("giftwrap/__init__.py", "")
    repository.put("giftwrap/__main__.py", GIFTWRAP)
    repository.release("giftwrap", tag="v1.4.0")
    repository.serve_ssh()
    repository.know_host()
    machine.run(f"mkdir -p ~git/giftwrap && ln -s {BARE} ~git/giftwrap/giftwrap.git && chown -h git ~git/giftwrap/giftwrap.git && cp {SSH_KEY} /etc/pyservice/keys/giftwrap")
    put_credential(machine, "giftwrap.certificate", "the certificate")
    define(machine, "giftwrap", EXAMPLE.read_text())

    machine.wait(lambda: giftwrap(machine), what="giftwrap to answer")
    uid = int(machine.out("id -u giftwrap"))
    assert giftwrap(machine) == {"uid": uid, "certificate": "the certificate", "data": "/applications/giftwrap/data"}
    machine.wait(lambda: "giftwrap-something.timer" in machine.out("systemctl list-timers"), what="the timer, once the revision is accepted")
    machine.run("systemctl start giftwrap-something.service")
    assert machine.read("/applications/giftwrap/data/done") == str(uid)
    assert machine.out("stat -c '%U %a' /applications/giftwrap/app/code/setup.py") == "root 644"
    machine.wait(lambda: machine.is_active("giftwrap-web@1.service"), what="both instances")

    machine.run("systemctl stop lab-sshd.service")
    machine.reboot()
    machine.wait(lambda: giftwrap(machine).get("uid") == uid, what="giftwrap to answer after a reboot, without the server")
    assert machine.read("/applications/giftwrap/data/done") == str(uid)
