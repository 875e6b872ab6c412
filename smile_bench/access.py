"""Metered access of a learner to a family: what it may use, handed out and counted in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from smile_bench.agents import Agent, checked_actions, checked_policy, is_state_only
from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray
from smile_bench.datasets import Context, Dataset, load_dataset
from smile_bench.datasets.subsets import first_tasks, select
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from smile_bench.protocol.evaluation import run_episodes
from smile_bench.tracks import TRACKS, require_track

__all__ = ["TRACKS", "Access", "AccessCounts", "Environments"]

SPLITS = ("train", "validation")
"""What a learner can reach."""


@dataclass(frozen=True, kw_only=True)
class AccessCounts:
    """What a learner has used."""

    demonstrations: int = 0
    """Meta-train demonstrations handed out."""
    env_steps: int = 0
    """Control steps in meta-train environments."""
    expert_queries: int = 0
    """Observations labelled with an expert's action."""
    validation_demonstrations: int = 0
    """Meta-validation demonstrations handed out, as contexts or otherwise."""
    validation_env_steps: int = 0
    """Control steps in meta-validation environments."""


class Access:
    """All that a learner gets of a family.

    Meta-train and meta-validation demonstrations, environments without rewards and, on the
    ``expert-queries`` track, the experts' actions. Meta-test tasks can not be reached through it.

    Args:
        family: the family or its id.
        track: one of :data:`TRACKS`.
        state_only: hand out demonstrations without their actions.
        dataset: by default the one that ships with the family.
        demonstrations: hand out only the first so many demonstrations of each meta-train task.
        tasks: give only the first so many meta-train tasks of the order in
            :mod:`smile_bench.datasets.subsets`. They have the indices 0 to ``tasks`` − 1 here.

    Meta-validation is the same whatever the subset.

    Raises:
        UnknownNameError: no such family or track.
        DatasetError: no dataset of the family ships.
        InputError: a state-only learner that asks for labels, which are actions; or fewer than one
            task or demonstration, or more than there are.
    """

    def __init__(
        self,
        family: str | Family,
        *,
        track: str = "interactive",
        state_only: bool = False,
        dataset: Dataset | None = None,
        demonstrations: int | None = None,
        tasks: int | None = None,
    ) -> None:
        require_track(track)
        if state_only and track == "expert-queries":
            raise InputError("an expert's labels are actions: expert-queries is not state-only.")
        self.family = get_family(family)
        self.track = track
        self.state_only = state_only
        self.counts = AccessCounts()
        given = {"demonstrations": demonstrations, "tasks": tasks}
        self.subset: Mapping[str, int] = {name: n for name, n in given.items() if n is not None}
        """What the learner is limited to, by the names of the arguments; empty for everything."""
        self._dataset = dataset or load_dataset(self.family)
        self._parameters = self.family.table("train")
        if self.subset:
            self._limit(**given)

    def _limit(self, demonstrations: int | None, tasks: int | None) -> None:
        whole, chosen = self._dataset.train, np.arange(self._dataset.train.tasks)
        if tasks is not None:
            chosen = first_tasks(self.family, tasks)
            if whole.tasks != len(self._parameters):
                raise InputError(
                    f"{self.family.id} has {len(self._parameters)} meta-train tasks, and this "
                    f"dataset only {whole.tasks}. Give one with all of them to choose {tasks}."
                )
            self._parameters = self._parameters[chosen]
        each = whole.demonstrations if demonstrations is None else demonstrations
        part = select(whole, chosen, each)
        self._dataset = replace(self._dataset, splits={**self._dataset.splits, "train": part})

    def tasks(self, split: str = "train") -> int:
        """How many tasks of a split the learner has."""
        if self._reachable(split) == "train":
            return len(self._parameters)
        return len(self.family.table(split))

    def demonstrations(self, split: str = "train") -> Context:
        """Every demonstration of a split, with the leading axis of tasks: (N, D, T, …).

        Raises:
            InputError: meta-test.
        """
        part = self._dataset.split(self._reachable(split))
        if split == "train":
            self.counts = replace(self.counts, demonstrations=part.tasks * part.demonstrations)
        else:
            number = part.tasks * part.demonstrations
            self.counts = replace(self.counts, validation_demonstrations=number)
        everything = part.contexts(
            np.arange(part.tasks), np.tile(np.arange(part.demonstrations), (part.tasks, 1))
        )
        return everything.state_only() if self.state_only else everything

    def environments(self, tasks: IntArray, *, threads: int | None = None) -> Environments:
        """Reward-free meta-train environments, one for each of the tasks (slots,).

        Raises:
            InputError: the track is ``offline``, or there is no such task.
        """
        if self.track == "offline":
            raise InputError("the offline track has no environments; ask for 'interactive'.")
        self._require_tasks(tasks)
        return Environments(self, tasks, threads=threads)

    def expert_actions(
        self,
        tasks: IntArray,
        observations: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """What each meta-train task's expert would do.

        Args:
            tasks: task of each observation, (n,).
            observations: (n, observation_size).
            rng: where an expert that draws its actions draws them from.

        Returns:
            Actions (n, A).

        Raises:
            InputError: another track than ``expert-queries``, or no such task.
        """
        if self.track != "expert-queries":
            raise InputError(
                f"the {self.track} track has no expert labels; ask for 'expert-queries'."
            )
        self._require_tasks(tasks)
        parameters = self._parameters[tasks]
        actions = load_expert(self.family).act(observations, parameters, rng)
        self._count(expert_queries=len(observations))
        return np.asarray(actions, np.float32)

    def validate(self, agent: Agent, *, episodes: int = 1, seed: int = 0) -> dict[str, float]:
        """Run an agent on the meta-validation tasks; the same contexts and starts each time.

        Args:
            agent: the imitator.
            episodes: per task; they cycle through the family's context sizes.
            seed: of contexts and starts.

        Returns:
            Each of the family's metrics, averaged over the episodes.

        Raises:
            AgentError: the agent breaks the interface.
        """
        family, rng = self.family, np.random.default_rng(seed)
        part = self._dataset.validation
        tasks = np.repeat(np.arange(part.tasks), episodes)
        contexts = []
        for slot, task in enumerate(tasks):
            size = family.context_sizes[slot % len(family.context_sizes)]
            chosen = rng.permutation(part.demonstrations)[:size].tolist()
            context = part.context(int(task), chosen)
            hidden = self.state_only or is_state_only(agent)
            contexts.append(context.state_only() if hidden else context)
        policy = checked_policy(agent, agent.adapt(contexts))
        parameters = family.table("validation")[tasks]
        simulator = family.make_simulator(len(tasks), threads=1)
        simulator.set_tasks(parameters)
        starts = sample_starts(simulator, rng, parameters)
        metrics, _ = run_episodes(family, policy, parameters, starts, threads=1)
        self._count(
            validation_demonstrations=max(
                0, part.tasks * part.demonstrations - self.counts.validation_demonstrations
            ),
            validation_env_steps=len(tasks) * family.horizon,
        )
        return {name: float(values.mean()) for name, values in metrics.items()}

    def restore(self, counts: Mapping[str, int]) -> None:
        """Go on counting where a resumed training stood."""
        self.counts = AccessCounts(**counts)

    def count_env_steps(self, steps: int) -> None:
        """Add control steps; the environments call it."""
        self._count(env_steps=steps)

    def _count(self, **more: int) -> None:
        now = asdict(self.counts)
        self.counts = replace(self.counts, **{name: now[name] + n for name, n in more.items()})

    def _require_tasks(self, tasks: IntArray) -> None:
        number = self.tasks()
        if len(tasks) == 0 or not ((tasks >= 0) & (tasks < number)).all():
            raise InputError(
                f"{self.family.id} has the meta-train tasks 0 to {number - 1}; got {tasks}."
            )

    def _reachable(self, split: str) -> str:
        if split not in SPLITS:
            raise InputError(
                f"a learner can not reach {split!r}; it may use {' and '.join(SPLITS)}."
            )
        return split


class Environments:
    """Reward-free environments of meta-train tasks, stepped together; made by :class:`Access`.

    Args:
        access: what counts the steps.
        tasks: meta-train task of each slot, (slots,).
        threads: native threads, by default one per available processor.
    """

    def __init__(self, access: Access, tasks: IntArray, *, threads: int | None = None) -> None:
        self.family = access.family
        self.tasks = tasks
        self._access = access
        self._parameters = access._parameters[tasks]
        self._simulator = self.family.make_simulator(len(tasks), threads=threads)
        self._simulator.set_tasks(self._parameters)
        self._left = np.zeros(len(tasks), np.int64)

    @property
    def ended(self) -> BoolArray:
        """Which slots have reached the horizon and must be reset, (slots,)."""
        ended: BoolArray = self._left == 0
        return ended

    def observe(self) -> FloatArray:
        """Observations (slots, observation_size), a new array."""
        return self._simulator.observe()

    def reset(self, rng: np.random.Generator, ids: IntArray | None = None) -> None:
        """Begin an episode in the slots ``ids``, all by default, whether it had ended or not."""
        where = np.arange(len(self.tasks)) if ids is None else ids
        if len(where):
            starts = sample_starts(self._simulator, rng, self._parameters[where])
            self._simulator.reset(starts, where)
            self._left[where] = self.family.horizon

    def step(self, actions: Float32Array) -> FloatArray:
        """Step every slot; no reward.

        Args:
            actions: (slots, A), in [-1, 1].

        Returns:
            The next observations (slots, observation_size).

        Raises:
            AgentError: actions that can not be applied.
            InputError: an episode has ended and was not reset.
        """
        if self.ended.any():
            raise InputError(
                f"the episodes of slots {np.flatnonzero(self.ended).tolist()} have not begun or "
                "have reached their horizon; reset them."
            )
        slots = len(self.tasks)
        step = int(self.family.horizon - self._left.min())
        self._simulator.step(checked_actions(self.family, actions, slots, step))
        self._left -= 1
        self._access.count_env_steps(slots)
        return self._simulator.observe()

    def suspend(self) -> tuple[FloatArray, IntArray]:
        """Where the episodes stand: opaque states (slots, Z) and steps left (slots,)."""
        return self._simulator.snapshot(), self._left.copy()

    def resume(self, states: FloatArray, left: IntArray) -> None:
        """Go on where :meth:`suspend` stood; the solver's warm start is not kept."""
        self._simulator.restore(states)
        self._left = left.copy()
