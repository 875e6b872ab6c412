"""Meta-BC: behavioural cloning of a context-conditioned policy (SMILe, eq. 2).

Encoder and policy are trained jointly to give the expert's actions in the expert's states. The
regression target is the squashed action in [-1, 1], as it was applied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.access import Access
from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.ensemble import make_ensemble
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_loss
from smile_bench.baselines.imitation.imitator import (
    Imitator,
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.prepared import prepare
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.meta_bc.config import MetaBCConfig, require_fitting
from smile_bench.errors import DivergedError
from smile_bench.learning.checkpoint import load_optimizer
from smile_bench.learning.devices import CPU

__all__ = ["MetaBC", "make_trainer"]


class MetaBC(ImitatorTrainer):
    """A training that can be saved after any iteration and continued to the same numbers.

    Args:
        config: settings.
        access: to demonstrations.
        device: of all networks and data.
        name: what the agent is called.

    Raises:
        InputError: an access to another family, or without actions; or a number out of range.
    """

    def __init__(
        self,
        config: MetaBCConfig,
        access: Access,
        device: torch.device = CPU,
        *,
        name: str = "meta-bc",
    ) -> None:
        require_fitting(name, config, access)
        super().__init__(name, access, asdict(config), config.validate_every)
        self.config, self.device = config, device
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.data = prepare(access, config.augmentation, device)
        self.train = self.data.demonstrations
        # What the policy clones is never in its context.
        self.train.require_sizes(access.family.context_sizes, beyond=1)
        held_out = access.demonstrations("validation")
        self.validation = TaskDemonstrations(held_out, self.data.normaliser, device)
        self.imitator_config = ImitatorConfig(
            family=config.family, hidden=config.hidden, encoder=config.encoder
        )
        self.encoder = make_encoder(self.imitator_config, self.generator, device)
        self.encoder.measure(self.train.features)
        self.policy = make_policy(self.imitator_config, self.generator, device)
        observed, embedding = access.family.observation_size, config.encoder.embedding
        self.predictor = FinalStatePredictor(observed, embedding, config.seed).to(device)
        self.networks = torch.nn.ModuleList([self.encoder, self.policy, self.predictor])
        self.optimizer = torch.optim.AdamW(
            self.networks.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.total_updates // self.config.updates_per_iteration

    def step(self) -> dict[str, float]:
        """One iteration: some updates.

        Returns:
            What to log; at some iterations also loss and metrics on meta-validation tasks.

        Raises:
            DivergedError: the loss is not finite.
        """
        config = self.config
        losses = [self._update(k) for k in range(config.updates_per_iteration)]
        self.iteration += 1
        log = {
            "losses/action_mse": float(torch.stack(losses).mean()),
            "charts/updates": float(self.iteration * config.updates_per_iteration),
        }
        return log | self.scores()

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands."""
        return Imitator(
            self.name,
            self.imitator_config,
            [Member(self.encoder, self.policy)],
            self.data.normaliser,
            self.joined(recipe),
            self.data.outlier_filter,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return {
            "networks": self.networks.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "rng": self.rng.bit_generator.state,
            "iteration": self.iteration,
            "access": asdict(self.access.counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.networks.load_state_dict(state["networks"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.generator.set_state(state["generator"])
        self.rng.bit_generator.state = state["rng"]
        self.iteration = state["iteration"]
        self.access.restore(state["access"])

    def _update(self, k: int) -> Tensor:
        """One step of AdamW, the k-th of the iteration; returns its loss on actions."""
        config, rng, data = self.config, self.rng, self.data
        done = (self.iteration * config.updates_per_iteration + k) / config.total_updates
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
        tasks = rng.integers(self.train.tasks, size=config.tasks_per_batch)
        shots = int(rng.choice(self.access.family.context_sizes))
        features, held_out = self.train.sample_contexts(rng, tasks, shots, config.context_timesteps)
        states, actions = self._labelled(tasks, held_out)
        matrices = data.permutations.sample(rng, len(tasks))
        features = data.noise(data.permutations(features, matrices), self.generator)
        embeddings = self.encoder(features)
        loss = cloning = self._loss(embeddings, data.permutations(states, matrices), actions)
        if config.final_state_weight > 0.0:
            loss = cloning + config.final_state_weight * final_state_loss(
                self.predictor,
                data,
                rng,
                self.generator,
                tasks=tasks,
                embeddings=embeddings,
                matrices=matrices,
                held_out=held_out,
            )
        if not math.isfinite(float(loss.detach())):
            raise DivergedError(
                f"the loss became {float(loss.detach())} in iteration {self.iteration + 1}. "
                "Continue from the last checkpoint with a lower learning rate."
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return cloning.detach()

    def _labelled(self, tasks: IntArray, held_out: IntArray) -> tuple[Tensor, Tensor]:
        """States (B, n, O) and the expert's actions (B, n, A).

        They are of demonstrations ``held_out`` (B, R) of the tasks (B,), outside the context.
        """
        number = self.config.states_per_task
        first_states = round(self.config.first_state_fraction * number)
        sampled = self.train.sample_from(
            self.rng, tasks, held_out, number, first_states=first_states
        )
        assert sampled.actions is not None
        return self.data.noise.of_states(sampled.states, self.generator), sampled.actions

    def _loss(self, embeddings: Tensor, states: Tensor, actions: Tensor) -> Tensor:
        """Mean squared error of actions (B, n, A) in states (B, n, O), embeddings (B, Z)."""
        each = embeddings[:, None].expand(-1, states.shape[1], -1)
        mean, _ = self.policy(torch.cat((states, each), dim=-1))
        return functional.mse_loss(torch.tanh(mean), actions)

    @torch.no_grad()
    def held_out_losses(self) -> dict[str, float]:
        """The loss on the meta-validation demonstrations, on the same sample each time."""
        config, rng = self.config, np.random.default_rng(self.config.seed)
        tasks = np.arange(self.validation.tasks)
        losses = []
        for shots in self.access.family.context_sizes:
            features, held_out = self.validation.sample_contexts(
                rng, tasks, shots, config.context_timesteps
            )
            sampled = self.validation.sample_from(rng, tasks, held_out, config.states_per_task)
            assert sampled.actions is not None
            embeddings = self.encoder(features)
            losses.append(float(self._loss(embeddings, sampled.states, sampled.actions)))
        return {"losses/validation_action_mse": float(np.mean(losses))}


def make_trainer(
    config: MetaBCConfig, access: Access, device: torch.device = CPU
) -> ImitatorTrainer:
    """The training of a configuration, of all its members."""
    return make_ensemble(config, lambda own, _first: MetaBC(own, access, device), access)
