"""Weights files of agents: what they state, and networks and normalisers as their tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from smile_bench.io.tensors import write_tensors
from smile_bench.learning.normaliser import Normaliser

__all__ = [
    "Stored",
    "as_tensors",
    "require_numbers",
    "take_network",
    "take_normaliser",
    "taken",
    "write_agent",
]

Network = TypeVar("Network", bound=nn.Module)


class Stored(Protocol):
    """An agent that a weights file holds."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def config(self) -> Any:
        """Its configuration, a frozen dataclass."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """How it was trained."""


def write_agent(path: Path, form: str, agent: Stored, tensors: Mapping[str, Tensor]) -> None:
    """Write an agent's weights, configuration and recipe as one safetensors file.

    Args:
        path: of the file.
        form: the file's format.
        agent: whose weights they are.
        tensors: the weights by name.
    """
    metadata = {
        "format": form,
        "name": agent.name,
        "config": json.dumps(asdict(agent.config)),
        "recipe": json.dumps(agent.recipe),
    }
    write_tensors(path, tensors, metadata, framework="pt")


def as_tensors(prefix: str, part: nn.Module | Normaliser) -> dict[str, Tensor]:
    """Copies of a part's tensors on the CPU, their names beginning with ``prefix``."""
    if isinstance(part, Normaliser):
        named = {name: torch.from_numpy(getattr(part, name)) for name in ("mean", "scale")}
    else:
        named = dict(part.state_dict())
    return {f"{prefix}.{name}": value.to("cpu", copy=True) for name, value in named.items()}


def take_network(prefix: str, tensors: dict[str, Tensor], into: Network) -> Network:
    """Remove a network's tensors from a file's, and load them.

    Args:
        prefix: how their names begin.
        tensors: of the file.
        into: a network of the same structure without memory, which is returned. It takes over the
            file's tensors, so that no stated width allocates anything.

    Raises:
        ValueError: numbers of another type or not finite.
        RuntimeError: tensors of another network.
    """
    weights = taken(prefix, tensors)
    for name, value in weights.items():
        require_numbers(f"{prefix}.{name}", value, value.shape)
    # Copies, because products may depend on how memory is aligned.
    into.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)
    return into


def take_normaliser(prefix: str, tensors: dict[str, Tensor], size: int) -> Normaliser:
    """Remove a normaliser of ``size`` numbers from a file's tensors.

    Raises:
        ValueError: numbers of another type or shape or not finite, or a scale that is not positive.
        KeyError: one of its two parts is missing.
    """
    mean, scale = tensors.pop(f"{prefix}.mean"), tensors.pop(f"{prefix}.scale")
    for name, value in (("mean", mean), ("scale", scale)):
        require_numbers(f"{prefix}.{name}", value, (size,))
    if not (scale > 0.0).all():
        raise ValueError(f"{prefix}.scale is not positive")
    return Normaliser(mean.numpy(), scale.numpy())


def taken(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the tensors of a part, and return them under its own names."""
    start = f"{prefix}."
    names = [name for name in tensors if name.startswith(start)]
    return {name[len(start) :]: tensors.pop(name) for name in names}


def require_numbers(
    name: str, value: Tensor, shape: Sequence[int], kind: torch.dtype = torch.float32
) -> None:
    """Refuse a tensor of another type or shape, or with numbers that are not finite.

    Raises:
        ValueError: saying what was found.
    """
    if value.dtype != kind or tuple(value.shape) != tuple(shape):
        raise ValueError(
            f"{name} has the type {value.dtype} and the shape {tuple(value.shape)}; expected "
            f"{kind} and {tuple(shape)}"
        )
    if not value.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite")
