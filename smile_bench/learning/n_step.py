"""NStepReturns of transitions that follow each other, for returns over several steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["NStepReturns"]


@dataclass(frozen=True)
class NStepReturns:
    """B runs of up to n transitions each; a run ends early where its episode did.

    Returns over a run are not corrected for what chose the actions after its first one: they are
    an older policy's (as in Barth-Maron et al. 2018, arXiv:1804.08617, section 3), and their
    entropy is left out.
    """

    next_states: Tensor
    """Where each step leads, (n · B, O): the first steps of every run, then the second ones, …"""
    linked: Tensor
    """Whether a step still belongs to its run, 1.0 or 0.0, (n, B); the first row is all ones."""

    @classmethod
    def of(cls, states: Tensor, next_states: Tensor, number: int) -> NStepReturns:
        """Runs of steps; a step follows another if it begins where the other ended.

        Args:
            states: where they begin, (n · B, O), the first steps of every run before the second.
            next_states: where they lead, (n · B, O).
            number: B.
        """
        begins, ends = (x.reshape(-1, number, x.shape[-1]) for x in (states, next_states))
        follows = (begins[1:] == ends[:-1]).all(-1).to(begins)
        linked = torch.cat((begins.new_ones(1, number), follows)).cumprod(0)
        return cls(next_states, linked)

    @property
    def ends(self) -> Tensor:
        """The states (B, O) that the runs lead to."""
        last = self.linked.sum(0).long() - 1
        number = self.linked.shape[1]
        return self.next_states[last * number + torch.arange(number).to(last)]

    def returns(self, rewards: Tensor, discount: float) -> Tensor:
        """Discounted sums (B,) of the steps' rewards (n · B,)."""
        powers = discount ** torch.arange(len(self.linked), device=rewards.device)
        weights = self.linked * powers[:, None]
        return (weights * rewards.reshape(self.linked.shape)).sum(0)

    def beyond(self, discount: float) -> Tensor:
        """By what power of the discount, above the first, the values of ``ends`` count, (B,)."""
        return discount ** (self.linked.sum(0) - 1.0)
