"""N-step returns of transitions that follow each other (Sutton and Barto 2018, chapter 7)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["NStepReturns"]


@dataclass(frozen=True)
class NStepReturns:
    """B sequences of up to n transitions each; a sequence ends early where its episode did.

    The actions after the first one are an older policy's, and the return is not corrected for that
    (as in Barth-Maron et al. 2018, arXiv:1804.08617, section 3). Their entropy is left out.
    """

    next_states: Tensor
    """Next state of each step, (n · B, O): the first step of every sequence, then the second, …"""
    linked: Tensor
    """Whether a step still belongs to its sequence, 1.0 or 0.0, (n, B); the first row is ones."""

    @classmethod
    def of(cls, states: Tensor, next_states: Tensor, number: int) -> NStepReturns:
        """Sequences of steps; a step follows another if it begins in the state the other led to.

        Args:
            states: (n · B, O), the first step of every sequence before the second.
            next_states: (n · B, O).
            number: B.
        """
        begins, ends = (x.reshape(-1, number, x.shape[-1]) for x in (states, next_states))
        follows = (begins[1:] == ends[:-1]).all(-1).to(begins)
        linked = torch.cat((begins.new_ones(1, number), follows)).cumprod(0)
        return cls(next_states, linked)

    @property
    def ends(self) -> Tensor:
        """The last state of each sequence, (B, O)."""
        last = self.linked.sum(0).long() - 1
        number = self.linked.shape[1]
        return self.next_states[last * number + torch.arange(number).to(last)]

    def returns(self, rewards: Tensor, discount: float) -> Tensor:
        """Discounted sums (B,) of the rewards (n · B,) of each sequence of m ≤ n steps."""
        powers = discount ** torch.arange(len(self.linked), device=rewards.device)
        weights = self.linked * powers[:, None]
        return (weights * rewards.reshape(self.linked.shape)).sum(0)

    def bootstrap_discount(self, discount: float) -> Tensor:
        """Discount of the value of each last state, without the one factor that every critic's
        target has: γ^(m - 1) for a sequence of m steps, (B,)."""
        return discount ** (self.linked.sum(0) - 1.0)
