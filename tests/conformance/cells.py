"""The cells of the matrix: the era of the client, that of the server, and the revision that the suite holds them to."""

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

    @property
    def name(self):
        return f"{DIRECT[self.revision]}-to-{self.server}"


CELLS = {
    cell.name: cell
    for cell in (
        Cell(LEGACY, "legacy"),
        Cell(LEGACY, "both"),
        Cell(LEGACY, "modern"),
        Cell(MODERN, "modern"),
        Cell(MODERN, "both"),
        Cell(MODERN, "legacy"),
    )
}
