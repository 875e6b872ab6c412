"""Adam on all parameters of some networks as one vector: one operation a step.

Small networks have dozens of parameters; to count, check and update them one by one costs a few
percent of a training's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from smile_bench.learning.checkpoint import load_optimizer

__all__ = ["AdamConfig", "VectorAdam", "as_vector"]


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Settings of AdamW (Loshchilov and Hutter 2019); without decay it is Adam."""

    learning_rate: float = 3e-4
    """At the start of the training."""
    beta1: float = 0.9
    """Decay of the first moment."""
    weight_decay: float = 0.0
    """Decoupled from the gradient."""


def as_vector(modules: Sequence[nn.Module]) -> Tensor:
    """All parameters of the modules, one after another, (P,).

    From now on the modules' parameters are views of the vector: what is written to either is seen
    in both. Copies that are made later have parameters of their own. Move the modules to their
    device first, because a later ``to`` would cut them off from the vector. No two modules may
    share a parameter.
    """
    vector = parameters_to_vector([p for module in modules for p in module.parameters()]).detach()
    start = 0
    for module in modules:
        for name, parameter in list(module.named_parameters()):
            part = vector[start : start + parameter.numel()].view_as(parameter)
            owner, _, last = name.rpartition(".")
            held = nn.Parameter(part, requires_grad=parameter.requires_grad)
            setattr(module.get_submodule(owner), last, held)
            start += parameter.numel()
    return vector


class VectorAdam:
    """AdamW on one vector of parameters (arXiv:1711.05101).

    Args:
        modules: whose parameters, all of one type and device, become views of the vector.
        config: settings.
    """

    def __init__(self, modules: Sequence[nn.Module], config: AdamConfig) -> None:
        self.config = config
        self.vector = as_vector(modules)
        """All parameters, one after another, (P,)."""
        self.parameters = [p for module in modules for p in module.parameters()]
        self._optimizer = torch.optim.AdamW(
            [self.vector],
            lr=config.learning_rate,
            betas=(config.beta1, 0.999),
            weight_decay=config.weight_decay,
            fused=True,
        )

    def step(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss; no other network sees the gradient.

        Raises:
            RuntimeError: a parameter has no part in the loss.
        """
        gradients = torch.autograd.grad(loss, self.parameters)
        self.vector.grad = torch.cat([gradient.flatten() for gradient in gradients])
        self._optimizer.step()

    def scale_learning_rate(self, factor: float) -> None:
        """Set the learning rate to a multiple of the configured one."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor

    def state_dict(self) -> dict[str, Any]:
        """The moments and the learning rate; the parameters are the modules' to save."""
        return self._optimizer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned.

        Raises:
            RuntimeError: the state is of other parameters.
        """
        load_optimizer(self._optimizer, state)
