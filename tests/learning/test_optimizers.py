"""Adam on a row a network: the steps of PyTorch's on every parameter, on views that stay views."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from smile_bench.learning.networks import StackedLinear, member, relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam, as_rows

SEEDS = (3, 8, 5)


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


def networks() -> list[nn.Module]:
    """Two stacks of three networks."""
    sources = generators()
    return [relu_mlp((3, 5, 2), sources), StackedLinear(2, 1, sources)]


def plain(index: int) -> list[nn.Module]:
    """The networks of one of the three, alone."""
    stacks, into = networks(), [relu_mlp((3, 5, 2), None), nn.Linear(2, 1, device="meta")]
    return [
        member(stack, index, empty)
        if isinstance(stack, nn.Sequential)
        else member(nn.Sequential(stack), index, nn.Sequential(empty))
        for stack, empty in zip(stacks, into, strict=True)
    ]


def losses_of(modules: list[nn.Module], inputs: Tensor) -> Tensor:
    """Of each network of the stacks, (M,); or of one, ()."""
    first, second = modules
    squares: Tensor = second(first(inputs)).square()
    return squares.mean((-2, -1))


@pytest.mark.parametrize("rates", [(0.01, 0.01, 0.01), (0.01, 0.03, 0.002)])
@pytest.mark.parametrize(("beta1", "decay"), [(0.9, 0.0), (0.0, 0.1)])
def test_it_steps_as_adam_on_every_parameter_of_each_network_does(
    beta1: float, decay: float, rates: tuple[float, ...]
) -> None:
    ours = networks()
    configs = [
        AdamConfig(learning_rate=rate, beta1=beta1, weight_decay=decay, epsilon=1e-6)
        for rate in rates
    ]
    adam = StackedAdam(ours, configs)
    theirs = [plain(index) for index in range(3)]
    references = [
        torch.optim.AdamW(
            [p for module in modules for p in module.parameters()],
            lr=rate,
            betas=(beta1, 0.999),
            eps=1e-6,
            weight_decay=decay,
        )
        for modules, rate in zip(theirs, rates, strict=True)
    ]
    rng = torch.Generator().manual_seed(0)
    for count in range(20):
        if count == 10:
            adam.scale_learning_rate(5.0)
            for reference, rate in zip(references, rates, strict=True):
                reference.param_groups[0]["lr"] = 5.0 * rate
        inputs = torch.randn((3, 8, 3), generator=rng)
        adam.step(losses_of(ours, inputs).sum())
        for modules, reference, own in zip(theirs, references, inputs, strict=True):
            reference.zero_grad()
            losses_of(modules, own).backward()  # type: ignore[no-untyped-call]
            reference.step()
    for index, modules in enumerate(theirs):
        expected = [
            parameter.mT if parameter.ndim == 2 else parameter[None]
            for module in modules
            for parameter in module.parameters()
        ]
        for mine, other in zip(adam.parameters, expected, strict=True):
            torch.testing.assert_close(mine[index], other, rtol=1e-5, atol=1e-6)
    # The networks moved.
    assert not torch.allclose(adam.rows, as_rows(networks()))


def test_a_factor_for_each_training() -> None:
    """Adam's first step is as long as its learning rate, whatever the gradient."""
    made = networks()
    adam = StackedAdam(made, [AdamConfig(learning_rate=0.01)] * 3)
    before = adam.rows.clone()
    adam.scale_learning_rate([1.0, 0.0, 0.5])
    adam.step(losses_of(made, torch.ones(3, 4, 3)).sum())
    steps = (adam.rows - before).abs().amax(1).tolist()
    assert steps == pytest.approx([0.01, 0.0, 0.005], rel=1e-3)


@pytest.mark.parametrize("norm", [0.5, 1e6])
def test_long_gradients_are_shortened_row_by_row(norm: float) -> None:
    """As ``clip_grad_norm_`` does for one network; Adam with an epsilon of 1 sees the length."""
    made, configs = networks(), [AdamConfig(learning_rate=0.1, epsilon=1.0)] * 3
    inputs = torch.tensor([1.0, 30.0, 0.1])[:, None, None] * torch.ones(3, 4, 3)
    adam = StackedAdam(made, configs)
    adam.step(losses_of(made, inputs).sum(), norm)
    for index in range(3):
        modules = plain(index)
        parameters = [p for module in modules for p in module.parameters()]
        losses_of(modules, inputs[index]).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, norm)
        reference = torch.optim.AdamW(parameters, lr=0.1, eps=1.0, weight_decay=0.0)
        reference.step()
        for mine, other in zip(adam.parameters, parameters, strict=True):
            shaped = other.mT if other.ndim == 2 else other[None]
            torch.testing.assert_close(mine[index], shaped)


