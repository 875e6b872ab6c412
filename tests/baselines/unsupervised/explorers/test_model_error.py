"""Model error as a bonus: what it is of, and that the encoder learns from reconstruction alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.unsupervised.episode_replay import Sampled
from smile_bench.baselines.unsupervised.explorers.model_error import ModelError
from tests.baselines.unsupervised.made import GRID, small, trainings


def explorer_after(iterations: int, **changes: Any) -> ModelError:
    config = small("model-error", GRID)
    config = replace(config, model=replace(config.model, **changes))
    training = trainings("model-error", [config])
    for _ in range(iterations):
        training.step()
    assert isinstance(training.explorer, ModelError)
    return training.explorer


def drawn_from(explorer: ModelError) -> tuple[Sampled, Tensor, Tensor]:
    drawn = explorer.parts.replay.sample(explorer.parts.streams, 30)
    statistics = explorer.parts.statistics
    return drawn, statistics(drawn.states), statistics(drawn.ends)


def rows(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()]).clone()


def test_no_gradient_of_error_or_bonus_reaches_the_encoder() -> None:
    explorer = explorer_after(2)
    drawn, states, ends = drawn_from(explorer)
    errors = explorer.errors(explorer.model, states, drawn.actions, ends)
    encoder, model = list(explorer.encoder.parameters()), list(explorer.model.parameters())
    gradients = torch.autograd.grad(errors.sum(), encoder + model, allow_unused=True)
    assert all(gradient is None for gradient in gradients[: len(encoder)])
    assert all(gradient is not None for gradient in gradients[len(encoder) :])
    assert not explorer.bonus(drawn).requires_grad


def test_the_encoder_is_what_reconstruction_alone_makes_of_it() -> None:
    """A model with another learning rate gives other bonuses and the same encoder."""
    one, other = explorer_after(2), explorer_after(2)
    other._model_adam.scale_learning_rate(100.0)
    for explorer in (one, other):
        explorer.parts.streams.begin()
        for number in range(4):
            explorer.update(number)
    assert torch.equal(rows(one.encoder), rows(other.encoder))
    assert not torch.allclose(rows(one.model), rows(other.model))


@pytest.mark.parametrize("improvement", [False, True])
def test_the_bonus_is_the_error_or_by_how_much_it_fell(improvement: bool) -> None:
    explorer = explorer_after(3, improvement=improvement)
    drawn, states, ends = drawn_from(explorer)

    def errors(model: torch.nn.Module) -> Tensor:
        with torch.no_grad():
            before, after = explorer.encoder(states), explorer.encoder(ends)
            predicted = model(torch.cat((before, drawn.actions), -1))
        found: Tensor = (predicted - after).square().sum(-1)
        return found

    expected = errors(explorer.model)
    if improvement:
        expected = errors(explorer.former) - expected
    bonus = explorer.bonus(drawn)
    torch.testing.assert_close(bonus, expected / expected.abs().mean())
    assert float(bonus.abs().mean()) == pytest.approx(1.0, rel=1e-5)


def test_the_former_model_follows_the_model() -> None:
    still, following = explorer_after(3, follow=0.0), explorer_after(3, follow=1.0)
    following.update(0)
    # It is the model as it was before its last step.
    assert not torch.equal(rows(following.former), rows(following.model))
    torch.testing.assert_close(rows(following.former), rows(following.model), atol=3e-3, rtol=0.0)
    first = explorer_after(0, follow=0.0)
    assert torch.equal(rows(still.former), rows(first.model))


def test_the_auto_encoder_learns() -> None:
    explorer = explorer_after(2)
    logs = [explorer.update(0) for _ in range(150)]
    name = "losses/auto_encoder"
    assert float(logs[-1][name]) < 0.7 * float(logs[0][name])


def test_it_learns_at_some_updates_alone() -> None:
    config = replace(small("model-error", GRID), explore_every=3)
    training = trainings("model-error", [config])
    training.step()
    assert training.explorer.update(1) == {}
    assert [training.explorer.kind(n)[0] for n in range(4)] == [  # type: ignore[index]
        True,
        False,
        False,
        True,
    ]
