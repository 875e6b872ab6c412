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
    """Next state of each step, (M, n, B, O)."""
    linked: Tensor
    """Whether a step still belongs to its sequence, 1.0 or 0.0, (M, n, B); ones at n = 0."""

    @classmethod
    def of(cls, states: Tensor, next_states: Tensor, number: int) -> NStepReturns:
        """Sequences of steps; a step follows another if it begins in the state the other led to.

        Args:
            states: (M, n · B, O), the first step of every sequence before the second.
            next_states: (M, n · B, O).
            number: B.
        """
        begins, ends = (torch.unflatten(x, 1, (-1, number)) for x in (states, next_states))
        follows = (begins[:, 1:] == ends[:, :-1]).all(-1).to(begins)
        first = begins.new_ones(len(begins), 1, number)
        linked = torch.cat((first, follows), 1).cumprod(1)
        return cls(ends, linked)

    @property
    def ends(self) -> Tensor:
        """The last state of each sequence, (M, B, O)."""
        if self.linked.shape[1] == 1:
            return self.next_states[:, 0]
        last = self.linked.sum(1).long() - 1
        where = last[:, None, :, None].expand(-1, 1, -1, self.next_states.shape[-1])
        return self.next_states.gather(1, where)[:, 0]

    def returns(self, rewards: Tensor, discount: Tensor) -> Tensor:
        """Discounted sums (M, B) of the rewards (M, n · B) of each sequence of m ≤ n steps.

        Args:
            rewards: the first step of every sequence before the second.
            discount: γ of each training, (M, 1).
        """
        steps = torch.arange(self.linked.shape[1], device=rewards.device)
        weights = self.linked * (discount**steps)[:, :, None]
        return (weights * rewards.reshape(self.linked.shape)).sum(1)

    def bootstrap_discount(self, discount: Tensor) -> Tensor:
        """Discount of the value of each last state, without the one factor that every critic's
        target has: γ^(m - 1) for a sequence of m steps, (M, B)."""
        return discount ** (self.linked.sum(1) - 1.0)
