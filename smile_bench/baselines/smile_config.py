"""Settings of SMILe, and its presets for the families."""

from __future__ import annotations

from dataclasses import dataclass, field

from gymnasium import spaces

from smile_bench.access import Access
from smile_bench.baselines.discriminator import REWARDS
from smile_bench.baselines.encoder import EncoderConfig
from smile_bench.baselines.sac import SACConfig
from smile_bench.errors import InputError, UnknownNameError, suggestion

__all__ = ["SMILeConfig", "require_fitting"]


@dataclass(frozen=True, kw_only=True)
class SMILeConfig:
    """Settings of a training; the defaults are the preset ``smile``."""

    family: str
    name: str = "smile"
    """What the agent is called."""
    seed: int = 0
    state_only: bool = False
    """Discriminator and encoder see (s, s') only, and the demonstrations' actions are never
    handed out."""
    iterations: int = 150
    steps: int = 100
    """Control steps per iteration in each environment, one environment a meta-train task."""
    updates: int = 200
    """Critic updates per iteration."""
    random_iterations: int = 1
    """First iterations with uniformly random actions and no update."""
    capacity: int = 40_000
    """Transitions kept of each task."""
    tasks_per_batch: int = 8
    transitions_per_task: int = 32
    """Of policy and discriminator batches alike."""

    context_timesteps: int = 32
    """Timesteps per demonstration that the encoder sees in training; all when acting."""
    codes_per_task: int = 8
    """Size of the bank of codes that the policy's batches draw from; z is detached there."""
    refresh: int = 20
    """Discriminator updates between two refreshments of the bank."""

    discriminator_every: int = 2
    """The discriminator is updated at every k-th critic update."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    discriminator_rate: float = 3e-4
    penalty: float = 4.0
    """Weight of the gradient penalty."""
    weight_decay: float = 0.0
    """Of discriminator and encoder (AdamW)."""
    episode_noise: float = 0.0
    """Standard deviation, in normalised units, of noise on those observed coordinates that stay
    constant throughout a demonstration, in the discriminator's batches: they describe the episode,
    and there are no more of them than demonstrations, so they are easily learnt by heart."""
    other_tasks: float = 0.25
    """Share of the discriminator's negatives that are other tasks' demonstrations."""

    reward: str = "airl"
    """Of the logit, a name of ``REWARDS``."""
    density_form: bool = False
    """D = exp f / (exp f + π) with reward f (notes, eq. 11.4.6) in place of a plain classifier."""
    clamp: float = 10.0
    """Rewards are clamped to plus or minus this."""
    reward_scale: float | None = None
    """None divides rewards by their running standard deviation."""
    demonstrated: float = 0.25
    """Share of the policy's batches that is demonstrations under the current reward (notes,
    Algorithm 34); state-only with actions that an inverse-dynamics model infers."""
    imitation: float = 0.0
    """Weight of behavioural cloning on those demonstrations (notes, 6.5.4)."""
    decay_to: float = 0.02
    """Every learning rate falls linearly to this share of itself over the training."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of policy and critics."""
    sac: SACConfig = field(
        default_factory=lambda: SACConfig(
            layer_norm=True, discount=0.97, policy_every=2, entropy_weight=0.02
        )
    )
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    validate_every: int = 10
    """Iterations between two scores on the meta-validation tasks; 0 for none."""
    threads: int = 1
    """Native threads of the simulator."""


def require_fitting(config: SMILeConfig, access: Access) -> None:
    """Refuse settings that can not be trained.

    Raises:
        InputError: discrete actions, another family or mode than the access has, or a density
            form without actions.
        UnknownNameError: no such reward.
    """
    family = access.family
    if isinstance(family.action_space, spaces.Discrete):
        raise InputError(
            f"{family.id} has discrete actions, for which soft actor-critic is not made; "
            "tabular-smile is the SMILe of the grid."
        )
    if config.family != family.id or config.state_only != access.state_only:
        raise InputError(
            f"settings for {config.family} (state-only: {config.state_only}) do not fit an "
            f"access to {family.id} (state-only: {access.state_only})."
        )
    if config.reward not in REWARDS:
        raise UnknownNameError(
            f"unknown reward {config.reward!r}. {suggestion(config.reward, REWARDS)}"
        )
    if config.density_form and config.state_only:
        raise InputError("the density form needs actions; it has no state-only form.")
