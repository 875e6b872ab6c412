"""Metered access to a family: everything a learner may use is handed out and counted here."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from smile_bench.access.conditioned import ConditionedData, given_condition
from smile_bench.access.counts import AccessCounts
from smile_bench.access.coverage import Coverage
from smile_bench.access.meter import Meter
from smile_bench.access.validation import Episodes, prepared_episodes, scores_of
from smile_bench.access.vector import MeteredVectorEnv
from smile_bench.agents import Agent, is_state_only
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets import Condition, Context, Dataset
from smile_bench.datasets.conditions import FamilyCondition
from smile_bench.datasets.dataset import checked_indices
from smile_bench.datasets.subsets import own_tasks
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from smile_bench.reward_free import Environments
from smile_bench.tracks import TRACKS, require_track, tracks_with

__all__ = [
    "TRACKS",
    "Access",
    "AccessCounts",
    "Coverage",
    "Environments",
]

SPLITS = ("train", "validation")
"""The splits that a learner can reach."""


class Access(Meter):
    """Everything that a learner gets of a family.

    What the track allows: demonstrations of meta-train and meta-validation tasks, reward-free
    environments of meta-train tasks, the experts' actions in them, the rewards of these
    environments. Meta-test tasks are out of reach. A condition changes the meta-train
    demonstrations alone, not meta-validation.

    The access counts what is used. In the environments it also measures the coverage, where the
    family declares a partition.

    Args:
        family: the family or its id.
        track: one of :data:`TRACKS`.
        state_only: hand out demonstrations without their actions, and no expert's actions.
        dataset: by default the family's canonical one. If it does not hold the first tasks of the
            family's tables, the tasks and their indices are the dataset's, in its order.
        condition: which meta-train demonstrations the learner gets, as a
            :class:`smile_bench.datasets.Condition` or in words, such as
            ``"4 demonstrations, 8 tasks"``; by default those that ship. Where it asks for others,
            they are built once and kept in a cache. With fewer tasks, those have the indices 0 to
            ``tasks`` - 1 here.
        demonstrations: in place of ``condition``: number of demonstrations of each meta-train task.
        tasks: in place of ``condition``: number of meta-train tasks.

    Raises:
        UnknownNameError: there is no such family or track.
        DatasetError: the family has no canonical dataset, or the dataset holds a task that does not
            stand in the family's table.
        InputError: the learner is state-only and all that the track adds is labels, which are
            actions; the condition cannot be read or met; or there is one and the track has no
            demonstrations.
        ExpertError: the condition needs demonstrations of a family without an expert.
    """

    def __init__(
        self,
        family: str | Family,
        *,
        track: str = "interactive",
        state_only: bool = False,
        dataset: Dataset | None = None,
        condition: str | Condition | None = None,
        demonstrations: int | None = None,
        tasks: int | None = None,
    ) -> None:
        self._rules = require_track(track)
        if state_only and self._rules.labels and not self._rules.rewards:
            raise InputError(
                f"an expert's labels are actions, so the {track} track is not state-only. Choose "
                f"another track: {tracks_with(labels=False)}, {tracks_with(rewards=True)}."
            )
        asked = given_condition(condition, demonstrations, tasks)
        if not self._rules.demonstrations and asked != Condition():
            raise InputError(
                f"a condition says which demonstrations a learner gets, and on the {track} track "
                f"it gets none; '{asked}' was given. Leave it out, or choose a track with "
                f"demonstrations: {tracks_with(demonstrations=True)}."
            )
        self.family = get_family(family)
        self.track = track
        self.state_only = state_only
        super().__init__(self.family.coverage_cells if self._rules.environments else None)
        self.data = ConditionedData.of(self.family, asked, dataset)
        self._dataset = self.data.dataset
        self._tables = {
            split: own_tasks(self.family, self._dataset.splits[split]) for split in SPLITS
        }
        """The parameters of the learner's tasks, by split."""
        if self.data.asked.tasks is not None:
            self._tables["train"] = self._dataset.train.task_parameters

    @property
    def condition(self) -> FamilyCondition:
        """Which meta-train demonstrations the learner gets, with every number.

        Raises:
            InputError: the track has no demonstrations.
        """
        if not self._rules.demonstrations:
            raise self._no_demonstrations("the condition of its demonstrations")
        return self.data.condition

    @property
    def subset(self) -> Mapping[str, int | str]:
        """The condition as it was given, by the names of its fields; empty for everything."""
        return self.data.asked.given()

    def fresh(self) -> Access:
        """Another access of the same kind, which has counted nothing yet."""
        made = copy(self)
        made.reset_meter()
        return made

    def facts(self) -> dict[str, Any]:
        """What the recipe of a training says of its access, beside the counts.

        Returns:
            ``track``; ``condition`` on a track with demonstrations; ``coverage`` where it is known.
        """
        coverage = self.coverage
        return {
            "track": self.track,
            **({"condition": self.data.facts()} if self._rules.demonstrations else {}),
            **({} if coverage is None else {"coverage": coverage.to_dict()}),
        }

    def tasks(self, split: str = "train") -> int:
        """Number of tasks of a split that the learner has."""
        return len(self._tables[self._reachable(split)])

    def demonstrations(self, split: str = "train") -> Context:
        """Hand out every demonstration of a split.

        Handing out the same demonstrations again does not add to the counts.

        Returns:
            A context whose arrays have the leading axis of tasks: (N, D, T, ...).

        Raises:
            InputError: the track has no demonstrations, or the split is meta-test.
        """
        if not self._rules.demonstrations:
            raise self._no_demonstrations(f"demonstrations of {split!r}")
        part = self._dataset.split(self._reachable(split))
        name = "demonstrations" if split == "train" else "validation_demonstrations"
        self.counts = replace(self.counts, **{name: part.tasks * part.demonstrations})
        everything = part.contexts(
            np.arange(part.tasks), np.tile(np.arange(part.demonstrations), (part.tasks, 1))
        )
        return everything.state_only() if self.state_only else everything

    def environments(self, tasks: IntArray, *, threads: int | None = None) -> Environments:
        """Make environments of meta-train tasks, without rewards unless the track has them.

        Args:
            tasks: task of each environment, (slots,).
            threads: native threads, by default one per available processor.

        Raises:
            InputError: the track has no environments, or there is no such task.
        """
        parameters = self.parameters_of(tasks)
        return Environments(
            self.family,
            np.asarray(tasks),
            parameters,
            self.count_env_steps,
            threads=threads,
            rewards=self._rules.rewards,
            watch=None if self._reached is None else self.note_reached,
        )

    def vector_env(
        self,
        tasks: IntArray | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int | None = None,
    ) -> MeteredVectorEnv:
        """The same environments in Gymnasium's vector API; their steps are counted, too.

        Args:
            tasks: task of each environment, (N,); by default one of each meta-train task.
            autoreset_mode: one of Gymnasium's; next-step by default.
            threads: native threads, by default one per available processor.

        Raises:
            InputError: the track has no environments, or there is no such task.
            UnknownNameError: an unknown autoreset mode.
        """
        chosen = np.arange(self.tasks()) if tasks is None else tasks
        return MeteredVectorEnv(self.environments(chosen, threads=threads), autoreset_mode)

    def parameters_of(self, tasks: IntArray) -> FloatArray:
        """Task parameters (slots, P) of environments (slots,); for the suite, not for learners."""
        if not self._rules.environments:
            raise InputError(
                f"the {self.track} track has no environments; choose one that does: "
                f"{tracks_with(environments=True)}."
            )
        return self._tables["train"][self._checked_tasks(tasks)]

    def expert_actions(
        self,
        tasks: IntArray,
        observations: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Ask the experts of meta-train tasks for their actions.

        Args:
            tasks: task of each observation, (n,).
            observations: (n, observation_size).
            rng: source of randomness, for an expert that samples its actions.

        Returns:
            Actions (n, action_size).

        Raises:
            InputError: the track has no labels, the learner is state-only, or there is no such
                task.
        """
        if not self._rules.labels:
            raise InputError(
                f"the {self.track} track has no expert labels; choose one that does: "
                f"{tracks_with(labels=True)}."
            )
        if self.state_only:
            raise InputError(
                "an expert's labels are actions, and this access is state-only. Make an access "
                "with state_only=False."
            )
        parameters = self._tables["train"][self._checked_tasks(tasks)]
        actions = load_expert(self.family).act(observations, parameters, rng)
        self._count(expert_queries=len(observations))
        return np.asarray(actions, np.float32)

    def validate(self, agent: Agent, *, episodes: int = 1, seed: int = 0) -> dict[str, float]:
        """Run an agent on the meta-validation tasks.

        Contexts and initial states are the same each time. The episodes run in the loop of the
        protocol's evaluation.

        Args:
            agent: the imitator.
            episodes: episodes per task. They cycle through the family's context sizes.
            seed: seed of contexts and initial states.

        Returns:
            The mean of each of the family's metrics over the episodes, by name.

        Raises:
            AgentError: the agent breaks the interface.
            InputError: a task has fewer demonstrations than the family's largest context.
        """
        return scores_of(self.family, [self.episodes_of(agent, episodes, seed)])[0]

    def episodes_of(self, agent: Agent, episodes: int, seed: int) -> Episodes:
        """An agent's counted episodes on the meta-validation tasks, before the first step."""
        part = self._dataset.validation
        hidden = self.state_only or is_state_only(agent)
        prepared = prepared_episodes(
            self.family, part, agent, episodes=episodes, seed=seed, state_only=hidden
        )
        self._count(
            validation_demonstrations=max(
                0, part.tasks * part.demonstrations - self.counts.validation_demonstrations
            ),
            validation_env_steps=len(prepared.parameters) * self.family.horizon,
        )
        return prepared

    def _no_demonstrations(self, asked: str) -> InputError:
        return InputError(
            f"{asked} cannot be given: the {self.track} track allows "
            f"{' and '.join(sorted(self._rules.permissions))} only. Its agents see demonstrations "
            "as contexts, in validation and at test. Tracks with demonstrations are "
            f"{tracks_with(demonstrations=True)}."
        )

    def _checked_tasks(self, tasks: IntArray) -> IntArray:
        number = self.tasks()
        if np.ndim(tasks) != 1 or len(tasks) == 0:
            raise InputError(
                f"{self.family.id} has the meta-train tasks 0 to {number - 1}; give an array with "
                "one for each slot."
            )
        return checked_indices(f"a meta-train task of {self.family.id}", tasks, number)

    def _reachable(self, split: str) -> str:
        if split not in SPLITS:
            raise InputError(
                f"a learner cannot reach {split!r}; it may use {' and '.join(SPLITS)}."
            )
        return split
