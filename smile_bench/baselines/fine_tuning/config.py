"""Settings of the fine-tuners that learn by soft actor-critic."""

from __future__ import annotations

from dataclasses import dataclass, field

from smile_bench.learning.sac import SACConfig
from smile_bench.settings import AMOUNT, COUNT, POSITIVE, SHARE, require_ranges

__all__ = ["CloningConfig", "FineTuneConfig", "RewardModelConfig", "require_fitting"]


@dataclass(frozen=True, kw_only=True)
class RewardModelConfig:
    """Settings of the model that gives demonstrations their rewards."""

    hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers."""
    learning_rate: float = 1e-3
    """Of Adam."""
    batch: int = 128
    """Transitions per update."""
    updates: int = 200
    """After each episode; three times as many after the first one."""


@dataclass(frozen=True, kw_only=True)
class CloningConfig:
    """Settings of imitation as an auxiliary loss."""

    weight: float = 0.0
    """λ before the first episode."""
    half_life: float = 5.0
    """Episodes after which λ has halved."""
    batch: int = 64
    """Demonstrated states per update."""


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig:
    """Settings of a fine-tuner."""

    family: str
    """Id of the family."""
    imitator: str = "meta-bc"
    """The released agent whose normaliser and, unless ``from_nothing``, network are taken."""
    from_nothing: bool = False
    """Whether the policy begins with random weights, and the first episode with random actions."""
    initial_std: float = 0.2
    """Standard deviation of the imitator's actions before tanh. Cloning does not teach one."""
    sac: SACConfig = field(default_factory=SACConfig)
    batch: int = 128
    """Transitions per update."""
    reward_scale: float = 1.0
    """What rewards are multiplied by, after the mean of the first episodes is subtracted."""
    warm_up_episodes: int = 1
    """First episodes after which the critic alone learns."""
    warm_up_updates: int = 500
    """Critic updates after each of them."""
    early_episodes: int = 20
    """Episodes, the first ones included, after which ``early_updates`` follow."""
    early_updates: int = 200
    """Updates after each early episode."""
    late_updates: int = 100
    """Updates after each later episode."""
    demonstration_share: float = 0.0
    """Share of each batch that comes from the context's demonstrations."""
    reward_model: RewardModelConfig = field(default_factory=RewardModelConfig)
    """Used if demonstrations are in the batches."""
    cloning: CloningConfig = field(default_factory=CloningConfig)
    replay_episodes: int = 100
    """Episodes that the replay holds; the oldest are overwritten."""


RANGES = {
    COUNT: (
        "batch",
        "warm_up_episodes",
        "replay_episodes",
        "sac.hidden",
        "sac.policy_every",
        "reward_model.hidden",
        "reward_model.batch",
        "cloning.batch",
    ),
    AMOUNT: (
        "warm_up_updates",
        "early_episodes",
        "early_updates",
        "late_updates",
        "reward_model.updates",
        "cloning.weight",
    ),
    POSITIVE: (
        "initial_std",
        "reward_scale",
        "cloning.half_life",
        "sac.learning_rate",
        "reward_model.learning_rate",
    ),
    SHARE: ("demonstration_share", "sac.discount", "sac.polyak"),
}


def require_fitting(config: FineTuneConfig) -> None:
    """Refuse settings that cannot be used.

    Raises:
        InputError: a number out of range.
    """
    require_ranges(config, RANGES)
