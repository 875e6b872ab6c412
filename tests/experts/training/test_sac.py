from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.errors import DivergedError
from smile_bench.experts.training.curricula import CURRICULA
from smile_bench.experts.training.sac import SACExpert, SACExpertConfig
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.sac import SACConfig
from smile_bench.learning.streams import Streams
from tests.helpers.cycles import nothing_read, recorded_graphs


def small(family: str, curriculum: str) -> SACExpertConfig:
    return SACExpertConfig(
        family=family,
        curriculum=curriculum,
        iterations=4,
        envs=3,
        env_steps_per_iteration=40,
        updates_per_env_step=1,
        batch=16,
        replay_capacity=200,
        sac=SACConfig(hidden=(16, 16), layer_norm=True, policy_every=2, target_entropy=-6.0),
    )


def seeds(config: SACExpertConfig, number: int) -> list[SACExpertConfig]:
    return [replace(config, seed=seed) for seed in range(number)]


CHEETAH = ("SmileHalfCheetahVelocity-v0", "track-velocity")
CASES = [CHEETAH, ("SmileWalkerDynamics-v0", "walk-dynamics")]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "curriculum"), CASES)
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(
    family: str, curriculum: str, tmp_path: Path
) -> None:
    configs = seeds(small(family, curriculum), 2)
    whole = SACExpert(configs)
    logs = [whole.step() for _ in range(4)]
    cut = SACExpert(configs)
    for _ in range(2):
        cut.step()
    for index in range(2):
        save_checkpoint(tmp_path / f"cut{index}", cut.state_dict(index))
    resumed = SACExpert(configs)
    resumed.load_state_dict([load_checkpoint(tmp_path / f"cut{index}") for index in range(2)])
    assert [resumed.step(), resumed.step()] == logs[2:]
    for index in range(2):
        save_checkpoint(tmp_path / "whole", whole.state_dict(index))
        save_checkpoint(tmp_path / "resumed", resumed.state_dict(index))
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()


