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


def ruled_out(cells):
    """What the specification rules out: by cell, then by `scenario` as a whole or by `scenario/check`."""
    path = HERE / "ruled_out.json"
    listed = json.loads(path.read_text())
    for cell, entries in listed.items():
        if cell not in cells:
            raise Unusable(f"{path.name}: there is no cell {cell}; there are {', '.join(cells)}")
        for name, entry in entries.items():
            if set(entry) != {"sentence", "source"} or not all(entry.values()):
                raise Unusable(f"{path.name}: {cell}: {name} needs a sentence and a source, and nothing else")
    return listed


def judge(listed, direct, through):
    """The verdict on each scenario of a run, and those of the entries `listed` for it that rule out nothing."""
    unused = set(listed)
    verdicts = {}
    for name in direct["scenarios"] | through["scenarios"]:
        one, other = direct["scenarios"].get(name), through["scenarios"].get(name)
        wrong = faults(one, other)
        excuses = {check: {name, f"{name}/{check}"} & set(listed) for check in wrong}
        unused -= set().union(*excuses.values())
        wrong = {check: why for check, why in wrong.items() if not excuses[check]}
        verdicts[name] = Verdict(one or other, other or suite.read([]), wrong)
    return verdicts, sorted(unused)


class Verdict:
    """What came of one scenario: what is wrong with it that is not ruled out, and whether the suite passes it."""

    def __init__(self, direct, through, wrong):
        self.is_required = direct["required"]
        self.wrong = wrong
        # One that shows nothing directly either, because the suite itself skips it.
        self.is_empty = not wrong and not suite.shown(direct) and not suite.shown(through)
        has_no_more = suite.total(through, "warned") <= suite.total(direct, "warned")
        has_shown = suite.shown(through) and not suite.total(through, "failed")
        self.passed = bool(has_shown and has_no_more and not wrong)
