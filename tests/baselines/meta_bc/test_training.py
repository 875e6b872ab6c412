"""Meta-BC's trainings: what they clone, what they continue to, and what they learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.errors import CheckpointError, ConditionWarning, DivergedError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.compute import Compute
from smile_bench.learning.loop import Alone, run
from smile_bench.learning.streams import Streams
from tests.helpers import synthetic
from tests.helpers.tiny import META_BC

CONFIG = replace(
    META_BC,
    total_updates=60,
    updates_per_iteration=10,
    augmentation=AugmentationConfig(constant_feature_noise=0.5),
)
UNSCORED = replace(CONFIG, validate_every=0)


def offline(dataset: Dataset | None = None, family: str = synthetic.FAMILY) -> Access:
    return Access(family, track="offline", dataset=dataset or synthetic.dataset())


def trainings(*configs: MetaBCConfig, compute: Compute | None = None) -> MetaBC:
    return MetaBC(configs or [CONFIG], [offline() for _ in configs or [CONFIG]], compute)


def parameters(trained: MetaBC, index: int = 0) -> Tensor:
    """Those of encoder and policy that a training acts with."""
    networks = trained.member(index)
    return torch.cat([p.detach().flatten() for part in networks for p in part.parameters()])


def step(made: MetaBC) -> list[dict[str, float]]:
    """An iteration in which no training stops."""
    logs = []
    for log in made.step():
        assert not isinstance(log, DivergedError)
        logs.append(dict(log))
    return logs


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = Alone(trainings())
    run(whole, tmp_path / "whole")
    run(Alone(trainings()), tmp_path / "cut", stop_after=3)
    resumed = Alone(trainings())
    run(resumed, tmp_path / "cut")
    save_checkpoint(tmp_path / "a", whole.state_dict())
    save_checkpoint(tmp_path / "b", resumed.state_dict())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    rows = (tmp_path / "cut" / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "6"]
    scored = rows[0].split(",").index("validation/min_distance")
    assert [row.split(",")[scored] != "" for row in rows[1:]] == [False, True] * 3


def test_three_resumed_trainings_equal_the_uninterrupted_ones(tmp_path: Path) -> None:
    configs = [replace(UNSCORED, seed=seed, learning_rate=1e-3 * (1 + seed)) for seed in range(3)]
    whole, cut = trainings(*configs), trainings(*configs)
    for _ in range(2):
        step(whole)
        step(cut)
    for index in range(3):
        save_checkpoint(tmp_path / f"{index}", cut.state_dict(index))
    resumed = trainings(*configs)
    resumed.load_state_dict([load_checkpoint(tmp_path / f"{index}") for index in range(3)])
    for _ in range(2):
        assert step(whole) == step(resumed)
    for index in range(3):
        save_checkpoint(tmp_path / "a", whole.state_dict(index))
        save_checkpoint(tmp_path / "b", resumed.state_dict(index))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_training_is_the_same_alone_and_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = [
        replace(UNSCORED, seed=seed, learning_rate=rate, final_state_weight=0.5)
        for seed, rate in ((4, 1e-3), (0, 2e-3), (11, 5e-4))
    ]
    together, numbers = trainings(*configs), list[Tensor]()
    taken = Streams._take

    def watched(streams: Streams, normal: bool, shape: Any) -> Tensor:
        numbers.append(taken(streams, normal, shape).clone())
        return numbers[-1]

    monkeypatch.setattr(Streams, "_take", watched)
    initial = [parameters(together, index) for index in range(3)]
    logs, of_all = step(together), list(numbers)
    for index, config in enumerate(configs):
        alone = trainings(config)
        assert torch.equal(parameters(alone), initial[index])
        numbers.clear()
        (log,) = step(alone)
        assert len(numbers) == len(of_all) > 4 * CONFIG.updates_per_iteration
        for own, both in zip(numbers, of_all, strict=True):
            assert torch.equal(own[0], both[index])
        learnt = parameters(alone) - initial[index]
        assert float(learnt.norm()) > 0.1
        # Products of one and of three matrices round differently.
        torch.testing.assert_close(
            parameters(together, index), parameters(alone), rtol=1e-5, atol=1e-6
        )
        assert logs[index] == pytest.approx(log, rel=1e-5)
    assert len({float(weights[0]) for weights in initial}) == 3


def test_a_training_that_diverges_leaves_the_others_alone() -> None:
    configs = [replace(CONFIG, seed=seed, learning_rate=1e-3 * (1 + seed)) for seed in range(3)]
    sound = trainings(*configs)
    mad = trainings(configs[0], replace(configs[1], learning_rate=1e30), configs[2])
    for iteration in range(4):
        expected, found = step(sound), mad.step()
        assert isinstance(found[1], DivergedError)
        assert "the loss and weights became non-finite in iteration 1." in str(found[1])
        assert (expected[0], expected[2]) == (found[0], found[2])
        assert ("validation/min_distance" in expected[0]) is (iteration % 2 == 1)
    for index in (0, 2):
        assert torch.equal(parameters(sound, index), parameters(mad, index))
        expected_state, state = sound.state_dict(index), mad.state_dict(index)
        for name, tensor in expected_state["members"][0]["adam"].items():
            assert torch.equal(tensor, state["members"][0]["adam"][name])
    # What diverged is scored no longer.
    assert mad.accesses[1].counts.validation_env_steps == 0


def test_contexts_have_every_size_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = trainings(UNSCORED), list[int]()
    contexts = made.train.sample_contexts

    def watched(streams: Any, tasks: Any, shots: int, timesteps: int) -> Any:
        asked.append(shots)
        assert timesteps == CONFIG.context_timesteps
        return contexts(streams, tasks, shots, timesteps)

    monkeypatch.setattr(made.train, "sample_contexts", watched)
    for _ in range(2):
        made.step()
    sizes = made.access.family.context_sizes
    assert asked == [sizes[k % len(sizes)] for k in range(2 * CONFIG.updates_per_iteration)]


def test_the_learning_rate_falls_along_a_cosine() -> None:
    made, rates = trainings(UNSCORED, replace(UNSCORED, learning_rate=5e-4)), []
    taken = made.adam.step

    def watched(loss: Tensor) -> None:
        rates.append(made.adam._rates.tolist())
        taken(loss)

    made.adam.step = watched  # type: ignore[method-assign, assignment]
    for _ in range(made.iterations):
        made.step()
    assert len(rates) == CONFIG.total_updates
    factor = 0.5 * (1.0 + np.cos(np.pi * np.arange(60) / 60))
    expected = factor[:, None] * np.array([CONFIG.learning_rate, 5e-4])
    np.testing.assert_allclose(np.array(rates), expected, rtol=1e-6)


def test_an_update_is_a_step_of_adamw_with_weight_decay() -> None:
    config = replace(UNSCORED, weight_decay=0.1, learning_rate=0.01, total_updates=10)
    made, rows = trainings(config), []

    def watched(loss: Tensor) -> None:
        plain = [p.detach().clone().requires_grad_() for p in made.adam.parameters]
        for copied, gradient in zip(
            plain,
            torch.autograd.grad(loss, made.adam.parameters, retain_graph=True),
            strict=True,
        ):
            copied.grad = gradient
        torch.optim.AdamW(plain, lr=0.01, weight_decay=0.1).step()
        rows.append(torch.cat([p.detach().flatten(1) for p in plain], 1))
        taken(loss)

    taken = made.adam.step
    made.adam.step = watched  # type: ignore[method-assign, assignment]
    made._update(0)
    torch.testing.assert_close(made.adam.rows, rows[0], rtol=1e-5, atol=1e-7)


def test_the_encoder_measures_changes_on_the_demonstrations() -> None:
    made = trainings(replace(CONFIG, encoder=EncoderConfig(sees_changes=True)))
    changes = (made.train.next_states - made.train.states).flatten(0, 2)
    expected = changes.std(0).clamp(min=1e-3)
    torch.testing.assert_close(made.member(0).encoder.change_scale, expected)


def test_it_uses_nothing_but_demonstrations(tmp_path: Path) -> None:
    access = offline()
    run(Alone(MetaBC([CONFIG], [access])), tmp_path)
    counts = access.counts
    assert (counts.demonstrations, counts.env_steps, counts.expert_queries) == (12, 0, 0)
    assert counts.validation_demonstrations == 12
    assert counts.validation_env_steps == 3 * 3 * 100


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(Alone(trainings()), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="seed: 0 stored, 1 given"):
        run(Alone(trainings(replace(CONFIG, seed=1))), tmp_path)


def test_a_nan_stops_training_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    run(Alone(trainings()), tmp_path, stop_after=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    broken = trainings()
    broken.train._rows[:] = float("nan")
    with pytest.raises(
        DivergedError, match="the loss and weights became non-finite in iteration 3"
    ):
        run(Alone(broken), tmp_path, checkpoint_seconds=0.0)
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
def test_each_training_learns_what_only_the_context_tells() -> None:
    dataset = task_dataset()
    config = replace(
        META_BC,
        total_updates=400,
        updates_per_iteration=200,
        tasks_per_batch=8,
        learning_rate=3e-3,
        validate_every=0,
    )
    trained = MetaBC([config, replace(config, seed=1)], [offline(dataset), offline(dataset)])
    for _ in range(trained.iterations):
        trained.step()
    # New tasks: constants that were not trained on.
    observations = dataset.test.observations[:, 1, 0].astype(np.float64)
    wanted = dataset.test.actions[:, 0, 0]
    ignorant = np.abs(dataset.train.actions.mean() - wanted).mean()
    for index in range(2):
        agent = trained.agent(index, {})
        policy = agent.adapt([dataset.test.context(task, [0]) for task in range(8)])
        assert np.abs(policy.act(observations) - wanted).mean() < 0.25 * ignorant


def test_the_regression_target_is_the_applied_action() -> None:
    trained, streams = trainings(CONFIG, replace(CONFIG, seed=1)), Streams([0, 1])
    tasks = torch.tensor([[0, 2], [1, 1]])
    features, held_out = trained.train.sample_contexts(streams, tasks, 1, 3)
    sampled = trained.train.sample_from(streams, tasks, held_out, 4)
    assert sampled.actions is not None
    embeddings = trained.encoder(features)
    losses = trained._losses(embeddings, sampled.states, sampled.actions)
    assert losses.shape == (2,)
    for index in range(2):
        # Of the networks that the agent acts with.
        encoder, policy = trained.member(index)
        own = encoder(features[index])
        torch.testing.assert_close(embeddings[index], own)
        seen = torch.cat((sampled.states[index], own[:, None].expand(-1, 4, -1)), -1)
        expected = (policy.act(seen) - sampled.actions[index]).square().mean()
        assert float(losses[index].detach()) == pytest.approx(float(expected), rel=1e-5)


def test_cloned_states_are_not_of_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainings(replace(UNSCORED, first_state_fraction=0.25))
    contexts, cloned = made.train.sample_contexts, made.train.sample_from
    held_out: list[Tensor] = []
    asked: list[tuple[Tensor, int, int]] = []

    def watched_contexts(*arguments: Any) -> Any:
        features, others = contexts(*arguments)
        held_out.append(others)
        return features, others

    def watched(streams: Any, tasks: Any, others: Tensor, number: int, *, first_states: int) -> Any:
        asked.append((others, number, first_states))
        return cloned(streams, tasks, others, number, first_states=first_states)

    monkeypatch.setattr(made.train, "sample_contexts", watched_contexts)
    monkeypatch.setattr(made.train, "sample_from", watched)
    made.step()
    assert len(asked) == len(held_out) == CONFIG.updates_per_iteration
    for (others, number, first), expected in zip(asked, held_out, strict=True):
        assert others is expected
        assert others.shape[2] >= 1
        assert (number, first) == (8, 2)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_final_states_are_predicted_where_they_have_a_weight(weight: float) -> None:
    config = replace(UNSCORED, updates_per_iteration=1)
    made, plain = trainings(replace(config, final_state_weight=weight)), trainings(config)
    assert torch.equal(parameters(made), parameters(plain))
    before = made.adam.rows.clone()
    assert step(made) == step(plain)  # The log is of the actions alone.
    assert (made.predictor is None) is (weight == 0.0)
    if made.predictor is not None:
        start, width = 0, before.shape[1]
        for parameter in reversed(list(made.predictor.parameters())):
            start += parameter[0].numel()
        changed = (made.adam.rows != before)[:, width - start :]
        assert changed.any()
    # It trains the encoder, too.
    assert torch.equal(parameters(made), parameters(plain)) is (weight == 0.0)


def test_held_out_losses_are_of_the_same_samples_each_time_and_of_each_training() -> None:
    made = trainings(UNSCORED, replace(UNSCORED, seed=5))
    first = made.held_out_losses()
    made.streams.uniform(7)
    assert made.held_out_losses() == first
    state = made.streams.state_dict(0)["generator"]
    made.held_out_losses()
    assert torch.equal(made.streams.state_dict(0)["generator"], state)
    (alone,) = trainings(replace(UNSCORED, seed=5)).held_out_losses()
    assert first[1] == pytest.approx(alone, rel=1e-5)
    assert first[0] != first[1]
    step(made)
    assert made.held_out_losses()[0] != first[0]


def test_validation_demonstrations_that_leave_nothing_to_clone_are_refused() -> None:
    """The loss on them is the same under every condition, and so are its contexts."""
    made, few = synthetic.dataset(), synthetic.dataset(each=1)
    data = replace(made, splits={**made.splits, "validation": few.validation})
    with pytest.raises(InputError, match="of which at least 1 must be left"):
        MetaBC([CONFIG], [offline(data)])
    MetaBC([UNSCORED], [offline(data)])


def test_the_only_demonstration_of_a_task_is_context_and_clone() -> None:
    made, few = synthetic.dataset(), synthetic.dataset(each=1)
    data = replace(made, splits={**made.splits, "train": few.train})
    with pytest.warns(ConditionWarning, match=r"1 demonstration, .* hold the one that is imitated"):
        training = MetaBC([CONFIG], [offline(data)])
    tasks = torch.tensor([[0, 2, 1]])
    features, imitated = training.train.sample_contexts(training.streams, tasks, 1, 5)
    assert torch.equal(features[:, :, 0], training.train.features[tasks, 0])
    assert imitated.tolist() == [[[0], [0], [0]]]
    losses = [step(training)[0]["losses/action_mse"] for _ in range(3)]
    assert losses[2] < losses[0]


def test_compiled_losses_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PyTorch's compiler, but without a C++ one."""
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **_: compiled(f, backend="aot_eager"))
    plain, made = trainings(UNSCORED), trainings(UNSCORED, compute=Compute(compile=True))
    assert made._training_losses != made._losses
    for _ in range(2):
        (log,), (expected,) = step(made), step(plain)
        assert log == pytest.approx(expected, rel=1e-5)


def test_products_in_bfloat16_train_networks_in_single_precision() -> None:
    made = trainings(UNSCORED, compute=Compute(precision="bf16"))
    (log,), (expected,) = step(made), step(trainings(UNSCORED))
    assert log["losses/action_mse"] != expected["losses/action_mse"]
    assert log["losses/action_mse"] == pytest.approx(expected["losses/action_mse"], rel=0.05)
    assert {p.dtype for part in made.member(0) for p in part.parameters()} == {torch.float32}
