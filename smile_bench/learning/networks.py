"""Networks of soft actor-critic: a tanh-squashed Gaussian policy and twin critics.

A network is plain, or it is a stack of M networks of one shape, one a training. A stack's tensors
have a leading axis M; it is made by giving M generators in place of one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.products import product

__all__ = [
    "Source",
    "SquashedGaussianPolicy",
    "StackedLinear",
    "TwinCritic",
    "fast_tanh",
    "linear",
    "member",
    "orthogonal_mlp",
    "relu_mlp",
    "use_bfloat16",
]

LOG_STD_RANGE = (-5.0, 2.0)
"""Of the Gaussian before tanh."""

Source: TypeAlias = torch.Generator | Sequence[torch.Generator] | None
"""Of initial weights. One generator makes a plain layer, M of them a stack. Without one, a plain
layer has a shape and no memory, and waits to be loaded."""

Network = TypeVar("Network", bound=nn.Module)


class StackedLinear(nn.Module):
    """M linear layers of one shape as one batched product.

    Args:
        inputs: I, length of the input.
        outputs: O, length of the output.
        generators: one a layer, source of its weights.
    """

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        layers = [_plain_linear(inputs, outputs, generator) for generator in generators]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().mT for layer in layers]))
        """(M, I, O)."""
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))
        """(M, 1, O)."""
        self.rounds = False
        """Whether the product is taken of numbers rounded to bfloat16."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (M, ..., O) of inputs (M, ..., I)."""
        outputs = product(inputs.flatten(1, -2), self.weight, self.bias, self.rounds)
        return torch.unflatten(outputs, 1, inputs.shape[1:-1])


def use_bfloat16(*networks: nn.Module) -> None:
    """Let the stacked layers of some networks take their products in bfloat16."""
    for network in networks:
        for layer in network.modules():
            if isinstance(layer, StackedLinear):
                layer.rounds = True


def member(stack: nn.Module, index: int, into: Network) -> Network:
    """Copy one network of a stack into a plain network of the same structure.

    Args:
        stack: made with M generators.
        index: which of the M.
        into: the plain network, which is returned. It may lack memory.
    """
    state: dict[str, Any] = {}
    for name, tensor in stack.state_dict().items():
        path, _, last = name.rpartition(".")
        tensor = tensor.detach()
        if isinstance(stack.get_submodule(path), StackedLinear):
            tensor = tensor[index].mT if last == "weight" else tensor[index, 0]
        state[name] = tensor.clone(memory_format=torch.contiguous_format)
    into.load_state_dict(state, assign=True)
    return into


def linear(inputs: int, outputs: int, source: Source) -> nn.Module:
    """A linear layer, or a stack of them, with PyTorch's default initialisation.

    Args:
        inputs: length of the input.
        outputs: length of the output.
        source: of the weights.
    """
    if source is None or isinstance(source, torch.Generator):
        return _plain_linear(inputs, outputs, source)
    return StackedLinear(inputs, outputs, source)


