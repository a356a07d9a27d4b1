# SPDX-License-Identifier: Apache-2.0
"""What does not work is noticed before a client does, taken back, and told."""

import hashlib
import hmac
import json
import re

import pytest

from app import define, settle, started, wait_for
from pace import limit
from rolling import App, text

QUICK = f"ready_timeout: {limit(2)}, min_ready: 500ms"
ASKED = f"ready_timeout: {limit(9)}, min_ready: 500ms"      # long enough for an answer

# Name → what is wrong with version 2, and what must be said of it.
BAD = {
    "does not exist": ({"image": "localhost/no-such:1"}, "no-such"),
    "exits at once": ({"env": "HELLO_EXIT: 3"}, "3"),
    "never answers": ({"env": "HELLO_START_DELAY: 600", "rollout": QUICK}, ""),
    "answers 500": ({"env": "HELLO_HEALTH: 500", "rollout": ASKED}, "500"),
    "dies 3 s later": ({"env": "HELLO_DIE_AFTER: 3", "rollout": "min_ready: 5s"}, ""),
}
NOT_THE_SECOND = "entrypoint: /bin/sh\ncommand: [-c, 'test $ONLY != 1 || exit 3; exec /app/hello']\n"


@pytest.fixture
def app(machine):
    return App(machine)


def config_failed(app) -> bool:
    return app.machine.unit(f"pyservice-config@{app.name}.service")["ActiveState"] == "failed"


def told(app, revision: str) -> list[dict]:
    """The entries of the journal that say that a revision failed."""
    app.machine.run("journalctl --sync")
    lines = app.machine.out(["journalctl", "-b", "-o", "json", f"--since=@{app.begin:.3f}", f"PYSERVICE_APP={app.name}",
                             f"PYSERVICE_REVISION={revision}"]).splitlines()
    return [entry for entry in map(json.loads, lines) if entry.get("MESSAGE_ID") and entry.get("REASON")]


def assert_told(app, revision: str, words: str) -> None:
    machine, unit = app.machine, f"{app.name}-rollout@{revision}.service"

    def status() -> str:
        return machine.run(["systemctl", "status", "--no-pager", f"pyservice-config@{app.name}.service"], check=False).stdout

    # It may have shown another revision's error until now, and journald writes its lines some time later.
    machine.wait(lambda: "Active: failed" in (shown := status()) and revision in shown and "rollout-failed" in shown,
                 what=lambda: f"the error to be shown, {app}: {status()}")
    (entry,) = told(app, revision)
    assert entry["PYSERVICE_UNIT"].startswith(f"{app.name}@") and entry["PYSERVICE_UNIT"].endswith(".service")
    assert words in entry["REASON"] and entry["REASON"] in entry["MESSAGE"]
    assert "pyservice" in machine.out(f"journalctl --update-catalog; journalctl --dump-catalog {entry['MESSAGE_ID']}")
    assert entry["_SYSTEMD_UNIT"] == unit
    assert revision in app.ctl("rollout", "status", app.name, check=False)


def assert_mended(app, version, scale) -> None:
    app.define(version, scale)
    app.wait(version, scale)
    app.machine.wait(lambda: app.machine.out("systemctl --failed --plain --no-legend") == "", what="no failed unit")


def test_a_bad_image_reaches_nobody(app):
    scale = 2
    app.define(1, scale)
    app.wait(1, scale)
    before, failed = started(app.machine), set()
    for name, (options, words) in BAD.items():
        # What is no part of a revision acts at once, with what is accepted: one more instance, and then one less.
        more = scale + (name == "never answers")
        with app.load(f"{name}, scale {scale}"):
            app.define(name, more, **options)
            failures = app.wait_failed(len(failed) + 1)
            app.wait(1, more)
        (revision,) = set(failures) - failed
        failed.add(revision)
        assert words in failures[revision]
        assert_told(app, revision, words)
        now = started(app.machine)
        assert {unit: now[unit] for unit in before} == before, "what ran was never touched"

    # The same is not tried again until that is asked for.
    app.machine.reload()
    settle(app.machine)
    app.machine.reload()
    app.wait(1, scale)
    assert len(told(app, revision)) == 1
    app.machine.wait(lambda: config_failed(app), what="the error to be shown still")
    app.ctl("rollout", "retry", "hello")
    app.machine.wait(lambda: len(told(app, revision)) == 2, what="another try")
    app.wait_failed(len(failed))
    app.wait(1, scale)
    assert_mended(app, 1, scale)
    assert started(app.machine) == before


