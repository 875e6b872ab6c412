"""Off-policy policy gradient with demonstrations on a grid (CS285 notes, section 6.5.2).

The policy is a softmax in a table of cells. Every estimate takes the demonstrations and the last
episodes as samples of the fusion of the policies that made them; the demonstrations' own policy is
fitted to them. Demonstrations hold no rewards: a cell's is its mean in the learner's own episodes,
and a cell that these have not met counts as an average one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.agents import Context, RewardedEpisodes, require_family
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.envs import get_family
from smile_bench.envs.grid.family import GridFamily
from smile_bench.errors import AgentError, InputError
from smile_bench.exploration.policy_gradient import densities, fusion, gradients
from smile_bench.exploration.softmax import softmax
from smile_bench.settings import AMOUNT, COUNT, POSITIVE, require_ranges

__all__ = ["PolicyGradient", "PolicyGradientConfig", "PolicyGradientTuner", "Trajectories"]


@dataclass(frozen=True, kw_only=True)
class PolicyGradientConfig:
    """Settings of the policy gradient."""

    family: str
    """Id of the family."""
    imitator: str = "meta-bc"
    """The released agent whose choice a cell has that no demonstration visits."""
    prior: float = 1.0
    """Visits that the imitator's choice counts for in every cell."""
    smoothing: float = 0.2
    """Chance of a random action in the imitator's choice. With 0 the fitted density is zero
    wherever neither it nor the demonstrations go."""
    steps: int = 1
    """Gradient steps after each episode."""
    step_size: float = 0.1
    """How far the logits move along the gradient, with rewards in standard deviations over the
    cells."""
    memory: int = 50
    """Own episodes that an estimate takes; older ones are forgotten."""


RANGES = {COUNT: ("steps", "memory"), AMOUNT: ("prior",), POSITIVE: ("step_size",)}


@dataclass(frozen=True, eq=False)
class Trajectories:
    """N trajectories of one slot."""

    states: IntArray
    """Cells, (N, T)."""
    actions: IntArray
    """(N, T)."""

    def followed_by(self, others: Trajectories) -> Trajectories:
        """These and then others."""
        return Trajectories(
            np.concatenate((self.states, others.states)),
            np.concatenate((self.actions, others.actions)),
        )


class TablePolicy:
    """The most likely action of a softmax policy in each slot, given logits (M, S, A)."""

    def __init__(self, family: GridFamily, logits: FloatArray) -> None:
        self.family, self._logits = family, logits.copy()

    def act(self, observations: FloatArray) -> Float32Array:
        """One-hot actions (slots, A) for observations (slots, observation_size)."""
        cells = observations[:, : self.family.cells].argmax(axis=1)
        return self.family.admissible(self._logits[np.arange(len(cells)), cells])


class PolicyGradientTuner:
    """A fine-tuning agent for a grid.

    Args:
        name: what it is called.
        config: settings.
        imitator: chooses where no demonstration does.

    Raises:
        AgentError: the family is not a gridworld.
        InputError: settings out of range, or of another family than the imitator.
    """

    def __init__(self, name: str, config: PolicyGradientConfig, imitator: Imitator) -> None:
        require_ranges(config, RANGES)
        if not 0.0 <= config.smoothing <= 1.0:
            raise InputError(f"smoothing is a probability, got {config.smoothing}.")
        family = get_family(config.family)
        if not isinstance(family, GridFamily):
            raise AgentError(f"{name} learns in a table and needs a gridworld, not {family.id}.")
        if imitator.config.family != config.family:
            raise InputError(
                f"the settings are for {config.family} and the imitator is for "
                f"{imitator.config.family}; give both for one family."
            )
        self.name, self.config, self.imitator, self.family = name, config, imitator, family

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> PolicyGradient:
        """Begin in one slot per context.

        Raises:
            AgentError: contexts of another family, or without actions.
            InputError: another number of seeds than of contexts.
        """
        require_family(contexts, self.config.family)
        if len(seeds) != len(contexts):
            raise InputError(
                f"there are {len(contexts)} contexts and {len(seeds)} seeds; give one of each a "
                "slot."
            )
        shown = [_demonstrated(self.family, context) for context in contexts]
        choices = self._choices(contexts)
        demonstrators = np.stack(
            [
                fitted_density(one, choice, self.config.prior)
                for one, choice in zip(shown, choices, strict=True)
            ]
        )
        return PolicyGradient(self.family, self.config, shown, demonstrators, seeds)

    def _choices(self, contexts: Sequence[Context]) -> FloatArray:
        """What the imitator does in each cell, smoothed, (M, S, A)."""
        policy, cells = self.imitator.adapt(contexts), self.family.cells
        chosen = np.zeros((len(contexts), cells, self.family.action_size))
        observations = np.zeros((len(contexts), self.family.observation_size))
        for cell in range(cells):
            observations[:, :cells] = np.arange(cells) == cell
            chosen[:, cell] = policy.act(observations)
        uniform = 1.0 / self.family.action_size
        return (1.0 - self.config.smoothing) * chosen + self.config.smoothing * uniform


