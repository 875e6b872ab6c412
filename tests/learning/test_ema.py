"""The moving average of networks' weights."""

from __future__ import annotations

import copy

import torch

from smile_bench.learning.ema import EMA
from smile_bench.learning.networks import StackedLinear


def stack(inputs: int = 2, seeds: tuple[int, ...] = (0, 1)) -> StackedLinear:
    return StackedLinear(inputs, 1, [torch.Generator().manual_seed(seed) for seed in seeds])


def weight(ema: EMA, module: int = 0) -> torch.Tensor:
    return ema.modules[module].get_parameter("weight")


def test_it_is_the_formula_and_begins_at_the_first_weights() -> None:
    latest = (stack(), stack(1))
    ema, expected = EMA(latest, 0.75), torch.empty(0)
    for step in range(4):
        with torch.no_grad():
            latest[0].weight[0].fill_(float(step * step))
            latest[0].weight[1].fill_(float(-step))
        ema.update()
        new = latest[0].weight.detach().clone()
        expected = new if step == 0 else 0.75 * expected + 0.25 * new
        torch.testing.assert_close(weight(ema), expected)
        torch.testing.assert_close(weight(ema, 1), latest[1].weight)
    assert len(ema.modules) == 2


def test_without_decay_it_is_the_latest_weights() -> None:
    latest = stack()
    ema = EMA((latest,), 0.0)
    for value in (1.0, 5.0):
        with torch.no_grad():
            latest.weight.fill_(value)
        ema.update()
        assert torch.equal(weight(ema), latest.weight)
        assert not weight(ema).requires_grad


def test_it_continues_from_its_state() -> None:
    latest = stack()
    ema = EMA((latest,), 0.5)
    ema.update()
    states = [copy.deepcopy(ema.state_dict(index)) for index in range(2)]
    with torch.no_grad():
        latest.weight.add_(1.0)
    ema.update()
    other = EMA((latest,), 0.5)
    for index, state in enumerate(states):
        other.load_state_dict(index, state)
    other.update()
    assert torch.equal(weight(other), weight(ema))


def test_a_training_that_stopped_before_the_first_update_does_not_restart_the_others() -> None:
    latest = stack()
    ema, other = EMA((latest,), 0.5), EMA((latest,), 0.5)
    other.load_state_dict(0, copy.deepcopy(ema.state_dict(0)))
    ema.update()
    other.load_state_dict(1, copy.deepcopy(ema.state_dict(1)))
    with torch.no_grad():
        latest.weight.add_(1.0)
    for one in (ema, other):
        one.update()
    assert torch.equal(weight(other)[1], weight(ema)[1])


def test_a_number_that_is_not_finite_stays_in_its_training() -> None:
    latest = stack()
    ema = EMA((latest,), 0.5)
    with torch.no_grad():
        latest.weight[0, 0] = torch.nan
    ema.update()
    assert weight(ema)[0].isnan().any()
    assert torch.equal(weight(ema)[1], latest.weight[1])
