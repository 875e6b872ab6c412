"""Which numbers of the SMILe paper a cell of a study reproduces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smile_bench.datasets import Condition
from smile_bench.envs import get_family
from smile_bench.leaderboard.page.published import PublishedFamily, load_published
from smile_bench.studies.study import Cell, Study

__all__ = [
    "BETTER",
    "FIGURES",
    "METHODS",
    "SCORE",
    "WITHIN",
    "WORSE",
    "PaperNumber",
    "paper_families",
    "paper_numbers",
    "verdict",
]

METHODS = {
    "smile": "SMILe (state-action)",
    "smile-state-only": "SMILe (state-only)",
    "meta-bc": "Meta-BC",
    "meta-dagger": "Meta-DAgger",
    "smile-paper": "SMILe (state-action)",
    "smile-paper-state-only": "SMILe (state-only)",
}
"""Agent to the paper's name of its method."""
SCORE = "score"
"""The mean of the normalised scores; on walker dynamics the paper's custom metric."""
BETTER, WITHIN, WORSE = "better", "within", "worse"
ROUNDING = 1e-9
"""Of sums of floating-point numbers."""
FIGURES = {"SmileAntGoal-v0": "figure 2"}
"""Families that the paper shows in a figure, without numbers."""
POOLED = ("Table 1",)
"""Tables whose ± is the standard deviation over tasks and seeds."""


@dataclass(frozen=True, kw_only=True)
class PaperNumber:
    """A number of the paper: a mean with its standard deviation."""

    metric: str
    """Name of a metric of the family, or :data:`SCORE`."""
    mean: float
    sd: float
    source: str
    """Where in the paper."""

    @property
    def pooled(self) -> bool:
        """Whether :attr:`sd` is over tasks and seeds, rather than over seeds."""
        return self.source in POOLED


def paper_numbers(cell: Cell) -> tuple[PaperNumber, ...]:
    """The paper's numbers for a cell: same method, family, demonstrations and subsampling.

    They are for all tasks and the experts' demonstrations. Settings may differ.
    """
    published = _published().get(_key(cell))
    if published is None:
        return ()
    metrics = {**published.metrics}
    if published.score is not None:
        metrics[SCORE] = published.score
    return tuple(
        PaperNumber(metric=name, mean=mean, sd=sd, source=published.source)
        for name, (mean, sd) in metrics.items()
    )


def paper_families(study: Study) -> tuple[str, ...]:
    """The families on which a study has every cell of the paper's table."""
    keys = {_key(cell) for cell in study.cells}
    wanted: dict[str, list[_Key]] = {}
    for key in _published():
        wanted.setdefault(key[1], []).append(key)
    return tuple(family for family, needed in wanted.items() if keys.issuperset(needed))


def verdict(ours: float, paper: PaperNumber, higher_is_better: bool) -> str:
    """How a mean compares with the paper's.

    Returns:
        ``"better"`` at the paper's mean or beyond it in the good direction, ``"within"`` if it is
        worse by no more than the paper's standard deviation, else ``"worse"``.
    """
    behind = paper.mean - ours if higher_is_better else ours - paper.mean
    if behind <= ROUNDING:
        return BETTER
    return WITHIN if behind <= paper.sd + ROUNDING else WORSE


_Key = tuple[str, str, Condition]


def _key(cell: Cell) -> _Key:
    """Method, family and condition of a cell; the agent's name for a method of our own."""
    method = METHODS.get(cell.agent, cell.agent)
    return method, cell.family, Condition(**cell.condition.on(cell.family).to_dict())


def _published() -> dict[_Key, PublishedFamily]:
    return dict(_entries())


def _entries() -> Iterator[tuple[_Key, PublishedFamily]]:
    for row in load_published().rows:
        method = row.title.partition(",")[0]
        for family, numbers in row.families.items():
            condition = Condition(
                demonstrations=numbers.demonstrations, subsample=numbers.subsample
            ).on(get_family(family))
            yield (method, family, Condition(**condition.to_dict())), numbers
