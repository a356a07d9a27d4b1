# SPDX-License-Identifier: Apache-2.0
"""How slow this machine is: waits and the time limits in definitions are so many times longer.

Machines of one kind differ fourfold, and tests run beside other work. Starting processes is most of what the tests and
what they test do, so that is what is measured.
"""

import os
import subprocess
import time

PROCESSES = 40
FAST = 0.0012       # seconds for one, on an idle machine of the fast sort
BESIDE = 2.5        # how much slower it gets when the tests, on several machines, and the other steps run
SLOWEST = 10.0


def measure() -> float:
    begin = time.monotonic()
    for _ in range(PROCESSES):
        subprocess.run(["/bin/true"], check=True)
    return min(max((time.monotonic() - begin) / PROCESSES / FAST, BESIDE), SLOWEST)


# Measured once for all of pytest's processes.
PACE = float(os.environ.setdefault("PYSERVICE_PACE", f"{measure():.1f}"))


def limit(seconds: float) -> str:
    """A time limit in a definition, one that a machine of the fast sort keeps easily."""
    return f"{seconds * PACE * 1000:.0f}ms"
