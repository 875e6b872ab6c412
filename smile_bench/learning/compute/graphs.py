"""Cycles of updates: eager, or replayed as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from smile_bench.learning.streams import Block, Streams

__all__ = ["Cycles"]

Log: TypeAlias = Mapping[str, Tensor]

WARM_UP = 3
"""Eager runs of a cycle before it is captured."""


@dataclass(frozen=True, eq=False)
class _Captured:
    graph: torch.cuda.CUDAGraph
    blocks: list[Block]
    """The random numbers that the cycle reads."""
    log: Log
    """Tensors outside of the graphs' memory."""


class Cycles:
    """Runs cycles of updates, each a fixed sequence of operations on tensors of fixed shapes.

    On a GPU a cycle is captured as a CUDA graph after some eager runs, and replayed from then on:
    one launch in place of hundreds. A graph reads and writes the tensors that it was captured with,
    so what changes between two runs must be a tensor on the device, or part of the cycle's key.

    Args:
        streams: of the random numbers, which are sampled outside of the graph.
        graph: whether to capture; only on a GPU.
    """

    def __init__(self, streams: Streams, graph: bool) -> None:
        self._streams = streams
        self._graph = graph and streams.device.type == "cuda"
        self._runs: dict[Hashable, int] = {}
        self._captured: dict[Hashable, _Captured] = {}
        self._side: torch.cuda.Stream | None = None
        """Where cycles run eagerly and are captured, as PyTorch asks for."""
        self._memory: Any = None
        """What the graphs share, as they never run at the same time."""

    def run(self, key: Hashable, cycle: Callable[[], Log]) -> Log:
        """Run a cycle.

        Args:
            key: what the sequence of operations and the shapes depend on.
            cycle: returns what to log.

        Returns:
            The same; tensors that the next run of the cycle may overwrite.
        """
        streams = self._streams
        streams.begin()
        if key in self._captured:
            return self._replay(self._captured[key])
        log = self._warm_up(key, cycle) if self._graph else cycle()
        streams.begin()  # What an eager run has left over, a replay would not have.
        return log

    def _warm_up(self, key: Hashable, cycle: Callable[[], Log]) -> Log:
        """Run eagerly; after some runs, also capture."""
        if self._side is None:
            self._side = torch.cuda.Stream(self._streams.device)  # type: ignore[no-untyped-call]
            self._memory = torch.cuda.graph_pool_handle()
        side, current = self._side, torch.cuda.current_stream(self._streams.device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            log = cycle()
        current.wait_stream(side)
        self._runs[key] = self._runs.get(key, 0) + 1
        if self._runs[key] == WARM_UP:
            self._captured[key] = self._capture(cycle, side, self._streams.used, log)
        return log

    def _capture(
        self, cycle: Callable[[], Log], side: torch.cuda.Stream, used: Sequence[Block], log: Log
    ) -> _Captured:
        # Both outlive the graph's own memory, which the next graph overwrites.
        blocks = [Block(block.normal, torch.empty_like(block.numbers)) for block in used]
        held = {name: torch.empty_like(values) for name, values in log.items()}
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(side.device)
        # The stream also says which GPU: the default one lies on the current GPU.
        with (
            self._streams.giving(blocks),
            torch.cuda.graph(graph, pool=self._memory, stream=side),
        ):
            for name, values in cycle().items():
                held[name].copy_(values)
        return _Captured(graph, blocks, held)

    def _replay(self, captured: _Captured) -> Log:
        self._streams.sample(captured.blocks)
        captured.graph.replay()
        return captured.log
