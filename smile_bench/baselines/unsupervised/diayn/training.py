"""DIAYN: skills that can be told apart by where they lead (Eysenbach et al. 2018).

In each episode an environment follows a skill z, sampled uniformly from K, which the policy sees as
a one-hot input. A discriminator learns q(z | s) from the states that skills lead to, and the reward
of a step is log q(z | s') − log p(z) (arXiv:1802.06070, eq. 3; CS285 notes, section 6.4.4).
Rewards are computed when a batch is sampled, so that they are always those of the latest
discriminator. M trainings are one computation: every tensor begins with the axis M.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.imitation.trainer import AgentTrainings
from smile_bench.baselines.unsupervised.diayn.collection import FollowedSteps, SkillCollection
from smile_bench.baselines.unsupervised.diayn.config import SCALARS, DIAYNConfig, require_fitting
from smile_bench.baselines.unsupervised.diayn.discriminator import SkillDiscriminator
from smile_bench.baselines.unsupervised.diayn.skill_imitator import (
    SkillConfig,
    SkillImitator,
    Skills,
    make_skill_discriminator,
    make_skill_policy,
)
from smile_bench.baselines.unsupervised.discrete_sac import DiscreteSAC
from smile_bench.baselines.unsupervised.goal_reacher import is_discrete
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.ema import EMA
from smile_bench.learning.networks import member
from smile_bench.learning.optimizers import falling
from smile_bench.learning.sac import SAC, Batch
from smile_bench.learning.stacking import (
    column,
    in_step,
    initial_generators,
    require_stackable,
    to_logs,
)

__all__ = ["DIAYN", "make_trainings"]


class DIAYN(AgentTrainings):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        configs: settings, one an agent; they may differ in
            :data:`smile_bench.baselines.unsupervised.diayn.config.SCALARS`.
        accesses: to reward-free environments, one an agent.
        compute: how to compute.
        name: what the agents are called.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """

    def __init__(
        self,
        configs: Sequence[DIAYNConfig],
        accesses: Sequence[Access],
        compute: Compute | None = None,
        *,
        name: str = "diayn",
    ) -> None:
        compute = compute or Compute()
        for config, access in zip(configs, accesses, strict=False):
            require_fitting(name, config, access)
        super().__init__(name, configs, accesses, compute)
        require_stackable(configs, SCALARS)
        self.config = config = configs[0]
        family = self.access.family
        self.skill_config = SkillConfig(
            family=config.family,
            skills=config.skills,
            choice=config.choice,
            columns=config.discriminator.columns(family),
            hidden=config.sac.hidden,
            discriminator_hidden=config.discriminator.hidden,
        )
        generators = initial_generators(self.seeds)
        kind = DiscreteSAC if is_discrete(family) else SAC
        self.sac = kind(
            family.observation_size + config.skills,
            family.action_size,
            [own.sac for own in configs],
            generators,
            self.streams,
            compute,
        )
        self.discriminator = SkillDiscriminator(
            len(self.skill_config.columns),
            config.skills,
            config.discriminator.hidden,
            [own.discriminator.optimizer for own in configs],
            generators,
            compute,
        )
        self.collection = SkillCollection(config, accesses, self.streams, self.rngs, compute)
        self.ema = EMA((self.sac.policy, self.discriminator.network), config.ema_decay)
        self.cycles = Cycles(self.streams, compute.graph)
        self.updates = 0
        """Critic updates of each training so far."""
        self._columns = torch.tensor(self.skill_config.columns, device=self.device)
        self._discount = column([own.sac.discount for own in configs], self.device)
        self._lr_fractions = [own.final_lr_fraction for own in configs]

    @property
    def iterations(self) -> int:
        """How many iterations the trainings have."""
        return self.config.iterations

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: control steps in every environment, then updates.

        Returns:
            What to log of each training.
        """
        log = dict[str, Tensor]()
        self.streams.begin()
        self.collection.collect(self.iteration, self.sac.explore)
        if self.iteration >= self.config.collection.random_iterations:
            self._scale_learning_rates()
            for _ in range(self.config.updates_per_iteration):
                log |= self._update()
        self.ema.update()
        logs = to_logs(log) or [{} for _ in self.seeds]
        return [logged | self._counts(index) for index, logged in enumerate(logs)]

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        tables = (self.sac.finite.failed(self.ema.rows), self.discriminator.finite.failed())
        return [[name for names in rows for name in names] for rows in zip(*tables, strict=True)]

    def agent(self, index: int, recipe: Mapping[str, Any]) -> SkillImitator:
        """Agent ``index`` as it stands; settings and access counts join its recipe."""
        policy, discriminator = self.ema.modules
        config, meta = self.skill_config, torch.device("meta")
        networks = Skills(
            member(policy, index, make_skill_policy(config, None, meta)),
            member(discriminator, index, make_skill_discriminator(config, None)),
            self.collection.statistics.normaliser(index),
        )
        return SkillImitator(self.name, config, networks, {**recipe, **self.stated(index)})

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams."""
        return {
            "sac": self.sac.state_dict(index),
            "discriminator": self.discriminator.state_dict(index),
            "ema": self.ema.state_dict(index),
            "collection": self.collection.state_dict(index),
            "updates": self.updates,
        }

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        self.sac.load_state_dict(index, state["sac"])
        self.discriminator.load_state_dict(index, state["discriminator"])
        self.ema.load_state_dict(index, state["ema"])
        self.updates = in_step(index, self.updates, state["updates"])

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state an agent."""
        super().load_state_dict(states)
        members = [member for state in states for member in state["members"]]
        self.collection.load_state_dict([member["collection"] for member in members])

    def _counts(self, index: int) -> dict[str, float]:
        """What a training has used, and its coverage where the family has a partition."""
        access = self.accesses[index]
        log: dict[str, float] = {"charts/updates": self.updates}
        log["charts/env_steps"] = access.counts.env_steps
        coverage = access.coverage
        return log if coverage is None else {**log, "charts/coverage": coverage.share}

    def _scale_learning_rates(self) -> None:
        progress = self.iteration / self.config.iterations
        factors = falling(self._lr_fractions, progress)
        self.sac.scale_learning_rate(factors)
        self.discriminator.scale_learning_rate(factors)

    def _update(self) -> Mapping[str, Tensor]:
        """Update the critics and, every few times, the policy and the discriminator."""
        judges = self.updates % self.config.discriminator.update_every == 0
        self.updates += 1
        improves = self.updates % self.config.sac.policy_every == 0
        return self.cycles.run((judges, improves), lambda: self._cycle(judges, improves))

    def _cycle(self, judges: bool, improves: bool) -> dict[str, Tensor]:
        """One critic update and what comes with it; all on the device, nothing is read.

        Args:
            judges: whether the discriminator is updated, too.
            improves: whether the policy is.
        """
        log, found = dict[str, Tensor](), self.collection.sample()
        reached = found.reached[..., self._columns]
        if judges:
            log |= self.discriminator.update(reached[:, :, 0], found.skills)
        each = found.skills[..., None].expand(-1, -1, reached.shape[2])
        rewards = self.discriminator.rewards(reached, each)
        log["charts/skill_reward"] = rewards[:, :, 0].mean(-1)
        log |= self.sac.update_critic(self._batch(found, rewards))
        if improves:
            log |= self.sac.update_policy(found.features)
        return log

    def _batch(self, found: FollowedSteps, rewards: Tensor) -> Batch:
        """Sampled transitions with the returns of their n rewards (M, B, n)."""
        discounts = self._discount[..., None] ** torch.arange(rewards.shape[2], device=self.device)
        return Batch(
            features=found.features,
            actions=found.actions,
            rewards=(found.linked * discounts * rewards).sum(-1),
            next_features=found.next_features,
            continues=self._discount ** (found.linked.sum(-1) - 1.0),
        )


def make_trainings(
    configs: Sequence[DIAYNConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
    name: str = "diayn",
) -> DIAYN:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    return DIAYN(configs, accesses, compute, name=name)
