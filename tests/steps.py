# SPDX-License-Identifier: Apache-2.0
"""The steps of tests/run: what each runs, in which order, how long it took, and how it ends early.

The machine tests wait more than they work, so that the other steps run beside them.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
BUILD = Path(os.environ.get("PYSERVICE_BUILDS", ROOT / "build"))
PYTHON = "/usr/bin/python3"
SLOW = 1.5              # from there on, numbers say more of the machine than of the program
END_TIMEOUT = 10        # seconds for a step to end after SIGTERM

PLAIN = ["--werror", "--prefix=/usr"]
# One build for the second compiler's warnings, the sanitizers and the fuzzer, for building is much of what they cost.
SANITIZE = [*PLAIN, "-Dfuzzer=true", "-Doptimization=1", "-Db_sanitize=address,undefined", "-Db_lundef=false",
            "-Ddebug_arena=true",
            # An error ends the program at run time too (SANITIZED); that the compiler knows it saves a third of the build.
            "-Dc_args=-fno-sanitize-recover=undefined -gline-tables-only"]
SANITIZED = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=0"}
# Of everything, the programs as a user calls them are run once, under the sanitizers, but for those that cannot.
NOT_TWICE = [word for suite in ("unit", "fuzz", "lint", "fault", "plain") for word in ("--suite", suite)]
VALGRIND = ["--suite", "unit", "--suite", "fuzz", "--logbase", "valgrind", "--timeout-multiplier", "20",
            "--wrap", "valgrind --quiet --error-exitcode=9 --trace-children=no"]


class Ended(Exception):
    """By SIGINT or SIGTERM."""


class Failed(Exception):
    pass


class Child:
    """A program in a session of its own, whose output goes to a file."""

    running: list["Child"] = []

    def __init__(self, command: list, log: Path, environment: dict[str, str] | None = None, append: bool = False):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with open(log, "ab" if append else "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True)
        Child.running.append(self)
        self.yield_to_others(os.getpriority(os.PRIO_PROCESS, 0))

    def yield_to_others(self, nice: int) -> None:
        """sched(7), "The autogroup feature": between sessions, each of which has a share, nice(2) alone has no effect."""
        try:
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(nice))
        except OSError:
            pass    # a kernel without it, or the program has ended

    def wait(self) -> bool:
        """True if it succeeded."""
        status = self.process.wait()
        Child.running.remove(self)
        return status == 0

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(END_TIMEOUT)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def slowness() -> float:
    """Of this machine, measured when it is first asked for; what is started later has it in its environment."""
    sys.path.insert(0, str(TESTS / "machine"))
    import pace
    return pace.SLOWNESS


# --- the steps; each raises Failed, or returns what is to be shown ---

def compile_with(compiler: str, name: str, options: list[str]) -> None:
    directory, log = BUILD / name, BUILD / f"{name}.log"
    again = ["--reconfigure"] if (directory / "build.ninja").exists() else []
    setup = Child(["meson", "setup", *again, *options, directory, ROOT], log, {"CC": compiler})
    if not setup.wait() or not Child(["ninja", "-C", directory], log, append=True).wait():
        raise Failed("\n".join(setup.text().splitlines()[-30:]))


def meson_test(build: str, name: str, words: list[str], environment: dict[str, str] | None = None) -> str:
    # A limit only ends what hangs: beside the machine tests, a test takes many times longer than alone.
    child = Child(["meson", "test", "-C", BUILD / build, "--no-rebuild", "--print-errorlogs", "--timeout-multiplier", "4", *words],
                  BUILD / f"{name}.log", environment)
    is_good = child.wait()
    lines = [line for line in child.text().splitlines() if line and not line.startswith(("ninja", "Full log"))]
    if not is_good:
        raise Failed("\n".join(lines))
    return "\n".join(line for line in lines if line.startswith(("Ok:", "Skipped:")))


def run_build(words: list[str]) -> str:
    compile_with("gcc", "gcc", PLAIN)
    return "no warning"


def run_unit(words: list[str]) -> str:
    return meson_test("gcc", "unit", words)


def run_sanitizers(words: list[str]) -> str:
    """Not the fuzz targets on their seeds: run_fuzz() begins with these, in the same build."""
    compile_with("clang", "clang", SANITIZE)
    return meson_test("clang", "sanitizers", words or ["--no-suite", "lint", "--no-suite", "fuzz"], SANITIZED)


def run_valgrind(words: list[str]) -> str:
    return meson_test("gcc", "valgrind", VALGRIND + words, {"UNDER_VALGRIND": "1"})


def run_fuzz(words: list[str]) -> str:
    """Bounded by executions, about two minutes on an idle machine; the corpus goes on from the run before."""
    return run_program("fuzz-run", [TESTS / "fuzz/run", *(words or [f"--runs={10000 / slowness():.0f}"])], {"PYSERVICE_BUILDS": str(BUILD)})


def run_program(name: str, command: list, environment: dict[str, str] | None = None) -> str:
    child = Child(command, BUILD / f"{name}.log", environment)
    if not child.wait():
        raise Failed(child.text())
    return child.text()


def run_install(words: list[str]) -> str:
    return run_program("install", [TESTS / "lint/installed.sh", BUILD / "gcc"])


def start_machine(words: list[str], suite: str = "trixie") -> Child:
    # Each has a machine on one processor (conftest.py), which it leaves idle for most of its time, because it waits.
    workers = 2 * (os.cpu_count() or 1)
    command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers, "--dist", "loadgroup",
               "--durations=10", TESTS / "machine", *words]
    return Child(command, BUILD / f"machine-{suite}.log", {"PYSERVICE_BUILD": str(BUILD / "gcc"), "PYSERVICE_SUITE": suite})


def run_machine(words: list[str]) -> str:
    return finish_machine(start_machine(words))


def finish_machine(child: Child) -> str:
    if not child.wait():
        raise Failed(child.text())
    return child.text()


def run_matrix(words: list[str]) -> str:
    return "\n".join(f"{suite}: {finish_machine(start_machine(words, suite))}" for suite in ("trixie", "sid"))


def run_bench(words: list[str]) -> str:
    benches = [("bench.py", 3), ("start.py", 1), ("look.py", 1)]
    return "\n".join(run_program("bench", [PYTHON, TESTS / "bench" / name, "--runs", runs, BUILD / "gcc"])
                     for name, runs in benches)


STEPS = {
    "build": (run_build, "built by gcc without a warning"),
    "unit": (run_unit, "unit, program, golden, fuzz corpus and lint tests"),
    "install": (run_install, "meson install"),
    "sanitizers": (run_sanitizers, "built by clang without a warning, under address and undefined-behaviour sanitizers"),
    "valgrind": (run_valgrind, "unit and fuzz tests under valgrind"),
    "fuzz": (run_fuzz, "some thousand executions of each fuzz target"),
    "machine": (run_machine, "on booted machines"),
    "bench": (run_bench, "bench (reported, not judged)"),
    "matrix": (run_matrix, "on booted machines of Debian 13 and of sid (only if it is named)"),
}
BESIDE = ["unit", "install", "sanitizers", "valgrind", "fuzz"]      # run while the machine tests do


class Run:
    def __init__(self):
        self.results: list[tuple[str, bool, float]] = []

    def step(self, name: str, function, *arguments) -> bool:
        print(f"\n==> {STEPS[name][1]}", flush=True)
        begin = time.monotonic()
        try:
            print(function(*arguments))
            is_good = True
        except Failed as failure:
            print(failure, f"\n==> {STEPS[name][1]}: FAILED")
            is_good = False
        seconds = time.monotonic() - begin
        print(f"({seconds:.0f} s)", flush=True)
        self.results.append((name, is_good, seconds))
        return is_good

    def everything(self) -> None:
        if not self.step("build", run_build, []):
            return
        is_slow = slowness() > SLOW     # before the steps load the machine
        machine = start_machine([])
        print(f"\nThe machine tests have begun; they write to {machine.log}. What follows runs beside them.", flush=True)
        begin = time.monotonic()
        os.nice(10)
        for name in BESIDE:
            self.step(name, STEPS[name][0], NOT_TWICE if name == "unit" else [])
        self.step("machine", finish_machine, machine)
        self.results[-1] = (*self.results[-1][:2], time.monotonic() - begin)
        if is_slow:
            print(f"\nbench: not measured, this machine is {slowness():.1f} times slower than a fast one; try tests/run bench")
        else:
            self.step("bench", run_bench, [])

    def summary(self) -> int:
        n_failed = sum(not is_good for _, is_good, _ in self.results)
        print()
        for name, is_good, seconds in self.results:
            print(f"{name:12} {'passed' if is_good else 'FAILED'} {seconds:7.0f} s")
        print(f"\n{len(self.results) - n_failed} passed, {n_failed} failed", flush=True)
        return 1 if n_failed or not self.results else 0


def end_early(run: Run) -> None:
    """Ends what runs, says what failed so far, and removes the machines."""
    for child in Child.running:
        child.end()
        lines = child.text().splitlines()
        print(f"ended early: {child.log}", *(line for line in lines if "FAILED" in line), *lines[-5:], sep="\n")
    if os.geteuid() == 0 and shutil.which("systemd-nspawn"):
        subprocess.run([TESTS / "machine/lab", "reap"], check=False)
    run.summary()
    print("ended by a signal", flush=True)


def raise_ended(number: int, frame) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise Ended(number)


def become_root() -> None:
    """Of a user namespace: definitions must be root's. /run, where an editor's copies lie, is empty there."""
    within = ["sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$0" "$@"', PYTHON, *sys.argv]
    os.execvp("unshare", ["unshare", "--map-root-user", "--mount", "--", *within])


def main() -> int:
    name, words = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name in ("-h", "--help"):
        print("\nsteps:", *(f"  {step:12} {about}" for step, (_, about) in STEPS.items()), sep="\n")
        return 0
    if name not in ("", "quick", *STEPS):
        print(f"tests/run: unknown step '{name}'; expected quick or one of {', '.join(STEPS)}", file=sys.stderr)
        return 2
    if name not in ("quick", "build", "unit", "sanitizers", "valgrind", "fuzz", "install") and os.geteuid() != 0:
        print(f"tests/run: '{name or 'everything'}' boots machines and needs root; try 'tests/run quick'", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        become_root()
    run = Run()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, raise_ended)
    try:
        if not name:
            run.everything()
        elif run.step("build", run_build, []) and name != "build":
            step = "unit" if name == "quick" else name
            run.step(step, STEPS[step][0], words)
    except Ended as ended:
        end_early(run)
        return 128 + ended.args[0]
    return run.summary()


if __name__ == "__main__":
    sys.exit(main())