class PolicyGradient:
    """Softmax policies in M slots.

    Args:
        family: the grid.
        config: settings.
        shown: the demonstrations of each slot.
        demonstrators: the policies fitted to them, (M, S, A); the learners begin as these.
        seeds: of each slot's sampled actions.

    Raises:
        InputError: a demonstrator has a probability of zero; its logit would not be finite.
    """

    def __init__(
        self,
        family: GridFamily,
        config: PolicyGradientConfig,
        shown: Sequence[Trajectories],
        demonstrators: FloatArray,
        seeds: Sequence[int],
    ) -> None:
        wrong = np.argwhere(demonstrators <= 0.0)
        if len(wrong):
            slot, cell, action = wrong[0].tolist()
            raise InputError(
                f"the density fitted to the demonstrations of slot {slot} is zero for action "
                f"{action} in cell {cell}, so that no ratio to it exists: give smoothing and prior "
                "above 0."
            )
        self.family, self.config, self._shown = family, config, shown
        self._demonstrators = demonstrators
        self.logits: FloatArray = np.log(demonstrators)
        """θ(s, a), (M, S, A)."""
        self._rngs = [np.random.default_rng(seed) for seed in seeds]
        self._own: list[Trajectories] = []
        """The last episodes, all slots of one together, (M, T)."""
        self._policies: list[FloatArray] = []
        """The policies (M, S, A) that made them."""
        self._rewards: list[FloatArray] = []
        """Their rewards (M, T)."""
        self._seen, self._sums = np.zeros((2, len(shown), family.cells))
        """How often each cell was met, and the rewards met there, (M, S)."""

    def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
        """Learn from more episodes.

        Raises:
            InputError: the budget is smaller than ``episodes``.
        """
        for _ in range(episodes):
            self._collect(environments)
            for slot in range(len(self._shown)):
                self._learn(slot)

    def policy(self) -> TablePolicy:
        """The most likely actions as the policies stand."""
        return TablePolicy(self.family, self.logits)

    def _collect(self, environments: RewardedEpisodes) -> None:
        """An episode of every slot, by sampled actions."""
        policies, cells = softmax(self.logits), self.family.cells
        states, actions, earned = [], [], []
        slots, observations = np.arange(len(policies)), environments.reset()
        while not environments.ended.any():
            at = observations[:, :cells].argmax(axis=1)
            below = policies[slots, at].cumsum(axis=1)
            chance = np.array([rng.random() for rng in self._rngs])
            chosen = np.minimum((below <= chance[:, None]).sum(axis=1), below.shape[1] - 1)
            observations = environments.step(np.eye(below.shape[1], dtype=np.float32)[chosen])
            rewards = environments.rewards
            self._seen[slots, at] += 1.0
            self._sums[slots, at] += rewards
            states.append(at)
            actions.append(chosen)
            earned.append(rewards)
        self._own.append(Trajectories(np.stack(states, axis=1), np.stack(actions, axis=1)))
        self._policies.append(policies)
        self._rewards.append(np.stack(earned, axis=1))
        for held in (self._own, self._policies, self._rewards):
            del held[: -self.config.memory]

    def _learn(self, slot: int) -> None:
        """Gradient steps of a slot on its demonstrations and its last episodes."""
        shown = self._shown[slot]
        all_of = shown
        for one in self._own:
            all_of = all_of.followed_by(
                Trajectories(one.states[slot, None], one.actions[slot, None])
            )
        makers = [self._demonstrators[slot]] * len(shown.states)
        makers += [policies[slot] for policies in self._policies]
        source = fusion(np.stack([densities(m, all_of.states, all_of.actions) for m in makers]))
        rewards = self._rewards_of(slot, shown)
        for _ in range(self.config.steps):
            found = gradients(self.logits[slot], all_of.states, all_of.actions, rewards, source)
            self.logits[slot] += self.config.step_size * found.mean(axis=0)

    def _rewards_of(self, slot: int, shown: Trajectories) -> FloatArray:
        """Rewards (N, T): what the demonstrations' would be, then those met.

        The mean of a control step is subtracted, a baseline that no action changes.
        """
        seen, earned = self._seen[slot], np.stack([each[slot] for each in self._rewards])
        mean = self._sums[slot].sum() / seen.sum()
        table = np.where(seen > 0.0, self._sums[slot] / np.maximum(seen, 1.0), mean)
        spread = table[seen > 0.0].std()
        rewards = np.concatenate((table[shown.states], earned))
        return np.asarray((rewards - rewards.mean(axis=0)) / (spread or 1.0))


def fitted_density(shown: Trajectories, choices: FloatArray, prior: float) -> FloatArray:
    """The policy (S, A) of demonstrations: their counts, and a prior of some visits.

    A cell that neither knows has probabilities of zero.

    Args:
        shown: the demonstrations.
        choices: the prior's policy, (S, A).
        prior: how many visits it counts for.
    """
    counts = prior * choices
    np.add.at(counts, (shown.states, shown.actions), 1.0)
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(counts / np.where(total > 0.0, total, 1.0))


def _demonstrated(family: GridFamily, context: Context) -> Trajectories:
    """Cells and actions of a context's demonstrations."""
    if context.actions is None:
        raise AgentError(
            "the policy gradient fits a density to the demonstrations' actions, and these contexts "
            "have none; give contexts with actions."
        )
    cells = context.observations[..., : family.cells].argmax(axis=-1)
    return Trajectories(cells, context.actions.argmax(axis=-1))