@pytest.mark.parametrize("on_failure", ["revert", "stop"])
def test_one_that_fails_in_its_place(app, on_failure):
    """The spare is good, and so is the first instance; the second is not."""
    app.define(1, 3)
    app.wait(1, 3)
    with app.load(f"fails later, {on_failure}"):
        app.define(2, 3, env="ONLY: '{{ instance }}'", more=NOT_THE_SECOND, rollout=f"ready_timeout: {limit(12)}, on_failure: {on_failure}")
        (revision,) = app.wait_failed()
        app.wait_answers(app.expected(1, 3) if on_failure == "revert" else app.expected(1, 3) | {"hello-0": "2"})
    assert_told(app, revision, "hello@1")
    assert_mended(app, 1 if on_failure == "revert" else 3, 3)


def test_one_that_fails_after_all_were_stopped(app):
    """Strategy recreate: what runs of the new revision is stopped again, all of it, before the old one comes back."""
    app.define(1, 3, rollout="strategy: recreate")
    app.wait(1, 3)
    app.define(2, 3, env="ONLY: '{{ instance }}'", more=NOT_THE_SECOND, rollout=f"strategy: recreate, ready_timeout: {limit(8)}")
    (revision,) = app.wait_failed()
    app.wait(1, 3)
    assert_told(app, revision, "hello@1")
    assert_mended(app, 1, 3)


def test_without_health_it_is_to_take_connections(app):
    """Nothing is said of its health, and it listens at another port than it says."""
    plain = re.sub("(?m)^health:.*\n", "", text(1, 2))
    define(app.machine, "hello", plain)
    app.wait(1, 2)
    before = started(app.machine)
    with app.load("another port"):
        define(app.machine, "hello", plain.replace("env: {", "env: {PORT: 8001, ").replace("rollout: {", f"rollout: {{ready_timeout: {limit(9)}, "))
        (revision,) = app.wait_failed()
        app.wait(1, 2)
    assert_told(app, revision, "a connection to port")
    assert started(app.machine) == before


def test_a_migration_that_fails_restarts_nothing(app):
    tasks = "tasks: [{{name: migrate, entrypoint: /bin/sh, command: [-c, 'printf \"no column \\302\\2332J \\2332J\\n\"; exit {}']}}]\nbefore_update: migrate\n"
    app.define(1, 2, more=tasks.format(0))
    app.wait(1, 2)
    before = started(app.machine)
    with app.load("migration fails"):
        app.define(2, 2, more=tasks.format(4))
        (revision,) = app.wait_failed()
    (entry,) = told(app, revision)
    assert entry["PYSERVICE_UNIT"] == "hello-migrate.service" and "no column ??2J ?2J" in entry["PYSERVICE_LOG"], entry
    assert started(app.machine) == before
    app.wait(1, 2)
    # It may have been the database's fault: another try, once that is mended.
    app.ctl("rollout", "retry", "hello")
    app.machine.wait(lambda: len(told(app, revision)) == 2, what="another try")


def test_an_image_that_cannot_have_other_users(machine):
    """The lab has its images on an overlay, and Podman says "create mapped mount: invalid argument" of that."""
    define(machine, "shop", """
image: localhost/hello:1
services: [{name: web}]
tasks: [{name: migrate, userns: {uid_map: "0:100000:65536"}}]
before_update: migrate
""")
    advice = "mounted with other user ids; add 'userns: host', or keep the image elsewhere (containers-storage.conf(5))"
    warning = "this image is in /usr/lib/containers/storage, on an overlay, which Linux cannot mount with other owners"
    assert warning in machine.run("pyservicectl check").stderr
    machine.wait(lambda: advice in machine.run("pyservicectl status shop", check=False).stdout, what="the reason of the task's failure")


