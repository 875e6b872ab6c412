"""DIAYN's trainings: what is sampled, stored, resumed, and what each seed is among others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.unsupervised.config import CollectionConfig
from smile_bench.baselines.unsupervised.diayn.config import DIAYNConfig, SkillDiscriminatorConfig
from smile_bench.baselines.unsupervised.diayn.presets import preset
from smile_bench.baselines.unsupervised.diayn.training import DIAYN, make_trainings
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.sac import SACConfig
from smile_bench.settings import replaced
from tests.helpers.cycles import nothing_read

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"
TINY = DIAYNConfig(
    family=GRID,
    skills=3,
    iterations=5,
    updates_per_iteration=3,
    batch=16,
    validate_every=0,
    # Episodes of 20 steps, so that iterations begin and end within episodes.
    collection=CollectionConfig(env_steps=7, episodes=2, normaliser_iterations=2),
    discriminator=SkillDiscriminatorConfig(
        hidden=(8,), update_every=2, optimizer=AdamConfig(learning_rate=1e-2)
    ),
    sac=SACConfig(hidden=(8, 8), layer_norm=True, policy_every=2, entropy_weight=0.1, n_step=2),
)
TINY_ANT = replace(
    TINY,
    family=ANT,
    collection=replace(TINY.collection, env_steps=60, copies=2),
    discriminator=replace(TINY.discriminator, features=(0, 1)),
    ema_decay=0.5,
)
SKILLS = ".members.0.collection.skills"
CASES = {"grid": TINY, "ant": TINY_ANT}


def made(*configs: DIAYNConfig) -> DIAYN:
    return make_trainings(configs, [Access(c.family, track="unsupervised") for c in configs])


def tensors(state: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors and arrays of a state, by their place in it."""
    if isinstance(state, Mapping):
        for name, value in state.items():
            yield from tensors(value, f"{path}.{name}")
    elif isinstance(state, list | tuple):
        for number, value in enumerate(state):
            yield from tensors(value, f"{path}.{number}")
    elif isinstance(state, Tensor | np.ndarray):
        yield path, torch.as_tensor(state).clone()


def parts(training: DIAYN, index: int = 0) -> dict[str, Tensor]:
    return dict(tensors(training.state_dict(index)))


@pytest.mark.parametrize("case", CASES)
def test_a_training_continues_to_the_bit(case: str) -> None:
    config = CASES[case]
    whole = made(config, replace(config, seed=4))
    for _ in range(3):
        whole.step()
    states = [whole.state_dict(index) for index in range(2)]
    kept = [dict(tensors(state)) for state in states]
    resumed = made(config, replace(config, seed=4))
    resumed.load_state_dict(states)
    for index in range(2):
        assert all(torch.equal(v, kept[index][k]) for k, v in parts(resumed, index).items())
    for _ in range(2):
        assert whole.step() == resumed.step()
    for index in range(2):
        first, second = parts(whole, index), parts(resumed, index)
        assert first.keys() == second.keys()
        assert all(torch.equal(value, second[name]) for name, value in first.items())
        assert whole.accesses[index].counts == resumed.accesses[index].counts


