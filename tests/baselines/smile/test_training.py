"""SMILe's training: what it collects and samples, what it continues to, and what stops it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.smile.config import (
    DemonstrationConfig,
    DiscriminatorConfig,
    SMILeConfig,
)
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.baselines.smile.training import SMILe, make_trainings
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.compute import Compute
from smile_bench.learning.loop import Alone, run
from smile_bench.learning.sac import Batch, Imitation
from smile_bench.learning.streams import Streams
from tests.helpers import synthetic
from tests.helpers.tiny import CONFIG, ENCODER, STATE_ONLY, access, stepped

CLONING = DemonstrationConfig(bc_weight=5.0)


def smile(config: SMILeConfig = CONFIG) -> SMILe:
    return SMILe([config], [access(config)])


def _log(logs: Sequence[Mapping[str, float] | DivergedError]) -> Mapping[str, float]:
    """What the only training logged."""
    (log,) = logs
    assert not isinstance(log, DivergedError)
    return log


def stored(training: SMILe, path: Path) -> bytes:
    """A training's whole state as bytes."""
    save_checkpoint(path, training.state_dict(0))
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(STATE_ONLY, demonstrations=CLONING),
        replace(
            STATE_ONLY,
            demonstrations=CLONING,
            inverse_dynamics=InverseDynamicsConfig(sees_task=True, updates=2),
        ),
        replace(
            CONFIG,
            ema_decay=0.9,
            encoder=replace(ENCODER, sees_changes=True),
            sac=replace(CONFIG.sac, n_step=3),
        ),
        replace(CONFIG, demonstrations=replace(CLONING, bc_decay_iterations=4)),
        replace(STATE_ONLY, augmentation=AugmentationConfig(outlier_fraction=0.1)),
    ],
    ids=["plain", "state-only", "sees the task", "averaged", "cloning at first", "filtered"],
)
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(
    config: SMILeConfig, tmp_path: Path
) -> None:
    whole = smile(config)
    logs = [whole.step() for _ in range(5)]
    assert any(name.startswith("validation/") for name in _log(logs[3]))
    cut = stepped(config, 3)
    save_checkpoint(tmp_path / "cut", cut.state_dict(0))
    resumed = smile(config)
    resumed.load_state_dict([load_checkpoint(tmp_path / "cut")])
    assert [resumed.step(), resumed.step()] == logs[3:]
    assert stored(whole, tmp_path / "whole") == stored(resumed, tmp_path / "resumed")


PERMUTED = replace(
    CONFIG,
    augmentation=AugmentationConfig(permuted_width=2),
    demonstrations=CLONING,
    discriminator=DiscriminatorConfig(final_state_weight=1.0),
    reward_clip=0.05,
    stall_limit=4,
)


def permuted(config: SMILeConfig = PERMUTED) -> SMILe:
    """A training on demonstrations that show a vector of two coordinates throughout."""
    return SMILe([config], [Access(config.family, dataset=synthetic.showing_dataset())])


@pytest.mark.slow
def test_resuming_keeps_permutations_and_how_long_episodes_have_stalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut, resumed = permuted(), permuted(), permuted()
    for training in (whole, cut, resumed):
        learner = training.reward_learner
        monkeypatch.setattr(learner, "stalled", lambda transitions, _: np.ones(3, np.bool_))
    logs = [whole.step() for _ in range(5)]
    for _ in range(3):
        cut.step()
    assert cut.collector.stalled_steps.tolist() == [2, 2, 2]
    resumed.load_state_dict([cut.state_dict(0)])
    matrices = resumed.reward_learner.embeddings.matrices
    assert torch.equal(matrices, cut.reward_learner.embeddings.matrices)
    assert [resumed.step(), resumed.step()] == logs[3:]
    assert stored(whole, tmp_path / "whole") == stored(resumed, tmp_path / "resumed")


