# SPDX-License-Identifier: Apache-2.0
"""pyservicectl doctor: things are broken one by one, and it names each; and graph, on a machine without Graphviz."""

import json
import re

import pytest

from answers import read_answer
from app import HELLO, define, instances_behind, settle, undefine, wait_for

SHOP = """
image: localhost/hello:1
port: 8000
scale: 2
health: {http: /health, interval: 1s}
proxy: {domains: [shop.example.com]}
"""
SEALED = "image: localhost/hello:1\nenv: {TOKEN: {secret: token}}\nsecrets: {token: {credential: vault.token}}\n"
MISSING = "image: localhost/ghost:1\npull: never\n"

LEVELS = ["good", "skipped", "warning", "bad"]

# What a container that is a machine can't have.
HOUSE = {"disk", "journal"}


class Doctor:
    """One look at the machine."""

    def __init__(self, machine, *words, before=()):
        done = machine.run([*before, "pyservicectl", "--json", "doctor", *words], check=False)
        self.answer = read_answer("doctor", done.stdout)
        assert done.stderr == "" and done.returncode == (1 if self.answer["bad"] else 0), done
        assert all(sum(check["level"] == level for check in self.answer["checks"]) == self.answer[level] for level in LEVELS)

    def found(self, level):
        """The names of the checks that came out like this."""
        return {check["check"] for check in self.answer["checks"] if check["level"] == level}

    def says(self, check, level, *patterns):
        """Is there one finding of that check that has all of these, in its text or its advice?"""
        texts = [f"{finding['app'] or ''}: {finding['text']} → {finding['advice']}" for one in self.answer["checks"] if one["check"] == check
                 for finding in one["findings"] if finding["level"] == level]
        assert any(all(re.search(pattern, text) for pattern in patterns) for text in texts), (check, level, patterns, texts)


@pytest.fixture
def shop(machine, request):
    define(machine, "shop", getattr(request, "param", SHOP))
    wait_for(machine, "shop", 2)
    settle(machine)
    machine.wait(lambda: machine.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}).status == 200, what="shop to answer")
    machine.wait(lambda: not Doctor(machine).found("bad"), what=lambda: f"a good machine: {Doctor(machine).answer}")
    return machine


def n_requests(machine):
    """Requests to the shop's instances, as status counts them."""
    return sum(map(int, re.findall(r'"requests": *(\d+)', machine.out("pyservicectl --json status shop; true"))))


def haproxy(machine, *commands):
    for command in commands:
        answer = machine.run(["socat", "-", "/run/haproxy/admin.sock"], input=f"{command}\n").stdout.strip()
        assert not re.search("(?i)no such|unknown|require", answer), answer


def listen(machine, port, answer=False):
    """Somebody else has the port; what he answers is no HTTP. It reads the request first, because HAProxy counts the
    answer of a server that resets its connection twice."""
    name = f"thief-{port}"
    answer = "SYSTEM:sed /^.$/q >/dev/null; echo garbage" if answer else "PIPE"
    machine.run(["systemd-run", "--quiet", "--collect", f"--unit={name}", "socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", answer])
    machine.wait(f"ss -ltn | grep -q 127.0.0.1:{port}", what=f"a listener on {port}")
    return name


def test_a_good_machine(shop):
    look = Doctor(shop)
    assert look.found("warning") <= HOUSE and not look.found("skipped")
    text = shop.run(["pyservicectl", "doctor", "shop"])
    assert re.search(r"^(all \d+ checks are good|\d+ checks are good, \d+ warns?, 0 are bad)$", text.stdout.splitlines()[-1]) and "\033" not in text.stdout

    # Without root it says what it left out, and finds nothing wrong.
    nobody = shop.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pyservicectl", "doctor"])
    assert re.search(r"; \d+ more need root$", nobody.stdout.splitlines()[-1])

    # Another application is no business of this one; one that does not exist is an error.
    define(shop, "vault", SEALED, reload=False)
    assert "credentials" in Doctor(shop).found("bad") and "credentials" not in Doctor(shop, "shop").found("bad")
    unknown = shop.run(["pyservicectl", "doctor", "shpo"], check=False)
    assert unknown.returncode == 1 and "did you mean 'shop'?" in unknown.stderr
    assert shop.run(["pyservicectl", "doctor", "../shop"], check=False).returncode == 2


