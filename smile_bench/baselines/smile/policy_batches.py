"""What the policy and its critics learn from: the batches of SMILe's soft actor-critic.

The states carry the embedding of their task. Their rewards are the reward learner's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.baselines.smile.reward_learner import RewardLearner
from smile_bench.learning.n_step import NStepReturns
from smile_bench.learning.replay import TaskReplay, Transitions
from smile_bench.learning.sac import Batch, Imitation
from smile_bench.learning.stacking import column
from smile_bench.learning.streams import Streams

__all__ = ["PolicyBatches"]


class PolicyBatches:
    """Batches of M trainings, sampled on their device; nothing is read.

    Args:
        configs: one a training.
        data: demonstrations and their augmentation.
        replay: what the trainings' policies did.
        reward_learner: gives embeddings and rewards.
        inverse_dynamics: infers actions that are not shown.
        streams: of the trainings.
    """

    def __init__(
        self,
        configs: Sequence[SMILeConfig],
        data: PreparedDemonstrations,
        replay: TaskReplay,
        reward_learner: RewardLearner,
        inverse_dynamics: InverseDynamics,
        streams: Streams,
    ) -> None:
        self.config, self.data, self.replay, self.streams = configs[0], data, replay, streams
        self.reward_learner, self.inverse_dynamics = reward_learner, inverse_dynamics
        self.tasks, device = data.demonstrations.tasks, streams.device
        self._discount = column([own.sac.discount for own in configs], device)
        self._bc_weight = column([own.demonstrations.bc_weight for own in configs], device)
        self._bc_decay = torch.ones((), device=device)
        """How much of that weight is left."""

    def begin(self, iteration: int) -> None:
        """Set the weight of cloning in an iteration."""
        if decay := self.config.demonstrations.bc_decay_iterations:
            self._bc_decay.fill_(max(0.0, 1.0 - iteration / decay))

    def clones(self, iteration: int) -> bool:
        """Whether the policy clones demonstrated actions in an iteration."""
        decay = self.config.demonstrations.bc_decay_iterations
        return self.config.clones and not (decay and iteration >= decay)

    def sample(self) -> Batch:
        """Demonstrations, and n-step returns of the replay."""
        config, streams, size = self.config, self.streams, self.config.batch
        steps_ahead, permutations = config.sac.n_step, self.data.permutations
        tasks = streams.integers(self.tasks, size)
        shown = round(config.demonstrations.fraction * size)
        embeddings, matrices = self.reward_learner.embeddings.sample(streams, tasks)
        steps = self.replay.sample_sequences(streams, tasks[:, shown:], steps_ahead)
        if shown:
            steps = self.demonstrated(tasks[:, :shown]).followed_by(steps)
        # Demonstrations, then the first step of every sequence, then the second, and so on.
        of_steps = embeddings
        if steps_ahead > 1:
            of_steps = torch.cat((embeddings, *[embeddings[:, shown:]] * (steps_ahead - 1)), 1)
            matrices = torch.cat((matrices, *[matrices[:, shown:]] * (steps_ahead - 1)), 1)
        steps = permutations.transitions(steps, matrices)
        assert steps.actions is not None
        rewards = self.reward_learner.rewards(steps, of_steps, size)
        next_states, continues = steps.next_states, torch.ones_like(rewards)
        if steps_ahead > 1:
            own = slice(shown, None)
            sequences = NStepReturns.of(steps.states[:, own], next_states[:, own], size - shown)
            returns = sequences.returns(rewards[:, own], self._discount)
            rewards = torch.cat((rewards[:, :shown], returns), 1)
            next_states = torch.cat((next_states[:, :shown], sequences.ends), 1)
            beyond = sequences.bootstrap_discount(self._discount)
            continues = torch.cat((continues[:, :shown], beyond), 1)
        return Batch(
            torch.cat((steps.states[:, :size], embeddings), -1),
            steps.actions[:, :size],
            rewards,
            torch.cat((next_states, embeddings), -1),
            continues,
        )

    def cloning(self) -> Imitation:
        """Demonstrated actions for the policy to clone (notes, 6.5.4)."""
        streams = self.streams
        tasks = streams.integers(self.tasks, self.config.batch)
        embeddings, matrices = self.reward_learner.embeddings.sample(streams, tasks)
        sampled = self.demonstrated(tasks, self.config.demonstrations.bc_first_states)
        assert sampled.actions is not None
        states = self.data.permutations(sampled.states, matrices)
        states = self.data.noise.of_states(states, streams)
        weight = (self._bc_weight * self._bc_decay)[:, 0]
        return Imitation(torch.cat((states, embeddings), -1), sampled.actions, weight)

    def demonstrated(self, tasks: Tensor, first_states: int = 0) -> Transitions:
        """A demonstrated transition of each of the tasks (M, B); unseen actions are inferred."""
        sampled = self.data.demonstrations.sample(self.streams, tasks, first_states)
        if sampled.actions is not None:
            return sampled
        return self.inverse_dynamics.infer(sampled, tasks)
