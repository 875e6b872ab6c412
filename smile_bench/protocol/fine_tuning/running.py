"""Letting a fine-tuning agent learn in its tasks, and scoring it after each number of episodes."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from smile_bench.agents import RewardedEpisodes, is_state_only
from smile_bench.agents.fine_tuning import (
    FineTuning,
    FineTuningAgent,
    checked_fine_tuning,
    require_fine_tuner,
)
from smile_bench.agents.interface import checked_policy
from smile_bench.arrays import FloatArray
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError, shown
from smile_bench.protocol.evaluation import run_episodes
from smile_bench.protocol.evidence import Evidence, Recorder, evidence_of
from smile_bench.protocol.fine_tuning.curve import FineTuned
from smile_bench.protocol.fine_tuning.frozen import EPISODES, FineTuningSet, load_fine_tuning
from smile_bench.protocol.result import FineTuningFacts, Result
from smile_bench.protocol.result_schema import BUDGET, require_statements
from smile_bench.protocol.scores import normalised_scores
from smile_bench.provenance import hardware, package_versions, training_of, weights_of
from smile_bench.seeds import checked_seeds

__all__ = ["checked_episodes", "fine_tune"]


def fine_tune(
    agent: FineTuningAgent,
    family: str | Family,
    *,
    contexts: str = "expert",
    seeds: Sequence[int] = (0,),
    episodes: Sequence[int] = EPISODES,
    name: str | None = None,
    threads: int | None = None,
    save: Callable[[Result], object] | None = None,
) -> FineTuned:
    """Let an agent learn from rewarded episodes in meta-test tasks, and score it on the way.

    The agent begins with one context a slot; the slots are all tasks of the frozen set, for every
    training seed. It then learns from rewarded episodes in its slot's task. After each number of
    them its policy is scored on frozen episodes of the task, from which it does not learn.

    Adaptation is not kept: a run that was killed begins again.

    Args:
        agent: the agent. Its optional attributes ``recipe`` (JSON-able facts of earlier training)
            and ``weights_sha256`` go into the results.
        family: the family or its id.
        contexts: who gives the demonstrations, ``"expert"`` or ``"half"``: a policy with half the
            expert's score.
        seeds: training seeds, for whatever is random in learning.
        episodes: numbers of rewarded episodes after which the policy is scored, rising from 0 or
            more to at most 100.
        name: what the results call the agent; by default its ``name`` or its class.
        threads: native threads of the simulator, by default one per available processor.
        save: called with every result as it is reached.

    Returns:
        The results, each with evidence of its scored episodes.

    Raises:
        UnknownNameError: there is no such family or kind of contexts.
        AgentError: the agent is not a fine-tuning agent, or breaks the interface.
        InputError: numbers of episodes that do not rise or exceed the budget; an agent that asks
            for more episodes than its budget; bad seeds.
        DatasetError, ProtocolError: the family has no frozen set, or its files are damaged.
    """
    family, agent = get_family(family), require_fine_tuner(agent)
    numbers, seeds = checked_episodes(episodes), checked_seeds(seeds)
    frozen = load_fine_tuning(family, contexts)
    agent_name = getattr(agent, "name", type(agent).__name__) if name is None else name
    require_statements(agent_name, training_of(agent))
    run = _Run(family, frozen, seeds, threads)
    learning = run.begin(agent)
    results: dict[int, list[Result]] = {seed: [] for seed in seeds}
    with tqdm(desc="fine-tune", total=numbers[-1], unit="episode", disable=None) as bar:
        for index, number in enumerate(numbers):
            before = numbers[index - 1] if index else 0
            if number > before:
                run.improve(learning, before, number)
                bar.update(number - before)
            for seed, scored in run.scored(learning, numbers[: index + 1]).items():
                result = _result(agent, agent_name, family, frozen, scored)
                results[seed].append(result)
                if save is not None:
                    save(result)
    return FineTuned(
        agent=agent_name,
        family=family.id,
        contexts=contexts,
        episodes=numbers,
        demonstrator_score=frozen.demonstrator_score,
        results={seed: tuple(row) for seed, row in results.items()},
    )


def checked_episodes(given: Sequence[int]) -> tuple[int, ...]:
    """Numbers of rewarded episodes after which a policy is scored.

    Raises:
        InputError: there is none, one is not a whole number from 0 to the budget, or they do not
            rise.
    """
    expected = (
        "numbers of rewarded episodes are whole, rise, and lie between 0 and the budget of "
        f"{BUDGET} a task, such as {', '.join(map(str, EPISODES))}"
    )
    try:
        numbers = tuple(operator.index(number) for number in given)
    except TypeError as error:
        raise InputError(f"{expected}; got {shown(given)}.") from error
    rising = all(a < b for a, b in pairwise((-1, *numbers)))
    if not numbers or not rising or numbers[-1] > BUDGET:
        raise InputError(f"{expected}; got {shown(tuple(numbers))}.")
    return numbers


class _Scored(NamedTuple):
    """The scored episodes (E) of one training seed."""

    facts: FineTuningFacts
    episodes: dict[str, FloatArray]
    evidence: Evidence
    seconds: dict[str, float]


class _Run:
    """The slots of one computation: every training seed with every task of the set.

    Args:
        family: the family.
        frozen: the set.
        seeds: training seeds.
        threads: native threads of the simulators.
    """

    def __init__(
        self, family: Family, frozen: FineTuningSet, seeds: Sequence[int], threads: int | None
    ) -> None:
        self.family, self.frozen, self.seeds, self.threads = family, frozen, seeds, threads
        self.tasks = len(frozen.learning_tasks)
        self.parameters = np.tile(family.table("test")[frozen.learning_tasks], (len(seeds), 1))
        self.used_episodes = self.used_steps = 0
        self.adapting = 0.0

    def begin(self, agent: FineTuningAgent) -> FineTuning:
        """Let the agent begin in all slots."""
        began = time.perf_counter()
        contexts = self.frozen.task_contexts()
        if is_state_only(agent):
            contexts = [context.state_only() for context in contexts]
        slots = [seed for seed in self.seeds for _ in range(self.tasks)]
        learning = checked_fine_tuning(agent, agent.begin(contexts * len(self.seeds), slots))
        self.adapting += time.perf_counter() - began
        return learning

    def improve(self, learning: FineTuning, before: int, number: int) -> None:
        """Let the learners use the rewarded episodes ``before`` to ``number`` - 1."""
        began, episodes = time.perf_counter(), number - before
        starts = self.frozen.starts(self.seeds, before, episodes)
        environments = RewardedEpisodes(self.family, self.parameters, starts, threads=self.threads)
        learning.improve(environments, episodes)
        self.used_episodes += environments.episodes
        self.used_steps += environments.steps
        self.adapting += time.perf_counter() - began

    def scored(self, learning: FineTuning, schedule: tuple[int, ...]) -> dict[int, _Scored]:
        """Run the scored episodes; each training seed gets its share of the seconds."""
        began, acting = time.perf_counter(), 0.0
        runs: list[tuple[Recorder, dict[str, FloatArray]]] = []
        starts = self.frozen.initial_states.reshape(self.tasks, self.frozen.repeats, -1)
        for repeat in range(self.frozen.repeats):
            recorder = Recorder(self.family, len(self.parameters))
            episodes, seconds = run_episodes(
                self.family,
                checked_policy(learning, learning.policy(), "policy"),
                self.parameters,
                np.tile(starts[:, repeat], (len(self.seeds), 1)),
                threads=self.threads,
                recorder=recorder,
            )
            runs.append((recorder, episodes))
            acting += seconds
        shares = {
            "adapt": self.adapting,
            "act": acting,
            "simulate": max(0.0, time.perf_counter() - began - acting),
        }
        shares = {name: value / len(self.seeds) for name, value in shares.items()}
        found = {}
        for index, seed in enumerate(self.seeds):
            facts = FineTuningFacts(
                contexts=self.frozen.contexts,
                seed=seed,
                schedule=schedule,
                used_episodes=self.used_episodes,
                used_steps=self.used_steps,
            )
            found[seed] = self._of_seed(index, facts, runs, shares)
        return found

    def _of_seed(
        self,
        index: int,
        facts: FineTuningFacts,
        runs: Sequence[tuple[Recorder, dict[str, FloatArray]]],
        seconds: dict[str, float],
    ) -> _Scored:
        """The episodes of one seed, task by task as in the set."""
        where = slice(index * self.tasks, (index + 1) * self.tasks)

        def joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
            """Arrays (slots, ...), one a repeat, as (E, ...)."""
            stacked = np.stack([array[where] for array in arrays], axis=1)
            return stacked.reshape(-1, *stacked.shape[2:])

        actions = joined([recorder.actions for recorder, _ in runs])
        states = joined([recorder.states for recorder, _ in runs])
        return _Scored(
            facts=facts,
            episodes={
                name: joined([episodes[name] for _, episodes in runs]) for name in runs[0][1]
            },
            evidence=evidence_of(self.frozen, self.frozen.shots, actions, states),
            seconds=seconds,
        )


def _result(
    agent: FineTuningAgent, name: str, family: Family, frozen: FineTuningSet, scored: _Scored
) -> Result:
    return Result(
        agent=name,
        family=family.id,
        protocol_version=frozen.version,
        meta_test=frozen.digest,
        dataset=frozen.dataset,
        privileged=False,
        state_only=is_state_only(agent),
        evaluation=scored.facts.evaluation,
        tasks=frozen.tasks,
        shots=frozen.shots,
        episodes=scored.episodes,
        scores=normalised_scores(family.id, frozen.tasks, scored.episodes, frozen.references),
        versions=package_versions(torch=getattr(agent, "uses_torch", False)),
        hardware=hardware(),
        seconds=scored.seconds,
        training=training_of(agent),
        weights=weights_of(agent),
        fine_tuning=scored.facts,
        evidence=scored.evidence,
    )
