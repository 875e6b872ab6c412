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
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets import Context, Dataset, load_dataset
from smile_bench.envs import Family, get_family
from smile_bench.envs.rollout import rollout
from smile_bench.errors import AgentError, InputError, ProtocolError
from smile_bench.protocol.evidence import Recorder
from smile_bench.protocol.meta_test import MetaTest, load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.protocol.result_schema import require_statements
from smile_bench.protocol.scores import normalised_scores
from smile_bench.provenance import hardware, package_versions, training_of, weights_of

__all__ = [
    "Actor",
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

    The agent adapts once to the contexts of all episodes, one context a slot, and then acts in all
    episodes at once.

    Args:
        agent: the agent. Its optional attributes ``recipe`` (JSON-able facts of its training) and
            ``weights_sha256`` go into the result.
        family: the family or its id.
        shots: demonstrations in every context; by default the protocol's mixture of sizes.
        name: what the result calls the agent; by default the agent's ``name`` or its class.
        threads: native threads of the simulator, by default one per available processor.

    Raises:
        UnknownNameError: there is no such family.
        DatasetError, ProtocolError: the dataset or the frozen set is missing or damaged, or they do
            not belong together.
        AgentError: the agent breaks the interface, or states a name or a recipe that results cannot
            hold.
        InputError: the family has no contexts of ``shots`` demonstrations.
    """
    family = get_family(family)
    meta_test, dataset = load_frozen(family)
    sizes = context_sizes(family, meta_test, shots)
    training, weights = training_of(agent), weights_of(agent)
    agent_name = getattr(agent, "name", type(agent).__name__) if name is None else name
    require_statements(agent_name, training)
    recorder = Recorder(family, len(meta_test.tasks))
    episodes, seconds = _adapt_and_act(agent, family, meta_test, dataset, sizes, threads, recorder)
    return Result(
        agent=agent_name,
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
        versions=package_versions(torch=getattr(agent, "uses_torch", False)),
        hardware=hardware(),
        seconds=seconds,
        training=training,
        weights=weights,
        evidence=recorder.evidence(meta_test, sizes),
    )


def _adapt_and_act(
    agent: Agent | PrivilegedAgent,
    family: Family,
    meta_test: MetaTest,
    dataset: Dataset,
    sizes: IntArray,
    threads: int | None,
    recorder: Recorder,
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Each metric of every episode, (E,), and the seconds that each part took."""
    began = time.perf_counter()
    policy = adapt(agent, family, meta_test, dataset, sizes)
    adapted = time.perf_counter()
    parameters = family.table("test")[meta_test.tasks]
    episodes, acting = run_episodes(
        family, policy, parameters, meta_test.initial_states, threads=threads, recorder=recorder
    )
    simulating = max(0.0, time.perf_counter() - adapted - acting)
    return episodes, {"adapt": adapted - began, "act": acting, "simulate": simulating}


def load_frozen(family: Family) -> tuple[MetaTest, Dataset]:
    """Load the frozen meta-test set of a family and the dataset that it was frozen on.

    Raises:
        DatasetError, ProtocolError: one of them is missing or damaged, or they do not belong
            together.
    """
    meta_test, dataset = load_meta_test(family), load_dataset(family)
    if (found := dataset.digest()) != meta_test.dataset:
        raise ProtocolError(
            f"protocol {meta_test.version} of {family.id} was frozen on the dataset "
            f"{meta_test.dataset[:16]}…, but the dataset here is {found[:16]}…. Install "
            "smile-bench again, or freeze the protocol again if the family is your own."
        )
    return meta_test, dataset


def context_sizes(family: Family, meta_test: MetaTest, shots: int | None) -> IntArray:
    """Demonstrations in each episode's context, (E,): ``shots``, or the protocol's mixture.

    Raises:
        InputError: the family has no contexts of ``shots`` demonstrations.
    """
    if shots is None:
        return meta_test.shots
    if shots not in family.context_sizes:
        known = ", ".join(map(str, family.context_sizes))
        raise InputError(
            f"contexts of {family.id} come in the sizes {known}, but got shots={shots!r}. Give one "
            "of these sizes."
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


class Actor:
    """A policy that acts in N slots, with every action checked and its time measured.

    Args:
        family: whose environments the policy acts in.
        policy: the policy, at the beginning of its episodes.
        slots: N.
    """

    def __init__(self, family: Family, policy: Policy, slots: int) -> None:
        self.family, self.policy, self.slots = family, policy, slots
        self.steps = 0
        """Control steps taken."""
        self.seconds = 0.0
        """Seconds spent in ``policy.act``."""

    def __call__(self, observations: FloatArray) -> Float32Array:
        """Actions (N, action_size) for observations (N, observation_size).

        Raises:
            AgentError: the policy's actions cannot be applied.
        """
        began = time.perf_counter()
        actions = self.policy.act(observations)
        self.seconds += time.perf_counter() - began
        checked = checked_actions(self.family, actions, self.slots, self.steps)
        self.steps += 1
        return checked


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
        parameters: task of each slot, (E, P).
        initial_states: initial state of each slot, (E, S).
        threads: native threads of the simulator, by default one per available processor.
        recorder: keeps evidence of the episodes.

    Returns:
        Each metric of the family, (E,), and the seconds spent in ``policy.act``.

    Raises:
        AgentError: the policy's actions cannot be applied.
    """
    simulator = family.make_simulator(len(parameters), threads=threads)
    simulator.set_tasks(parameters)
    simulator.reset(initial_states)
    actor = Actor(family, policy, len(parameters))
    steps = rollout(simulator, actor, family.horizon)
    for step in tqdm(steps, desc="evaluate", total=family.horizon, leave=False, disable=None):
        if recorder is not None:
            recorder.record(step.time, step.actions, simulator)
    return {metric.name: step.result.info[metric.name] for metric in family.metrics}, actor.seconds


def adapt(
    agent: Agent | PrivilegedAgent,
    family: Family,
    meta_test: MetaTest,
    dataset: Dataset,
    sizes: IntArray,
) -> Policy:
    """Let an agent adapt to the contexts of every episode, or a privileged agent to its tasks.

    Args:
        agent: the agent.
        family: the family.
        meta_test: its frozen meta-test set, or some of its episodes (E).
        dataset: the family's dataset.
        sizes: demonstrations in each episode's context, (E,).

    Raises:
        AgentError: ``agent`` is not an agent, or does not return a policy.
    """
    table = family.table("test")
    if isinstance(agent, PrivilegedAgent):
        return agent.adapt_to_tasks(table[meta_test.tasks], table[meta_test.mismatched_tasks])
    if isinstance(agent, type) or not isinstance(agent, Agent):
        raise AgentError(
            f"{agent!r} is not an object with a method adapt(contexts) -> policy; see "
            "smile_bench.agents.Agent. If it is a class or a function, call it first."
        )
    contexts = meta_test_contexts(meta_test, dataset, sizes, state_only=is_state_only(agent))
    return checked_policy(agent, agent.adapt(contexts))
