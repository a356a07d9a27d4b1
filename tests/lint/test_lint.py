# SPDX-License-Identifier: Apache-2.0
"""Each check of lint.py has here a snippet that trips it, and only it."""

import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import lint  # noqa: E402

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
HEADER = SPDX + "#pragma once\n\n/* The contract. */\n"


def nested(kinds):
    """A function of control statements within one another."""
    return "void f(int n) {\n" + "".join(f"{kind} {{\n" for kind in kinds) + "n++;\n" + "}\n" * (len(kinds) + 1)


def long_function(lines):
    return "int f(void) {\n" + "g();\n" * (lines - 2) + "}\n"


BAD = {
    "Python that does not parse": ("tests/x.py", "# SPDX-License-Identifier: Apache-2.0\nfor x in y:\nz = 1\n", 3, "expected an indented block"),
    "base knows no input": ("generator/base/x.c", SPDX + '#include "input/diag.h"\n', 2, "may not include input/"),
    "input knows no schema": ("generator/input/x.c", SPDX + '#include "schema/type.h"\n', 2, "may not include schema/"),
    "schema knows no app": ("generator/schema/x.c", SPDX + '#include "app/app.h"\n', 2, "may not include app/"),
    "app knows no render": ("generator/app/x.c", SPDX + '#include "render/unit.h"\n', 2, "may not include render/"),
    "output knows only base": ("generator/output/x.c", SPDX + '#include "app/app.h"\n', 2, "may not include app/"),
    "render knows no publish": ("generator/render/x.c", SPDX + '#include "publish/b.h"\n', 2, "may not include publish/"),
    "runtime knows no output": ("generator/runtime/x.c", SPDX + '#include "output/u.h"\n', 2, "may not include output/"),
    "publish knows no runtime": ("generator/publish/x.c", SPDX + '#include "runtime/b.h"\n', 2, "may not include runtime/"),
    "rollout knows no publish": ("generator/rollout/x.c", SPDX + '#include "publish/b.h"\n', 2, "may not include publish/"),
    "hooks know no rollout": ("generator/hooks/x.c", SPDX + '#include "rollout/x.h"\n', 2, "may not include rollout/"),
    "ctl knows no programs": ("generator/ctl/x.c", SPDX + '#include "programs/x.h"\n', 2, "may not include programs/"),
    "unknown layer included": ("generator/app/x.c", SPDX + '#include "util/x.h"\n', 2, "there is no layer util/"),
    "unknown layer": ("generator/util/x.c", SPDX, 1, "no layer that lint knows"),
    "layer left out": ("generator/base/x.c", SPDX + '#include "str.h"\n', 2, 'write "layer/module.h"'),
    "yaml.h outside yaml.c": ("generator/input/diag.c", SPDX + "#include <yaml.h>\n", 2, "only input/yaml*.c"),
    "systemd outside its folder": ("generator/ctl/x.c", SPDX + "#include <systemd/sd-bus.h>\n", 2, "only systemd/"),
    "curl outside runtime": ("generator/rollout/x.c", SPDX + "#include <curl/curl.h>\n", 2, "only runtime/"),
    "includes not in order": ("generator/app/x.c", SPDX + '#include "base/str.h"\n#include "base/buf.h"\n', 3, "not in order"),
    "system includes not in order": ("generator/app/x.c", SPDX + "#include <stdio.h>\n#include <errno.h>\n", 3, "not in order"),
    "file too long": ("generator/base/x.c", SPDX + "\n" * 800, 801, "801 lines; a file has at most 800"),
    "function too long": ("tests/unit/x.c", SPDX + long_function(51), 2, "f: 51 lines"),
    "too many parameters": ("generator/base/x.c", SPDX + "int f(int a, int b, int c, int (*d)(int, int), int e, int g) {\n}\n",
                            2, "f: 6 parameters"),
    "nesting of if and loops": ("generator/base/x.c", SPDX + nested(["if (n)", "for (;;)", "while (n)", "if (n)"]), 6, "nesting 4"),
    "nesting in switch": ("generator/base/x.c", SPDX + nested(["switch (n)", "do", "if (n)", "if (n)"]).replace(
        "}\n}\n}\n}\n}", "}\n}\n} while (n);\n}\n}"), 6, "nesting 4"),
    "nesting without braces": ("generator/base/x.c", SPDX + "int f(void) {\nif (a)\nif (b)\nif (c)\nif (d)\ng();\n}\n", 6, "nesting 4"),
    "nesting in a macro loop": ("generator/base/x.c", SPDX + nested(["if (n)", "VEC_EACH(i, v)", "if (n)", "if (n)"]), 6, "nesting 4"),
    "nesting in else": ("generator/base/x.c", SPDX + nested(["if (n) { } else", "if (n) { } else", "if (n) { } else", "if (n)"]),
                        6, "nesting 4"),
    "strcpy": ("generator/base/x.c", SPDX + "int f(void) {\nstrcpy(a, b);\n}\n", 3, "strcpy() is banned"),
    "system": ("tests/unit/x.c", SPDX + "int x = system (b);\n", 2, "system() is banned"),
    "printf in render": ("generator/render/x.c", SPDX + "int f(void) {\narena_printf(a, b);\n}\n", 3, "arena_printf(): render/"),
    "buf in render": ("generator/render/x.c", SPDX + "int f(void) {\nbuf_put_char(a, b);\n}\n", 3, "buf_put_char(): render/"),
    "no licence": ("generator/base/x.c", "int f(void);\n", 1, "no SPDX"),
    "no licence in Python": ("tests/x.py", "pass\n", 1, "no SPDX"),
    "no licence in shell": ("tests/x.sh", "#!/bin/sh\ntrue\n", 1, "no SPDX"),
    "no pragma once": ("generator/base/x.h", SPDX + "/* The contract. */\n", 1, "begins with #pragma once"),
    "no contract": ("generator/base/x.h", SPDX + "#pragma once\n\n#include <stdio.h>\n", 3, "opens with its contract"),
    "trailing blank": ("generator/base/x.c", SPDX + "int x; \n", 2, "trailing blanks"),
    "tab": ("generator/base/x.c", SPDX + "\tint x;\n", 2, "tab"),
    "too wide": ("generator/base/x.c", SPDX + "int " + "x" * 106 + ";\n", 2, "wider than 110 columns"),
    "no last line end": ("generator/base/x.c", SPDX + "int x;", 2, "no line end"),
    "unfinished": ("generator/base/x.c", SPDX + "/* TO" "DO: think */\n", 2, "unfinished"),
    "unfinished in Python": ("tests/x.py", "# SPDX-License-Identifier: Apache-2.0\n# FIX" "ME\n", 2, "unfinished"),
    "path of a bundle": ("generator/ctl/x.c", SPDX + 'struct str s = STR("apps/");\n', 2, "bundle/layout.h names"),
    "file of a bundle": ("generator/ctl/x.c", SPDX + 'struct str s = STR("/revision");\n', 2, "bundle/layout.h names"),
    "banned word": ("generator/base/x.c", SPDX + "/* A list of\n * mistakes. */\n", 2, "'mistakes': see the glossary"),
    "banned words over two lines": ("generator/base/x.c", SPDX + "/* It is not there any\n * more. */\n", 2, "'any more': see"),
    "dialect": ("generator/base/x.c", SPDX + "/* False if it is none. */\n", 2, "'is none': see"),
    "banned word in a message": ("generator/base/x.c", SPDX + 'int x;\nconst char *y = "start it anew";\n', 3, "'anew': see"),
    "banned word in a manual page": ("contrib/man/x.1", ".Dd now\nMend the file.\n", 2, "'Mend': see"),
    "sentence without an actor": ("generator/base/x.c", SPDX + "/* Reads it. What is new\n * is kept. */\n", 2, "begins with 'What'"),
    "comment without an actor": ("generator/base/x.c", SPDX + "int x; /* Of the app. */\n", 2, "begins with 'Of'"),
    "reference to no file": ("generator/base/x.c", SPDX + "/* See base/no-such.h. */\n", 2, "base/no-such.h: there is no such file"),
    "reference to no test": ("generator/base/x.c", SPDX + "/* See\n * tests/unit/no-such.c. */\n", 2, "no-such.c: there is no"),
    "table too wide": ("generator/base/x.c", SPDX + "/*\n *     " + "x" * 104 + " */\n", 3, "wider than 110 columns"),
    "typedef of a struct": ("generator/base/x.h", HEADER + "typedef struct x { int y; } x;\n", 5, "no typedef"),
}

