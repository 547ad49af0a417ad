"""The cells of the matrix: the era of the client, that of the server, and the revision that the suite holds them to."""

import json
from dataclasses import dataclass

LEGACY, MODERN = "2025-11-25", "2026-07-28"
# The fixture that answers a revision directly.
DIRECT = {LEGACY: "legacy", MODERN: "modern"}


@dataclass(frozen=True)
class Cell:
    """The suite as a client, and the fixture behind Sessile."""

    revision: str
    # What the fixture speaks. A server that speaks both eras is held by its first message to one of them.
    server: str
    # What else the manifest says of the server.
    keys: str = ""

    @property
    def name(self):
        return f"{DIRECT[self.revision]}-to-{self.server}"

    def manifest(self, binaries, further=""):
        """The manifest that hosts the fixture of this cell, with `further` keys of its table."""
        command = json.dumps(fixture(binaries, self.server))
        return f"[servers.everything]\ncommand = {command}\n{self.keys}\n{further}"


def fixture(binaries, era, *options):
    """The command of the fixture that speaks `era`."""
    return [str(binaries / "fixture-everything"), "--era", era, *options]


CELLS = {
    cell.name: cell
    for cell in (
        Cell(LEGACY, "legacy"),
        Cell(LEGACY, "both"),
        Cell(LEGACY, "modern"),
        Cell(MODERN, "modern"),
        Cell(MODERN, "both"),
        # A legacy server has no tasks of the modern era. The fixture's are calls of a second there.
        Cell(MODERN, "legacy", 'tasks = { promote_after = "200ms" }'),
    )
}
