# SPDX-License-Identifier: Apache-2.0
"""Applications that people host themselves come up from their Compose files. Nobody edits what `import` prints.

The files in selfhosted/ have the shapes of well-known applications', and their own names. The images are stand-ins that refuse to start
where the real ones do: without a variable, a peer, a migrated database or a directory that they can write to.
"""

import re
from pathlib import Path

from machine import Machine

FILES = Path(__file__).resolve().parent / "selfhosted"
PORTS = {"inventory": 8000, "tickets": 8080, "photos": 2283}
# As the environment files have them.
SECRETS = {"inventory secret-key": "r(m)9n $(_q3N4z1k(EFsMCjjjzx08x9VhNVcfd%6RF#r!6DE@+V5Zk2X", "photos db-password": "p-postgres"}

# As which user, and with what of the environment.
WRITTEN = {
    ("inventory", "/opt/inventory/media/report"): "rqworker as inventory:root: jobs\nfirst\n",
    ("tickets", "/opt/tickets/storage/init"): "root\n",
    ("tickets", "/opt/tickets/storage/rails"): "tickets in Europe/Berlin\n",
    ("tickets", "/opt/tickets/storage/scheduler"): "tickets\n",
    ("photos", "/data/thumbs/.photos"): "in UTC, cleaned by the server\n",
}


def import_compose(machine: Machine, app: str) -> None:
    """As an administrator does it: import, what the notes demand, and no more."""
    directory = FILES / app
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        machine.write(f"/srv/selfhosted/{path.relative_to(FILES)}", path.read_bytes())
    names = sorted(path.name for path in directory.glob("*compose*.y*ml"))
    done = machine.run(f"cd /srv/selfhosted/{app} && pyservicectl import compose {' '.join(sorted(names, key=len))}")
    machine.write(f"/etc/pyservice.d/{app}.yaml", done.stdout)
    for secret in set(re.findall("'pyservicectl secret set ([a-z- ]+)'", done.stderr)):
        machine.run(f"pyservicectl secret set {secret}", input=SECRETS[secret])


def file_of(machine: Machine, app: str, path: str) -> str:
    """A file of a container, through the port that the Compose file publishes."""
    answer = machine.http(f"http://127.0.0.1:{PORTS[app]}/file?path={path}")
    if answer.status != 200:
        raise LookupError(answer.text)
    return answer.json()["content"]


def test_applications_from_their_compose_files(own_machine: Machine) -> None:
    machine = own_machine
    for app in PORTS:
        import_compose(machine, app)
    machine.run("pyservicectl check")
    machine.run("pyservicectl apply --yes")
    machine.wait(lambda: {of: file_of(machine, *of) for of in WRITTEN} == WRITTEN, what=lambda: f"what the parts write: {WRITTEN}")
    assert machine.exists("/srv/selfhosted/photos/library/thumbs/.photos")
    assert machine.out("podman exec photos-database df --output=size /dev/shm").split()[-1] == str(128 * 1024)
