from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.agents import Context
from smile_bench.baselines.checkpoint import CheckpointError
from smile_bench.baselines.meta_bc import MetaBC, MetaBCConfig, MetaBCTraining
from smile_bench.baselines.training import DivergedError, run
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.errors import AgentError
from tests import synthetic

CONFIG = MetaBCConfig(
    family=synthetic.FAMILY,
    updates=60,
    updates_per_iteration=10,
    tasks_per_batch=4,
    states_per_task=8,
    context_timesteps=3,
    hidden=32,
)


def contexts() -> list[Context]:
    test = synthetic.demonstrations("test")
    return [test.context(0, [0]), test.context(1, [0, 1])]


def parameters(training: MetaBCTraining) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in training.network.parameters()])


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = MetaBCTraining(CONFIG, synthetic.dataset())
    run(whole, tmp_path / "whole")
    stopped = MetaBCTraining(CONFIG, synthetic.dataset())
    run(stopped, tmp_path / "cut", stop_after=2)
    resumed = MetaBCTraining(CONFIG, synthetic.dataset())
    run(resumed, tmp_path / "cut")
    assert torch.equal(parameters(whole), parameters(resumed))
    rows = (tmp_path / "cut" / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "6"]


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(MetaBCTraining(CONFIG, synthetic.dataset()), tmp_path, stop_after=1)
    other = MetaBCConfig(**{**vars(CONFIG), "seed": 1})
    with pytest.raises(CheckpointError, match="seed: 0 stored, 1 given"):
        run(MetaBCTraining(other, synthetic.dataset()), tmp_path)


def test_a_nan_stops_training_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    run(MetaBCTraining(CONFIG, synthetic.dataset()), tmp_path, stop_after=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    training = MetaBCTraining(CONFIG, synthetic.dataset())
    training.train.actions[:] = float("nan")
    with pytest.raises(DivergedError, match="action_mse became non-finite at iteration 3"):
        run(training, tmp_path, checkpoint_seconds=0.0)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def task_dataset() -> Dataset:
    """The expert's action is a constant that only the context tells."""

    def part(split: str) -> Demonstrations:
        made = synthetic.demonstrations(split, tasks=8, each=6)
        rng = np.random.default_rng([7, len(split)])
        constant = rng.uniform(-0.8, 0.8, (8, 1, 1, 1)).astype(np.float32)
        made.actions[:] = constant
        return made

    return Dataset(
        family=synthetic.FAMILY,
        splits={split: part(split) for split in ("train", "validation", "test")},
        attributes={},
    )


def test_it_learns_what_only_the_context_tells() -> None:
    dataset = task_dataset()
    config = MetaBCConfig(
        family=synthetic.FAMILY, updates=600, updates_per_iteration=300, tasks_per_batch=8
    )
    training = MetaBCTraining(config, dataset)
    for _ in range(training.iterations):
        training.step()
    agent = training.agent({})
    # New tasks: constants that were not trained on.
    policy = agent.adapt([dataset.test.context(task, [0]) for task in range(8)])
    observations = dataset.test.observations[:, 1, 0].astype(np.float64)
    wanted = dataset.test.actions[:, 0, 0]
    error = np.abs(policy.act(observations) - wanted).mean()
    ignorant = np.abs(dataset.train.actions.mean() - wanted).mean()
    assert error < 0.25 * ignorant


def test_weights_survive_saving(tmp_path: Path) -> None:
    training = MetaBCTraining(CONFIG, synthetic.dataset())
    training.step()
    agent = training.agent({"command": "none"})
    agent.save(tmp_path / "agent.safetensors")
    loaded = MetaBC.load(tmp_path / "agent.safetensors")
    observations = np.random.default_rng(0).standard_normal((2, 29))
    np.testing.assert_array_equal(
        loaded.adapt(contexts()).act(observations), agent.adapt(contexts()).act(observations)
    )
    assert loaded.config == CONFIG
    assert loaded.recipe == {"command": "none"}


def test_damaged_weights_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.safetensors"
    with pytest.raises(AgentError, match="can not read"):
        MetaBC.load(path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(AgentError, match="can not read"):
        MetaBC.load(path)


def test_it_refuses_contexts_that_it_can_not_use() -> None:
    agent = MetaBCTraining(CONFIG, synthetic.dataset()).agent({})
    with pytest.raises(AgentError, match="actions"):
        agent.adapt([contexts()[0].state_only()])
    other = synthetic.demonstrations("test", family="SmileHalfCheetahVelocity-v0")
    with pytest.raises(AgentError, match="SmileHalfCheetahVelocity-v0"):
        agent.adapt([other.context(0, [0])])
