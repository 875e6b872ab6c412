"""What acts of a training: the moving average of its weights."""

from __future__ import annotations

from dataclasses import replace

import torch

from smile_bench.baselines.smile.training import SMILe
from tests.helpers.small_smile import CONFIG, access, stepped


def test_what_acts_is_the_moving_average_of_the_weights() -> None:
    training = SMILe(replace(CONFIG, average=0.75), access())
    mean: list[torch.Tensor] = []
    for _ in range(4):
        training.step()
        latest = [*training.encoder.parameters(), *training.sac.policy.parameters()]
        pairs = zip(mean or latest, latest, strict=True)
        mean = [0.75 * old + 0.25 * new.detach() for old, new in pairs]
    agent = training.agent({})
    acting = [p for network in agent.members[0] for p in network.parameters()]
    for weights, expected, new in zip(acting, mean, latest, strict=True):
        torch.testing.assert_close(weights, expected)
        assert not torch.equal(weights, new)
    # Without, the latest act.
    training = stepped(CONFIG, 3)
    agent = training.agent({})
    for weights, new in zip(
        agent.members[0].policy.parameters(), training.sac.policy.parameters(), strict=True
    ):
        assert torch.equal(weights, new)
