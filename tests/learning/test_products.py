"""Products of stacked networks: the same numbers by either library, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smile_bench.learning import products
from smile_bench.learning.products import product

LARGE, SMALL = (160, 96, 128), (16, 8, 4)
Inputs = tuple[Tensor, Tensor, Tensor]


def given(trainings: int, sizes: tuple[int, int, int]) -> Inputs:
    rows, width, outputs = sizes
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(trainings, *shape, generator=generator).requires_grad_()

    return normal(rows, width), normal(width, outputs), normal(1, outputs)


def gradients(of: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: Inputs) -> list[Tensor]:
    outputs = torch.relu_(of(*inputs))
    return [outputs.detach(), *torch.autograd.grad(outputs.square().mean(), inputs)]


@pytest.mark.parametrize("trainings", [1, 3])
@pytest.mark.parametrize("sizes", [LARGE, SMALL])
def test_products_and_gradients_are_pytorchs(trainings: int, sizes: tuple[int, int, int]) -> None:
    inputs = given(trainings, sizes)
    expected = gradients(lambda x, w, b: torch.baddbmm(b, x, w), inputs)
    for one, other in zip(gradients(product, inputs), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, weight, bias = (x.detach().double().requires_grad_() for x in given(2, SMALL))

    def doubles(one: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
        return one @ other if bias is None else one @ other + bias

    # oneDNN has no doubles: what is checked is which factors the gradients are made of.
    monkeypatch.setattr(products, "_matmul", doubles)
    assert torch.autograd.gradcheck(products._Product.apply, (inputs, weight, bias))


def test_a_product_without_bias_of_transposed_factors() -> None:
    inputs, weight, _ = given(2, LARGE)
    back = product(product(inputs, weight), weight.mT)
    torch.testing.assert_close(back, inputs @ weight @ weight.mT, rtol=1e-4, atol=1e-3)


def test_the_library_follows_from_the_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    matmul = products._matmul

    def watched(*arguments: Tensor) -> Tensor:
        called.append(len(arguments))
        return matmul(*arguments)

    monkeypatch.setattr(products, "_matmul", watched)
    product(*given(1, SMALL))
    assert not called
    product(*given(1, LARGE))
    assert len(called) == int(products.ONEDNN)


@pytest.mark.slow
def test_compiled_products_are_the_same() -> None:
    inputs = given(2, LARGE)
    torch.compiler.reset()
    compiled = torch.compile(product, dynamic=False, fullgraph=True, backend="aot_eager")
    for one, other in zip(gradients(compiled, inputs), gradients(product, inputs), strict=True):
        torch.testing.assert_close(one, other)
