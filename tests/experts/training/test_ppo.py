from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.errors import DivergedError, InputError
from smile_bench.experts.training.curricula import CURRICULA
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.learning.loop import Alone, run, run_all
from tests.helpers.cycles import nothing_read, recorded_graphs

SMALL: dict[str, Any] = {
    "iterations": 3,
    "envs": 4,
    "horizon": 10,
    "hidden": 16,
    "epochs": 2,
    "minibatches": 2,
}
CONFIG = PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", **SMALL)
WALKER = PPOConfig(
    family="SmileWalkerDynamics-v0",
    curriculum="walk-dynamics",
    rollouts=6,
    initial_std=2.0,
    **SMALL,
)
LASTING = replace(WALKER, rollouts=2, episode=15, initial_std=0.1)


def numbers(training: PPO) -> list[Any]:
    """Everything that is learnt, and where the episodes are."""
    episodes = [] if training.episodes is None else [training.episodes]
    statistics = training.normaliser
    arrays = [
        *training.model.state_dict().values(),
        *(statistics.mean, statistics.variance, statistics.count),
        *episodes,
        training.ages,
    ]
    return [np.asarray(array).tolist() for array in arrays]


def alone(config: PPOConfig) -> PPO:
    return PPO([config])


def stepped(training: PPO) -> dict[str, float]:
    """The log of an iteration of a single training."""
    (log,) = training.step()
    assert not isinstance(log, DivergedError)
    return dict(log)


def seeds(config: PPOConfig, number: int) -> list[PPOConfig]:
    return [replace(config, seed=seed) for seed in range(number)]


def parameters(training: PPO) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in training.model.state_dict().items()}


@pytest.mark.parametrize("config", [CONFIG, WALKER, LASTING], ids=["ant", "walker", "lasting"])
def test_a_resumed_training_equals_the_uninterrupted_one(config: PPOConfig, tmp_path: Path) -> None:
    whole, first, second = alone(config), alone(config), alone(config)
    run(Alone(whole), tmp_path / "whole")
    run(Alone(first), tmp_path / "cut", stop_after=1)
    run(Alone(second), tmp_path / "cut")
    assert numbers(whole) == numbers(second)
    assert numbers(whole) != numbers(first)
    assert whole.learner.learning_rates == second.learner.learning_rates
    assert whole.rngs[0].bit_generator.state == second.rngs[0].bit_generator.state


@pytest.mark.parametrize("config", [CONFIG, LASTING], ids=["ant", "lasting"])
def test_trainings_together_resume_to_equal_bits(config: PPOConfig, tmp_path: Path) -> None:
    whole, first, second = (PPO(seeds(config, 3)) for _ in range(3))
    folders = [[tmp_path / kind / str(seed) for seed in range(3)] for kind in ("whole", "cut")]
    run_all(whole, folders[0])
    run_all(first, folders[1], stop_after=2)
    run_all(second, folders[1])
    assert numbers(whole) == numbers(second)
    assert whole.learner.learning_rates == second.learner.learning_rates
    assert torch.equal(whole.streams.normal(3), second.streams.normal(3))


def test_a_training_among_others_begins_with_the_numbers_that_it_has_alone() -> None:
    config = replace(WALKER, rollouts=1, epochs=1)
    together, second = PPO(seeds(config, 3)), alone(replace(config, seed=1))
    for name, tensor in together.model.member(1).state_dict().items():
        assert torch.equal(tensor, second.model.member(0).state_dict()[name]), name
    assert torch.equal(together.streams.normal(5)[1], second.streams.normal(5)[0])
    together._begin()
    second._begin()
    mine = together._of(1)
    np.testing.assert_array_equal(together.simulator.parameters[mine], second.simulator.parameters)
    np.testing.assert_array_equal(together.simulator.qpos[mine], second.simulator.qpos)


@pytest.mark.parametrize("config", [CONFIG, LASTING], ids=["ant", "lasting"])
def test_a_training_among_others_learns_what_it_learns_alone(config: PPOConfig) -> None:
    together, second = PPO(seeds(config, 3)), alone(replace(config, seed=1))
    log, among = stepped(second), together.step()[1]
    assert not isinstance(among, DivergedError)
    assert among == pytest.approx(log, rel=1e-4, abs=1e-6)
    expected = second.model.member(0).state_dict()
    for name, tensor in together.model.member(1).state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-5)
    assert not torch.equal(together.model.log_std[0], together.model.log_std[1])