GOOD = {
    "arrows downwards": ("generator/render/x.c", SPDX + '#include "app/app.h"\n#include "base/str.h"\n#include "output/unit.h"\n'),
    "programs last": ("generator/programs/x.c", SPDX + '#include "config.h"\n#include "ctl/x.h"\n#include "runtime/x.h"\n'),
    "tests may know all": ("tests/unit/x.c", SPDX + '#include "runtime/x.h"\n#include "base/str.h"\n'.replace("\n", "\n\n", 1)),
    "yaml.h in yaml.c": ("generator/input/yaml-bytes.c", SPDX + "#include <yaml.h>\n"),
    "bus in systemd": ("generator/systemd/bus.c", SPDX + "#include <systemd/sd-bus.h>\n"),
    "groups of includes": ("generator/app/x.c", SPDX + '#include "app/x.h"\n\n#include <errno.h>\n#include <stdio.h>\n\n#include "app/a.h"\n'),
    "as long as allowed": ("generator/base/x.c", SPDX + "\n" * 349 + long_function(50)),
    "as many parameters": ("generator/base/x.c", SPDX + "int f(int a, int b, int c, int d, const char *format, ...) {\n}\n"),
    "as deep as allowed": ("generator/base/x.c", SPDX + nested(["if (n)", "for (;;)", "if (n)"])),
    "else if is one level": ("generator/base/x.c", SPDX + nested(["if (n) { } else if (n) { } else if (n) { } else if (n)",
                                                               "if (n)", "if (n)"])),
    "side by side": ("generator/base/x.c", SPDX + "int f(void) {\nif (a)\ng();\nif (b)\ng();\nfor (;;)\nif (c)\ng();\nif (d)\ng();\n}\n"),
    "tables are no functions": ("generator/base/x.c", SPDX + "static const struct x t[] = {\n" + "{ F(1), { 2 } },\n" * 60 + "};\n"),
    "attributes before the name": ("generator/base/x.c", SPDX + "static int PRINTF_LIKE(1, 2) f(const char *p, ...) {\n}\n"),
    "words in comments and strings": ("generator/base/x.c", SPDX + '/* strcpy(a) */\nconst char *x = "{ strcpy(a) \\" {";\n'),
    "similar names": ("generator/base/x.c", SPDX + "int x = my_system(1) + snprintf(a) + str_cat(b);\n"),
    "macros of several lines": ("generator/base/x.c", SPDX + "#define X(a) \\\n        do { \\\n        if (a) { \\\n\nint x;\n"),
    "header": ("generator/base/x.h", HEADER + "struct x {\n        int y;\n};\n"),
    "as wide as allowed": ("generator/base/x.c", SPDX + "int " + "x" * 105 + ";\n"),
    "allowed words": ("generator/base/x.c", SPDX + "/* Absent if there\n * is none; is none of them missing? The most of it. */\n"),
    "words of others": ("tests/unit/x.c", SPDX + "/* Whoever makes a mistake. */\n"),
    "references": ("generator/base/x.c", SPDX + "/* See base/str.h, generator/base/str.c, base/*.h, linux/no-such.h and tests/unit/worlds.h. */\n"),
    "manual page": ("contrib/man/x.1", ".Dd now\nWhat a page says.\n"),
    "script": ("tests/x.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n\ttrue\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad(name):
    path, text, line, message = BAD[name]
    faults = lint.check_source(path, text)
    assert len(faults) == 1, faults
    assert faults[0][:2] == (path, line)
    assert message in faults[0][2]


@pytest.mark.parametrize("name", GOOD)
def test_good(name):
    assert lint.check_source(*GOOD[name]) == []


def run(root):
    program = os.path.join(os.path.dirname(lint.__file__), "lint.py")
    return subprocess.run([sys.executable, program, str(root)], capture_output=True, text=True, check=False)


def test_tree(tmp_path):
    folder = tmp_path / "generator" / "base"
    folder.mkdir(parents=True)
    assert run(tmp_path).returncode == 2
    (folder / "x.c").write_text(SPDX)
    assert run(tmp_path).returncode == 0
    (folder / "y.c").write_text("int x; \n")
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stdout == ("generator/base/y.c:1: no SPDX-License-Identifier line\n"
                           "generator/base/y.c:1: trailing blanks\n")


def test_layers_are_transitive():
    for layer, allowed in lint.LAYERS.items():
        assert layer in allowed
        for lower in allowed:
            assert lint.LAYERS[lower] <= allowed, (layer, lower)
