"""The policy gradient with demonstrations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smile_bench.agents import Context
from smile_bench.baselines import load_agent
from smile_bench.baselines.fine_tuning.policy_gradient import (
    PolicyGradient,
    PolicyGradientConfig,
    PolicyGradientTuner,
    Trajectories,
    fitted_density,
)
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.errors import AgentError, InputError
from tests.baselines.fine_tuning.conftest import GRID, Episodes

CONFIG = PolicyGradientConfig(family=GRID)


def tuner(imitator: Imitator, config: PolicyGradientConfig = CONFIG) -> PolicyGradientTuner:
    return PolicyGradientTuner("off-policy-policy-gradient", config, imitator)


def earned(learner: PolicyGradient, episodes: Episodes) -> float:
    """Mean return of the policies as they stand, over four episodes of each task."""
    environments, total = episodes(range(6), 40), 0.0
    for _ in range(40):
        policy, observations = learner.policy(), environments.reset()
        while not environments.ended.any():
            observations = environments.step(policy.act(observations))
            total += environments.rewards.mean()
    return total / 40


def test_the_density_is_the_counts_and_the_prior_s_visits() -> None:
    shown = Trajectories(np.array([[0, 0, 1]]), np.array([[1, 1, 0]]))
    choices = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    density = fitted_density(shown, choices, 2.0)
    np.testing.assert_allclose(density, [[0.5, 0.5], [2 / 3, 1 / 3], [0.0, 1.0]])
    np.testing.assert_array_equal(fitted_density(shown, choices, 0.0)[2], 0.0)


def test_a_run_improves_the_return(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    one = [standing_still(context) for context in contexts]
    learner = tuner(imitator).begin(one, range(6))
    before = earned(learner, episodes)
    learner.improve(episodes(range(6), 60), 60)
    assert earned(learner, episodes) > before + 2.0


def standing_still(context: Context) -> Context:
    """Demonstrations that stay where they begin, whatever the task: nothing to be learnt."""
    assert context.actions is not None
    still = np.zeros_like(context.actions)
    still[..., 0] = 1.0
    return replace(context, actions=still)


def test_a_slot_learns_as_it_would_alone(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    together = tuner(imitator).begin(contexts, range(6))
    together.improve(episodes(range(6), 4), 4)
    alone = tuner(imitator).begin(contexts[4:5], [4])
    alone.improve(episodes([4], 4), 4)
    np.testing.assert_allclose(together.logits[4], alone.logits[0], atol=1e-9)
    assert np.abs(alone.logits[0] - tuner(imitator).begin(contexts, range(6)).logits[4]).max() > 0.0


def test_a_density_of_zero_is_refused(imitator: Imitator, contexts: list[Context]) -> None:
    with pytest.raises(InputError, match=r"of slot 0 is zero for action 0 .* above 0"):
        tuner(imitator, replace(CONFIG, smoothing=0.0)).begin(contexts, range(6))


def test_what_does_not_fit_is_refused(imitator: Imitator, contexts: list[Context]) -> None:
    ant = load_agent("meta-bc", "SmileAntGoal-v0")
    assert isinstance(ant, Imitator)
    with pytest.raises(AgentError, match="needs a gridworld, not SmileAntGoal-v0"):
        tuner(ant, PolicyGradientConfig(family="SmileAntGoal-v0"))
    with pytest.raises(InputError, match="give both for one family"):
        tuner(ant)
    with pytest.raises(InputError, match="smoothing is a probability"):
        tuner(imitator, replace(CONFIG, smoothing=1.5))
    with pytest.raises(InputError, match="6 contexts and 1 seeds"):
        tuner(imitator).begin(contexts, [0])
