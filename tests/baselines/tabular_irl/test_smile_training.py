"""Training tabular SMILe: the released numbers, resuming, and agreement with MaxEnt."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from smile_bench import evaluate
from smile_bench.access import Access
from smile_bench.baselines import train_agent
from smile_bench.baselines.registry import weights_path
from smile_bench.baselines.tabular_irl.contexts import require_grid
from smile_bench.baselines.tabular_irl.maxent import maxent_weights
from smile_bench.baselines.tabular_irl.smile import (
    TabularSmileConfig,
    forward,
    gradients,
    initial_weights,
)
from smile_bench.baselines.tabular_irl.smile_training import (
    TabularSmileTraining,
    discriminator_step,
    make_trainer,
    preset,
)
from smile_bench.envs.grid.planning import hard_values, soft_values, visitation
from smile_bench.errors import AgentError, CheckpointError, InputError
from smile_bench.learning.loop import run
from tests.helpers import small_mdp as small

ID = "SmileGridGoal-v0"
T = small.HORIZON


def test_tabular_smile_with_one_hot_contexts_agrees_with_maxent_of_each_task() -> None:
    tasks = 3
    mdp, start = small.dynamics(10, tasks=tasks), small.start(tasks=tasks)
    truth = np.random.default_rng(3).normal(size=(tasks, small.STATES, 1))
    shown = visitation(mdp, soft_values(mdp, truth, T).policy, start).sum(axis=(1, 3))
    embeddings, reward_of_embedding = np.eye(tasks), np.zeros((tasks, small.STATES))
    for _ in range(3000):
        rewards = (embeddings @ reward_of_embedding)[..., None]
        gradient, made = discriminator_step(mdp, rewards, shown, start, T)
        reward_of_embedding += embeddings.T @ gradient
    features = np.eye(small.STATES)[:, None]
    alone = maxent_weights(mdp, features, shown, start, T, causal=True, tolerance=1e-8).points
    # A constant added to every state changes nothing; both started from zero and stay centred.
    np.testing.assert_allclose(embeddings @ reward_of_embedding, alone, atol=1e-3)
    np.testing.assert_allclose(made, shown, atol=1e-4)
    centred = truth[..., 0] - truth[..., 0].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(alone, centred, atol=1e-3)
    assert hard_values(mdp, rewards, T).policy.shape == (tasks, T, 3, 2)


def test_backpropagation_equals_finite_differences() -> None:
    family, rng = require_grid(ID), np.random.default_rng(0)
    weights = dict(initial_weights(family, 5, rng))
    inputs = rng.normal(size=(3, 2 * family.cells + 2))
    direction = rng.normal(size=(3, family.cells))
    embeddings, _ = forward(weights, inputs)
    exact = gradients(weights, inputs, embeddings, direction)
    for name, array in weights.items():
        shift = rng.normal(size=array.shape)
        up, down = (
            (forward({**weights, name: array + step * shift}, inputs)[1] * direction).sum() / 3
            for step in (1e-6, -1e-6)
        )
        assert (exact[name] * shift).sum() == pytest.approx((up - down) / 2e-6, rel=1e-6)


@pytest.mark.slow
def test_training_by_name_reproduces_the_released_weights(tmp_path: Path) -> None:
    path = train_agent("tabular-smile", ID, tmp_path)
    assert path == tmp_path / f"{ID}.safetensors"
    made, released = load_file(path), load_file(weights_path("tabular-smile", ID))
    assert set(made) == set(released)
    for name, array in released.items():
        # Equal to the bit where the linear algebra library is the same.
        np.testing.assert_allclose(made[name], array, rtol=1e-4, atol=1e-5)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    with safe_open(weights_path("tabular-smile", ID), framework="numpy") as file:
        before = file.metadata()
    assert (metadata["format"], metadata["config"]) == (before["format"], before["config"])
    recipe, old = json.loads(metadata["recipe"]), json.loads(before["recipe"])
    for name in ("command", "seed", "track", "settings", "access"):
        assert recipe[name] == old[name]
    with (tmp_path / "progress.csv").open(newline="") as rows:
        losses = [float(row["losses/visit_difference"]) for row in csv.DictReader(rows)]
    assert len(losses) == recipe["settings"]["iterations"]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_an_interrupted_training_continues_to_the_same_bits(tmp_path: Path) -> None:
    config = TabularSmileConfig(family=ID, iterations=8, tasks_per_batch=4, seed=3)

    def trained(folder: str, stops: tuple[int | None, ...]) -> TabularSmileTraining:
        for stop in stops:
            training = TabularSmileTraining(config, Access(ID, track="offline"))
            run(training, tmp_path / folder, stop_after=stop)
        return training

    whole, resumed = trained("whole", (None,)), trained("resumed", (1, 5, None))
    assert resumed.iteration == whole.iteration == 8
    assert resumed.access.counts == whole.access.counts
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)
    other = replace(config, hidden=32)
    with pytest.raises(CheckpointError, match="hidden: 64 stored, 32 given"):
        run(TabularSmileTraining(other, Access(ID, track="offline")), tmp_path / "whole")


def test_a_short_training_learns() -> None:
    config = TabularSmileConfig(family=ID, iterations=25, tasks_per_batch=16, seed=1)
    training = TabularSmileTraining(config, Access(ID, track="offline"))
    untrained = evaluate(training.agent({}), ID, shots=4).score
    while training.iteration < training.iterations:
        training.step()
    assert evaluate(training.agent({}), ID, shots=4).score > untrained + 0.3


def test_other_devices_and_families_are_refused() -> None:
    access = Access(ID, track="offline")
    with pytest.raises(InputError, match=r"trained on the CPU alone, .* given cuda:0; leave"):
        make_trainer(preset(ID, 0), access, "cuda:0")
    with pytest.raises(AgentError, match="needs a gridworld family"):
        make_trainer(preset("SmileAntGoal-v0", 0), access, "cpu")
