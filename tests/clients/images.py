"""What servers that need an interpreter start from in virtual machines: directories that are made once.

They are put together of what tests/images/install leaves, in target/tools/clients/images:

    node/root/     Node.js and @modelcontextprotocol/server-everything
    python/root/   Python, FastMCP as the clients have it, and fastmcp_server.py
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import drivers
from hosted import Unusable

PARTS = drivers.TARGET / "tools" / "images"
FOLDER = drivers.TOOLS / "images"
INSTALL = drivers.HERE.parent / "images" / "install"
# Where servers and their packages lie in an image.
SERVER = Path("/opt/server")
FASTMCP = drivers.HERE / "servers" / "fastmcp_server.py"


@dataclass(frozen=True)
class Imaged:
    """How a server is started from an image."""

    image: str
    """The name of a directory that this makes."""
    command: tuple[str, ...]


def python(*arguments):
    """FastMCP's server, started with these."""
    return Imaged("python", ("/usr/bin/python3", str(SERVER / FASTMCP.name), *arguments))


def node(package, *arguments):
    """The server of a package of npm, started with these."""
    script = SERVER / "node_modules" / package / "dist" / "index.js"
    return Imaged("node", ("/usr/bin/node", str(script), *arguments))


def directory(image):
    """The directory that `image` is made of, on this host; made if it is not there, or not the newest."""
    if subprocess.run([INSTALL], stdout=sys.stderr).returncode != 0:
        raise Unusable("there is nothing to make images of; what tests/images/install said is above")
    pins = [PARTS / "stamp", drivers.HERE / "py" / "requirements.txt", FASTMCP, Path(__file__)]
    make = {"node": make_node, "python": make_python}[image]
    what = f"making the directory of the {image} image"
    folder = FOLDER / image
    drivers.made_once(folder, [pin.read_bytes() for pin in pins], what, lambda folder: make(folder / "root"))
    return folder / "root"


def make_node(made):
    for part in ("base", "server"):
        link_all(PARTS / part, made)


def make_python(made):
    link_all(PARTS / "python", made, leave_out=PARTS / "python" / SERVER.relative_to("/"))
    server = made / SERVER.relative_to("/")
    # Of its Python's version, whichever this host has.
    version = os.readlink(made / "usr/bin/python3").removeprefix("python")
    pip = ["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    fastmcp = f"fastmcp=={drivers.pinned_requirement('fastmcp')}"
    drivers.run([*pip, "--python-version", version, "--target", str(server), fastmcp], drivers.TOOLS / "py")
    shutil.copy(FASTMCP, server)
    # Nothing can be kept in an image later, and an emulated processor compiles slowly. Of use where both Pythons are of one version.
    library = made / "usr/lib" / f"python{version}"
    subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", library, server])


def link_all(source, into, leave_out=None):
    """The tree at `source` in the directory `into` as well, with hard links to its files."""

    def left_out(folder, names):
        return [name for name in names if Path(folder) / name == leave_out]

    shutil.copytree(source, into, symlinks=True, ignore=left_out, copy_function=os.link, dirs_exist_ok=True)
