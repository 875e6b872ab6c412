"""Whether losses stayed finite, of each training by itself."""

from __future__ import annotations

import pytest
import torch

from smile_bench.learning.devices import CPU
from smile_bench.learning.stacking import FiniteLosses


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_loss_that_was_once_not_finite_is_remembered(bad: float) -> None:
    finite = FiniteLosses(("critic", "policy"), 3, CPU)
    assert finite.failed() == [[], [], []]
    finite.watch("policy", torch.tensor([0.0, bad, 1e30], requires_grad=True))
    finite.watch("policy", torch.ones(3))
    finite.watch("critic", torch.ones(3))
    assert finite.failed() == [[], ["policy"], []]
    finite.watch("critic", torch.tensor([bad, bad, 0.0]))
    assert finite.failed() == [["critic"], ["critic", "policy"], []]


def test_weights_that_no_loss_has_seen_count_too() -> None:
    finite = FiniteLosses(("critic",), 3, CPU)
    weights = torch.ones(3, 4)
    assert finite.failed(weights) == [[], [], []]
    weights[2, 1] = torch.inf
    assert finite.failed(weights) == [[], [], ["weights"]]
    assert finite.failed() == [[], [], []]