def test_definitions_and_files(shop):
    # A definition that nobody read yet, whose image nobody has.
    define(shop, "ghost", MISSING, reload=False)
    look = Doctor(shop)
    look.says("generated", "warning", "^ghost: .*changed since", "daemon-reload")
    look.says("images", "bad", "^ghost: .*localhost/ghost:1", "cannot be pulled")
    define(shop, "ghost", "image: localhost/hello:1\nplatform: linux/s390x\n", reload=False)
    Doctor(shop).says("images", "bad", "^ghost: the image localhost/hello:1 does not exist for linux/s390x", "cannot be pulled")
    shop.remove("/etc/pyservice.d/ghost.yaml")

    # Credentials: none, garbage, a good one.
    define(shop, "vault", SEALED, reload=False)
    Doctor(shop).says("credentials", "bad", "^vault: .*'vault.token'.*missing", "secret set vault token")
    shop.write("/etc/credstore.encrypted/vault.token", "garbage", mode=0o600)
    Doctor(shop).says("credentials", "bad", "^vault: .*cannot be decrypted")
    shop.run("printf hush | systemd-creds encrypt --name=vault.token - /etc/credstore.encrypted/vault.token")
    assert "credentials" in Doctor(shop).found("good")

    # A file that everybody can read, one that does not exist, and none of Podman's.
    shop.write("/etc/token", "hush", mode=0o644)
    define(shop, "vault", "image: localhost/hello:1\nsecrets: {a: {file: /etc/token}, b: {file: /etc/no-token}, c: {podman: no-such}}\n", reload=False)
    look = Doctor(shop)
    look.says("secret-files", "warning", "/etc/token, can be read by everybody", "chmod 0600")
    look.says("secret-files", "bad", "/etc/no-token: No such file")
    look.says("podman-secrets", "bad", "no secret 'no-such'", "podman secret create")
    assert "hush" not in json.dumps(look.answer)

    # Errors, before and after the reload.
    define(shop, "vault", "image: localhost/hello:1\nscale: many\n")
    shop.wait(lambda: shop.unit("pyservice-config@vault.service")["ActiveState"] == "failed", what="the error to be shown")
    look = Doctor(shop)
    look.says("errors", "bad", "^vault: /etc/pyservice.d/vault.yaml:2:8: error: 'many'", "pyservicectl check")
    look.says("failed", "bad", "^vault: pyservice-config@vault.service has failed", "pyservicectl check")
    shop.remove("/etc/pyservice.d/vault.yaml")
    shop.reload()

    # Who may write definitions, and see credentials.
    shop.run("chmod 0777 /etc/pyservice.d; chmod 0755 /etc/credstore; chmod 0755 /var/lib/containers/storage")
    look = Doctor(shop)
    for path in "/etc/pyservice.d has the mode 0777", "/etc/credstore has", "/var/lib/containers/storage":
        look.says("permissions", "bad", path, "chmod 0")
    shop.run("chmod 0755 /etc/pyservice.d; chmod 0700 /etc/credstore /var/lib/containers/storage")
    # systemd stops the unit that showed the error some time after the reload.
    shop.wait(lambda: not Doctor(shop).found("bad"), what=lambda: f"a good machine: {Doctor(shop).answer}")


