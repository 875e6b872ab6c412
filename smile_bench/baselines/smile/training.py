"""SMILe: meta inverse reinforcement learning (SMILe, eq. 3 to 6, Algorithm 1).

An iteration collects transitions in every meta-train task, under an embedding of the task's own
demonstrations. It then updates the reward learner, which trains discriminator and encoder, and soft
actor-critic, which maximises the discriminator's logit and sees the embedding detached. The
state-only form differs in what discriminator and encoder see of a transition. M trainings are one
computation: every tensor begins with the axis M.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import BoolArray
from smile_bench.baselines.imitation.collector import Collector
from smile_bench.baselines.imitation.context_sizes import announced_sizes
from smile_bench.baselines.imitation.imitator import (
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.prepared import prepare
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.smile.config import SMILeConfig, require_fitting, require_together
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.baselines.smile.policy_batches import PolicyBatches
from smile_bench.baselines.smile.reward_learner import RewardLearner
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.ema import EMA
from smile_bench.learning.networks import member
from smile_bench.learning.optimizers import falling
from smile_bench.learning.replay import TaskReplay, Transitions
from smile_bench.learning.sac import SAC
from smile_bench.learning.stacking import in_step, initial_generators, to_logs

__all__ = ["SMILe", "make_trainings"]

RANDOM_ITERATIONS = 1
"""First iterations with uniformly random actions and no update."""
REPLAY_CAPACITY = 40_000
"""Most transitions kept of each task."""
INVERSE_DYNAMICS_BATCH = 256
"""Transitions in an update of the inverse dynamics."""


class SMILe(ImitatorTrainings):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        configs: settings, one an agent; they may differ in the seed and in
            :data:`smile_bench.baselines.smile.config.SCALARS`.
        accesses: to demonstrations and reward-free environments, one an agent.
        compute: how to compute.
        name: what the agents are called.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """

    def __init__(
        self,
        configs: Sequence[SMILeConfig],
        accesses: Sequence[Access],
        compute: Compute | None = None,
        *,
        name: str = "smile",
    ) -> None:
        compute = compute or Compute()
        for config, access in zip(configs, accesses, strict=False):
            require_fitting(config, access)
        super().__init__(name, configs, accesses, compute)
        require_together(configs)
        self.config = config = configs[0]
        each = [own for own in configs for _ in range(self.members)]
        generators = initial_generators(self.seeds)
        self.data = prepare(accesses, config.augmentation, self.device)
        self.demonstrations, self.tasks = self.data.demonstrations, self.data.demonstrations.tasks
        family = self.access.family
        observed, self.actions = family.observation_size, family.action_size
        self.imitator_config = ImitatorConfig(
            family=config.family,
            state_only=config.state_only,
            hidden=config.sac.hidden,
            encoder=config.encoder,
        )
        encoder = make_encoder(self.imitator_config, generators, self.device)
        encoder.measure(self.demonstrations.features)
        # The final states of demonstrations outside the context are predicted.
        predicted = int(config.discriminator.final_state_weight > 0.0)
        self.context_sizes = announced_sizes(
            self.access, self.demonstrations.each, beyond=predicted
        )
        features = observed + config.encoder.embedding
        self.sac = SAC(
            features, self.actions, [own.sac for own in each], generators, self.streams, compute
        )
        self.reward_learner = RewardLearner(
            each,
            self.data,
            encoder,
            self.actions,
            self.context_sizes,
            self.streams,
            generators,
            compute,
        )
        sees = self.tasks if config.inverse_dynamics.sees_task else 0
        self.inverse_dynamics = InverseDynamics(observed, self.actions, sees, generators, compute)
        self.replay, self.collector = self._make_collection(accesses)
        self.batches = PolicyBatches(
            each, self.data, self.replay, self.reward_learner, self.inverse_dynamics, self.streams
        )
        self.ema = EMA((encoder, self.sac.policy), config.ema_decay)
        self.cycles = Cycles(self.streams, compute.graph)
        self.updates = 0
        """Critic updates of each training so far."""
        self._lr_fractions = [own.final_lr_fraction for own in each]

    def _make_collection(self, accesses: Sequence[Access]) -> tuple[TaskReplay, Collector]:
        """The replay, and what fills it by acting."""
        config, family = self.config, self.access.family
        replay = TaskReplay(
            len(self.seeds),
            self.tasks,
            min(REPLAY_CAPACITY, config.iterations * config.env_steps_per_iteration),
            family.observation_size,
            family.action_size,
            shared_by=self.members if config.shared_replay else 1,
            device=self.device,
        )
        # The members of an agent act in its environments, each in its own.
        tasks = np.tile(np.arange(self.tasks), self.members)
        environments = environments_together(accesses, tasks, threads=self.compute.threads)
        return replay, Collector(
            environments, self.data.normaliser, replay, self.device, config.stall_limit
        )

    @property
    def iterations(self) -> int:
        """How many iterations the trainings have."""
        return self.config.iterations

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: control steps in every environment, then updates.

        Returns:
            What to log of each training.
        """
        config, log = self.config, dict[str, Tensor]()
        random = self.iteration < RANDOM_ITERATIONS
        self._collect(uniform=random)
        if not random:
            self._begin_updates()
            for _ in range(config.updates_per_iteration):
                log |= self._update()
        self.ema.update()
        log["charts/reward_scale"] = self.reward_learner.reward_deviation[:, 0]
        steps = [access.counts.env_steps for access in self.accesses for _ in range(self.members)]
        counts = ({"charts/updates": self.updates, "charts/env_steps": n} for n in steps)
        return [logged | count for logged, count in zip(to_logs(log), counts, strict=True)]

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        watched = (self.reward_learner, self.inverse_dynamics)
        tables = [part.finite.failed() for part in watched]
        tables.append(self.sac.finite.failed(self.ema.rows))
        return [[name for names in rows for name in names] for rows in zip(*tables, strict=True)]

    def member(self, index: int) -> Member:
        """A training's networks to act with: the moving average of encoder and policy."""
        encoder, policy = self.ema.modules
        config, meta = self.imitator_config, torch.device("meta")
        return Member(
            member(encoder, index, make_encoder(config, None, meta)),
            member(policy, index, make_policy(config, None, meta)),
        )

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams."""
        return {
            "sac": self.sac.state_dict(index),
            "reward_learner": self.reward_learner.state_dict(index),
            "inverse_dynamics": self.inverse_dynamics.state_dict(index),
            "replay": self.replay.state_dict(index),
            "ema": self.ema.state_dict(index),
            "collector": self.collector.state_dict(index, len(self.seeds)),
            "updates": self.updates,
        }

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        self.sac.load_state_dict(index, state["sac"])
        self.reward_learner.load_state_dict(index, state["reward_learner"])
        self.inverse_dynamics.load_state_dict(index, state["inverse_dynamics"])
        self.replay.load_state_dict(index, state["replay"])
        self.ema.load_state_dict(index, state["ema"])
        self.updates = in_step(index, self.updates, state["updates"])

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state an agent."""
        super().load_state_dict(states)
        members = [member for state in states for member in state["members"]]
        self.collector.load_state_dict([member["collector"] for member in members])

    def _collect(self, *, uniform: bool) -> None:
        """Take control steps in every environment, under one embedding of each task."""
        streams = self.streams
        streams.begin()
        embeddings, matrices = self.reward_learner.embeddings.sample_all(streams)
        permutations, size = self.data.permutations, (self.tasks, self.actions)

        @torch.no_grad()
        def act(states: Tensor) -> Tensor:
            if uniform:
                return 2.0 * streams.uniform(*size) - 1.0
            seen = torch.cat((permutations(states, matrices), embeddings), -1)
            return self.sac.explore(seen)

        def stalled(transitions: Transitions) -> BoolArray:
            seen = permutations.transitions(transitions, matrices)
            return self.reward_learner.stalled(seen, embeddings)

        self.collector.collect(self.config.env_steps_per_iteration, act, self.rngs, stalled)

    def _begin_updates(self) -> None:
        """Set what changes from iteration to iteration."""
        config = self.config
        progress = self.iteration / config.iterations
        factors = falling(self._lr_fractions, progress)
        for part in (self.sac, self.inverse_dynamics, self.reward_learner):
            part.scale_learning_rate(factors)
        self.batches.begin(self.iteration)

    def _update(self) -> Mapping[str, Tensor]:
        """Update the critics and, every few times, the reward learner and the policy."""
        config, learner = self.config, self.reward_learner
        judges = self.updates % config.discriminator.update_every == 0
        self.updates += 1
        improves = self.updates % config.sac.policy_every == 0
        shots = learner.next_shots if judges else 0
        clones = improves and self.batches.clones(self.iteration)
        log = self.cycles.run(
            (improves, shots, clones), lambda: self._cycle(improves, shots, clones)
        )
        if judges and learner.count():
            self.cycles.run("embeddings", learner.refresh)
        return log

    def _cycle(self, improves: bool, shots: int, clones: bool) -> dict[str, Tensor]:
        """One critic update and what comes with it; all on the device, nothing is read.

        Args:
            improves: whether the policy is updated, too.
            shots: demonstrations in the contexts of the reward learner's update; 0 for none.
            clones: whether the policy clones demonstrated actions.
        """
        config, log = self.config, dict[str, Tensor]()
        if shots:
            log |= self.reward_learner.update(self.replay, shots)
        batch = self.batches.sample()
        log |= self.sac.update_critic(batch)
        if improves:
            log |= self.sac.update_policy(
                batch.features, self.batches.cloning() if clones else None
            )
            for _ in range(config.inverse_dynamics.updates if config.infers_actions else 0):
                rows = self.streams.integers(self.tasks, INVERSE_DYNAMICS_BATCH)
                own = self.replay.sample(self.streams, rows)
                log["losses/inverse_dynamics"] = self.inverse_dynamics.update(own, rows)
        return log


def make_trainings(
    configs: Sequence[SMILeConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
    name: str = "smile",
) -> SMILe:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    return SMILe(configs, accesses, compute, name=name)
