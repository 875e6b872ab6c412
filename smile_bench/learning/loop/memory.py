"""How many trainings fit into the memory of a GPU, measured on one and on two."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from smile_bench.learning.loop.trainings import Trainings

__all__ = ["trainings_that_fit"]

ITERATIONS = 2
"""What a training measures; some only collect in their first."""
SPARE = 0.05
"""Share of the memory that fragments take."""


def trainings_that_fit(make: Callable[[int], Trainings], device: torch.device) -> int:
    """About how many trainings of a kind fit into what is free of a GPU's memory.

    The peak of two trainings minus that of one is what each more takes.

    Args:
        make: makes a computation of so many trainings, from scratch.
        device: the GPU.
    """
    _release()
    free, _ = torch.cuda.mem_get_info(device)
    peaks: list[int] = []
    for number in (1, 2):
        try:
            peaks.append(_peak(make, number, device))
        except torch.OutOfMemoryError:
            return number - 1
        finally:
            _release()
    one, two = peaks
    each = max(two - one, 1)
    shared = max(one - each, 0)
    return max(int((free * (1.0 - SPARE) - shared) // each), 2)


def _peak(make: Callable[[int], Trainings], number: int, device: torch.device) -> int:
    torch.cuda.reset_peak_memory_stats(device)
    trainings = make(number)
    for _ in range(min(ITERATIONS, trainings.iterations)):
        trainings.step()
    return int(torch.cuda.max_memory_reserved(device))


def _release() -> None:
    gc.collect()
    torch.cuda.empty_cache()
