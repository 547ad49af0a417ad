"""Starting a server that prints its URL, and ending it so that nothing is left."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

# How long an ordinary start and an ordinary end may take, in seconds, on a loaded machine.
START = 60
END = 15


class Unusable(Exception):
    """Something that a test needs could not be had or started; the text says what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextmanager
def server(command, ready, patience=START, env=None):
    """Starts `command`, yields the URL that the pattern `ready` finds in its output, and ends it afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=env)
    lines = queue.Queue()
    threading.Thread(target=forward, args=(process.stdout, lines), daemon=True).start()
    try:
        yield wait_for(lines, ready, patience, command)
    finally:
        end(process)


def sessile(binary, command, *options, patience=START, env=None):
    """`command` hosted over stdio by `sessile run`."""
    run = [str(binary), "run", "--listen", "127.0.0.1:0", *options, "--", *command]
    return server(run, r"ready (http://\S+)", patience, env)


def manifest(binary, file, *options, patience=START, env=None):
    """The server of the manifest `file`, hosted by `sessile serve` with its state beside the file."""
    state = str(Path(file).parent / "state")
    serve = [str(binary), "serve", "--config", str(file), "--state-dir", state]
    serve += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options]
    return server(serve, r"ready (http://\S+)", patience, env)


def forward(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put(None)


def wait_for(lines, ready, patience, command):
    while True:
        try:
            line = lines.get(timeout=patience)
        except queue.Empty:
            raise Unusable(f"{' '.join(command)} printed no URL within {patience} s") from None
        if line is None:
            raise Unusable(f"{' '.join(command)} ended before it printed a URL")
        if found := re.search(ready, line):
            return found[1]


def end(process):
    """Asks the server to end, as an operator would, and kills what has not ended by then."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        raise Unusable(f"{process.args[0]} did not end within {END} s of SIGTERM") from None
    finally:
        kill_group(process)


def kill_group(process):
    """Kills what is left of the process group that `process` leads (`start_new_session`), and reaps `process`."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
