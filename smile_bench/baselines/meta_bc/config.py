"""Settings of Meta-BC."""

from __future__ import annotations

from dataclasses import dataclass, field

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.errors import InputError
from smile_bench.settings import AMOUNT, COUNT, SHARE, require_ranges

__all__ = ["SCALARS", "MetaBCConfig", "require_fitting"]


@dataclass(frozen=True, kw_only=True)
class MetaBCConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    seed: int = 0
    """Of all randomness."""
    members: int = 1
    """Trainings of different seeds that act together by the mean of their actions."""
    total_updates: int = 12_000
    """Length of the training."""
    updates_per_iteration: int = 200
    """Updates between two log entries."""
    tasks_per_batch: int = 16
    """Meta-train tasks in a batch."""
    states_per_task: int = 64
    """Demonstrated states of each task in a batch."""
    first_state_fraction: float = 0.0
    """Share of a batch's states that begin their demonstration. Where later states show what the
    expert intends, only the first ones force the policy to understand the context."""
    context_timesteps: int = 50
    """Timesteps per demonstration that the encoder sees in training; it sees all when acting."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the policy's layers."""
    learning_rate: float = 1e-3
    """Falls to 0 along a cosine."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    final_state_weight: float = 0.0
    """Weight of final-state prediction in the encoder's loss."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    validate_every: int = 5
    """Iterations between two scores on the meta-validation tasks; 0 for none."""


SCALARS = ("seed", "learning_rate")
"""Settings in which trainings of one computation may differ."""

RANGES = {
    COUNT: (
        "total_updates",
        "updates_per_iteration",
        "tasks_per_batch",
        "states_per_task",
        "context_timesteps",
        "hidden",
        "encoder.hidden",
        "encoder.pooled",
        "encoder.embedding",
    ),
    AMOUNT: (
        "seed",
        "learning_rate",
        "weight_decay",
        "final_state_weight",
        "augmentation.constant_feature_noise",
        "validate_every",
    ),
    SHARE: ("first_state_fraction",),
}


def require_fitting(name: str, config: MetaBCConfig, access: Access) -> None:
    """Refuse settings that cannot be trained.

    Args:
        name: what the agent is called.
        config: its settings.
        access: what it is trained on.

    Raises:
        InputError: an access to another family or without actions, or a number out of range.
    """
    if config.family != access.family.id:
        raise InputError(
            f"the settings are for {config.family} and the access is to {access.family.id}; give "
            "both for one family."
        )
    if access.state_only:
        raise InputError(
            f"{name} clones actions, which a state-only access hides; give an access with actions."
        )
    require_ranges(config, RANGES)
