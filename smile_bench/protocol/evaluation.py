"""Evaluating an agent: every episode of the frozen meta-test set in one batched pass."""

from __future__ import annotations

import time

import numpy as np
from tqdm import tqdm

from smile_bench.agents import (
    Agent,
    Policy,
    PrivilegedAgent,
    checked_actions,
    checked_policy,
    is_state_only,
)
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.datasets import Context, Dataset, load_dataset
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError, InputError, ProtocolError
from smile_bench.protocol.evidence import Recorder
from smile_bench.protocol.meta_test import MetaTest, load_meta_test
from smile_bench.protocol.result import Result, normalised_scores
from smile_bench.provenance import hardware, package_versions, training_of, weights_of

__all__ = [
    "adapt",
    "context_sizes",
    "evaluate",
    "load_frozen",
    "meta_test_contexts",
    "run_episodes",
]


def evaluate(
    agent: Agent | PrivilegedAgent,
    family: str | Family,
    *,
    shots: int | None = None,
    name: str | None = None,
    threads: int | None = None,
) -> Result:
    """Score an agent on a family under the frozen protocol.

    Args:
        agent: the agent; it adapts once to all contexts, one a slot, and then acts in all. Its
            optional attributes ``recipe`` (JSON-able facts of its training) and
            ``weights_sha256`` go into the result.
        family: the family's id.
        shots: demonstrations in every context; by default the protocol's mixture.
        name: how the result calls the agent; its ``name`` or class by default.
        threads: native threads of the simulator, by default one per available processor.

    Raises:
        UnknownNameError: no such family.
        DatasetError, ProtocolError: the dataset or the frozen set is missing, damaged, or they do
            not belong together.
        AgentError: the agent breaks the interface.
        InputError: a number of shots that the family does not have.
    """
    family = get_family(family)
    meta_test, dataset = load_frozen(family)
    sizes = context_sizes(family, meta_test, shots)
    training, weights = training_of(agent), weights_of(agent)
    began = time.perf_counter()
    policy = adapt(agent, family, meta_test, dataset, sizes)
    adapted = time.perf_counter()
    parameters = family.table("test")[meta_test.tasks]
    recorder = Recorder(family, len(parameters))
    episodes, acting = run_episodes(
        family, policy, parameters, meta_test.initial_states, threads=threads, recorder=recorder
    )
    simulating = time.perf_counter() - adapted - acting
    return Result(
        agent=name or str(getattr(agent, "name", type(agent).__name__)),
        family=family.id,
        protocol_version=meta_test.version,
        meta_test=meta_test.digest,
        dataset=meta_test.dataset,
        privileged=isinstance(agent, PrivilegedAgent),
        state_only=is_state_only(agent),
        evaluation="primary" if shots is None else f"{shots} shots",
        tasks=meta_test.tasks,
        shots=sizes,
        episodes=episodes,
        scores=normalised_scores(family.id, meta_test.tasks, episodes, meta_test.references),
        versions=package_versions(),
        hardware=hardware(),
        seconds={"adapt": adapted - began, "act": acting, "simulate": simulating},
        training=training,
        weights=weights,
        evidence=recorder.evidence(meta_test, sizes),
    )


def load_frozen(family: Family) -> tuple[MetaTest, Dataset]:
    """The frozen meta-test set of a family and the dataset that it is of.

    Raises:
        DatasetError, ProtocolError: one is missing or damaged, or they do not belong together.
    """
    meta_test, dataset = load_meta_test(family.id), load_dataset(family)
    if dataset.digest() != meta_test.dataset:
        raise ProtocolError(
            f"the shipped dataset of {family.id} is not the one that protocol "
            f"{meta_test.version} was frozen on. Install smile-bench again."
        )
    return meta_test, dataset


def context_sizes(family: Family, meta_test: MetaTest, shots: int | None) -> IntArray:
    """Demonstrations in each episode's context, (E,): ``shots``, or the protocol's mixture.

    Raises:
        InputError: a number of shots that the family does not have.
    """
    if shots is None:
        return meta_test.shots
    if shots not in family.context_sizes:
        raise InputError(
            f"{family.id} is evaluated with {', '.join(map(str, family.context_sizes))} "
            f"demonstrations in a context, not {shots}."
        )
    return np.full_like(meta_test.shots, shots)


def meta_test_contexts(
    meta_test: MetaTest, dataset: Dataset, sizes: IntArray, *, state_only: bool
) -> list[Context]:
    """The context of every episode, with ``sizes`` (E,) demonstrations each."""
    contexts = [
        dataset.test.context(int(task), order[:size].tolist())
        for task, order, size in zip(meta_test.tasks, meta_test.demonstrations, sizes, strict=True)
    ]
    return [context.state_only() for context in contexts] if state_only else contexts


def run_episodes(
    family: Family,
    policy: Policy,
    parameters: FloatArray,
    initial_states: FloatArray,
    *,
    threads: int | None = None,
    recorder: Recorder | None = None,
) -> tuple[dict[str, FloatArray], float]:
    """Run one episode a slot to the horizon.

    Args:
        family: the family.
        policy: acts in all slots.
        parameters: task of each slot (E, P).
        initial_states: (E, S).
        threads: native threads of the simulator.
        recorder: keeps evidence of the episodes.

    Returns:
        Each metric of the family, (E,), and the seconds spent in ``policy.act``.

    Raises:
        AgentError: an action that can not be applied.
    """
    simulator = family.make_simulator(len(parameters), threads=threads)
    simulator.set_tasks(parameters)
    simulator.reset(initial_states)
    acting = 0.0
    for step in tqdm(range(family.horizon), desc="evaluate", leave=False, disable=None):
        observations = simulator.observe()
        began = time.perf_counter()
        raw = policy.act(observations)
        acting += time.perf_counter() - began
        actions = checked_actions(family, raw, len(parameters), step)
        outcome = simulator.step(actions)
        if recorder is not None:
            recorder.record(step, actions, simulator)
    return {metric.name: outcome.info[metric.name] for metric in family.metrics}, acting


def adapt(
    agent: Agent | PrivilegedAgent,
    family: Family,
    meta_test: MetaTest,
    dataset: Dataset,
    sizes: IntArray,
) -> Policy:
    """Let an agent adapt to the contexts, or a reference to the tasks, of every episode.

    Raises:
        AgentError: it is no agent, or does not return a policy.
    """
    table = family.table("test")
    if isinstance(agent, PrivilegedAgent):
        return agent.adapt_to_tasks(table[meta_test.tasks], table[meta_test.mismatched_tasks])
    if isinstance(agent, type) or not isinstance(agent, Agent):
        raise AgentError(
            f"{agent!r} is no object with a method adapt(contexts) -> policy; see "
            "smile_bench.agents.Agent. A class must be called first."
        )
    contexts = meta_test_contexts(meta_test, dataset, sizes, state_only=is_state_only(agent))
    return checked_policy(agent, agent.adapt(contexts))
