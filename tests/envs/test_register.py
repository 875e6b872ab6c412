"""A family from outside is known everywhere once it is registered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

import smile_bench
from smile_bench.envs import Family, all_families, get_family, get_mujoco_family, register_family
from smile_bench.envs.mujoco.env import SmileEnv
from smile_bench.envs.vector import SmileVectorEnv
from smile_bench.errors import InputError, UnknownNameError
from tests.helpers.outside_family import ID, make_family, registered

ROOT = Path(__file__).parents[2]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    with registered(make_family(tmp_path)) as family:
        yield family


def test_it_is_known_by_its_id(tmp_path: Path) -> None:
    before = list(all_families())
    declared = make_family(tmp_path)
    with registered(declared) as family:
        assert family is declared
        assert list(all_families()) == [*before, ID]
        assert get_family(ID) is declared
        assert get_mujoco_family(ID) is declared
        assert family.data == tmp_path
    assert list(all_families()) == before
    with pytest.raises(UnknownNameError, match="unknown family 'RingGoal-v0'"):
        get_family(ID)


def test_the_table_of_families_is_the_callers(family: Family) -> None:
    all_families().clear()
    assert ID in all_families()
    assert "SmileAntGoal-v0" in all_families()


def test_the_package_exports_it() -> None:
    assert smile_bench.register_family is register_family
    assert "register_family" in smile_bench.__all__


@pytest.mark.parametrize("task", [None, 3])
def test_gymnasium_finds_nothing_to_warn_of(family: Family, task: int | None) -> None:
    env = gym.make(ID, split="test", task=task)
    assert env.spec is not None
    assert env.spec.max_episode_steps == 12
    assert isinstance(env.unwrapped, SmileEnv)
    check_env(env.unwrapped, skip_render_check=True)  # Warnings are errors here.


def test_a_batch_equals_scalar_environments_and_computes_its_own_metric(family: Family) -> None:
    tasks = [0, 2, 3]
    ours = gym.make_vec(ID, num_envs=3, split="test", tasks=tasks)
    assert isinstance(ours, SmileVectorEnv)
    makers = [lambda task=task: gym.make(ID, split="test", task=task) for task in tasks]
    theirs: Any = SyncVectorEnv(makers)
    np.testing.assert_array_equal(ours.reset(seed=4)[0], theirs.reset(seed=4)[0])
    distances = []
    for actions in np.random.default_rng(0).uniform(-1, 1, (12, 3, 8)).astype(np.float32):
        given, expected = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(given[0], expected[0])
        for metric in family.metrics:
            values = given[4][metric.name]
            np.testing.assert_array_equal(values, expected[4][metric.name], strict=True)
        offsets = given[0][:, :2] - family.tasks["test"][tasks]
        distances.append(np.linalg.norm(offsets, axis=1))
        np.testing.assert_allclose(given[4]["final_distance"], distances[-1], rtol=1e-12)
    np.testing.assert_array_equal(given[3], [True] * 3)
    # Each torso starts at the origin, 1 m from its goal.
    nearest = np.minimum(1.0, np.min(distances, axis=0))
    np.testing.assert_allclose(given[4]["min_distance"], nearest, rtol=1e-9)


def test_pickle_and_spec_make_it_again(family: Family) -> None:
    env = gym.make(ID, split="test", task=1)
    assert env.spec is not None
    again: Any = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.family is family
    assert again.unwrapped.task == family.task("test", 1)


def test_a_second_registration_is_refused_and_changes_nothing(family: Family) -> None:
    spec = gym.spec(ID)
    with pytest.raises(InputError, match=r"'RingGoal-v0' is already registered.*-v1 after -v0"):
        register_family(make_family())
    assert get_family(ID) is family
    assert gym.spec(ID) is spec
    with pytest.raises(InputError, match="'SmileAntGoal-v0' is already registered"):
        register_family(get_family("SmileAntGoal-v0"))


def test_an_id_of_gymnasium_is_refused() -> None:
    with pytest.raises(InputError, match="'Pendulum-v1' is already registered"):
        register_family(replace(make_family(), id="Pendulum-v1"))
    assert "Pendulum-v1" not in all_families()


def test_what_is_not_a_family_is_refused() -> None:
    wrong: Any = ID
    with pytest.raises(InputError, match=r"takes a Family, got str.*MujocoFamily"):
        register_family(wrong)


def test_a_module_of_the_user_registers_it_where_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "my_lab.py").write_text(
        "import smile_bench\n"
        "from tests.helpers.outside_family import make_family\n"
        "smile_bench.register_family(make_family())\n"
    )
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "import gymnasium\n"
        f"env = gymnasium.make('my_lab:{ID}')\n"
        "env.reset(seed=0); print(env.unwrapped.family.id)\n"
        "import smile_bench; print(list(smile_bench.all_families())[-1])\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [ID, ID]
