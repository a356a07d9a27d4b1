#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps what a compiler does not: which layer may include which, sizes, banned calls, the look of a file.

Usage: lint.py ROOT. Prints "file:line: message" for each fault; exits 1 if there is one, 2 if ROOT has no sources.
"""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_layers(generator):
    """What each layer may include: itself, and all that its meson.build lets it use."""
    arrows = {path.parent.name: set(re.findall(r"\b(\w+)_dep\b", re.search(r"depends = \[(.*)\]", path.read_text())[1]))
              for path in generator.glob("*/meson.build")}
    layers = {}

    def close(layer):
        if layer not in layers:
            layers[layer] = {layer}.union(*(close(lower) for lower in arrows[layer]))
        return layers[layer]

    for layer in arrows:
        close(layer)
    return {**layers, "programs": {"programs"}.union(*layers.values())}


LAYERS = read_layers(ROOT / "generator")

# Other people's headers that belong to one place: pattern of the header, pattern of who may have it.
OWNED_HEADERS = [
    (re.compile(r"yaml\.h"), re.compile(r"generator/input/yaml[^/]*\.c"), "only input/yaml*.c includes it"),
    (re.compile(r"systemd/.*"), re.compile(r"generator/systemd/.*"), "only systemd/ includes it"),
    (re.compile(r"curl/.*"), re.compile(r"generator/runtime/.*"), "only runtime/ includes it"),
]

FILE_LINES = 800
FUNCTION_LINES = 50
COLUMNS = 110
PARAMETERS = 5
NESTING = 3

BANNED = re.compile(r"\b(strcpy|strncpy|strcat|strncat|strtok|sprintf|vsprintf|gets|atoi|atol|system|popen|alloca)\s*\(")
BANNED_IN_RENDER = re.compile(r"\b(\w*printf|buf_\w+)\s*\(")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
TYPEDEF = re.compile(r"\btypedef\s+(struct|union)\b")
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|\.\.\.|[^\s\w]|\d\w*")
LOOP = re.compile(r"[A-Z_]*EACH[A-Z_]*$")

# Directories of pyservice's own below /run/pyservice, /var/lib/pyservice and in a bundle: bundle/layout.h names them.
LAYOUT_NAMES = ("alive\\.conf|apps|builds|bundles|env|errors|errors-unseen|haproxy|keeping|nginx|quadlet|retired|rollouts"
                "|servers|setup|stopped|units|unkept|wanted|whole")
LAYOUT_LITERAL = re.compile(rf'"/?(run/pyservice|var/lib/pyservice|{LAYOUT_NAMES})/[^"\s]*"'
                            rf'|"/({LAYOUT_NAMES}|manifest|ports|revision|rollout|stamp)"')
LAYOUT_FREE = re.compile(r"generator/(base|input|schema|output|import|export|bundle)/.*")
# Words that contrib/HACKING.md replaces by others ("Style of language"), for comments, messages and manual pages.
BANNED_WORDS = re.compile(r"\b(mistakes?|anew|any ?more|complain(?:s|ed|t|ts|ing)?|likewise|mend(?:s|ed|ing)?|slips?"
                          r"|steer(?:s|ed|ing)?|whoever|(?<!there )(?:is|are) none(?! of\b))\b", re.I)
# A sentence of a comment names its actor first.
BANNED_START = re.compile(r"(?:^|[.:?!] )(Likewise|Of|The same|What|Whether)\b")
# "folder/file.h", of generator/ or tests/; files of others (linux/…) have folders that lint does not know.
REFERENCE = re.compile(r"(?<![\w./-])(?:generator/)?(\w+)(?:/[\w-]+)+\.[ch]\b")
MANUAL = re.compile(r"contrib/man/[^/]+\.[1-8]")

LITERAL_OR_COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)

C_NAMES = (".c", ".h")
NAMES = C_NAMES + (".py", ".sh")


def blank(match):
    """Spaces instead of the text, so that lines and columns stay."""
    return re.sub(r"[^\n]", " ", match.group())


def blank_noise(match):
    """Comments go; of a string its quotes stay, so that it still counts as something."""
    text = match.group()
    if text.startswith("/"):
        return blank(match)
    return "0" + " " * (len(text) - 1)


class Tokens:
    """The words and signs of C code, each with its line."""

    def __init__(self, code):
        self.words, self.lines = [], []
        for number, line in enumerate(code.split("\n"), 1):
            for match in TOKEN.finditer(line):
                self.words.append(match.group())
                self.lines.append(number)
        self.at = 0

    def word(self, ahead=0):
        at = self.at + ahead
        return self.words[at] if at < len(self.words) else ""

    def line(self):
        return self.lines[min(self.at, len(self.lines) - 1)] if self.lines else 1

    def skip_group(self):
        """From an opening bracket to behind its closing one."""
        depth = 0
        while self.word():
            depth += self.word() in ("(", "[", "{")
            depth -= self.word() in (")", "]", "}")
            self.at += 1
            if depth == 0:
                return


class Function:
    def __init__(self, name, line, parameters):
        self.name, self.line, self.parameters = name, line, parameters
        self.last_line = line
        self.nesting, self.nesting_line = 0, line


def count_parameters(words):
    """Of the words between the parentheses; `...` is none."""
    depth, count = 0, 1
    if words in ([], ["void"]):
        return 0
    for word in words:
        depth += word in ("(", "[", "{")
        depth -= word in (")", "]", "}")
        count += word == "," and depth == 0
    return count - (words[-1] == "...")


def read_head(tokens, start, end):
    """A function's name, line and parameters, if the words before a `{` are the head of one."""
    name = groups = None
    at = start
    while at < end:
        if tokens.words[at] == "=":
            return None
        if tokens.words[at] != "(":
            at += 1
            continue
        first, tokens.at = at, at
        tokens.skip_group()
        at = tokens.at
        name, groups = tokens.words[first - 1], tokens.words[first + 1:at - 1]
    if name is None or tokens.words[end - 1] != ")" or not re.match(r"[A-Za-z_]", name):
        return None
    return Function(name, tokens.lines[start], count_parameters(groups))


