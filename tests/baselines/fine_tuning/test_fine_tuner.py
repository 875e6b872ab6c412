"""Fine-tuning by soft actor-critic, on the grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.fine_tuning.config import CloningConfig, FineTuneConfig
from smile_bench.baselines.fine_tuning.fine_tuner import FineTuner, SACFineTuning
from smile_bench.baselines.fine_tuning.presets import METHODS, preset
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.errors import AgentError, DivergedError, InputError
from tests.baselines.fine_tuning.conftest import GRID, Episodes

OBSERVED = np.random.default_rng(0).normal(size=(6, 65))


def small(name: str = "pretrain-fine-tune") -> FineTuneConfig:
    config = preset(name, GRID)
    sac = replace(config.sac, policy_every=2)
    return replace(
        config, warm_up_episodes=1, warm_up_updates=4, early_updates=6, batch=16, sac=sac
    )


def begun(
    config: FineTuneConfig, imitator: Imitator, contexts: list[Context], first: int = 0
) -> SACFineTuning:
    seeds = range(10 + first, 10 + first + len(contexts))
    return FineTuner("tuner", config, imitator).begin(contexts, seeds)


def policy_of(learner: SACFineTuning) -> list[torch.Tensor]:
    return [weights.detach().clone() for weights in learner.sac.policy.parameters()]


@pytest.mark.parametrize("name", [name for name in METHODS if name != "sac-from-nothing"])
def test_without_episodes_the_imitator_acts(
    name: str, imitator: Imitator, contexts: list[Context]
) -> None:
    policy = begun(small(name), imitator, contexts).policy()
    np.testing.assert_array_equal(policy.act(OBSERVED), imitator.adapt(contexts).act(OBSERVED))


@pytest.mark.parametrize("name", METHODS)
def test_the_warm_up_leaves_the_policy_as_it_is(
    name: str, imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    learner = begun(small(name), imitator, contexts)
    policy, critic = (
        policy_of(learner),
        learner.sac.critic.layers[0].get_parameter("weight").clone(),
    )
    learner.improve(episodes(range(6), 1), 1)
    assert (learner.critic_updates, learner.policy_updates) == (4, 0)
    assert all(map(torch.equal, policy, policy_of(learner)))
    assert not torch.equal(critic, learner.sac.critic.layers[0].get_parameter("weight"))
    learner.improve(episodes(range(6), 1), 1)
    assert (learner.critic_updates, learner.policy_updates) == (10, 3)
    assert not any(map(torch.equal, policy[:2], policy_of(learner)[:2]))


@pytest.mark.parametrize("name", METHODS)
def test_a_slot_learns_as_it_would_alone(
    name: str, imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    together = begun(small(name), imitator, contexts)
    together.improve(episodes(range(6), 3), 3)
    alone = begun(small(name), imitator, contexts[4:5], first=4)
    alone.improve(episodes([4], 3), 3)
    for all_of, own in zip(policy_of(together), policy_of(alone), strict=True):
        torch.testing.assert_close(all_of[4], own[0], rtol=1e-4, atol=1e-5)


def test_without_weight_the_hybrid_loss_is_reinforcement_learning(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    plain = small()
    found = []
    for cloning in (CloningConfig(), CloningConfig(weight=0.0, half_life=1.0, batch=8)):
        learner = begun(replace(plain, cloning=cloning), imitator, contexts)
        learner.improve(episodes(range(6), 3), 3)
        found.append(policy_of(learner))
    assert all(map(torch.equal, *found))


def test_a_large_cloning_weight_holds_the_policy_at_the_demonstrations(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    def distance(weight: float) -> FloatArray:
        cloning = CloningConfig(weight=weight, half_life=1e6)
        config = replace(small(), cloning=cloning, early_updates=60)
        learner = begun(config, imitator, contexts)
        learner.improve(episodes(range(6), 4), 4)
        seen = torch.from_numpy(
            np.stack([imitator.normaliser(c.observations[0]) for c in contexts])
        )
        asked = torch.from_numpy(
            np.stack([c.actions[0] for c in contexts if c.actions is not None])
        )
        missed = (learner.sac.policy.act(seen) - asked).square().mean()
        return np.asarray(missed)

    assert distance(1e3) < 0.5 * distance(0.0)


def test_the_cloning_weight_halves(imitator: Imitator, contexts: list[Context]) -> None:
    config = replace(small(), cloning=CloningConfig(weight=8.0, half_life=5.0))
    learner = begun(config, imitator, contexts)
    assert learner.cloning_weight() == 8.0
    learner.episodes = 10
    assert learner.cloning_weight() == pytest.approx(2.0)


def test_a_budget_is_not_exceeded(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    learner = begun(small(), imitator, contexts)
    environments = episodes(range(6), 3)
    learner.improve(environments, 2)
    assert (environments.episodes, learner.episodes) == (2, 2)
    with pytest.raises(InputError, match="budget of 3 rewarded episodes"):
        learner.improve(environments, 2)


def test_asking_for_the_policy_changes_nothing(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    found = []
    for asks in (False, True):
        learner = begun(small("hybrid-loss"), imitator, contexts)
        for _ in range(3):
            learner.improve(episodes(range(6), 1), 1)
            if asks:
                learner.policy().act(OBSERVED)
        found.append(policy_of(learner))
    assert all(map(torch.equal, *found))


def test_a_policy_that_was_asked_for_stays(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    learner = begun(small(), imitator, contexts)
    learner.improve(episodes(range(6), 2), 2)
    policy = learner.policy()
    before = policy.act(OBSERVED)
    with torch.no_grad():
        for weights in learner.sac.policy.parameters():
            weights.zero_()
    np.testing.assert_array_equal(policy.act(OBSERVED), before)


def test_a_slot_that_diverges_is_named(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    learner = begun(small(), imitator, contexts)
    with torch.no_grad():
        learner.sac.critic.layers[0].get_parameter("bias")[2 * 3] = float("nan")
    with pytest.raises(DivergedError, match=r"critic of slot 3 became non-finite after episode 1"):
        learner.improve(episodes(range(6), 1), 1)


def test_what_does_not_fit_is_refused(imitator: Imitator, contexts: list[Context]) -> None:
    with pytest.raises(InputError, match=r"the imitator is for SmileGridGoal-v0; give both"):
        FineTuner("tuner", preset("hybrid-loss", "SmileAntGoal-v0"), imitator)
    with pytest.raises(InputError, match="batch is 0; give 1 or more"):
        FineTuner("tuner", replace(small(), batch=0), imitator)
    with pytest.raises(InputError, match="6 contexts and 2 seeds"):
        FineTuner("tuner", small(), imitator).begin(contexts, [0, 1])
    hidden = [context.state_only() for context in contexts]
    with pytest.raises(AgentError, match="needs the demonstrations' actions"):
        FineTuner("tuner", small(), imitator).begin(hidden, range(6))
