"""DIAYN's discriminator q(z | s): which skill leads to a state, and the reward that it gives.

The discriminator and the skills maximise E[log q(z | s) − log p(z)], a lower bound of I(S; Z)
(Eysenbach et al. 2018, arXiv:1802.06070, eq. 2 and 3; CS285 notes, section 6.4.4). M
discriminators are one network: every tensor begins with the axis M. In a table the same stands in
:mod:`smile_bench.exploration.skills`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import Source, relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.stacking import FiniteLosses

__all__ = ["SkillDiscriminator", "log_posterior", "skill_network", "skill_rewards"]


def skill_network(
    features: int, skills: int, hidden: Sequence[int], source: Source
) -> torch.nn.Sequential:
    """A ReLU network from features of a state to a logit of each skill.

    Args:
        features: G, how many features it sees.
        skills: K.
        hidden: widths of the layers; none for a linear discriminator.
        source: of the initial weights; M generators make a stack.
    """
    return relu_mlp((features, *hidden, skills), source)


def log_posterior(logits: Tensor, skills: Tensor) -> Tensor:
    """log q(z | s), (...), of logits (..., K) and skills (...)."""
    return functional.log_softmax(logits, -1).gather(-1, skills[..., None])[..., 0]


def skill_rewards(logits: Tensor, skills: Tensor) -> Tensor:
    """log q(z | s') − log p(z), (...), with p(z) = 1 / K: 0 for a discriminator that guesses.

    Args:
        logits: of the states that were reached, (..., K).
        skills: that were followed, (...).
    """
    return log_posterior(logits, skills) + math.log(logits.shape[-1])


class SkillDiscriminator:
    """Discriminators of M trainings and their updates.

    Args:
        features: G, how many features of a state they see.
        skills: K.
        hidden: widths of the layers.
        optimizers: settings of M trainings, which may differ in the learning rate.
        generators: M, sources of the initial weights.
        compute: how to compute.
    """

    def __init__(
        self,
        features: int,
        skills: int,
        hidden: Sequence[int],
        optimizers: Sequence[AdamConfig],
        generators: Sequence[torch.Generator],
        compute: Compute,
    ) -> None:
        network = skill_network(features, skills, hidden, generators)
        self.network = network.to(compute.device)
        self._adam = StackedAdam([self.network], optimizers)
        compute.prepare(self.network)
        self.finite = FiniteLosses(("the discriminator",), len(optimizers), compute.device)
        self._losses = compute.compiled(self._losses)  # type: ignore[method-assign]

    def update(self, features: Tensor, skills: Tensor) -> dict[str, Tensor]:
        """One step that raises E[log q(z | s)].

        Args:
            features: of states (M, B, G).
            skills: that led to them, (M, B).

        Returns:
            What to log, (M,) each: the loss, and the share of states whose most likely skill is
            the right one.
        """
        losses, accuracy = self._losses(features, skills)
        self.finite.watch("the discriminator", losses)
        self._adam.step(losses.sum())
        return {"losses/discriminator": losses.detach(), "charts/skill_accuracy": accuracy}

    @torch.no_grad()
    def rewards(self, features: Tensor, skills: Tensor) -> Tensor:
        """:func:`skill_rewards` (M, B) of features (M, B, G) and skills (M, B)."""
        return skill_rewards(self.network(features), skills)

    def scale_learning_rate(self, factor: float | Sequence[float]) -> None:
        """Set the learning rates to a multiple of the configured ones."""
        self._adam.scale_learning_rate(factor)

    def state_dict(self, index: int) -> dict[str, Any]:
        """A training's discriminator and its optimizer's state."""
        return {"adam": self._adam.state_dict(index)}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._adam.load_state_dict(index, state["adam"])

    def _losses(self, features: Tensor, skills: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropies and accuracies, (M,) each."""
        logits = self.network(features)
        right = (logits.detach().argmax(-1) == skills).float()
        return -log_posterior(logits, skills).mean(-1), right.mean(-1)
