"""SMILe: meta inverse reinforcement learning (SMILe, eq. 3 to 6, Algorithm 1).

An iteration collects transitions in every meta-train task, under an embedding of the task's own
demonstrations. It then updates the reward learner, which trains discriminator and encoder, and soft
actor-critic, which maximises the discriminator's logit and sees the embedding detached. The
state-only form differs in what discriminator and encoder see of a transition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import BoolArray, IntArray
from smile_bench.baselines.imitation.ensemble import make_ensemble
from smile_bench.baselines.imitation.imitator import (
    Imitator,
    ImitatorConfig,
    Member,
    make_encoder,
)
from smile_bench.baselines.imitation.prepared import prepare
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.smile.collector import Collector
from smile_bench.baselines.smile.config import SMILeConfig, require_alike, require_fitting
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.baselines.smile.reward_learner import RewardLearner
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.ema import EMA
from smile_bench.learning.n_step import NStepReturns
from smile_bench.learning.replay import TaskReplay, Transitions
from smile_bench.learning.sac import SAC, Batch, Imitation

__all__ = ["SMILe", "make_trainer"]

RANDOM_ITERATIONS = 1
"""First iterations with uniformly random actions and no update."""
REPLAY_CAPACITY = 40_000
"""Transitions kept of each task."""
INVERSE_DYNAMICS_BATCH = 256
"""Transitions in an update of the inverse dynamics."""


class SMILe(ImitatorTrainer):
    """A training that can be saved after any iteration and continued to the same numbers.

    Args:
        config: settings.
        access: to demonstrations and reward-free environments.
        device: of all networks and data.
        name: what the agent is called.
        shares_with: another training of the same settings but the seed, whose replay and inverse
            dynamics this one uses. That training's checkpoint holds them, so that neither
            checkpoint is complete alone.

    Raises:
        InputError: settings that cannot be trained on this access, or not beside the other.
    """

    def __init__(
        self,
        config: SMILeConfig,
        access: Access,
        device: torch.device = CPU,
        *,
        name: str = "smile",
        shares_with: SMILe | None = None,
    ) -> None:
        require_fitting(config, access)
        super().__init__(name, access, asdict(config), config.validate_every)
        self.config, self.device, self.shares_with = config, device, shares_with
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.data = prepare(access, config.augmentation, device)
        self.demonstrations, self.tasks = self.data.demonstrations, self.data.demonstrations.tasks
        family = access.family
        observed, actions = family.observation_size, family.action_size
        self.imitator_config = ImitatorConfig(
            family=config.family,
            state_only=config.state_only,
            hidden=config.sac.hidden,
            encoder=config.encoder,
        )
        encoder = make_encoder(self.imitator_config, self.generator, device)
        encoder.measure(self.demonstrations.features)
        features = observed + config.encoder.embedding
        self.sac = SAC(features, actions, config.sac, self.generator, device)
        self.reward_learner = RewardLearner(
            config, self.data, encoder, actions, family.context_sizes, self.rng, self.generator
        )
        if shares_with is None:
            sees = self.tasks if config.inverse_dynamics.sees_task else 0
            self.inverse_dynamics = InverseDynamics(observed, actions, sees, self.generator, device)
            self.replay = TaskReplay(self.tasks, REPLAY_CAPACITY, observed, actions, device)
        else:
            require_alike(config, shares_with.config)
            self.inverse_dynamics, self.replay = shares_with.inverse_dynamics, shares_with.replay
        self.ema = EMA((encoder, self.sac.policy), config.ema_decay)
        environments = access.environments(np.arange(self.tasks), threads=1)
        self.collector = Collector(
            environments, self.data.normaliser, self.replay, device, config.stall_limit
        )

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.iterations

    def step(self) -> dict[str, float]:
        """One iteration: control steps in every environment, then updates.

        Returns:
            What to log; at some iterations the metrics on meta-validation tasks.

        Raises:
            DivergedError: a loss is not finite.
        """
        config, log = self.config, dict[str, float]()
        random = self.iteration < RANDOM_ITERATIONS
        self._collect(uniform=random)
        if not random:
            progress = self.iteration / config.iterations
            factor = 1.0 + (config.final_lr_fraction - 1.0) * progress
            for part in (self.sac, self.inverse_dynamics, self.reward_learner):
                part.scale_learning_rate(factor)
            for _ in range(config.updates_per_iteration):
                log |= self._update()
        self.ema.update()
        self.iteration += 1
        log["charts/updates"] = float(self.sac.updates)
        log["charts/env_steps"] = float(self.access.counts.env_steps)
        log["charts/reward_scale"] = float(self.reward_learner.reward_deviation)
        return log | self.scores()

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands: the moving average of encoder and policy."""
        return Imitator(
            self.name,
            self.imitator_config,
            [Member(*self.ema.modules)],  # type: ignore[arg-type]
            self.data.normaliser,
            self.joined(recipe),
            self.data.outlier_filter,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly; a shared replay is the other's."""
        state = {
            "sac": self.sac.state_dict(),
            "reward_learner": self.reward_learner.state_dict(),
            "ema": self.ema.state_dict(),
            "collector": self.collector.state_dict(),
            "generator": self.generator.get_state(),
            "rng": self.rng.bit_generator.state,
            "iteration": self.iteration,
            "access": asdict(self.access.counts),
        }
        if self.shares_with is None:
            state["inverse_dynamics"] = self.inverse_dynamics.state_dict()
            state["replay"] = self.replay.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.sac.load_state_dict(state["sac"])
        self.reward_learner.load_state_dict(state["reward_learner"])
        self.ema.load_state_dict(state["ema"])
        self.collector.load_state_dict(state["collector"])
        if self.shares_with is None:
            self.inverse_dynamics.load_state_dict(state["inverse_dynamics"])
            self.replay.load_state_dict(state["replay"])
        self.generator.set_state(state["generator"])
        self.rng.bit_generator.state = state["rng"]
        self.iteration = state["iteration"]
        self.access.restore(state["access"])

    def _collect(self, *, uniform: bool) -> None:
        """Take control steps in every environment, under one embedding of each task."""
        embeddings, matrices = self.reward_learner.embeddings.sample_all(self.rng)
        permutations = self.data.permutations
        size = (self.tasks, self.access.family.action_size)

        @torch.no_grad()
        def act(states: Tensor) -> Tensor:
            if uniform:
                return to_device(self.rng.uniform(-1.0, 1.0, size).astype(np.float32), self.device)
            seen = torch.cat((permutations(states, matrices), embeddings), -1)
            return self.sac.policy.sample(seen, self.generator)[0]

        def stalled(transitions: Transitions) -> BoolArray:
            seen = permutations.transitions(transitions, matrices)
            return self.reward_learner.stalled(seen, embeddings)

        self.collector.collect(self.config.env_steps_per_iteration, act, self.rng, stalled)

    def _update(self) -> dict[str, float]:
        """Update the critics and, every few times, the reward learner and the policy."""
        config, log = self.config, dict[str, float]()
        if self.sac.updates % config.discriminator.update_every == 0:
            log |= self.reward_learner.update(self.replay)
        batch = self._policy_batch()
        log |= self.sac.update_critic(batch)
        if self.sac.updates % config.sac.policy_every == 0:
            log |= self.sac.update_policy(batch.features, self._cloning())
            for _ in range(config.inverse_dynamics.updates if config.infers_actions else 0):
                rows = self.rng.integers(self.tasks, size=INVERSE_DYNAMICS_BATCH)
                own = self.replay.sample(self.rng, rows)
                log["losses/inverse_dynamics"] = self.inverse_dynamics.update(own, rows)
        return log

    def _policy_batch(self) -> Batch:
        """A batch for soft actor-critic: demonstrations, and n-step returns of the replay."""
        config, rng, size = self.config, self.rng, self.config.batch
        tasks = rng.integers(self.tasks, size=size)
        shown = round(config.demonstrations.fraction * size)
        embeddings, matrices = self.reward_learner.embeddings.sample(rng, tasks)
        own = self.replay.sample_sequences(rng, tasks[shown:], config.sac.n_step)
        demonstrated = self._demonstrated(tasks[:shown])
        # Demonstrations, then the first step of every sequence, then the second, and so on.
        rows = np.resize(np.arange(shown, size), len(own.states))
        rows = np.concatenate((np.arange(shown), rows))
        steps = self.data.permutations.transitions(demonstrated.followed_by(own), matrices[rows])
        assert steps.actions is not None
        rewards = self.reward_learner.rewards(steps, embeddings[rows], size)
        sequences = NStepReturns.of(steps.states[shown:], steps.next_states[shown:], size - shown)
        discount = config.sac.discount
        ends = torch.cat((steps.next_states[:shown], sequences.ends))
        returns = sequences.returns(rewards[shown:], discount)
        beyond = sequences.bootstrap_discount(discount)
        return Batch(
            torch.cat((steps.states[:size], embeddings), -1),
            steps.actions[:size],
            torch.cat((rewards[:shown], returns)),
            torch.cat((ends, embeddings), -1),
            torch.cat((torch.ones_like(rewards[:shown]), beyond)),
        )

    def _cloning(self) -> Imitation | None:
        """Demonstrated actions for the policy to clone (notes, 6.5.4)."""
        config, rng = self.config.demonstrations, self.rng
        weight = config.bc_weight
        if config.bc_decay_iterations:
            weight *= max(0.0, 1.0 - self.iteration / config.bc_decay_iterations)
        if weight == 0.0:
            return None
        tasks = rng.integers(self.tasks, size=self.config.batch)
        embeddings, matrices = self.reward_learner.embeddings.sample(rng, tasks)
        sampled = self._demonstrated(tasks, config.bc_first_states)
        assert sampled.actions is not None
        states = self.data.permutations(sampled.states, matrices)
        states = self.data.noise.of_states(states, self.generator)
        return Imitation(torch.cat((states, embeddings), -1), sampled.actions, weight)

    def _demonstrated(self, tasks: IntArray, first_states: int = 0) -> Transitions:
        """A demonstrated transition of each of the tasks (B,); unseen actions are inferred."""
        sampled = self.demonstrations.sample(self.rng, tasks, first_states)
        if sampled.actions is not None:
            return sampled
        return self.inverse_dynamics.infer(sampled, tasks)


def make_trainer(
    config: SMILeConfig, access: Access, device: torch.device = CPU, name: str = "smile"
) -> ImitatorTrainer:
    """The training of a configuration, of all its members.

    Raises:
        InputError: settings that cannot be trained on this access.
    """

    def make(own: SMILeConfig, first: SMILe | None) -> SMILe:
        shares_with = first if config.shared_replay else None
        return SMILe(own, access, device, name=name, shares_with=shares_with)

    return make_ensemble(config, make, access)
