"""Sessions in virtual machines, for the suites that run with either isolation."""

import os
import subprocess
import sys
from pathlib import Path

from hosted import Unusable, say

ROOT = Path(__file__).resolve().parents[1]
ISOLATIONS = ["process", "microvm"]
# Under emulation a start takes seconds, and a suite leaves sessions behind that nobody ends: each is a machine, and
# writing all of them down in the end would take minutes.
LIMITS = """
[servers.{name}.limits]
memory = "{memory}"
start_timeout = "2m"
idle_timeout = "{idle}"

[node]
hibernation_disk = "0GiB"
"""


def keys(name, isolation, memory="192MiB", idle="10s"):
    """What the manifest says of the server `name` behind everything else."""
    limits = LIMITS.format(name=name, memory=memory, idle=idle)
    return f'isolation = "microvm"\n{limits}' if isolation == "microvm" else ""


def say_part(suite, part, why):
    """Says that a suite runs a part of itself, and how all of it is run."""
    say(f"{suite}: in machines: {part} alone, {why}; under emulation all takes twenty minutes: make microvm")


def environment(isolation):
    """What a node needs to know to start machines; installs what they are made of."""
    if isolation != "microvm":
        return {}
    made = subprocess.run([ROOT / "scripts" / "microvm-kernel"], stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    if made.returncode != 0:
        raise Unusable("there is no kernel for machines; what scripts/microvm-kernel said is above")
    kernel = os.environ.get("SESSILE_MICROVM_KERNEL") or made.stdout.strip()
    return {"SESSILE_MICROVM_KERNEL": kernel}
