"""The servers that the clients are driven against, on their own HTTP endpoint or hosted by Sessile."""

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass

import hosted
import images
from drivers import TOOLS, pinned_package, pinned_requirement
from images import FASTMCP, Imaged

REFERENCE = "@modelcontextprotocol/server-everything"


@dataclass(frozen=True)
class Server:
    """A server, and what a user would give to `sessile run` for it."""

    name: str
    profile: str
    eras: tuple[str, ...]
    """The eras that it speaks itself."""
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    """What else `sessile run` is told; a server with such options is of no interest without Sessile."""
    imaged: Imaged | None = None
    """How it starts in a virtual machine, where its program alone would not."""


def servers(binaries):
    """All servers of the matrix, by name."""
    fixture = str(binaries / "fixture-everything")
    fastmcp = ("uvx", f"fastmcp@{pinned_requirement('fastmcp')}", "run", str(FASTMCP), "--no-banner")
    reference = ("npx", "-y", f"{REFERENCE}@{pinned_package(REFERENCE)}")
    legacy, both = ("legacy",), ("legacy", "modern")
    known = [
        Server("everything", "everything", both, (fixture, "--page", "10")),
        Server("everything-legacy", "everything", legacy, (fixture, "--era", "legacy", "--page", "10")),
        Server("everything-modern", "everything", ("modern",), (fixture, "--era", "modern", "--page", "10")),
        Server("server-everything", "server-everything", legacy, reference, imaged=images.node(REFERENCE)),
        Server("fastmcp", "fastmcp", both, fastmcp, imaged=images.python()),
        Server("fastmcp-legacy", "fastmcp", (), fastmcp, ("--era", "legacy"), images.python()),
    ]
    # The same programs, unmodified, over HTTP inside their sandbox.
    reference_http = (*reference, "streamableHttp")
    fastmcp_http = (*fastmcp, "--transport", "http", "--host", "0.0.0.0", "--port", "8000")
    fixture_http = ("--http", "127.0.0.1:8000")
    http = ("--port", "8000")
    known += [
        Server(f"{server.name}-http", "everything", (), (*server.command, *fixture_http), http)
        for server in known
        if server.name in ("everything-legacy", "everything-modern")
    ]
    reference_imaged, fastmcp_imaged = images.node(REFERENCE, "streamableHttp"), images.python("--http", "8000")
    reference_options = (*http, "--env", "PORT=8000")
    known += [
        Server("server-everything-http", "server-everything", (), reference_http, reference_options, reference_imaged),
        Server("fastmcp-http", "fastmcp", (), fastmcp_http, http, fastmcp_imaged),
        Server("fastmcp-legacy-http", "fastmcp", (), fastmcp_http, (*http, "--era", "legacy"), fastmcp_imaged),
    ]
    return {server.name: server for server in known}


@contextmanager
def direct(server):
    """The server on its own HTTP endpoint, to prove the drivers themselves."""
    if server.profile == "everything":
        with hosted.server([*server.command, "--http", "127.0.0.1:0"], r"(http://\S+)") as url:
            yield url
        return
    port = free_port()
    if server.name == "server-everything":
        script = TOOLS / "ts" / "node_modules" / REFERENCE / "dist" / "index.js"
        command = ["node", str(script), "streamableHttp"]
        ready = r"(listening) on port"
    else:
        command = [str(TOOLS / "py" / "venv/bin/python"), str(FASTMCP), "--http", str(port)]
        ready = r"(Uvicorn running)"
    merged = ["sh", "-c", 'exec "$@" 2>&1', "sh", *command]
    with hosted.server(merged, ready, env=os.environ | {"PORT": str(port)}):
        yield f"http://127.0.0.1:{port}/mcp"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
