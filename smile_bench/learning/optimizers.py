"""Adam on a matrix of parameters, a row a network: one operation a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smile_bench.learning.stacking import in_step

__all__ = ["AdamConfig", "StackedAdam", "as_rows", "falling"]

BETA2 = 0.999


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Settings of AdamW."""

    learning_rate: float = 3e-4
    """At the start of the training."""
    beta1: float = 0.9
    """Decay of the first moment."""
    weight_decay: float = 0.0
    """Decoupled from the gradient."""
    epsilon: float = 1e-8
    """Added to the root of the second moment."""


def falling(last: Sequence[float], progress: float) -> float | list[float]:
    """Factors of learning rates that fall on a line, for :meth:`StackedAdam.scale_learning_rate`.

    Args:
        last: factor of each training at its end.
        progress: share of the training that is done, 0 to 1.

    Returns:
        One number where all trainings have the same, else one a training.
    """
    each = [1.0 + (final - 1.0) * progress for final in last]
    return each if len(set(last)) > 1 else each[0]


def as_rows(modules: Sequence[nn.Module]) -> Tensor:
    """All parameters of stacked modules as a matrix (R, P), a row for each network of the stack.

    From now on the modules' parameters are views of the matrix: what is written to either is seen
    in both. Copies that are made later have parameters of their own. Move the modules to their
    device first, because a later ``to`` would cut them off from the matrix. No two modules may
    share a parameter.
    """
    parameters = [p for module in modules for p in module.parameters()]
    matrix = torch.cat([p.detach().flatten(1) for p in parameters], 1).contiguous()
    start = 0
    for module in modules:
        for name, parameter in list(module.named_parameters()):
            width = parameter[0].numel()
            part = torch.unflatten(matrix[:, start : start + width], 1, parameter.shape[1:])
            owner, _, last = name.rpartition(".")
            held = nn.Parameter(part, requires_grad=parameter.requires_grad)
            setattr(module.get_submodule(owner), last, held)
            start += width
    return matrix


class StackedAdam:
    """AdamW on R rows of parameters (arXiv:1711.05101), each with its own learning rate.

    Args:
        modules: stacks of R networks, all of one type and device, whose parameters become views of
            one matrix.
        configs: of M trainings. The rows are theirs in turn, R / M each. They may differ in the
            learning rate alone.
    """

    def __init__(self, modules: Sequence[nn.Module], configs: Sequence[AdamConfig]) -> None:
        self.rows = as_rows(modules)
        """All parameters, (R, P)."""
        self.parameters = [p for module in modules for p in module.parameters()]
        self._each = len(self.rows) // len(configs)
        """Rows of a training."""
        self._config = configs[0]
        self._first = torch.zeros_like(self.rows)
        self._second = torch.zeros_like(self.rows)
        self._configured = [config.learning_rate for config in configs]
        device = self.rows.device
        self._steps = torch.zeros((), device=device)
        self._rates = torch.zeros(len(configs), device=device)
        self._alike = len(set(self._configured)) == 1
        """Whether one operation serves all. It stays so: a CUDA graph repeats the operations."""
        self.scale_learning_rate(1.0)

    def step(self, loss: Tensor, max_norm: float | None = None) -> None:
        """Take one step down the gradient of a loss; no other network sees the gradient.

        Args:
            loss: the sum over all rows.
            max_norm: longest gradient of a row; longer ones are shortened.

        Raises:
            RuntimeError: a parameter has no part in the loss.
        """
        gradients = torch.autograd.grad(loss, self.parameters)
        gradient = torch.cat([each.flatten(1) for each in gradients], 1)
        if max_norm is not None:
            length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient *= (max_norm / (length + 1e-6)).clamp_(max=1.0)
        self._steps += 1.0
        if self._alike:
            self._adam(slice(None), gradient, 0)
            return
        for index in range(len(self._rates)):
            self._adam(self._of(index), gradient, index)

    def scale_learning_rate(self, factor: float | Sequence[float]) -> None:
        """Set the learning rates to multiples of the configured ones.

        Args:
            factor: of all trainings, or one a training; then from the first step on.
        """
        if isinstance(factor, float | int):
            factors = [factor] * len(self._configured)
        else:
            self._alike, factors = False, list(factor)
        if self._alike:
            self._rates.fill_(self._configured[0] * factors[0])
            return
        pairs = zip(self._configured, factors, strict=True)
        self._rates.copy_(torch.tensor([configured * each for configured, each in pairs]))

    def state_dict(self, index: int) -> dict[str, Any]:
        """Parameters and moments of a training."""
        rows = self._of(index)
        return {
            "parameters": self.rows[rows],
            "first": self._first[rows],
            "second": self._second[rows],
            "steps": self._steps,
        }

    @torch.no_grad()
    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned.

        Raises:
            ValueError: the state is of other parameters.
        """
        rows = self._of(index)
        for name, matrix in (
            ("parameters", self.rows),
            ("first", self._first),
            ("second", self._second),
        ):
            if state[name].shape != matrix[rows].shape:
                raise ValueError(f"{name} of an optimizer are of other networks")
            matrix[rows] = state[name].to(matrix.device)
        self._steps.fill_(in_step(index, float(self._steps), float(state["steps"])))

    def _of(self, index: int) -> slice:
        return slice(index * self._each, (index + 1) * self._each)

    def _adam(self, rows: slice, gradient: Tensor, index: int) -> None:
        torch._fused_adamw_(
            [self.rows[rows]],
            [gradient[rows]],
            [self._first[rows]],
            [self._second[rows]],
            [],
            [self._steps],
            lr=self._rates[index],
            beta1=self._config.beta1,
            beta2=BETA2,
            weight_decay=self._config.weight_decay,
            eps=self._config.epsilon,
            amsgrad=False,
            maximize=False,
        )
