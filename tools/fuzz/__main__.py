"""Alter files at random and read them: only smile-bench's own errors may come out, on one line.

Each reader runs in a process of its own with bounded memory and time, so that a crash, a hang or an
allocation is counted too. ``python -m tools.fuzz --tries 500`` prints a table and exits with 1 if
anything but a clear error or an unchanged result came out. With ``--flips``, each alteration is one
flipped bit, and a bit that changes what is read without an error must be one that the table
explains.
"""

from __future__ import annotations

import argparse
import sys

from tools.fuzz.running import CASES, run


def main() -> int:
    """Fuzz the readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=500, help="altered files of each reader")
    parser.add_argument("--reader", choices=list(CASES), help="only this one")
    parser.add_argument("--flips", action="store_true", help="flip one bit each time")
    arguments = parser.parse_args()
    failures: list[str] = []
    columns = (
        "tried",
        "clear error",
        "same read",
        "other read",
        "too long",
        "raw",
        "crash",
        "hang",
    )
    print(f"{'reader':18}", *(f"{column:>11}" for column in columns), sep="")
    for name in [arguments.reader] if arguments.reader else CASES:
        counts, bad = run(name, arguments.tries, flips=arguments.flips)
        failures += bad
        kinds = ("error", "read", "silent", "long", "raw", "crash", "hang")
        numbers = (counts.total(), *(counts[kind] for kind in kinds))
        why = f"  {CASES[name].silent}" if counts["silent"] else ""
        print(f"{name:18}", *(f"{number:12}" for number in numbers), why, sep="", flush=True)
    for line in failures[:60]:
        print(line)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
