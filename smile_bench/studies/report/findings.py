"""What a report says in words, computed from its numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from smile_bench.envs import get_family
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.report.measurements import Measurement, condition_text, higher_is_better
from smile_bench.studies.report.paper import BETTER, METHODS, WITHIN, WORSE
from smile_bench.studies.report.tables import decimals, metric_title, number
from smile_bench.studies.results import CellResult
from smile_bench.studies.study import Cell

__all__ = ["FEWEST_SEEDS", "behind", "headline", "missing"]

FEWEST_SEEDS = 3


def headline(rows: Sequence[Measurement]) -> str:
    """One sentence: which of the paper's numbers are reached, and whether the order holds.

    Args:
        rows: all measurements; those with a paper number count.
    """
    compared = [row for row in rows if row.paper is not None]
    counts = Counter(row.verdict for row in compared)
    if counts[None] == len(compared):
        return f"None of {len(compared)} comparisons with the paper's tables has a result yet."
    agents: dict[str, list[Measurement]] = defaultdict(list)
    for row in compared:
        if row.ours is not None:
            agents[row.cell.agent].append(row)
    by_agent = ", ".join(
        f"{agent} {sum(row.verdict == BETTER for row in mine)} of {len(mine)}"
        for agent, mine in agents.items()
    )
    parts = [
        f"Of {len(compared)} comparisons with the paper's tables, {_are(counts[BETTER])} at or "
        f"beyond the paper's mean ({by_agent})",
        f"{_are(counts[WITHIN])} behind it by no more than its ±",
        f"{_are(counts[WORSE])} worse",
    ]
    if counts[None]:
        parts.append(f"{_are(counts[None])} without a result")
    text = f"{', '.join(parts[:-1])} and {parts[-1]}"
    ahead, pairs = _order(rows)
    if pairs:
        text += f"; SMILe is ahead of Meta-BC on the same data in {ahead} of {pairs} pairs of cells"
    return f"{text}."


def behind(rows: Sequence[Measurement]) -> list[str]:
    """One line for each number that is worse than the paper's."""
    lines = []
    for row in rows:
        if row.verdict != WORSE or row.ours is None or row.paper is None:
            continue
        reason = f" {row.why}" if row.why else ""
        digits = decimals([row])
        lines.append(
            f"{get_family(row.cell.family).title}, {row.cell.agent}, {condition_text(row.cell)}: "
            f"{metric_title(row.cell.family, row.metric)} is {number(row.ours.mean, digits)} "
            f"against {number(row.paper.mean, digits)} ± {number(row.paper.sd, digits)}.{reason}"
        )
    return lines


def missing(
    folder: StudyFolder, cells: Sequence[Cell], results: Mapping[str, CellResult]
) -> list[str]:
    """One line for each cell without a result, with fewer than three seeds, or fewer than asked.

    Args:
        folder: of the study.
        cells: all of the study.
        results: by the cells' ids.
    """
    lines = []
    for cell in cells:
        seeds = results[cell.id].seeds if cell.id in results else ()
        wanted = max(len(cell.seeds), FEWEST_SEEDS) if cell.trained else 1
        if len(seeds) >= wanted:
            continue
        name = f"{get_family(cell.family).title}, {cell.agent}, {condition_text(cell)}"
        many = f"{len(seeds)} of {len(cell.seeds)} seeds" if seeds else "no result"
        if len(seeds) == len(cell.seeds):
            many = f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}; the study asks for no more"
        left = [seed for seed in cell.seeds if seed not in seeds]
        diverged = [str(seed) for seed in left if folder.diverged(cell, seed)]
        stopped = f"; seed {', '.join(diverged)} diverged" if diverged else ""
        lines.append(f"{name}: {many}{stopped}.")
    return lines


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"


def _order(rows: Sequence[Measurement]) -> tuple[int, int]:
    """In how many pairs on the same data SMILe is ahead of Meta-BC, and how many there are."""
    ahead = pairs = 0
    primary = [
        row
        for row in rows
        if row.ours is not None and row.metric == get_family(row.cell.family).metric.name
    ]
    for row in primary:
        if not METHODS.get(row.cell.agent, "").startswith("SMILe") or row.cell.changes:
            continue
        for other in primary:
            if other.cell.agent != "meta-bc" or other.cell.changes or not _same_data(row, other):
                continue
            assert row.ours is not None
            assert other.ours is not None
            gain = row.ours.mean - other.ours.mean
            higher = higher_is_better(row.cell.family, row.metric)
            ahead += gain > 0.0 if higher else gain < 0.0
            pairs += 1
    return ahead, pairs


def _same_data(one: Measurement, other: Measurement) -> bool:
    family = one.cell.family
    if family != other.cell.family:
        return False
    return one.cell.condition.on(family) == other.cell.condition.on(family)
