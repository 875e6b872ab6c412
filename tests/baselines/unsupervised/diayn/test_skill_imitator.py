"""The imitator that follows the skill under which a demonstration is most likely."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.agents import Context
from smile_bench.arrays import Float32Array
from smile_bench.baselines.unsupervised.diayn.skill_imitator import (
    SkillConfig,
    SkillImitator,
    Skills,
    make_skill_discriminator,
    make_skill_policy,
)
from smile_bench.envs import get_family
from smile_bench.errors import AgentError
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.stacking import initial_generators

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"
CELLS = 64
OBSERVED = CELLS + 1


def config(choice: str = "states", family: str = GRID, skills: int = 3) -> SkillConfig:
    return SkillConfig(
        family=family,
        skills=skills,
        choice=choice,
        columns=tuple(range(CELLS)) if family == GRID else (0, 1),
        hidden=(),
        discriminator_hidden=(),
    )


def imitator(
    choice: str = "states",
    posterior: dict[int, tuple[float, float, float]] | None = None,
    moves: tuple[int, int, int] = (0, 1, 2),
) -> SkillImitator:
    """On the grid: q(z | cell) by cell, even elsewhere; skill z makes ``moves[z]`` in 9 of 10."""
    own = config(choice)
    policy = make_skill_policy(own, torch.Generator().manual_seed(0))
    discriminator = make_skill_discriminator(own, torch.Generator().manual_seed(0))
    with torch.no_grad():
        weight, bias = discriminator.parameters()
        weight.zero_()
        bias.zero_()
        for cell, chances in (posterior or {}).items():
            weight[:, cell] = torch.tensor(chances).log()
        weight, bias = policy.parameters()
        weight.zero_()
        bias.fill_(math.log(0.025))
        for skill, move in enumerate(moves):
            weight[move, OBSERVED + skill] = math.log(0.9) - math.log(0.025)
    plain = Normaliser(np.zeros(OBSERVED, np.float32), np.ones(OBSERVED, np.float32))
    return SkillImitator("diayn", own, Skills(policy, discriminator, plain), {"seed": 0})


def walk(*demonstrations: tuple[tuple[int, int, int], ...], actions: bool = True) -> Context:
    """Demonstrations as (cell, move, next cell)."""
    steps = np.array(demonstrations)

    def observed(cells: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Float32Array:
        found = np.zeros((*cells.shape, OBSERVED), np.float32)
        found[..., :CELLS] = np.eye(CELLS, dtype=np.float32)[cells]
        return found

    return Context(
        family=GRID,
        observations=observed(steps[..., 0]),
        actions=np.eye(5, dtype=np.float32)[steps[..., 1]] if actions else None,
        next_observations=observed(steps[..., 2]),
    )


POSTERIOR = {7: (0.5, 0.3, 0.2), 8: (0.1, 0.6, 0.3), 9: (0.2, 0.2, 0.6)}


def test_states_choose_the_skill_with_the_largest_product() -> None:
    agent = imitator(posterior=POSTERIOR)
    context = walk(((0, 0, 7), (7, 0, 8), (8, 0, 8)), actions=False)
    expected = np.log([0.5 * 0.1 * 0.1, 0.3 * 0.6 * 0.6, 0.2 * 0.3 * 0.3])
    np.testing.assert_allclose(agent.log_likelihoods(context), expected, atol=1e-5)
    assert agent.state_only
    # A slot has its own context, and all demonstrations of a context count.
    contexts = [
        walk(((0, 0, 7), (7, 0, 7))),
        context,
        walk(((0, 0, 8),), ((0, 0, 9),), ((0, 0, 9),)),
    ]
    policy = agent.adapt(contexts)
    assert policy.skills.tolist() == [0, 1, 2]
    # Skill z makes move z, whatever the state.
    assert policy.act(np.zeros((3, OBSERVED))).argmax(-1).tolist() == [0, 1, 2]


def test_the_first_state_was_not_reached_by_the_demonstrator() -> None:
    agent = imitator(posterior=POSTERIOR)
    assert agent.adapt([walk(((7, 0, 9),))]).skills.tolist() == [2]


def test_actions_choose_the_skill_that_makes_them() -> None:
    agent = imitator("actions")
    assert not agent.state_only
    context = walk(((0, 2, 0), (0, 2, 0), (0, 1, 0)))
    expected = np.log([0.025**3, 0.025**2 * 0.9, 0.025 * 0.9**2])
    np.testing.assert_allclose(agent.log_likelihoods(context), expected, atol=1e-4)
    assert agent.adapt([context, walk(((0, 0, 0),))]).skills.tolist() == [2, 0]
    with pytest.raises(AgentError, match=r"by the demonstrations' actions, .* choice=states"):
        agent.adapt([walk(((0, 2, 0),), actions=False)])


def test_continuous_actions_have_the_density_of_the_squashed_gaussian() -> None:
    """Also at ±1, where the density of a squashed Gaussian is 0."""
    own, family = config("actions", ANT), get_family(ANT)
    policy = make_skill_policy(own, torch.Generator().manual_seed(1))
    with torch.no_grad():
        weight, bias = policy.parameters()
        weight.zero_()
        bias.zero_()
        for skill, mean in enumerate((-0.5, 0.0, 0.5)):
            weight[: family.action_size, family.observation_size + skill] = mean
    discriminator = make_skill_discriminator(own, torch.Generator().manual_seed(0))
    size = family.observation_size
    plain = Normaliser(np.zeros(size, np.float32), np.ones(size, np.float32))
    agent = SkillImitator("diayn", own, Skills(policy, discriminator, plain), {})

    def acting(value: float) -> Context:
        zeros = np.zeros((1, 4, size), np.float32)
        actions = np.full((1, 4, family.action_size), value, np.float32)
        return Context(family=ANT, observations=zeros, actions=actions, next_observations=zeros)

    contexts = [acting(value) for value in (-1.0, -0.46, 0.0, 0.46, 1.0)]
    assert agent.adapt(contexts).skills.tolist() == [0, 0, 1, 2, 2]
    assert np.isfinite(agent.log_likelihoods(contexts[0])).all()
    features = torch.cat((torch.zeros(3, size), torch.eye(3)), -1)
    mean, log_std = policy(features)
    z = (math.atanh(0.46) - mean) / log_std.exp()
    density = -0.5 * z.square() - log_std - 0.5 * math.log(2 * math.pi) - math.log(1 - 0.46**2)
    expected = 4 * density.sum(-1).detach().numpy()
    np.testing.assert_allclose(agent.log_likelihoods(contexts[3]), expected, rtol=1e-4)


def test_skills_can_be_followed_by_their_number() -> None:
    agent = imitator()
    policy = agent.follow([2, 0])
    assert policy.act(np.zeros((2, OBSERVED))).argmax(-1).tolist() == [2, 0]
    with pytest.raises(AgentError, match=r"has the skills 0 to 2, got \[3\]"):
        agent.follow([3])
    with pytest.raises(AgentError, match="whole numbers, one a slot"):
        agent.follow(np.array([[0, 1]]))


def test_contexts_of_another_family_or_none_are_refused() -> None:
    with pytest.raises(AgentError, match="no contexts"):
        imitator().adapt([])
    zeros = np.zeros((1, 1, 29), np.float32)
    other = Context(family=ANT, observations=zeros, actions=None, next_observations=zeros)
    with pytest.raises(AgentError, match=f"made for {GRID}"):
        imitator().adapt([other])


def test_a_file_holds_everything(tmp_path: Path) -> None:
    agent, path = imitator("actions", POSTERIOR), tmp_path / "skills.safetensors"
    agent.save(path)
    read = SkillImitator.load(path)
    assert (read.name, read.config, read.recipe) == (agent.name, agent.config, agent.recipe)
    assert read.weights_sha256
    context = walk(((0, 2, 7), (7, 1, 8)))
    assert (read.log_likelihoods(context) == agent.log_likelihoods(context)).all()
    assert not read.state_only


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choice": "luck"}, "chooses skills by 'luck'"),
        ({"columns": (65,)}, "sees other columns than 0 to 64"),
        ({"skills": 4}, "size mismatch"),
        ({"hidden": (8,)}, "Missing key"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    agent = imitator()
    for name, value in change.items():
        object.__setattr__(agent.config, name, value)
    agent.save(tmp_path / "x.safetensors")
    with pytest.raises(AgentError, match=message):
        SkillImitator.load(tmp_path / "x.safetensors")


def test_a_stack_has_one_policy_a_training() -> None:
    stack = make_skill_policy(config(), initial_generators([0, 1]))
    assert stack(torch.zeros(2, 4, OBSERVED + 3)).shape == (2, 4, 5)
