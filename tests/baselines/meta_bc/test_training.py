"""Meta-BC's training: what it clones, what it continues to, and what it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.errors import CheckpointError, DivergedError
from smile_bench.learning.checkpoint import save_checkpoint
from smile_bench.learning.loop import run
from tests.helpers import synthetic
from tests.helpers.tiny import META_BC

CONFIG = replace(
    META_BC,
    total_updates=60,
    updates_per_iteration=10,
    augmentation=AugmentationConfig(constant_feature_noise=0.5),
)


def offline(dataset: Dataset | None = None, family: str = synthetic.FAMILY) -> Access:
    return Access(family, track="offline", dataset=dataset or synthetic.dataset())


def training(config: MetaBCConfig = CONFIG) -> MetaBC:
    return MetaBC(config, offline())


def parameters(trained: MetaBC) -> torch.Tensor:
    modules = trained.encoder, trained.policy
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = training()
    run(whole, tmp_path / "whole")
    run(training(), tmp_path / "cut", stop_after=3)
    resumed = training()
    run(resumed, tmp_path / "cut")
    save_checkpoint(tmp_path / "a", whole.state_dict())
    save_checkpoint(tmp_path / "b", resumed.state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    rows = (tmp_path / "cut" / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "6"]
    scored = rows[0].split(",").index("validation/min_distance")
    assert [row.split(",")[scored] != "" for row in rows[1:]] == [False, True] * 3


def test_the_encoder_measures_changes_on_the_demonstrations() -> None:
    made = training(replace(CONFIG, encoder=EncoderConfig(sees_changes=True)))
    changes = (made.train.next_states - made.train.states).flatten(0, 2)
    torch.testing.assert_close(made.encoder.change_scale, changes.std(0).clamp(min=1e-3))


def test_it_uses_nothing_but_demonstrations(tmp_path: Path) -> None:
    access = offline()
    run(MetaBC(CONFIG, access), tmp_path)
    counts = access.counts
    assert (counts.demonstrations, counts.env_steps, counts.expert_queries) == (12, 0, 0)
    assert counts.validation_demonstrations == 12
    assert counts.validation_env_steps == 3 * 3 * 100


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(training(), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="seed: 0 stored, 1 given"):
        run(training(replace(CONFIG, seed=1)), tmp_path)


def test_a_nan_stops_training_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    run(training(), tmp_path, stop_after=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    broken = training()
    assert broken.train.actions is not None
    broken.train.actions[:] = float("nan")
    with pytest.raises(DivergedError, match="loss became nan in iteration 3"):
        run(broken, tmp_path, checkpoint_seconds=0.0)
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


@pytest.mark.slow
def test_it_learns_what_only_the_context_tells() -> None:
    dataset = task_dataset()
    config = replace(
        META_BC,
        total_updates=400,
        updates_per_iteration=200,
        tasks_per_batch=8,
        learning_rate=3e-3,
        validate_every=0,
    )
    trained = MetaBC(config, offline(dataset))
    for _ in range(trained.iterations):
        trained.step()
    agent = trained.agent({})
    # New tasks: constants that were not trained on.
    policy = agent.adapt([dataset.test.context(task, [0]) for task in range(8)])
    observations = dataset.test.observations[:, 1, 0].astype(np.float64)
    wanted = dataset.test.actions[:, 0, 0]
    error = np.abs(policy.act(observations) - wanted).mean()
    ignorant = np.abs(dataset.train.actions.mean() - wanted).mean()
    assert error < 0.25 * ignorant


def test_the_regression_target_is_the_applied_action() -> None:
    trained = training()
    rng = np.random.default_rng(0)
    tasks = np.array([0, 2])
    features, held_out = trained.train.sample_contexts(rng, tasks, 1, 3)
    sampled = trained.train.sample_from(rng, tasks, held_out, 4)
    assert sampled.actions is not None
    embeddings = trained.encoder(features)[:, None].expand(-1, 4, -1)
    acted = trained.policy.act(torch.cat((sampled.states, embeddings), -1))
    expected = (acted - sampled.actions).square().mean()
    loss = trained._loss(trained.encoder(features), sampled.states, sampled.actions)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-6)


def test_cloned_states_are_not_of_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made = training(replace(CONFIG, first_state_fraction=0.25))
    contexts, cloned = made.train.sample_contexts, made.train.sample_from
    held_out: list[np.ndarray] = []
    asked: list[tuple[np.ndarray, int, int]] = []

    def watched_contexts(*arguments: Any) -> Any:
        features, others = contexts(*arguments)
        held_out.append(others)
        return features, others

    def watched(rng: Any, tasks: Any, others: np.ndarray, number: int, first_states: int) -> Any:
        asked.append((others, number, first_states))
        return cloned(rng, tasks, others, number, first_states=first_states)

    monkeypatch.setattr(made.train, "sample_contexts", watched_contexts)
    monkeypatch.setattr(made.train, "sample_from", watched)
    made.step()
    assert len(asked) == len(held_out) == CONFIG.updates_per_iteration
    for (others, number, first), expected in zip(asked, held_out, strict=True):
        assert others is expected
        assert others.shape[1] >= 1
        assert (number, first) == (8, 2)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_final_states_are_predicted_where_they_have_a_weight(weight: float) -> None:
    made = training(replace(CONFIG, final_state_weight=weight, updates_per_iteration=1))
    plain = training(replace(CONFIG, updates_per_iteration=1))
    before = [parameter.detach().clone() for parameter in made.predictor.parameters()]
    assert made.step() == plain.step()  # The log is of the actions alone.
    after = list(made.predictor.parameters())
    changed = [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert changed == [weight > 0.0] * len(before)
    # It trains the encoder, too.
    assert torch.equal(parameters(made), parameters(plain)) is (weight == 0.0)
