"""The moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from smile_bench.learning.ema import EMA


def test_it_is_the_formula_and_begins_at_the_first_weights() -> None:
    latest = (nn.Linear(2, 1), nn.Linear(1, 1))
    ema, expected = EMA(latest, 0.75), torch.empty(0)
    for step in range(4):
        with torch.no_grad():
            latest[0].weight.fill_(float(step * step))
        ema.update()
        new = latest[0].weight.detach().clone()
        expected = new if step == 0 else 0.75 * expected + 0.25 * new
        torch.testing.assert_close(ema.modules[0].weight, expected)
    assert len(ema.modules) == 2


def test_without_decay_it_is_the_latest_weights() -> None:
    latest = nn.Linear(2, 1)
    ema = EMA((latest,), 0.0)
    for value in (1.0, 5.0):
        with torch.no_grad():
            latest.weight.fill_(value)
        ema.update()
    assert torch.equal(ema.modules[0].weight, latest.weight)  # type: ignore[arg-type]


def test_it_continues_from_its_state() -> None:
    latest = nn.Linear(2, 1)
    ema = EMA((latest,), 0.5)
    ema.update()
    state = copy.deepcopy(ema.state_dict())
    with torch.no_grad():
        latest.weight.add_(1.0)
    ema.update()
    other = EMA((latest,), 0.5)
    other.load_state_dict(state)
    other.update()
    assert torch.equal(other.modules[0].weight, ema.modules[0].weight)  # type: ignore[arg-type]
