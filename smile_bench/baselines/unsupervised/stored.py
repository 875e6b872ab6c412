"""Networks and normalisers as tensors of a weights file, and how they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from smile_bench.learning.normaliser import Normaliser

__all__ = ["as_tensors", "take_network", "take_normaliser"]

Network = TypeVar("Network", bound=nn.Module)


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
    weights = _taken(prefix, tensors)
    for name, value in weights.items():
        _require_numbers(f"{prefix}.{name}", value, value.shape)
    # Copies, because products may depend on how memory is aligned.
    into.load_state_dict({name: value.clone() for name, value in weights.items()}, assign=True)
    return into


def take_normaliser(prefix: str, tensors: dict[str, Tensor], size: int) -> Normaliser:
    """Remove a normaliser of ``size`` numbers from a file's tensors.

    Raises:
        ValueError: numbers of another type or shape or not finite, or a scale that is not positive.
        KeyError: one of its two parts is missing.
    """
    parts = _taken(prefix, tensors)
    mean, scale = parts.pop("mean"), parts.pop("scale")
    for name, value in (("mean", mean), ("scale", scale)):
        _require_numbers(f"{prefix}.{name}", value, (size,))
    if parts or not (scale > 0.0).all():
        raise ValueError(f"{prefix} has other parts or a scale that is not positive")
    return Normaliser(mean.numpy(), scale.numpy())


def _taken(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    names = [name for name in tensors if name.startswith(start)]
    return {name[len(start) :]: tensors.pop(name) for name in names}


def _require_numbers(name: str, value: Tensor, shape: Sequence[int]) -> None:
    if value.dtype != torch.float32 or tuple(value.shape) != tuple(shape):
        raise ValueError(
            f"{name} has the type {value.dtype} and the shape {tuple(value.shape)}; expected "
            f"float32 and {tuple(shape)}"
        )
    if not value.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite")
