"""State-marginal matching (CS285 notes, 6.4.3; Lee et al. 2019, arXiv:1906.05274).

The bonus of a state is log p*(s) − log p(s), where the target p* is uniform over cells of goal
features and p is fitted to all states seen so far, the historical average. Former policies are
kept, and an episode follows one of them or the latest: the mixture matches the target, each policy
alone does not. :mod:`smile_bench.exploration.state_marginal` has the exact tools.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import BoolArray
from smile_bench.baselines.unsupervised.config import require_fitting
from smile_bench.baselines.unsupervised.episode_replay import Sampled
from smile_bench.baselines.unsupervised.explorer import Parts
from smile_bench.baselines.unsupervised.explorers.bonus import BonusConfig, BonusExplorer
from smile_bench.baselines.unsupervised.explorers.density import Histogram, HistogramConfig
from smile_bench.baselines.unsupervised.training import GoalTrainings
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.optimizers import as_rows
from smile_bench.learning.stacking import in_step
from smile_bench.settings import AMOUNT, COUNT

__all__ = ["StateMarginalConfig", "StateMarginalMatching", "make_trainings"]


@dataclass(frozen=True, kw_only=True)
class StateMarginalConfig(BonusConfig):
    """Settings of a training."""

    history: int = 4
    """Former policies in the mixture, evenly spread over the training; 0 for the latest alone."""
    density: HistogramConfig = field(default_factory=HistogramConfig)


class StateMarginalMatching(BonusExplorer):
    """Visits what it has seen least, by a mixture of its policies.

    Args:
        parts: what it shares with the goal learner.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        config, space, device = self.config, parts.space, parts.compute.device
        number = len(parts.configs)
        self.histogram = Histogram(number, space.size, space.one_hot, config.density, device)
        self.former = [
            copy.deepcopy(self.sac.policy).requires_grad_(False) for _ in range(config.history)
        ]
        self._rows = [as_rows([policy]) for policy in self.former]
        self.kept = 0
        """How many former policies there are so far."""
        self.chosen = torch.zeros((number, parts.environments), dtype=torch.long, device=device)
        """Which policy each episode follows: 0 for the latest, k for the k-th former one."""

    def begin(self, over: BoolArray) -> None:
        """Choose a policy of the mixture for each episode that has just begun."""
        where = torch.unflatten(to_device(over, self.chosen.device), 0, self.chosen.shape)
        drawn = self.parts.streams.integers(self.kept + 1, self.parts.environments)
        self.chosen = torch.where(where, drawn, self.chosen)

    @torch.no_grad()
    def act(self, states: Tensor) -> Tensor:
        """Actions (M, N, A) of the chosen policies in observations (M, N, O)."""
        features = self.parts.statistics(states)
        actions = self.sac.explore(features)
        for number, policy in enumerate(self.former[: self.kept], start=1):
            others = self.sac.explore(features, policy)
            actions = torch.where((self.chosen == number)[..., None], others, actions)
        return actions

    def note(self, next_states: Tensor) -> None:
        """Count what was seen."""
        self.histogram.add(self.parts.space.reached(next_states))

    def bonus(self, drawn: Sampled) -> Tensor:
        """log p* − log p of the states that transitions led to, (M, B)."""
        reached = self.parts.space.reached(drawn.ends)
        return self.histogram.log_uniform - self.histogram.log_density(reached)

    def end(self, iteration: int) -> None:
        """Keep the policy at some iterations."""
        every = max(1, self.config.iterations // (len(self.former) + 1))
        if (iteration + 1) % every == 0 and self.kept < len(self.former):
            latest = [p.detach().flatten(1) for p in self.sac.policy.parameters()]
            self._rows[self.kept].copy_(torch.cat(latest, 1))
            self.kept += 1

    def state_dict(self, index: int) -> dict[str, Any]:
        """Policies, critics and counts of a training."""
        return {
            **super().state_dict(index),
            "histogram": self.histogram.state_dict(index),
            "former": [rows[index] for rows in self._rows[: self.kept]],
            "chosen": self.chosen[index],
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        super().load_state_dict(index, state)
        self.histogram.load_state_dict(index, state["histogram"])
        for rows, given in zip(self._rows, state["former"], strict=False):
            rows[index].copy_(given)
        self.kept = in_step(index, self.kept, len(state["former"]))
        self.chosen[index].copy_(state["chosen"])


def make_trainings(
    name: str,
    configs: Sequence[StateMarginalConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
) -> GoalTrainings:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    ranges = {COUNT: ("explore_every", "density.bins"), AMOUNT: ("history",)}
    for config, access in zip(configs, accesses, strict=False):
        require_fitting(name, config, access, ranges)
    return GoalTrainings(name, configs, accesses, StateMarginalMatching, compute)
