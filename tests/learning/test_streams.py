"""Streams: a training's numbers are its seed's alone, whoever is beside it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smile_bench.learning import streams as module
from smile_bench.learning.networks import linear
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import BLOCK, Block, Streams


def cycle(streams: Streams) -> list[Tensor]:
    """What a cycle may ask for: every kind, small and large, also nothing."""
    return [
        streams.uniform(7),
        streams.normal(3, 2),
        streams.integers(5, 11),
        streams.permutations(6, 4),
        streams.normal(BLOCK - 3),
        streams.normal(9),
        streams.uniform(2, BLOCK),
        streams.uniform(0),
        streams.uniform(1),
    ]


def test_a_stream_is_the_same_alone_and_among_others() -> None:
    among, alone = Streams((4, 0, 9)), [Streams((seed,)) for seed in (4, 0, 9)]
    for _ in range(3):
        for one in (among, *alone):
            one.begin()
        together = cycle(among)
        for index, own in enumerate(alone):
            for stacked, single in zip(together, cycle(own), strict=True):
                assert torch.equal(stacked[index], single[0])
        assert not torch.equal(together[0][0], together[0][1])


def test_no_number_is_served_twice() -> None:
    streams = Streams((0,))
    numbers = torch.cat([streams.uniform(n)[0] for n in (5, 4000, 200, 1, 5000, 3)])
    assert len(torch.unique(numbers)) > len(numbers) - 3
    streams.begin()
    assert not set(streams.uniform(100)[0].tolist()) <= set(numbers.tolist())


def test_numbers_have_the_distribution_that_they_say() -> None:
    streams = Streams((3,))
    uniform, normal = streams.uniform(50_000)[0], streams.normal(50_000)[0]
    assert 0.0 <= float(uniform.min()) < 1e-3
    assert 0.999 < float(uniform.max()) < 1.0
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.005)
    assert float(normal.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(normal.std()) == pytest.approx(1.0, abs=0.02)
    assert float((normal.abs() < 1.0).float().mean()) == pytest.approx(0.6827, abs=0.01)


def test_integers_are_uniform_and_below_their_bound() -> None:
    streams = Streams((3, 4))
    for high in (1, 3, torch.tensor(3.0), torch.tensor([[3.0], [3.0]])):
        sampled = streams.integers(high, 30_000)
        bound = int(torch.as_tensor(high).max())
        assert sampled.dtype == torch.int64
        for own in sampled:
            counts = own.bincount(minlength=bound)
            assert len(counts) == bound
            assert float((counts - 30_000 / bound).abs().max()) < 6.0 * (30_000 / bound) ** 0.5


@pytest.mark.parametrize("high", [3, 7, 31, 40_000, 999_983, 2**24 - 1, 2**24])
def test_the_largest_uniform_number_does_not_reach_the_bound(
    high: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """float32 has 24 digits: the product with 1 - 2⁻²⁴ is rounded."""
    streams = Streams((0,))
    monkeypatch.setattr(streams, "uniform", lambda *shape: torch.full((1, *shape), 1.0 - 2.0**-24))
    assert streams.integers(high, 1).item() == high - 1
    assert streams.integers(torch.tensor(float(high)), 1).item() == high - 1


def test_permutations_are_all_orders_alike() -> None:
    orders = Streams((0, 1)).permutations(3, 6000)
    assert torch.equal(orders.sort(-1).values, torch.arange(3).expand(2, 6000, 3))
    for own in orders:
        _, counts = torch.unique(own, dim=0, return_counts=True)
        assert len(counts) == 6
        assert float((counts - 1000).abs().max()) < 6.0 * 1000**0.5


def test_the_numbers_of_a_cycle_follow_from_the_state_at_its_beginning() -> None:
    streams, other = Streams((5, 6)), Streams((1, 2))
    cycle(streams)
    states = [copy.deepcopy(streams.state_dict(index)) for index in range(2)]
    cycle(other)
    for index, state in enumerate(states):
        other.load_state_dict(index, state)
    streams.begin()
    other.begin()
    for one, two in zip(cycle(streams), cycle(other), strict=True):
        assert torch.equal(one, two)


def test_blocks_serve_the_requests_of_a_later_run() -> None:
    """What a replayed graph reads are the numbers that an eager run would have."""

    def served_by(streams: Streams) -> list[Tensor]:
        """Views of the blocks, whose numbers may come later."""
        sizes = ((5,), (3, BLOCK), (2,), (BLOCK - 5,))
        both = [(streams.uniform(*size), streams.normal(*size)) for size in sizes]
        return [numbers for pair in both for numbers in pair]

    eager, replayed = Streams((5, 6)), Streams((5, 6))
    for one in (eager, replayed):
        one.begin()
        served_by(one)
    blocks = [Block(each.normal, torch.empty_like(each.numbers)) for each in replayed.used]
    assert len({block.normal for block in blocks}) == 2
    with replayed.giving(blocks):
        served = served_by(replayed)
    for _ in range(3):
        eager.begin()
        replayed.begin()
        replayed.sample(blocks)
        for mine, theirs in zip(served_by(eager), served, strict=True):
            assert torch.equal(mine, theirs)
    eager.begin()
    replayed.begin()
    assert torch.equal(eager.normal(3), replayed.normal(3))


@pytest.mark.parametrize(
    "other",
    [
        lambda streams: streams.normal(2),
        lambda streams: (streams.uniform(2), streams.normal(2)),
        lambda streams: streams.uniform(BLOCK + 1),
    ],
    ids=["another kind", "more", "another size"],
)
def test_a_cycle_that_asks_for_other_numbers_is_an_error(
    other: Callable[[Streams], object],
) -> None:
    streams = Streams((0,))
    streams.uniform(2)
    with (
        pytest.raises(RuntimeError, match="other random numbers than in its last run"),
        streams.giving(list(streams.used)),
    ):
        other(streams)
    # The streams serve new numbers again.
    assert streams.normal(2).shape == (1, 2)


def test_numbers_are_not_those_of_the_initial_weights() -> None:
    bound = 1.0 / 50.0**0.5
    for seed in (0, 1, 7):
        (source,) = initial_generators((seed,))
        weights = linear(50, 40, source).get_parameter("weight").detach().flatten()
        numbers = Streams((seed,)).uniform(len(weights))[0]
        both = torch.stack((weights / bound, 2.0 * numbers - 1.0))
        assert float(torch.corrcoef(both)[0, 1].abs()) < 0.1


def test_seeds_give_different_numbers() -> None:
    numbers = Streams(range(200)).uniform(4)
    assert len(torch.unique(numbers, dim=0)) == 200


def test_on_another_kind_of_device_a_stream_begins_again_from_its_state() -> None:
    """Each state leads to its own numbers, and always to the same ones."""
    first = []
    for _ in range(2):
        streams = Streams(range(300))
        for index in range(300):
            state = Streams((index,)).state_dict(0)
            streams.load_state_dict(index, {**state, "device": "cuda"})
        first.append(streams.uniform(4))
    assert torch.equal(*first)
    assert len(torch.unique(first[0], dim=0)) == 300
    # A GPU's state is short: a seed and an offset.
    streams = Streams(range(300))
    for index in range(300):
        short = torch.tensor([index % 256, index // 256, *[0] * 14], dtype=torch.uint8)
        streams.load_state_dict(index, {"generator": short, "device": "cuda"})
    assert len(torch.unique(streams.uniform(4), dim=0)) == 300


def test_a_gpu_samples_more_at_once() -> None:
    assert module.GPU_BLOCK > BLOCK
