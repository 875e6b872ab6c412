"""Streams of random numbers, one a training, sampled where the training computes.

A training's numbers depend on its own seed alone, and not on the trainings beside it. Each kind of
device has its own generator, so that a seed means other numbers on a GPU than on a CPU.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.learning.devices import CPU

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Block", "Streams"]

BLOCK = 4096
"""Numbers of a training that are sampled at once; a larger request has a block of its own."""
GPU_BLOCK = 2**14
"""The same on a GPU, where few launches cost less than few numbers."""


@dataclass(frozen=True, eq=False)
class Block:
    """Random numbers that were sampled at once."""

    normal: bool
    """Whether they are standard normal; else uniform in [0, 1)."""
    numbers: Tensor
    """(M, n)."""


def make_generator(seed: int, device: torch.device) -> torch.Generator:
    """A generator whose numbers are not those that the seed's initial weights came from."""
    own = np.random.SeedSequence([seed, 1]).generate_state(1)
    return torch.Generator(device).manual_seed(int(own[0]))


class Streams:
    """M streams on a device.

    Requests are served from blocks. :meth:`begin` drops what is left of them, so that the numbers
    of a cycle depend on the generators' states at its beginning and on its requests.

    Args:
        seeds: one a stream.
        device: where the numbers lie.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device = CPU) -> None:
        self.device = device
        self._generators = [make_generator(seed, device) for seed in seeds]
        self._block = BLOCK if device.type == "cpu" else GPU_BLOCK
        self._current: dict[bool, tuple[Tensor, int]] = {}
        """The block of each kind, and how many of its numbers are used."""
        self._given: Iterator[Block] | None = None
        self.used: list[Block] = []
        """The blocks since :meth:`begin`, in order."""

    def __len__(self) -> int:
        return len(self._generators)

    def begin(self) -> None:
        """Begin a cycle."""
        self._current.clear()
        self.used = []

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers (M, *shape) in [0, 1)."""
        return self._take(False, shape)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers (M, *shape)."""
        return self._take(True, shape)

    def integers(self, high: int | Tensor, *shape: int) -> Tensor:
        """Integers (M, *shape) in [0, high), for a high of at most 2²⁴.

        Args:
            high: a number, or a tensor that can be multiplied with (M, *shape).
            shape: of each stream's numbers.
        """
        return (self.uniform(*shape) * high).long()

    def permutations(self, number: int, *shape: int) -> Tensor:
        """Random orders (M, *shape, number) of 0 to number - 1."""
        return self.uniform(*shape, number).argsort(-1)

    def sample(self, blocks: Sequence[Block]) -> None:
        """Sample the numbers of blocks again, as a cycle that uses them would."""
        for block in blocks:
            self._fill(block)

    @contextmanager
    def giving(self, blocks: Sequence[Block]) -> Iterator[None]:
        """Serve the requests of a cycle from these blocks, whose numbers are sampled later."""
        self.begin()
        self._given = iter(blocks)
        try:
            yield
        finally:
            self._given = None
            self.begin()

    def state_dict(self, index: int) -> dict[str, Any]:
        """The state of a stream, between two cycles."""
        return {"generator": self._generators[index].get_state(), "device": self.device.type}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned.

        On another kind of device the stream begins again, from a seed that follows from the state.
        """
        generator = self._generators[index]
        if state["device"] == self.device.type:
            generator.set_state(state["generator"])
        else:
            digest = hashlib.sha256(state["generator"].numpy().tobytes()).digest()
            generator.manual_seed(int.from_bytes(digest[:4], "little"))
        self.begin()

    def _take(self, normal: bool, shape: Sequence[int]) -> Tensor:
        number = math.prod(shape)
        block, used = self._current.get(normal, (None, 0))
        if block is None or used + number > block.shape[1]:
            block, used = self._next(normal, max(number, self._block)), 0
        self._current[normal] = block, used + number
        return torch.unflatten(block[:, used : used + number], 1, shape)

    def _next(self, normal: bool, size: int) -> Tensor:
        if self._given is not None:
            given = next(self._given, None)
            if given is None or (given.normal, given.numbers.shape[1]) != (normal, size):
                raise RuntimeError("the cycle asks for other random numbers than in its last run")
            return given.numbers
        numbers = torch.empty((len(self), size), device=self.device)
        block = Block(normal, numbers)
        self._fill(block)
        self.used.append(block)
        return numbers

    def _fill(self, block: Block) -> None:
        for row, generator in zip(block.numbers, self._generators, strict=True):
            if block.normal:
                row.normal_(generator=generator)
            else:
                row.uniform_(generator=generator)
