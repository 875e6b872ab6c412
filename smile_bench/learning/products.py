"""Batched matrix products, by the fastest library that PyTorch has for them.

On a CPU, PyTorch takes float32 products from MKL, which uses no AVX-512 on processors of AMD.
oneDNN does, and is twice as fast there (``tests/benchmarks/test_products.py`` measures both); on
processors of Intel they are about equal. So the larger products of stacked networks are oneDNN's.
Which library it is follows from shape and device alone, so that a training gives the same numbers
each time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["product"]

SMALLEST = 1_000_000
"""Multiplications of a product, of one network, from which on oneDNN's is the faster."""
ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
"""Whether this PyTorch has oneDNN."""


def product(
    inputs: Tensor, weight: Tensor, bias: Tensor | None = None, bfloat16: bool = False
) -> Tensor:
    """Products (M, B, O) of inputs (M, B, I) and weights (M, I, O), plus a bias (M, 1, O).

    With ``bfloat16``, factors and sum are rounded to that type; the result is float32 all the same.
    """
    if bfloat16:
        rounded = None if bias is None else bias.bfloat16()
        return _library(inputs.bfloat16(), weight.bfloat16(), rounded).float()
    if not _suits_onednn(inputs, weight.shape[-1]):
        return _library(inputs, weight, bias)
    taken: Any = _opaque if torch.compiler.is_compiling() else _Product.apply
    outputs: Tensor = taken(inputs, weight, bias)
    return outputs


def _library(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(inputs, weight) if bias is None else torch.baddbmm(bias, inputs, weight)


def _suits_onednn(inputs: Tensor, outputs: int) -> bool:
    _, rows, width = inputs.shape
    large = rows * width * outputs >= SMALLEST
    return large and ONEDNN and inputs.device.type == "cpu" and inputs.dtype == torch.float32


def _matmul(one: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
    """Products (M, n, m) of (M, n, k) and (M, k, m), of any strides, plus a bias (M, 1, m)."""
    made = [
        torch.ops.mkldnn._linear_pointwise(
            one[index],
            other[index].mT,
            None if bias is None else bias[index, 0],
            "none",
            [],
            "",
        )
        for index in range(len(one))
    ]
    if len(made) > 1:
        return torch.stack(made)
    # An ordinary view could not be changed in place, which is what ReLU does.
    alone: Tensor = torch.ops.aten._unsafe_view(made[0], (1, *made[0].shape))
    return alone


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    inputs, weight = ctx.saved_tensors
    needs_inputs, needs_weight, *needs_bias = ctx.needs_input_grad
    matmul = _opaque if torch.compiler.is_compiling() else _matmul
    return (
        matmul(gradient, weight.mT) if needs_inputs else None,
        matmul(inputs.mT, gradient) if needs_weight else None,
        gradient.sum(1, keepdim=True) if any(needs_bias) else None,
    )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _matmul(inputs, weight, bias)

    backward = staticmethod(_gradients)


# TorchInductor accepts oneDNN's products with constant weights alone, so it is not shown them.
@torch.library.custom_op("smile_bench::matmul", mutates_args=())
def _opaque(one: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
    return _matmul(one, other, bias)


@_opaque.register_fake
def _(one: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
    return one.new_empty((*one.shape[:-1], other.shape[-1]))


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], inputs[1])


_opaque.register_autograd(_gradients, setup_context=_save)
