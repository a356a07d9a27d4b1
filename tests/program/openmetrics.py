# SPDX-License-Identifier: Apache-2.0
"""A strict reader of OpenMetrics text 1.0, for what `pyservicectl metrics` prints."""

import re
from pathlib import Path
from typing import NamedTuple

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,(?:{LABEL}))*)\}})? (-?[0-9]+(?:\.[0-9]+)?)")
SUFFIX = {"gauge": "", "counter": "_total", "info": "_info"}
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Family(NamedTuple):
    type: str
    help: str
    samples: dict[tuple, float]     # by their labels, sorted pairs


def described() -> set[str]:
    """The names of samples that the manual has."""
    manual = Path(__file__).resolve().parents[2] / "contrib/man/pyservicectl.1"
    return set(re.findall("pyservice_[a-z_]+", manual.read_text()))


def sample_names(families: dict[str, Family]) -> set[str]:
    return {name + SUFFIX[family.type] for name, family in families.items()}


def read(text: str) -> dict[str, Family]:
    """The families by name. Each has TYPE, UNIT if any, and HELP, in this order, and all its samples behind these."""
    assert text.endswith("\n# EOF\n"), "no end"
    families: dict[str, Family] = {}
    kind = unit = name = ""
    for line in text.removesuffix("# EOF\n").split("\n")[:-1]:
        if found := re.fullmatch(rf"# TYPE ({NAME}) (gauge|counter|info)", line):
            name, kind, unit = found[1], found[2], ""
            assert name not in families, line
        elif found := re.fullmatch(rf"# UNIT ({NAME}) ([a-z]+)", line):
            unit = found[2]
            assert found[1] == name not in families and name.endswith("_" + unit) and kind != "info", line
        elif found := re.fullmatch(rf"# HELP ({NAME}) ([^\\\n]+)", line):
            assert found[1] == name not in families, line
            families[name] = Family(kind, found[2], {})
        else:
            found = SAMPLE.fullmatch(line)
            assert found and found[1] == name + SUFFIX[kind], line
            pairs = [(key, re.sub(r"\\.", lambda escape: ESCAPES[escape[0]], value)) for key, value in re.findall(LABEL, found[2] or "")]
            labels = tuple(sorted(pairs))
            assert len(dict(pairs)) == len(pairs) and labels not in families[name].samples, line
            number = float(line.rpartition(" ")[2])
            assert number >= 0 and (kind != "info" or number == 1), line
            families[name].samples[labels] = number
    assert all(family.help.endswith(".") for family in families.values())
    return families