def test_the_policy_sees_states_under_the_permutation_of_their_embedding() -> None:
    training = permuted()
    for _ in range(2):
        training.step()
    # Each embedding tells its matrix.
    buffer = training.reward_learner.embeddings
    buffer.embeddings = buffer.matrices.flatten(3)
    columns = training.demonstrations.constant
    shown = torch.cat((training.demonstrations.states, training.demonstrations.next_states), 2)
    rows, observed = training.replay.state_dict(0)["rows"].flatten(0, 1), shown.shape[-1]
    replayed = torch.cat((rows[:, :observed], rows[:, -observed:]))
    known = torch.cat((shown[..., columns].flatten(0, 2), replayed[:, columns]))
    mean, scale = (
        torch.from_numpy(part)[columns]
        for part in (training.data.normaliser.mean, training.data.normaliser.scale)
    )
    batch, cloning = training.batches.sample(), training.batches.cloning()
    turned = 0
    for features in (batch.features, batch.next_features, cloning.features):
        for row in features[0]:
            matrix = row[-4:].view(2, 2)
            turned += not torch.equal(matrix, torch.eye(2))
            undone = ((row[columns] * scale + mean) @ matrix.T - mean) / scale
            assert (known - undone).abs().amax(1).min() < 1e-5
    assert turned > 0


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    for name, stops in (("whole", (None,)), ("cut", (2, 4, None))):
        for stop in stops:
            training = smile()
            run(Alone(training), tmp_path / name, stop_after=stop)
        stored(training, tmp_path / f"{name}.safetensors")
    whole, cut = (tmp_path / f"{name}.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()


def test_the_encoder_measures_changes_on_the_demonstrations() -> None:
    training = smile(replace(CONFIG, encoder=replace(ENCODER, sees_changes=True)))
    shown = training.demonstrations
    spread = (shown.next_states - shown.states).flatten(0, 2).std(0).clamp(min=1e-3)
    torch.testing.assert_close(training.agent(0, {}).members[0].encoder.change_scale, spread)


def test_everything_it_uses_is_counted() -> None:
    training = stepped(CONFIG, 3)
    counts = training.access.counts
    assert (counts.demonstrations, counts.expert_queries) == (12, 0)
    assert counts.env_steps == 3 * 3 * CONFIG.env_steps_per_iteration
    assert counts.validation_env_steps == 3 * 100
    recipe = training.agent(0, {"command": "none"}).recipe
    assert recipe["access"]["env_steps"] == counts.env_steps
    assert recipe["settings"]["state_only"] is False
    assert recipe["settings"]["discriminator"]["gradient_penalty"] == 4.0


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_a_number_that_is_not_finite_stops_it_and_leaves_the_checkpoint(
    config: SMILeConfig, tmp_path: Path
) -> None:
    run(Alone(smile(config)), tmp_path, stop_after=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    class Poisoned(SMILe):
        def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
            super().load_state_dict(states)
            self.replay._rows[:, :, :, 3] = torch.nan

    poisoned = Alone(Poisoned([config], [access(config)]))
    with pytest.raises(DivergedError, match=r"discriminator.* became non-finite in iteration 3\."):
        run(poisoned, tmp_path, checkpoint_seconds=0.0)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    resumed = smile(config)
    run(Alone(resumed), tmp_path)
    assert resumed.iteration == CONFIG.iterations


def test_no_gradient_of_the_policy_or_the_critics_reaches_the_encoder() -> None:
    training = stepped(replace(CONFIG, demonstrations=CLONING))
    batch, cloning = training.batches.sample(), training.batches.cloning()
    given = *batch, *cloning
    assert not any(column.requires_grad for column in given)
    assert not training.reward_learner.embeddings.embeddings.requires_grad
    encoder = training.reward_learner.encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    training.sac.update_critic(batch)
    training.sac.update_policy(batch.features, cloning)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_transitions_lie_in_the_ring_of_their_task() -> None:
    training = smile()
    environments = training.collector.environments
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = environments.step

    def recorded(actions: np.ndarray) -> np.ndarray:
        before = environments.observe()
        seen.append((before, actions, step(actions)))
        return seen[-1][2]

    environments.step = recorded  # type: ignore[assignment,method-assign]
    training.step()
    steps = CONFIG.env_steps_per_iteration
    assert len(seen) == steps
    normaliser = training.data.normaliser
    for task in range(3):
        for k in (0, steps - 1):
            before, actions, after = (array[task] for array in seen[k])
            row = training.replay.state_dict(0)["rows"][task, k].numpy()
            expected = normaliser(before), actions, normaliser(after)
            np.testing.assert_array_equal(row, np.concatenate(expected))


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY], ids=["state-action", "state-only"])
def test_n_step_returns_are_those_of_the_learners_own_episodes(
    config: SMILeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, sac=replace(config.sac, n_step=3), reward_scale=1.0)
    training = stepped(config, 3)
    discount, observed = config.sac.discount, training.access.family.observation_size

    def readable(transitions: Tensor, embeddings: Tensor) -> Tensor:
        """A reward that can be read off the state."""
        return transitions[..., 0].tanh()

    monkeypatch.setattr(training.reward_learner, "_clipped_logits", readable)
    rows = training.replay.state_dict(0)["rows"]
    lengths = set()
    for _ in range(30):
        batch = Batch(*(column[0] for column in training.batches.sample()))
        shown = round(config.demonstrations.fraction * len(batch.rewards))
        assert batch.continues[:shown].tolist() == [1.0] * shown
        for k in range(shown, len(batch.rewards)):
            state = batch.features[k, :observed]
            task, at = torch.nonzero((rows[..., :observed] == state).all(-1))[0].tolist()
            length = round(1 + math.log(float(batch.continues[k])) / math.log(discount))
            lengths.add(length)
            own = rows[task, at : at + length]
            assert torch.equal(batch.actions[k], own[0, observed:-observed])
            assert torch.equal(batch.next_features[k, :observed], own[-1, -observed:])
            expected = sum(discount**j * own[j, 0].tanh() for j in range(length))
            assert float(batch.rewards[k]) == pytest.approx(float(expected), rel=1e-5)
    assert lengths == {1, 2, 3}


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY], ids=["state-action", "state-only"])
def test_outliers_of_the_demonstrations_are_never_shown(config: SMILeConfig) -> None:
    dataset = synthetic.dataset(length=40)
    shown = dataset.train.observations
    shown[:, 0, 35:] += 20.0
    access = Access(config.family, state_only=config.state_only, dataset=dataset)
    filtered = replace(config, augmentation=AugmentationConfig(outlier_fraction=0.1))
    training = SMILe([filtered], [access])
    outlier_filter = training.data.outlier_filter
    assert outlier_filter is not None
    assert not outlier_filter.kept(shown)[:, 0, 35:].any()
    lowest = float(training.data.normaliser(shown[:, 0, 35:]).mean(-1).min())
    rows = torch.arange(3).repeat_interleave(200)[None]
    sampled = training.demonstrations.sample(Streams((0,)), rows)
    assert float(sampled.states.mean(-1).max()) < lowest
    contexts, _ = training.demonstrations.sample_contexts(Streams((0,)), rows, 1, 40)
    observed = sampled.states.shape[-1]
    assert float(contexts[..., :observed].mean(-1).max()) < lowest
    # The agent leaves the same out of its contexts.
    assert training.agent(0, {}).outlier_filter is outlier_filter
    assert SMILe([config], [access]).agent(0, {}).outlier_filter is None


