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

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.baselines.imitation.collector import Collector
from smile_bench.baselines.imitation.trainer import AgentTrainings
from smile_bench.baselines.unsupervised.diayn.config import SCALARS, DIAYNConfig, require_fitting
from smile_bench.baselines.unsupervised.diayn.discriminator import SkillDiscriminator
from smile_bench.baselines.unsupervised.diayn.skill_imitator import (
    SkillConfig,
    SkillImitator,
    Skills,
    make_skill_discriminator,
    make_skill_policy,
)
from smile_bench.baselines.unsupervised.discrete_sac import DiscreteSAC, sampled
from smile_bench.baselines.unsupervised.episode_replay import EpisodeReplay
from smile_bench.baselines.unsupervised.goal_reacher import is_discrete
from smile_bench.baselines.unsupervised.own_statistics import OwnStatistics
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.devices import to_device
from smile_bench.learning.ema import EMA
from smile_bench.learning.networks import member
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
        self._make_collection(accesses)
        self.ema = EMA((self.sac.policy, self.discriminator.network), config.ema_decay)
        self.cycles = Cycles(self.streams, compute.graph)
        self.updates = 0
        """Critic updates of each training so far."""
        self._columns = torch.tensor(self.skill_config.columns, device=self.device)
        self._discount = column([own.sac.discount for own in configs], self.device)
        self._lr_fractions = [own.final_lr_fraction for own in configs]

    def _make_collection(self, accesses: Sequence[Access]) -> None:
        """Make the replay, the statistics, and what fills both by acting."""
        config, family, number = self.config, self.access.family, len(self.seeds)
        tasks = np.tile(np.arange(self.access.tasks()), config.collection.copies)
        self.environments = len(tasks)
        """N, of each training."""
        self.skills = torch.zeros((number, len(tasks)), dtype=torch.long, device=self.device)
        """The skill that each environment follows, (M, N)."""
        self.statistics = OwnStatistics(number, family.observation_size, self.device)
        # A state is stored with the skill that is followed there.
        self.replay = EpisodeReplay(
            number,
            len(tasks),
            config.collection.episodes,
            family.horizon,
            family.observation_size + 1,
            family.action_size,
            self.device,
        )
        environments = environments_together(accesses, tasks, threads=self.compute.threads)
        self.collector = Collector(environments, _as_observed, self, self.device)

    @property
    def iterations(self) -> int:
        """How many iterations the trainings have."""
        return self.config.iterations

    def begin(self, over: BoolArray) -> None:
        """Sample a skill for the environments (M · N,) in which an episode has just begun."""
        each = np.split(over, len(self.seeds))
        for own, part, rng in zip(self.skills, each, self.rngs, strict=True):
            if part.any():
                chosen = rng.integers(self.config.skills, size=int(part.sum()))
                own[to_device(np.flatnonzero(part), self.device)] = to_device(chosen, self.device)

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Store one transition of each environment: (M, N, O), (M, N, A), (M, N, O)."""
        skill = self.skills[..., None].to(states)
        self.replay.add(
            torch.cat((states, skill), -1), actions, torch.cat((next_states, skill), -1)
        )
        if self.iteration < self.config.collection.normaliser_iterations:
            self.statistics.add(next_states)

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: control steps in every environment, then updates.

        Returns:
            What to log of each training.
        """
        collection, log = self.config.collection, dict[str, Tensor]()
        random = self.iteration < collection.random_iterations
        self.streams.begin()
        act = self._act_randomly if random else self._act
        self.collector.collect(collection.env_steps, act, self.rngs, began=self.begin)
        if self.iteration < collection.normaliser_iterations:
            self.statistics.fit()
        if not random:
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
            self.statistics.normaliser(index),
        )
        return SkillImitator(self.name, config, networks, {**recipe, **self.stated(index)})

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams."""
        return {
            "sac": self.sac.state_dict(index),
            "discriminator": self.discriminator.state_dict(index),
            "statistics": self.statistics.state_dict(index),
            "replay": self.replay.state_dict(index),
            "ema": self.ema.state_dict(index),
            "collector": self.collector.state_dict(index, len(self.seeds)),
            "skills": self.skills[index],
            "updates": self.updates,
        }

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        self.sac.load_state_dict(index, state["sac"])
        self.discriminator.load_state_dict(index, state["discriminator"])
        self.statistics.load_state_dict(index, state["statistics"])
        self.replay.load_state_dict(index, state["replay"])
        self.ema.load_state_dict(index, state["ema"])
        self.skills[index].copy_(state["skills"])
        self.updates = in_step(index, self.updates, state["updates"])

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state an agent."""
        super().load_state_dict(states)
        members = [member for state in states for member in state["members"]]
        self.collector.load_state_dict([member["collector"] for member in members])

    def _counts(self, index: int) -> dict[str, float]:
        """What a training has used, and its coverage where the family has a partition."""
        access = self.accesses[index]
        log: dict[str, float] = {"charts/updates": self.updates}
        log["charts/env_steps"] = access.counts.env_steps
        coverage = access.coverage
        return log if coverage is None else {**log, "charts/coverage": coverage.share}

    @torch.no_grad()
    def _act(self, states: Tensor) -> Tensor:
        """Sample actions (M, N, A) of the skills that are followed, in observations (M, N, O)."""
        return self.sac.explore(self._seen(self.statistics(states), self.skills))

    def _act_randomly(self, states: Tensor) -> Tensor:
        """Uniformly random actions (M, N, A), whatever the skill."""
        uniform = self.streams.uniform(self.environments, self.access.family.action_size)
        if is_discrete(self.access.family):
            return sampled(torch.zeros_like(uniform), uniform)
        return 2.0 * uniform - 1.0

    def _scale_learning_rates(self) -> None:
        progress = self.iteration / self.config.iterations
        each = [1.0 + (last - 1.0) * progress for last in self._lr_fractions]
        factors = each if len(set(self._lr_fractions)) > 1 else each[0]
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
        log = dict[str, Tensor]()
        batch, reached, skills = self._sample()
        if judges:
            log |= self.discriminator.update(reached[:, :, 0], skills)
        each = skills[..., None].expand(-1, -1, reached.shape[2])
        rewards = self.discriminator.rewards(reached, each)
        log["charts/skill_reward"] = rewards[:, :, 0].mean(-1)
        batch = batch._replace(rewards=(batch.rewards * rewards).sum(-1))
        log |= self.sac.update_critic(batch)
        if improves:
            log |= self.sac.update_policy(batch.features)
        return log

    def _sample(self) -> tuple[Batch, Tensor, Tensor]:
        """Transitions of the replay.

        Returns:
            A batch, in place of whose rewards stand the weights (M, B, n) of the rewards of n
            steps; what the discriminator sees of the states that they lead to, (M, B, n, G); the
            skills, (M, B).
        """
        config = self.config
        found = self.replay.sample(self.streams, config.batch, config.sac.n_step)
        steps = torch.arange(config.sac.n_step, device=self.device)
        skills = found.states[..., -1].long()
        states, ends = (self.statistics(part[..., :-1]) for part in (found.states, found.ends))
        following = self.statistics(found.following[..., :-1].flatten(1, 2))
        reached = torch.unflatten(following, 1, found.linked.shape[1:])
        batch = Batch(
            features=self._seen(states, skills),
            actions=found.actions,
            rewards=found.linked * self._discount[..., None] ** steps,
            next_features=self._seen(ends, skills),
            continues=self._discount ** (found.linked.sum(-1) - 1.0),
        )
        return batch, reached[..., self._columns], skills

    def _seen(self, states: Tensor, skills: Tensor) -> Tensor:
        """What policy and critics see of normalised states (M, B, O) under skills (M, B)."""
        one_hot = functional.one_hot(skills, self.config.skills)
        return torch.cat((states, one_hot.to(states)), -1)


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


def _as_observed(observations: FloatArray) -> Float32Array:
    """Observations as the replay holds them."""
    return np.asarray(observations, np.float32)
