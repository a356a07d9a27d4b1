# SPDX-License-Identifier: Apache-2.0
"""How slow this machine is: waits and the time limits in definitions are so many times longer, random work is less.

Machines of one kind differ fourfold, and tests run beside other work. Starting processes is most of what the tests and
what they test do, so that is what is measured.
"""

import os
import subprocess
import time

PROCESSES = 100
FAST = 0.0012       # seconds for one, on an idle machine of the fast sort
BESIDE = 2.0        # how much slower it gets when the tests, on several machines, and the other steps run
LEAST, MOST = 2.5, 10.0


def measure() -> float:
    begin = time.monotonic()
    for _ in range(PROCESSES):
        subprocess.run(["/bin/true"], check=True)
    return max((time.monotonic() - begin) / PROCESSES / FAST, 1)


# Measured once for all of pytest's processes.
SLOWNESS = float(os.environ.setdefault("PYSERVICE_SLOWNESS", f"{measure():.1f}"))
PACE = min(max(SLOWNESS * BESIDE, LEAST), MOST)


def limit(seconds: float) -> str:
    """A time limit in a definition, one that a machine of the fast sort keeps easily."""
    return f"{seconds * PACE * 1000:.0f}ms"
