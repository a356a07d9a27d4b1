# SPDX-License-Identifier: Apache-2.0
"""The committed JSON Schemas: good documents pass, broken ones do not; where $PYSERVICECTL is set, it must agree.

$PYSERVICE_EXAMPLES is the directory of the examples (contrib/examples), $PYSERVICE_TEST_TYPE the program test-type.
"""

import json
import os
import pathlib
import random
import re
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
EDITOR = ROOT / "contrib/editor"
EXAMPLES = pathlib.Path(os.environ.get("PYSERVICE_EXAMPLES", ROOT / "contrib/examples"))
CONTRACTS = ROOT / "contrib/contracts"
PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
TEST_TYPE = os.environ.get("PYSERVICE_TEST_TYPE", "")

SCHEMAS = {
    "app": EDITOR / "pyservice.schema.json",
    "host": EDITOR / "pyservice-host.schema.json",
    "contract": EDITOR / "pyservice-contract.schema.json",
}


class Loader(yaml.SafeLoader):
    """YAML as editors read it: the core schema of YAML 1.2, without dates, and without yes and no."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"true|false", "tf"),
    ("null", r"~|null|", ["~", "n", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
]:
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(rf"^(?:{pattern})$"), list(first))


def load_yaml(text):
    return yaml.load(text, Loader)


def without_doubles(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def load_schema(name):
    return json.loads(SCHEMAS[name].read_text(encoding="utf-8"), object_pairs_hook=without_doubles)


VALIDATORS = {name: jsonschema.Draft202012Validator(load_schema(name)) for name in SCHEMAS}


def errors_in(document, schema="app"):
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[schema].iter_errors(load_yaml(document))]


def subschemas(schema):
    """All objects that are schemas, with $defs and properties as what they are."""
    yield schema
    for key in ("properties", "$defs"):
        for value in schema.get(key, {}).values():
            yield from subschemas(value)
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key])
    for value in schema.get("anyOf", []):
        yield from subschemas(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid(name):
    jsonschema.Draft202012Validator.check_schema(load_schema(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_form(name):
    """Ours is what Python would write; so nothing is escaped wrongly, and a diff shows what changed."""
    text = SCHEMAS[name].read_text(encoding="utf-8")
    assert text == json.dumps(load_schema(name), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", SCHEMAS)
def test_references(name):
    schema = load_schema(name)
    used = {part["$ref"] for part in subschemas(schema) if "$ref" in part}
    assert used - {"#"} == {"#/$defs/" + key for key in schema["$defs"]}


@pytest.mark.parametrize("name", SCHEMAS)
def test_everything_is_described(name):
    schema = load_schema(name)
    for part in subschemas(schema):
        for key, value in part.get("properties", {}).items():
            alternatives = value.get("anyOf", [])
            is_told = "description" in value or key == "secret" or all("description" in one for one in alternatives)
            assert is_told, (key, value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_and_defaults_pass(name):
    schema = load_schema(name)
    for part in subschemas(schema):
        texts = part.get("examples", []) + ([part["default"]] if "default" in part else [])
        alone = {key: value for key, value in part.items() if key not in ("examples", "default")} | {"$defs": schema["$defs"]}
        for text in texts:
            jsonschema.Draft202012Validator(alone).validate(text)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_examples(path):
    assert errors_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*.yaml")), ids=lambda path: path.name)
def test_contracts(path):
    assert errors_in(path.read_text(encoding="utf-8"), "contract") == []


GOOD = {
    "shortest": "image: a",
    "numbers as texts": "image: a:1\nport: '80'\nscale: '2'",
    "texts that look like numbers": "image: a\nenv: {A: 5, B: 1.5, C: -1}\nuser: 1000\nlabels: {a: 1}",
    "substitution in a choice": "image: a\nvars: {p: always}\npull: '{{ p }}'",
    "substitution in a number": "image: a\nvars: {p: 80}\nport: '{{ p }}'",
    "substitution in a text": "image: 'quay.io/{{ app_name }}:1'\nworkdir: '{{ app_dir }}'",
    "substitution in a time": "image: a\nvars: {t: 5}\nstop_timeout: '{{ t }}s'",
    "instance": "image: a\ncommand: run {{ instance }}",
    "time in plain seconds": "image: a\nstop_timeout: 90",
    "time of two units": "image: a\nstop_timeout: 1min 30s",
    "size in bytes": "image: a\nresources: {memory: 1048576, cpus: 0.5, pids: 10}",
    "command as a list": "image: a\ncommand: [run, '']\nentrypoint: ''",
    "secret": "image: a\nsecrets: {s: {file: /s}}\nenv: {A: {secret: s}}",
    "one for a list": "image: a\nhosts: a.example.com\nenv_files: -/etc/a",
    "volumes as a list": "image: a\nvolumes: ['/a:/b:ro', {volume: c_D, dest: /d, options: ro}]",
    "volumes as a map": "image: a\nvolumes: {data: {type: nfs, device: 'nfs.example.com:/x'}, logs: {}}\nservices: [{name: a, volumes: ['data:/d', 'logs:/l']}]",
    "x- keys": "image: a\nx-note: [anything]\nresources: {x-why: {a: b}}",
    "plain no as a choice": "image: a\nrestart: no",
    "three digits": "image: a\nport: 80\nhealth: {http: /, status: 204}\nfiles: [{dest: /etc/a, content: b, mode: 644}]",
    "commands of a task": "image: a\ntasks: [{name: t, commands: [a b, [c, d]]}, {name: u, commands: a}]",
}

BROKEN = {
    "empty": "{}",
    "a list": "- image: a",
    "a text": "image",
    "unknown key": "image: a\nimgae: b",
    "unknown key in a service": "image: a\nservices: [{name: a, prot: 1}]",
    "unknown key in a struct": "image: a\nport: 1\nproxy: {backand: a}",
    "key without a value": "image: a\nport:",
    "name missing": "image: a\nservices: [{scale: 2}]",
    "required key of a struct missing": "image: a\nport: 1\nproxy: {check: {method: GET}}",
    "bad image": "image: a b",
    "bad choice": "image: a\npull: sometimes",
    "port too large": "image: a\nport: 70000",
    "port zero": "image: a\nport: 0",
    "port negative": "image: a\nport: -1",
    "port with a point": "image: a\nport: 80.5",
    "boolean for a text": "image: true",
    "boolean in env": "image: a\nenv: {A: true}",
    "null in env": "image: a\nenv: {A: ~}",
    "text for a boolean": "image: a\ntls_verify: 'true'",
    "word for a boolean": "image: a\ntls_verify: yes",
    "bad time": "image: a\nstop_timeout: soon",
    "time too short": "image: a\nhealth: {http: /, interval: 0}",
    "bad size": "image: a\nresources: {memory: 512MB}",
    "no CPUs": "image: a\nresources: {cpus: 0}",
    "list for a scalar": "image: [a]",
    "scalar for a list": "image: a\nservices: web",
    "scalar for a map": "image: a\nenv: A=b",
    "list for a map": "image: a\nenv: [A=b]",
    "bad variable name": "image: a\nenv: {1A: c}",
    "substitution in a key": "image: a\nvars: {v: A}\nenv: {'{{ v }}': c}",
    "secret with more": "image: a\nenv: {A: {secret: s, file: /s}}",
    "secret of no name": "image: a\nenv: {A: {secret: No Name}}",
    "relative path": "image: a\nworkdir: app",
    "bad service name": "image: a\nservices: [{name: Web}]",
    "name too long": f"image: a\nservices: [{{name: {'a' * 64}}}]",
    "lines in a description": 'image: a\ndescription: "a\\nb"',
    "map in a command": "image: a\ncommand: {run: it}",
    "bad domain": "image: a\nport: 1\nproxy: {domains: [Example.com]}",
    "two digits of a mode": "image: a\nfiles: [{dest: /etc/a, content: b, mode: 44}]",
    "percent in a header": "image: a\nport: 1\nproxy: {headers: {A: '%[src]'}}",
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name):
    assert errors_in(GOOD[name]) == []


# That nothing is there to run is for the decoder to say.
@pytest.mark.parametrize("name", [name for name in BROKEN if name != "empty"])
def test_broken(name):
    assert errors_in(BROKEN[name]) != []


def test_host():
    assert errors_in("ports: {first: 20000, last: 20999}\nhaproxy: {container: haproxy}\nnetwork: quadlet.network", "host") == []
    assert errors_in("{}", "host") == []
    assert errors_in("notify: {command: [/bin/tell, x], webhook: {url: 'https://a.example.com/x', credential: a.b}, mail: {to: root}, events: rejected}", "host") == []
    assert errors_in("notify: {events: [failed]}", "host") != []
    assert errors_in("ports: {first: 80}", "host") != []
    assert errors_in("haproxy: {unit: haproxy}", "host") != []
    assert errors_in("haproxy: {unit: '{{ app_name }}.service'}", "host") != []
    assert errors_in("image: a", "host") != []


def test_contract():
    good = "variables: [{name: a, env: A, required: true, type: integer}, {name: b, template: 'x{{ a }}', secret: true}]"
    assert errors_in(good, "contract") == []
    assert errors_in("description: a", "contract") != []
    assert errors_in("variables: [{name: a, type: int}]", "contract") != []
    assert errors_in("variables: [{name: a, required: 'true'}]", "contract") != []
    assert errors_in("variables: []\nsets: [{variables: [a]}]", "contract") != []


def mutate(source, text):
    """A text that is nearly `text`."""
    letters = list(text)
    for _ in range(source.randint(1, 3)):
        at = source.randint(0, len(letters))
        letters[at:at + source.randint(0, 1)] = source.choices(list("aZ09-_./:@+*[],= \\%\u00e9") + list(text), k=source.randint(0, 2))
    return "".join(letters)


@pytest.mark.skipif(not TEST_TYPE, reason="PYSERVICE_TEST_TYPE is not set")
@pytest.mark.parametrize("kind", [name for name, part in load_schema("app")["$defs"].items() if "examples" in part and name != "flag"])
def test_patterns_refuse_nothing_good(kind):
    schema = load_schema("app")
    validator = jsonschema.Draft202012Validator(schema["$defs"][kind] | {"$defs": schema["$defs"]})
    source = random.Random(kind)
    good = [str(text) for text in schema["$defs"][kind]["examples"]]
    texts = [mutate(source, source.choice(good)) for _ in range(1000)]
    lines = "".join(f"{kind} {text}\n" for text in texts)
    answers = subprocess.run([TEST_TYPE, "-"], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    assert len(answers) == len(texts)
    assert [text for text, answer in zip(texts, answers) if answer == "1" and not validator.is_valid(text)] == []


@pytest.mark.parametrize("page, schema", [("pyservice.d.5", "app"), ("pyservice-host.5", "host"), ("pyservice-contract.5", "contract")])
def test_examples_of_the_manual(page, schema):
    text = (ROOT / "contrib/man" / page).read_text(encoding="utf-8")
    _, _, text = text.partition(".Sh EXAMPLES\n")
    blocks = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", text, re.M | re.S)
    assert blocks
    for block in blocks:
        assert errors_in(block.replace("\\-", "-"), schema) == []


@pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")
@pytest.mark.parametrize("name", list(GOOD) + list(BROKEN))
def test_the_program_agrees(name, tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text((GOOD.get(name) or BROKEN[name]) + "\n", encoding="utf-8")
    result = subprocess.run([PYSERVICECTL, "check", path], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr != "") == ((0, False) if name in GOOD else (1, True)), result.stderr