def test_units_and_leftovers(shop):
    # Files of an administrator's that count before ours.
    shop.write("/etc/systemd/system/shop@.service", "[Service]\nExecStart=false\n")
    shop.write("/etc/systemd/system/haproxy.service.d/pyservice.conf", "[Service]\n")
    shop.write("/etc/systemd/system/shop@.service.d/99-mine.conf", "[Service]\nNice=5\n")
    shop.run("ln -s /dev/null /etc/systemd/system/shop@1.service")
    look = Doctor(shop)
    look.says("shadowed", "bad", "^shop: /etc/systemd/system/shop@.service hides", "rm '/etc/systemd/system/shop@.service'")
    look.says("shadowed", "bad", "^shop: the unit shop@1.service is masked")
    look.says("shadowed", "bad", "^: /etc/systemd/system/haproxy.service.d/pyservice.conf hides")
    assert "99-mine" not in json.dumps(look.answer)
    shop.run("rm -r /etc/systemd/system/shop@* /etc/systemd/system/haproxy.service.d")

    # Files that systemd has not read: drop-ins of an administrator's, and a definition, which is reported once.
    assert not {"stale", "generated"} & Doctor(shop).found("warning")
    for unit in "shop@0.service", "pyservice.target":
        shop.write(f"/etc/systemd/system/{unit}.d/99-mine.conf", "[Unit]\nDescription=Mine\n")
    look = Doctor(shop)
    look.says("stale", "warning", "^: systemd has not read the current files of pyservice.target, shop@0.service → systemctl daemon-reload$")
    Doctor(shop, "shop").says("stale", "warning", "^shop: systemd has not read the current files of shop@0.service →")
    shop.run("touch /etc/pyservice.d/shop.yaml")
    look = Doctor(shop)
    look.says("stale", "warning", "files of pyservice.target →")
    look.says("generated", "warning", "^shop: its definition was changed")
    shop.run("rm -r /etc/systemd/system/shop@0.service.d /etc/systemd/system/pyservice.target.d")
    shop.reload()
    assert not {"stale", "generated"} & Doctor(shop).found("warning")

    # What nobody owns any more.
    shop.run("podman run -d --name stray --label io.pyservice.app=shop --label PODMAN_SYSTEMD_UNIT=shop@7.service localhost/hello:1")
    shop.run("mkdir -p -m 0700 /var/lib/pyservice/gone; podman tag localhost/hello:1 localhost/pyservice-old:123456789abc")
    look = Doctor(shop)
    look.says("leftovers", "bad", "^shop: the container stray runs, .*shop@7.service, which is inactive", "podman rm --force stray")
    look.says("removed", "warning", "^gone: ", "pyservicectl purge gone")
    look.says("images", "warning", "^old: .*an image that was built for it remains", "pyservicectl purge old")
    shop.run("podman run -d --name other --label io.pyservice.app=shop localhost/hello:1")
    text = shop.run("pyservicectl doctor", check=False).stdout
    assert re.search(r"2 containers run without a running unit; .*: (other, stray|stray, other)\n +→ podman rm --force (other stray|stray other)\n", text), text
    shop.run("podman rm --force -t 0 other")
    shop.run("podman stop -t 0 stray")
    Doctor(shop).says("leftovers", "warning", "stray is left over \\(exited\\)")
    shop.run("podman rm stray; podman untag localhost/pyservice-old:123456789abc; rm -r /var/lib/pyservice/gone")

    # The target, and what a boot does.
    shop.run("systemctl disable pyservice.target")
    Doctor(shop).says("target", "warning", "not enabled", "enable pyservice.target")
    shop.run("systemctl enable pyservice.target")
    assert not Doctor(shop).found("bad")


def test_processes_that_the_kernel_ended(shop):
    # The cgroup of a machine in a container may have no memory controller: systemd's message about such an end.
    def end(*units):
        for unit in units:
            shop.run(["logger", "--journald"], input=f"MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef\nUNIT={unit}\nMESSAGE=A process was killed by the OOM killer.\n")
        shop.run("journalctl --sync")

    define(shop, "greedy", "services:\n- {name: web, image: localhost/hello:1, scale: 2, resources: {memory: 96M}}\n"
                           "- {name: web-api, image: localhost/hello:1}\n", reload=False)
    assert "memory" in Doctor(shop).found("good")
    end("greedy-web@1.service", "greedy-web@0.service", "greedy-web@1.service", "greedy-web-api@0.service", "other@0.service")
    look = Doctor(shop)
    look.says("memory", "warning", "^greedy: .* of greedy-web@1.service, greedy-web@0.service because memory ran out, 3 times .*its limit is 96M", "resources: {memory")
    look.says("memory", "warning", "^greedy: .* of greedy-web-api@0.service because memory ran out, 1 time in .*no limit", "limit the parts")
    assert "memory" in Doctor(shop, "shop").found("good")


