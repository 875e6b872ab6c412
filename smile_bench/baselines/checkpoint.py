"""Checkpoints: everything a training needs to go on exactly, in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from smile_bench.datasets.files import write_atomically
from smile_bench.datasets.tensors import read_tensors
from smile_bench.errors import SmileError

__all__ = [
    "CheckpointError",
    "load_checkpoint",
    "pack_generator",
    "pack_module",
    "pack_optimizer",
    "save_checkpoint",
    "unpack_generator",
    "unpack_module",
    "unpack_optimizer",
]

Tensors = dict[str, torch.Tensor]


class CheckpointError(SmileError, ValueError):
    """A checkpoint that is damaged or belongs to another training."""


def save_checkpoint(path: Path, tensors: Tensors, state: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able state, whole or not at all."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, {"state": json.dumps(state)}))


def load_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    remedy = "Remove the file to start anew."
    file = read_tensors(path, "a checkpoint", CheckpointError, framework="pt", remedy=remedy)
    return file.tensors, file.document("state")


def pack_module(prefix: str, module: torch.nn.Module) -> Tensors:
    """CPU copies of a module's parameters and buffers, their names beginning with ``prefix``."""
    state = module.state_dict()
    return {f"{prefix}.{name}": value.to("cpu", copy=True) for name, value in state.items()}


def unpack_module(prefix: str, module: torch.nn.Module, tensors: Tensors) -> None:
    """Put back what :func:`pack_module` took."""
    start = f"{prefix}."
    module.load_state_dict(
        {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}
    )


def pack_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> Tensors:
    """CPU copies of an optimizer's per-parameter state; its learning rates are configuration."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{index}.{name}": torch.as_tensor(value).to("cpu", copy=True)
        for index, values in state.items()
        for name, value in values.items()
    }


def unpack_optimizer(prefix: str, optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what :func:`pack_optimizer` took.

    Raises:
        RuntimeError: it was taken of an optimizer of other parameters.
    """
    state: dict[int, dict[str, torch.Tensor]] = {}
    start = f"{prefix}."
    for key, value in tensors.items():
        if key.startswith(start):
            index, name = key[len(start) :].split(".", 1)
            state.setdefault(int(index), {})[name] = value
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for position, values in state.items():
        # PyTorch does not compare them, and a fused step would reach beyond what is too short.
        for name, value in values.items():
            if position >= len(parameters) or (
                name != "step" and value.shape != parameters[position].shape
            ):
                raise RuntimeError(f"{start}{position}.{name} is of another optimizer.")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def pack_generator(generator: np.random.Generator) -> dict[str, Any]:
    """The state of a NumPy generator as JSON-able data."""
    return dict(generator.bit_generator.state)


def unpack_generator(generator: np.random.Generator, state: Mapping[str, Any]) -> None:
    """Put back what :func:`pack_generator` took."""
    generator.bit_generator.state = dict(state)
