"""SMILe's training: what sees what, what it resumes to, and what stops it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smile_bench.access import Access
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.discriminator import REWARDS
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import DivergedError, InputError, UnknownNameError
from smile_bench.learning.checkpoint import pack_module
from smile_bench.learning.loop import run
from tests.helpers import synthetic
from tests.helpers.small_smile import CONFIG, DENSITY, ENCODER, STATE_ONLY, access, stepped


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(STATE_ONLY, imitation=5.0),
        replace(STATE_ONLY, imitation=5.0, inverse_told=True),
        replace(DENSITY, episode_noise=0.5),
        replace(CONFIG, return_steps=3, average=0.9, encoder=replace(ENCODER, changes=True)),
        replace(CONFIG, imitation=5.0, imitation_iterations=4),
        replace(STATE_ONLY, trimmed=0.1),
    ],
    ids=[
        "plain",
        "state-only",
        "state-only, told",
        "density",
        "averaged",
        "imitating at first",
        "trimmed",
    ],
)
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(
    config: SMILeConfig, tmp_path: Path
) -> None:
    whole = SMILe(config, access(config))
    logs = [whole.step() for _ in range(5)]
    assert any(name.startswith("validation/") for name in logs[3])
    cut = stepped(config, 3)
    cut.save(tmp_path / "cut")
    resumed = SMILe(config, access(config))
    resumed.load(tmp_path / "cut")
    assert [resumed.step(), resumed.step()] == logs[3:]
    whole.save(tmp_path / "whole")
    resumed.save(tmp_path / "resumed")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()


SHOWING = replace(CONFIG, episode_vectors=2, imitation=5.0, outcome=1.0, clamp=0.05, patience=4)


def showing(config: SMILeConfig = SHOWING) -> SMILe:
    """A training on demonstrations that show a vector of two coordinates throughout."""
    return SMILe(config, Access(config.family, dataset=synthetic.showing_dataset()))


def test_resuming_keeps_symmetries_and_how_long_episodes_were_hopeless(tmp_path: Path) -> None:
    # log D is always below 0, so that every step is hopeless.
    config = replace(SHOWING, reward="gail")
    whole, cut, resumed = showing(config), showing(config), showing(config)
    logs = [whole.step() for _ in range(5)]
    for _ in range(3):
        cut.step()
    assert cut.collector.hopeless_for.tolist() == [2, 2, 2]
    cut.save(tmp_path / "cut")
    resumed.load(tmp_path / "cut")
    assert torch.equal(resumed.bank.matrices, cut.bank.matrices)
    assert [resumed.step(), resumed.step()] == logs[3:]
    whole.save(tmp_path / "whole")
    resumed.save(tmp_path / "resumed")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()


def test_the_policy_sees_states_as_the_code_beside_them_saw_its_context() -> None:
    training = showing()
    for _ in range(2):
        training.step()
    # The code tells its matrix.
    training.bank.codes = training.bank.matrices.flatten(2)
    columns = training.demonstrations.constant
    shown = torch.cat((training.demonstrations.states, training.demonstrations.next_states), 2)
    replayed = training.replay.tensor()[..., columns].flatten(0, 1)
    known = torch.cat((shown[..., columns].flatten(0, 2), replayed))
    mean, scale = (
        torch.from_numpy(part)[columns]
        for part in (training.normaliser.mean, training.normaliser.scale)
    )
    batch, imitation = training._policy_batch(), training._imitation()
    assert imitation is not None
    turned = 0
    for features in (batch.features, batch.next_features, imitation.features):
        for row in features:
            matrix = row[-4:].view(2, 2)
            turned += not torch.equal(matrix, torch.eye(2))
            undone = ((row[columns] * scale + mean) @ matrix.T - mean) / scale
            assert (known - undone).abs().amax(1).min() < 1e-5
    assert turned > 0


@pytest.mark.parametrize("reward", ["airl", "gail"])
def test_an_episode_is_hopeless_at_the_lowest_reward(
    reward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = showing(replace(SHOWING, reward=reward, clamp=2.0))
    training.step()
    asked = {}

    def collect(steps: int, act: object, rng: object, hopeless: object, patience: int) -> None:
        asked["hopeless"], asked["patience"] = hopeless, patience

    monkeypatch.setattr(training.collector, "collect", collect)
    training._collect(uniform=False)
    assert asked["patience"] == 4
    logits = torch.tensor([-5.0, -1.0, 5.0])
    monkeypatch.setattr(training.discriminator, "forward", lambda x, codes: logits)
    drawn = training.replay.sample(training.rng, np.arange(3))
    assert asked["hopeless"](drawn).tolist() == [True, False, False]  # type: ignore[operator]


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    for name, stops in (("whole", (None,)), ("cut", (2, 4, None))):
        for stop in stops:
            training = SMILe(CONFIG, access())
            run(training, tmp_path / name, stop_after=stop)
        training.save(tmp_path / f"{name}.safetensors")
    whole, cut = (tmp_path / f"{name}.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()


def test_the_encoder_measures_changes_on_the_demonstrations() -> None:
    training = SMILe(replace(CONFIG, encoder=replace(ENCODER, changes=True)), access())
    shown = training.demonstrations
    spread = (shown.next_states - shown.states).flatten(0, 2).std(0).clamp(min=1e-3)
    torch.testing.assert_close(training.agent({}).members[0].encoder.change_scale, spread)


def test_it_is_counted_what_it_uses() -> None:
    training = stepped(CONFIG, 3)
    counts = training.access.counts
    assert (counts.demonstrations, counts.expert_queries) == (12, 0)
    assert counts.env_steps == 3 * 3 * CONFIG.steps
    assert counts.validation_env_steps == 3 * 100
    recipe = training.agent({"command": "none"}).recipe
    assert recipe["access"]["env_steps"] == counts.env_steps
    assert recipe["settings"]["state_only"] is False


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY, DENSITY])
def test_a_number_that_is_not_finite_stops_it_and_leaves_the_checkpoint(
    config: SMILeConfig, tmp_path: Path
) -> None:
    run(SMILe(config, access(config)), tmp_path, stop_after=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    class Poisoned(SMILe):
        def load(self, path: Path) -> None:
            super().load(path)
            self.replay._rows[:, :, 3] = torch.nan

    with pytest.raises(DivergedError, match="discriminator's loss became nan"):
        run(Poisoned(config, access(config)), tmp_path, checkpoint_seconds=0.0)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    resumed = SMILe(config, access(config))
    run(resumed, tmp_path)
    assert resumed.iteration == CONFIG.iterations


def test_no_gradient_of_the_policy_or_the_critics_reaches_the_encoder() -> None:
    training = stepped(replace(CONFIG, imitation=1.0))
    batch, imitation = training._policy_batch(), training._imitation()
    assert imitation is not None
    given = *batch, imitation.features, imitation.actions
    assert not any(column.requires_grad for column in given)
    assert not training.bank.codes.requires_grad
    before = pack_module("encoder", training.encoder)
    training.sac.update_critic(batch)
    training.sac.update_policy(batch.features, imitation)
    after = pack_module("encoder", training.encoder)
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY, DENSITY])
def test_the_discriminators_loss_trains_the_encoder_and_leaves_the_policy(
    config: SMILeConfig,
) -> None:
    training = stepped(config)
    encoder, learner = pack_module("encoder", training.encoder), training.sac.tensors()
    training._update_discriminator()
    changed = pack_module("encoder", training.encoder)
    first = "encoder.timestep.0.weight"
    assert not torch.equal(encoder[first], changed[first])
    after = training.sac.tensors()
    assert all(torch.equal(value, after[name]) for name, value in learner.items())


class LogPolicy(nn.Module):
    """f(s, a) = log π(a | s, z): the reward whose density is the policy."""

    def __init__(self, training: SMILe) -> None:
        super().__init__()
        self.policy, self.observed = training.sac.policy, training.access.family.observation_size
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, transitions: Tensor, codes: Tensor) -> Tensor:
        states, actions = transitions[:, : self.observed], transitions[:, self.observed :]
        with torch.no_grad():
            log_density = self.policy.log_prob(torch.cat((states, codes), -1), actions)
        return log_density + self.shift

    def input_gradients(self, transitions: Tensor, codes: Tensor) -> Tensor:
        return torch.zeros_like(transitions)


def test_no_gradient_of_the_density_form_goes_through_the_policy() -> None:
    training = stepped(DENSITY)
    drawn = training.demonstrations.sample(training.rng, np.array([0, 1]))
    codes = training.bank.codes[:2, 0].clone().requires_grad_()
    assert not training._log_policy(drawn, codes).requires_grad


def test_the_density_form_is_undecided_where_the_policy_has_the_reward_s_density(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = stepped(replace(DENSITY, penalty=0.0))
    training.discriminator = LogPolicy(training)  # type: ignore[assignment]
    monkeypatch.setattr(training.reward_learner, "step", lambda loss: None)
    log = training._update_discriminator()
    # D = exp f / (exp f + π) = 1/2 everywhere: the loss is log 2 for either side.
    assert log["losses/discriminator"] == pytest.approx(2.0 * math.log(2.0), abs=1e-5)


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_the_reward_is_the_formula_of_the_logit(config: SMILeConfig, name: str) -> None:
    training = stepped(replace(config, reward=name, reward_scale=3.0, clamp=0.05))
    rng = np.random.default_rng(0)
    drawn = training.replay.sample(rng, np.array([0, 1, 2, 2]))
    codes = training.bank.codes[[0, 1, 2, 2], 0]
    second = drawn.next_states if config.state_only else drawn.actions
    assert second is not None
    logits = training.discriminator(torch.cat((drawn.states, second), -1), codes)
    expected = 3.0 * REWARDS[name](logits).clamp(-0.05, 0.05)
    torch.testing.assert_close(training.reward(training._judged(drawn), codes), expected.detach())


def test_rewards_are_scaled_to_their_running_deviation() -> None:
    training = stepped()
    training.reward.deviation = torch.tensor(0.5)
    drawn = training.replay.sample(np.random.default_rng(0), np.array([0, 1, 2, 2]))
    codes = training.bank.codes[[0, 1, 2, 2], 0]
    assert drawn.actions is not None
    logits = training.discriminator(torch.cat((drawn.states, drawn.actions), -1), codes).detach()
    scale = 0.99 * 0.5 + 0.01 * float(logits.std())
    torch.testing.assert_close(training.reward(training._judged(drawn), codes), logits / scale)


def test_transitions_lie_in_the_ring_of_their_task() -> None:
    training = SMILe(CONFIG, access())
    environments = training.collector.environments
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = environments.step

    def recorded(actions: np.ndarray) -> np.ndarray:
        before = environments.observe()
        seen.append((before, actions, step(actions)))
        return seen[-1][2]

    environments.step = recorded  # type: ignore[method-assign]
    training.step()
    assert len(seen) == CONFIG.steps
    for task in range(3):
        for k in (0, CONFIG.steps - 1):
            before, actions, after = (array[task] for array in seen[k])
            row = training.replay.tensor()[task, k].numpy()
            expected = training.normaliser(before), actions, training.normaliser(after)
            np.testing.assert_array_equal(row, np.concatenate(expected))


def test_settings_that_can_not_be_trained_are_refused() -> None:
    with pytest.raises(InputError, match="discrete actions"):
        SMILe(SMILeConfig(family="SmileGridGoal-v0"), Access("SmileGridGoal-v0"))
    with pytest.raises(InputError, match="do not fit an access"):
        SMILe(CONFIG, access(STATE_ONLY))
    with pytest.raises(UnknownNameError, match="Did you mean 'airl'"):
        SMILe(replace(CONFIG, reward="arl"), access())
    with pytest.raises(InputError, match="no state-only form"):
        SMILe(replace(STATE_ONLY, density_form=True), access(STATE_ONLY))
    for wrong in ({"imitation_iterations": -1}, {"inverse_updates": 0}, {"average": 1.0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} is .*; give"):
            SMILe(replace(CONFIG, **wrong), access())
    with pytest.raises(InputError, match="offline track has no environments"):
        SMILe(CONFIG, Access(synthetic.FAMILY, track="offline", dataset=synthetic.dataset()))


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY], ids=["state-action", "state-only"])
def test_returns_of_several_steps_are_those_of_the_learners_own_episodes(
    config: SMILeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = stepped(replace(config, return_steps=3, reward_scale=1.0), 3)
    discount, observed = config.sac.discount, training.access.family.observation_size
    # A reward that can be read off the state.
    monkeypatch.setattr(training.reward, "raw", lambda judged, codes: judged[:, 0].tanh())
    rows = training.replay.tensor()
    lengths = set()
    for _ in range(30):
        batch = training._policy_batch()
        shown = round(config.demonstrated * len(batch.rewards))
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
def test_what_is_far_from_the_other_demonstrations_is_never_shown(config: SMILeConfig) -> None:
    dataset = synthetic.dataset(length=40)
    shown = dataset.train.observations
    shown[:, 0, 35:] += 20.0
    access = Access(config.family, state_only=config.state_only, dataset=dataset)
    training = SMILe(replace(config, trimmed=0.1), access)
    assert training.trimming is not None
    assert not training.trimming.kept(shown)[:, 0, 35:].any()
    lowest = float(training.normaliser(shown[:, 0, 35:]).mean(-1).min())
    rows = np.arange(3).repeat(200)
    drawn = training.demonstrations.sample(training.rng, rows)
    assert float(drawn.states.mean(-1).max()) < lowest
    contexts, _ = training.demonstrations.sample_contexts(training.rng, rows, 1, 40)
    observed = drawn.states.shape[-1]
    assert float(contexts[..., :observed].mean(-1).max()) < lowest
    # What acts leaves the same out of its contexts.
    assert training.agent({}).trimming is training.trimming
    assert SMILe(config, access).agent({}).trimming is None


def test_imitation_fades_over_its_iterations() -> None:
    training = SMILe(replace(CONFIG, imitation=8.0, imitation_iterations=4), access(CONFIG))
    weights = []
    for _ in range(5):
        imitation = training._imitation()
        weights.append(imitation.weight if imitation else 0.0)
        training.step()
    assert weights == [8.0, 6.0, 4.0, 2.0, 0.0]
    assert training._imitation() is None
