from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.envs import get_family, get_mujoco_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import ExpertError
from smile_bench.experts.per_task import PerTaskExperts, write_per_task
from smile_bench.experts.policy import (
    Expert,
    expert_metrics,
    load_base_policy,
    load_expert,
    read_expert,
    task_metrics,
    weights_path,
    write_expert,
)


def small_expert(squash: str = "clip", activation: str = "tanh") -> Expert:
    rng = np.random.default_rng(0)
    sizes = [33, 5, 8]
    return Expert(
        family="SmileAntGoal-v0",
        weights=tuple(
            rng.standard_normal((o, i)).astype(np.float32) for i, o in itertools.pairwise(sizes)
        ),
        biases=tuple(rng.standard_normal(o).astype(np.float32) for o in sizes[1:]),
        mean=rng.standard_normal(33).astype(np.float32),
        scale=rng.uniform(0.5, 2, 33).astype(np.float32),
        activation=activation,
        squash=squash,
        feature_clip=1.5,
        recipe={"command": "none"},
    )


@pytest.mark.parametrize("squash", ["clip", "tanh"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_network_is_what_its_formula_says(squash: str, activation: str) -> None:
    expert = small_expert(squash, activation)
    family = get_mujoco_family(expert.family)
    rng = np.random.default_rng(1)
    observations, goals = rng.standard_normal((7, 29)), rng.standard_normal((7, 2))
    x = np.concatenate((observations, goals, goals - observations[:, :2]), axis=1)
    np.testing.assert_array_equal(family.privileged(observations, goals), x)
    hidden = (
        np.clip((x - expert.mean) / expert.scale, -1.5, 1.5) @ expert.weights[0].T
        + expert.biases[0]
    )
    hidden = np.tanh(hidden) if activation == "tanh" else np.maximum(hidden, 0)
    out = hidden @ expert.weights[1].T + expert.biases[1]
    out = np.tanh(out) if squash == "tanh" else np.clip(out, -1, 1)
    actions = expert.act(observations, goals)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions, out, atol=2e-5)


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    expert = small_expert()
    write_expert(tmp_path / "e.safetensors", expert)
    found = read_expert(tmp_path / "e.safetensors")
    for a, b in zip(expert.weights + expert.biases, found.weights + found.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("family", "squash", "activation", "feature_clip", "recipe"):
        assert getattr(found, name) == getattr(expert, name)


def test_damaged_or_missing_weights_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "e.safetensors"
    with pytest.raises(ExpertError, match="cannot read"):
        read_expert(path)
    write_expert(path, small_expert())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ExpertError, match="cannot read"):
        read_expert(path)


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "sigmoid"},
        {"squash": "none"},
        {"weights": (np.zeros((5, 32), np.float32), np.zeros((8, 5), np.float32))},
        {"weights": (np.zeros((5, 33), np.float32), np.zeros((8, 4), np.float32))},
        {"biases": (np.zeros(5, np.float32), np.zeros(1, np.float32))},
        {"scale": np.ones(1, np.float32)},
        {"mean": np.ones(33, np.float64)},
        {"weights": (), "biases": ()},
    ],
)
def test_networks_that_do_not_fit_together_are_refused(tmp_path: Path, change: Any) -> None:
    # NumPy would broadcast some of them.
    write_expert(tmp_path / "e.safetensors", replace(small_expert(), **change))
    with pytest.raises(ExpertError, match=r"cannot read an expert .*damaged"):
        read_expert(tmp_path / "e.safetensors")


ANT, GRID, WALKER = "SmileAntGoal-v0", "SmileGridGoal-v0", "SmileWalkerDynamics-v0"

RELEASED = {
    "ant-goal": "eda56c4ab86ed1d7195f8ea619a747bcd1c009de04f588848a994d47bc8b1f6f",
    "ant-linear-classification": "ffd2f2b85e6cbd3f8719445d3b08a9887fa78e8d314982fa665ee5c9ea354d09",
    "half-cheetah-velocity": "4945de0378f408386f7d7fbc9445d4794a093aeef75ede094c8768de03c1703f",
    "walker-dynamics": "ff9229c2b890dbec0e3a56e08e35d3863b81fa2ec7132738b1a65f1a9f6275dc",
    "walker-dynamics-base": "55f30b384c6c2843a4b1f3b4f70ec0d4f357d840d8816cc6285d259214d8f605",
    "walker-dynamics-shared": "1c7b1d26b6cddb9a83aca795a2acbdccf75b6664538160ab5e49634965c0ee30",
}


