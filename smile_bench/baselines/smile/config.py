"""Settings of SMILe, and its presets for the families."""

from __future__ import annotations

from dataclasses import dataclass, field

from gymnasium import spaces

from smile_bench.access import Access
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.smile.discriminator import REWARDS
from smile_bench.errors import InputError, UnknownNameError, suggestion
from smile_bench.learning.sac import SACConfig

__all__ = ["SMILeConfig", "require_alike", "require_fitting"]


_SAC = SACConfig(
    layer_norm=True, discount=0.97, learning_rate=6e-4, policy_every=2, entropy_weight=0.02
)
"""Of the preset ``smile``."""


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
    patience: int = 0
    """A learner's episode begins anew after so many steps on end with the lowest reward, at
    ``-clamp``: more of the same teaches nothing; 0 for never. Evaluations are not touched."""
    random_iterations: int = 1
    """First iterations with uniformly random actions and no update."""
    capacity: int = 40_000
    """Transitions kept of each task, of all members together where they share."""
    shared: bool = False
    """Members of an agent, as ``smile_members`` makes them, have one replay and one model of the
    inverse dynamics: each learns from what all of them do. One training alone shares nothing."""
    tasks_per_batch: int = 8
    transitions_per_task: int = 32
    """Of policy and discriminator batches alike."""

    trimmed: float = 0.0
    """Share of the demonstrations' states that is left out, those farthest from the others: where
    experts fail now and then, to fail is not what they are to be imitated in. What acts leaves out
    of its contexts what is as far. See :class:`OutlierFilter`."""
    context_sizes: tuple[int, ...] = ()
    """How many demonstrations contexts of the training have, drawn evenly for the discriminator and
    in turn for the bank; those of the family's evaluation, if empty."""
    context_timesteps: int = 32
    """Timesteps per demonstration that the encoder sees in training; all when acting."""
    codes_per_task: int = 8
    """Size of the bank of codes that the policy's batches draw from; z is detached there."""
    refresh: int = 20
    """Discriminator updates between two refreshments of the bank."""

    discriminator_every: int = 2
    """The discriminator is updated at every k-th critic update."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    projection: bool = False
    """Multiply the discriminator's last layer with the code as well."""
    discriminator_rate: float = 3e-4
    discriminator_momentum: float = 0.0
    """β1 of its Adam; the authors have 0."""
    penalty: float = 4.0
    """Weight of the gradient penalty."""
    weight_decay: float = 0.0
    """Of discriminator and encoder (AdamW)."""
    episode_noise: float = 0.0
    """Standard deviation, in normalised units, of noise on those observed coordinates that stay
    constant throughout a demonstration, in the discriminator's batches: they describe the episode,
    and there are no more of them than demonstrations, so they are easily learnt by heart."""
    episode_vectors: int = 0
    """Length of the vectors that those coordinates make, where each task is to be seen under a
    signed permutation of them; see :class:`SignedPermutations`."""
    outcome: float = 0.0
    """Weight of outcome prediction in the encoder's training."""
    outcomes_per_task: int = 16
    """Demonstrations of each task in a batch whose outcomes are predicted."""
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
    """Weight of behavioural cloning on demonstrations (notes, 6.5.4), state-only with inferred
    actions."""
    imitation_iterations: int = 0
    """Over so many first iterations that weight falls linearly to nothing; 0 keeps it."""
    imitated: int = 256
    """Transitions that each policy update imitates."""
    imitated_first: int = 0
    """How many of them are the first of their demonstrations."""
    inverse_told: bool = False
    """Tell the inverse-dynamics model the meta-train task: where tasks are bodies, the same change
    takes other actions in each."""
    inverse_updates: int = 1
    """Of that model, at each policy update."""
    return_steps: int = 1
    """n, of the n-step returns that the critics learn from the learner's own transitions; fewer
    steps where the episode ends or, in a shared replay, another member's steps follow."""
    average: float = 0.0
    """What acts is an exponential moving average of encoder and policy over iterations; this is its
    decay, 0 for the latest."""
    decay_to: float = 0.02
    """Every learning rate falls linearly to this share of itself over the training."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of policy and critics."""
    sac: SACConfig = _SAC
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    validate_every: int = 10
    """Iterations between two scores on the meta-validation tasks; 0 for none."""
    threads: int = 1
    """Native threads of the simulator."""

    @property
    def infers_actions(self) -> bool:
        """Whether an inverse-dynamics model stands in for the demonstrations' actions."""
        return self.state_only and (self.demonstrated > 0.0 or self.imitation > 0.0)


def require_fitting(config: SMILeConfig, access: Access) -> None:
    """Refuse settings that can not be trained.

    Raises:
        InputError: discrete actions, another family or mode than the access has, a density form
            without actions, or a number out of its range.
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
    for name, least in (("imitation_iterations", 0), ("inverse_updates", 1)):
        if (given := getattr(config, name)) < least:
            raise InputError(f"{name} is {given}; give {least} or more.")
    if not 0.0 <= config.average < 1.0:
        raise InputError(f"average is {config.average}; give a decay of at least 0 and below 1.")


def require_alike(config: SMILeConfig, other: SMILeConfig) -> None:
    """Refuse trainings that can not share what they learn from.

    Raises:
        InputError: they differ in more than their seed.
    """
    differing = [
        name
        for name, value in vars(config).items()
        if name != "seed" and value != getattr(other, name)
    ]
    if differing:
        raise InputError(
            "trainings that share replay and inverse dynamics must have the same settings but for "
            f"the seed; these differ in {', '.join(differing)}."
        )
