"""What fine-tuning begins from: the imitator's policy in each slot, and the demonstrations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from smile_bench.agents import Context, pad_contexts
from smile_bench.baselines.imitation.imitator import ImitatorPolicy
from smile_bench.errors import AgentError
from smile_bench.learning.devices import to_device
from smile_bench.learning.networks import LOG_STD_RANGE, SquashedGaussianPolicy
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import Transitions, take_rows
from smile_bench.learning.streams import Streams

__all__ = ["DemonstratedTransitions", "copy_policy"]


class DemonstratedTransitions:
    """The transitions of M slots' demonstrations, to sample from.

    Args:
        contexts: one a slot.
        normaliser: of the observations.
        device: where they lie.

    Raises:
        AgentError: contexts without actions.
    """

    def __init__(
        self, contexts: Sequence[Context], normaliser: Normaliser, device: torch.device
    ) -> None:
        stacked, _ = pad_contexts(contexts)
        if stacked.actions is None:
            raise AgentError(
                "learning from demonstrations needs their actions, and these contexts have none; "
                "give contexts with actions, or take pretrain-fine-tune or sac-from-nothing."
            )
        columns = (
            normaliser(stacked.observations),
            stacked.actions,
            normaliser(stacked.next_observations),
        )
        self._widths = [column.shape[-1] for column in columns]
        rows = np.concatenate(columns, axis=-1)
        rows = rows.reshape(len(contexts), -1, rows.shape[-1])
        # Padding is last, so that the first rows of a slot are its own.
        own = [context.shots * context.observations.shape[1] for context in contexts]
        self._own = torch.tensor(own, device=device)[:, None]
        self._first = rows.shape[1] * torch.arange(len(rows), device=device)[:, None]
        self._rows = to_device(rows, device).flatten(0, 1)

    def sample(self, streams: Streams, number: int) -> Transitions:
        """Sample transitions uniformly, (M, number, ...) each."""
        rows = take_rows(self._rows, self._first + streams.integers(self._own, number))
        return Transitions(*torch.split(rows, self._widths, -1))


@torch.no_grad()
def copy_policy(imitator: ImitatorPolicy, into: SquashedGaussianPolicy, std: float) -> None:
    """Write an imitator's policies of M slots into a stack of M policies of observations alone.

    A slot's embedding never changes, so that the first layer holds its part as a bias: W_z z + b.
    The stack's means are the imitator's to rounding.

    Args:
        imitator: the policies of the slots, of one network.
        into: the stack, with the imitator's widths.
        std: standard deviation before tanh, in every state at first.

    Raises:
        AgentError: the imitator acts by several networks, or they have other widths.
    """
    if len(imitator.members) != 1:
        raise AgentError(
            f"fine-tuning continues one policy, and this imitator acts by the mean of "
            f"{len(imitator.members)}; choose an imitator of one member."
        )
    network, embeddings = imitator.members[0]
    weights = [layer.get_parameter("weight") for layer in network.layers]
    observed = weights[0].shape[1] - embeddings.shape[1]
    embedded = functional.linear(embeddings, weights[0][:, observed:])
    for number, (ours, theirs) in enumerate(zip(into.layers, network.layers, strict=True)):
        weight, bias = ours.get_parameter("weight"), ours.get_parameter("bias")
        given = weights[number] if number else weights[0][:, :observed]
        if weight.shape[1:] != given.mT.shape:
            raise AgentError(
                f"the imitator's policy has a layer of {given.shape[0]} units, and the settings "
                f"have {weight.shape[2]}; give sac.hidden the imitator's widths."
            )
        weight.copy_(given.mT.expand_as(weight))
        bias.copy_(theirs.get_parameter("bias").expand_as(bias))
        if not number:
            bias.add_(embedded[:, None])
    low, high = LOG_STD_RANGE
    raw = math.atanh(2.0 * (math.log(std) - low) / (high - low) - 1.0)
    last = into.layers[-1]
    last.get_parameter("weight")[..., into.actions :] = 0.0
    last.get_parameter("bias")[..., into.actions :] = raw
