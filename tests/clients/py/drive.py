"""Drives one server through the official Python client, in either era, feature by feature.

    python drive.py URL PROFILE ERA

Prints a JSON line for each feature ({feature, ok, detail}; `ok` is null where the profile, an entry of profiles.json,
says that the server has no such thing). Exit code 1 if a feature fails. ERA is `legacy` or `modern`; what an era does
not have at all is left out.
"""

import json
import sys
import warnings
from pathlib import Path

import anyio
from driver import PATIENCE, Absent
from legacy import Legacy
from modern import Modern

HERE = Path(__file__).resolve().parent
ERAS = {"legacy": Legacy, "modern": Modern}

# Sampling, roots, logging and resources/subscribe are deprecated, not gone.
warnings.simplefilter("ignore")


def report(feature, ok, detail):
    print(json.dumps({"feature": feature, "ok": ok, "detail": detail}), flush=True)
    return ok is not False


async def drive(feature, run):
    try:
        with anyio.fail_after(2 * PATIENCE):
            return report(feature, True, await run())
    except Absent as absent:
        return report(feature, None, str(absent))
    except Exception as error:
        return report(feature, False, plain(error))


def plain(error):
    """The cause, where a task group has wrapped it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def main(url, profile, era, rows):
    driver = ERAS[era](url, profile)
    results = []
    try:
        async with driver.client:
            for row in rows:
                if run := getattr(driver, row, None):
                    results.append(await drive(row, run))
    except Exception as error:
        report("connect", False, plain(error))
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    profiles = json.loads((HERE.parent / "profiles.json").read_text())
    if len(sys.argv) != 4 or sys.argv[2] not in profiles or sys.argv[3] not in ERAS:
        sys.exit(f"usage: drive.py URL PROFILE ERA, a profile of {', '.join(profiles)}, an era of {', '.join(ERAS)}")
    rows = json.loads((HERE.parent / "rows.json").read_text())
    sys.exit(anyio.run(main, sys.argv[1], profiles[sys.argv[2]], sys.argv[3], list(rows)))
