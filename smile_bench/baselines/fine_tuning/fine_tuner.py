"""Fine-tuning by soft actor-critic: M slots, each with a task, a seed and a replay of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smile_bench.agents import Context, Policy, RewardedEpisodes, require_family
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.fine_tuning.config import FineTuneConfig, require_fitting
from smile_bench.baselines.fine_tuning.reward_model import RewardModel
from smile_bench.baselines.fine_tuning.start import DemonstratedTransitions, copy_policy
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.envs import Family, get_family
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.networks import SquashedGaussianPolicy
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import ReplayBuffer, Transitions
from smile_bench.learning.sac import SAC, Batch, Imitation
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

__all__ = ["FineTuner", "SACFineTuning", "StackPolicy"]

WARM_UP_FITS = 3
"""How many times as many updates a reward model gets after the first episode."""


class StackPolicy:
    """M policies, each in its slot, by their most likely actions.

    Args:
        family: whose environments they act in.
        policy: the stack, which is copied.
        normaliser: of the observations.
    """

    def __init__(
        self, family: Family, policy: SquashedGaussianPolicy, normaliser: Normaliser
    ) -> None:
        self.family, self.normaliser = family, normaliser
        self._policy = copy.deepcopy(policy).requires_grad_(False)

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, A) for observations (slots, observation_size)."""
        device = next(self._policy.parameters()).device
        seen = to_device(self.normaliser(observations), device)[:, None]
        return self.family.admissible(self._policy.act(seen)[:, 0].cpu().numpy())


class FineTuner:
    """A fine-tuning agent.

    Args:
        name: what it is called.
        config: its settings.
        imitator: what it begins from.
        compute: how to compute.

    Raises:
        InputError: settings out of range, or of another family than the imitator.
    """

    def __init__(
        self,
        name: str,
        config: FineTuneConfig,
        imitator: Imitator,
        compute: Compute | None = None,
    ) -> None:
        require_fitting(config)
        if imitator.config.family != config.family:
            raise InputError(
                f"the settings are for {config.family} and the imitator is for "
                f"{imitator.config.family}; give both for one family."
            )
        self.name, self.config, self.imitator = name, config, imitator
        self.compute = compute or Compute()

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> SACFineTuning:
        """Begin in one slot per context.

        Raises:
            AgentError: contexts of another family, without the actions that are needed, or an
                imitator whose networks do not fit the settings.
            InputError: another number of seeds than of contexts.
        """
        require_family(contexts, self.config.family)
        if len(seeds) != len(contexts):
            raise InputError(
                f"there are {len(contexts)} contexts and {len(seeds)} seeds; give one of each a "
                "slot."
            )
        return SACFineTuning(self.config, self.imitator, contexts, seeds, self.compute)


