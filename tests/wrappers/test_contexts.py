"""Contexts in observations: scalar and vectorised alike, in every autoreset mode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from smile_bench.access import Access
from smile_bench.batches import Context
from smile_bench.errors import InputError
from smile_bench.wrappers import ContextObservation, ContextSource, VectorContextObservation

FAMILY, NUMBER, HORIZON = "SmileGridGoal-v0", 4, 20
ANT = "SmileAntGoal-v0"


def given(family: str = FAMILY, *, state_only: bool = False) -> Context:
    return Access(family, state_only=state_only).demonstrations()


def mean_state(context: Context) -> Any:
    return context.observations.mean((0, 1))


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.filterwarnings("ignore:.*A Box observation space m..imum value is")
def test_an_embedding_is_appended() -> None:
    demonstrations = given()
    env = ContextObservation(gym.make(FAMILY, task=3), demonstrations, shots=2, embed=mean_state)
    observation, _ = env.reset(seed=0)
    plain = gym.make(FAMILY, task=3).reset(seed=0)[0]
    np.testing.assert_array_equal(observation[: len(plain)], plain)
    shown = observation[len(plain) :]
    each = demonstrations.observations[3].mean(1)
    means = [(each[i] + each[j]) / 2 for i in range(len(each)) for j in range(i)]
    assert np.abs(np.array(means) - shown).max(1).min() < 1e-6
    after = env.step(0)[0]
    np.testing.assert_array_equal(after[len(plain) :], shown)
    check_env(env, skip_render_check=True)


def test_raw_contexts_are_a_dictionary_without_hidden_actions() -> None:
    env = ContextObservation(gym.make(ANT), given(ANT, state_only=True), shots=2)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert list(observation) == [
        "observation",
        "context_observations",
        "context_next_observations",
    ]
    assert observation["context_observations"].shape == (2, 100, 29)


@pytest.mark.parametrize("embed", [mean_state, None])
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vectorised_and_scalar_environments_show_the_same(mode: AutoresetMode, embed: Any) -> None:
    demonstrations = given()
    together = VectorContextObservation(
        gym.make_vec(FAMILY, num_envs=NUMBER, tasks=[0, 1, 2, 9], autoreset_mode=mode),
        demonstrations,
        embed=embed,
    )
    alone = gym.vector.SyncVectorEnv(
        [
            lambda task=task: ContextObservation(  # type: ignore[misc]
                gym.make(FAMILY, task=task), demonstrations, embed=embed
            )
            for task in (0, 1, 2, 9)
        ],
        autoreset_mode=mode,
    )
    assert together.observation_space == alone.observation_space
    rng = np.random.default_rng(0)
    require_same(together.reset(seed=5)[0], alone.reset(seed=5)[0])
    for step in range(2 * HORIZON + 5):
        if mode is AutoresetMode.DISABLED and step and step % HORIZON == 0:
            mask = np.ones(NUMBER, np.bool_)
            pair = [env.reset(options={"reset_mask": mask})[0] for env in (together, alone)]
            require_same(*pair)
        actions = rng.integers(5, size=NUMBER)
        one, other = together.step(actions), alone.step(actions)
        require_same(one[0], other[0])
        np.testing.assert_array_equal(one[3], other[3])
        assert ("final_obs" in one[4]) == ("final_obs" in other[4])
        finals = (info.get("final_obs", ()) for info in (one[4], other[4]))
        for mine, theirs in zip(*finals, strict=True):
            require_same(mine, theirs)


def require_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, part in one.items():
            np.testing.assert_array_equal(part, other[name])
    else:
        np.testing.assert_array_equal(one, other)


def test_contexts_change_from_episode_to_episode_and_former_batches_stay() -> None:
    env = VectorContextObservation(
        gym.make_vec(FAMILY, num_envs=2, tasks=[0, 1], autoreset_mode="SameStep"), given()
    )
    first, _ = env.reset(seed=1)
    kept = first["context_observations"].copy()
    for _ in range(HORIZON):
        last = env.step(np.zeros(2, int))[0]
    assert not np.array_equal(last["context_observations"], kept)
    np.testing.assert_array_equal(first["context_observations"], kept)


def test_sampled_tasks_get_their_own_contexts() -> None:
    demonstrations = given()
    env = VectorContextObservation(
        gym.make_vec(FAMILY, num_envs=6, tasks="draw"), demonstrations, shots=1
    )
    for seed in range(3):
        shown = env.reset(seed=seed)[0]["context_observations"]
        for task, context in zip(env.unwrapped.tasks, shown, strict=True):  # type: ignore[attr-defined]
            known = demonstrations.observations[task.index]
            assert (known == context).all((1, 2)).any()


def test_what_does_not_fit_is_refused() -> None:
    demonstrations = given()
    for env in (gym.make("CartPole-v1"), gym.make_vec("CartPole-v1", num_envs=2)):
        wrapper: Any = ContextObservation if isinstance(env, gym.Env) else VectorContextObservation
        with pytest.raises(InputError, match="is not of a family of smile-bench"):
            wrapper(env, demonstrations)
    with pytest.raises(InputError, match=f"of {ANT} and the demonstrations of {FAMILY}"):
        ContextObservation(gym.make(ANT), demonstrations)
    with pytest.raises(InputError, match="shots is 0; each task has"):
        ContextSource(demonstrations, 0)
    with pytest.raises(InputError, match="must return a vector of finite numbers"):
        ContextSource(demonstrations, embed=lambda context: context.observations)
    env = ContextObservation(gym.make(FAMILY), demonstrations)
    with pytest.raises(InputError, match=r"wrap environments .* each once"):
        ContextObservation(env, demonstrations)
    few = replace(
        demonstrations,
        observations=demonstrations.observations[:2],
        actions=None,
        next_observations=demonstrations.next_observations[:2],
    )
    with pytest.raises(InputError, match="task 5, and there are demonstrations of the tasks 0 to"):
        ContextObservation(gym.make(FAMILY, task=5), few).reset()
    with pytest.raises(InputError, match="not demonstrations of several tasks"):
        ContextSource(replace(demonstrations, observations=demonstrations.observations[0]))
