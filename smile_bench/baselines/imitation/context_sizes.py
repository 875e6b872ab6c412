"""How many demonstrations the contexts of a training hold, where a task has few."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from smile_bench.access import Access
from smile_bench.errors import ConditionWarning

__all__ = ["announced_sizes", "as_fact", "training_sizes"]


def training_sizes(sizes: Sequence[int], each: int, beyond: int) -> tuple[int, ...]:
    """The sizes of contexts that leave enough demonstrations of a task.

    Args:
        sizes: numbers of demonstrations in a context, as the family has them.
        each: D, demonstrations of a task.
        beyond: how many must be left outside a context. Where a task has no more than these, a
            context is one of them.

    Returns:
        Each size cut to D - ``beyond``, in the same order, each once.
    """
    most = max(1, each - beyond)
    return tuple(dict.fromkeys(min(size, most) for size in sizes))


def announced_sizes(access: Access, each: int, beyond: int) -> tuple[int, ...]:
    """As :func:`training_sizes` of the family's sizes; says where they are cut.

    Args:
        access: to the family.
        each: D, demonstrations of a task.
        beyond: as there.

    Warns:
        ConditionWarning: contexts are smaller than in the evaluation, or hold the demonstration
            that is imitated.
    """
    family = access.family
    sizes = training_sizes(family.context_sizes, each, beyond)
    alone = each <= beyond
    if alone or sizes != tuple(family.context_sizes):
        has = "1 demonstration" if each == 1 else f"{each} demonstrations"
        hold = f"{_listed(sizes)} of them" if each > 1 else "it alone"
        if beyond:
            hold = "the one that is imitated" if alone else f"{hold} and leave 1 or more to imitate"
        warnings.warn(
            f"each meta-train task of {family.id} has {has}, so that contexts in this training "
            f"hold {hold}; the evaluation is unchanged (contexts of "
            f"{_listed(family.context_sizes)}).",
            ConditionWarning,
            stacklevel=2,
        )
    return sizes


def as_fact(access: Access, sizes: Sequence[int]) -> Mapping[str, Any]:
    """What a recipe says of the sizes: nothing where they are the family's."""
    cut = tuple(sizes) != tuple(access.family.context_sizes)
    return {"context_sizes": list(sizes)} if cut else {}


def _listed(sizes: Sequence[int]) -> str:
    """Such as ``"1, 2 or 4"``."""
    *first, last = map(str, sizes)
    return f"{', '.join(first)} or {last}" if first else last
