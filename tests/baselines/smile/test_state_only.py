"""SMILe without the demonstrations' actions, which it infers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.smile.config import DemonstrationConfig, SMILeConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import DivergedError
from smile_bench.learning.replay import Transitions
from tests.helpers import synthetic
from tests.helpers.tiny import CONFIG, STATE_ONLY, stepped

CLONING = DemonstrationConfig(bc_weight=5.0)


def state_only_weights(change: Callable[[np.ndarray], None]) -> dict[str, Tensor]:
    dataset, config = synthetic.dataset(), replace(STATE_ONLY, demonstrations=CLONING)
    for part in dataset.splits.values():
        change(part.actions)
    training = SMILe([config], [Access(synthetic.FAMILY, state_only=True, dataset=dataset)])
    for _ in range(4):
        (log,) = training.step()
    assert not isinstance(log, DivergedError)
    assert all(math.isfinite(value) for value in log.values())
    learner = training.reward_learner
    networks = training.sac.policy, training.sac.critic, learner.discriminator, learner.encoder
    return {
        f"{k}.{name}": value
        for k, network in enumerate(networks)
        for name, value in network.state_dict().items()
    }


def test_state_only_never_touches_the_demonstrations_actions() -> None:
    weights = state_only_weights(lambda actions: None)
    blinded = state_only_weights(lambda actions: actions.fill(np.nan))
    assert all(torch.equal(value, blinded[name]) for name, value in weights.items())


def test_the_inverse_dynamics_see_the_task_of_a_demonstration() -> None:
    training = stepped(
        replace(
            STATE_ONLY,
            demonstrations=CLONING,
            inverse_dynamics=InverseDynamicsConfig(sees_task=True),
        )
    )
    model = training.inverse_dynamics
    # Weights that pass on whether the task is the second, and nothing else.
    seen = 2 * training.access.family.observation_size
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
        model.network.get_parameter("0.0.weight")[:, seen + 1, 0] = 1.0
        model.network.get_parameter("0.2.weight")[:, 0, 0] = 1.0
        model.network.get_parameter("0.4.weight")[:, 0, :] = 1.0
    actions = training.batches.demonstrated(torch.tensor([[0, 1, 2, 1]])).actions
    assert actions is not None
    expected = torch.tensor([0.0, 1.0, 0.0, 1.0]).tanh()
    assert torch.equal(actions, expected[None, :, None].expand_as(actions))


@pytest.mark.parametrize("updates", [1, 3])
def test_the_inverse_dynamics_are_updated_at_each_policy_update(
    updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = stepped(replace(STATE_ONLY, inverse_dynamics=InverseDynamicsConfig(updates=updates)))
    made: list[Tensor] = []
    update = training.inverse_dynamics.update

    def recorded(sampled: Transitions, tasks: Tensor) -> Tensor:
        made.append(update(sampled, tasks))
        return made[-1]

    monkeypatch.setattr(training.inverse_dynamics, "update", recorded)
    (log,) = training.step()
    assert not isinstance(log, DivergedError)
    policy_updates = STATE_ONLY.updates_per_iteration // STATE_ONLY.sac.policy_every
    assert len(made) == updates * policy_updates
    assert log["losses/inverse_dynamics"] == float(made[-1])


@pytest.mark.parametrize(
    "config",
    [CONFIG, replace(STATE_ONLY, demonstrations=DemonstrationConfig(fraction=0.0, bc_weight=0.0))],
)
def test_where_no_action_is_inferred_the_inverse_dynamics_stay(config: SMILeConfig) -> None:
    training = stepped(config)
    network = training.inverse_dynamics.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (log,) = training.step()
    assert not isinstance(log, DivergedError)
    assert "losses/inverse_dynamics" not in log
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
