"""What a batch of contexts and queries holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smile_bench.errors import InputError, require_known, shown

__all__ = ["CROPS", "BatchSettings"]

CROPS = ("subset", "window")
"""How the timesteps of a demonstration are chosen: any of them in order, or consecutive ones."""


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What a batch holds: B tasks, a context of K demonstrations and Q queries of each.

    Raises:
        InputError: a number that is not an integer of 1 or more, or no size of a context.
        UnknownNameError: an unknown crop.
    """

    tasks: int = 16
    """B, sampled with replacement."""
    shots: int | Sequence[int] = 1
    """K. Of several numbers, batches take one after another."""
    context_timesteps: int | None = None
    """C, how many of the T timesteps of a demonstration the context shows; None for all."""
    crop: str = "subset"
    """How these are chosen: one of :data:`CROPS`."""
    queries: int | None = 64
    """Q, transitions of each task, from demonstrations outside the context. None for one whole
    demonstration of each task, in order: then Q is T."""
    state_only_contexts: bool = False
    """Hide the actions in contexts, but not those in queries."""
    overlap: bool = False
    """Where a context leaves no demonstration of its task, take queries from the context itself,
    as a learner with one demonstration a task must."""

    def __post_init__(self) -> None:
        for name, value in (
            ("tasks", self.tasks),
            *(("shots", size) for size in self.sizes),
            ("context_timesteps", self.context_timesteps),
            ("queries", self.queries),
        ):
            optional = name in ("context_timesteps", "queries")
            if not (optional and value is None) and not (type(value) is int and value >= 1):
                or_none = " or None" if optional else ""
                raise InputError(
                    f"{name} is {shown(value)}; give an integer of 1 or more{or_none}."
                )
        if not self.sizes:
            raise InputError("shots is empty; give the number of demonstrations in a context.")
        require_known("crop", [self.crop], CROPS)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of demonstrations in a context."""
        return (self.shots,) if isinstance(self.shots, int) else tuple(self.shots)
