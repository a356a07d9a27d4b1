# SPDX-License-Identifier: Apache-2.0
"""The JSON that pyservicectl prints, as contrib/pyservicectl.schema.json has it; for tests/machine, too."""

import json
from pathlib import Path

import jsonschema

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "contrib/pyservicectl.schema.json").read_text(encoding="utf-8"))


def read_answer(command: str, text: str):
    """The answer of that command: "status", "status APP", "plan" … Raises if its form is another one."""
    answer = json.loads(text)
    jsonschema.validate(answer, {**SCHEMA["properties"][command], "$defs": SCHEMA["$defs"]})
    return answer
