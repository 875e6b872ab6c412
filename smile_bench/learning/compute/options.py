"""How a training computes: device, precision, compilation, graphs of updates, threads."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from smile_bench.learning.devices import CPU
from smile_bench.learning.networks import use_bfloat16

__all__ = ["PRECISIONS", "Compute"]

PRECISIONS = ("float32", "bf16")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What does not change the algorithm."""

    device: torch.device = CPU
    """Of all networks and data."""
    graph: bool = True
    """Whether the updates on a GPU are replayed as one CUDA graph; on a CPU there is none."""
    compile: bool = False
    """Whether losses are compiled by TorchInductor; the first update then takes a minute, or some
    seconds once the results are cached."""
    precision: str = "float32"
    """``"bf16"`` takes the products of training in bfloat16, ``"float32"`` does not."""
    threads: int = 1
    """Native threads of the simulators."""

    def compiled(self, function: Function) -> Function:
        """The function, compiled if that is asked for."""
        if not self.compile:
            return function
        keep_compiled_code()
        return cast(Function, _quiet(torch.compile(function, dynamic=False)))

    def prepare(self, *stacks: nn.Module) -> None:
        """Set the precision of stacked networks."""
        if self.precision == "bf16":
            use_bfloat16(*stacks)


def _quiet(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The function without the warning that TorchDynamo causes by looking at its inputs."""

    @functools.wraps(compiled)
    def run(*arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not")
            return compiled(*arguments)

    return run


def keep_compiled_code() -> None:
    """Let compiled code be cached in the user's cache folder, unless a folder is set already."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(home / "smile-bench" / "inductor"))
