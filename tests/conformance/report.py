"""What a run came to, in words and as a table."""

import json
from dataclasses import asdict, dataclass


@dataclass
class Row:
    """One run of the suite: how many scenarios passed of how many that have something to show."""

    run: str
    revision: str
    required: str
    unscored: str
    # How many scenarios and checks of them ruled_out.json lists.
    ruled_out: int
    wrong: int

    @classmethod
    def of(cls, run, revision, verdicts, listed, stale):
        def passed(is_required):
            those = [verdict for verdict in verdicts.values() if verdict.is_required == is_required]
            return f"{sum(verdict.passed for verdict in those)}/{sum(not verdict.is_empty for verdict in those)}"

        wrong = sum(bool(verdict.wrong) for verdict in verdicts.values()) + len(stale)
        return cls(run, revision, passed(True), passed(False), len(listed), wrong)


def say_wrong(run, verdicts, stale):
    """Prints what is wrong with a run, scenario by scenario."""
    for name, verdict in verdicts.items():
        for check, why in verdict.wrong.items():
            print(f"{run}: {name}{f'/{check}' if check else ''}: {why}", flush=True)
    for name in stale:
        print(f"{run}: ruled_out.json lists {name}, where nothing is wrong: take it out", flush=True)


def finish(rows, results):
    """Prints the table, and writes it to `results`/table.json."""
    (results / "table.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    heads = ["client to server", "revision", "required", "unscored", "ruled out", "wrong"]
    lines = [heads] + [[str(value) for value in asdict(row).values()] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
