"""Goal-conditioned soft actor-critic on what an agent reached by itself.

An explorer acts in the meta-train tasks; the notes' section 6.4 has several. Whatever it reaches, a
goal-conditioned policy learns to reach again: in hindsight, a transition gets goals from the later
states of its own episode and from anywhere in the replay (Andrychowicz et al. 2017). A
demonstration is imitated by taking its last state as the goal. M trainings are one computation:
every tensor begins with the axis M.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.imitation.collector import Collector
from smile_bench.baselines.imitation.trainer import AgentTrainings
from smile_bench.baselines.unsupervised.config import (
    SCALARS,
    GoalReachingConfig,
    require_fitting,
)
from smile_bench.baselines.unsupervised.episode_replay import EpisodeReplay
from smile_bench.baselines.unsupervised.explorer import Explorer, Parts, make_sac
from smile_bench.baselines.unsupervised.goal_reacher import (
    GoalReacher,
    Member,
    ReacherConfig,
    is_discrete,
    make_policy,
)
from smile_bench.baselines.unsupervised.goal_space import GoalSpace
from smile_bench.baselines.unsupervised.own_statistics import OwnStatistics
from smile_bench.baselines.unsupervised.random_actions import RandomActions
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.ema import EMA
from smile_bench.learning.networks import member
from smile_bench.learning.optimizers import falling
from smile_bench.learning.sac import Batch
from smile_bench.learning.stacking import (
    column,
    in_step,
    initial_generators,
    require_stackable,
    to_logs,
)

__all__ = ["GoalTrainings"]


class GoalTrainings(AgentTrainings):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        name: what the agents are called.
        configs: settings, one an agent; they may differ in ``SCALARS``.
        accesses: to reward-free environments, one an agent.
        make_explorer: who acts.
        compute: how to compute.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """

    def __init__(
        self,
        name: str,
        configs: Sequence[GoalReachingConfig],
        accesses: Sequence[Access],
        make_explorer: Callable[[Parts], Explorer],
        compute: Compute | None = None,
    ) -> None:
        compute = compute or Compute()
        for config, access in zip(configs, accesses, strict=False):
            require_fitting(name, config, access)
        super().__init__(name, configs, accesses, compute)
        require_stackable(configs, SCALARS)
        self.config = config = configs[0]
        self.reacher_config = ReacherConfig(
            family=config.family, goal=config.goal, hidden=config.sac.hidden
        )
        each = [own for own in configs for _ in range(self.members)]
        self.parts = self._make_parts(each)
        self.sac, self.replay = self.parts.sac, self.parts.replay
        self.explorer = make_explorer(self.parts)
        tasks = np.tile(np.arange(self.access.tasks()), self.members * config.collection.copies)
        environments = environments_together(accesses, tasks, threads=compute.threads)
        self.collector = Collector(environments, _as_observed, self, self.device)
        environments_each, hold = self.parts.environments, config.collection.hold
        self.random = RandomActions(self.access.family, environments_each, hold, self.streams)
        self.ema = EMA((self.sac.policy,), config.ema_decay)
        self.cycles = Cycles(self.streams, compute.graph)
        self.updates = 0
        """Critic updates of each training so far."""
        self._discount = column([own.sac.discount for own in each], self.device)
        self._lr_fractions = [own.final_lr_fraction for own in each]

    def _make_parts(self, each: Sequence[GoalReachingConfig]) -> Parts:
        config, family, number = self.config, self.access.family, len(self.seeds)
        space = GoalSpace.of(config.family, config.goal)
        generators = initial_generators(self.seeds)
        observed, actions = family.observation_size, family.action_size
        environments = self.access.tasks() * config.collection.copies
        return Parts(
            configs=each,
            environments=environments,
            space=space,
            statistics=OwnStatistics(number, observed, self.device),
            replay=EpisodeReplay(
                number,
                environments,
                config.collection.episodes,
                family.horizon,
                observed,
                actions,
                self.device,
            ),
            sac=make_sac(
                is_discrete(family),
                observed + space.size,
                actions,
                [own.sac for own in each],
                generators,
                self.streams,
                self.compute,
            ),
            streams=self.streams,
            generators=generators,
            compute=self.compute,
        )

    @property
    def iterations(self) -> int:
        """How many iterations the trainings have."""
        return self.config.iterations

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Store one transition of each environment: (M, N, O), (M, N, A), (M, N, O)."""
        self.replay.add(states, actions, next_states)
        self.explorer.note(next_states)
        if self.iteration < self.config.collection.normaliser_iterations:
            self.parts.statistics.add(next_states)

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: control steps in every environment, then updates.

        Returns:
            What to log of each training.
        """
        collection, log = self.config.collection, dict[str, Tensor]()
        random = self.iteration < collection.random_iterations
        self.streams.begin()
        act = self._act_randomly if random else self.explorer.act
        self.collector.collect(collection.env_steps, act, self.rngs, began=self.explorer.begin)
        if self.iteration < collection.normaliser_iterations:
            self.parts.statistics.fit()
        if not random:
            self._scale_learning_rates()
            for _ in range(self.config.updates_per_iteration):
                log |= self._update()
        self.explorer.end(self.iteration)
        self.ema.update()
        logs = to_logs(log) or [{} for _ in self.seeds]
        return [logged | self._counts(index) for index, logged in enumerate(logs)]

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        tables = (self.sac.finite.failed(self.ema.rows), self.explorer.failures())
        return [[name for names in rows for name in names] for rows in zip(*tables, strict=True)]

    def agent(self, index: int, recipe: Mapping[str, Any]) -> GoalReacher:
        """Agent ``index`` as it stands; settings and access counts join its recipe."""
        mine = range(index * self.members, (index + 1) * self.members)
        members = [self.member(each) for each in mine]
        return GoalReacher(
            self.name, self.reacher_config, members, {**recipe, **self.stated(index)}
        )

    def member(self, index: int) -> Member:
        """A training's policy to act with, and the normaliser that it was trained with."""
        (policy,) = self.ema.modules
        plain = make_policy(self.reacher_config, None, torch.device("meta"))
        return Member(member(policy, index, plain), self.parts.statistics.normaliser(index))

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams."""
        return {
            "sac": self.sac.state_dict(index),
            "explorer": self.explorer.state_dict(index),
            "statistics": self.parts.statistics.state_dict(index),
            "replay": self.replay.state_dict(index),
            "ema": self.ema.state_dict(index),
            "collector": self.collector.state_dict(index, len(self.seeds)),
            "held": self.random.held[index],
            "updates": self.updates,
        }

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        self.sac.load_state_dict(index, state["sac"])
        self.explorer.load_state_dict(index, state["explorer"])
        self.parts.statistics.load_state_dict(index, state["statistics"])
        self.replay.load_state_dict(index, state["replay"])
        self.ema.load_state_dict(index, state["ema"])
        self.random.held[index].copy_(state["held"])
        self.updates = in_step(index, self.updates, state["updates"])

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state an agent."""
        super().load_state_dict(states)
        members = [member for state in states for member in state["members"]]
        self.collector.load_state_dict([member["collector"] for member in members])

    def goal_batch(self) -> Batch:
        """Transitions of the replay under goals in hindsight, with their rewards."""
        config, parts, streams = self.config, self.parts, self.streams
        drawn = self.replay.sample(streams, config.batch, config.sac.n_step)
        goals = self._goals(drawn)
        reached = parts.space.reached(drawn.following)
        first = parts.space.reached(drawn.states)[:, :, None]
        before = torch.cat((first, reached[:, :, :-1]), 2)
        rewards = parts.space.rewards(before, reached, goals[:, :, None], config.goal)
        steps = torch.arange(config.sac.n_step, device=self.device)
        weights = drawn.linked * (self._discount[..., None] ** steps)
        return Batch(
            features=parts.input(drawn.states, goals),
            actions=drawn.actions,
            rewards=(weights * rewards).sum(-1),
            next_features=parts.input(drawn.ends, goals),
            continues=self._discount ** (drawn.linked.sum(-1) - 1.0),
        )

    def _goals(self, drawn: Any) -> Tensor:
        """A goal (M, B, G) of each sampled transition."""
        config, space, replay = self.config.goal, self.parts.space, self.replay
        number = self.config.batch
        future, final, proposed = (
            round(share * number) for share in (config.future, config.final, config.proposed)
        )
        anywhere = number - future - final - proposed
        goals = [space.reached(replay.later(drawn, self.streams)[:, :future])]
        goals.append(space.reached(replay.last(drawn)[:, future : future + final]))
        if proposed:
            goals.append(self.explorer.propose(proposed))
        if anywhere:
            goals.append(space.reached(replay.anywhere(self.streams, anywhere)))
        return torch.cat(goals, 1)

    def _counts(self, index: int) -> dict[str, float]:
        """What a training has used, and its agent's coverage where the family has a partition."""
        access = self.accesses[index // self.members]
        log: dict[str, float] = {
            "charts/updates": self.updates,
            "charts/env_steps": access.counts.env_steps,
        }
        if (coverage := access.coverage) is not None:
            log["charts/coverage"] = coverage.share
        return log

    def _act_randomly(self, states: Tensor) -> Tensor:
        return self.random.act(self.replay.added % self.replay.horizon)

    def _scale_learning_rates(self) -> None:
        progress = self.iteration / self.config.iterations
        factors = falling(self._lr_fractions, progress)
        self.sac.scale_learning_rate(factors)
        self.explorer.scale_learning_rate(factors)

    def _update(self) -> Mapping[str, Tensor]:
        """Update the critics and, every few times, the policy; the explorer learns besides."""
        number = self.updates
        self.updates += 1
        improves = self.updates % self.config.sac.policy_every == 0
        key = (improves, self.explorer.kind(number))
        return self.cycles.run(key, lambda: self._cycle(improves, number))

    def _cycle(self, improves: bool, number: int) -> dict[str, Tensor]:
        """One critic update and what comes with it; all on the device, nothing is read."""
        log = self.explorer.update(number)
        batch = self.goal_batch()
        log |= self.sac.update_critic(batch)
        if improves:
            log |= self.sac.update_policy(batch.features)
        return log


def _as_observed(observations: FloatArray) -> Float32Array:
    """Observations as the replay holds them."""
    return np.asarray(observations, np.float32)
