"""The reward learner of SMILe: discriminator and context encoder, behind one ``update``.

Under the embedding of a task's context, the discriminator tells the task's demonstrations from what
the policy did in that task, and from demonstrations of other tasks (SMILe, eq. 3 and 4). Its loss
alone trains the encoder. The logit is the policy's reward (eq. 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import BoolArray, IntArray
from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_loss
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.discriminator import (
    Discriminator,
    classification_loss,
    gradient_penalty,
)
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer
from smile_bench.errors import DivergedError
from smile_bench.learning.optimizers import VectorAdam
from smile_bench.learning.replay import TaskReplay, Transitions

__all__ = ["RewardLearner"]

HIDDEN = (256, 256)
"""Widths of the discriminator's layers."""
EMBEDDINGS_PER_TASK = 8
"""In the buffer that the policy's batches sample from."""
REFRESH_EVERY = 20
"""Updates from one refreshment of that buffer to the next."""


class RewardLearner:
    """Discriminator, encoder and the recent embeddings of every task.

    Args:
        config: settings.
        data: the meta-train demonstrations.
        encoder: of contexts, on its device.
        actions: A, length of an action.
        shots: numbers of demonstrations in a context.
        rng: samples batches; the training's, which saves its state.
        generator: source of initial weights and noise; likewise.
    """

    def __init__(
        self,
        config: SMILeConfig,
        data: PreparedDemonstrations,
        encoder: ContextEncoder,
        actions: int,
        shots: tuple[int, ...],
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> None:
        self.config, self.data, self.encoder, self.shots = config, data, encoder, shots
        self.rng, self.generator = rng, generator
        demonstrations, embedding = data.demonstrations, config.encoder.embedding
        observed, self.device = demonstrations.states.shape[-1], demonstrations.states.device
        seen = observed + (observed if config.state_only else actions)
        self.discriminator = Discriminator(seen, embedding, HIDDEN, generator).to(self.device)
        self.predictor = FinalStatePredictor(observed, embedding, config.seed).to(self.device)
        predicts = config.discriminator.final_state_weight > 0.0
        trained: list[nn.Module] = [self.encoder, self.discriminator]
        if predicts:
            trained.append(self.predictor)
        self.adam = VectorAdam(trained, config.discriminator.optimizer)
        # The final states of demonstrations outside the context are predicted.
        demonstrations.require_sizes(shots, beyond=1 if predicts else 0)
        self.embeddings = EmbeddingBuffer(
            data.permutations,
            shots=shots,
            timesteps=config.context_timesteps,
            each=EMBEDDINGS_PER_TASK,
            length=embedding,
        )
        self.reward_deviation = torch.ones((), device=self.device)
        """Running root mean square of the rewards about their mean."""
        self.updates = 0
        self.embeddings.refresh(self.encoder, rng)

    def update(self, replay: TaskReplay) -> dict[str, float]:
        """Take one step on discriminator and encoder (eq. 4).

        Args:
            replay: what the policy did in each task.

        Returns:
            What to log.

        Raises:
            DivergedError: the loss is not finite.
        """
        config, rng, data = self.config, self.rng, self.data
        demonstrations, permutations = data.demonstrations, data.permutations
        tasks = rng.permutation(demonstrations.tasks)[: config.tasks_per_batch]
        shots = int(rng.choice(self.shots))
        features, held_out = demonstrations.sample_contexts(
            rng, tasks, shots, config.context_timesteps
        )
        rows = np.repeat(tasks, config.transitions_per_task)
        expert, other = demonstrations.sample(rng, rows), self._negatives(rows, replay)
        matrices = permutations.sample(rng, len(tasks))
        of_rows = matrices.repeat_interleave(config.transitions_per_task, 0)
        expert = permutations.transitions(expert, of_rows)
        other = permutations.transitions(other, of_rows)
        context = self.encoder(data.noise(permutations(features, matrices), self.generator))
        embeddings = context.repeat_interleave(config.transitions_per_task, 0)
        expert_x = data.noise.of_states(self.seen(expert), self.generator)
        other_x = data.noise.of_states(self.seen(other), self.generator)
        both = torch.cat((embeddings, embeddings))
        logits = self.discriminator(torch.cat((expert_x, other_x)), both)
        expert_logits, other_logits = logits.chunk(2)
        mix = torch.rand((len(rows), 1), generator=self.generator).to(self.device)
        penalty = gradient_penalty(self.discriminator, expert_x, other_x, embeddings, mix)
        loss = classification_loss(expert_logits, other_logits)
        loss = loss + config.discriminator.gradient_penalty * penalty
        if config.discriminator.final_state_weight > 0.0:
            missed = final_state_loss(
                self.predictor,
                data,
                rng,
                self.generator,
                tasks=tasks,
                embeddings=context,
                matrices=matrices,
                held_out=held_out,
            )
            loss = loss + config.discriminator.final_state_weight * missed
        value = self._step(loss)
        accuracy = torch.cat((expert_logits > 0.0, other_logits < 0.0)).float().mean()
        return {
            "losses/discriminator": value,
            "losses/penalty": float(penalty.detach()),
            "charts/discriminator_accuracy": float(accuracy),
        }

    def seen(self, transitions: Transitions) -> Tensor:
        """What the discriminator sees of transitions, (B, T): (s, a), or (s, s') state-only."""
        second = transitions.next_states if self.config.state_only else transitions.actions
        assert second is not None
        return torch.cat((transitions.states, second), -1)

    @torch.no_grad()
    def rewards(self, transitions: Transitions, embeddings: Tensor, first: int) -> Tensor:
        """Scaled rewards (B,) of transitions under embeddings (B, Z) (eq. 5).

        Args:
            transitions: B transitions.
            embeddings: of their tasks' contexts.
            first: how many of them, the first ones, enter the running deviation.
        """
        raw = self._clipped_logits(transitions, embeddings)
        if self.config.reward_scale is not None:
            return self.config.reward_scale * raw
        self.reward_deviation.lerp_(raw[:first].std(), 0.01)
        return raw / self.reward_deviation.clamp_min(1e-3)

    @torch.no_grad()
    def stalled(self, transitions: Transitions, embeddings: Tensor) -> BoolArray:
        """Which of N transitions have the lowest possible reward, (N,)."""
        raw = self._clipped_logits(transitions, embeddings)
        lowest: BoolArray = (raw <= -self.config.reward_clip).cpu().numpy()
        return lowest

    def scale_learning_rate(self, factor: float) -> None:
        """Set the learning rate to a multiple of the configured one."""
        self.adam.scale_learning_rate(factor)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the learning exactly, the encoder included."""
        return {
            "encoder": self.encoder.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "predictor": self.predictor.state_dict(),
            "adam": self.adam.state_dict(),
            "embeddings": self.embeddings.state_dict(),
            "reward_deviation": self.reward_deviation,
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.encoder.load_state_dict(state["encoder"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.predictor.load_state_dict(state["predictor"])
        self.adam.load_state_dict(state["adam"])
        self.embeddings.load_state_dict(state["embeddings"])
        self.reward_deviation.copy_(state["reward_deviation"])
        self.updates = state["updates"]

    def _clipped_logits(self, transitions: Transitions, embeddings: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(self.seen(transitions), embeddings)
        return logits.clamp(-self.config.reward_clip, self.config.reward_clip)

    def _negatives(self, rows: IntArray, replay: TaskReplay) -> Transitions:
        """What the policy did in the tasks (B,) and, for a share, demonstrations of other tasks."""
        rng, demonstrations = self.rng, self.data.demonstrations
        replayed = replay.sample(rng, rows)
        mismatched = round(self.config.discriminator.mismatched_negatives * len(rows))
        if not mismatched:
            return replayed
        # Spread over the tasks of the batch.
        where = np.linspace(0, len(rows) - 1, mismatched).astype(np.int64)
        shift = rng.integers(1, demonstrations.tasks, size=mismatched)
        other = (rows[where] + shift) % demonstrations.tasks
        return replayed.overwritten(where, demonstrations.sample(rng, other))

    def _step(self, loss: Tensor) -> float:
        """Descend the loss, and refresh the embeddings when it is time; return the loss."""
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                f"the discriminator's loss became {value} at its update {self.updates}. Continue "
                "from the last checkpoint with a lower learning rate or a larger gradient penalty."
            )
        self.adam.step(loss)
        self.updates += 1
        if self.updates % REFRESH_EVERY == 0:
            self.embeddings.refresh(self.encoder, self.rng)
        return value
