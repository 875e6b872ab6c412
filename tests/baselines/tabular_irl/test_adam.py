"""Adam in NumPy against PyTorch's."""

from __future__ import annotations

import numpy as np
import torch

from smile_bench.baselines.tabular_irl.adam import Adam

RATE = 0.1


def test_it_takes_the_steps_of_pytorchs_adam() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(size=(3, 2))
    theirs = torch.tensor(ours, requires_grad=True)
    reference = torch.optim.Adam([theirs], lr=RATE, betas=(0.9, 0.99), maximize=True)
    adam = Adam(ours.shape)
    for _ in range(50):
        gradient = rng.normal(size=ours.shape) * rng.choice([1e-6, 1.0, 1e3])
        ours = ours + RATE * adam.direction(gradient)
        theirs.grad = torch.tensor(gradient)
        reference.step()
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)


def test_the_state_continues_to_the_same_bits() -> None:
    gradients = np.random.default_rng(1).normal(size=(10, 4))
    whole, half, rest = (Adam((4,)) for _ in range(3))
    for gradient in gradients[:5]:
        whole.direction(gradient)
        half.direction(gradient)
    rest.load_state_dict(half.state_dict())
    for gradient in gradients[5:]:
        np.testing.assert_array_equal(rest.direction(gradient), whole.direction(gradient))
