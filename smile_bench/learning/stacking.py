"""What trainings of one computation share, and what each has of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.errors import DivergedError, InputError
from smile_bench.settings import flatten

__all__ = [
    "FiniteLosses",
    "column",
    "diverged",
    "finite_or_zero",
    "in_step",
    "initial_generators",
    "require_stackable",
    "stopped_before",
    "to_logs",
]

Count = TypeVar("Count", int, float)


def column(values: Sequence[float], device: torch.device) -> Tensor:
    """A number of each training, (M, 1)."""
    return torch.tensor(values, dtype=torch.float32).to(device)[:, None]


def in_step(index: int, held: Count, given: Count) -> Count:
    """A count that all trainings share, when their states are loaded in turn: the largest.

    A training that stopped early is behind the others.

    Args:
        index: of the training whose state is loaded.
        held: the count so far.
        given: the count in the state.
    """
    return given if index == 0 else max(held, given)


def initial_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Sources of the initial weights, which are the same on every device."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def require_stackable(configs: Sequence[Any], scalars: Sequence[str]) -> None:
    """Refuse settings that cannot be trained in one computation.

    Args:
        configs: frozen dataclasses of one kind.
        scalars: names of the settings that may differ, those in groups with a dot.

    Raises:
        InputError: they differ in another one.
    """
    first, *others = ({**flatten(config)} for config in configs)
    for number, other in enumerate(others, start=1):
        differing = [n for n in first if n not in scalars and first[n] != other[n]]
        if differing:
            name = differing[0]
            raise InputError(
                f"training {number} of one computation has {name} {other[name]!r} and training 0 "
                f"{first[name]!r}; they may differ in {', '.join(scalars)}. Train them one after "
                "another."
            )


def to_logs(log: Mapping[str, Tensor]) -> list[dict[str, float]]:
    """Numbers (M,) on a device as a log of each training, with one transfer."""
    if not log:
        return []
    rows = torch.stack([values.detach().float() for values in log.values()], 1).cpu().tolist()
    return [dict(zip(log, row, strict=True)) for row in rows]


def diverged(names: Sequence[str], iteration: int) -> DivergedError:
    """Why a training stops: what is not finite, and the iteration that it was found in."""
    return DivergedError(
        f"{' and '.join(names)} became non-finite in iteration {iteration}. Continue from the last "
        "checkpoint with a lower learning rate."
    )


def stopped_before(latest: int, iteration: int) -> DivergedError | None:
    """Why a training does not continue from a stored state; None if it does.

    Args:
        latest: the iteration of the trainings that continue.
        iteration: of the state; an earlier one is of a training that has stopped.
    """
    if iteration == latest:
        return None
    return DivergedError(f"the training stopped after iteration {iteration}.")


def finite_or_zero(actions: NDArray[Any]) -> NDArray[Any]:
    """Actions, with 0 where a training that has diverged gives none."""
    return np.where(np.isfinite(actions), actions, actions.dtype.type(0.0))


class FiniteLosses:
    """Which losses of M trainings have been finite at every update so far.

    Args:
        names: of the losses.
        trainings: M.
        device: where the losses lie.
    """

    def __init__(self, names: Sequence[str], trainings: int, device: torch.device) -> None:
        self._finite = {
            name: torch.ones(trainings, dtype=torch.bool, device=device) for name in names
        }

    def watch(self, name: str, losses: Tensor) -> None:
        """Note the losses (M,) of an update; nothing waits for them."""
        self._finite[name].logical_and_(losses.detach().isfinite())

    def failed(self, weights: Tensor | None = None) -> list[list[str]]:
        """The names of each training's losses that have not been finite.

        Args:
            weights: of each training, (M, P). If they are not finite, which the next loss would
                show, the name is ``weights``.
        """
        finite = dict(self._finite)
        if weights is not None:
            finite["weights"] = weights.isfinite().all(1)
        table = torch.stack(list(finite.values()), 1).cpu().tolist()
        return [[name for name, held in zip(finite, row, strict=True) if not held] for row in table]
