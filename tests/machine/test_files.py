# SPDX-License-Identifier: Apache-2.0
"""The user, directories and files of an app: on the machine, in its containers, through changes, a reboot, and after its end."""

import pytest

from app import HELLO, define, settle, undefine, wait_for

ROOT = "/applications/wrap"
DATA = "/srv/elsewhere/data"  # of one that has it there
CERTIFICATE = b"-----\0\xff\xfe\n%s $HOME\n"
WRAP = HELLO + """\
scale: 2
user: wrap
secrets:
  certificate: {credential: wrap.certificate}
files:
  - dest: "{{ app_config_dir }}/tls/certificate"
    content: {secret: certificate}
    mode: "0640"
  - dest: "{{ app_config }}"
    content: |
      data: {{ app_data_dir }}
      odd: 'a%b \\\\ "$x" ü'
      version: 1
  - {dest: /etc/wrap.conf, content: "elsewhere\\n", owner: root, group: root, mode: "0644"}
  - {dest: /etc/wrap.none, content: null}
  - {dest: "{{ app_data_dir }}/copy", source: /etc/wrap.source}
"""
CONFIG = f"data: {ROOT}/data\nodd: 'a%b \\\\ \"$x\" ü'\nversion: 1\n"


def start(machine, text=WRAP):
    machine.write("/etc/credstore/wrap.certificate", CERTIFICATE, 0o600)
    machine.write("/etc/wrap.source", "first\n")
    define(machine, "wrap", text)
    wait_for(machine, "wrap", 2)
    settle(machine)


def read_bytes(machine, *command):
    return bytes(int(word, 16) for word in machine.out([*command[:-1], *"od -An -v -tx1".split(), command[-1]]).split())


def modes(machine, paths):
    return machine.out(["stat", "-c", "%a %U %G", *paths]).splitlines()


@pytest.fixture
def wrap(machine):
    yield machine
    undefine(machine, "wrap")
    machine.wait(machine.is_without_apps, what="the end of wrap")
    machine.run(f"rm -rf {ROOT} /srv/elsewhere /etc/wrap.conf; userdel wrap", check=False)


def test_on_the_machine_and_in_the_container(wrap):
    start(wrap)
    assert modes(wrap, ["/applications", ROOT, f"{ROOT}/app", f"{ROOT}/app/config", f"{ROOT}/data", f"{ROOT}/app/config/tls"]) == [
        "755 root root", "755 root root", "755 root root", "750 wrap wrap", "750 wrap wrap", "700 wrap wrap"]
    assert modes(wrap, [f"{ROOT}/app/config/tls/certificate", f"{ROOT}/app/config/config.yaml", "/etc/wrap.conf", f"{ROOT}/data/copy"]) == [
        "640 wrap wrap", "600 wrap wrap", "644 root root", "600 wrap wrap"]
    assert not wrap.exists("/etc/wrap.none")
    inside = ["podman", "exec", "wrap-1"]
    assert wrap.out([*inside, "id", "-u"]) == wrap.out("id -u wrap")
    assert wrap.out([*inside, "id", "-g"]) == wrap.out("id -g wrap")
    for where in [], inside:
        assert read_bytes(wrap, *where, f"{ROOT}/app/config/tls/certificate") == CERTIFICATE
        assert wrap.run([*where, "cat", f"{ROOT}/app/config/config.yaml"]).stdout == CONFIG
        assert wrap.run([*where, "cat", "/etc/wrap.conf", f"{ROOT}/data/copy"]).stdout == "elsewhere\nfirst\n"
    wrap.run([*inside, "touch", f"{ROOT}/data/made"])
    assert modes(wrap, [f"{ROOT}/data/made"]) == ["644 wrap wrap"]
    assert not wrap.ok([*inside, "touch", "/etc/wrap.conf"])


def test_secrets_are_in_no_file_of_ours(wrap):
    wrap.write("/etc/credstore/wrap.certificate", b"0f1e2d-secret", 0o600)
    wrap.write("/etc/wrap.source", "first\n")
    define(wrap, "wrap", WRAP)
    wait_for(wrap, "wrap", 2)
    assert wrap.run("grep -rlE '0f1e2d-secret|MGYxZTJkLXNlY3JldA' /run/systemd /run/pyservice/apps /var/lib/pyservice /run/pyservice/setup", check=False).stdout == ""
    assert "0f1e2d" not in wrap.journal()


