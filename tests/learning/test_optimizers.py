"""Adam on one vector: the steps of PyTorch's on every parameter, on views that stay views."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from smile_bench.learning.optimizers import AdamConfig, VectorAdam, as_vector


def networks() -> list[nn.Module]:
    generator = torch.Generator().manual_seed(3)
    made: list[nn.Module] = [
        nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 2)),
        nn.Linear(2, 1),
    ]
    with torch.no_grad():
        for module in made:
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def loss_of(modules: list[nn.Module], inputs: Tensor) -> Tensor:
    first, second = modules
    loss: Tensor = second(first(inputs)).square().mean()
    return loss


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("beta1", [0.9, 0.0])
def test_it_steps_as_adam_on_every_parameter_does(decay: float, beta1: float) -> None:
    ours, theirs = networks(), networks()
    config = AdamConfig(learning_rate=0.01, beta1=beta1, weight_decay=decay)
    adam = VectorAdam(ours, config)
    reference = torch.optim.AdamW(
        [p for module in theirs for p in module.parameters()],
        lr=0.01,
        betas=(beta1, 0.999),
        weight_decay=decay,
    )
    generator = torch.Generator().manual_seed(0)
    for count in range(20):
        if count == 10:
            adam.scale_learning_rate(5.0)
            reference.param_groups[0]["lr"] = 0.05
        inputs = torch.randn((8, 3), generator=generator)
        adam.step(loss_of(ours, inputs))
        reference.zero_grad()
        loss_of(theirs, inputs).backward()  # type: ignore[no-untyped-call]
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        for name, parameter in mine.named_parameters():
            torch.testing.assert_close(parameter, other.get_parameter(name))
    # The networks moved.
    assert not torch.allclose(adam.vector, as_vector(networks()))


def test_parameters_are_views_of_the_vector() -> None:
    made, plain = networks(), networks()
    vector = as_vector(made)
    expected = [p.detach().flatten() for module in plain for p in module.parameters()]
    assert torch.equal(vector, torch.cat(expected))
    vector += 1.0
    weights = plain[0].state_dict()
    assert torch.equal(made[0].get_parameter("0.weight"), weights["0.weight"] + 1.0)
    # What is put back into the networks is put back into the vector.
    made[0].load_state_dict(weights)
    number = sum(p.numel() for p in made[0].parameters())
    assert torch.equal(vector[:number], torch.cat(expected)[:number])
    assert torch.equal(vector[number:], torch.cat(expected)[number:] + 1.0)


def test_networks_that_need_no_gradient_still_need_none() -> None:
    frozen = nn.Linear(2, 2).requires_grad_(False)
    as_vector([frozen])
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_only_its_parameters_get_a_gradient() -> None:
    made = networks()
    adam = VectorAdam([made[0]], AdamConfig())
    adam.step(loss_of(made, torch.ones(4, 3)))
    assert adam.vector.grad is not None
    assert all(parameter.grad is None for parameter in made[1].parameters())


def test_a_network_without_a_part_in_the_loss_is_an_error() -> None:
    made = networks()
    adam = VectorAdam(made, AdamConfig())
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        adam.step(made[0](torch.ones(4, 3)).square().mean())
    assert torch.equal(adam.vector, as_vector(networks()))
