# SPDX-License-Identifier: Apache-2.0
"""The help of pyservicectl, and its answers to words that it does not know."""

import os
import re
import subprocess

import pytest

PYSERVICECTL = os.environ.get("PYSERVICECTL", "")
pytestmark = pytest.mark.skipif(not PYSERVICECTL, reason="PYSERVICECTL is not set")


def ctl(*words):
    done = subprocess.run([PYSERVICECTL, *words], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def shown(*words):
    status, text, said = ctl(*words)
    assert (status, said) == (0, "")
    return text


def verbs():
    return re.findall(r"^  ([a-z]+) {2,}[A-Z]", shown("help"), re.M)


def test_verbs_are_grouped_by_task():
    text = shown("--help")
    assert text == shown("help") == shown("-h")
    assert max(map(len, text.splitlines())) <= 80
    assert len(verbs()) == len(set(verbs())) == 35
    blocks = {block.partition(":\n")[0]: re.findall(r"^  ([a-z]+)", block, re.M) for block in text.split("\n\n")}
    assert blocks["Look at applications"][0] == "status" and "apply" in blocks["Deploy"] and "doctor" in blocks["Fix"]
    assert "import" in blocks["Convert"] and "set" in blocks["Write and change definitions"] and "stop" in blocks["Start, stop and run"]


def test_internals_are_not_shown_but_work():
    everything = shown("help") + "".join(shown("help", verb) for verb in verbs())
    for word in ("completion", "--man", "--fuzz-dict"):
        assert word not in everything
    assert shown("completion", "--", "stat").startswith("status\t") and "completion" not in shown("completion", "--", "comp")
    assert shown("schema", "--man").startswith(".") and shown("schema", "--fuzz-dict").startswith('"')
    assert "completion -- WORD…" in shown("help", "completion")


def test_each_verb_has_a_help_of_its_own():
    for verb in verbs():
        text = shown("help", verb)
        assert text == shown(verb, "--help") == shown("--help", verb) == shown(verb, "some", "-h")
        synopsis, rest = text.split("\n\n", 1)
        assert synopsis.startswith(f"pyservicectl {verb}") and rest[0].isupper()
        assert f"\n\nExample:\n  pyservicectl {verb} " in text and max(map(len, text.splitlines())) <= 80
        # Only its own options: those that the completion offers.
        offered = {line.split("\t")[0].rstrip("=") for line in shown("completion", "--", verb, "--").splitlines()}
        assert set(re.findall(r"^  (?:-[a-z]|  ) (--[a-z-]+)", text, re.M)) == offered - {"--man", "--fuzz-dict"}


def test_the_example_of_each_verb_has_words_that_it_takes():
    for verb in verbs():
        words = re.search(r"Example:\n  pyservicectl (.+)", shown("help", verb)).group(1).split(" > ", 1)[0].split()
        for word in words[:words.index("--")] if "--" in words else words:
            if word.startswith("--"):
                assert word.partition("=")[0] in shown("help", verb)


def test_an_option_is_written_in_one_way_in_all_verbs():
    written = {}
    for verb in verbs():
        for letter, name, argument in re.findall(r"^  (-[a-z]|  ) --([a-z-]+)(=[A-Z]+)?", shown("help", verb), re.M):
            assert written.setdefault(name, (letter, argument)) == (letter, argument), (verb, name)
    assert written["follow"] == ("-f", "") and written["lines"] == ("-n", "=N")


def test_options_may_stand_anywhere():
    said = "pyservicectl logs: invalid number of lines 'x'; write a number, or 'all'\nTry 'pyservicectl help logs'.\n"
    for words in (["-n", "x", "logs", "a"], ["logs", "-nx", "a"], ["logs", "a", "--lines=x"], ["logs", "a", "--lines", "x"], ["--li=x", "logs", "a"]):
        assert ctl(*words) == (2, "", said)
    # A word behind "--" is not an option.
    assert "is not a valid name of an app" in ctl("logs", "--", "--lines=x")[2]


def test_a_usage_error_names_the_help():
    for words, said in (((), "pyservicectl: missing command; 'pyservicectl help' shows all commands\n"),
                        (("set", "shop"), "pyservicectl set: give the name of an application, a key such as services.web.scale, "
                                          "and a value ('null' resets it)\nTry 'pyservicectl help set'.\n"),
                        (("stop",), "pyservicectl stop: give APP, APP@N, APP/SERVICE or APP/SERVICE@N\nTry 'pyservicectl help stop'.\n"),
                        (("rollout", "undo"), "pyservicectl rollout: undo: give the name of one application, and optionally a revision\n"
                                              "Try 'pyservicectl help rollout'.\n"),
                        (("rollout", "start", "shop"), "pyservicectl rollout: unknown subcommand 'start'; expected one of status, history, undo, "
                                                       "retry, pause and resume, and the name of an application\nTry 'pyservicectl help rollout'.\n"),
                        (("get", "--yes", "shop"), "pyservicectl: 'get' has no option --yes; try 'pyservicectl help get'\n"),
                        (("statsu",), "pyservicectl: unknown command 'statsu'; did you mean 'status'?\n"),
                        (("help", "xyzzy"), "pyservicectl: unknown command 'xyzzy'; try 'pyservicectl help'\n"),
                        (("xyzzy", "--help"), "pyservicectl: unknown command 'xyzzy'; try 'pyservicectl help'\n")):
        assert ctl(*words) == (2, "", said)
    status, text, said = ctl("get", "--what", "shop")
    assert (status, text) == (2, "") and "unrecognized option '--what'\n" in said and said.endswith("\nTry 'pyservicectl help get'.\n") and said.count("\n") == 2


@pytest.mark.parametrize("word, verb", [
    ("deploy", "apply"), ("up", "apply"), ("reload", "apply"), ("rollback", "rollout undo APP"), ("undo", "rollout undo APP"),
    ("history", "rollout history APP"), ("releases", "rollout history APP"), ("pause", "rollout pause APP"), ("list", "status"), ("ls", "status"),
    ("validate", "check"), ("lint", "check"), ("init", "new APP"), ("create", "new APP"), ("delete", "purge APP"), ("rm", "purge APP"),
    ("down", "stop APP"), ("kill", "stop APP"), ("describe", "status APP"), ("inspect", "status APP"), ("events", "logs -f APP"), ("pull", "update APP"),
    ("build", "update APP"), ("config", "get APP"), ("enable", "start APP"), ("disable", "stop --lasting APP"), ("diff", "plan --diff"),
    ("show", "cat APP"), ("console", "shell APP"), ("secrets", "secret list APP"), ("stats", "top"), ("unset", "set APP KEY null"),
])
def test_a_word_of_another_tool_names_the_verb(word, verb):
    status, text, said = ctl(word, "shop", "--help")
    assert (status, text) == (2, "") and said.startswith(f"pyservicectl: '{word}' is ") and said.count("\n") == 1
    assert f"'pyservicectl {verb}'" in said
    assert ctl("help", word)[0] == 2
    for name in re.findall(r"'pyservicectl ([a-z]+)", said):
        assert name in verbs()


def test_rollback():
    assert ctl("rollback", "shop") == (2, "", "pyservicectl: 'rollback' is 'pyservicectl rollout undo APP'\n")
