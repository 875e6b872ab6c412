"""Cycles of updates: eager, and replayed as a graph would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.learning.compute.graphs import WARM_UP, Cycles
from smile_bench.learning.networks import relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.streams import Streams
from tests.helpers.cycles import nothing_read, recorded_graphs


class Learner:
    """Two regressions on random inputs, with a target that changes from run to run."""

    def __init__(self) -> None:
        self.streams = Streams((0, 1))
        self.cycles = Cycles(self.streams, graph=True)
        generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
        self.network = relu_mlp((3, 8, 1), generators)
        configs = [AdamConfig(learning_rate=rate) for rate in (0.01, 0.03)]
        self.adam = StackedAdam([self.network], configs)
        self.target = torch.zeros(())

    def cycle(self, steps: int) -> dict[str, Tensor]:
        for _ in range(steps):
            inputs = self.streams.uniform(16, 3) + 0.1 * self.streams.normal(16, 3)
            rows = self.streams.integers(16, 8)[..., None]
            chosen = inputs.gather(1, rows.expand(-1, -1, 3))
            losses = (self.network(chosen) - self.target).square().mean((1, 2))
            self.adam.step(losses.sum(), max_norm=1.0)
        return {"loss": losses.detach(), "largest": chosen.amax((1, 2))}

    def run(self, number: int) -> dict[str, list[float]]:
        """A log as its owner keeps it: what each kind of cycle gave last."""
        self.target.fill_(float(number % 5))
        self.adam.scale_learning_rate(1.0 / (1 + number))
        log: dict[str, Tensor] = {}
        log |= {f"one {name}": value for name, value in self._cycles(1).items()}
        if number % 2:
            log |= {f"two {name}": value for name, value in self._cycles(2).items()}
        return {name: value.tolist() for name, value in log.items()}

    def _cycles(self, steps: int) -> Mapping[str, Tensor]:
        return self.cycles.run(steps, lambda: self.cycle(steps))


def test_replayed_cycles_give_the_bits_of_eager_ones() -> None:
    eager = Learner()
    logs = [eager.run(number) for number in range(14)]
    with recorded_graphs() as graphs:
        replayed = Learner()
        assert [replayed.run(number) for number in range(14)] == logs
    # Each kind of cycle is captured after its eager runs.
    assert [graph.replays for graph in graphs] == [14 - WARM_UP, 7 - WARM_UP]
    assert torch.equal(replayed.adam.rows, eager.adam.rows)
    assert torch.equal(replayed.streams.uniform(5), eager.streams.uniform(5))


def test_a_log_outlives_the_replays_of_other_cycles() -> None:
    """Graphs share their memory, and a log does not lie in it."""
    with recorded_graphs():
        learner = Learner()
        for number in range(10):
            learner.run(number)
        kept = learner._cycles(1)
        before = {name: value.clone() for name, value in kept.items()}
        learner._cycles(2)
        assert all(torch.equal(value, before[name]) for name, value in kept.items())


def test_a_cycle_that_changes_numbers_of_the_host_is_not_the_same_replayed() -> None:
    """The stand-in has a graph's weakness, so that a comparison with it can fail."""

    def logs() -> list[list[float]]:
        cycles, count = Cycles(Streams((0,)), graph=True), [0]

        def cycle() -> dict[str, Tensor]:
            count[0] += 1
            return {"count": torch.zeros(1) + count[0]}

        return [cycles.run("key", cycle)["count"].tolist() for _ in range(6)]

    eager = logs()
    with recorded_graphs():
        assert logs() != eager


def test_without_a_gpu_every_cycle_is_eager() -> None:
    cycles, ran = Cycles(Streams((0,)), graph=True), []
    for _ in range(WARM_UP + 3):
        assert cycles.run("key", lambda: ran.append(0) or {"x": torch.ones(1)})  # type: ignore[func-returns-value]
    assert len(ran) == WARM_UP + 3


def test_a_cycle_begins_with_new_random_numbers() -> None:
    """So that a checkpoint between two cycles holds all that the next one depends on."""
    streams = Streams((0,))
    cycles = Cycles(streams, graph=True)
    for _ in range(2):
        state = streams.state_dict(0)
        first = cycles.run("key", lambda: {"x": streams.normal(3)})["x"].clone()
        other = Streams((5,))
        other.load_state_dict(0, state)
        assert torch.equal(other.normal(3), first)


def test_the_cycles_of_a_learner_read_nothing() -> None:
    with nothing_read() as keys:
        learner = Learner()
        for number in range(3):
            learner.run(number)
    assert keys == [1, 1, 2, 1]


READS: Mapping[str, Callable[[Tensor], object]] = {
    "float": lambda loss: float(loss.sum()),
    "item": lambda loss: loss.sum().item(),
    "bool": lambda loss: bool(loss.sum() > 0.0),
    "list": lambda loss: loss.tolist(),
    "array": lambda loss: loss.numpy(),
    "as an array": lambda loss: np.asarray(loss),
    "where": lambda loss: torch.nonzero(loss),
    "mask": lambda loss: loss[loss > 0.0],
    "masked assignment": lambda loss: loss.__setitem__(loss > 0.0, 1.0),
    "selected": lambda loss: torch.masked_select(loss, loss > 0.0),
    "equal": lambda loss: torch.equal(loss, loss),
    "unique": lambda loss: torch.unique(loss),
    "moved": lambda loss: loss.to("meta"),
    "from the host": lambda loss: loss + torch.tensor([1.0]),
    "from an array": lambda loss: loss + torch.from_numpy(np.ones(1)),
}


@pytest.mark.parametrize("read", READS)
def test_what_reads_the_device_is_noticed(read: str) -> None:
    cycles = Cycles(Streams((0,)), graph=True)

    def cycle() -> dict[str, Tensor]:
        loss = torch.ones(2)
        READS[read](loss)
        return {"loss": loss}

    cycles.run("before", cycle)
    with nothing_read(), pytest.raises(AssertionError, match=r"waits for the device|reads|copied"):
        cycles.run("key", cycle)