def test_rules_of_the_firewall(machine):
    define(machine, "walled", "services:\n- {name: open, image: localhost/hello:1, port: 8000, publish: ['9000:8000', '9443:8443']}\n"
                              "- {name: closed, image: localhost/hello:1}\n- {name: none, image: localhost/hello:1, network: host}\n")
    for part in ("open", "closed", "none"):
        wait_for(machine, f"walled-{part}", 1)
    assert "firewall" in Doctor(machine).found("good")
    rules = machine.out("nft -a list ruleset")
    handle = re.search(r"\ttcp dport 9000 jump .* # handle (\d+)", rules)[1]
    machine.run(f"nft delete rule inet netavark NETAVARK-HOSTPORT-DNAT handle {handle}")
    for line in re.findall(r"\t.*tcp dport 9000 .* # handle \d+", rules.partition("_dnat {")[2]):
        machine.run(f"nft delete rule inet netavark {re.search(r'chain (nv_.*_dnat) {', rules)[1]} handle {line.rpartition(' ')[2]}")
    Doctor(machine).says("firewall", "bad", "^: .* are missing: port 9000 of walled-open-0 → ", "^.* podman network reload --all$")
    machine.run("nft flush ruleset")
    look = Doctor(machine)
    look.says("firewall", "bad", "are missing: network walled-default, port 9000 of walled-open-0, port 9443 of walled-open-0 →")
    machine.run("podman network reload --all")
    assert "firewall" in Doctor(machine).found("good")


# While there are no rules, no check reaches an instance: the checks are so rare that none of them notices.
@pytest.mark.parametrize("shop", [SHOP.replace("interval: 1s", "interval: 10min")], indirect=True, ids=["rarely_checked"])
def test_fixes(shop):
    def fix(*words, command="pyservicectl doctor --fix"):
        return shop.run(f"{command} {' '.join(words)}", check=False)

    done = fix()
    assert done.returncode == 0 and done.stderr == "Nothing that --fix can fix.\n"
    shop.write("/etc/systemd/system/shop@0.service.d/99-mine.conf", "[Unit]\nDescription=Mine\n")
    shop.run("systemctl disable pyservice.target && nft flush ruleset")
    commands = ["systemctl enable pyservice.target", "systemctl daemon-reload", "podman network reload --all"]
    shop.run("touch /etc/pyservice.d/shop.yaml")

    # Without a terminal it asks nobody, and does nothing; nor after another answer than yes.
    done = fix()
    assert done.returncode == 2 and done.stderr.endswith("use --yes to proceed without confirmation\n") and "; --fix fixes 2" in done.stdout
    done = fix(command="echo n | script -qec 'pyservicectl doctor --fix' /dev/null")
    assert done.returncode == 1 and "  systemctl enable pyservice.target" in done.stdout and "Nothing fixed." in done.stdout
    assert not shop.ok("systemctl is-enabled pyservice.target")

    # A reload would roll out the definition that changed.
    assert "daemon-reload" not in fix("--yes").stderr and shop.ok("systemctl is-enabled pyservice.target")
    shop.reload()
    shop.run("systemctl disable pyservice.target && nft flush ruleset && touch /etc/systemd/system/shop@0.service.d/99-mine.conf")
    done = fix("--yes")
    assert done.returncode == 0 and done.stderr.splitlines() == commands, done
    assert not {"stale", "firewall", "target"} & (Doctor(shop).found("warning") | Doctor(shop).found("bad"))

    # What a command prints when it fails; a failed unit that no definition has.
    shop.run("systemctl disable pyservice.target && mv /usr/bin/systemctl /usr/bin/systemctl.kept && printf '#!/bin/sh\necho no such luck >&2\nexit 4\n' >/usr/bin/systemctl && chmod 755 /usr/bin/systemctl")
    done = fix("--yes")
    shop.run("mv /usr/bin/systemctl.kept /usr/bin/systemctl")
    assert done.returncode == 1 and "pyservicectl doctor: 'systemctl enable pyservice.target' failed: no such luck\n" in done.stderr
    fix("--yes")
    define(shop, "broken", "image: localhost/hello:1\nscale: many\n")
    shop.wait(lambda: shop.unit("pyservice-config@broken.service")["ActiveState"] == "failed", what="the error to be shown")
    shop.remove("/etc/pyservice.d/broken.yaml")
    assert "systemctl reset-failed pyservice-config@broken.service\n" in fix("--yes").stderr
    assert shop.unit("pyservice-config@broken.service")["ActiveState"] != "failed"


