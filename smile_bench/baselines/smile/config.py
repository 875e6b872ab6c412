"""Settings of SMILe, in named groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gymnasium import spaces

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.errors import InputError
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.sac import SCALARS as SAC_SCALARS
from smile_bench.learning.sac import SACConfig
from smile_bench.learning.stacking import require_stackable
from smile_bench.settings import AMOUNT, COUNT, DECAY, POSITIVE, SHARE, require_ranges

__all__ = [
    "SAC",
    "SCALARS",
    "DemonstrationConfig",
    "DiscriminatorConfig",
    "SMILeConfig",
    "require_fitting",
    "require_together",
]

SAC = SACConfig(
    layer_norm=True, discount=0.97, learning_rate=6e-4, policy_every=2, entropy_weight=0.02
)
"""Soft actor-critic's settings in the preset ``smile``."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """How discriminator and encoder learn.

    The positives are all demonstrations of a task, those of its context included, as in the
    authors' code.
    """

    update_every: int = 2
    """Critic updates from one update of discriminator and encoder to the next."""
    gradient_penalty: float = 4.0
    """Weight of (‖∂logit/∂transition‖ − 1)²; the authors have 10."""
    mismatched_negatives: float = 0.25
    """Share of the negatives that are demonstrations of other tasks."""
    final_state_weight: float = 0.0
    """Weight of final-state prediction in the encoder's loss."""
    optimizer: AdamConfig = field(default_factory=lambda: AdamConfig(beta1=0.0))
    """Of both networks; β1 = 0 as in the authors' code."""


@dataclass(frozen=True, kw_only=True)
class DemonstrationConfig:
    """How the policy learns from demonstrations, beside the reward."""

    fraction: float = 0.25
    """Share of the policy's batches that is demonstrations under the current reward (notes,
    Algorithm 34)."""
    bc_weight: float = 50.0
    """Weight of behavioural cloning of as many demonstrated transitions (notes, 6.5.4)."""
    bc_decay_iterations: int = 0
    """Iterations over which that weight falls linearly to 0; 0 keeps it."""
    bc_first_states: int = 0
    """How many of the cloned transitions begin their demonstration."""


