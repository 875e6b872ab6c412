"""The reward learner: what its update trains, and the rewards that it gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.smile.config import DiscriminatorConfig, SMILeConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import InputError
from smile_bench.learning.replay import Transitions
from tests.helpers import synthetic
from tests.helpers.tiny import CONFIG, STATE_ONLY, access, stepped

ROWS = np.array([0, 1, 2, 2])


def sampled(training: SMILe) -> tuple[Transitions, Tensor, Tensor]:
    """Transitions, embeddings, and the discriminator's logits of them."""
    transitions = training.replay.sample(np.random.default_rng(0), ROWS)
    learner = training.reward_learner
    embeddings = learner.embeddings.embeddings[ROWS, 0]
    second = transitions.next_states if learner.config.state_only else transitions.actions
    assert second is not None
    logits = learner.discriminator(torch.cat((transitions.states, second), -1), embeddings)
    return transitions, embeddings, logits.detach()


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_an_update_trains_the_encoder_and_leaves_the_policy(config: SMILeConfig) -> None:
    training = stepped(config)
    learner = training.reward_learner
    before = learner.encoder.get_parameter("timestep.0.weight").detach().clone()
    discriminator = learner.discriminator.get_parameter("layers.0.weight").detach().clone()
    policy = {name: value.clone() for name, value in training.sac.policy.state_dict().items()}
    learner.update(training.replay)
    assert not torch.equal(before, learner.encoder.get_parameter("timestep.0.weight"))
    assert not torch.equal(discriminator, learner.discriminator.get_parameter("layers.0.weight"))
    after = training.sac.policy.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in policy.items())


@pytest.mark.slow
@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_updates_learn_to_tell_demonstrations_from_the_policy(config: SMILeConfig) -> None:
    discriminator = replace(config.discriminator, gradient_penalty=0.1, mismatched_negatives=0.0)
    training = stepped(replace(config, discriminator=discriminator), 1)
    logs = [training.reward_learner.update(training.replay) for _ in range(300)]
    first, last = (
        {name: np.mean([log[name] for log in part]) for name in logs[0]}
        for part in (logs[:20], logs[-20:])
    )
    assert last["losses/discriminator"] < 0.7 * first["losses/discriminator"]
    assert first["charts/discriminator_accuracy"] < 0.7
    assert last["charts/discriminator_accuracy"] > 0.9
    # The reward, which is the logit, then prefers what experts did.
    rows = np.arange(3).repeat(20)
    shown = training.demonstrations.sample(np.random.default_rng(0), rows)
    own = training.replay.sample(np.random.default_rng(0), rows)
    embeddings = training.reward_learner.embeddings.embeddings[rows, 0]
    rewards = [
        float(training.reward_learner.rewards(sampled, embeddings, len(rows)).mean())
        for sampled in (shown, own)
    ]
    assert rewards[0] > 0.0 > rewards[1]


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_the_reward_is_the_clipped_and_scaled_logit(config: SMILeConfig) -> None:
    training = stepped(replace(config, reward_scale=3.0, reward_clip=0.05))
    transitions, embeddings, logits = sampled(training)
    rewards = training.reward_learner.rewards(transitions, embeddings, len(ROWS))
    torch.testing.assert_close(rewards, 3.0 * logits.clamp(-0.05, 0.05))
    assert (logits.abs() > 0.05).any()


def test_rewards_are_divided_by_their_running_deviation() -> None:
    training = stepped()
    learner = training.reward_learner
    learner.reward_deviation = torch.tensor(0.5)
    transitions, embeddings, logits = sampled(training)
    scale = 0.99 * 0.5 + 0.01 * float(logits[:3].std())
    torch.testing.assert_close(learner.rewards(transitions, embeddings, 3), logits / scale)


def test_a_step_has_stalled_at_the_lowest_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    training = stepped(replace(CONFIG, reward_clip=2.0))
    transitions, embeddings, _ = sampled(training)
    logits = torch.tensor([-5.0, -2.0, -1.0, 5.0])
    learner = training.reward_learner
    monkeypatch.setattr(learner.discriminator, "forward", lambda x, embeddings: logits)
    assert learner.stalled(transitions, embeddings).tolist() == [True, True, False, False]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_negatives_is_demonstrations_of_other_tasks(share: float) -> None:
    discriminator = DiscriminatorConfig(mismatched_negatives=share)
    training = stepped(replace(CONFIG, discriminator=discriminator))
    rows = np.repeat([0, 1, 2], 8)
    negatives = training.reward_learner._negatives(rows, training.replay)
    demonstrated = training.demonstrations.states.flatten(1, 2)
    found = [
        [bool((demonstrated[task] == state).all(-1).any()) for task in range(3)]
        for state in negatives.states
    ]
    assert sum(map(any, found)) == round(share * len(rows))
    # None is of its own task; all other tasks come.
    assert not any(found[k][row] for k, row in enumerate(rows))
    if share == 1.0:
        assert {
            (row, task) for k, row in enumerate(rows) for task in range(3) if found[k][task]
        } == {(row, task) for row in range(3) for task in range(3) if row != task}


def test_contexts_that_leave_no_demonstration_are_refused() -> None:
    """Of one demonstration a task, none is left whose final state could be predicted."""
    alone = Access(synthetic.FAMILY, dataset=synthetic.dataset(each=1))
    SMILe(CONFIG, alone)
    discriminator = DiscriminatorConfig(final_state_weight=1.0)
    with pytest.raises(InputError, match="each task has 1, of which at least 1 must be left"):
        SMILe(replace(CONFIG, discriminator=discriminator), alone)


def test_contexts_leave_a_demonstration_for_its_final_state() -> None:
    config = replace(CONFIG, discriminator=DiscriminatorConfig(final_state_weight=1.0))
    made = SMILe(config, access(config))
    seen: list[tuple[int, int]] = []
    sample = made.demonstrations.sample_contexts

    def watched(rng: np.random.Generator, tasks: np.ndarray, shots: int, steps: int) -> object:
        features, held_out = sample(rng, tasks, shots, steps)
        seen.append((shots, held_out.shape[1]))
        return features, held_out

    made.demonstrations.sample_contexts = watched  # type: ignore[method-assign,assignment]
    made.step()
    made.step()
    each = made.demonstrations.features.shape[1]
    assert {shots for shots, _ in seen} <= set(made.access.family.context_sizes)
    assert all(shots + left == each and left > 0 for shots, left in seen)
    assert len(seen) > 2
