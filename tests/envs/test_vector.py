"""The batched environment equals scalar ones to the last bit, as Gymnasium would batch them."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from smile_bench.envs import MujocoFamily, all_families
from smile_bench.envs.vector import SmileVectorEnv
from smile_bench.errors import InputError, UnknownNameError

TASKS = [0, 3, 1, 3, 2]
HORIZON = 6
BODIES = [family for family in all_families().values() if isinstance(family, MujocoFamily)]


@pytest.fixture(params=BODIES, ids=lambda family: family.id)
def family(request: pytest.FixtureRequest) -> MujocoFamily:
    """Each family over a MuJoCo body in turn."""
    family: MujocoFamily = request.param
    return family


def assert_same(given: Any, expected: Any, where: str = "") -> None:
    """Compare what vector environments return to the last bit: keys, dtypes and values."""
    if isinstance(expected, dict):
        assert set(given) == set(expected), f"{where}: {set(given) ^ set(expected)}"
        for key in expected:
            assert_same(given[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, np.ndarray) and expected.dtype == object:
        assert given.shape == expected.shape, where
        for one, other in zip(given, expected, strict=True):
            assert_same(one, other, where)
    elif isinstance(expected, np.ndarray):
        assert isinstance(given, np.ndarray), where
        assert given.dtype == expected.dtype, where
        np.testing.assert_array_equal(given, expected, err_msg=where, strict=True)
    else:
        assert given == expected, f"{where}: {given} is not {expected}"


def make(family: MujocoFamily, **options: Any) -> SmileVectorEnv:
    options = {"split": "test", "tasks": TASKS, "max_episode_steps": HORIZON, **options}
    env = gym.make_vec(family.id, num_envs=len(TASKS), **options)
    assert isinstance(env, SmileVectorEnv)
    return env


def make_scalar(family: MujocoFamily, mode: str) -> SyncVectorEnv[Any, Any]:
    options: dict[str, Any] = {"split": "test", "max_episode_steps": HORIZON}
    makers = [partial(gym.make, family.id, task=task, **options) for task in TASKS]
    return SyncVectorEnv(makers, autoreset_mode=mode)


def sample_actions(family: MujocoFamily, steps: int, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    shape = (steps, len(TASKS), family.body.actions)
    return rng.uniform(-1.0, 1.0, shape).astype(np.float32)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_equals_scalar_environments(family: MujocoFamily, mode: str) -> None:
    ours, theirs = make(family, autoreset_mode=mode), make_scalar(family, mode)
    assert ours.metadata["autoreset_mode"] is AutoresetMode(mode)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    for episode_seed in (7, None):
        given, expected = ours.reset(seed=episode_seed), theirs.reset(seed=episode_seed)
        assert_same(dict(enumerate(given)), dict(enumerate(expected)), "reset")
        for k, actions in enumerate(sample_actions(family, 3 * HORIZON + 2)):
            given_step, expected_step = ours.step(actions), theirs.step(actions)
            where = f"{family.id} {mode} step {k}"
            assert_same(dict(enumerate(given_step)), dict(enumerate(expected_step)), where)
    assert ours.np_random_seed == theirs.np_random_seed


def test_equals_scalar_environments_that_end_at_different_times(family: MujocoFamily) -> None:
    ours, theirs = make(family, autoreset_mode="Disabled"), make_scalar(family, "Disabled")
    ours.reset(seed=1)
    theirs.reset(seed=1)
    waiting = np.zeros(len(TASKS), np.bool_)
    early = np.array([True, False, False, True, False])
    for k, actions in enumerate(sample_actions(family, 3 * HORIZON)):
        mask = early if k == 2 else waiting
        if mask.any():
            # Each its own dictionary: SyncVectorEnv takes the mask out of the one it is given.
            given = ours.reset(options={"reset_mask": mask.copy()})
            expected = theirs.reset(options={"reset_mask": mask.copy()})
            assert_same(dict(enumerate(given)), dict(enumerate(expected)), f"reset {k}")
        given_step, expected_step = ours.step(actions), theirs.step(actions)
        assert_same(dict(enumerate(given_step)), dict(enumerate(expected_step)), f"step {k}")
        waiting = given_step[3]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_equals_scalar_environments_after_a_partial_reset(family: MujocoFamily, mode: str) -> None:
    ours, theirs = make(family, autoreset_mode=mode), make_scalar(family, mode)
    ours.reset(seed=1)
    theirs.reset(seed=1)
    for k, actions in enumerate(sample_actions(family, 3 * HORIZON)):
        if k == 3:
            mask = np.array([False, True, False, True, False])
            given = ours.reset(seed=9, options={"reset_mask": mask.copy()})
            expected = theirs.reset(seed=9, options={"reset_mask": mask.copy()})
            assert_same(dict(enumerate(given)), dict(enumerate(expected)), "reset")
        given_step, expected_step = ours.step(actions), theirs.step(actions)
        assert_same(dict(enumerate(given_step)), dict(enumerate(expected_step)), f"step {k}")


def test_threads_change_nothing(family: MujocoFamily) -> None:
    results = []
    for threads in (1, 2, 5):
        env = make(family, threads=threads)
        env.reset(seed=2)
        results.append([env.step(actions)[0] for actions in sample_actions(family, HORIZON)])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_seeds(family: MujocoFamily) -> None:
    env = make(family)
    first, _ = env.reset(seed=4)
    again, _ = env.reset(seed=4)
    np.testing.assert_array_equal(first, again)
    shifted, _ = env.reset(seed=[5, 6, 7, 8, None])
    # Environment i is seeded seed + i; the fifth continues with the generator it has.
    assert env.np_random_seed == (5, 6, 7, 8, 8)
    np.testing.assert_array_equal(shifted[:4, :29][:, :8], first[1:, :29][:, :8])
    assert not np.array_equal(shifted[4], first[4])
    other, _ = env.reset()
    assert not np.array_equal(other, shifted)


def test_returned_arrays_are_the_callers(family: MujocoFamily) -> None:
    """What step returned stays as it was, and writing into it changes nothing."""
    actions = sample_actions(family, 4)
    quiet, noisy = make(family), make(family)
    quiet.reset(seed=0)
    noisy.reset(seed=0)
    kept = None
    for action in actions:
        expected, given = quiet.step(action), noisy.step(action)
        assert_same(dict(enumerate(given)), dict(enumerate(expected)))
        if kept is not None:
            assert_same(*kept)
        kept = expected[4], {key: value.copy() for key, value in expected[4].items()}
        for array in given[:4]:
            array[:] = True
        for key, array in given[4].items():
            if not key.startswith("_"):
                array[:] = 7.0


def test_default_tasks_go_round(family: MujocoFamily) -> None:
    count = len(family.tasks["test"])
    env = gym.make_vec(family.id, num_envs=count + 2, split="test")
    assert isinstance(env, SmileVectorEnv)
    assert [task.index for task in env.tasks] == [*range(count), 0, 1]
    np.testing.assert_array_equal(env.simulator.parameters[:count], family.tasks["test"])


def test_states_and_tasks_of_a_reset(family: MujocoFamily) -> None:
    env = make(family)
    states = np.random.default_rng(0).normal(0.0, 0.05, (len(TASKS), family.state_size))
    if family.body.name == "ant":
        states[:, 3:7] = 1.0, 0.0, 0.0, 0.0
    env.reset(options={"states": states, "tasks": [4, 4, 0, 1, 2]})
    assert [task.index for task in env.tasks] == [4, 4, 0, 1, 2]
    nq = family.body.positions
    np.testing.assert_array_equal(env.simulator.qpos, states[:, :nq])
    mask = np.array([True, False, False, False, False])
    env.step(sample_actions(family, 1)[0])
    moved = env.simulator.qpos.copy()
    env.reset(options={"states": states, "reset_mask": mask})
    np.testing.assert_array_equal(env.simulator.qpos[0], states[0, :nq])
    np.testing.assert_array_equal(env.simulator.qpos[1:], moved[1:])


def test_options_stay_as_given(family: MujocoFamily) -> None:
    options = {"reset_mask": np.ones(len(TASKS), np.bool_)}
    make(family).reset(seed=0, options=options)
    assert list(options) == ["reset_mask"]


def test_episode_statistics_wrapper(family: MujocoFamily) -> None:
    env = RecordEpisodeStatistics(make(family))
    env.reset(seed=0)
    returns = np.zeros(len(TASKS))
    for k, actions in enumerate(sample_actions(family, HORIZON)):
        _, rewards, _, _, infos = env.step(actions)
        returns += rewards
        assert ("episode" in infos) == (k == HORIZON - 1)
    np.testing.assert_allclose(infos["episode"]["r"], returns)
    assert infos["episode"]["l"].tolist() == [HORIZON] * len(TASKS)


def test_pickle_keeps_the_construction(family: MujocoFamily) -> None:
    env = make(family, autoreset_mode="SameStep", threads=1)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 (our own)
    assert copy.tasks == env.tasks
    assert copy.horizon == HORIZON
    assert copy.autoreset_mode is AutoresetMode.SAME_STEP
    np.testing.assert_array_equal(copy.reset(seed=1)[0], env.reset(seed=1)[0])


def test_spec_makes_it_again(family: MujocoFamily) -> None:
    env = make(family, autoreset_mode="SameStep")
    assert env.spec is not None
    again = gym.make_vec(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, SmileVectorEnv)
    assert again.tasks == env.tasks
    assert again.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_actions_are_refused_and_nothing_moves(
    family: MujocoFamily, value: float
) -> None:
    env = make(family)
    env.reset(seed=0)
    before = env.simulator.qpos.copy()
    actions = sample_actions(family, 1)[0]
    actions[2, 1] = value
    with pytest.raises(InputError, match=r"finite numbers in \[-1, 1\].*at \[\[2, 1\]\]"):
        env.step(actions)
    np.testing.assert_array_equal(env.simulator.qpos, before)
    assert env.simulator.steps.tolist() == [0] * len(TASKS)
    env.step(sample_actions(family, 1)[0])


def test_actions_of_ended_episodes_do_not_matter_in_next_step_mode(family: MujocoFamily) -> None:
    env, other = make(family), make(family)
    env.reset(seed=0)
    other.reset(seed=0)
    for actions in sample_actions(family, HORIZON):
        env.step(actions)
        other.step(actions)
    actions = sample_actions(family, 1)[0]
    assert_same(
        dict(enumerate(env.step(np.full_like(actions, np.nan)))),
        dict(enumerate(other.step(actions))),
    )


def test_wrong_shapes_are_refused(family: MujocoFamily) -> None:
    env = make(family)
    env.reset(seed=0)
    nu = family.body.actions
    for wrong in (np.zeros((len(TASKS), nu + 1)), np.zeros(nu), np.array([["a"] * nu] * 5)):
        with pytest.raises(InputError, match=rf"of shape \(5, {nu}\), got"):
            env.step(wrong)


def test_ended_episodes_must_be_reset_when_autoreset_is_disabled(family: MujocoFamily) -> None:
    env = make(family, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    for actions in sample_actions(family, HORIZON):
        *_, truncations, _ = env.step(actions)
    assert truncations.all()
    mask = np.array([True, True, False, True, True])
    env.reset(options={"reset_mask": mask})
    with pytest.raises(InputError, match=r"episodes \[2\] are over.*reset_mask"):
        env.step(actions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset_mask": [True] * 5}, "NumPy array of bool"),
        ({"reset_mask": np.zeros(5, np.bool_)}, "at least one True"),
        ({"reset_mask": np.ones(4, np.bool_)}, r"of shape \(5,\)"),
        ({"states": np.zeros((5, 2))}, "an initial state of"),
        ({"tasks": [0, 1]}, "one task for each of 5"),
        ({"tasks": [0] * 5, "reset_mask": np.eye(5, dtype=np.bool_)[0]}, "reset all of them"),
        ({"tasks": [0, 0, 0, 0, 999]}, "has no test task 999"),
        ({"task": 1}, "unknown reset option 'task'. Did you mean 'tasks'"),
    ],
)
def test_bad_options(family: MujocoFamily, options: dict[str, Any], message: str) -> None:
    env = make(family)
    env.reset(seed=0)
    before = env.simulator.qpos.copy()
    with pytest.raises((InputError, UnknownNameError), match=message):
        env.reset(options=options)
    np.testing.assert_array_equal(env.simulator.qpos, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": 3}, "sequence of 5 indices"),
        ({"split": "tets"}, "unknown split 'tets'. Did you mean 'test'"),
        ({"tasks": [0, 1, 2, 3, 1.5]}, "has no test task 1.5"),
        ({"autoreset_mode": "SomeStep"}, "unknown autoreset_mode 'SomeStep'. Did you mean"),
        ({"render_mode": "human"}, "unknown render_mode 'human'. Known: 'rgb_array'"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"max_episode_steps": 0}, "max_episode_steps must be at least 1"),
    ],
)
def test_bad_construction(family: MujocoFamily, options: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=message):
        make(family, **options)


def test_tasks_are_drawn_as_by_scalar_environments(family: MujocoFamily) -> None:
    options: dict[str, Any] = {"split": "train", "max_episode_steps": 2}
    for mode in ("NextStep", "SameStep"):
        ours: Any = gym.make_vec(
            family.id, num_envs=5, tasks="draw", autoreset_mode=mode, **options
        )
        theirs: Any = SyncVectorEnv(
            [partial(gym.make, family.id, **options)] * 5, autoreset_mode=mode
        )
        seen: set[int] = set()
        assert_same(dict(enumerate(ours.reset(seed=0))), dict(enumerate(theirs.reset(seed=0))))
        for k, actions in enumerate(sample_actions(family, 30)):
            assert ours.tasks == theirs.get_attr("task")
            seen.update(task.index for task in ours.tasks)
            given, expected = ours.step(actions), theirs.step(actions)
            assert_same(dict(enumerate(given)), dict(enumerate(expected)), f"{mode} step {k}")
        assert len(seen) > 15
        ours.reset(seed=4, options={"tasks": [6, 5, 4, 3, 2]})
        assert [task.index for task in ours.tasks] == [6, 5, 4, 3, 2]
        mask = np.array([False, False, True, False, False])
        ours.reset(seed=11, options={"reset_mask": mask.copy()})
        theirs.reset(seed=11)
        assert ours.tasks[2] == theirs.get_attr("task")[2]
        assert [ours.tasks[i].index for i in (0, 1, 3, 4)] == [6, 5, 3, 2]


def test_drawn_tasks_follow_from_the_seed(family: MujocoFamily) -> None:
    drawn = []
    for _ in range(2):
        env: Any = gym.make_vec(family.id, num_envs=4, tasks="draw", max_episode_steps=1)
        env.reset(seed=7)
        episodes = [env.tasks]
        for _ in range(10):
            env.step(np.zeros(env.action_space.shape))
            episodes.append(env.tasks)
        drawn.append(episodes)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 3


def test_fewer_environments_than_tasks_are_warned_of(family: MujocoFamily) -> None:
    count = len(family.table("test"))
    message = rf"num_envs=2 is less than the {count} test tasks of {family.id}.*tasks='draw'"
    with pytest.warns(UserWarning, match=message) as caught:
        env: Any = gym.make_vec(family.id, num_envs=2, split="test")
    assert caught[0].filename == __file__
    assert [task.index for task in env.tasks] == [0, 1]
    for chosen in ("draw", [0, 1]):  # Warnings are errors here.
        gym.make_vec(family.id, num_envs=2, split="test", tasks=chosen)
    gym.make_vec(family.id, num_envs=count, split="test")


def test_a_step_needs_a_reset(family: MujocoFamily) -> None:
    env = make(family)
    actions = sample_actions(family, 1)[0]
    with pytest.raises(gym.error.ResetNeeded, match=r"environments \[0, 1, 2, 3, 4\] were never"):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([True, True, False, True, False])})
    with pytest.raises(gym.error.ResetNeeded, match=r"environments \[2, 4\] were never reset"):
        env.step(actions)
    assert env.simulator.steps.tolist() == [0] * 5
    env.reset(options={"reset_mask": np.array([False, False, True, False, True])})
    env.step(actions)


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        ([1], {"tasks": [5, 6, 7, 8, 9]}),
        ([1, 2, 3, 4, -5], {"tasks": [5, 6, 7, 8, 9]}),
        ([1, 2, 3, 4, 5.5], {}),
        (True, {}),
        (1, {"tasks": [5, 6, 7, 8, 999]}),
        (1, {"tasks": [5, 6, 7, 8, True]}),
        (1, {"tasks": [5, 6, 7, 8, 9], "states": np.zeros((5, 1))}),
        (1, {"tasks": [5, 6, 7, 8, 9], "reset_mask": np.eye(5, dtype=np.bool_)[0]}),
        (1, {"reset_mask": np.zeros(5, np.bool_)}),
        (1, {"task": 3}),
    ],
)
def test_a_refused_reset_changes_nothing(
    family: MujocoFamily, seed: Any, options: dict[str, Any]
) -> None:
    env, other = make(family), make(family)
    for each in (env, other):
        each.reset(seed=3)
    actions = sample_actions(family, 4)
    for action in actions[:2]:
        env.step(action)
        other.step(action)
    with pytest.raises((InputError, UnknownNameError)):
        env.reset(seed=seed, options=options)
    assert env.tasks == other.tasks
    assert env.np_random_seed == other.np_random_seed
    for action in actions[2:]:
        given, expected = env.step(action), other.step(action)
        assert_same(dict(enumerate(given)), dict(enumerate(expected)))
    assert_same(dict(enumerate(env.reset())), dict(enumerate(other.reset())))


def test_closed_environments_say_so(family: MujocoFamily) -> None:
    env = make(family)
    env.reset(seed=0)
    env.close()
    env.close()
    for call in (env.reset, env.render, partial(env.step, sample_actions(family, 1)[0])):
        with pytest.raises(
            gym.error.ClosedEnvironmentError, match=r"make others with gymnasium\.ma"
        ):
            call()


def test_bad_seeds(family: MujocoFamily) -> None:
    with pytest.raises(InputError, match="give 5 seeds or one, got 2"):
        make(family).reset(seed=[1, 2])