@dataclass(frozen=True, kw_only=True)
class SMILeConfig:
    """Settings of a training; the defaults are those of the preset ``smile``."""

    family: str
    """Id of the family."""
    seed: int = 0
    """Of all randomness."""
    state_only: bool = False
    """Whether discriminator and encoder see (s, s') alone; the demonstrated actions are then never
    handed out."""
    members: int = 1
    """Trainings of different seeds that act together by the mean of their actions."""
    shared_replay: bool = False
    """Whether the members have one replay, so that each learns from what all of them do."""

    iterations: int = 150
    """Length of the training."""
    env_steps_per_iteration: int = 100
    """Control steps in each environment; there is one environment a meta-train task."""
    updates_per_iteration: int = 200
    """Updates of the critics."""
    stall_limit: int = 0
    """Consecutive steps with the lowest possible reward after which a training episode restarts; 0
    for never. Evaluations are not affected."""
    tasks_per_batch: int = 8
    """Meta-train tasks in a batch."""
    transitions_per_task: int = 32
    """Of the batches of policy and discriminator alike."""
    context_timesteps: int = 32
    """Timesteps per demonstration that the encoder sees in training; it sees all when acting."""
    reward_clip: float = 10.0
    """Rewards are clipped to plus or minus this."""
    reward_scale: float | None = None
    """What rewards are multiplied by; None divides them by their running standard deviation."""
    final_lr_fraction: float = 0.02
    """Every learning rate falls linearly to this share of itself over the training."""
    ema_decay: float = 0.0
    """The policy used for evaluation is a moving average over iterations with this decay; 0 for the
    latest weights."""
    validate_every: int = 10
    """Iterations between two scores on the meta-validation tasks; 0 for none."""

    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    demonstrations: DemonstrationConfig = field(default_factory=DemonstrationConfig)
    inverse_dynamics: InverseDynamicsConfig = field(default_factory=InverseDynamicsConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    sac: SACConfig = SAC

    @property
    def batch(self) -> int:
        """Transitions in a batch."""
        return self.tasks_per_batch * self.transitions_per_task

    @property
    def infers_actions(self) -> bool:
        """Whether an inverse-dynamics model stands in for the demonstrated actions."""
        return self.state_only and (self.demonstrations.fraction > 0.0 or self.clones)

    @property
    def clones(self) -> bool:
        """Whether the policy clones demonstrated actions."""
        return self.demonstrations.bc_weight > 0.0


SCALARS = (
    "seed",
    "reward_clip",
    "reward_scale",
    "final_lr_fraction",
    "discriminator.gradient_penalty",
    "discriminator.optimizer.learning_rate",
    "demonstrations.bc_weight",
    *(f"sac.{name}" for name in SAC_SCALARS),
)
"""Settings in which trainings of one computation may differ. What is off in one is off in all: a
reward scale of None, or a weight of cloning of 0."""

RANGES = {
    COUNT: (
        "iterations",
        "env_steps_per_iteration",
        "updates_per_iteration",
        "tasks_per_batch",
        "transitions_per_task",
        "context_timesteps",
        "discriminator.update_every",
        "inverse_dynamics.updates",
        "encoder.hidden",
        "encoder.pooled",
        "encoder.embedding",
        "sac.hidden",
        "sac.policy_every",
        "sac.n_step",
    ),
    AMOUNT: (
        "seed",
        "stall_limit",
        "validate_every",
        "discriminator.gradient_penalty",
        "discriminator.final_state_weight",
        "discriminator.optimizer.learning_rate",
        "discriminator.optimizer.weight_decay",
        "discriminator.optimizer.epsilon",
        "demonstrations.bc_weight",
        "demonstrations.bc_decay_iterations",
        "demonstrations.bc_first_states",
        "augmentation.constant_feature_noise",
        "sac.learning_rate",
    ),
    POSITIVE: ("reward_clip", "reward_scale", "sac.entropy_weight"),
    SHARE: (
        "final_lr_fraction",
        "discriminator.mismatched_negatives",
        "demonstrations.fraction",
        "sac.discount",
        "sac.polyak",
    ),
    DECAY: ("ema_decay", "discriminator.optimizer.beta1"),
}


def require_fitting(config: SMILeConfig, access: Access) -> None:
    """Refuse settings that cannot be trained.

    Raises:
        InputError: discrete actions, an access to another family or mode, a number out of range, or
            one meta-train task where demonstrations of other tasks are negatives.
    """
    family = access.family
    if isinstance(family.action_space, spaces.Discrete):
        raise InputError(
            f"{family.id} has discrete actions, which soft actor-critic does not handle; train "
            "tabular-smile, the SMILe of the grid."
        )
    if config.family != family.id or config.state_only != access.state_only:
        raise InputError(
            f"the settings are for {config.family} (state-only: {config.state_only}) and the "
            f"access is to {family.id} (state-only: {access.state_only}); give both alike."
        )
    require_ranges(config, RANGES)
    if config.demonstrations.bc_first_states > config.batch:
        raise InputError(
            f"demonstrations.bc_first_states is {config.demonstrations.bc_first_states}, but a "
            f"batch has {config.batch} transitions; give at most as many."
        )
    if config.discriminator.mismatched_negatives > 0.0 and access.tasks() < 2:
        raise InputError(
            "negatives of other tasks need at least 2 meta-train tasks; give more tasks, or set "
            "discriminator.mismatched_negatives to 0."
        )


def require_together(configs: Sequence[SMILeConfig]) -> None:
    """Refuse settings that cannot be trained in one computation.

    Raises:
        InputError: they differ in more than :data:`SCALARS`, or some leave out what others do.
    """
    require_stackable(configs, SCALARS)
    if len({config.reward_scale is None for config in configs}) > 1:
        raise InputError(
            "some trainings of one computation have no reward_scale and divide rewards by their "
            "deviation, and others have one. Give all or none a scale, or train them one after "
            "another."
        )
    if len({config.clones for config in configs}) > 1:
        raise InputError(
            "some trainings of one computation have demonstrations.bc_weight 0 and others more. "
            "Give all or none a weight, or train them one after another."
        )
