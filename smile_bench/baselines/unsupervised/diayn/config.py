"""Settings of DIAYN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from smile_bench.access import Access
from smile_bench.baselines.unsupervised.config import CollectionConfig, require_acting
from smile_bench.envs import Family
from smile_bench.errors import InputError
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.sac import SCALARS as SAC_SCALARS
from smile_bench.learning.sac import SACConfig
from smile_bench.settings import AMOUNT, COUNT, DECAY, POSITIVE, SHARE, Range, require_ranges

__all__ = ["CHOICES", "SCALARS", "DIAYNConfig", "SkillDiscriminatorConfig", "require_fitting"]

CHOICES = ("states", "actions")
"""How a demonstration chooses a skill."""


@dataclass(frozen=True, kw_only=True)
class SkillDiscriminatorConfig:
    """What tells skills apart, and how it learns to."""

    features: tuple[int, ...] = ()
    """Columns of an observation that it sees; empty for all."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of its layers."""
    update_every: int = 1
    """Critic updates from one update of the discriminator to the next."""
    optimizer: AdamConfig = field(default_factory=AdamConfig)

    def columns(self, family: Family) -> tuple[int, ...]:
        """The columns that it sees of a family's observations.

        Raises:
            InputError: a column that observations do not have, or twice.
        """
        number = family.observation_size
        columns = self.features or tuple(range(number))
        if len(set(columns)) != len(columns) or not all(0 <= c < number for c in columns):
            raise InputError(
                f"discriminator.features are columns of an observation of {family.id}, 0 to "
                f"{number - 1}, each once; got {columns}."
            )
        return columns


@dataclass(frozen=True, kw_only=True)
class DIAYNConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    seed: int = 0
    """Of all randomness."""
    skills: int = 32
    """K, all equally likely."""
    choice: Literal["states", "actions"] = "states"
    """How a demonstration chooses a skill: the one with the largest product of q(z | s_t) over its
    states, or with the largest likelihood of its actions under π(a | s, z)."""
    iterations: int = 100
    """Length of the training."""
    updates_per_iteration: int = 200
    """Updates of the critics."""
    batch: int = 256
    """Transitions in a batch."""
    final_lr_fraction: float = 0.1
    """Every learning rate falls linearly to this share of itself over the training."""
    ema_decay: float = 0.0
    """Skills and discriminator used for evaluation are moving averages over iterations with this
    decay; 0 for the latest weights."""
    validate_every: int = 10
    """Iterations between two scores on the meta-validation tasks; 0 for none."""
    collection: CollectionConfig = field(default_factory=CollectionConfig)
    discriminator: SkillDiscriminatorConfig = field(default_factory=SkillDiscriminatorConfig)
    sac: SACConfig = field(
        default_factory=lambda: SACConfig(
            layer_norm=True, discount=0.97, learning_rate=6e-4, policy_every=2, entropy_weight=0.1
        )
    )

    @property
    def members(self) -> int:
        """One: the skills of different trainings have nothing in common."""
        return 1


SCALARS: tuple[str, ...] = (
    "seed",
    "final_lr_fraction",
    "discriminator.optimizer.learning_rate",
    *(f"sac.{name}" for name in SAC_SCALARS),
)
"""Settings in which trainings of one computation may differ."""

TWO = Range("2 or more", lambda value: value >= 2)

RANGES: Mapping[Range, tuple[str, ...]] = {
    TWO: ("skills",),
    COUNT: (
        "iterations",
        "updates_per_iteration",
        "batch",
        "collection.env_steps",
        "collection.copies",
        "collection.random_iterations",
        "collection.hold",
        "collection.normaliser_iterations",
        "collection.episodes",
        "discriminator.hidden",
        "discriminator.update_every",
        "sac.hidden",
        "sac.policy_every",
        "sac.n_step",
    ),
    AMOUNT: (
        "seed",
        "validate_every",
        "sac.learning_rate",
        "discriminator.optimizer.learning_rate",
    ),
    POSITIVE: ("sac.entropy_weight",),
    SHARE: ("final_lr_fraction", "sac.discount", "sac.polyak"),
    DECAY: ("ema_decay",),
}


def require_fitting(name: str, config: DIAYNConfig, access: Access) -> None:
    """Refuse settings that cannot be trained.

    Args:
        name: what the agent is called.
        config: its settings.
        access: what it is trained on.

    Raises:
        InputError: an access to another family or without environments, a number out of range, an
            unknown choice, or columns that observations do not have.
    """
    require_acting(name, config.family, access)
    require_ranges(config, RANGES)
    if config.choice not in CHOICES:
        raise InputError(
            f"choice is {config.choice!r}; give {' or '.join(map(repr, CHOICES))}, by which of a "
            "demonstration's parts it chooses a skill."
        )
    config.discriminator.columns(access.family)