def test_a_training_among_others_learns_what_it_learns_alone() -> None:
    config = small(*CHEETAH)
    together, second = SACExpert(seeds(config, 3)), SACExpert([replace(config, seed=1)])

    def rows(training: SACExpert, index: int) -> torch.Tensor:
        tensors: list[torch.Tensor] = []
        for layer in training.policy_layers(index):
            tensors += [parameter.detach().flatten() for parameter in layer.parameters()]
        return torch.cat(tensors)

    assert torch.equal(rows(together, 1), rows(second, 0))
    together.step()
    second.step()
    # Random actions and no update: the same episodes to the bit.
    held, own = together.replay.state_dict(1)["rows"], second.replay.state_dict(0)["rows"]
    assert torch.equal(held, own)
    assert not torch.equal(held, together.replay.state_dict(0)["rows"])
    for expected, found in zip(second._sample_batches(), together._sample_batches(), strict=True):
        torch.testing.assert_close(found[1], expected[0])
    for _ in range(5):
        together._update()
        second._update()
    torch.testing.assert_close(rows(together, 1), rows(second, 0), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(rows(together, 0), rows(together, 1), atol=1e-2)


def test_a_training_that_diverges_leaves_the_others() -> None:
    together, untouched = (SACExpert(seeds(small(*CHEETAH), 3)) for _ in range(2))
    for training in (together, untouched):
        training.step()
    with torch.no_grad():
        together.sac.critic.get_parameter("layers.0.weight")[2, 0, 0] = float("nan")
    (first, diverged, third), expected = together.step(), untouched.step()
    assert isinstance(diverged, DivergedError)
    assert "critic" in str(diverged)
    assert (first, third) == (expected[0], expected[2])
    # It keeps saying so, and the simulator gets no number that is not finite.
    assert together.step()[1] is diverged


def test_weights_that_no_loss_has_seen_stop_a_training_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = SACExpert(seeds(small(*CHEETAH), 2))
    iterate = training.iterate

    def spoilt() -> list[dict[str, float]]:
        logs = iterate()
        training.sac.policy.get_parameter("layers.0.bias").detach()[1] = float("inf")
        return logs

    monkeypatch.setattr(training, "iterate", spoilt)
    log, reason = training.step()
    assert not isinstance(log, DivergedError)
    assert isinstance(reason, DivergedError)
    assert "weights" in str(reason)


def test_an_update_reads_nothing_from_the_device() -> None:
    training = SACExpert(seeds(small(*CHEETAH), 2))
    with nothing_read() as keys:
        training.step()
        training.step()
    # One update a control step, and the policy's at every second.
    assert keys == [0, 1] * 20


def test_a_replayed_graph_learns_what_eager_updates_learn() -> None:
    config = replace(small(*CHEETAH), updates_per_env_step=3, env_steps_per_iteration=12)

    def learnt() -> tuple[SACExpert, list[Any]]:
        training = SACExpert(seeds(config, 2))
        return training, [training.step(), training.step()]

    eager, logs = learnt()
    with recorded_graphs() as graphs:
        graphed, replayed = learnt()
    assert [graph.replays > 0 for graph in graphs] == [True, True]
    assert replayed == logs
    for index in range(2):
        for ours, theirs in zip(
            graphed.policy_layers(index), eager.policy_layers(index), strict=True
        ):
            assert torch.equal(ours.get_parameter("weight"), theirs.get_parameter("weight"))


@pytest.mark.parametrize(("family", "curriculum"), CASES)
def test_the_stored_expert_acts_as_the_policy(family: str, curriculum: str) -> None:
    training = SACExpert(seeds(small(family, curriculum), 2))
    for _ in range(2):
        training.step()
    rng = np.random.default_rng(0)
    parameters = CURRICULA[curriculum].sample_tasks(rng, 5, 1.0)
    observations = rng.normal(size=(5, training.family.observation_size))
    seen = np.stack([training.family.privileged(observations, parameters)] * 2)
    expected = training.sac.policy.act(torch.from_numpy(training.normaliser(seen)))
    for index in range(2):
        actual = training.expert(index, {}).act(observations, parameters)
        np.testing.assert_allclose(actual, expected[index], atol=1e-5)
    assert not torch.allclose(expected[0], expected[1], atol=1e-3)


def test_the_replay_buffer_holds_what_happened() -> None:
    training = SACExpert(seeds(small("SmileWalkerDynamics-v0", "walk-dynamics"), 2))
    logs = training.step()
    sampled = training.replay.sample(Streams([0, 1]), 500)
    for index, (log, curriculum) in enumerate(zip(logs, training.curricula, strict=True)):
        assert not isinstance(log, DivergedError)
        assert log["charts/updates"] == 0.0
        assert log["charts/env_steps"] == training.replay.added == 3 * 40
        rows = {name: column[index].numpy() for name, column in sampled.items()}
        # Random torques make walkers fall, and a fall is where a transition does not continue.
        fallen = curriculum.terminated(rows["next_observation"].astype(np.float64))
        np.testing.assert_array_equal(rows["continues"][:, 0], ~fallen)
        assert fallen.any()
        assert log["charts/terminations"] > 0
        assert set(rows["task"][:, 0]) == {0.0, 1.0, 2.0}
        np.testing.assert_array_equal(
            training.tasks[index, :3], training.by_training(training.simulator.parameters)[index]
        )
    assert (training.tasks[:, 3:] == 0.0).all()
    training.step()
    assert (training.tasks[:, 3:6] != 0.0).all()
    assert training.updates == 40


def test_relabelled_transitions_earn_the_reward_of_another_task() -> None:
    training = SACExpert(seeds(replace(small(*CHEETAH), batch=400), 2))
    training.step()
    batch = training._sample_batches()
    # The target follows the 17 observed features. Half the batch keeps the task acted in.
    targets = batch.features[..., 17].numpy()
    tasks = np.concatenate((np.zeros((2, 3, 17)), training.tasks[:, :3]), axis=2)
    acted = training.normaliser(tasks)[..., 17]
    own = np.isclose(targets[..., None], acted[:, None], atol=1e-4).any(axis=2)
    assert ((own.mean(axis=1) > 0.4) & (own.mean(axis=1) < 0.6)).all()
    # Rewards are of the task in the features: -|v - v*| - 0.05 |a|², v within the first steps.
    wanted = targets * training.normaliser.scale[:, 17:] + training.normaliser.mean[:, 17:]
    errors = -batch.rewards.numpy() - 0.05 * batch.actions.square().sum(-1).numpy()
    assert (np.corrcoef(errors[0], wanted[0])[0, 1]) > 0.8


def test_learning_rates_fall_in_the_second_half() -> None:
    training = SACExpert([small(*CHEETAH)])
    factors = []
    for iteration in range(5):
        training.iteration = iteration
        factors.append(training._learning_rate_factor())
    assert factors == pytest.approx([1.0, 1.0, 1.0, 0.51, 0.02])
