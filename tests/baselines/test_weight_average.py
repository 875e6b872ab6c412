"""What acts of a training: the moving average of its weights, and earlier states of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from smile_bench.baselines.imitator import Acting, ImitatorConfig, make_networks
from smile_bench.baselines.smile import SMILe
from smile_bench.baselines.weight_average import WeightAverage
from tests import synthetic
from tests.baselines.test_smile import CONFIG, access, stepped


def networks(seed: int = 0) -> Acting:
    config = ImitatorConfig(family=synthetic.FAMILY, hidden=(4, 4))
    return make_networks(config, torch.Generator().manual_seed(seed))


def shifted(average: WeightAverage, latest: Acting) -> list[float]:
    """After an iteration that adds 1 to every weight: by how much those that act are off zero."""
    with torch.no_grad():
        for network in latest:
            for parameter in network.parameters():
                parameter.add_(1.0)
    average.update()
    found: list[float] = []
    for acting in average.acting:
        off = {float(p.detach().mean()) for network in acting for p in network.parameters()}
        assert len(off) == 1
        found += off
    return found


def at_zero() -> Acting:
    latest = networks()
    with torch.no_grad():
        for network in latest:
            for parameter in network.parameters():
                parameter.zero_()
    return latest


def test_earlier_states_act_besides_the_latest_first() -> None:
    latest = at_zero()
    average = WeightAverage(latest, 0.0, snapshots=2, every=2)
    seen = [shifted(average, latest) for _ in range(7)]
    # The end itself is not kept: it acts anyway.
    assert seen[:4] == [[1.0], [2.0], [3.0, 2.0], [4.0, 2.0]]
    assert seen[4:] == [[5.0, 4.0, 2.0], [6.0, 4.0, 2.0], [7.0, 6.0, 4.0]]


def test_a_restored_average_goes_on_alike() -> None:
    latest = at_zero()
    average = WeightAverage(latest, 0.5, snapshots=2, every=2)
    for _ in range(3):
        shifted(average, latest)
    other = networks(1)
    restored = WeightAverage(other, 0.5, snapshots=2, every=2)
    restored.restore(average.tensors())
    with torch.no_grad():
        for ours, theirs in zip(other, latest, strict=True):
            ours.load_state_dict(theirs.state_dict())
    assert [shifted(restored, other) for _ in range(4)] == [
        shifted(average, latest) for _ in range(4)
    ]
    assert len(average.acting) == 3


def test_the_agent_acts_by_the_mean_over_earlier_states() -> None:
    training = stepped(replace(CONFIG, average=0.5, snapshots=2, snapshot_every=1), 4)
    agent = training.agent({})
    assert agent.config.members == len(agent.members) == 3
    context = training.access._dataset.validation.context(0, [0])
    state = np.zeros((1, training.access.family.observation_size))
    acts = []
    for member in agent.members:
        agent.members = [member]
        acts.append(agent.adapt([context]).act(state))
    agent.members = training.average.acting
    np.testing.assert_allclose(agent.adapt([context]).act(state), np.mean(acts, 0), atol=1e-6)
    assert len({act.tobytes() for act in acts}) == 3


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
