# SPDX-License-Identifier: Apache-2.0
"""Times of timers: what a definition takes is what systemd understands."""

import os
import random
import re
import shutil
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")

GOOD = ["Mon", "Mon,", "Mon, 02:00", "mon-fri", "Mon..Fri,Sun 10:00", "Sunday 0:0", "12-3", "*-02-30",
        "*-*~03/2", "*~01", "1..5-01", "99-01-01", "70-1-1", "10:20", "10:20:30.5", "10:20:30/0.5",
        "*:*:*", "*:0/15", "*:10..20/11", "3..3:0", "0..22/2:0", "*-*-* 04:00 UTC", "daily utc",
        "MINUTELY", "quarterly", "2026-01..03-01,15 04:30:00", "*:*:0..30", "*-1/11-*"]
BAD = ["Tue..Mon", "Mon..", "Mon,,Tue", "Mon..Tue..Wed", "Tuesd", "Mon Tue", "sometimes", "10", "*",
       "**", "2024", "*/2:0", "24:00", "00:60", "*:*:60", "2012-13-01", "*-*-32", "*-*~29", "1969-1-1",
       "2200-01-01", "5..1-01", "1-1-1-1", "1-1~1-1", "1~1-1", "1:1:1:1", "10:20,", "10,:20", "*-*-01,",
       "3/21:0", "0/24:0", "0/0:0", "*-1/13-*", "*:*:30..30", "*:*:59.9999999", "10:20:30.",
       "2024-01-01T10:00", "1e1:0", "daily daily", "daily 10:00", "10:00 Mon", "0 3 * * *", "UTC",
       "10:00 *-*-*", "1-1:1"]


def refused(root, times: list[str]) -> set[str]:
    """Of at most as many as `check` shows at once."""
    lines = "".join(f"      - \"{time}\"\n" for time in times)
    (root / "etc/pyservice.d").mkdir(parents=True, exist_ok=True)
    text = f"image: x.example.com/x:1\ntimers:\n  - name: t\n    schedule:\n{lines}"
    (root / "etc/pyservice.d/t.yaml").write_text(text)
    done = subprocess.run([PYSERVICECTL, "check", f"--root={root}"], capture_output=True, text=True,
                          check=False, env={**os.environ, "PYSERVICE_QUADLET": "/nonexistent"})
    places = re.findall(r"t\.yaml:(\d+):\d+: error: .*\[([a-z-]+)\]$", done.stderr, re.M)
    assert {identifier for _, identifier in places} <= {"bad-schedule", "unknown-zone"}, done.stderr
    return {times[int(line) - 5] for line, _ in places}


def refused_by_systemd(times: list[str]) -> set[str]:
    done = subprocess.run(["systemd-analyze", "calendar", "--", *times], capture_output=True, text=True,
                          check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "info", "LC_ALL": "C"})
    return set(re.findall(r"Failed to parse calendar \w+ '(.*)':", done.stderr))


def batches(times: list[str], size: int = 60):
    return (times[i:i + size] for i in range(0, len(times), size))


def test_known_times(tmp_path):
    assert refused(tmp_path, GOOD) == set()
    assert refused(tmp_path, BAD) == set(BAD)


class Maker:
    """Times of which about half are good."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def pick(self, *values):
        return self.random.choice(values)

    def number(self, low: int, high: int) -> str:
        near = self.pick(low, low + 1, high - 1, high, self.random.randint(low, high))
        return str(self.pick(near, near, near, near, near, low - 1 if low else high + 1, high + 1))

    def component(self, low: int, high: int) -> str:
        text = self.number(low, high)
        if self.random.random() < 0.2:
            text += ".." + self.number(low, high)
        if self.random.random() < 0.2:
            text += "/" + self.number(1, (high - low) // 2)
        return text

    def chain(self, low: int, high: int) -> str:
        return self.pick("*", ",".join(self.component(low, high) for _ in range(self.pick(1, 1, 1, 2))))

    def weekdays(self) -> str:
        names = ("Mon", "tue", "Wednesday", "thu", "Fri", "SAT", "Sunday")
        ranges = [self.pick(*names) + self.pick("", "", "..", "-") for _ in range(self.pick(1, 1, 2))]
        whole = (r + self.pick(*names) if r[-1] in ".-" else r for r in ranges)
        return ",".join(whole) + self.pick("", "", ",")

    def date(self) -> str:
        return (self.pick("", self.chain(1970, 2199) + "-") + self.chain(1, 12)
                + self.pick("-" + self.chain(1, 31), "~" + self.chain(1, 28)))

    def time(self) -> str:
        fraction = self.number(0, 59) + self.pick(".5", "/0.25", "..59.75")
        seconds = self.pick("", "", ":" + self.chain(0, 59), ":" + fraction)
        return self.chain(0, 23) + ":" + self.chain(0, 59) + seconds

    def text(self) -> str:
        words = (self.weekdays(), self.date(), self.time(), "UTC")
        words = [word for word in words if self.random.random() < 0.6]
        text = " ".join(words or ["daily"])
        if self.random.random() < 0.15:
            at = self.random.randrange(len(text))
            text = text[:at] + self.pick("", *"*,.:/~-0a") + text[at + 1:]
        # Not where one blank more or less is all that systemd minds, nor what is no text of the type.
        good = re.fullmatch("[A-Za-z0-9*]([A-Za-z0-9*,.:/~+_ -]*[A-Za-z0-9*,.:/~+_-])?", text)
        return text if good and "  " not in text else self.text()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is what knows")
@pytest.mark.parametrize("seed", range(3))
def test_as_systemd_understands_them(tmp_path, seed):
    maker = Maker(seed)
    times = sorted({maker.text() for _ in range(600)} | set(GOOD) | set(BAD))
    ours, theirs = set(), set()
    for batch in batches(times):
        ours |= refused(tmp_path, batch)
        theirs |= refused_by_systemd(batch)
    # systemd forgives what leads nowhere ("22..24/11:00" is 22:00), and has limits of its own
    # for lists behind "~".
    assert theirs <= ours
    assert [time for time in ours - theirs if not re.search(r"~.*,|\.\.[0-9.]+/", time)] == []
    assert len(times) / 4 < len(ours) < len(times) * 3 / 4
