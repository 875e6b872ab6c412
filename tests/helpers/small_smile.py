"""Small trainings of SMILe on synthetic demonstrations."""

from __future__ import annotations

from dataclasses import replace

import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic

__all__ = ["CONFIG", "DENSITY", "ENCODER", "STATE_ONLY", "access", "stepped"]

ENCODER = EncoderConfig(hidden=16, pooled=8, code=4)
CONFIG = SMILeConfig(
    family=synthetic.FAMILY,
    iterations=5,
    steps=30,
    updates=4,
    capacity=100,
    tasks_per_batch=3,
    transitions_per_task=4,
    context_timesteps=3,
    codes_per_task=2,
    refresh=1,
    hidden=(16, 16),
    discriminator_hidden=(16, 16),
    encoder=ENCODER,
    sac=SACConfig(layer_norm=True, discount=0.97, policy_every=2, entropy_weight=0.02),
    validate_every=2,
)
STATE_ONLY = replace(CONFIG, state_only=True)
DENSITY = replace(CONFIG, density_form=True)


def access(config: SMILeConfig = CONFIG) -> Access:
    return Access(config.family, state_only=config.state_only, dataset=synthetic.dataset())


def stepped(config: SMILeConfig = CONFIG, iterations: int = 2) -> SMILe:
    """A training after some iterations, the first of which only gathers."""
    torch.set_num_threads(1)
    training = SMILe(config, access(config))
    for _ in range(iterations):
        training.step()
    return training
