"""What all trainings of imitators share: members, scores on the way, stops, recipes, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.imitator import (
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.prepared import prepare
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.envs import get_family
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.compute import Compute
from tests.helpers import synthetic
from tests.helpers.tiny import ENCODER

EPISODES = synthetic.dataset().validation.tasks * get_family(synthetic.FAMILY).horizon
"""Control steps of one score."""


@dataclass(frozen=True)
class Config:
    """Settings of a training that learns nothing."""

    seed: int = 3
    members: int = 1
    validate_every: int = 0


class Fixed(ImitatorTrainings):
    """Learns nothing: training m has the weights that its seed gives, and logs its seed."""

    iterations = 6

    def __init__(self, configs: Sequence[Config], accesses: Sequence[Access]) -> None:
        super().__init__("fixed", configs, accesses, Compute())
        self.data = prepare(accesses, AugmentationConfig(), self.device)
        self.imitator_config = ImitatorConfig(family=synthetic.FAMILY, hidden=(8,), encoder=ENCODER)
        self.failed: dict[int, list[str]] = {}
        self.values = list[float](map(float, self.seeds))

    def iterate(self) -> list[dict[str, float]]:
        return [{"charts/value": value} for value in self.values]

    def failures(self) -> list[list[str]]:
        return [self.failed.get(m, []) for m in range(len(self.seeds))]

    def held_out_losses(self) -> list[dict[str, float]]:
        return [{"losses/held_out": 0.5 * value} for value in self.values]

    def member(self, index: int) -> Member:
        generator = torch.Generator().manual_seed(self.seeds[index])
        config = self.imitator_config
        return Member(make_encoder(config, generator), make_policy(config, generator))

    def member_state(self, index: int) -> dict[str, Any]:
        return {"value": self.values[index]}

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        self.values[index] = state["value"]


def access() -> Access:
    return Access(synthetic.FAMILY, track="offline", dataset=synthetic.dataset())


def trainings(*configs: Config) -> Fixed:
    return Fixed(configs, [access() for _ in configs])


def logs_of(made: Fixed) -> list[dict[str, float]]:
    """An iteration in which no training stops."""
    logs = []
    for log in made.step():
        assert not isinstance(log, DivergedError)
        logs.append(dict(log))
    return logs


@pytest.mark.parametrize(("every", "scored"), [(0, []), (1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3])])
def test_they_are_scored_at_every_kth_iteration(every: int, scored: list[int]) -> None:
    made = trainings(Config(validate_every=every), Config(seed=5, validate_every=every))
    logs = [logs_of(made) for _ in range(4)]
    names = {f"validation/{metric.name}" for metric in get_family(synthetic.FAMILY).metrics}
    for training, given in enumerate(made.accesses):
        own = [log[training] for log in logs]
        assert [k + 1 for k, log in enumerate(own) if len(log) > 1] == scored
        assert given.counts.validation_env_steps == len(scored) * EPISODES
        for k in scored:
            assert own[k - 1].keys() == {"charts/value", "losses/held_out", *names}
            # The same weights on the same contexts and initial states give the same numbers.
            assert own[k - 1] == own[scored[0] - 1]


def test_scores_are_those_of_each_agent() -> None:
    made = trainings(Config(validate_every=1, members=2), Config(5, 2, 1))
    logs = logs_of(made)
    for index, log in enumerate(logs):
        metrics = access().validate(made.agent(index, {}))
        assert {name: log[f"validation/{name}"] for name in metrics} == metrics
    assert logs[0]["validation/min_distance"] != logs[1]["validation/min_distance"]


def test_an_agent_has_the_members_of_its_own_seeds_and_logs_their_means() -> None:
    made = trainings(Config(seed=2, members=3, validate_every=1), Config(7, 3, 1))
    assert made.seeds == [6, 7, 8, 21, 22, 23]
    logs = logs_of(made)
    assert [log["charts/value"] for log in logs] == [7.0, 22.0]
    assert [log["losses/held_out"] for log in logs] == [3.5, 11.0]
    for index, seeds in enumerate(([6, 7, 8], [21, 22, 23])):
        members = made.agent(index, {}).members
        for (_, policy), seed in zip(members, seeds, strict=True):
            (alone,) = trainings(Config(seed=seed)).agent(0, {}).members
            ours, own = policy.state_dict(), alone.policy.state_dict()
            assert all(torch.equal(tensor, own[name]) for name, tensor in ours.items())


def test_the_recipe_has_the_agent_s_settings_and_what_was_used_until_then() -> None:
    made = trainings(Config(3, 1, 1), Config(4, 1, 1))
    made.accesses[1].count_env_steps(8)
    before = [made.agent(index, {"command": "none"}).recipe for index in range(2)]
    for index, recipe in enumerate(before):
        assert recipe["command"] == "none"
        assert recipe["settings"] == {"seed": 3 + index, "members": 1, "validate_every": 1}
        assert recipe["access"]["env_steps"] == 8 * index
        assert recipe["access"]["validation_env_steps"] == 0
    made.step()
    after = made.agent(1, {}).recipe
    assert after["access"] == asdict(made.accesses[1].counts)
    assert after["access"]["validation_env_steps"] == EPISODES
    assert before[1]["access"]["validation_env_steps"] == 0


def test_a_training_that_stops_says_why_and_the_others_continue() -> None:
    made = trainings(Config(0, 2, 2), Config(1, 2, 2), Config(2, 2, 2))
    logs_of(made)
    # The second member of the second agent.
    made.failed[3] = ["critic", "policy"]
    for iteration in (2, 3, 4):
        made.failed[3] += ["entropy"] * (iteration - 2)
        first, stopped, last = made.step()
        assert isinstance(stopped, DivergedError)
        assert "critic and policy became non-finite in iteration 2." in str(stopped)
        for log in (first, last):
            assert not isinstance(log, DivergedError)
            assert ("validation/min_distance" in log) is (iteration % 2 == 0)
    # What has stopped is scored no longer.
    steps = [each.counts.validation_env_steps for each in made.accesses]
    assert steps == [2 * EPISODES, 0, 2 * EPISODES]


def test_states_of_each_agent_continue_it_beside_others() -> None:
    made = trainings(*(Config(seed, 2, 1) for seed in (4, 5, 6)))
    logs_of(made)
    made.values = [float(k) for k in range(6)]
    made.streams.uniform(3)
    for rng in made.rngs:
        rng.random()
    states = [made.state_dict(index) for index in range(3)]
    # Only two of them, and in another order.
    other = trainings(Config(6, 2, 1), Config(4, 2, 1))
    other.load_state_dict([states[2], states[0]])
    assert other.iteration == 1
    assert other.values == [4.0, 5.0, 0.0, 1.0]
    assert [each.counts for each in other.accesses] == [made.accesses[k].counts for k in (2, 0)]
    made.streams.begin()
    expected, found = made.streams.uniform(5), other.streams.uniform(5)
    assert torch.equal(found, expected[[4, 5, 0, 1]])
    assert [rng.random() for rng in other.rngs] == [made.rngs[m].random() for m in (4, 5, 0, 1)]


def test_the_iteration_is_the_latest_where_one_stopped_earlier() -> None:
    made = trainings(Config(0), Config(1))
    early = made.state_dict(0)
    logs_of(made)
    other = trainings(Config(0), Config(1))
    other.load_state_dict([early, made.state_dict(1)])
    assert other.iteration == 1


@pytest.mark.parametrize(("configs", "accesses"), [(0, 0), (2, 1), (1, 2)])
def test_each_training_needs_an_access(configs: int, accesses: int) -> None:
    with pytest.raises(InputError, match=f"{configs} trainings and {accesses} accesses were given"):
        Fixed([Config()] * configs, [access() for _ in range(accesses)])


@pytest.mark.parametrize("members", [0, -1])
def test_no_members_are_refused(members: int) -> None:
    with pytest.raises(InputError, match=f"cannot have {members} members; give 1 or more"):
        trainings(replace(Config(), members=members))


def test_streams_and_generators_are_seeded_by_the_training_s_own_seed() -> None:
    together, alone = trainings(Config(1), Config(9)), trainings(Config(9))
    assert torch.equal(together.streams.normal(4)[1:], alone.streams.normal(4))
    np.testing.assert_array_equal(together.rngs[1].random(3), alone.rngs[0].random(3))
