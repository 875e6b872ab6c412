"""Model error as a bonus, on the latents of an auto-encoder (CS285 notes, before 6.4).

An auto-encoder is trained to reconstruct observations, and by nothing else. A model predicts the
next latent φ(s′) from φ(s) and the action; its squared error is the bonus (Stadie et al. 2015,
arXiv:1507.00814). Where moves are random the error never vanishes, so that Schmidhuber (1991)
rewards the model's improvement instead: by how much the model errs less than it did some updates
ago. :mod:`smile_bench.exploration.model_error` has the exact tools.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.unsupervised.config import require_fitting
from smile_bench.baselines.unsupervised.episode_replay import Sampled
from smile_bench.baselines.unsupervised.explorer import Parts
from smile_bench.baselines.unsupervised.explorers.bonus import BonusConfig, BonusExplorer
from smile_bench.baselines.unsupervised.training import GoalTrainings
from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam, as_rows
from smile_bench.learning.stacking import FiniteLosses
from smile_bench.settings import AMOUNT, COUNT, SHARE

__all__ = ["LatentModelConfig", "ModelError", "ModelErrorConfig", "make_trainings"]

TINY = 1e-6
"""Least size of a batch's mean bonus that bonuses are divided by."""


@dataclass(frozen=True, kw_only=True)
class LatentModelConfig:
    """Settings of the auto-encoder and of the model on its latents."""

    hidden: tuple[int, ...] = (64,)
    """Widths of the ReLU layers of encoder, decoder and model."""
    latent: int = 8
    """Length of φ(s)."""
    learning_rate: float = 1e-3
    """Of Adam."""
    improvement: bool = False
    """Whether the bonus is the model's improvement, and not its error."""
    follow: float = 0.01
    """How far the former model moves towards the model at each update, for the improvement."""


@dataclass(frozen=True, kw_only=True)
class ModelErrorConfig(BonusConfig):
    """Settings of a training."""

    model: LatentModelConfig = field(default_factory=LatentModelConfig)


class ModelError(BonusExplorer):
    """Goes where its model errs.

    Args:
        parts: what it shares with the goal learner.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        config: LatentModelConfig = self.config.model
        family, device = parts.space.family, parts.compute.device
        observed, latent = family.observation_size, config.latent
        self.encoder, self.decoder, self.model = (
            relu_mlp((before, *config.hidden, after), parts.generators).to(device)
            for before, after in (
                (observed, latent),
                (latent, observed),
                (latent + family.action_size, latent),
            )
        )
        adam = [AdamConfig(learning_rate=config.learning_rate) for _ in parts.configs]
        self._coding_adam = StackedAdam([self.encoder, self.decoder], adam)
        self._model_adam = StackedAdam([self.model], adam)
        self.former = copy.deepcopy(self.model).requires_grad_(False)
        self._former_rows = as_rows([self.former])
        parts.compute.prepare(self.encoder, self.decoder, self.model, self.former)
        self.finite = FiniteLosses(("auto-encoder", "model"), len(parts.configs), device)

    def update(self, number: int) -> dict[str, Tensor]:
        """As every explorer's update; auto-encoder and model learn first."""
        if not self.kind(number)[0]:
            return {}
        drawn = self.parts.replay.sample(self.parts.streams, self.config.batch)
        states, ends = (self.parts.statistics(each) for each in (drawn.states, drawn.ends))
        coding = self.coding_losses(states)
        self.finite.watch("auto-encoder", coding)
        self._coding_adam.step(coding.sum())
        predicting = self.errors(self.model, states, drawn.actions, ends).mean(-1)
        self.finite.watch("model", predicting)
        with torch.no_grad():
            self._former_rows.lerp_(self._model_adam.rows, self.config.model.follow)
        self._model_adam.step(predicting.sum())
        log = {"losses/auto_encoder": coding.detach(), "losses/model": predicting.detach()}
        return {**log, **super().update(number)}

    def coding_losses(self, states: Tensor) -> Tensor:
        """Mean squared errors (M,) of reconstructed z-scores (M, B, O)."""
        losses: Tensor = (self.decoder(self.encoder(states)) - states).square().mean((1, 2))
        return losses

    def errors(
        self, model: torch.nn.Module, states: Tensor, actions: Tensor, ends: Tensor
    ) -> Tensor:
        """‖φ(s′) − f(φ(s), a)‖², (M, B); no gradient reaches the encoder.

        Args:
            model: f.
            states: z-scores of s, (M, B, O).
            actions: a, (M, B, A).
            ends: z-scores of s′, (M, B, O).
        """
        with torch.no_grad():
            before, after = self.encoder(states), self.encoder(ends)
        errors: Tensor = (model(torch.cat((before, actions), -1)) - after).square().sum(-1)
        return errors

    @torch.no_grad()
    def bonus(self, drawn: Sampled) -> Tensor:
        """The model's error, or by how much it has fallen, in units of a batch's mean size, (M, B).

        Latents have no scale of their own.
        """
        states, ends = (self.parts.statistics(each) for each in (drawn.states, drawn.ends))
        bonus = self.errors(self.model, states, drawn.actions, ends)
        if self.config.model.improvement:
            bonus = self.errors(self.former, states, drawn.actions, ends) - bonus
        return bonus / bonus.abs().mean(-1, keepdim=True).clamp_min(TINY)

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        tables = (super().failures(), self.finite.failed())
        return [[name for names in rows for name in names] for rows in zip(*tables, strict=True)]

    def state_dict(self, index: int) -> dict[str, Any]:
        """Policy, critics and models of a training."""
        return {
            **super().state_dict(index),
            "coding": self._coding_adam.state_dict(index),
            "model": self._model_adam.state_dict(index),
            "former": self._former_rows[index],
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        super().load_state_dict(index, state)
        self._coding_adam.load_state_dict(index, state["coding"])
        self._model_adam.load_state_dict(index, state["model"])
        self._former_rows[index].copy_(state["former"])


def make_trainings(
    name: str,
    configs: Sequence[ModelErrorConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
) -> GoalTrainings:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    ranges = {
        COUNT: ("explore_every", "model.hidden", "model.latent"),
        AMOUNT: ("model.learning_rate",),
        SHARE: ("model.follow",),
    }
    for config, access in zip(configs, accesses, strict=False):
        require_fitting(name, config, access, ranges)
    return GoalTrainings(name, configs, accesses, ModelError, compute)