class SACFineTuning:
    """Learners in M slots.

    An episode of all slots is followed by updates: of the critics alone at first, then of critics
    and policies. The critics' targets are of the task's reward less the mean reward of the first
    episodes. No episode of a family terminates, so that a constant changes no policy's rank.

    Args:
        config: settings of all slots.
        imitator: what they begin from.
        contexts: one a slot.
        seeds: one a slot.
        compute: how to compute.
    """

    def __init__(
        self,
        config: FineTuneConfig,
        imitator: Imitator,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        compute: Compute,
    ) -> None:
        self.config, self.family = config, get_family(config.family)
        self.normaliser, self.device = imitator.normaliser, compute.device
        slots = len(contexts)
        observed, actions = self.family.observation_size, self.family.action_size
        generators, self.streams = initial_generators(seeds), Streams(seeds, self.device)
        self.sac = SAC(observed, actions, [config.sac] * slots, generators, self.streams, compute)
        self._imitation: Policy | None = None
        if not config.from_nothing:
            self._imitation = imitation = imitator.adapt(contexts)
            copy_policy(imitation, self.sac.policy, config.initial_std)
        self._demonstrated: DemonstratedTransitions | None = None
        if config.demonstration_share or config.cloning.weight:
            self._demonstrated = DemonstratedTransitions(contexts, self.normaliser, self.device)
        self.reward_model: RewardModel | None = None
        if config.demonstration_share:
            self.reward_model = RewardModel(
                observed, actions, config.reward_model, generators, self.device
            )
        self.replay = ReplayBuffer(
            slots,
            config.replay_episodes * self.family.horizon,
            {"state": observed, "action": actions, "reward": 1, "next_state": observed},
            self.device,
        )
        self._mean_reward = torch.zeros(slots, 1, device=self.device)
        self.episodes = 0
        """Episodes of each slot so far."""
        self.critic_updates = 0
        """Of each slot so far."""
        self.policy_updates = 0

    def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
        """Learn from more episodes.

        Raises:
            InputError: the budget is smaller than ``episodes``.
            DivergedError: losses or weights of a slot became non-finite. The message names it.
        """
        for _ in range(episodes):
            self._collect(environments)
            self.episodes += 1
            self._fit_rewards()
            self._update()
            self._require_finite()

    def policy(self) -> Policy:
        """The policy as it stands; before the first update of it, the imitator's own."""
        if self._imitation is not None and not self.policy_updates:
            return self._imitation
        return StackPolicy(self.family, self.sac.policy, self.normaliser)

    def cloning_weight(self) -> float:
        """λ after the episodes so far: it halves every ``cloning.half_life`` episodes."""
        cloning = self.config.cloning
        return float(cloning.weight * 0.5 ** (self.episodes / cloning.half_life))

    @torch.no_grad()
    def _collect(self, environments: RewardedEpisodes) -> None:
        """An episode of every slot, by sampled actions, into the replay."""
        at_random = self.config.from_nothing and not self.episodes
        states = [self._seen(environments.reset())]
        actions, rewards = [], []
        slots, size = len(states[0]), self.family.action_size
        while not environments.ended.any():
            if at_random:
                chosen = 2.0 * self.streams.uniform(size) - 1.0
            else:
                noise = self.streams.normal(1, size)
                chosen = self.sac.policy.sample(states[-1][:, None], noise)[0][:, 0]
            applied = self.family.admissible(chosen.cpu().numpy())
            states.append(self._seen(environments.step(applied)))
            actions.append(chosen)
            rewards.append(environments.rewards)
        every, rewarded = torch.stack(states, 1), torch.from_numpy(np.stack(rewards, 1)).float()
        if self.episodes < self.config.warm_up_episodes:
            self._measure(rewarded.to(self.device))
        self.replay.add(
            state=every[:, :-1],
            action=torch.stack(actions, 1),
            reward=rewarded.reshape(slots, -1, 1),
            next_state=every[:, 1:],
        )

    def _seen(self, observations: FloatArray) -> Tensor:
        return to_device(self.normaliser(observations), self.device)

    def _measure(self, rewards: Tensor) -> None:
        """Take the rewards (M, T) of one of the first episodes into their mean."""
        before, mean = self.episodes, rewards.mean(1, keepdim=True)
        self._mean_reward = (before * self._mean_reward + mean) / (before + 1)

    def _fit_rewards(self) -> None:
        """Fit the reward model to the replay."""
        if self.reward_model is None:
            return
        settings = self.config.reward_model
        for _ in range(settings.updates * (WARM_UP_FITS if self.episodes == 1 else 1)):
            transitions, rewards = self._own(settings.batch)
            self.reward_model.fit(transitions, rewards)

    def _own(self, number: int) -> tuple[Transitions, Tensor]:
        """Transitions of the slots' own episodes, and their rewards (M, number), centred."""
        rows = self.replay.sample(self.streams, number)
        rewards = self.config.reward_scale * (rows["reward"][..., 0] - self._mean_reward)
        return Transitions(rows["state"], rows["action"], rows["next_state"]), rewards

    def _batch(self) -> Batch:
        """Own transitions and, if there is a share for them, demonstrated ones."""
        demonstrated = round(self.config.demonstration_share * self.config.batch)
        own, rewards = self._own(self.config.batch - demonstrated)
        if self.reward_model is not None and demonstrated:
            assert self._demonstrated is not None
            shown = self._demonstrated.sample(self.streams, demonstrated)
            own, rewards = (
                own.followed_by(shown),
                torch.cat((rewards, self.reward_model(shown)), 1),
            )
        assert own.actions is not None
        return Batch(own.states, own.actions, rewards, own.next_states, torch.ones_like(rewards))

    def _update(self) -> None:
        """The updates that follow an episode."""
        config = self.config
        if warming := self.episodes <= config.warm_up_episodes:
            number = config.warm_up_updates
        else:
            early = self.episodes <= config.early_episodes
            number = config.early_updates if early else config.late_updates
        for _ in range(number):
            batch = self._batch()
            self.sac.update_critic(batch)
            self.critic_updates += 1
            if not warming and self.critic_updates % config.sac.policy_every == 0:
                self.sac.update_policy(batch.features, self._cloned())
                self.policy_updates += 1

    def _cloned(self) -> Imitation | None:
        """Demonstrated actions for the auxiliary loss."""
        settings = self.config.cloning
        if not settings.weight:
            return None
        assert self._demonstrated is not None
        shown = self._demonstrated.sample(self.streams, settings.batch)
        assert shown.actions is not None
        weight = shown.states.new_full((len(shown.states),), self.cloning_weight())
        return Imitation(shown.states, shown.actions, weight)

    def _require_finite(self) -> None:
        """Raise an error if a slot's learner has diverged."""
        weights = torch.cat([w.detach().flatten(1) for w in self.sac.policy.parameters()], 1)
        failed = self.sac.finite.failed(weights)
        wrong = {slot: names for slot, names in enumerate(failed) if names}
        if wrong:
            first = next(iter(wrong))
            raise DivergedError(
                f"the {' and '.join(wrong[first])} of slot {first} became non-finite after episode "
                f"{self.episodes}; all such slots: {list(wrong)}. Lower sac.learning_rate or "
                "reward_scale."
            )
