"""Actions inferred from what they did: a model a(s, s') fitted on the learner's own transitions.

State-only imitators may not see the expert's actions. What their own transitions teach of the
dynamics lets them guess them (as in Behavioural Cloning from Observation, Torabi et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smile_bench.baselines.networks import linear

__all__ = ["InverseDynamics"]


class InverseDynamics(nn.Module):
    """A ReLU network on (s, (s' − s) / scale); tanh keeps its actions in [-1, 1].

    Args:
        observations: O, length of a normalised observation.
        actions: A.
        hidden: width of the two layers.
        generator: draws the initial weights.
    """

    scale: Tensor

    def __init__(
        self, observations: int, actions: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.network = nn.Sequential(
            linear(2 * observations, hidden, generator),
            nn.ReLU(),
            linear(hidden, hidden, generator),
            nn.ReLU(),
            linear(hidden, actions, generator),
            nn.Tanh(),
        )
        self.register_buffer("scale", torch.ones(observations))

    def forward(self, observations: Tensor, next_observations: Tensor) -> Tensor:
        """Actions (B, A) that lead from normalised observations (B, O) to the next ones (B, O)."""
        change = (next_observations - observations) / self.scale
        actions: Tensor = self.network(torch.cat((observations, change), dim=-1))
        return actions

    @torch.no_grad()
    def fit_scale(self, observations: Tensor, next_observations: Tensor) -> None:
        """Take the changes' root mean square as their scale; coordinates at rest keep 0.001."""
        change = next_observations - observations
        self.scale.copy_(change.square().mean(0).sqrt().clamp_min(1e-3))
