"""SMILe: meta inverse RL by a context-conditioned discriminator and policy (eq. 3–6, Algorithm 1).

A context of a task's demonstrations is encoded to a code z. The discriminator tells, under z, the
task's demonstrations from what the policy does in that task, and trains the encoder; soft
actor-critic maximises the discriminator's logit, seeing z detached. State-action and state-only
differ in one switch: what discriminator and encoder see of a transition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.ensemble import ensemble
from smile_bench.baselines.imitation.final_state import FinalStateSampler
from smile_bench.baselines.imitation.imitator import Acting, Imitator, ImitatorConfig, make_networks
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.smile.collector import Collector
from smile_bench.baselines.smile.config import SMILeConfig, require_alike, require_fitting
from smile_bench.baselines.smile.discriminator import classification_loss, gradient_penalty
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.baselines.smile.reward import DiscriminatorReward
from smile_bench.baselines.smile.reward_learner import RewardLearner
from smile_bench.errors import DivergedError
from smile_bench.learning.checkpoint import Tensors, pack_generator, unpack_generator
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.ema import EMA
from smile_bench.learning.n_step import NStepReturns
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions
from smile_bench.learning.sac import SAC, Batch, Imitation

__all__ = ["SMILe", "make_trainer", "smile_members"]


class SMILe(ImitatorTrainer):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        config: settings.
        access: to demonstrations and reward-free environments.
        device: what it computes on.
        beside: another training of the same settings but the seed, whose replay and inverse
            dynamics are this one's too: each learns from what both do. The other's checkpoint holds
            them, so that neither is of use alone.

    Raises:
        InputError: settings that can not be trained on this access, or not beside the other.
        UnknownNameError: no such reward.
    """

    def __init__(
        self,
        config: SMILeConfig,
        access: Access,
        device: torch.device = CPU,
        *,
        beside: SMILe | None = None,
    ) -> None:
        require_fitting(config, access)
        super().__init__(access, asdict(config), config.validate_every)
        self.config, self.device = config, device
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator().manual_seed(config.seed)
        demonstrations = access.demonstrations()
        self.normaliser = Normaliser.of(demonstrations.observations)
        self.trimming = None
        if config.trimmed:
            self.trimming = OutlierFilter.of(demonstrations.observations, config.trimmed)
            demonstrations = self.trimming(demonstrations)
        self.demonstrations = TaskDemonstrations(demonstrations, self.normaliser, device)
        self.noise = ConstantFeatureNoise(self.demonstrations, config.episode_noise)
        self.symmetry = SignedPermutations(self.demonstrations, config.episode_vectors)
        self.tasks = self.demonstrations.tasks
        observed, actions = access.family.observation_size, access.family.action_size
        self.imitator_config = ImitatorConfig(
            family=config.family,
            state_only=config.state_only,
            hidden=config.hidden,
            encoder=config.encoder,
        )
        self.encoder, _ = make_networks(self.imitator_config, self.generator, device)
        self.encoder.measure(self.demonstrations.features)
        code = config.encoder.code
        sac = replace(config.sac, hidden=config.hidden)
        self.sac = SAC(observed + code, actions, sac, self.generator, device)
        self.reward_learner = RewardLearner(
            config, self.encoder, observed, actions, self.generator, device
        )
        self.discriminator, self.outcome = (
            self.reward_learner.discriminator,
            self.reward_learner.outcome,
        )
        self.reward = DiscriminatorReward(
            self.discriminator, config.reward, config.clamp, config.reward_scale, device
        )
        self.beside = beside
        if beside is None:
            told = self.tasks if config.inverse_told else 0
            self.inverse_dynamics = InverseDynamics(observed, actions, told, self.generator, device)
            self.replay = TaskReplay(self.tasks, config.capacity, observed, actions, device)
        else:
            require_alike(config, beside.config)
            self.inverse_dynamics, self.replay = beside.inverse_dynamics, beside.replay
        self.outcomes = FinalStateSampler(self.symmetry, self.noise, config.outcomes_per_task)
        self.average = EMA(Acting(self.encoder, self.sac.policy), config.average)
        """Encoder and policy that act when the training is over."""
        environments = access.environments(np.arange(self.tasks), threads=config.threads)
        self.collector = Collector(environments, self.normaliser, self.replay, device)
        self.sizes = config.context_sizes or access.family.context_sizes
        # FinalStateSampler are predicted of demonstrations that are not in the context.
        self.demonstrations.require_sizes(self.sizes, beyond=1 if config.outcome > 0.0 else 0)
        self.bank = EmbeddingBuffer(
            self.demonstrations,
            self.symmetry,
            sizes=self.sizes,
            timesteps=config.context_timesteps,
            each=config.codes_per_task,
            length=code,
        )
        self.discriminator_updates = 0
        self.bank.refresh(self.encoder, self.rng)

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
        config = self.config
        explore = self.iteration < config.random_iterations
        self._collect(uniform=explore)
        log: dict[str, float] = {}
        if not explore:
            self._set_learning_rates()
            for _ in range(config.updates):
                log |= self._update()
        self.average.update()
        self.iteration += 1
        log["charts/updates"] = float(self.sac.updates)
        log["charts/env_steps"] = float(self.access.counts.env_steps)
        log["charts/reward_scale"] = float(self.reward.deviation)
        return log | self.scores()

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands."""
        return Imitator(
            self.config.name,
            self.imitator_config,
            [self.average.acting],
            self.normaliser,
            self.joined(recipe),
            self.trimming,
        )

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs; the replay as well, unless it is another's."""
        tensors = {
            **self.sac.tensors(),
            **self.reward_learner.tensors(),
            **self.average.tensors(),
            **self.collector.tensors(),
            "bank": self.bank.codes,
            "bank.matrices": self.bank.matrices,
            "reward_scale": self.reward.deviation,
            "generator": self.generator.get_state(),
        }
        if self.beside is None:
            tensors |= {**self.inverse_dynamics.tensors(), "replay": self.replay.tensor()}
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "updates": self.sac.updates,
            "discriminator_updates": self.discriminator_updates,
            "replay_added": self.replay.added,
            "access": asdict(self.access.counts),
            "rng": pack_generator(self.rng),
        }
        return tensors, state

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""
        self.sac.restore(tensors, state["updates"])
        self.reward_learner.restore(tensors)
        self.average.restore(tensors)
        if self.beside is None:
            self.inverse_dynamics.restore(tensors)
            self.replay.restore(tensors["replay"], state["replay_added"])
        self.bank.codes.copy_(tensors["bank"])
        self.bank.matrices.copy_(tensors["bank.matrices"])
        self.reward.deviation.copy_(tensors["reward_scale"])
        self.generator.set_state(tensors["generator"])
        self.collector.restore(tensors)
        self.iteration = state["iteration"]
        self.discriminator_updates = state["discriminator_updates"]
        self.access.restore(state["access"])
        unpack_generator(self.rng, state["rng"])

    def _collect(self, *, uniform: bool) -> None:
        """Take ``steps`` control steps in every environment, under one code of each task."""
        config, (codes, view) = self.config, self.bank.sample_slot(self.rng)
        size = (self.tasks, self.access.family.action_size)

        @torch.no_grad()
        def act(states: Tensor) -> Tensor:
            if uniform:
                return to_device(self.rng.uniform(-1.0, 1.0, size).astype(np.float32), self.device)
            seen = torch.cat((self.symmetry(states, view), codes), -1)
            return self.sac.policy.sample(seen, self.generator)[0]

        def hopeless(drawn: Transitions) -> Tensor:
            seen = self.symmetry.transitions(drawn, view)
            return self.reward.raw(self._judged(seen), codes) <= -config.clamp

        self.collector.collect(config.steps, act, self.rng, hopeless, config.patience)

    def _update(self) -> dict[str, float]:
        """One critic update, and at every so-manieth one of discriminator and policy."""
        log: dict[str, float] = {}
        if self.sac.updates % self.config.discriminator_every == 0:
            log |= self._update_discriminator()
        batch = self._policy_batch()
        log |= self.sac.update_critic(batch)
        if self.sac.updates % self.config.sac.policy_every == 0:
            log |= self.sac.update_policy(batch.features, self._imitation())
            for _ in range(self.config.inverse_updates if self.config.infers_actions else 0):
                rows = self.rng.integers(self.tasks, size=256)
                own = self.replay.sample(self.rng, rows)
                log["losses/inverse_dynamics"] = self.inverse_dynamics.update(own, rows)
        return log

    def _update_discriminator(self) -> dict[str, float]:
        """One step on discriminator and encoder (eq. 4), and what depends on them."""
        config, rng = self.config, self.rng
        tasks = rng.permutation(self.tasks)[: config.tasks_per_batch]
        shots = int(rng.choice(self.sizes))
        features, rest = self.demonstrations.sample_contexts(
            rng, tasks, shots, config.context_timesteps
        )
        rows = np.repeat(tasks, config.transitions_per_task)
        expert, replayed = self.demonstrations.sample(rng, rows), self._negatives(rows)
        view = self.symmetry.sample(rng, len(tasks))
        views = view.repeat_interleave(config.transitions_per_task, 0)
        expert = self.symmetry.transitions(expert, views)
        replayed = self.symmetry.transitions(replayed, views)
        features = self.noise(self.symmetry(features, view), self.generator)
        context_codes = self.encoder(features)
        codes = context_codes.repeat_interleave(config.transitions_per_task, 0)
        expert_x, other_x = self._judged(expert, noisy=True), self._judged(replayed, noisy=True)
        logits = self.discriminator(torch.cat((expert_x, other_x)), torch.cat((codes, codes)))
        if config.density_form:
            logits = logits - torch.cat(
                (self._log_policy(expert, codes), self._log_policy(replayed, codes))
            )
        expert_logits, other_logits = logits.chunk(2)
        mix = torch.rand((len(rows), 1), generator=self.generator).to(self.device)
        smoothness = gradient_penalty(self.discriminator, expert_x, other_x, codes, mix)
        loss = classification_loss(expert_logits, other_logits) + config.penalty * smoothness
        if config.outcome > 0.0:
            first, last = self.outcomes.sample(rng, self.generator, tasks, rest, view)
            missed = self.outcome.loss(context_codes, first, last, self.demonstrations.moving)
            loss = loss + config.outcome * missed
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                f"the discriminator's loss became {value} at its update "
                f"{self.discriminator_updates}. Go on from the last checkpoint, with a lower "
                "learning rate or a stronger penalty."
            )
        self.reward_learner.step(loss)
        self.discriminator_updates += 1
        if self.discriminator_updates % config.refresh == 0:
            self.bank.refresh(self.encoder, rng)
        accuracy = torch.cat((expert_logits > 0.0, other_logits < 0.0)).float().mean()
        return {
            "losses/discriminator": value,
            "losses/penalty": float(smoothness.detach()),
            "charts/discriminator_accuracy": float(accuracy),
        }

    def _negatives(self, rows: IntArray) -> Transitions:
        """What the policy did in the tasks (B,) and, for a share, demonstrations of other tasks."""
        rng, replayed = self.rng, self.replay.sample(self.rng, rows)
        foreign = round(self.config.other_tasks * len(rows))
        if not foreign:
            return replayed
        # Spread over the tasks of the batch.
        where = np.linspace(0, len(rows) - 1, foreign).astype(np.int64)
        other = (rows[where] + rng.integers(1, self.tasks, size=foreign)) % self.tasks
        return replayed.overwritten(where, self.demonstrations.sample(rng, other))

    def _imitation(self) -> Imitation | None:
        """Demonstrations to imitate besides (notes, 6.5.4)."""
        config, rng = self.config, self.rng
        weight = config.imitation
        if config.imitation_iterations:
            weight *= max(0.0, 1.0 - self.iteration / config.imitation_iterations)
        if weight == 0.0:
            return None
        tasks = rng.integers(self.tasks, size=config.imitated)
        codes, view = self.bank.sample(rng, tasks)
        drawn = self._demonstrated(tasks, config.imitated_first)
        assert drawn.actions is not None
        states = self.noise(self.symmetry(drawn.states, view)[:, None], self.generator)[:, 0]
        return Imitation(torch.cat((states, codes), -1), drawn.actions, weight)

    def _policy_batch(self) -> Batch:
        """A batch for soft actor-critic."""
        config, rng = self.config, self.rng
        size = config.tasks_per_batch * config.transitions_per_task
        tasks = rng.integers(self.tasks, size=size)
        demonstrated = round(config.demonstrated * size)
        codes, view = self.bank.sample(rng, tasks)
        own = self.replay.sample_sequences(rng, tasks[demonstrated:], config.return_steps)
        shown = self._demonstrated(tasks[:demonstrated])
        # What is shown, and the runs' first steps, then their second ones, and so on.
        rows = np.resize(np.arange(demonstrated, size), len(own.states))
        rows = np.concatenate((np.arange(demonstrated), rows))
        steps = self.symmetry.transitions(shown.followed_by(own), view[rows])
        rewards = self.reward(self._judged(steps), codes[rows], size)
        own_states, own_next = steps.states[demonstrated:], steps.next_states[demonstrated:]
        runs = NStepReturns.of(own_states, own_next, size - demonstrated)
        discount = config.sac.discount
        own_rewards = runs.returns(rewards[demonstrated:], discount)
        ends = torch.cat((steps.next_states[:demonstrated], runs.ends))
        assert steps.actions is not None
        return Batch(
            torch.cat((steps.states[:size], codes), -1),
            steps.actions[:size],
            torch.cat((rewards[:demonstrated], own_rewards)),
            torch.cat((ends, codes), -1),
            torch.cat((torch.ones_like(rewards[:demonstrated]), runs.beyond(discount))),
        )

    def _set_learning_rates(self) -> None:
        factor = 1.0 + (self.config.decay_to - 1.0) * self.iteration / self.config.iterations
        self.sac.set_learning_rate(factor)
        self.inverse_dynamics.set_learning_rate(factor)
        self.reward_learner.set_learning_rate(factor)

    def _demonstrated(self, tasks: IntArray, first: int = 0) -> Transitions:
        """A demonstrated transition of each of the tasks (B,); unseen actions are inferred."""
        drawn = self.demonstrations.sample(self.rng, tasks, first)
        return drawn if drawn.actions is not None else self.inverse_dynamics.infer(drawn, tasks)

    def _judged(self, drawn: Transitions, *, noisy: bool = False) -> Tensor:
        """What the discriminator sees: (s, a), or (s, s') state-only."""
        second = drawn.next_states if self.config.state_only else drawn.actions
        assert second is not None
        judged = torch.cat((drawn.states, second), -1)
        return self.noise(judged[:, None], self.generator)[:, 0] if noisy else judged

    @torch.no_grad()
    def _log_policy(self, drawn: Transitions, codes: Tensor) -> Tensor:
        """log π(a | s, z), (B,)."""
        assert drawn.actions is not None
        features = torch.cat((drawn.states, codes), -1)
        return self.sac.policy.log_prob(features, drawn.actions)


def smile_members(
    config: SMILeConfig, number: int, access: Access, device: torch.device = CPU
) -> ImitatorTrainer:
    """SMILe's training of several members, which learn from each other if they are to share.

    Args:
        config: of all, as :func:`ensemble` takes it.
        number: of members.
        access: what all use together.
        device: what they compute on.

    Raises:
        InputError: no members, or settings that do not fit the access.
        UnknownNameError: no such reward.
    """
    made: list[SMILe] = []

    def member(each: SMILeConfig) -> SMILe:
        first = made[0] if config.shared and made else None
        made.append(SMILe(each, access, device, beside=first))
        return made[-1]

    return ensemble(config, number, member, access)


MEMBERS = {
    ("smile", "SmileWalkerDynamics-v0"): 3,
    ("smile-state-only", "SmileWalkerDynamics-v0"): 3,
}


def make_trainer(config: SMILeConfig, access: Access, device: torch.device) -> ImitatorTrainer:
    """The training of a configuration."""
    return smile_members(config, MEMBERS.get((config.name, config.family), 1), access, device)
