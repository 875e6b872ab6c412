"""What a scalar environment's ``reset`` was asked to begin with."""

from __future__ import annotations

from typing import Any, NamedTuple

from smile_bench.arrays import FloatArray
from smile_bench.envs.arguments import checked_options, checked_seed
from smile_bench.envs.facts import Task
from smile_bench.envs.family import Family

__all__ = ["Reset", "checked_reset"]

OPTIONS = ("state", "task")


class Reset(NamedTuple):
    """The beginning of an episode; None leaves it to the environment."""

    seed: int | None
    task: Task | None
    state: FloatArray | None
    """The initial state, (S,)."""


def checked_reset(family: Family, split: str, seed: Any, options: Any) -> Reset:
    """Check the arguments of ``reset``, before anything changes.

    Args:
        family: of the environment.
        split: of the environment's tasks.
        seed: as in Gymnasium.
        options: ``"task"``, an index in the split; ``"state"``, an initial state.

    Raises:
        UnknownNameError: no such option or task.
        InputError: a seed or a state that does not fit.
    """
    given, whole = checked_options(options, OPTIONS), checked_seed(seed)
    index, state = given.get("task"), given.get("state")
    return Reset(
        seed=whole,
        task=None if index is None else family.task(split, index),
        state=None if state is None else family.require_states(state, ()),
    )