class Body:
    """Walks the statements of a function and notes how deep its control statements go."""

    def __init__(self, tokens, function):
        self.tokens, self.function = tokens, function

    def enter(self, depth):
        if depth > self.function.nesting:
            self.function.nesting, self.function.nesting_line = depth, self.tokens.line()

    def block(self, depth):
        """From behind a `{` to behind its `}`."""
        while self.tokens.word() not in ("}", ""):
            self.statement(depth)
        self.function.last_line = self.tokens.line()
        self.tokens.at += 1

    def is_control(self):
        word = self.tokens.word()
        if word in ("if", "for", "while", "switch"):
            return True
        return self.tokens.word(1) == "(" and (LOOP.match(word) is not None or self.is_macro_with_block())

    def is_macro_with_block(self):
        before = self.tokens.at
        self.tokens.at += 1
        self.tokens.skip_group()
        found = self.tokens.word() == "{" and self.tokens.words[before - 1] in (";", "{", "}", ")")
        self.tokens.at = before
        return found

    def statement(self, depth):
        tokens = self.tokens
        word = tokens.word()
        if word == "{":
            tokens.at += 1
            self.block(depth)
        elif word == "do":
            self.enter(depth + 1)
            tokens.at += 1
            self.statement(depth + 1)
            self.simple()
        elif self.is_control():
            self.control(depth)
        else:
            self.simple()

    def control(self, depth):
        tokens = self.tokens
        self.enter(depth + 1)
        tokens.at += 1
        tokens.skip_group()
        self.statement(depth + 1)
        if tokens.word() != "else":
            return
        tokens.at += 1
        self.statement(depth if tokens.word() == "if" else depth + 1)

    def simple(self):
        """To behind a `;`, or behind the colon of a label."""
        tokens = self.tokens
        label = tokens.word() in ("case", "default") or tokens.word(1) == ":"
        while tokens.word() not in ("", ";", "}"):
            if label and tokens.word() == ":":
                break
            if tokens.word() in ("(", "[", "{"):
                tokens.skip_group()
            else:
                tokens.at += 1
        if tokens.word() in (";", ":"):
            tokens.at += 1


