"""The official clients: how they are installed, and how a driver of one is run against a server."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hosted import Unusable, say

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "target"
TOOLS = TARGET / "tools" / "clients"
# How long a driver may take over all features, and over the start of the server, in seconds.
PATIENCE = 600
ERAS = ["legacy", "modern"]
LANGUAGES = ["TypeScript", "Python", "Rust"]
ROWS = json.loads((HERE / "rows.json").read_text())


@dataclass(frozen=True)
class Client:
    """An official SDK in one era."""

    language: str
    era: str
    command: tuple[str, ...]
    """What runs its driver, before URL, profile and era."""


@dataclass(frozen=True)
class Outcome:
    """What came of one feature: it works (True), it does not (False), or the driver did not try it (None)."""

    ok: bool | None
    detail: str
    unreached: bool = False
    """Whether it does not work because the driver ended before it came to this."""


def clients(binaries, languages=None, eras=None):
    """The clients of these languages in these eras, of all unless named."""
    commands = {
        "TypeScript": ("node", str(TOOLS / "ts" / "drive.mjs")),
        "Python": (str(TOOLS / "py" / "venv/bin/python"), "-B", str(HERE / "py" / "drive.py")),
        "Rust": (str(binaries / "fixture-client"), "--profiles", str(HERE / "profiles.json")),
    }
    return [Client(language, era, commands[language]) for language in languages or LANGUAGES for era in eras or ERAS]


def drive(client, url, profile):
    """Drives the server at `url`; answers with an outcome for every row."""
    command = [*client.command, url, profile, client.era]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = {line["feature"]: Outcome(line["ok"], line["detail"]) for line in lines}
    if unknown := outcomes.keys() - ROWS.keys():
        raise Unusable(f"{' '.join(command)} printed features that rows.json does not have: {', '.join(unknown)}")
    # A driver that ends early has shown nothing of the features after that.
    early = done.returncode != 0 and all(outcome.ok is not False for outcome in outcomes.values())
    if early or outcomes.get("connect", Outcome(False, "")).ok is False:
        unreached = Outcome(False, f"the driver ended with {done.returncode} before it came to them", unreached=True)
        return {row: outcomes.get(row, unreached) for row in ROWS}
    return {row: outcomes.get(row, Outcome(None, "the driver does not have this")) for row in ROWS}


def install():
    """Installs the clients once, and again when what they are pinned to changes."""
    install_once("ts", ["package.json", "package-lock.json"], install_ts)
    install_once("py", ["requirements.txt"], install_py)
    for file in [*(HERE / "ts").glob("*.mjs"), HERE / "profiles.json", HERE / "rows.json"]:
        shutil.copy(file, TOOLS / "ts" / file.name)


def install_once(client, pins, how):
    def install(folder):
        for pin in pins:
            shutil.copy(HERE / client / pin, folder / pin)
        how(folder)

    contents = [(HERE / client / pin).read_bytes() for pin in pins]
    made_once(TOOLS / client, contents, f"installing the official clients of {client}", install)


def made_once(folder, pins, what, how):
    """Makes a folder, and makes it anew when what it is pinned to changes: `pins`, the bytes of that."""
    pinned = hashlib.sha256(b"".join(pins)).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == pinned:
        return
    say(f"clients: {what}, once")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    how(folder)
    stamp.write_text(pinned)


def install_ts(folder):
    if not shutil.which("npm"):
        raise Unusable("npm is not installed; the TypeScript clients come from npm (on Debian: apt-get install npm)")
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], folder)


def install_py(folder):
    run([sys.executable, "-m", "venv", "venv"], folder)
    run(["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"], folder)


def run(command, folder):
    if subprocess.run(command, cwd=folder, stdout=sys.stderr).returncode != 0:
        raise Unusable(f"{' '.join(command)} failed in {folder}; its own message is above")


def pinned_package(name):
    return json.loads((HERE / "ts" / "package.json").read_text())["dependencies"][name]


def pinned_requirement(name):
    pins = dict(line.split("==") for line in (HERE / "py" / "requirements.txt").read_text().split())
    return pins[name]
