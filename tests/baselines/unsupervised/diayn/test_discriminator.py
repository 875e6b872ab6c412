"""DIAYN's discriminator: its steps raise the bound, and its reward is the one of the tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smile_bench.arrays import FloatArray
from smile_bench.baselines.unsupervised.diayn.discriminator import (
    SkillDiscriminator,
    log_posterior,
    skill_network,
    skill_rewards,
)
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.exploration.skills import bound, information, posterior, skill_marginals
from smile_bench.learning.compute import Compute
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.stacking import initial_generators

MARGINALS = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
"""p(s | z) of two skills in three states."""
EVEN = np.array([0.5, 0.5])


def table_of(discriminator: SkillDiscriminator, states: int, index: int = 0) -> FloatArray:
    """q(z | s), (K, S), of a discriminator that sees states one-hot."""
    with torch.no_grad():
        logits = discriminator.network(torch.eye(states).expand(2, -1, -1))[index]
    return np.asarray(torch.softmax(logits.double(), -1).T)


def test_each_step_raises_the_bound_up_to_the_information() -> None:
    """On batches in which every state stands as often as the skills lead to it."""
    made = SkillDiscriminator(
        3, 2, (), [AdamConfig(learning_rate=0.01)] * 2, initial_generators([0, 1]), Compute()
    )
    pairs = [(s, z) for z in range(2) for s in range(3) for _ in range(round(10 * MARGINALS[z, s]))]
    states, skills = (torch.tensor(column) for column in zip(*pairs, strict=True))
    features, labels = torch.eye(3)[states].expand(2, -1, -1), skills.expand(2, -1)
    bounds = [[float(bound(MARGINALS, EVEN, table_of(made, 3, m))) for m in range(2)]]
    for _ in range(400):
        log = made.update(features, labels)
        bounds.append([float(bound(MARGINALS, EVEN, table_of(made, 3, m))) for m in range(2)])
    history = np.array(bounds)
    assert (np.diff(history[:30], axis=0) > 0.0).all()
    assert (history <= information(MARGINALS, EVEN) + 1e-9).all()
    np.testing.assert_allclose(history[-1], information(MARGINALS, EVEN), atol=1e-3)
    # The bound is log K minus the loss.
    np.testing.assert_allclose(
        math.log(2) - log["losses/discriminator"].numpy(), history[-2], atol=1e-5
    )
    # Right in 6 + 3 of the first skill's ten states, and in 8 of the second's.
    torch.testing.assert_close(log["charts/skill_accuracy"], torch.full((2,), 0.85))


def test_a_discriminator_that_guesses_gives_no_reward() -> None:
    skills = torch.tensor([[0, 3, 4]])
    assert skill_rewards(torch.zeros(1, 3, 5), skills).abs().max() < 1e-6
    certain = torch.nn.functional.one_hot(skills, 5) * 100.0
    torch.testing.assert_close(skill_rewards(certain, skills), torch.full((1, 3), math.log(5)))


@pytest.mark.parametrize("seed", range(2))
def test_with_a_table_the_reward_is_that_of_the_exact_posterior(seed: int) -> None:
    """On the grid, with skills of random moves and a linear discriminator of one-hot cells."""
    number, horizon = 4, 6
    mdp = FAMILY.mdp(np.array([0.1]))
    moves = np.random.default_rng(seed).integers(5, size=(1, number, horizon, FAMILY.cells))
    marginals = skill_marginals(mdp, np.eye(5)[moves], FAMILY.start[None])[0]
    prior = np.full(number, 1.0 / number)
    exact = posterior(marginals, prior)
    made = SkillDiscriminator(
        FAMILY.cells, number, (), [AdamConfig()], initial_generators([seed]), Compute()
    )
    with torch.no_grad():
        weight, bias = made.network.parameters()
        weight.copy_(torch.from_numpy(np.log(np.maximum(exact, 1e-30)).T)[None])
        bias.zero_()
    cells = torch.eye(FAMILY.cells).repeat(number, 1)[None]
    skills = torch.arange(number).repeat_interleave(FAMILY.cells)[None]
    rewards = made.rewards(cells, skills)[0].reshape(number, -1).double().numpy()
    visited = marginals > 0.0
    expected = np.log(exact[visited]) - math.log(1.0 / number)
    np.testing.assert_allclose(rewards[visited], expected, rtol=0, atol=2e-5)
    # Its mean over skills and states is I(S; Z).
    mean = (prior[:, None] * marginals * np.where(visited, rewards, 0.0)).sum()
    assert mean == pytest.approx(float(information(marginals, prior)), abs=1e-5)


def test_log_posterior_is_a_softmax_at_the_skill() -> None:
    logits = torch.tensor([[[1.0, 2.0, 0.5]]])
    chances = torch.softmax(logits, -1)
    for skill in range(3):
        found = log_posterior(logits, torch.tensor([[skill]]))
        torch.testing.assert_close(found, chances[..., skill].log())


def test_it_continues_from_a_state_to_the_bit() -> None:
    def made() -> SkillDiscriminator:
        optimizers = [AdamConfig(learning_rate=1e-2)] * 2
        return SkillDiscriminator(3, 2, (4,), optimizers, initial_generators([0, 1]), Compute())

    features = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0))
    skills = torch.tensor([[0, 1] * 4] * 2)
    first, second = made(), made()
    for _ in range(3):
        first.update(features, skills)
    for index in range(2):
        second.load_state_dict(index, first.state_dict(index))
    for each in (first, second):
        each.update(features, skills)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert first.finite.failed() == [[], []]


def test_without_a_source_the_network_waits_to_be_loaded() -> None:
    assert all(part.is_meta for part in skill_network(3, 2, (4,), None).parameters())