def test_ports_and_haproxy(shop):
    spare = shop.ports("shop")["shop", "next"]
    thieves = [listen(shop, spare), listen(shop, 20001)]
    look = Doctor(shop)
    look.says("taken", "bad", f"^shop: port {spare} of shop@next.service is taken by socat \\(process \\d+ of thief-{spare}.service\\)")
    look.says("pool", "warning", "20001 by socat", "host.yaml")
    shop.run(["systemctl", "stop", *thieves])

    # 503: nothing is ready, and why; 502: what answers is no HTTP.
    haproxy(shop, "disable health shop/shop-0", "disable health shop/shop-1", "set server shop/shop-1 state maint")
    Doctor(shop).says("servers", "warning", "'shop': shop-1 is in maintenance .*though shop@1.service runs", "--states")
    haproxy(shop, "set server shop/shop-0 state maint")
    assert shop.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}).status == 503
    look = Doctor(shop)
    look.says("servers", "bad", "^shop: 503 .*shop-0 is in maintenance.*shop-1 is in maintenance")
    look.says("answers", "warning", "^shop: 503 .* to 1 of \\d+ recent requests")
    thief = listen(shop, 19999, answer=True)
    haproxy(shop, "set server shop/shop-1 addr 127.0.0.1 port 19999", "set server shop/shop-1 health up", "set server shop/shop-1 state ready")
    assert shop.http("http://127.0.0.1/", headers={"Host": "shop.example.com"}).status == 502
    Doctor(shop).says("answers", "warning", "^shop: 502 .* to 1 of \\d+ recent requests.*shop-1 1 times", "keep idle connections longer")
    shop.run(["systemctl", "stop", thief])
    haproxy(shop, "enable health shop/shop-1")
    shop.wait(lambda: "DOWN" in shop.run(["socat", "-", "/run/haproxy/admin.sock"], input="show stat shop 4 -1\n").stdout, what="shop-1 to be down")
    Doctor(shop).says("servers", "bad", "shop-1 is down, because the connection to 127.0.0.1:19999 is refused", "127.0.0.1")

    # A reload that another application causes does not hide it.
    requests = n_requests(shop)
    define(shop, "other", HELLO + "proxy: {domains: [other.example.com]}\n")
    shop.wait(lambda: instances_behind(shop, "other.example.com"), what="HAProxy to know the other application")
    Doctor(shop).says("answers", "warning", "^shop: 502 .* to 1 of \\d+ recent requests.*shop-1 1 times", "keep idle connections longer")
    assert n_requests(shop) >= requests > 0
    undefine(shop, "other")
    settle(shop)

    # HAProxy that does not run; that runs without our directory, so that it knows nothing of us.
    shop.run("systemctl stop haproxy")
    look = Doctor(shop)
    look.says("running", "bad", "haproxy.service is inactive", "systemctl start haproxy")
    assert look.found("skipped") == {"socket", "master", "servers", "answers"}
    config = shop.read("/etc/haproxy/haproxy.cfg")
    shop.write("/etc/haproxy/haproxy.cfg", config.replace("level admin", "level operator"))
    shop.run("systemctl start haproxy")
    Doctor(shop).says("socket", "bad", "/run/haproxy/admin.sock does not have level admin", "stats socket /run/haproxy/admin.sock mode 660 level admin")
    shop.write("/etc/haproxy/haproxy.cfg", config)
    options = shop.run("cat /etc/default/haproxy", check=False).stdout
    shop.write("/etc/default/haproxy", 'EXTRAOPTS="-S /run/haproxy-master.sock"\n')
    shop.run("systemctl restart haproxy")
    look = Doctor(shop)
    look.says("reads", "bad", "EXTRAOPTS= in /etc/default/haproxy", "-f /run/pyservice/haproxy")
    look.says("reads", "bad", "is running without '-f /run/pyservice/haproxy'")
    look.says("servers", "bad", "does not know the backend 'shop'")
    shop.write("/etc/default/haproxy", options)
    shop.run("systemctl restart haproxy")
    shop.wait(lambda: not Doctor(shop).found("bad"), what=lambda: f"a good machine: {Doctor(shop).answer}")

    # What an administrator stopped is no fault, and is said all the same.
    shop.run("pyservicectl stop shop")
    shop.wait(lambda: not shop.is_active("shop@0.service") and not shop.is_active("shop@1.service"), what="shop to stop")
    look = Doctor(shop)
    look.says("servers", "warning", "^shop: 503 .*all its instances were stopped", "pyservicectl start shop")
    assert not look.found("bad")

    graph = shop.run(["pyservicectl", "graph", "shop"])
    assert graph.stdout.startswith("digraph pyservice {\n") and graph.stdout.endswith("}\n")
    assert re.search(r'"unit/shop" \[label="shop@\.service\\nlocalhost/hello:1\\n2 instances\\n@0  127\.0\.0\.1:\d+', graph.stdout)
    assert '"front/HAProxy/domain/shop.example.com/" -> "front/HAProxy/backend/shop";' in graph.stdout
    assert graph.stderr == "pyservicectl: this is DOT; with Graphviz installed it would be SVG\n"


