"""Meta-BC: behavioural cloning of a context-conditioned policy (SMILe, eq. 2).

Encoder and policy are trained jointly to give the expert's actions in the expert's states. The
regression target is the squashed action in [-1, 1], as it was applied. M trainings are one
computation: every tensor begins with the axis M.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from smile_bench.access import Access
from smile_bench.baselines.imitation.context_sizes import announced_sizes
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_losses
from smile_bench.baselines.imitation.imitator import (
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.prepared import prepare, shared_demonstrations
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.meta_bc.config import SCALARS, MetaBCConfig, require_fitting
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.networks import member
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.stacking import (
    FiniteLosses,
    initial_generators,
    require_stackable,
    to_logs,
)
from smile_bench.learning.streams import Streams

__all__ = ["MetaBC", "make_trainings"]


class MetaBC(ImitatorTrainings):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        configs: settings, one an agent; they may differ in
            :data:`smile_bench.baselines.meta_bc.config.SCALARS`.
        accesses: to demonstrations, one an agent.
        compute: how to compute.
        name: what the agents are called.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """

    def __init__(
        self,
        configs: Sequence[MetaBCConfig],
        accesses: Sequence[Access],
        compute: Compute | None = None,
        *,
        name: str = "meta-bc",
    ) -> None:
        compute = compute or Compute()
        for config, access in zip(configs, accesses, strict=False):
            require_fitting(name, config, access)
        super().__init__(name, configs, accesses, compute)
        require_stackable(configs, SCALARS)
        self.config = config = configs[0]
        self.data = prepare(accesses, config.augmentation, self.device)
        self.train = self.data.demonstrations
        # What the policy clones is not in its context, unless a task has nothing else.
        self.context_sizes = announced_sizes(self.access, self.train.each, beyond=1)
        held_out = shared_demonstrations(accesses, "validation")
        self.validation = TaskDemonstrations(held_out, self.data.normaliser, self.device)
        if config.validate_every:
            self.validation.require_sizes(self.access.family.context_sizes, beyond=1)
        self.imitator_config = ImitatorConfig(
            family=config.family, hidden=config.hidden, encoder=config.encoder
        )
        generators = initial_generators(self.seeds)
        self.encoder = make_encoder(self.imitator_config, generators, self.device)
        self.encoder.measure(self.train.features)
        self.policy = make_policy(self.imitator_config, generators, self.device)
        trained: list[nn.Module] = [self.encoder, self.policy]
        self.predictor: FinalStatePredictor | None = None
        if config.final_state_weight > 0.0:
            observed, embedding = self.access.family.observation_size, config.encoder.embedding
            self.predictor = FinalStatePredictor(observed, embedding, generators).to(self.device)
            trained.append(self.predictor)
        self.adam = StackedAdam(
            trained,
            [
                AdamConfig(learning_rate=own.learning_rate, weight_decay=own.weight_decay)
                for own in configs
                for _ in range(self.members)
            ],
        )
        compute.prepare(*trained)
        self.cycles = Cycles(self.streams, compute.graph)
        self.finite = FiniteLosses(("the loss",), len(self.seeds), self.device)
        self._training_losses = compute.compiled(self._losses)

    @property
    def iterations(self) -> int:
        """How many iterations the trainings have."""
        return self.config.total_updates // self.config.updates_per_iteration

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: some updates.

        Returns:
            What to log of each training.
        """
        number = self.config.updates_per_iteration
        done = self.iteration * number
        losses = torch.zeros(len(self.seeds), device=self.device)
        for update in range(done, done + number):
            losses += self._update(update)
        logs = to_logs({"losses/action_mse": losses / number})
        return [{**log, "charts/updates": float(done + number)} for log in logs]

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        return self.finite.failed(self.adam.rows)

    @torch.no_grad()
    def held_out_losses(self) -> list[dict[str, float]]:
        """The loss on the meta-validation demonstrations, on the same sample each time."""
        config, held_out = self.config, self.validation
        streams = Streams(self.seeds, self.device)
        tasks = torch.arange(held_out.tasks, device=self.device).expand(len(streams), -1)
        losses = []
        for shots in self.access.family.context_sizes:
            features, others = held_out.sample_contexts(
                streams, tasks, shots, config.context_timesteps
            )
            sampled = held_out.sample_from(streams, tasks, others, config.states_per_task)
            assert sampled.actions is not None
            losses.append(self._losses(self.encoder(features), sampled.states, sampled.actions))
        return to_logs({"losses/validation_action_mse": torch.stack(losses).mean(0)})

    def member(self, index: int) -> Member:
        """A copy of a training's networks, to act with."""
        config, meta = self.imitator_config, torch.device("meta")
        return Member(
            member(self.encoder, index, make_encoder(config, None, meta)),
            member(self.policy, index, make_policy(config, None, meta)),
        )

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams."""
        return {"adam": self.adam.state_dict(index)}

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        self.adam.load_state_dict(index, state["adam"])

    def _update(self, number: int) -> Tensor:
        """One step of AdamW of each training, the ``number``-th of all; its losses (M,)."""
        done = number / self.config.total_updates
        self.adam.scale_learning_rate(0.5 * (1.0 + math.cos(math.pi * done)))
        shots = self.context_sizes[number % len(self.context_sizes)]
        log = self.cycles.run((shots, self._kind_of_batch()), lambda: self._cycle(shots))
        return log["losses/action_mse"]

    def _kind_of_batch(self) -> Hashable:
        """What the shapes of a batch depend on, beside the size of its contexts."""
        return None

    def _cycle(self, shots: int) -> dict[str, Tensor]:
        """One update, all on the device; nothing is read.

        Args:
            shots: demonstrations in the contexts.

        Returns:
            What to log, (M,) each.
        """
        config, streams, data = self.config, self.streams, self.data
        tasks = streams.integers(self.train.tasks, config.tasks_per_batch)
        features, held_out = self.train.sample_contexts(
            streams, tasks, shots, config.context_timesteps
        )
        states, actions = self._labelled(tasks, held_out)
        matrices = data.permutations.sample(streams, config.tasks_per_batch)
        features = data.noise(data.permutations(features, matrices), streams)
        states = data.permutations(states, matrices)
        embeddings = self.encoder(features)
        losses = cloning = self._training_losses(embeddings, states, actions)
        if self.predictor is not None:
            missed = final_state_losses(
                self.predictor,
                data,
                streams,
                tasks=tasks,
                embeddings=embeddings,
                matrices=matrices,
                held_out=held_out,
            )
            losses = cloning + config.final_state_weight * missed
        self.finite.watch("the loss", losses)
        self.adam.step(losses.sum())
        return {"losses/action_mse": cloning.detach()}

    def _labelled(self, tasks: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
        """States (M, B, n, O) and the expert's actions (M, B, n, A).

        They are of demonstrations ``held_out`` (M, B, R) of the tasks (M, B).
        """
        number = self.config.states_per_task
        first_states = round(self.config.first_state_fraction * number)
        sampled = self.train.sample_from(
            self.streams, tasks, held_out, number, first_states=first_states
        )
        assert sampled.actions is not None
        return self.data.noise.of_states(sampled.states, self.streams), sampled.actions

    def _losses(self, embeddings: Tensor, states: Tensor, actions: Tensor) -> Tensor:
        """Mean squared errors (M,) of actions.

        Args:
            embeddings: of a context of each task, (M, B, Z). Their shape is the same for every
                context, so that the loss is compiled once.
            states: to act in, (M, B, n, O).
            actions: the expert's in these states, (M, B, n, A).
        """
        each = embeddings[:, :, None].expand(-1, -1, states.shape[2], -1)
        mean, _ = self.policy(torch.cat((states, each), dim=-1))
        return (torch.tanh(mean) - actions).square().mean((1, 2, 3))


def make_trainings(
    configs: Sequence[MetaBCConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
) -> MetaBC:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    return MetaBC(configs, accesses, compute)
