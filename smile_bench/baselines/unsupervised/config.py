"""Settings that all agents have that learn without rewards and demonstrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smile_bench.access import Access
from smile_bench.baselines.unsupervised.goal_space import GoalConfig
from smile_bench.errors import InputError
from smile_bench.learning.sac import SACConfig
from smile_bench.settings import AMOUNT, COUNT, DECAY, POSITIVE, SHARE, Range, require_ranges
from smile_bench.tracks import TRACKS

__all__ = [
    "RANGES",
    "SCALARS",
    "CollectionConfig",
    "GoalReachingConfig",
    "require_acting",
    "require_fitting",
]


@dataclass(frozen=True, kw_only=True)
class CollectionConfig:
    """How an agent acts in the meta-train tasks."""

    env_steps: int = 100
    """Control steps in each environment in an iteration."""
    copies: int = 1
    """Environments of each meta-train task."""
    random_iterations: int = 1
    """First iterations with uniformly random actions and no update."""
    hold: int = 1
    """Steps for which a random action is kept."""
    normaliser_iterations: int = 5
    """Iterations after which the normaliser, of everything seen so far, stays as it is."""
    episodes: int = 200
    """Episodes of each environment that the replay keeps."""


@dataclass(frozen=True, kw_only=True)
class GoalReachingConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    seed: int = 0
    """Of all randomness."""
    members: int = 1
    """Trainings of different seeds that act together by the mean of their actions."""
    iterations: int = 100
    """Length of the training."""
    updates_per_iteration: int = 200
    """Updates of the critics."""
    batch: int = 256
    """Transitions in a batch."""
    final_lr_fraction: float = 0.1
    """Every learning rate falls linearly to this share of itself over the training."""
    ema_decay: float = 0.0
    """The policy used for evaluation is a moving average over iterations with this decay; 0 for the
    latest weights."""
    validate_every: int = 10
    """Iterations between two scores on the meta-validation tasks; 0 for none."""
    collection: CollectionConfig = field(default_factory=CollectionConfig)
    goal: GoalConfig = field(default_factory=GoalConfig)
    sac: SACConfig = field(
        default_factory=lambda: SACConfig(
            layer_norm=True, discount=0.97, learning_rate=6e-4, policy_every=2, entropy_weight=0.02
        )
    )


SCALARS: tuple[str, ...] = (
    "seed",
    "final_lr_fraction",
    "sac.discount",
    "sac.polyak",
    "sac.learning_rate",
    "sac.entropy_weight",
)
"""Settings in which trainings of one computation may differ."""

RANGES: Mapping[Range, tuple[str, ...]] = {
    COUNT: (
        "members",
        "iterations",
        "updates_per_iteration",
        "batch",
        "collection.env_steps",
        "collection.copies",
        "collection.random_iterations",
        "collection.hold",
        "collection.normaliser_iterations",
        "collection.episodes",
        "sac.hidden",
        "sac.policy_every",
        "sac.n_step",
    ),
    AMOUNT: ("seed", "validate_every", "sac.learning_rate"),
    POSITIVE: ("goal.radius", "sac.entropy_weight"),
    SHARE: (
        "final_lr_fraction",
        "goal.future",
        "goal.final",
        "goal.proposed",
        "sac.discount",
        "sac.polyak",
    ),
    DECAY: ("ema_decay",),
}


def require_fitting(
    name: str,
    config: Any,
    access: Access,
    ranges: Mapping[Range, Sequence[str]] | None = None,
) -> None:
    """Refuse settings that cannot be trained.

    Args:
        name: what the agent is called.
        config: its settings.
        access: what it is trained on.
        ranges: of settings that the agent has besides.

    Raises:
        InputError: an access to another family or without environments, a number out of range, or
            shares of goals above 1.
    """
    require_acting(name, config.family, access)
    require_ranges(config, RANGES)
    require_ranges(config, ranges or {})
    goal = config.goal
    if goal.future + goal.final + goal.proposed > 1.0:
        raise InputError(
            f"goal.future, goal.final and goal.proposed are {goal.future}, {goal.final} and "
            f"{goal.proposed}; give shares of a batch whose sum is at most 1."
        )


def require_acting(name: str, family: str, access: Access) -> None:
    """Refuse an access to another family or without environments.

    Args:
        name: what the agent is called.
        family: id of the family that its settings are for.
        access: what it is trained on.

    Raises:
        InputError: it is one of them.
    """
    if family != access.family.id:
        raise InputError(
            f"the settings are for {family} and the access is to {access.family.id}; give "
            "both for one family."
        )
    if not TRACKS[access.track].environments:
        raise InputError(
            f"{name} learns by acting, and the {access.track} track has no environments; make an "
            "access with track='unsupervised'."
        )
