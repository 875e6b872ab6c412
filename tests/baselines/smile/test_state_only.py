"""SMILe without the demonstrations' actions, which it infers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.learning.checkpoint import pack_module
from smile_bench.learning.replay import Transitions
from tests.helpers import synthetic
from tests.helpers.small_smile import CONFIG, STATE_ONLY, stepped


def state_only_weights(change: Callable[[np.ndarray], None]) -> dict[str, Tensor]:
    dataset, config = synthetic.dataset(), replace(STATE_ONLY, imitation=5.0)
    for part in dataset.splits.values():
        change(part.actions)
    training = SMILe(config, Access(synthetic.FAMILY, state_only=True, dataset=dataset))
    for _ in range(4):
        log = training.step()
    assert all(math.isfinite(value) for value in log.values())
    return training.sac.tensors() | pack_module("discriminator", training.discriminator)


def test_state_only_never_touches_the_demonstrations_actions() -> None:
    weights = state_only_weights(lambda actions: None)
    blinded = state_only_weights(lambda actions: actions.fill(np.nan))
    assert all(torch.equal(value, blinded[name]) for name, value in weights.items())


def test_the_inverse_dynamics_are_told_the_task_of_what_is_demonstrated() -> None:
    training = stepped(replace(STATE_ONLY, imitation=5.0, inverse_told=True))
    model = training.inverse_dynamics
    # Weights that pass on whether the task is the second, and nothing else.
    seen = 2 * training.access.family.observation_size
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
        model.network.get_parameter("0.weight")[0, seen + 1] = 1.0
        model.network.get_parameter("2.weight")[0, 0] = 1.0
        model.network.get_parameter("4.weight")[:, 0] = 1.0
    actions = training._demonstrated(np.array([0, 1, 2, 1])).actions
    assert actions is not None
    expected = torch.tensor([0.0, 1.0, 0.0, 1.0]).tanh()
    assert torch.equal(actions, expected[:, None].expand_as(actions))


@pytest.mark.parametrize("updates", [1, 3])
def test_the_inverse_dynamics_are_updated_at_each_policy_update(
    updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = stepped(replace(STATE_ONLY, inverse_updates=updates))
    made: list[float] = []
    update = training.inverse_dynamics.update

    def recorded(drawn: Transitions, tasks: NDArray[np.int64]) -> float:
        made.append(update(drawn, tasks))
        return made[-1]

    monkeypatch.setattr(training.inverse_dynamics, "update", recorded)
    log = training.step()
    policy_updates = STATE_ONLY.updates // STATE_ONLY.sac.policy_every
    assert len(made) == updates * policy_updates
    assert log["losses/inverse_dynamics"] == made[-1]


@pytest.mark.parametrize("config", [CONFIG, replace(STATE_ONLY, demonstrated=0.0)])
def test_where_no_action_is_inferred_the_inverse_dynamics_stay(config: SMILeConfig) -> None:
    training = stepped(config)
    before = training.inverse_dynamics.tensors()
    assert "losses/inverse_dynamics" not in training.step()
    after = training.inverse_dynamics.tensors()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
