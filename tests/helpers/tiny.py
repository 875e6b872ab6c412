"""One tiny configuration of each trained agent, on synthetic demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines import get_agent
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_dagger.training import MetaDAggerConfig
from smile_bench.baselines.smile import reward_learner, training
from smile_bench.baselines.smile.config import DemonstrationConfig, SMILeConfig
from smile_bench.baselines.smile.presets import PRESETS, preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.datasets import Dataset
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import CPU
from smile_bench.learning.loop import Alone
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic

__all__ = [
    "CONFIG",
    "ENCODER",
    "META_BC",
    "META_DAGGER",
    "STATE_ONLY",
    "access",
    "access_for",
    "config_for",
    "shrink",
    "stepped",
    "trainer",
    "trainings",
]

ENCODER = EncoderConfig(hidden=16, pooled=8, embedding=4)
CONFIG = SMILeConfig(
    family=synthetic.FAMILY,
    iterations=5,
    env_steps_per_iteration=30,
    updates_per_iteration=4,
    tasks_per_batch=3,
    transitions_per_task=4,
    context_timesteps=3,
    demonstrations=DemonstrationConfig(bc_weight=0.0),
    encoder=ENCODER,
    sac=SACConfig(
        hidden=(16, 16), layer_norm=True, discount=0.97, policy_every=2, entropy_weight=0.02
    ),
    validate_every=2,
)
STATE_ONLY = replace(CONFIG, state_only=True)

CLONING: dict[str, Any] = {
    "family": synthetic.FAMILY,
    "total_updates": 9,
    "updates_per_iteration": 3,
    "tasks_per_batch": 3,
    "states_per_task": 8,
    "context_timesteps": 3,
    "hidden": (16, 16),
    "encoder": ENCODER,
    "validate_every": 2,
}
META_BC = MetaBCConfig(**CLONING)
META_DAGGER = MetaDAggerConfig(**CLONING, warm_up_iterations=1)


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Make what SMILe's configuration does not set small, too."""
    patch.setattr(reward_learner, "HIDDEN", (16, 16))
    patch.setattr(reward_learner, "EMBEDDINGS_PER_TASK", 2)
    patch.setattr(reward_learner, "REFRESH_EVERY", 1)
    patch.setattr(training, "REPLAY_CAPACITY", 100)


def config_for(name: str, family: str = synthetic.FAMILY, seed: int = 0) -> Any:
    """A tiny configuration of an agent: two iterations, and few of everything."""
    if name in PRESETS:
        small = preset(name, family, seed)
        return replace(
            small,
            iterations=2,
            env_steps_per_iteration=2,
            updates_per_iteration=2,
            tasks_per_batch=2,
            encoder=replace(small.encoder, hidden=8, pooled=8, embedding=4),
            sac=replace(small.sac, hidden=(8, 8)),
            validate_every=2,
        )
    cloning = META_BC if name == "meta-bc" else META_DAGGER
    return replace(cloning, family=family, seed=seed, total_updates=4, updates_per_iteration=2)


def access(config: SMILeConfig = CONFIG) -> Access:
    """The access that a configuration of SMILe needs."""
    return Access(config.family, state_only=config.state_only, dataset=synthetic.dataset())


def access_for(name: str, dataset: Dataset | None = None) -> Access:
    """The least access that an agent's training needs, to synthetic demonstrations."""
    spec = get_agent(name).training
    assert spec is not None
    data = dataset or synthetic.dataset()
    return Access(synthetic.FAMILY, track=spec.track, state_only=spec.state_only, dataset=data)


def trainer(
    name: str, config: Any, device: torch.device = CPU, dataset: Dataset | None = None
) -> Alone:
    """The training of an agent's configuration on synthetic demonstrations."""
    return Alone(trainings(name, [config], device, dataset))


def trainings(
    name: str,
    configs: Sequence[Any],
    device: torch.device = CPU,
    dataset: Dataset | None = None,
) -> ImitatorTrainings:
    """The trainings of configurations of an agent on synthetic demonstrations."""
    spec = get_agent(name).training
    assert spec is not None
    first = access_for(name, dataset)
    accesses = [first, *(first.fresh() for _ in configs[1:])]
    made: ImitatorTrainings = spec.make_trainings(configs, accesses, Compute(device=device))
    return made


def stepped(config: SMILeConfig = CONFIG, iterations: int = 2) -> SMILe:
    """A training of SMILe after some iterations, the first of which only collects."""
    made = SMILe([config], [access(config)])
    for _ in range(iterations):
        made.step()
    return made
