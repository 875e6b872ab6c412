"""Runs of transitions that follow each other, for returns over several steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smile_bench.baselines.task_data import Transitions

__all__ = ["Runs"]


@dataclass(frozen=True)
class Runs:
    """B runs of up to n transitions each; a run ends early where its episode did.

    What the learner did between its first action and the run's end is not corrected for: n-step
    returns of soft actor-critic leave the entropy of these actions out, and are those of an older
    policy's (Barth-Maron et al. 2018, arXiv:1804.08617, section 3).
    """

    transitions: Transitions
    """All steps of all runs, (n · B, …): the first steps of every run, then the second ones, …"""
    linked: Tensor
    """Whether a step still belongs to its run, 1.0 or 0.0, (n, B); the first row is all ones."""

    @classmethod
    def of(cls, transitions: Transitions, number: int) -> Runs:
        """Runs of what may follow each other: a step does that begins where the one before ended.

        Args:
            transitions: (n · B, …), those that would be the first steps before the second ones.
            number: B.
        """
        width = transitions.states.shape[-1]
        begins = transitions.states.reshape(-1, number, width)
        ends = transitions.next_states.reshape(-1, number, width)
        follows = (begins[1:] == ends[:-1]).all(-1).to(begins)
        linked = torch.cat((begins.new_ones(1, number), follows)).cumprod(0)
        return cls(transitions, linked)

    @property
    def ends(self) -> Tensor:
        """The states (B, O) that the runs lead to."""
        last = self.linked.sum(0).long() - 1
        number = self.linked.shape[1]
        return self.transitions.next_states[last * number + torch.arange(number).to(last)]

    def returns(self, rewards: Tensor, discount: float) -> Tensor:
        """Discounted sums (B,) of the steps' rewards (n · B,)."""
        powers = discount ** torch.arange(len(self.linked), device=rewards.device)
        weights = self.linked * powers[:, None]
        return (weights * rewards.reshape(self.linked.shape)).sum(0)

    def beyond(self, discount: float) -> Tensor:
        """By what power of the discount, above the first, the values of ``ends`` count, (B,)."""
        return discount ** (self.linked.sum(0) - 1.0)
