# SPDX-License-Identifier: Apache-2.0
"""Walks of random steps, the same each time: after each step, what runs is what the last good files say.

Three apps take one step each, without waiting for one another; then all three must be as `Model` has them. Now and then
something happens to the whole machine.
"""

import dataclasses
import random

from app import settle
from machine import Machine
from pace import SLOWNESS, limit
from rolling import App

SEEDS = [3, 4]
STEPS = max(100 / SLOWNESS**2, 25)      # of each walk: on a slow machine fewer, each of which takes longer
STEPS_A_REBOOT = STEPS / 3
OPTIONS = {"one": {}, "two": {"rollout": "max_unavailable: 2, min_ready: 0"}, "three": {"rollout": "spare: false, min_ready: 0"}}
BAD = [{"env": "HELLO_EXIT: 3"}, {"env": "HELLO_HEALTH: 500"}, {"image": "localhost/no-such:1"}]
QUICK = f"ready_timeout: {limit(10)}, "


@dataclasses.dataclass
class Model:
    """One app: what its file says, and what should run because of it, and of those before."""
    has_file: bool = False
    is_broken: bool = False
    failed: dict | None = None      # what is wrong with the version in the file
    version: int = 0                # in the file
    accepted: int = 0               # the last good one; 0: none
    scale: int = 0                  # of what runs

    def expected(self, name: str) -> dict[str, str]:
        return {f"{name}-{i}": str(self.accepted) for i in range(self.scale if self.accepted else 0)}

    def is_shown(self) -> bool:
        return self.has_file and (self.is_broken or self.failed is not None)