@pytest.mark.parametrize("name", RELEASED)
def test_released_weights_do_not_change(name: str) -> None:
    content = weights_path(get_family(ANT), name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == RELEASED[name]


@pytest.mark.parametrize(
    ("family", "total"),
    [
        (ANT, 66.6043),
        ("SmileAntLinearClassification-v0", 175.2665),
        ("SmileHalfCheetahVelocity-v0", 141.6907),
        (WALKER, 115.4574),
    ],
)
def test_released_experts_act_as_when_they_were_released(family: str, total: float) -> None:
    made = get_mujoco_family(family)
    table = made.table("test")
    observations = np.random.default_rng(7).standard_normal((len(table), made.observation_size))
    actions = load_expert(family).act(observations, table)
    # A sum and not a digest: other processors may round the last bit differently.
    assert float(np.abs(actions).astype(np.float64).sum()) == pytest.approx(total, abs=1e-3)


def test_an_expert_is_read_once() -> None:
    assert load_expert(ANT) is load_expert(get_family(ANT))
    assert load_base_policy(WALKER) is load_base_policy(get_family(WALKER))
    # The grid's family computes its expert.
    assert load_expert(GRID) is load_expert(get_family(GRID))


def test_a_family_may_bring_weights_of_its_own(tmp_path: Path) -> None:
    family = replace(get_mujoco_family(ANT), data=tmp_path)
    # The package's are the fallback.
    assert weights_path(family, "ant-goal") == weights_path(get_family(ANT), "ant-goal")
    own = tmp_path / "ant-goal.safetensors"
    write_expert(own, small_expert())
    assert weights_path(family, "ant-goal") == own
    found = load_expert(family)
    assert isinstance(found, Expert)
    np.testing.assert_array_equal(found.weights[0], small_expert().weights[0])


def test_missing_weights_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match=r"no base policy.*ant-goal-base.*walker-dynamics-base"):
        load_base_policy(ANT)
    recipe = replace(get_family(ANT).dataset_recipe, expert="none")
    family = replace(get_mujoco_family(ANT), dataset_recipe=recipe, data=tmp_path)
    with pytest.raises(ExpertError, match=rf"no trained expert.*none\.safetensors.*{tmp_path}"):
        load_expert(family)


def test_metrics_are_those_of_episodes_of_every_task() -> None:
    family, expert = get_family(GRID), load_expert(GRID)
    tasks = family.table("validation")[:3]
    found = task_metrics(family, expert, tasks, episodes=2, seed=4)
    assert found.shape == (3, 2)
    rows, rng = np.repeat(tasks, 2, axis=0), np.random.default_rng(4)
    simulator = family.make_simulator(6)
    simulator.set_tasks(rows)
    simulator.reset(sample_starts(simulator, rng, rows))
    for _ in range(family.horizon):
        result = simulator.step(expert.act(simulator.observe(), rows, rng))
    np.testing.assert_array_equal(found.ravel(), result.info[family.metric.name])
    every = expert_metrics(family, expert, "validation", episodes=2, seed=4)
    assert every.shape == (len(family.table("validation")), 2)


@pytest.mark.slow
def test_the_shipped_ant_expert_reaches_every_goal() -> None:
    family = get_mujoco_family("SmileAntGoal-v0")
    expert = load_expert(family)
    for split in ("train", "test"):
        # The bar of the benchmark: 0.08 m on every goal.
        assert expert_metrics(family, expert, split, episodes=2).mean(axis=1).max() <= 0.08


def test_experts_saved_twice_are_the_same_bytes(tmp_path: Path) -> None:
    shared, per_task = load_expert("SmileAntGoal-v0"), load_expert("SmileWalkerDynamics-v0")
    assert isinstance(shared, Expert)
    assert isinstance(per_task, PerTaskExperts)
    for number in range(8):
        write_expert(tmp_path / f"{number}", shared)
        write_per_task(tmp_path / f"{number}-per-task", per_task)
    written = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(written) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "SmileGridGoal-v0"}, "has no MuJoCo body"),
        ({"family": "SmileAntGaol-v0"}, "has no MuJoCo body|unknown family"),
        ({"family": "SmileWalkerDynamics-v0"}, "but its family needs"),
        ({"mean": np.full(33, np.nan, np.float32)}, "not finite"),
        ({"biases": (np.zeros(5, np.float32), np.full(8, np.inf, np.float32))}, "not finite"),
    ],
)
def test_a_network_that_does_not_fit_its_family_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_expert(tmp_path / "x", replace(small_expert(), **change))
    with pytest.raises(ExpertError, match=message):
        read_expert(tmp_path / "x")
