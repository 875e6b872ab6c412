"""The reward that the policy maximises: a form of the discriminator's logit, bounded and scaled."""

from __future__ import annotations

import torch
from torch import Tensor

from smile_bench.baselines.smile.discriminator import REWARDS, Discriminator

__all__ = ["DiscriminatorReward"]


class DiscriminatorReward:
    """Rewards under the discriminator as it stands (eq. 5).

    Args:
        discriminator: reward_learner transitions under their contexts' codes.
        form: a name of ``REWARDS``.
        bound: rewards are clamped to plus or minus this, before they are scaled.
        scale: what they are multiplied by; None divides them by their running deviation.
        device: of the discriminator.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        form: str,
        bound: float,
        scale: float | None,
        device: torch.device,
    ) -> None:
        self.discriminator = discriminator
        self.form, self.bound, self.scale = form, bound, scale
        self.deviation = torch.ones((), device=device)
        """Running root mean square of the rewards about their mean."""

    @torch.no_grad()
    def raw(self, judged: Tensor, codes: Tensor) -> Tensor:
        """Rewards (B,) of transitions (B, T) under codes (B, Z), not yet scaled."""
        logits = self.discriminator(judged, codes)
        return REWARDS[self.form](logits).clamp(-self.bound, self.bound)

    @torch.no_grad()
    def __call__(self, judged: Tensor, codes: Tensor, first: int | None = None) -> Tensor:
        """Rewards (B,) of transitions (B, T) under codes (B, Z).

        Args:
            judged: what the discriminator sees of the transitions.
            codes: of their tasks' contexts.
            first: how many of them, the first ones, the running deviation is of; None for all.
        """
        raw = self.raw(judged, codes)
        if self.scale is not None:
            return self.scale * raw
        self.deviation.lerp_(raw[:first].std(), 0.01)
        return raw / self.deviation.clamp_min(1e-3)
