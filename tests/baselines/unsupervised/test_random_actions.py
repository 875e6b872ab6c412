"""Random actions: uniform, and kept for as many steps as asked."""

from __future__ import annotations

import pytest
import torch

from smile_bench.baselines.unsupervised.random_actions import RandomActions
from smile_bench.envs import get_family
from smile_bench.learning.streams import Streams


@pytest.mark.parametrize("family", ["SmileGridGoal-v0", "SmileAntGoal-v0"])
def test_an_action_is_kept_for_some_steps_of_its_episode(family: str) -> None:
    random = RandomActions(get_family(family), 7, 3, Streams([0, 1]))
    acted = [random.act(step) for step in (0, 1, 2, 3, 4, 0)]
    assert torch.equal(acted[0], acted[1])
    assert torch.equal(acted[0], acted[2])
    assert not torch.equal(acted[2], acted[3])
    assert torch.equal(acted[3], acted[4])
    # An episode begins with an action of its own.
    assert not torch.equal(acted[4], acted[5])
    assert not torch.equal(acted[0][0], acted[0][1])


def test_they_are_uniform() -> None:
    moves = RandomActions(get_family("SmileGridGoal-v0"), 50_000, 1, Streams([0])).act(0)
    assert (moves.sum(-1) == 1.0).all()
    assert set(moves.flatten().tolist()) == {0.0, 1.0}
    # Five standard deviations are 0.009.
    assert (moves.mean((0, 1)) - 0.2).abs().max() < 0.009
    torques = RandomActions(get_family("SmileAntGoal-v0"), 10_000, 1, Streams([0])).act(0)
    assert torques.abs().max() <= 1.0
    assert torques.mean().abs() < 0.01
    assert torques.square().mean().sub(1.0 / 3.0).abs() < 0.01