class Walk:
    def __init__(self, machine: Machine, seed: int):
        self.machine, self.random, self.log = machine, random.Random(seed), []
        self.apps = {name: App(machine, name) for name in OPTIONS}
        self.models = {name: Model() for name in OPTIONS}
        self.ids: dict[tuple[str, str], str] = {}     # which container it is, by name and version
        self.version = 0

    # --- steps of one app ---

    def write(self, name: str, version: int, bad: dict | None = None) -> None:
        model = self.models[name]
        options = {**OPTIONS[name], **(bad or {})}
        options["rollout"] = QUICK + options.get("rollout", "")
        model.has_file, model.is_broken, model.failed = True, False, bad
        model.version, model.scale = version, self.random.choice([1, 1, 1, 2, 2, 3])
        if not bad:
            model.accepted = version
        self.apps[name].define(version, model.scale, **options)

    def edit(self, name: str) -> None:
        self.version += 1
        self.write(name, self.version)

    def rescale(self, name: str) -> None:
        model = self.models[name]
        if not model.has_file or model.is_broken:
            return self.mend(name)
        self.write(name, model.version, model.failed)

    def spoil(self, name: str) -> None:
        """A version that does not work; where nothing good ran before, a good one."""
        if not self.models[name].accepted:
            return self.edit(name)
        if "spare: false" in OPTIONS[name].get("rollout", ""):
            self.forget(name)
        self.version += 1
        self.write(name, self.version, self.random.choice(BAD))

    def smash(self, name: str) -> None:
        """A file that nobody can read."""
        model = self.models[name]
        model.has_file, model.is_broken, model.failed = True, True, None
        self.machine.write(f"/etc/pyservice.d/{name}.yaml", "image: [\n")
        self.machine.reload()

    def mend(self, name: str) -> None:
        if not self.models[name].accepted:
            return self.edit(name)
        self.write(name, self.models[name].accepted)

    def remove(self, name: str) -> None:
        self.models[name] = Model()
        self.apps[name].undefine()

    def kill(self, name: str) -> None:
        names = sorted(self.models[name].expected(name))
        if not names:
            return self.edit(name)
        victim = self.random.choice(names)
        self.forget(victim)
        by_conmon = self.random.random() < 0.5
        unit = victim[::-1].replace("-", "@", 1)[::-1]
        self.machine.run(f"kill -9 $(systemctl show -P MainPID {unit})" if by_conmon else f"podman kill -s KILL {victim}")

    def edit_and_kill(self, name: str) -> None:
        """The rollout, not long after it began."""
        self.edit(name)
        self.machine.run(f"i=0; until systemctl kill -s KILL '{name}-rollout@*' || [ $i = 50 ]; do i=$((i + 1)); done;"
                         f"sleep {self.random.choice([0, 0.5, 1])}; systemctl kill -s KILL '{name}-rollout@*'", check=False)

    # --- steps of the machine ---

    def reload(self) -> None:
        self.machine.reload()

    def kill_haproxy(self) -> None:
        self.machine.run("systemctl kill --signal=KILL haproxy")

    def reboot(self) -> None:
        self.ids.clear()
        self.machine.reboot(hard=self.random.random() < 0.5)

    # --- the walk ---

    def forget(self, prefix: str) -> None:
        """These may be restarted."""
        self.ids = {key: value for key, value in self.ids.items() if not key[0].startswith(prefix)}

    STEPS = [edit] * 2 + [rescale] * 5 + [spoil] * 2 + [smash] * 3 + [mend] * 3 + [remove] + [kill] * 2 + [edit_and_kill]

    def round(self) -> int:
        for name in self.apps:
            step = self.random.choice(self.STEPS)
            self.log.append(f"{step.__name__} {name}")
            step(self, name)
        self.check()
        return len(self.apps)

    def alone(self, step) -> int:
        self.log.append(step.__name__)
        step(self)
        self.check()
        return 1

    def check(self) -> None:
        expected = {}
        for name, model in self.models.items():
            expected |= model.expected(name)
        found: dict[str, object] = {}
        self.machine.wait(lambda: self.is_as(expected, found), 90,
                          what=lambda: f"{expected}\nafter {len(self.log)} steps: {self.log[-9:]}\nthere is {found}\n"
                          + "\n".join(map(str, self.apps.values())))
        settle(self.machine)
        now = {(row["Names"][0], row["Labels"].get("version")): row["Id"] for row in self.machine.podman_ps()}
        assert {key for key, value in now.items() if self.ids.get(key, value) != value} == set(), f"restarted for nothing by {self.log[-4:]}"
        self.ids = now

    def is_as(self, expected: dict[str, str], found: dict[str, object]) -> bool:
        found["done"] = {name: self.apps[name].is_done() for name, model in self.models.items() if model.accepted}
        if not all(found["done"].values()):     # first, for it costs nothing to ask
            return False
        rows = self.machine.podman_ps()
        found["containers"] = {row["Names"][0]: row["Labels"].get("version") for row in rows if row["State"] == "running"}
        if found["containers"] != expected or len(rows) != len(expected):
            return False
        # Podman does not notice that conmon was killed; systemd does before it answers.
        found["active"] = self.machine.are_active([f"{name[::-1].replace('-', '@', 1)[::-1]}.service" for name in expected])
        if not found["active"]:
            return False
        failed = self.machine.out("systemctl list-units --failed --plain --no-legend 'pyservice-config@*'")
        found["shown"] = {name: f"@{name}.service" in failed for name in self.apps}
        if found["shown"] != {name: model.is_shown() for name, model in self.models.items()}:
            return False
        found["answers"] = {name: app.answers(8) for name, app in self.apps.items() if self.models[name].accepted}
        return found["answers"] == {name: set(model.expected(name).items()) for name, model in self.models.items() if model.accepted}


def pytest_generate_tests(metafunc):
    steps = metafunc.config.getoption("steps")
    walks = [(metafunc.config.getoption("seed"), steps)] if steps else [(seed, STEPS) for seed in SEEDS]
    metafunc.parametrize("seed, steps", walks, ids=[str(seed) for seed, _ in walks])


def test_random_steps(own_machine, seed, steps):
    walk = Walk(own_machine, seed)
    done = 0
    while done < steps:
        done += walk.round()
        if walk.random.random() < 0.3:
            done += walk.alone(walk.random.choice([Walk.reload, Walk.kill_haproxy]))
        if int(done / STEPS_A_REBOOT) > walk.log.count("reboot"):
            done += walk.alone(Walk.reboot)
    print(f"{done} steps, of which {walk.log.count('reboot')} are reboots")
