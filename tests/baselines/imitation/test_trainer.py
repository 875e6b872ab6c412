"""What every training of an imitator shares: when it is scored, and what its recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import (
    Imitator,
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.envs import get_family
from smile_bench.learning.normaliser import Normaliser
from tests.helpers import synthetic
from tests.helpers.tiny import ENCODER


class Fixed(ImitatorTrainer):
    """Learns nothing: its agent has the weights that it began with."""

    iterations = 6

    def __init__(self, access: Access, validate_every: int) -> None:
        super().__init__("fixed", access, {"seed": 3}, validate_every)
        config = ImitatorConfig(family=access.family.id, hidden=(8,), encoder=ENCODER)
        generator = torch.Generator().manual_seed(0)
        member = Member(make_encoder(config, generator), make_policy(config, generator))
        self.config, self.members = config, [member]
        self.normaliser = Normaliser.of(access.demonstrations().observations)

    def step(self) -> dict[str, float]:
        self.iteration += 1
        return self.scores()

    def held_out_losses(self) -> dict[str, float]:
        return {"losses/held_out": 0.5}

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        joined = self.joined(recipe)
        return Imitator(self.name, self.config, self.members, self.normaliser, joined)

    def state_dict(self) -> dict[str, Any]:
        return {"iteration": self.iteration}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration = state["iteration"]


def trainer(validate_every: int) -> Fixed:
    access = Access(synthetic.FAMILY, track="offline", dataset=synthetic.dataset())
    return Fixed(access, validate_every)


@pytest.mark.parametrize(("every", "scored"), [(0, []), (1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3])])
def test_it_is_scored_at_every_kth_iteration(every: int, scored: list[int]) -> None:
    made = trainer(every)
    logs = [made.step() for _ in range(4)]
    assert [k + 1 for k, log in enumerate(logs) if log] == scored
    horizon = get_family(synthetic.FAMILY).horizon
    assert made.access.counts.validation_env_steps == len(scored) * 3 * horizon
    names = {f"validation/{metric.name}" for metric in get_family(synthetic.FAMILY).metrics}
    for k in scored:
        assert logs[k - 1].keys() == {"losses/held_out", *names}
        # The same weights on the same contexts and initial states give the same numbers.
        assert logs[k - 1] == logs[scored[0] - 1]


def test_its_scores_are_those_of_its_agent() -> None:
    made = trainer(1)
    log, metrics = made.step(), made.access.validate(made.agent({}))
    assert {name: log[f"validation/{name}"] for name in metrics} == metrics


def test_the_recipe_has_settings_and_what_was_used_until_then() -> None:
    made = trainer(1)
    before = made.agent({"command": "none"}).recipe
    assert before["command"] == "none"
    assert before["settings"] == {"seed": 3}
    assert before["access"]["validation_env_steps"] == 0
    made.step()
    after = made.agent({}).recipe
    assert after["access"] == asdict(made.access.counts)
    assert after["access"]["validation_env_steps"] > 0
    assert before["access"]["validation_env_steps"] == 0
