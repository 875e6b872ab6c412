"""Adam on all parameters of some networks as one vector: an operation a step, not one a parameter.

Small networks have parameters by the dozen; to count, check and update them one by one costs a
few percent of a training's time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

__all__ = ["VectorAdam", "as_vector"]


def as_vector(modules: Sequence[nn.Module]) -> Tensor:
    """All parameters of the modules, one after another, (P,).

    The modules' parameters are views of it from now on: what is written to either is seen in both.
    Copies that are made later have parameters of their own. Move the modules to their device
    before: a later ``to`` would cut them off from the vector. No two may share a parameter.
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
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), without decay Adam, on one vector.

    Args:
        modules: whose parameters, all of one type and device, become views of the vector.
        rate: the learning rate.
        betas: decay rates of the two moments.
        weight_decay: decoupled from the gradient.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        self.vector = as_vector(modules)
        """All parameters, one after another, (P,)."""
        self.parameters = [p for module in modules for p in module.parameters()]
        self.optimizer = torch.optim.AdamW(
            [self.vector], lr=rate, betas=betas, weight_decay=weight_decay, fused=True
        )
        """To be checkpointed."""

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of a loss in the parameters, which nothing else sees.

        Raises:
            RuntimeError: a parameter has no part in the loss.
        """
        gradients = torch.autograd.grad(loss, self.parameters)
        self.vector.grad = torch.cat([gradient.flatten() for gradient in gradients])
        self.optimizer.step()

    def set_rate(self, rate: float) -> None:
        """Change the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