def test_a_changed_file_is_rolled_out_and_an_unchanged_one_is_left(wrap):
    start(wrap)
    first = wrap.out("podman inspect -f '{{.Id}}' wrap-0 wrap-1")
    before = wrap.out(f"stat -c %y {ROOT}/app/config/config.yaml")
    wrap.reload()
    wrap.run("systemctl restart wrap@0.service")
    wait_for(wrap, "wrap", 2)
    assert wrap.out(f"stat -c %y {ROOT}/app/config/config.yaml") == before

    define(wrap, "wrap", WRAP.replace("version: 1", "version: 2"))
    wrap.run("pyservicectl --no-pager rollout status wrap")
    wait_for(wrap, "wrap", 2)
    assert not set(wrap.out("podman inspect -f '{{.Id}}' wrap-0 wrap-1").split()) & set(first.split())
    assert "version: 2" in wrap.read(f"{ROOT}/app/config/config.yaml")

    wrap.run("pyservicectl --no-pager rollout undo wrap && pyservicectl --no-pager rollout status wrap")
    wait_for(wrap, "wrap", 2)
    assert wrap.read(f"{ROOT}/app/config/config.yaml") == CONFIG


def test_a_changed_source_is_there_after_a_restart(wrap):
    start(wrap)
    wrap.write("/etc/wrap.source", "second\n")
    wrap.run("systemctl restart wrap@1.service")
    assert wrap.out(["podman", "exec", "wrap-1", "cat", f"{ROOT}/data/copy"]) == "second"


def test_what_somebody_removed_is_there_after_a_restart(wrap):
    start(wrap)
    wrap.run(f"rm -rf {ROOT}/app/config/tls")
    wrap.run("systemctl restart wrap@1.service")
    assert read_bytes(wrap, f"{ROOT}/app/config/tls/certificate") == CERTIFICATE


def test_links_of_the_owner_lead_nowhere(wrap):
    start(wrap)
    wrap.write("/etc/wrap.precious", "precious\n")
    wrap.run(f"rm {ROOT}/app/config/config.yaml && ln -s /etc/wrap.precious {ROOT}/app/config/config.yaml && chown -h wrap:wrap {ROOT}/app/config/config.yaml")
    define(wrap, "wrap", WRAP.replace("version: 1", "version: 3"))
    wrap.wait(lambda: f"link '{ROOT}/app/config/config.yaml' belongs to 'wrap'" in wrap.journal(), what="the set-up to fail")
    assert wrap.read("/etc/wrap.precious") == "precious\n"

    wrap.run(f"mv {ROOT}/app/config {ROOT}/app/kept && ln -s /root {ROOT}/app/config && chown -h wrap:wrap {ROOT}/app/config")
    define(wrap, "wrap", WRAP.replace("version: 1", "version: 4"))
    wrap.wait(lambda: f"link '{ROOT}/app/config' belongs to 'wrap'" in wrap.journal(), what="the set-up to fail")
    assert not wrap.exists("/root/config.yaml") and not wrap.exists("/root/tls")
    # Nor where it is put there after that was looked at.
    conf = wrap.out("ls /run/pyservice/apps/wrap/setup/*.tmpfiles | head -1")
    wrap.run(f"sed -i '/tls/d' {conf}; systemd-tmpfiles --create {conf}", check=False)
    assert not wrap.exists("/root/config.yaml")


def test_the_owner_renames_nothing_that_is_mounted(wrap):
    start(wrap)
    for command in f"mv {ROOT}/data {ROOT}/other", f"mv {ROOT}/app/config {ROOT}/config", f"ln -s /root {ROOT}/link":
        assert not wrap.ok(f"runuser -u wrap -- {command}")
    # As an earlier version made it; the next start corrects that.
    wrap.run(f"chown wrap:wrap {ROOT} {ROOT}/app && chmod 775 {ROOT} {ROOT}/app && systemctl restart wrap@1.service")
    assert modes(wrap, [ROOT, f"{ROOT}/app", f"{ROOT}/data"]) == ["755 root root", "755 root root", "750 wrap wrap"]

    # Nobody corrects a directory above them.
    wrap.run("useradd --system alice; chown alice /applications")
    wrap.run("systemctl restart wrap@1.service", check=False)
    wrap.wait(lambda: "'/applications' on the way to" in wrap.journal(), what="the set-up to fail")
    assert "belongs to 'alice'" in wrap.journal()
    wrap.run("chown root /applications; userdel alice")

    # An administrator's own link.
    undefine(wrap, "wrap")
    wrap.wait(wrap.is_without_apps, what="the end of wrap")
    try:
        wrap.run("mkdir -p /srv && mv /applications /srv/apps && ln -s /srv/apps /applications")
        start(wrap, WRAP.replace("version: 1", "version: 2"))
        assert "version: 2" in wrap.read("/srv/apps/wrap/app/config/config.yaml")
        assert wrap.out(["podman", "exec", "wrap-1", "cat", f"{ROOT}/data/copy"]) == "first"
    finally:
        undefine(wrap, "wrap")
        wrap.wait(wrap.is_without_apps, what="the end of wrap")
        wrap.run("rm /applications && mv /srv/apps /applications")


