"""Fine-tuning a shared policy to each task in turn, on a tiny configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.errors import DivergedError, InputError, SmileError
from smile_bench.experts.per_task import PerTaskExperts, write_per_task
from smile_bench.experts.policy import read_expert, task_metrics
from smile_bench.experts.training import per_task
from smile_bench.experts.training.per_task import Network, PerTaskConfig, PerTaskTraining, Turn
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.shared import write_shared
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint

ONE = PPOConfig(
    family="SmileWalkerDynamics-v0",
    curriculum="walk-one-dynamics",
    iterations=1,
    envs=2,
    horizon=6,
    hidden=8,
    epochs=1,
    minibatches=2,
    task_scale=0.7,
)
LATER = replace(ONE, iterations=3, discount=0.997)
CONFIG = PerTaskConfig(
    shared="tiny",
    ppo=ONE,
    later=LATER,
    steady=-1,
    value_rollouts=1,
    averaged=2,
    episodes=1,
    together=1,
)
TASKS = 2


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PPO:
    """A shared policy that depends on the task, where trainings look for it."""
    ppo = PPO([replace(ONE, curriculum="walk-dynamics")])
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in ppo.model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    seen = torch.randn(50, ppo.features, generator=generator, dtype=torch.float64)
    ppo.normaliser.absorb(seen.numpy()[None])
    write_shared(tmp_path / "tiny.safetensors", ppo, 0, {"command": "none"})
    monkeypatch.setattr(
        per_task, "weights_path", lambda family, name: tmp_path / f"{name}.safetensors"
    )
    return ppo


def training(config: PerTaskConfig = CONFIG) -> PerTaskTraining:
    made = PerTaskTraining(config)
    made.tasks = made.tasks[:TASKS]
    return made


def begin(made: PerTaskTraining) -> None:
    """Give every task the policy that it begins its first turn with."""
    ppo = made.begin([Turn(number, number) for number in range(TASKS)])
    for number in range(TASKS):
        made.networks[number] = made.network(number, ppo, number)


def parameters(made: PerTaskTraining, number: int, n: int) -> np.ndarray:
    split, index = made.tasks[number]
    return np.tile(made.family.table(split)[index], (n, 1))


def test_a_policy_without_the_task_s_features_acts_as_the_privileged_one(shared: PPO) -> None:
    made = training()
    begin(made)
    expert = made.expert({})
    observations = 2.0 * np.random.default_rng(0).standard_normal((40, 17))
    acted = []
    for number in range(TASKS):
        tasks = parameters(made, number, 40)
        features = shared.normaliser(made.family.privileged(observations, tasks)[None])
        with torch.no_grad():
            mean = shared.model.policy(torch.from_numpy(features)).clamp(-1.0, 1.0)
        acted.append(expert.act(observations, tasks))
        np.testing.assert_allclose(acted[-1], mean[0], atol=1e-5)
    # The task matters, so its influence was not lost.
    assert np.abs(acted[0] - acted[1]).max() > 0.01


def test_a_later_turn_begins_with_the_task_s_own_policy() -> None:
    made = training()
    begin(made)
    ppo = made.begin([Turn(0, 2), Turn(1, 3)])
    for number in range(TASKS):
        again = made.network(number, ppo, number)
        assert again.keys() == made.networks[number].keys()
        for name, tensor in made.networks[number].items():
            assert torch.equal(tensor, again[name]), name


def test_each_turn_trains_one_task_of_its_own_seed(shared: PPO) -> None:
    made = training()
    assert (made.iterations, made.tasks) == (4, [("test", 0), ("test", 1)])
    both, second = made.begin([Turn(0, 0), Turn(1, 1)]), made.begin([Turn(0, TASKS)])
    assert len({both.configs[0].seed, both.configs[1].seed, second.config.seed}) == 3
    began = both.model.policy.get_parameter("0.weight")
    assert torch.equal(began[1], shared.model.policy.get_parameter("0.weight")[0])
    for number, curriculum in enumerate(both.curricula):
        np.testing.assert_array_equal(
            curriculum.sample_tasks(both.rngs[number], 3, 0.0), parameters(made, number, 3)
        )
    log = made.step()
    assert (log["charts/task"], log["charts/trained"]) == (0.0, 1.0)
    assert list(made.networks) == [0]
    assert log["charts/env_steps"] == ONE.envs * ONE.horizon
    assert made.step()["charts/task"] == 1.0
    assert not torch.equal(made.networks[0]["layer0.bias"], made.networks[1]["layer0.bias"])


@pytest.mark.parametrize("better", [True, False])
def test_a_later_turn_is_kept_where_it_is_better(
    better: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = training()
    made.step()
    before = made.networks[0]
    seen = []

    def score(number: int, network: Network, seed: int) -> float:
        seen.append(network)
        return float(network is not before) if better else float(network is before)

    monkeypatch.setattr(made, "score", score)
    log = made.turn([Turn(0, TASKS)])[0]
    assert seen[0] is before
    assert (log["charts/return_after"] > log["charts/return_before"]) is better
    assert made.networks[0] is seen[int(better)]
    assert not torch.equal(seen[1]["layer1.weight"], before["layer1.weight"])
    # Three iterations of 2 × 6 steps; the rollouts of the value function do not count.
    assert log["charts/env_steps"] == 36


def test_a_later_turn_ends_with_mean_weights_of_its_last_iterations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = training()
    made.step()
    stored: list[Network] = []
    network = made.network

    def record(number: int, ppo: PPO, index: int) -> Network:
        stored.append(network(number, ppo, index))
        return stored[-1]

    monkeypatch.setattr(made, "network", record)
    scores = iter((0.0, 1.0))
    monkeypatch.setattr(made, "score", lambda number, network, seed: next(scores))
    made.turn([Turn(0, TASKS)])
    assert len(stored) == LATER.iterations
    for name, tensor in made.networks[0].items():
        torch.testing.assert_close(tensor, (stored[1][name] + stored[2][name]) / 2)


@pytest.mark.slow
def test_a_score_is_the_mean_return_of_the_tasks_own_policy() -> None:
    made = training(replace(CONFIG, episodes=2))
    begin(made)
    rows = parameters(made, 1, 1)
    expected = task_metrics(made.family, made.expert({}), rows, 2, 3)
    assert made.score(1, made.networks[1], 3) == expected.mean()
    assert made.score(0, made.networks[0], 3) != expected.mean()


@pytest.mark.parametrize("together", [2, 3])
def test_turns_together_learn_what_they_learn_one_after_another(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart, beside = training(), training(replace(CONFIG, together=together))
    for made in (apart, beside):
        made.tasks = PerTaskTraining(CONFIG).tasks[:3]
        # Which policy is better may hang on the last bits.
        monkeypatch.setattr(made, "score", lambda number, network, seed: float(seed >= 4))
    assert (apart.iterations, beside.iterations) == (6, 4 if together == 2 else 2)
    while apart.iteration < apart.iterations:
        apart.step()
    logs = [beside.step() for _ in range(beside.iterations)]
    trained = [log["charts/trained"] for log in logs]
    assert trained == ([2.0, 1.0] * 2 if together == 2 else [3.0, 3.0])
    assert [log["charts/task"] for log in logs] == ([0.0, 2.0] * 2 if together == 2 else [0.0, 0.0])
    assert apart.falls == beside.falls
    for number, network in apart.networks.items():
        for name, tensor in network.items():
            torch.testing.assert_close(beside.networks[number][name], tensor, rtol=1e-4, atol=1e-4)


def diverging(made: PerTaskTraining, monkeypatch: pytest.MonkeyPatch, *turns: Turn) -> None:
    """Let the policies of some turns begin with NaN."""
    begin = made.begin

    def spoilt(given: Sequence[Turn]) -> PPO:
        ppo = begin(given)
        with torch.no_grad():
            for index, turn in enumerate(given):
                if turn in turns:
                    ppo.model.log_std[index] = float("nan")
        return ppo

    monkeypatch.setattr(made, "begin", spoilt)


@pytest.mark.parametrize("sick", [Turn(1, 1), Turn(1, 1 + TASKS)])
def test_a_turn_that_diverges_stops_alone(sick: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, together=2)
    made, healthy = training(config), training(config)
    for each in (made, healthy):
        monkeypatch.setattr(each, "score", lambda number, network, seed: float(seed >= TASKS))
    diverging(made, monkeypatch, sick)
    logs = [made.step() for _ in range(2)]
    before = healthy.step()
    former = dict(healthy.networks)
    expected = [before, healthy.step()]
    first = sick.seed == 1
    assert [log["charts/trained"] for log in logs] == ([1.0, 1.0] if first else [2.0, 1.0])
    assert [log.get("charts/diverged") for log in logs] == ([1.0, 1.0] if first else [None, 1.0])
    assert all(np.isfinite(list(log.values())).all() for log in logs)
    assert first or logs[0] == expected[0]
    assert made.diverged[1].startswith("policy and value and weights became non-finite in iter")
    assert made.report().startswith("test task 1: ")
    assert made.networks.keys() == made.falls.keys() == ({0} if first else {0, 1})
    kept = {0: healthy.networks[0]} if first else {0: healthy.networks[0], 1: former[1]}
    for number, network in kept.items():
        for name, tensor in network.items():
            torch.testing.assert_close(made.networks[number][name], tensor, rtol=1e-4, atol=1e-4)


def test_turns_that_all_diverge_end_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    made = training()
    diverging(made, monkeypatch, Turn(0, 0), Turn(1, 1))
    assert made.step()["charts/diverged"] == 1.0
    with pytest.raises(DivergedError, match=r"all tasks have diverged\. test task 0: .* task 1: "):
        made.step()
    assert not made.networks


def test_what_has_diverged_stays_so_when_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, resumed, former = training(), training(), training()
    diverging(made, monkeypatch, Turn(0, 0))
    made.step()
    made.step()
    save_checkpoint(tmp_path / "checkpoint", made.state_dict())
    stored = dict(load_checkpoint(tmp_path / "checkpoint"))
    resumed.load_state_dict(stored)
    assert resumed.diverged == made.diverged
    assert resumed.step() == {"charts/task": 0.0, "charts/trained": 0.0, "charts/diverged": 1.0}
    del stored["diverged"]
    former.load_state_dict(stored)
    assert former.diverged == {}


def test_steady_tasks_have_no_further_turn() -> None:
    made = training(replace(CONFIG, steady=10))
    for _ in range(TASKS):
        assert made.step()["charts/trained"] == 1.0
    before = dict(made.networks)
    made.falls = {0: 10, 1: 11}
    assert made.step() == {"charts/task": 0.0, "charts/trained": 0.0}
    assert made.networks[0] is before[0]
    assert made.step()["charts/trained"] == 1.0
    assert made.networks[1] is not before[1]
    assert made.falls[0] == 10
    assert made.iteration == made.iterations


@pytest.mark.slow
def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    whole, cut, resumed = training(), training(), training()
    logs = [whole.step() for _ in range(4)]
    for _ in range(3):
        cut.step()
    save_checkpoint(tmp_path / "checkpoint", cut.state_dict())
    resumed.load_state_dict(load_checkpoint(tmp_path / "checkpoint"))
    assert resumed.step() == logs[3]
    assert (resumed.iteration, resumed.falls) == (whole.iteration, whole.falls)
    for number, network in whole.networks.items():
        for name, tensor in network.items():
            assert torch.equal(tensor, resumed.networks[number][name]), (number, name)


def test_the_experts_are_stored_with_their_recipe(tmp_path: Path) -> None:
    made = training()
    for _ in range(TASKS):
        made.step()
    write_per_task(tmp_path / "s.safetensors", made.expert({"command": "some"}))
    found = read_expert(tmp_path / "s.safetensors", made.family.id)
    assert isinstance(found, PerTaskExperts)
    np.testing.assert_array_equal(found.tasks, made.family.table("test")[:TASKS])
    assert found.recipe["command"] == "some"
    assert found.recipe["config"]["rounds"] == 2
    assert found.recipe["shared"]["command"] == "none"
    assert found.recipe["shared"]["config"]["curriculum"] == "walk-dynamics"


def test_no_turn_at_a_time_is_refused() -> None:
    with pytest.raises(InputError, match="0 turns"):
        training(replace(CONFIG, together=0))


def test_a_missing_shared_policy_is_named() -> None:
    with pytest.raises(SmileError, match="none-of-this-name"):
        PerTaskTraining(replace(CONFIG, shared="none-of-this-name"))