def find_functions(code):
    """All function definitions in code without comments and directives."""
    tokens = Tokens(code)
    start = 0
    while tokens.word():
        word, here = tokens.word(), tokens.at
        if word == ";":
            tokens.at += 1
            start = tokens.at
        elif word in ("(", "["):
            tokens.skip_group()
        elif word == "{":
            function = read_head(tokens, start, here)
            tokens.at = here
            if function is None:
                tokens.skip_group()
                continue
            tokens.at += 1
            Body(tokens, function).block(0)
            start = tokens.at
            yield function
        else:
            tokens.at += 1


class Source:
    """One file, and the faults found in it."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.is_c = path.endswith(C_NAMES)
        parts = path.split("/")
        self.layer = parts[1] if parts[0] == "generator" and len(parts) > 2 else None
        self.code = DIRECTIVE.sub(blank, NOISE.sub(blank_noise, text)) if self.is_c else ""
        self.faults = []

    def fault(self, line, message):
        self.faults.append((self.path, line, message))


def check_text(source):
    if not any("SPDX-License-Identifier:" in line for line in source.lines[:3]):
        source.fault(1, "no SPDX-License-Identifier line")
    if source.text and not source.text.endswith("\n"):
        source.fault(len(source.lines), "no line end at the end of the file")
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            source.fault(number, "trailing blanks")
        if source.is_c and "\t" in line:
            source.fault(number, "tab; indent with spaces")
        if source.layer and len(line) > COLUMNS:
            source.fault(number, f"wider than {COLUMNS} columns; run clang-format")
        if UNFINISHED.search(line):
            source.fault(number, "unfinished work is no comment; do it or drop it")


def check_header(source):
    if not source.path.endswith(".h"):
        return
    rest = [(number, line) for number, line in enumerate(source.lines, 1) if line.strip()]
    rest = [(number, line) for number, line in rest if "SPDX-License-Identifier" not in line]
    if not rest or rest[0][1] != "#pragma once":
        source.fault(1, "a header begins with #pragma once")
    elif len(rest) < 2 or not rest[1][1].startswith("/*"):
        source.fault(rest[0][0] + 1, "a header opens with its contract: a comment after #pragma once")


def check_include(source, number, kind, name):
    for header, owner, message in OWNED_HEADERS:
        if kind == "<" and source.layer and header.fullmatch(name) and not owner.fullmatch(source.path):
            source.fault(number, f"<{name}>: {message}")
    if kind == "<" or name == "config.h":
        return
    layer = name.split("/")[0]
    if "/" not in name and source.layer:
        source.fault(number, f'"{name}": write "layer/module.h"')
    elif source.layer and layer not in LAYERS:
        source.fault(number, f'"{name}": there is no layer {layer}/')
    elif source.layer in LAYERS and layer not in LAYERS[source.layer]:
        source.fault(number, f'"{name}": {source.layer}/ may not include {layer}/')


def check_includes(source):
    last = {}
    if source.layer and source.layer not in LAYERS:
        source.fault(1, f"generator/{source.layer}/ is no layer that lint knows")
    for number, line in enumerate(source.lines, 1):
        match = INCLUDE.match(line)
        if not match:
            last = {}
            continue
        kind, name = match.groups()
        check_include(source, number, kind, name)
        if last.get(kind, "") > name:
            source.fault(number, f"includes are not in order: {name} after {last[kind]}")
        last[kind] = name


def check_sizes(source):
    n_lines = len(source.lines) - 1
    if source.layer and n_lines > FILE_LINES:
        source.fault(n_lines, f"{n_lines} lines; a file has at most {FILE_LINES}")
    for function in find_functions(source.code):
        n_lines = function.last_line - function.line + 1
        if n_lines > FUNCTION_LINES:
            source.fault(function.line, f"{function.name}: {n_lines} lines; a function has at most {FUNCTION_LINES}")
        if function.parameters > PARAMETERS:
            source.fault(function.line, f"{function.name}: {function.parameters} parameters; at most {PARAMETERS}")
        if function.nesting > NESTING:
            source.fault(function.nesting_line, f"{function.name}: nesting {function.nesting}; at most {NESTING}")


def check_words(source):
    for number, line in enumerate(source.code.split("\n"), 1):
        for match in BANNED.finditer(line):
            source.fault(number, f"{match.group(1)}() is banned")
        if TYPEDEF.search(line):
            source.fault(number, "no typedef for a struct: write struct")
        if source.layer != "render":
            continue
        for match in BANNED_IN_RENDER.finditer(line):
            source.fault(number, f"{match.group(1)}(): render/ builds no text; use an emitter of output/")


def check_layout(source):
    """No path below pyservice's own directories is spelled out but in bundle/."""
    if not source.layer or LAYOUT_FREE.fullmatch(source.path):
        return
    for match in LITERAL_OR_COMMENT.finditer(source.text):
        line = source.text.count("\n", 0, match.start()) + 1
        is_include = INCLUDE.match(source.lines[line - 1])
        if LAYOUT_LITERAL.fullmatch(match.group()) and not is_include:
            source.fault(line, f"{match.group()}: bundle/layout.h names the paths of pyservice's own files")


