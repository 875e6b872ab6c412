"""Results that are one run: the same file, the same episodes, or actions that hardly differ.

The SHA-256 of the evidence finds copies of a file. Its content finds a run that was packed again or
slightly disturbed. Thresholds follow from what the shipped entries share, which are eight agents
that were trained or programmed apart: on bodies at most 0.3 % of the actions, on the grid, where
good agents take the same ways, 1 % of the episodes (two references: 8 %).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from smile_bench.arrays import BoolArray, Float32Array
from smile_bench.envs import get_family
from smile_bench.leaderboard.entries.reading import Entry, Evaluated
from smile_bench.protocol.evidence import read_evidence
from smile_bench.protocol.result import Result

__all__ = ["Content", "read_content", "same_run", "shared_runs"]

FIRST = 10
"""Control steps that are compared. Later, contacts have amplified the least disturbance."""
TOLERANCE = 0.01
"""How far two equal actions may lie apart."""
ACTIONS = 0.05
"""Share of equal actions from which two results are one run, where actions are continuous."""
EPISODES = 0.5
"""The same for episodes with the same actions throughout, where actions are discrete."""
METRICS = 0.05
"""The same for episodes with the same metrics to the last bit, where evidence is not at hand and
metrics are continuous."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """What two results are compared by."""

    entry: str
    run: tuple[str, int]
    """Family and seed."""
    place: str
    reference: bool
    sha256: str
    """Of the evidence."""
    result: Result
    """Without its evidence."""
    actions: Float32Array | None
    """Of the first control steps, or of all where they are discrete, (E, T, A); None without
    evidence."""


def read_content(entry: Entry, one: Evaluated, *, evidence: bool) -> Content:
    """What a result is compared by.

    Args:
        entry: its entry.
        one: the evaluation.
        evidence: whether its evidence was replayed and can be read.

    Raises:
        ProtocolError: the evidence cannot be read.
    """
    result, actions = one.result, None
    if evidence and one.evidence is not None:
        family = get_family(result.family)
        found = read_evidence(one.evidence, family, len(result.tasks), one.sha256).actions
        actions = found if _discrete(result) else found[:, :FIRST].copy()
    seed = int(one.folder.parent.name.partition("-")[2])
    return Content(
        entry=entry.card.name,
        run=(result.family, seed),
        place=f"{entry.card.name}: {one.place}",
        reference=entry.card.reference,
        sha256=one.sha256,
        result=result,
        actions=actions,
    )


def shared_runs(contents: Sequence[Content]) -> list[str]:
    """One line for each result that is the same run as an earlier one.

    Two evaluations of one training share the episodes whose contexts agree, references share tasks
    that look alike, and learners that were fine-tuned share the imitator that they began from; all
    three are compared by their files alone.
    """
    findings = []
    for index, one in enumerate(contents):
        found = next(_matches(one, contents[:index]), None)
        if found is not None:
            findings.append(found)
    return findings


def _matches(one: Content, earlier: Sequence[Content]) -> Iterator[str]:
    for other in earlier:
        if one.sha256 == other.sha256:
            yield f"{one.place} has the same evidence as {other.place}."
            continue
        own = (one.entry, one.run) == (other.entry, other.run)
        learned = any(content.result.fine_tuning is not None for content in (one, other))
        references = one.reference and other.reference
        if own or learned or references or one.run[0] != other.run[0]:
            continue
        if (shared := same_run(one, other)) is not None:
            yield (
                f"{one.place} is the same run as {other.place}: {shared}. Every seed and every "
                "entry needs a run of its own."
            )


def same_run(one: Content, other: Content) -> str | None:
    """What two results of a family share, if it is more than independent runs do."""
    if one.actions is not None and other.actions is not None:
        near = np.abs(one.actions - other.actions).max(axis=2) <= TOLERANCE
        if not _discrete(one.result):
            return _beyond(near, ACTIONS, "of their first actions are equal")
        return _beyond(near.all(axis=1), EPISODES, "of their episodes have the same actions")
    equal = np.ones(len(one.result.tasks), np.bool_)
    for name, values in one.result.episodes.items():
        equal &= values == other.result.episodes[name]
    # A metric such as success takes few values, on which independent runs agree.
    few = _discrete(one.result) or any(_few_values(content.result) for content in (one, other))
    return _beyond(equal, 1.0 if few else METRICS, "of their episodes have the same metrics")


def _beyond(equal: BoolArray, threshold: float, what: str) -> str | None:
    share = float(equal.mean())
    return (
        f"{share:.0%} {what} (independent runs: under {threshold:.0%})"
        if (share >= threshold)
        else None
    )


def _few_values(result: Result) -> bool:
    columns = result.episodes.values()
    return max(len(np.unique(values)) for values in columns) < len(result.tasks) / 2


def _discrete(result: Result) -> bool:
    return isinstance(get_family(result.family).action_space, spaces.Discrete)