def test_what_is_missing_is_said(wrap):
    define(wrap, "wrap", WRAP)
    wrap.wait(lambda: "secret 'certificate' is missing" in wrap.journal(), what="the secret to be missed")
    assert not wrap.exists(ROOT)
    wrap.write("/etc/credstore/wrap.certificate", CERTIFICATE, 0o600)
    wrap.wait(lambda: "cannot copy '/etc/wrap.source'" in wrap.journal(), what="the source to be missed")
    wrap.wait(lambda: "could not be created; see 'systemctl status wrap-" in wrap.journal("wrap@0.service"), what="the instance to say so")
    assert "dependency" not in wrap.journal("wrap@0.service")
    start(wrap, WRAP + "ensure_user: false\n") if wrap.ok("useradd --system wrap") else pytest.fail("useradd")


def test_an_end_leaves_the_data_and_purge_removes_it(wrap):
    start(wrap, WRAP + f"data_dir: {DATA}\n")
    wrap.run(["podman", "exec", "wrap-0", "sh", "-c", f"echo kept >{DATA}/kept"])
    assert modes(wrap, ["/srv/elsewhere", DATA, f"{DATA}/kept"]) == [
        "755 root root", "750 wrap wrap", "644 wrap wrap"]
    assert wrap.read(f"{ROOT}/app/config/config.yaml").startswith(f"data: {DATA}\n")
    assert not wrap.exists(f"{ROOT}/data")
    for name in "wrap", "wrap-x":
        wrap.run(f"podman volume create --label io.pyservice.app={name} {name}-cache;"
                 f"tar c --transform s,.*,{name}, /etc/hostname | podman import - localhost/pyservice-{name}:0123456789ab")
    assert "wrap is defined by" in wrap.run("pyservicectl purge --yes wrap", check=False).stderr
    undefine(wrap, "wrap")
    wrap.wait(wrap.is_without_apps, what="the end of wrap")
    assert wrap.read(f"{DATA}/kept") == "kept\n"
    assert wrap.exists("/var/lib/pyservice/wrap")

    asked = wrap.run("pyservicectl purge wrap", check=False, input="n\n")
    for line in f"directory {DATA}", "volume wrap-cache", "image localhost/pyservice-wrap:0123456789ab":
        assert f"  {line}\n" in asked.stdout
    assert asked.returncode == 1 and "file /etc/wrap.conf\n" in asked.stdout
    assert wrap.exists(f"{DATA}/kept")
    wrap.run("pyservicectl purge wrap", input="y\n")
    for path in ROOT, DATA, "/etc/wrap.conf", "/var/lib/pyservice/wrap":
        assert not wrap.exists(path)
    assert wrap.exists("/applications")
    assert wrap.out("podman volume ls -q") == "wrap-x-cache"
    assert not wrap.ok("podman image exists localhost/pyservice-wrap:0123456789ab")
    assert wrap.ok("podman image exists localhost/pyservice-wrap-x:0123456789ab")

    start(wrap)
    assert wrap.read(f"{ROOT}/app/config/config.yaml") == CONFIG


def test_reboot(own_machine):
    start(own_machine)
    own_machine.run(["podman", "exec", "wrap-0", "sh", "-c", f"echo kept >{ROOT}/data/kept"])
    own_machine.reboot()
    wait_for(own_machine, "wrap", 2)
    assert own_machine.read(f"{ROOT}/data/kept") == "kept\n"
    assert own_machine.run(["podman", "exec", "wrap-1", "cat", f"{ROOT}/app/config/config.yaml"]).stdout == CONFIG
    assert own_machine.out(["podman", "exec", "wrap-1", "id", "-u"]) == own_machine.out("id -u wrap")