def test_parameters_are_views_of_the_rows() -> None:
    made, untouched = networks(), networks()
    rows = as_rows(made)
    expected = [p.detach().flatten(1) for module in untouched for p in module.parameters()]
    assert torch.equal(rows, torch.cat(expected, 1))
    rows += 1.0
    weights = untouched[0].state_dict()
    assert torch.equal(made[0].get_parameter("0.weight"), weights["0.weight"] + 1.0)
    # What is put back into the networks is put back into the rows.
    made[0].load_state_dict(weights)
    number = sum(p[0].numel() for p in made[0].parameters())
    assert torch.equal(rows[:, :number], torch.cat(expected, 1)[:, :number])
    assert torch.equal(rows[:, number:], torch.cat(expected, 1)[:, number:] + 1.0)
    # A copy has parameters of its own.
    copied = copy.deepcopy(made[0])
    rows += 1.0
    assert torch.equal(copied.get_parameter("0.weight"), weights["0.weight"])


def test_networks_that_need_no_gradient_still_need_none() -> None:
    frozen = StackedLinear(2, 2, generators()).requires_grad_(False)
    as_rows([frozen])
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_only_its_parameters_get_a_gradient() -> None:
    made = networks()
    adam, other = StackedAdam([made[0]], [AdamConfig()] * 3), made[1].get_parameter("weight")
    before = other.detach().clone()
    adam.step(losses_of(made, torch.ones(3, 4, 3)).sum())
    assert torch.equal(other, before)
    assert all(parameter.grad is None for module in made for parameter in module.parameters())


def test_a_network_without_a_part_in_the_loss_is_an_error() -> None:
    made = networks()
    adam = StackedAdam(made, [AdamConfig()] * 3)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        adam.step(made[0](torch.ones(3, 4, 3)).square().mean())
    assert torch.equal(adam.rows, as_rows(networks()))


def stepped(numbers: int, seed: int = 0) -> tuple[list[nn.Module], StackedAdam]:
    made = networks()
    adam = StackedAdam(made, [AdamConfig(learning_rate=0.02)] * 3)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(numbers):
        adam.step(losses_of(made, torch.randn(3, 4, 3, generator=rng)).sum())
    return made, adam


def test_it_continues_from_its_state_to_the_same_bits() -> None:
    (whole, first), (_, cut), (resumed, second) = stepped(4), stepped(4), stepped(9, 1)
    for index in range(3):
        second.load_state_dict(index, copy.deepcopy(cut.state_dict(index)))
    x = torch.randn(3, 4, 3)
    for made, adam in ((whole, first), (resumed, second)):
        for _ in range(3):
            adam.step(losses_of(made, x).sum())
    assert torch.equal(first.rows, second.rows)


def test_a_training_that_stopped_early_does_not_hold_the_others_back() -> None:
    """Its state is of fewer steps, in whichever place it stands."""
    for early in range(3):
        (whole, first), (_, cut), (_, behind) = stepped(6), stepped(6), stepped(2)
        resumed, second = stepped(0)
        for index in range(3):
            second.load_state_dict(index, (behind if index == early else cut).state_dict(index))
        x = torch.randn(3, 4, 3)
        first.step(losses_of(whole, x).sum())
        second.step(losses_of(resumed, x).sum())
        others = [index for index in range(3) if index != early]
        assert torch.equal(first.rows[others], second.rows[others])


def test_the_state_of_other_networks_is_refused() -> None:
    _, adam = stepped(1)
    other = StackedAdam([StackedLinear(7, 1, generators())], [AdamConfig()] * 3)
    with pytest.raises(ValueError, match="parameters of an optimizer are of other networks"):
        adam.load_state_dict(0, other.state_dict(0))


def test_a_number_that_is_not_finite_stays_in_its_row() -> None:
    (healthy, first), (poisoned, second) = stepped(2), stepped(2)
    x = torch.randn(3, 4, 3)
    first.step(losses_of(healthy, x).sum())
    spoilt = x.clone()
    spoilt[1, 2, 0] = torch.nan
    second.step(losses_of(poisoned, spoilt).sum())
    assert second.rows[1].isnan().any()
    assert torch.equal(first.rows[[0, 2]], second.rows[[0, 2]])
