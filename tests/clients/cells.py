"""The cells of the matrix: which are as they should be, which are explained, and how they are printed."""

import json
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

from drivers import ERAS, HERE, LANGUAGES, ROWS, Outcome
from hosted import Unusable

#: What a pattern of explained.json can be about.
AXES = ("row", "language", "era", "server", "how")
#: How a client reaches a server: `direct`, or through Sessile, which starts it for the first time (`cold`), once more
#: (`warm`), or for all clients of the matrix one after the other (`hosted`).
HOW = ["direct", "cold", "warm", "hosted"]


@dataclass(frozen=True)
class Cell:
    """One feature of one server, tried by one client."""

    row: str
    language: str
    era: str
    server: str
    how: str
    outcome: Outcome


class Explained:
    """The cells that cannot work, each with the sentence that rules it out."""

    def __init__(self, servers):
        """`servers` has the names of all there are."""
        self.entries = json.loads((HERE / "explained.json").read_text())
        universe = {"row": list(ROWS), "language": LANGUAGES, "era": ERAS, "server": servers, "how": HOW}
        for entry in self.entries:
            for axis, pattern in entry.items():
                if axis in AXES and not any(matches(pattern, value) for value in universe[axis]):
                    raise Unusable(f"explained.json: {axis} {pattern!r} is none of {', '.join(universe[axis])}")

    def reason(self, cell):
        """The number of the first entry about a cell, if there is one."""
        return next((number for number, entry in enumerate(self.entries, 1) if covers(entry, cell)), None)

    def because(self, cell):
        """The sentence about a cell that does not work, if there is one."""
        number = None if cell.outcome.ok else self.reason(cell)
        return number and self.entries[number - 1]["because"]

    def stale(self, cells):
        """The entries that explain a cell which works after all, each with that cell."""
        for number, entry in enumerate(self.entries, 1):
            for cell in cells:
                if cell.outcome.ok and is_about(entry, cell):
                    yield number, cell


def covers(entry, cell):
    return is_about(entry, cell) and rules_out(entry, cell.outcome)


def is_about(entry, cell):
    return all(matches(entry[axis], getattr(cell, axis)) for axis in AXES if axis in entry)


def rules_out(entry, outcome):
    """Whether the entry foresees this: nothing tried, or a failure that says one of the things in `fails`."""
    return outcome.ok is None or any(text in outcome.detail for text in entry.get("fails", []))


def matches(pattern, value):
    patterns = [pattern] if isinstance(pattern, str) else pattern
    return any(fnmatchcase(value, one) for one in patterns)


def symbol(cell, explained):
    if cell.outcome.ok:
        return "✓"
    number = explained.reason(cell)
    if number is None:
        return "✗"
    return f"– {number}" if cell.outcome.ok is None else f"≠ {number}"


def tables(cells, explained):
    """A table for each language: its rows the features, its columns era and server."""
    for language in dict.fromkeys(cell.language for cell in cells):
        own = [cell for cell in cells if cell.language == language]
        columns = list(dict.fromkeys((cell.era, cell.server) for cell in own))
        shown = {(cell.row, cell.era, cell.server): symbol(cell, explained) for cell in own}
        yield f"## {language}\n"
        yield line("", [f"{era} → {server}" for era, server in columns], columns)
        yield line("---", ["---"] * len(columns), columns)
        for row, meaning in ROWS.items():
            yield line(meaning, [shown.get((row, *column), "") for column in columns], columns)
        yield ""


def line(first, others, columns):
    widths = [len(f"{era} → {server}") for era, server in columns]
    longest = max(map(len, ROWS.values()))
    return f"| {first:<{longest}} | " + " | ".join(f"{x:<{w}}" for x, w in zip(others, widths, strict=True)) + " |"


def notes(cells, explained):
    """What the numbers in the tables stand for."""
    used = {explained.reason(cell) for cell in cells if not cell.outcome.ok}
    for number, entry in enumerate(explained.entries, 1):
        if number in used:
            yield f"{number}. {entry['because']}"
    yield ""


def judge(cells, explained):
    """Yields a line for everything that is wrong: cells that fail for no reason, and reasons that hold no more."""
    unreached = Counter()
    for cell in cells:
        if cell.outcome.ok or explained.reason(cell):
            continue
        if cell.outcome.unreached:
            unreached[f"{cell.language} {cell.era}, {cell.server} {cell.how}: {cell.outcome.detail}"] += 1
        else:
            yield f"{where(cell)}: {cell.outcome.detail}"
    for why, features in unreached.items():
        yield f"{features} features, {why}"
    for number, cell in explained.stale(cells):
        yield f"explained.json, entry {number} is stale: {where(cell)} works ({cell.outcome.detail})"


def where(cell):
    return f"{cell.row}, {cell.language} {cell.era}, {cell.server} {cell.how}"