def test_a_training_that_diverges_leaves_the_others(tmp_path: Path) -> None:
    together, untouched = PPO(seeds(CONFIG, 3)), PPO(seeds(CONFIG, 3))
    with torch.no_grad():
        together.model.policy.get_parameter("0.weight")[1, 0, 0] = float("nan")
    folders = [tmp_path / str(seed) for seed in range(3)]
    report = run_all(together, folders)
    run_all(untouched, [tmp_path / f"u{seed}" for seed in range(3)])
    assert list(report.diverged) == [1]
    assert "policy" in report.diverged[1]
    assert "iteration 1" in report.diverged[1]
    for index in (0, 2):
        expected = untouched.model.member(index).state_dict()
        for name, tensor in together.model.member(index).state_dict().items():
            assert torch.equal(tensor, expected[name]), name
    resumed = PPO(seeds(CONFIG, 3))
    assert list(run_all(resumed, folders).diverged) == [1]
    assert [reason is None for reason in resumed.stopped] == [True, False, True]


def test_weights_that_no_loss_has_seen_stop_a_training_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = PPO(seeds(CONFIG, 2))
    iterate = training.iterate

    def spoilt() -> list[dict[str, float]]:
        logs = iterate()
        training.model.log_std.detach()[1] = float("inf")
        return logs

    monkeypatch.setattr(training, "iterate", spoilt)
    log, reason = training.step()
    assert not isinstance(log, DivergedError)
    assert isinstance(reason, DivergedError)
    assert "weights" in str(reason)


def test_settings_that_are_not_the_seed_must_be_alike() -> None:
    with pytest.raises(InputError, match="hidden"):
        PPO([CONFIG, replace(CONFIG, hidden=8)])
    with pytest.raises(InputError, match="at least one training"):
        PPO([])


def test_an_update_reads_nothing_from_the_device() -> None:
    training = PPO(seeds(replace(WALKER, minimum_std=0.1, entropy=1e-3), 2))
    with nothing_read() as keys:
        training.step()
        training.fit_value(1)
    assert len(keys) == 7 * WALKER.epochs


def test_a_replayed_graph_learns_what_eager_updates_learn() -> None:
    def learnt() -> PPO:
        training = PPO(seeds(WALKER, 2))
        training.fit_value(2)
        training.step()
        return training

    eager = learnt()
    with recorded_graphs() as graphs:
        graphed = learnt()
    # One of the value functions alone, one of everything.
    assert [graph.replays > 0 for graph in graphs] == [True, True]
    assert numbers(graphed) == numbers(eager)


