"""The reward learners of SMILe: discriminators and context encoders, behind one ``update``.

Under the embedding of a task's context, the discriminator tells the task's demonstrations from what
the policy did in that task, and from demonstrations of other tasks (SMILe, eq. 3 and 4). Its loss
alone trains the encoder. The logit is the policy's reward (eq. 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import BoolArray
from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_losses
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.discriminator import (
    Discriminator,
    classification_losses,
    gradient_penalties,
)
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer
from smile_bench.learning.compute import Compute
from smile_bench.learning.optimizers import StackedAdam
from smile_bench.learning.replay import TaskReplay, Transitions
from smile_bench.learning.stacking import FiniteLosses, column, in_step
from smile_bench.learning.streams import Streams

__all__ = ["RewardLearner"]

HIDDEN = (256, 256)
"""Widths of the discriminator's layers."""
EMBEDDINGS_PER_TASK = 8
"""In the buffer that the policy's batches sample from."""
REFRESH_EVERY = 20
"""Updates from one refreshment of that buffer to the next."""


class RewardLearner:
    """Discriminators, encoders and the recent embeddings of every task, of M trainings.

    Args:
        configs: settings, one a training.
        data: the meta-train demonstrations.
        encoder: of contexts, a stack of M, on its device.
        actions: A, length of an action.
        shots: numbers of demonstrations in a context; updates take them in turn.
        streams: sample batches and noise; the trainings', which save their state.
        generators: sources of the initial weights.
        compute: how to compute.
    """

    def __init__(
        self,
        configs: Sequence[SMILeConfig],
        data: PreparedDemonstrations,
        encoder: ContextEncoder,
        actions: int,
        shots: tuple[int, ...],
        streams: Streams,
        generators: Sequence[torch.Generator],
        compute: Compute,
    ) -> None:
        config, device = configs[0], compute.device
        self.config, self.data, self.encoder, self.shots = config, data, encoder, shots
        self.streams = streams
        demonstrations, embedding = data.demonstrations, config.encoder.embedding
        observed = demonstrations.states.shape[-1]
        seen = observed + (observed if config.state_only else actions)
        self.discriminator = Discriminator(seen, embedding, HIDDEN, generators).to(device)
        trained: list[nn.Module] = [self.encoder, self.discriminator]
        self.predictor: FinalStatePredictor | None = None
        if config.discriminator.final_state_weight > 0.0:
            self.predictor = FinalStatePredictor(observed, embedding, generators).to(device)
            trained.append(self.predictor)
        self.adam = StackedAdam(trained, [each.discriminator.optimizer for each in configs])
        compute.prepare(*trained)
        demonstrations.require_sizes(shots)
        self.embeddings = EmbeddingBuffer(
            data.permutations,
            trainings=len(configs),
            shots=shots,
            timesteps=config.context_timesteps,
            each=EMBEDDINGS_PER_TASK,
            length=embedding,
        )
        self._clip = column([each.reward_clip for each in configs], device)
        self._penalty = column([each.discriminator.gradient_penalty for each in configs], device)
        scales = [each.reward_scale for each in configs if each.reward_scale is not None]
        self._scale = column(scales, device) if scales else None
        self._tasks = min(config.tasks_per_batch, demonstrations.tasks)
        """Tasks in a batch, which are all different."""
        self._batch = self._tasks * config.transitions_per_task
        mismatched = round(config.discriminator.mismatched_negatives * self._batch)
        # Spread over the tasks of the batch.
        where = np.linspace(0, self._batch - 1, mismatched).astype(np.int64)
        self._mismatched = torch.from_numpy(where).to(device)
        self.reward_deviation = torch.ones((len(configs), 1), device=device)
        """Running root mean square of the rewards about their mean, (M, 1)."""
        self.updates = 0
        self.finite = FiniteLosses(("discriminator",), len(configs), device)
        self._losses = compute.compiled(self._losses)  # type: ignore[method-assign]
        self._clipped_logits = compute.compiled(self._clipped_logits)  # type: ignore[method-assign]
        streams.begin()
        self.refresh()

    @property
    def next_shots(self) -> int:
        """Demonstrations in the contexts of the next update."""
        return self.shots[self.updates % len(self.shots)]

    def count(self) -> bool:
        """Count an update. Says whether it is time to refresh the embeddings."""
        self.updates += 1
        return self.updates % REFRESH_EVERY == 0

    def refresh(self) -> dict[str, Tensor]:
        """Encode new contexts of every task for the policy; there is nothing to log."""
        self.embeddings.refresh(self.encoder, self.streams)
        return {}

    def update(self, replay: TaskReplay, shots: int) -> dict[str, Tensor]:
        """Take one step on discriminators and encoders (eq. 4).

        Args:
            replay: what the policies did in each task.
            shots: demonstrations in the contexts.

        Returns:
            What to log, (M,) each.
        """
        config, streams, data = self.config, self.streams, self.data
        demonstrations, permutations = data.demonstrations, data.permutations
        tasks = streams.permutations(demonstrations.tasks)[:, : self._tasks]
        features, held_out = demonstrations.sample_contexts(
            streams, tasks, shots, config.context_timesteps
        )
        rows = tasks.repeat_interleave(config.transitions_per_task, 1)
        expert, other = demonstrations.sample(streams, rows), self._negatives(rows, replay)
        matrices = permutations.sample(streams, self._tasks)
        of_rows = matrices.repeat_interleave(config.transitions_per_task, 1)
        expert = permutations.transitions(expert, of_rows)
        other = permutations.transitions(other, of_rows)
        context = self.encoder(data.noise(permutations(features, matrices), streams))
        losses, penalties, accuracy = self._losses(
            data.noise.of_states(self.seen(expert), streams),
            data.noise.of_states(self.seen(other), streams),
            context,
            streams.uniform(self._batch, 1),
        )
        if self.predictor is not None:
            missed = final_state_losses(
                self.predictor,
                data,
                streams,
                tasks=tasks,
                embeddings=context,
                matrices=matrices,
                held_out=held_out,
            )
            losses = losses + config.discriminator.final_state_weight * missed
        self.finite.watch("discriminator", losses)
        self.adam.step(losses.sum())
        return {
            "losses/discriminator": losses.detach(),
            "losses/penalty": penalties.detach(),
            "charts/discriminator_accuracy": accuracy,
        }

    def seen(self, transitions: Transitions) -> Tensor:
        """What the discriminator sees of transitions, (M, B, T): (s, a), or (s, s') state-only."""
        second = transitions.next_states if self.config.state_only else transitions.actions
        assert second is not None
        return torch.cat((transitions.states, second), -1)

    @torch.no_grad()
    def rewards(self, transitions: Transitions, embeddings: Tensor, first: int) -> Tensor:
        """Scaled rewards (M, B) of transitions under embeddings (M, B, Z) (eq. 5).

        Args:
            transitions: B transitions of each training.
            embeddings: of their tasks' contexts.
            first: how many of them, the first ones, enter the running deviation.
        """
        raw = self._clipped_logits(self.seen(transitions), embeddings)
        if self._scale is not None:
            return self._scale * raw
        self.reward_deviation.lerp_(raw[:, :first].std(1, keepdim=True), 0.01)
        return raw / self.reward_deviation.clamp_min(1e-3)

    @torch.no_grad()
    def stalled(self, transitions: Transitions, embeddings: Tensor) -> BoolArray:
        """Which of the transitions (M, N) have the lowest possible reward, (M · N,)."""
        raw = self._clipped_logits(self.seen(transitions), embeddings)
        lowest: BoolArray = (raw <= -self._clip).flatten().cpu().numpy()
        return lowest

    def scale_learning_rate(self, factor: float | Sequence[float]) -> None:
        """Set the learning rates to a multiple of the configured ones."""
        self.adam.scale_learning_rate(factor)

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues a training's learning exactly, the encoder included."""
        return {
            "adam": self.adam.state_dict(index),
            "embeddings": self.embeddings.state_dict(index),
            "reward_deviation": self.reward_deviation[index],
            "updates": self.updates,
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.adam.load_state_dict(index, state["adam"])
        self.embeddings.load_state_dict(index, state["embeddings"])
        self.reward_deviation[index].copy_(state["reward_deviation"])
        self.updates = in_step(index, self.updates, state["updates"])

    def _losses(
        self, expert: Tensor, other: Tensor, context: Tensor, mix: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses, penalties and the accuracy, (M,) each, under the tasks' embeddings (M, b, Z)."""
        embeddings = context.repeat_interleave(self.config.transitions_per_task, 1)
        both = torch.cat((embeddings, embeddings), 1)
        logits = self.discriminator(torch.cat((expert, other), 1), both)
        expert_logits, other_logits = logits.chunk(2, 1)
        penalties = gradient_penalties(self.discriminator, expert, other, embeddings, mix)
        losses = classification_losses(expert_logits, other_logits)
        losses = losses + self._penalty[:, 0] * penalties
        right = torch.cat((expert_logits > 0.0, other_logits < 0.0), 1)
        return losses, penalties, right.float().mean(1)

    def _clipped_logits(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        logits = self.discriminator(transitions, embeddings)
        return torch.clamp(logits, -self._clip, self._clip)

    def _negatives(self, rows: Tensor, replay: TaskReplay) -> Transitions:
        """What the policies did in the tasks (M, B) and, for a share, demonstrations of others."""
        streams, demonstrations = self.streams, self.data.demonstrations
        replayed = replay.sample(streams, rows)
        if not len(self._mismatched):
            return replayed
        shift = 1 + streams.integers(demonstrations.tasks - 1, len(self._mismatched))
        other = (rows[:, self._mismatched] + shift) % demonstrations.tasks
        return replayed.overwritten(self._mismatched, demonstrations.sample(streams, other))