@pytest.fixture
def nginx(machine):
    machine.run("systemctl stop haproxy && systemctl unmask nginx && rm -f /etc/nginx/sites-enabled/default /etc/nginx/conf.d/pyservice.conf && systemctl daemon-reload")
    yield machine
    machine.run("systemctl mask --now nginx; rm -rf /etc/nginx/conf.d/pyservice.conf /var/lib/pyservice/.nginx; systemctl start haproxy")


def test_nginx(nginx):
    define(nginx, "shop", SHOP.replace("proxy: {", "proxy: {kind: nginx, "))
    wait_for(nginx, "shop", 2)
    settle(nginx)
    look = Doctor(nginx)
    look.says("nginx", "bad", "nginx.service is inactive", "systemctl start nginx.service")
    assert look.found("bad") == {"nginx"}  # HAProxy is not used, and so no matter
    nginx.run("systemctl start nginx")
    Doctor(nginx).says("nginx", "bad", "does not include /var/lib/pyservice/.nginx", "cp /usr/share/pyservice/nginx/pyservice.conf")
    nginx.run("cp /usr/share/pyservice/nginx/pyservice.conf /etc/nginx/conf.d && systemctl reload nginx")
    assert not Doctor(nginx).found("bad")


@pytest.fixture
def user(machine):
    """A command of a user's, up to the program."""
    machine.run("useradd -m -u 1500 me && loginctl enable-linger me")
    machine.wait(lambda: machine.is_active("user@1500.service"), what="the user's manager")
    yield machine, ["setpriv", "--reuid=1500", "--regid=1500", "--init-groups", "env", "HOME=/home/me", "XDG_RUNTIME_DIR=/run/user/1500"]
    machine.run("loginctl disable-linger me; loginctl terminate-user me", check=False)
    machine.wait(lambda: not machine.is_active("user@1500.service"), what="the user's manager to end")
    machine.run("userdel -r me", check=False)


def test_a_users_own_applications(user):
    machine, me = user
    machine.run([*me, "systemctl", "--user", "enable", "--now", "pyservice.target"])
    look = Doctor(machine, "--user", before=me)
    assert look.found("warning") <= HOUSE and not look.found("bad") and not look.found("skipped")
    assert {"clock", "running"}.isdisjoint(check["check"] for check in look.answer["checks"])

    machine.run([*me, "sh", "-c", "mkdir -p ~/.config/pyservice.d && printf 'image: localhost/ghost:1\nsecrets: {a: {credential: mine.a}}\n' >~/.config/pyservice.d/mine.yaml"])
    machine.run("rm /var/lib/systemd/linger/me")
    look = Doctor(machine, "--user", "mine", before=me)
    look.says("linger", "warning", "when you log out", "loginctl enable-linger")
    look.says("credentials", "bad", "^mine: ", "pyservicectl --user secret set mine a")
    look.says("images", "bad", "^mine: .*localhost/ghost:1")
    look.says("generated", "warning", "^mine: ", "systemctl --user daemon-reload")

    # A user who is not logged in has no manager to ask.
    Doctor(machine, "--user", before=[*me, "XDG_RUNTIME_DIR=/run/no-such"]).says("systemd", "bad", "does not answer", "log in")
