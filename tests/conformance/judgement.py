"""What a run through Sessile must show: what the direct run of the same revision shows, check by check.

A check must not fail, must warn no more than direct, and must have been made as often: a proxy that swallows what
a scenario looks at would otherwise pass it with nothing shown. Where the eras of client and server differ, some
checks cannot hold; `ruled_out.json` lists them, each with the sentence of the specification that rules it out.
"""

import json

import suite
from suite import HERE, Unusable

# Where a fault is of the scenario and of none of its checks.
WHOLE = None


def faults(direct, through):
    """What is wrong with a scenario: the check (or `WHOLE`) and why."""
    if through is None:
        return {WHOLE: "did not run"}
    if direct is None:
        return {WHOLE: "did not run directly"}
    wrong = {}
    if through["required"] and not suite.shown(through):
        wrong[WHOLE] = "no checks: it has shown nothing"
    for check in direct["checks"] | through["checks"]:
        if why := worse(direct["checks"].get(check), through["checks"].get(check), through["required"]):
            wrong[check] = "; ".join([why, *through["troubles"].get(check, [])])
    return wrong


def worse(direct, through, is_required):
    """Why one check is worse than direct, or None."""
    nothing = dict.fromkeys(suite.STATUSES.values(), 0)
    direct, through = direct or nothing, through or nothing
    if through["failed"] > (0 if is_required else direct["failed"]):
        return f"{through['failed']} failed"
    if through["warned"] > direct["warned"]:
        return f"{through['warned']} warned, direct {direct['warned']}"
    if suite.made(through) < suite.made(direct):
        return f"made {suite.made(through)} times, direct {suite.made(direct)}"
    return None


class RuledOut:
    """What the specification rules out, by cell: `scenario` as a whole, or `scenario/check`."""

    def __init__(self, cells=None):
        path = HERE / "ruled_out.json"
        self.entries = json.loads(path.read_text())
        for cell, entries in self.entries.items():
            if cells is not None and cell not in cells:
                raise Unusable(f"{path.name}: there is no cell {cell}; there are {', '.join(cells)}")
            for name, entry in entries.items():
                if set(entry) != {"sentence", "source"} or not all(entry.values()):
                    raise Unusable(f"{path.name}: {cell}: {name} needs a sentence and a source, and nothing else")

    def judge(self, cell, direct, through):
        """The verdict on each scenario of a cell, and the entries of the cell that rule out nothing any more."""
        unused = set(self.entries.get(cell, {}))
        verdicts = {}
        for name in direct["scenarios"] | through["scenarios"]:
            one, other = direct["scenarios"].get(name), through["scenarios"].get(name)
            wrong = faults(one, other)
            excused = {check: entry for check in wrong if (entry := self.entry(cell, name, check))}
            unused -= set(excused.values())
            verdicts[name] = Verdict(one or other, other, wrong, excused)
        return verdicts, sorted(unused)

    def entry(self, cell, scenario, check):
        """The name of the entry that rules a fault out, or None."""
        names = (scenario, f"{scenario}/{check}")
        return next((name for name in names if name in self.entries.get(cell, {})), None)


class Verdict:
    """What came of one scenario."""

    def __init__(self, direct, through, wrong, excused):
        self.is_required = direct["required"]
        # One that shows nothing directly either, because the suite itself skips it.
        self.is_empty = not wrong and not suite.shown(direct) and not suite.shown(through)
        self.wrong = {check: why for check, why in wrong.items() if check not in excused}
        self.excused = excused

    @property
    def passed(self):
        return not self.wrong and not self.excused and not self.is_empty