def check_language(source, line, text):
    """The words of a message or a manual page that begins in this line."""
    for match in BANNED_WORDS.finditer(text):
        source.fault(line + text.count("\n", 0, match.start()), f"'{match.group()}': see the glossary in contrib/HACKING.md")


def check_comment(source, line, text):
    """The words of a comment, as one line, and the files that it names."""
    flat = " ".join(re.sub(r"\n[ \t]*\*", "\n", text).split())
    check_language(source, line, flat)
    for match in BANNED_START.finditer(flat):
        source.fault(line, f"a sentence begins with '{match.group(1)}'; write subject, verb, object")
    for match in REFERENCE.finditer(flat):
        name = match.group().removeprefix("generator/")
        is_ours = match.group(1) in LAYERS or match.group(1) == "tests"
        if is_ours and not (ROOT / "generator" / name).exists() and not (ROOT / name).exists():
            source.fault(line, f"{match.group()}: there is no such file")


def check_texts(source):
    """The comments and messages of the generator's code."""
    for match in LITERAL_OR_COMMENT.finditer(source.text if source.layer else ""):
        line = source.text.count("\n", 0, match.start()) + 1
        if match.group().startswith("/*"):
            check_comment(source, line, match.group()[2:-2])
        elif not INCLUDE.match(source.lines[line - 1]):
            check_language(source, line, match.group())


def check_python(source, text):
    """Pytest would report it after the machine tests."""
    try:
        compile(text, source.path, "exec")
    except SyntaxError as error:
        source.fault(error.lineno, error.msg)


def check_source(path, text):
    """All faults of one file as (path, line, message)."""
    source = Source(path, text)
    if MANUAL.fullmatch(path):
        check_language(source, 1, text)
        return sorted(source.faults)
    check_text(source)
    if path.endswith(".py"):
        check_python(source, text)
    if source.is_c:
        check_header(source)
        check_includes(source)
        check_sizes(source)
        check_words(source)
        check_layout(source)
        check_texts(source)
    return sorted(source.faults)


def is_skipped(name):
    return name.startswith((".", "build", "_")) or name in ("subprojects", "corpus", "venv")


def find_sources(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(NAMES) or MANUAL.fullmatch(path):
                yield path


def main(arguments):
    if len(arguments) != 2:
        print("usage: lint.py ROOT", file=sys.stderr)
        return 2
    paths = list(find_sources(arguments[1]))
    if not any(path.startswith("generator/") for path in paths):
        print(f"lint.py: no sources below {arguments[1]}/generator", file=sys.stderr)
        return 2
    faults = []
    for path in paths:
        with open(os.path.join(arguments[1], path), encoding="utf-8") as file:
            faults += check_source(path, file.read())
    for path, line, message in faults:
        print(f"{path}:{line}: {message}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
