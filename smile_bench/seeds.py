"""Seeds of trainings: read from text such as ``0,3,5-7``, written so, and checked."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence

from smile_bench.errors import InputError, shown

__all__ = ["checked_seeds", "parse_seeds", "seeds_as_text"]

EXAMPLE = "Give numbers and ranges, such as 0,3,5-7."
MOST = 4096
"""Trainings at once; a larger range is a slip of the keyboard."""
LONGEST = 1000
"""Characters of seeds as text; commands in recipes hold 2000."""


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds of a text such as ``"0-31"`` or ``"0,3,5-7"``, in its order.

    Raises:
        InputError: the text has another form, no seed, a seed twice, or more than 4096.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,18})\s*(?:-\s*([0-9]{1,18})\s*)?", part)
        if found is None:
            raise InputError(f"cannot read seeds from {shown(text)}. {EXAMPLE}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise InputError(f"the seeds {first}-{last} are empty; give {last}-{first}.")
        if len(seeds) + last - first >= MOST:
            raise InputError(
                f"{shown(text)} has more than {MOST} seeds. Give fewer, and train the others in "
                "another run."
            )
        seeds += range(first, last + 1)
    return checked_seeds(seeds)


def checked_seeds(seeds: Iterable[object]) -> tuple[int, ...]:
    """Seeds as integers.

    Raises:
        InputError: no seed, one twice, one that is not a whole number from 0 to 2⁶³ - 1, or too
            many.
    """
    given = (seeds,) if isinstance(seeds, str) else tuple(seeds)
    if not given:
        raise InputError("no seed was given. Give at least one.")
    found: list[int] = []
    for seed in given:
        try:
            number = -1 if isinstance(seed, bool) else operator.index(seed)  # type: ignore[arg-type]
        except TypeError:
            number = -1
        if not 0 <= number < 2**63:
            raise InputError(f"{shown(seed)} is not a seed. Give whole numbers, 0 or above.")
        found.append(number)
    if len(found) > MOST or len(seeds_as_text(found)) > LONGEST:
        raise InputError(
            f"{len(found)} seeds are too many, or too scattered to be stated in a recipe. Give "
            f"ranges of at most {MOST} in all, and train the others in another run."
        )
    if twice := sorted({seed for seed in found if found.count(seed) > 1}):
        raise InputError(f"given twice among the seeds: {seeds_as_text(twice)}. Give each once.")
    return tuple(found)


def seeds_as_text(seeds: Sequence[int]) -> str:
    """Seeds as :func:`parse_seeds` reads them, with runs of three or more as ranges."""
    parts: list[str] = []
    start = 0
    while start < len(seeds):
        end = start
        while end + 1 < len(seeds) and seeds[end + 1] == seeds[end] + 1:
            end += 1
        if end - start < 2:
            parts += map(str, seeds[start : end + 1])
        else:
            parts.append(f"{seeds[start]}-{seeds[end]}")
        start = end + 1
    return ",".join(parts)
