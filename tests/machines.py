"""Sessions in virtual machines, for the suites that run with either isolation."""

import os
import subprocess
import sys
from pathlib import Path

from hosted import Unusable

ROOT = Path(__file__).resolve().parents[1]
ISOLATIONS = ["process", "microvm"]
# Under emulation a start takes seconds, and a suite leaves sessions behind that nobody ends: each is a machine.
LIMITS = """
[servers.{name}.limits]
memory = "192MiB"
start_timeout = "2m"
idle_timeout = "10s"
"""


def keys(name, isolation):
    """What the manifest says of the server `name` behind everything else."""
    return f'isolation = "microvm"\n{LIMITS.format(name=name)}' if isolation == "microvm" else ""


def environment(isolation):
    """What a node needs to know to start machines; installs what they are made of."""
    if isolation != "microvm":
        return {}
    made = subprocess.run([ROOT / "scripts" / "microvm-kernel"], stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    if made.returncode != 0:
        raise Unusable("there is no kernel for machines; what scripts/microvm-kernel said is above")
    kernel = os.environ.get("SESSILE_MICROVM_KERNEL") or made.stdout.strip()
    return {"SESSILE_MICROVM_KERNEL": kernel}