def relu_mlp(sizes: Sequence[int], source: Source) -> nn.Sequential:
    """Linear layers between the sizes, with ReLU between them."""
    layers: list[nn.Module] = []
    for before, width in itertools.pairwise(sizes):
        layers += [linear(before, width, source), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def orthogonal_mlp(
    inputs: int, hidden: int, outputs: int, last_gain: float, source: Source
) -> nn.Sequential:
    """Two tanh layers and a linear one with orthogonal weights, or a stack of such networks."""
    sizes, gains = (inputs, hidden, hidden, outputs), (math.sqrt(2.0), math.sqrt(2.0), last_gain)
    layers: list[nn.Module] = []
    for (before, width), gain in zip(itertools.pairwise(sizes), gains, strict=True):
        layers += [_orthogonal(before, width, gain, source), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class _FastTanh(torch.autograd.Function):
    """tanh(x) = 2 sigmoid(2x) − 1."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        outputs = inputs.mul(2.0).sigmoid_().mul_(2.0).sub_(1.0)
        ctx.save_for_backward(outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (outputs,) = ctx.saved_tensors
        before: Tensor = torch.ops.aten.tanh_backward(gradient, outputs)
        return before


def fast_tanh(inputs: Tensor) -> Tensor:
    """tanh by way of the sigmoid, which PyTorch computes three times as fast on a CPU.

    Errors are below 2e-7, which is a large share of a result near 0. Compiled code takes tanh.
    """
    if torch.compiler.is_compiling() or inputs.is_cuda:
        return torch.tanh(inputs)
    outputs: Tensor = _FastTanh.apply(inputs)  # type: ignore[no-untyped-call]
    return outputs


class SquashedGaussianPolicy(nn.Module):
    """A Gaussian before tanh, state-dependent in mean and width (SAC, appendix C).

    Args:
        features: F, length of the input.
        actions: A, length of an action in [-1, 1].
        hidden: widths of the ReLU layers.
        source: of the initial weights; M generators make a stack, whose inputs and outputs have a
            leading axis M.
    """

    def __init__(self, features: int, actions: int, hidden: Sequence[int], source: Source) -> None:
        super().__init__()
        sizes = (features, *hidden, 2 * actions)
        self.layers = nn.ModuleList(linear(i, o, source) for i, o in itertools.pairwise(sizes))
        self.actions = actions

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation before tanh, (..., A) each, of features (..., F)."""
        x = features
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        mean, raw = self.layers[-1](x).split(self.actions, dim=-1)
        low, high = LOG_STD_RANGE
        return mean, low + 0.5 * (high - low) * (torch.tanh(raw) + 1.0)

    def sample(self, features: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Sample actions by reparametrisation.

        Args:
            features: (..., F).
            noise: standard normal numbers, (..., A).

        Returns:
            Actions (..., A) in [-1, 1] and their log density (...).
        """
        mean, log_std = self(features)
        before_tanh = mean + log_std.exp() * noise
        return torch.tanh(before_tanh), self.log_density(mean, log_std, before_tanh)

    @staticmethod
    def log_density(mean: Tensor, log_std: Tensor, before_tanh: Tensor) -> Tensor:
        """Log density (...) of ``tanh(before_tanh)``, (..., A) (SAC, eq. 21).

        log(1 - tanh(u)²) is computed as 2 (log 2 - u - softplus(-2u)), which stays exact where
        tanh saturates.
        """
        z = (before_tanh - mean) * torch.exp(-log_std)
        gaussian = -0.5 * z.square() - log_std - 0.5 * math.log(2.0 * math.pi)
        slope = 2.0 * (math.log(2.0) - before_tanh - functional.softplus(-2.0 * before_tanh))
        return (gaussian - slope).sum(-1)

    @torch.no_grad()
    def act(self, features: Tensor) -> Tensor:
        """The deterministic actions (..., A): tanh of the mean."""
        mean, _ = self(features)
        return torch.tanh(mean)


class TwinCritic(nn.Module):
    """Stacks of two independent Q networks of one shape; M pairs are 2M rows of each tensor.

    Args:
        inputs: length of features and action together.
        hidden: widths of the ReLU layers.
        layer_norm: normalise before each ReLU, without learned scales and shifts.
        generators: M, one a pair, source of its initial weights.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        layer_norm: bool,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.layer_norm = layer_norm
        sizes, twice = (inputs, *hidden, 1), [g for g in generators for _ in range(2)]
        self.layers = nn.ModuleList(
            StackedLinear(i, o, twice) for i, o in itertools.pairwise(sizes)
        )

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        """Values (M, 2, B) of features (M, B, F) and actions (M, B, A)."""
        x = torch.cat((features, actions), dim=-1)
        x = x[:, None].expand(-1, 2, -1, -1).flatten(0, 1)
        for layer in self.layers[:-1]:
            x = layer(x)
            if self.layer_norm:
                x = functional.layer_norm(x, x.shape[-1:])
            x = functional.relu(x, inplace=True)
        values: Tensor = self.layers[-1](x).squeeze(-1)
        return torch.unflatten(values, 0, (-1, 2))


def _plain_linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    # Made without memory first: the constructor would use torch's global generator.
    layer = nn.Linear(inputs, outputs, device="meta")
    if generator is None:
        return layer
    layer = layer.to_empty(device="cpu")
    bound = 1.0 / math.sqrt(inputs)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def _orthogonal(inputs: int, outputs: int, gain: float, source: Source) -> nn.Module:
    layer = linear(inputs, outputs, source)
    if source is None:
        return layer
    weight, bias = layer.get_parameter("weight").detach(), layer.get_parameter("bias").detach()
    bias.zero_()
    generators = [source] if isinstance(source, torch.Generator) else source
    parts = [weight] if isinstance(source, torch.Generator) else [*weight.mT]
    for part, generator in zip(parts, generators, strict=True):
        made = torch.empty(outputs, inputs)
        part.copy_(nn.init.orthogonal_(made, gain, generator=generator))
    return layer