@pytest.mark.parametrize("case", CASES)
def test_a_seed_is_the_same_alone_and_among_others(case: str) -> None:
    config = CASES[case]
    together = made(*(replace(config, seed=seed) for seed in (5, 0, 2)))
    steps = [together.step() for _ in range(3)]
    for index, seed in enumerate((5, 0, 2)):
        alone = made(replace(config, seed=seed))
        for own in steps:
            (log,) = alone.step()
            mine = own[index]
            assert not isinstance(log, DivergedError)
            assert not isinstance(mine, DivergedError)
            assert log.keys() == mine.keys()
            for name, value in log.items():
                assert mine[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name
        first, second = parts(together, index), parts(alone)
        for name, part in first.items():
            torch.testing.assert_close(part, second[name], rtol=1e-4, atol=1e-4, msg=name)
        assert torch.equal(first[SKILLS], second[SKILLS])


def test_an_episode_follows_one_skill_which_the_replay_knows() -> None:
    training = made(*(replace(one_step(TINY), seed=seed) for seed in (0, 1)))
    collection, followed = training.collection, []
    for _ in range(20):
        collection.collect(0, training.sac.explore)
        followed.append(collection.skills.clone())
    assert all(torch.equal(each, followed[0]) for each in followed[:-1])
    # The last step began other episodes with skills of their own.
    assert not torch.equal(followed[-1], followed[0])
    assert {*followed[0].flatten().tolist()} == {0, 1, 2}
    assert not torch.equal(followed[0][0], followed[0][1])
    rows = collection.state_dict(1)["replay"]["rows"]
    stored = rows[..., training.access.family.observation_size]
    assert torch.equal(stored, followed[0][1][:, None].expand(-1, 21).float())
    found = collection.sample()
    assert torch.equal(found.features[..., 65:].argmax(-1), found.skills)


def one_step(config: DIAYNConfig) -> DIAYNConfig:
    return replace(config, collection=replace(config.collection, env_steps=1))


def test_random_iterations_do_not_ask_the_policy_and_later_ones_do() -> None:
    training, asked = made(one_step(TINY)), []

    def explore(features: Tensor) -> Tensor:
        asked.append(features)
        return training.sac.explore(features)

    training.collection.collect(0, explore)
    assert not asked
    training.collection.collect(1, explore)
    (features,) = asked
    assert torch.equal(features[..., 65:].argmax(-1), training.collection.skills)


def test_returns_are_of_the_discriminators_rewards_in_the_states_reached() -> None:
    training = made(TINY)
    training.step()
    found = training.collection.sample()
    assert found.reached.shape == (1, 16, 2, 65)
    each = found.skills[..., None].expand(-1, -1, 2)
    rewards = training.discriminator.rewards(found.reached, each)
    assert rewards.max() <= math.log(3)
    batch, discount = training._batch(found, rewards), TINY.sac.discount
    two = found.linked[..., 1] > 0.0
    assert 0 < int(two.sum()) < 16
    expected = rewards[..., 0] + torch.where(two, discount * rewards[..., 1], 0.0)
    torch.testing.assert_close(batch.rewards, expected)
    # The value that follows counts by γ once more where there is a second step.
    torch.testing.assert_close(batch.continues, torch.where(two, discount, 1.0))


def test_what_is_logged_and_what_the_recipe_says() -> None:
    training = made(replace(TINY, validate_every=2))
    training.step()
    (log,) = training.step()
    assert not isinstance(log, DivergedError)
    assert {
        "losses/critic",
        "losses/policy",
        "losses/discriminator",
        "charts/skill_accuracy",
        "charts/skill_reward",
        "charts/coverage",
        "charts/env_steps",
        "validation/episode_return",
    } <= log.keys()
    assert log["charts/env_steps"] == 2 * 7 * 64
    agent = training.agent(0, {"command": "x"})
    assert agent.recipe["command"] == "x"
    assert agent.recipe["settings"]["skills"] == 3
    assert agent.recipe["access"]["demonstrations"] == 0
    assert agent.state_only


def test_updates_read_nothing_from_the_device() -> None:
    training = made(TINY, replace(TINY, seed=1))
    with nothing_read() as keys:
        for _ in range(3):
            training.step()
    assert len(keys) == 6
    # Updates of critics alone, with the policy, and with the discriminator.
    assert len({*keys}) >= 2


def test_one_that_diverges_leaves_the_others_as_they_are() -> None:
    def two(rate: float) -> DIAYN:
        rates = {"discriminator.optimizer.learning_rate": rate}
        return made(replaced(TINY, rates), replace(TINY, seed=1))

    sick, healthy = two(1e30), two(1e-3)
    steps, expected = ([each.step() for _ in range(5)] for each in (sick, healthy))
    assert isinstance(steps[-1][0], DivergedError)
    assert "the discriminator" in str(steps[-1][0])
    assert [step[1] for step in steps] == [step[1] for step in expected]


def test_the_latest_networks_act_without_an_average() -> None:
    training = made(TINY)
    for _ in range(2):
        training.step()
    agent = training.agent(0, {})
    policy = dict(agent.networks.policy.state_dict())
    stacked = training.sac.policy.state_dict()
    assert torch.equal(policy["layers.0.weight"], stacked["layers.0.weight"][0].mT)
    assert agent.config.columns == tuple(range(65))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skills": 1}, "skills is 1; give 2 or more"),
        ({"skills": 0}, "skills is 0; give 2 or more"),
        ({"choice": "luck"}, "choice is 'luck'; give 'states' or 'actions'"),
        ({"family": ANT}, f"settings are for {ANT} and the access is to {GRID}"),
        (
            {"discriminator": SkillDiscriminatorConfig(features=(65,))},
            r"columns of an observation of SmileGridGoal-v0, 0 to 64, each once; got \(65,\)",
        ),
        ({"discriminator": SkillDiscriminatorConfig(features=(1, 1))}, r"got \(1, 1\)"),
        ({"discriminator": SkillDiscriminatorConfig(hidden=(0,))}, "discriminator.hidden is 0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; give 0 or more, and less than 1"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DIAYN([replace(TINY, **change)], [Access(GRID, track="unsupervised")])


def test_it_needs_environments() -> None:
    with pytest.raises(InputError, match="diayn learns by acting, and the offline track has no"):
        DIAYN([TINY], [Access(GRID, track="offline")])


def test_trainings_of_one_computation_have_the_same_skills() -> None:
    with pytest.raises(InputError, match="has skills 4 and training 0 3"):
        made(TINY, replace(TINY, skills=4))


def test_presets() -> None:
    assert preset(ANT, 3).discriminator.features == (0, 1)
    assert (preset(ANT, 3).family, preset(ANT, 3).seed) == (ANT, 3)
    assert preset(GRID).discriminator.features == tuple(range(64))
    with pytest.raises(InputError, match="diayn has no settings for SmileWalkerDynamics-v0"):
        preset("SmileWalkerDynamics-v0")