def test_the_weight_of_cloning_falls_over_its_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    fading = DemonstrationConfig(bc_weight=8.0, bc_decay_iterations=4)
    training = smile(replace(CONFIG, demonstrations=fading))
    weights: list[float | None] = []
    update = training.sac.update_policy

    def watched(features: Tensor, imitation: Imitation | None = None) -> dict[str, Tensor]:
        weights.append(None if imitation is None else float(imitation.weight))
        return update(features, imitation)

    monkeypatch.setattr(training.sac, "update_policy", watched)
    for _ in range(5):
        training.step()
    # The first iteration only collects; there are two updates of the policy in the others.
    assert weights == [6.0, 6.0, 4.0, 4.0, 2.0, 2.0, None, None]


@pytest.mark.parametrize("decay", [0.0, 0.75])
def test_the_policy_used_for_evaluation_is_the_moving_average(decay: float) -> None:
    training = smile(replace(CONFIG, ema_decay=decay))
    mean: list[Tensor] = []
    for _ in range(4):
        training.step()
        encoder, policy = training.reward_learner.encoder, training.sac.policy
        latest = [*encoder.parameters(), *policy.parameters()]
        pairs = zip(mean or latest, latest, strict=True)
        mean = [decay * old + (1.0 - decay) * new.detach() for old, new in pairs]
    acting = [p for network in training.agent(0, {}).members[0] for p in network.parameters()]
    for weights, stacked, new in zip(acting, mean, latest, strict=True):
        expected, last = (
            stack[0].mT if weights.ndim == 2 else stack[0, 0] for stack in (stacked, new)
        )
        torch.testing.assert_close(weights, expected)
        assert torch.equal(weights, last) is (decay == 0.0)


def test_the_agent_bears_the_name_that_it_was_declared_under() -> None:
    assert smile().agent(0, {}).name == "smile"
    config = replace(CONFIG, members=2)
    made = make_trainings([config], [access()], Compute(), "smile-paper")
    assert made.agent(0, {}).name == "smile-paper"


def test_it_needs_environments() -> None:
    with pytest.raises(InputError, match="offline track has no environments"):
        SMILe([CONFIG], [Access(synthetic.FAMILY, track="offline", dataset=synthetic.dataset())])