NOTIFY = """
notify:
  webhook: {url: 'http://127.0.0.1:9911/hook', credential: hook}
  command: [/bin/sh, -c, '{ printf "%s " "$1"; cat; } >>/home/told/command', sh, $HOME]
  mail: {to: root}
  events: [rejected, task-failed, part-failing, certificate-expiring]
"""
CERTIFICATE = "/home/crash.pem"       # its owner is another user
MAKE_CERTIFICATE = ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=crash.example.com -keyout - -out -"
                    " -not_before $(date -u -d -70days +%y%m%d000000Z) -not_after $(date -u -d +20days +%y%m%d000000Z)"
                    f" >{CERTIFICATE} && chown 1000 {CERTIFICATE} && chmod 600 {CERTIFICATE}")
SENDMAIL = "/usr/local/sbin/sendmail"
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        open("/srv/got", "a").write(self.headers["X-Pyservice-Signature"] + " " + body)
        self.send_response(204)
        self.end_headers()
    log_message = print
http.server.HTTPServer(("127.0.0.1", 9911), Handler).serve_forever()
"""


class Told:
    """A recipient of messages about events: a web server on the machine, which is down at first."""

    def __init__(self, app):
        self.app, self.machine = app, app.machine
        self.machine.run("mkdir -p /etc/credstore /home/told && printf signature-4711 >/etc/credstore/hook && : >/home/told/got")
        self.machine.write("/etc/pyservice/host.yaml", NOTIFY)
        self.machine.write(SENDMAIL, "#!/bin/sh\ncat >>/home/told/mail\n", 0o755)

    def start(self):
        self.machine.run(["podman", "run", "-d", "--name", "told", "--network=host", "-v", "/home/told:/srv", "--entrypoint", "python3",
                          "localhost/hello:1", "-c", RECEIVER])

    def stop(self):
        self.machine.run(f"podman rm -f -t 0 told; rm -rf /etc/credstore/hook /home/told {CERTIFICATE} " + SENDMAIL)

    def got(self) -> list[dict]:
        lines = self.app.file("/home/told/got").splitlines(keepends=True)
        rows = [line.split(" ", 1) for line in lines if line.endswith("\n")]
        for signature, body in rows:
            assert signature == "sha256=" + hmac.new(b"signature-4711", body.encode(), hashlib.sha256).hexdigest()
        return [json.loads(body) for _, body in rows]

    def wait(self, event: str, **members: str) -> dict:
        """The first message of this kind, once nothing waits to be delivered. A part may begin to fail again meanwhile."""
        def look():
            found = [message for message in self.got() if message["event"] == event and members.items() <= message.items()]
            return found if self.machine.out("ls -A /var/lib/pyservice/.messages") == "" else []

        message, *others = self.machine.wait(look, what=lambda: f"a message about {event}: {self.got()}")
        assert message["id"] not in {other["id"] for other in others}, "each is delivered once"
        return message


@pytest.fixture
def receiver(app):
    receiver = Told(app)
    yield receiver
    receiver.stop()


def test_recipients_get_messages_about_events(app, receiver):
    """A recipient whose server was down gets them later, and none gets an event that host.yaml does not name."""
    machine = app.machine
    told = 'echo "[$PYSERVICE_FAILED_REVISION] [$PYSERVICE_REASON]"'
    tasks = ("tasks: [{name: tidy, entrypoint: /bin/sh, command: [-c, exit 4]},\n"
             f"        {{name: tell, entrypoint: /bin/sh, command: [-c, '{told}']}}]\non_failure: [tidy, tell]\n")
    app.define(1, 1, more=tasks)
    app.wait(1, 1)
    app.define(2, 1, env="HELLO_EXIT: 3", more=tasks)
    (revision,) = app.wait_failed()

    def undelivered():
        checks = json.loads(machine.run("pyservicectl doctor --json", check=False).stdout)["checks"]
        return [finding["text"] for check in checks if check["check"] == "messages" for finding in check["findings"]]

    machine.wait(lambda: any("webhook: " in text and "hello rejected" in text for text in undelivered()), what="doctor to name the message")
    receiver.start()
    rejected = receiver.wait("rejected", revision=revision)
    assert rejected["application"] == "hello" and rejected["part"] == "hello@next" and rejected["host"] == machine.out("hostname").strip()
    assert "exited with status 3" in rejected["reason"] and rejected["log"], rejected
    machine.wait(lambda: undelivered() == [], what=lambda: f"doctor to be content: {undelivered()}")     # the next one may just be tried

    # The tasks of on_failure run when the previous revision does, and the first one fails.
    failed = receiver.wait("task-failed")
    assert failed["part"] == "hello-tidy" and "exited with status 4" in failed["reason"], failed
    # When all of them have run. A process that ends at once after its message may be of no unit in the journal.
    machine.wait("journalctl -b -o cat PYSERVICE_APP=hello | grep -q 'hello-tidy.service of on_failure failed'", what="the report of the task's failure")
    assert f"[{revision}] [{rejected['reason']}]" in machine.journal("hello-tell.service")
    machine.run("systemctl start hello-tell.service")
    assert "[] []" in machine.journal("hello-tell.service"), "no failure led to a start by hand"

    machine.run(MAKE_CERTIFICATE)
    define(machine, "crash", "image: localhost/hello:1\nport: 8000\nenv: {HELLO_EXIT: 3}\nrestart: {policy: always, delay: 100ms}\n"
           f"proxy: {{domains: [crash.example.com], tls: {{certificate: {CERTIFICATE}}}}}\n")
    failing = receiver.wait("part-failing", application="crash")
    assert failing["part"] == "crash@0" and "exited with status 3" in failing["reason"], failing
    assert machine.is_active("pyservice-expiry.timer")
    machine.run("systemctl start pyservice-expiry.service")
    expiring = receiver.wait("certificate-expiring")
    assert expiring["application"] == "crash" and f"{CERTIFICATE}, the certificate of crash.example.com, expires on " in expiring["reason"], expiring
    assert {message["event"] for message in receiver.got()} == {"rejected", "task-failed", "part-failing", "certificate-expiring"}
    # Nothing waited to be delivered when these came. By now there may be another one.
    ids = {rejected["id"], failed["id"], failing["id"], expiring["id"]}
    lines = [line.split(" ", 1) for line in app.file("/home/told/command").splitlines(keepends=True) if line.endswith("\n")]
    assert {json.loads(body)["id"] for _, body in lines} >= ids
    assert {word for word, _ in lines} == {"$HOME"}, "no word is changed on its way through systemd"
    mails = app.file("/home/told/mail")
    assert all(f"X-Pyservice-Event-Id: {message}\n" in mails for message in ids)
    assert "To: root\n" in mails and "] hello: rejected\n" in mails
    assert not machine.ok("grep -qs signature-471[1] -r /run/pyservice /run/systemd/generator /var/lib/pyservice /proc/*/cmdline")
    assert "signature-4711" not in machine.journal()


def test_a_first_start_that_fails_goes_on_trying(app):
    app.define(1, 2, env="HELLO_EXIT: 3")
    app.machine.wait(lambda: int(app.machine.unit("hello@0.service")["NRestarts"]) > 0, what="systemd to try again")
    app.define(2, 2)
    app.wait(2, 2)


def test_what_comes_meanwhile_is_what_is_accepted(app):
    """A crash, and a change of scale, while a revision is tried that will fail."""
    app.define(1, 2)
    app.wait(1, 2)
    app.define(2, 3, env="HELLO_START_DELAY: 600", rollout=f"ready_timeout: {limit(15)}")
    app.wait_phase("spare")
    app.machine.run("podman kill -s KILL hello-0")
    app.machine.wait(lambda: app.versions() == app.expected(1, 3) | {"hello-next": "2"}, what=lambda: f"version 1 to come back, {app}")
    app.define(2, 4, env="HELLO_START_DELAY: 600", rollout=f"ready_timeout: {limit(15)}")
    app.machine.wait(lambda: app.versions().items() >= app.expected(1, 4).items(), what=lambda: f"version 1 to scale, {app}")
    app.wait_failed()
    app.wait(1, 4)


def test_a_network_unit_that_restarts_stops_nothing(app):
    machine = app.machine
    define(machine, "hello", text(1, 2, more="networks: {inner: {subnet: 10.98.0.0/24}}\nnetwork: inner.network\n"))
    app.wait(1, 2)
    before = started(machine)
    with app.load("network restarted"):
        machine.run("systemctl restart hello-inner-network.service", check=False)
        settle(machine)
    assert started(machine) == before


# --- over a boot ---

# /var on its own file system, which comes late. (/home is one that Podman's overlays can lie on.)
LATE = {
    "late.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 1.5\n",
    "var.mount": "[Unit]\nRequires=late.service\nAfter=late.service\nBefore=local-fs.target\n"
                 "[Mount]\nWhat=/home/var\nWhere=/var\nType=none\nOptions=bind\n",
    "local-fs.target.d/late.conf": "[Unit]\nRequires=var.mount\n",
}


def make_late(machine) -> None:
    for name, content in LATE.items():
        machine.write(f"/etc/systemd/system/{name}", content)
    machine.run("mkdir -p /home/var && cp -a /var/. /home/var/ && rm -rf /var/lib/pyservice")
    machine.reboot(hard=True)
    assert machine.ok("mountpoint -q /var")


@pytest.mark.parametrize("late", [False, True], ids=["var", "late-var"])
def test_a_boot_with_errors(own_machine, late):
    """One file is broken while the machine is off; one revision failed before; a task of a third goes on for long."""
    machine = own_machine
    if late:
        make_late(machine)
    broken, failed, busy = apps = [App(machine, name) for name in ("broken", "failed", "busy")]
    for app in apps:
        app.define(1, 2, reload=False)
    machine.reload()
    for app in apps:
        app.wait(1, 2)
    failed.define(2, 3, env="HELLO_EXIT: 3")
    failed.wait_failed()
    failed.wait(1, 3)
    broken.define(1, 3)     # a scale outlives it too
    broken.wait(1, 3)
    machine.write("/etc/pyservice.d/broken.yaml", "image: [\n")
    busy.define(2, 2, reload=False, more="tasks: [{name: long, entrypoint: /bin/sleep, command: infinity}]\nbefore_update: long\n")

    machine.reboot(hard=late)
    for app, scale in ((broken, 3), (failed, 3), (busy, 2)):
        wait_for(machine, app.name, scale)
        assert app.versions() == app.expected(1, scale)
        machine.wait(lambda app=app, scale=scale: app.answers() == set(app.expected(1, scale).items()), what=lambda: f"{app} to answer")
    machine.wait(lambda: config_failed(broken) and config_failed(failed), what="the errors to be shown")
    assert len(failed.failures()) == 1
    # The boot is over, and the rollout is not.
    machine.wait(lambda: busy.progress().get("phase") == "tasks" and machine.unit("busy-long.service")["ActiveState"] == "activating",
                 what=lambda: f"the task to run, {busy}")
    assert machine.out("systemctl show -p FinishTimestampMonotonic --value") != "0"

    for app in apps:
        app.define(3, 1, reload=False)
    machine.reload()
    for app in apps:
        app.wait(3, 1)
    machine.wait(lambda: machine.out("systemctl --failed --plain --no-legend") == "", what="no failed unit")
