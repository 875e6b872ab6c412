"""Meta-BC: behavioural cloning of a context-conditioned policy (SMILe, eq. 2).

Encoder and policy are trained jointly to give the expert's actions in the expert's states. What is
regressed is the action that acts, squashed to [-1, 1], not the policy's value before squashing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.access import Access
from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, FinalStateSampler
from smile_bench.baselines.imitation.imitator import Acting, Imitator, ImitatorConfig, make_networks
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.checkpoint import (
    Tensors,
    pack_generator,
    pack_module,
    pack_optimizer,
    unpack_generator,
    unpack_module,
    unpack_optimizer,
)
from smile_bench.learning.devices import CPU
from smile_bench.learning.normaliser import Normaliser

__all__ = ["MetaBC", "MetaBCConfig"]


@dataclass(frozen=True, kw_only=True)
class MetaBCConfig:
    """Settings of a training."""

    family: str
    seed: int = 0
    updates: int = 12_000
    updates_per_iteration: int = 200
    """Updates between two log entries."""
    tasks_per_batch: int = 16
    states_per_task: int = 64
    context_timesteps: int = 50
    """Timesteps per demonstration that the encoder sees in training; all when acting."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the policy's layers."""
    learning_rate: float = 1e-3
    """Decayed to 0 along a cosine."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    episode_noise: float = 0.0
    """Standard deviation, in normalised units, of noise on those observed coordinates that stay
    constant throughout a demonstration: in contexts, and in the demonstrations' states."""
    episode_vectors: int = 0
    """Length of the vectors that those coordinates make, where each task is to be seen under a
    signed permutation of them; see :class:`SignedPermutations`."""
    early_states: float = 0.0
    """Share of the demonstrated states that are early in a demonstration. Where a state shows what
    the expert is about, as soon as it has moved, only there has the context to be understood."""
    early_steps: int = 1
    """How many first states of a demonstration are early."""
    early_noise: float = 0.0
    """Largest standard deviation, in normalised units, of noise on early states: it hides what the
    expert's first moves give away."""
    outcome: float = 0.0
    """Weight of outcome prediction in the encoder's training."""
    outcomes_per_task: int = 16
    """Demonstrations of each task in a batch whose outcomes are predicted."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    validate_every: int = 5
    """Iterations between two scores on the meta-validation tasks; 0 for none."""


class MetaBC(ImitatorTrainer):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        config: settings.
        access: to demonstrations.
        device: what it computes on.

    Raises:
        InputError: an access to another family, or without actions.
    """

    name = "meta-bc"

    def __init__(self, config: MetaBCConfig, access: Access, device: torch.device = CPU) -> None:
        if config.family != access.family.id:
            raise InputError(
                f"settings for {config.family} do not fit an access to {access.family.id}."
            )
        if access.state_only:
            raise InputError(f"{self.name} imitates actions, which a state-only access hides.")
        super().__init__(access, asdict(config), config.validate_every)
        self.config, self.device = config, device
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator().manual_seed(config.seed)
        demonstrations = access.demonstrations()
        self.normaliser = Normaliser.of(demonstrations.observations)
        self.train = TaskDemonstrations(demonstrations, self.normaliser, device)
        held_out = access.demonstrations("validation")
        self.validation = TaskDemonstrations(held_out, self.normaliser, device)
        self.noise = ConstantFeatureNoise(self.train, config.episode_noise)
        self.symmetry = SignedPermutations(self.train, config.episode_vectors)
        self.imitator_config = ImitatorConfig(
            family=config.family, hidden=config.hidden, encoder=config.encoder
        )
        self.encoder, self.policy = make_networks(self.imitator_config, self.generator, device)
        self.encoder.measure(self.train.features)
        own = torch.Generator().manual_seed(config.seed)
        observed = access.family.observation_size
        self.outcome = FinalStatePredictor(observed, config.encoder.code, own).to(device)
        self.outcomes = FinalStateSampler(self.symmetry, self.noise, config.outcomes_per_task)
        trained = (self.encoder, self.policy, self.outcome)
        self.optimizer = torch.optim.AdamW(
            [parameter for module in trained for parameter in module.parameters()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.updates // self.config.updates_per_iteration

    def step(self) -> dict[str, float]:
        """One iteration: some updates.

        Returns:
            What to log; at some iterations loss and metrics on meta-validation tasks, too.

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
            [Acting(self.encoder, self.policy)],
            self.normaliser,
            self.joined(recipe),
        )

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs."""
        tensors = {
            **pack_module("encoder", self.encoder),
            **pack_module("policy", self.policy),
            **pack_module("outcome", self.outcome),
            **pack_optimizer("optimizer", self.optimizer),
            "generator": self.generator.get_state(),
        }
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "access": asdict(self.access.counts),
            "rng": pack_generator(self.rng),
        }
        return tensors, state

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""
        unpack_module("encoder", self.encoder, tensors)
        unpack_module("policy", self.policy, tensors)
        unpack_module("outcome", self.outcome, tensors)
        unpack_optimizer("optimizer", self.optimizer, tensors)
        self.generator.set_state(tensors["generator"])
        self.iteration = state["iteration"]
        self.access.restore(state["access"])
        unpack_generator(self.rng, state["rng"])

    def _update(self, k: int) -> Tensor:
        """One step of AdamW, the k-th of the iteration; its loss."""
        config, rng = self.config, self.rng
        done = (self.iteration * config.updates_per_iteration + k) / config.updates
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
        tasks = rng.integers(self.train.tasks, size=config.tasks_per_batch)
        shots = int(rng.choice(self.access.family.context_sizes))
        features, rest = self.train.sample_contexts(rng, tasks, shots, config.context_timesteps)
        states, actions = self._labelled(tasks, rest)
        view = self.symmetry.sample(rng, len(tasks))
        features, states = self.symmetry(features, view), self.symmetry(states, view)
        codes = self.encoder(self.noise(features, self.generator))
        loss = cloning = self._loss(codes, states, actions)
        if config.outcome > 0.0:
            first, last = self.outcomes.sample(rng, self.generator, tasks, rest, view)
            missed = self.outcome.loss(codes, first, last, self.train.moving)
            loss = cloning + config.outcome * missed
        if not math.isfinite(float(loss.detach())):
            raise DivergedError(
                f"the loss became {float(loss.detach())} in iteration {self.iteration + 1}. "
                "Go on from the last checkpoint, with a lower learning rate."
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return cloning.detach()

    def _labelled(self, tasks: IntArray, rest: IntArray) -> tuple[Tensor, Tensor]:
        """States (B, n, O) and expert actions (B, n, A) to learn from.

        They are of demonstrations ``rest`` (B, R) of the tasks (B,) that are not in the context.
        """
        config, size = self.config, (len(tasks), self.config.states_per_task)
        early = round(config.early_states * size[1])
        drawn = self.train.sample_from(
            self.rng, tasks, rest, size[1], early=early, within=config.early_steps
        )
        assert drawn.actions is not None
        states = self.noise(drawn.states[..., None, :], self.generator)[..., 0, :]
        if early and config.early_noise > 0.0:
            hidden = states[:, -early:, self.train.moving]
            scale = torch.rand((*hidden.shape[:2], 1), generator=self.generator)
            noise = config.early_noise * scale * torch.randn(hidden.shape, generator=self.generator)
            states[:, -early:, self.train.moving] = hidden + noise.to(self.device)
        return states, drawn.actions

    def _loss(self, codes: Tensor, states: Tensor, actions: Tensor) -> Tensor:
        """Mean squared error of actions (B, n, A) in states (B, n, O) under codes (B, Z)."""
        each = codes[:, None].expand(-1, states.shape[1], -1)
        mean, _ = self.policy(torch.cat((states, each), dim=-1))
        return functional.mse_loss(torch.tanh(mean), actions)

    @torch.no_grad()
    def held_out_losses(self) -> dict[str, float]:
        """The loss on the meta-validation demonstrations, on the same draw each time."""
        config, rng = self.config, np.random.default_rng(self.config.seed)
        tasks = np.arange(self.validation.tasks)
        losses = []
        for shots in self.access.family.context_sizes:
            features, rest = self.validation.sample_contexts(
                rng, tasks, shots, config.context_timesteps
            )
            drawn = self.validation.sample_from(rng, tasks, rest, config.states_per_task)
            assert drawn.actions is not None
            codes = self.encoder(features)
            losses.append(float(self._loss(codes, drawn.states, drawn.actions)))
        return {"losses/validation_action_mse": float(np.mean(losses))}


def make_trainer(config: MetaBCConfig, access: Access, device: torch.device) -> ImitatorTrainer:
    """The training of a configuration."""
    return MetaBC(config, access, device)