def test_features_are_normalised_by_all_that_was_seen() -> None:
    training = alone(CONFIG)
    seen: list[Any] = []
    absorb = training.normaliser.absorb
    training.normaliser.absorb = lambda x: (seen.append(x[0]), absorb(x))  # type: ignore[assignment,func-returns-value]
    for _ in range(3):
        training.step()
    x = np.concatenate(seen)
    assert x.shape == (3 * 4 * 10, training.features)
    statistics = training.normaliser
    np.testing.assert_allclose(statistics.mean[0], x.mean(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(statistics.variance[0], x.var(0), rtol=1e-4, atol=1e-4)
    # The goal and the offset to it are among the features.
    goals = training.simulator.parameters
    np.testing.assert_array_equal(x[-4:, 29:31], goals)
    np.testing.assert_allclose(x[-4:, 31:], goals - x[-4:, :2])


def test_the_stored_expert_acts_as_the_policys_mean() -> None:
    training = PPO(seeds(CONFIG, 2))
    training.step()
    rng = np.random.default_rng(0)
    observations = rng.standard_normal((6, 29))
    goals = CURRICULA["reach-goal"].sample_tasks(rng, 6, 0.0)
    seen = np.stack([training.family.privileged(observations, goals)] * 2)
    with torch.no_grad():
        mean = training.model.policy(torch.from_numpy(training.normaliser(seen))).clamp(-1, 1)
    for index in range(2):
        acted = training.expert(index, {}).act(observations, goals)
        np.testing.assert_allclose(acted, mean[index], atol=1e-5)
    assert not torch.allclose(mean[0], mean[1], atol=1e-3)


def test_walkers_that_fall_start_again() -> None:
    training = alone(WALKER)
    log = stepped(training)
    assert log["charts/terminations"] > 0
    assert 0 <= training.ages.min() < 60


def test_features_of_the_task_keep_a_given_scale() -> None:
    training = alone(replace(WALKER, task_scale=0.7))
    training.step()
    scale, mean = training.normaliser.scale[0], training.normaliser.mean[0]
    np.testing.assert_allclose(scale[17:], 0.7)
    assert (mean[17:] == 0.0).all()
    assert not np.allclose(scale[:17], 1.0)


def test_the_policy_keeps_exploring() -> None:
    training = alone(
        replace(WALKER, initial_std=0.3, minimum_std=0.3, entropy=-1.0, learning_rate=0.1)
    )
    training.step()
    assert float(training.model.log_std.detach().exp().min()) == pytest.approx(0.3)
    curious = alone(replace(WALKER, initial_std=0.3, entropy=10.0))
    assert stepped(curious)["charts/std"] > 0.3


@pytest.mark.parametrize(
    ("bounds", "factor"),
    [({"kl_high": -1.0}, 0.5), ({"kl_high": 1e9, "kl_low": 1e9}, 1.5), ({"kl_low": -1.0}, 1.0)],
    ids=["far", "near", "between"],
)
def test_the_learning_rate_follows_the_divergence(bounds: dict[str, float], factor: float) -> None:
    training = alone(replace(CONFIG, **{"kl_high": 1e9, **bounds}))  # type: ignore[arg-type]
    log = stepped(training)
    assert training.learner.learning_rates == pytest.approx([factor * CONFIG.learning_rate])
    assert log["charts/learning_rate"] == training.learner.learning_rates[0]
    training.step()
    assert float(training.learner._adam._rates[0]) == pytest.approx(factor * CONFIG.learning_rate)


def test_each_learning_rate_follows_its_own_divergence() -> None:
    training = PPO(seeds(CONFIG, 3))
    logs = training.step()
    kls = [log["losses/kl"] for log in logs if not isinstance(log, DivergedError)]
    middle = sorted(kls)[1]
    again = PPO(seeds(replace(CONFIG, kl_low=middle * 0.999, kl_high=middle * 1.001), 3))
    again.step()
    factors = [0.5 if kl > middle else 1.5 if kl < middle else 1.0 for kl in kls]
    assert sorted(factors) == [0.5, 1.0, 1.5]
    expected = [factor * CONFIG.learning_rate for factor in factors]
    assert again.learner.learning_rates == pytest.approx(expected)


def test_fitting_the_value_leaves_the_policy_as_it_is() -> None:
    training = alone(WALKER)
    before = parameters(training)
    training.fit_value(2)
    for name, tensor in training.model.named_parameters():
        assert torch.equal(tensor, before[name]) is not name.startswith("value"), name
    assert training.learner.learning_rates == [WALKER.learning_rate]
    training.step()
    moved = dict(training.model.named_parameters())["policy.0.weight"]
    assert not torch.equal(moved, before["policy.0.weight"])


def test_episodes_continue_across_iterations() -> None:
    training = alone(LASTING)
    training.step()
    assert training.episodes is not None
    positions = training.simulator.qpos.copy()
    ages, metrics = training.ages.copy(), training.simulator.metric_state.copy()
    assert LASTING.episode is not None
    assert (ages < LASTING.episode).any()
    training._begin()
    np.testing.assert_array_equal(training.simulator.qpos, positions)
    np.testing.assert_array_equal(training.simulator.metric_state, metrics)
    np.testing.assert_array_equal(training.ages, ages)
    assert training.ages.max() < LASTING.episode + LASTING.horizon


def test_the_first_episodes_have_ages_that_spread() -> None:
    training = alone(replace(LASTING, envs=64, episode=1000))
    training._begin()
    assert len(np.unique(training.ages)) > 50
    training.restart(np.array([3, 5]))
    assert training.ages[[3, 5]].tolist() == [0, 0]
    assert (np.delete(training.ages, [3, 5]) > 0).sum() > 55


def test_what_is_learnt_before_the_tasks_differ_ignores_them() -> None:
    training = alone(replace(WALKER, curriculum="walk-unmodified", task_scale=0.7))
    training.step()
    expert = training.expert(0, {})
    observations = np.random.default_rng(0).standard_normal((4, 17))
    np.testing.assert_array_equal(
        expert.act(observations, np.ones((4, 65))), expert.act(observations, np.full((4, 65), 3.0))
    )
