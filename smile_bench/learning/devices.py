"""The device that a training computes on: its name, and how arrays get there.

Random numbers of updates are sampled where the training computes (:mod:`streams`): a seed gives
other ones on another kind of device.
"""

from __future__ import annotations

import re

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.arrays import IntArray
from smile_bench.errors import InputError

__all__ = ["CPU", "describe", "find_device", "index", "to_device", "use_one_thread"]

CPU = torch.device("cpu")


def find_device(name: str) -> torch.device:
    """The device of a name: ``"cpu"``, ``"cuda"`` or, with the number of a GPU, ``"cuda:N"``.

    Raises:
        InputError: another name, or a device that PyTorch does not find.
    """
    if not re.fullmatch(r"cpu|cuda(:(0|[1-9][0-9]?))?", name):
        raise InputError(f"no device is called {name!r}; give 'cpu', 'cuda' or 'cuda:N'.")
    device = torch.device(name)
    if device.type == "cpu":
        return device
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= there:
        found = ", ".join(["cpu", *(f"cuda:{n}" for n in range(there))])
        raise InputError(
            f"the device {name!r} is not available; PyTorch finds {found}. Give one that it finds, "
            "or install a GPU's driver and a PyTorch that is built for it."
        )
    return device


def describe(device: torch.device) -> str:
    """The device's name and, of a GPU, its model."""
    if device.type == "cpu":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"


def to_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """An array as a tensor on the device; on the CPU it shares the array's memory."""
    return torch.from_numpy(array).to(device)


def index(tensor: Tensor, *where: IntArray) -> Tensor:
    """``tensor[where]`` on the tensor's device."""
    return tensor[tuple(to_device(indices, tensor.device) for indices in where)]


def use_one_thread() -> None:
    """Let PyTorch compute on one thread: the networks are small, and trainings run side by side.

    For commands and workers, which own their process; the library itself sets no threads.
    """
    torch.set_num_threads(1)
