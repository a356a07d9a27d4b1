#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of the README: what a person sees on a booted machine, in contrib/pictures.

Usage: pictures.py BUILD. As root; needs Debian's python3-rich.
"""

import pathlib
import sys

from rich.console import Console
from rich.text import Text

import nspawn
from app import define, settle, wait_for
from machine import Machine
from tmux import Terminal

COLUMNS, ROWS = 90, 60
END = "\N{WHITE SQUARE}"     # printed when a command has ended
PICTURES = pathlib.Path(__file__).resolve().parents[2] / "contrib/pictures"
# Rich's own form loads a font from elsewhere.
FORM = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xml:space="preserve" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
SHOP = """\
image: localhost/hello:1
port: 8000
scale: 3
env: {GREETING: hello}
health: {http: /health, interval: 1s}
rollout: {min_ready: 1s, ready_timeout: 20s}
proxy: {domains: [shop.example.com]}
"""


class Picture:
    def __init__(self, machine: Machine, name: str, title: str):
        self.machine, self.path, self.title = machine, PICTURES / f"{name}.svg", title
        self.console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w", encoding="utf-8"), force_terminal=True)

    def __enter__(self) -> "Picture":
        return self

    def __exit__(self, *problem) -> None:
        if problem[0] is None:
            self.path.write_text(self.console.export_svg(title=self.title, code_format=FORM, unique_id=self.path.stem))

    def types(self, command: str) -> None:
        """Runs it on a terminal, and shows both."""
        with Terminal(self.machine, f"TERM=xterm {command}; printf '{END}'; exec cat", COLUMNS, ROWS) as terminal:
            terminal.wait(END)
            screen = terminal.screen("-e").partition(END)[0]
        self.console.print(Text(f"# {command}", style="bold"))
        self.console.print(Text.from_ansi(screen.rstrip()), "", sep="\n")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    lab = nspawn.Lab.create(dies_with_parent=True)
    try:
        nspawn.install(pathlib.Path(sys.argv[1]), lab.root)
        lab.start()
        machine = Machine(lab)
        machine.write("/etc/pyservice.d/shop.yaml", SHOP)
        with Picture(machine, "deploy", "one file, three instances behind HAProxy") as picture:
            picture.types("cat /etc/pyservice.d/shop.yaml")
            picture.types("pyservicectl apply --yes shop")
            picture.types("pyservicectl status shop")
        with Picture(machine, "error", "a file with an error changes nothing") as picture:
            machine.write("/etc/pyservice.d/shop.yaml", SHOP.replace("port:", "prot:").replace("1s}", "1 sec}", 1))
            picture.types("pyservicectl check")
        with Picture(machine, "rejected", "a release that does not work never replaces one that does") as picture:
            define(machine, "shop", SHOP.replace("hello}", "hello, HELLO_HEALTH: 500}"), reload=False)
            picture.types("pyservicectl apply --yes shop")
            picture.types("pyservicectl status shop")
        define(machine, "shop", SHOP)
        wait_for(machine, "shop", 3)
        settle(machine)
        with Picture(machine, "drill", "what clients notice") as picture:
            picture.types("pyservicectl drill --yes shop restart kill reload")
    finally:
        lab.stop(hard=True)


if __name__ == "__main__":
    main()
