"""A conformance check for agents, like Gymnasium's ``check_env`` for environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import (
    Agent,
    Context,
    Policy,
    checked_actions,
    checked_policy,
    is_state_only,
)
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.datasets import Dataset, load_dataset
from smile_bench.envs import Family, all_families, get_family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import AgentError, InputError

__all__ = ["check_agent"]

STEPS = 5
"""Control steps that a policy is asked for."""
SAME = 1e-3
"""Largest difference between actions that count as the same; batches of another size round
differently."""


def check_agent(agent: Agent, family: str | Family, *, dataset: Dataset | None = None) -> None:
    """Check that an agent keeps to the interface. Only meta-train data is used.

    These rules are checked, in this order:

    1. ``adapt`` takes a sequence of contexts, one per slot, and returns an object with ``act``.
    2. It takes contexts of every size that the family has, mixed in one call.
    3. ``act`` returns finite actions of shape (slots, action_size) in [-1, 1] at every step.
    4. It does not change contexts or observations.
    5. A slot's actions do not depend on other slots, on their order or on earlier calls of
       ``adapt``. This rule does not apply to an agent with the attribute ``stochastic = True``.
    6. It refuses contexts of another family with an error.

    Args:
        agent: the agent.
        family: the family that the agent is for.
        dataset: demonstrations, by default the family's canonical dataset.

    Raises:
        AgentError: a rule is broken. The message says which, and what to do.
        InputError: a meta-train task has fewer demonstrations than the family's largest context.
    """
    family = get_family(family)
    dataset = dataset or load_dataset(family)
    if isinstance(agent, type):
        raise AgentError(f"{agent.__name__} is a class (rule 1). Give an instance of it.")
    if not isinstance(agent, Agent):
        raise AgentError(
            f"{type(agent).__name__} has no method adapt(contexts) -> policy (rule 1). Add one."
        )
    contexts = _contexts(agent, family, dataset)
    copies = [_frozen_copy(context) for context in contexts]
    observations = _observations(family, len(contexts))
    # Before anything else, while the agent cannot have kept anything from other slots.
    alone = _run(agent, family, contexts[-1:], observations[:, -1:])
    actions = _run(agent, family, contexts, observations)
    for number, (context, copy) in enumerate(zip(contexts, copies, strict=True)):
        if not _same(context, copy):
            raise AgentError(
                f"adapt or act changed the arrays of context {number} (rule 4). Copy before "
                "writing."
            )
    if not getattr(agent, "stochastic", False):
        _require_same("together", actions[:, -1:], alone)
        _check_independence(agent, family, contexts, observations, actions)
    _check_refusal(agent, family, contexts)


def _check_independence(
    agent: Agent,
    family: Family,
    contexts: Sequence[Context],
    observations: FloatArray,
    actions: Float32Array,
) -> None:
    """Slots in reverse order, and every second slot, must act as they did together."""
    slots = len(contexts)
    for how, chosen in (
        ("in reverse order", np.arange(slots)[::-1]),
        ("without every second one", np.arange(0, slots, 2)),
    ):
        again = _run(agent, family, [contexts[i] for i in chosen], observations[:, chosen])
        _require_same(how, again, actions[:, chosen])


def _require_same(how: str, again: Float32Array, actions: Float32Array) -> None:
    worst = float(np.abs(again - actions).max())
    if worst > SAME:
        raise AgentError(
            f"with the slots {how} the actions differ by up to {worst:.3g} (rule 5): a slot's "
            "action must follow from its own context and observations alone, not from other slots "
            "or earlier calls of adapt. If the policy samples its actions, set the agent's "
            "attribute stochastic = True."
        )


def _contexts(agent: Agent, family: Family, dataset: Dataset) -> list[Context]:
    """Contexts of meta-train tasks: each size twice, mixed."""
    train, rng = dataset.train, np.random.default_rng(0)
    most = max(family.context_sizes)
    if train.demonstrations < most:
        raise InputError(
            f"contexts of {family.id} hold up to {most} demonstrations, but this dataset has "
            f"{train.demonstrations} of each meta-train task, so that agents cannot be checked "
            f"(rule 2). Give a dataset with at least {most}."
        )
    contexts = []
    for size in (*family.context_sizes, *family.context_sizes):
        task = int(rng.integers(train.tasks))
        demonstrations = rng.permutation(train.demonstrations)[:size].tolist()
        contexts.append(train.context(task, demonstrations))
    return [context.state_only() for context in contexts] if is_state_only(agent) else contexts


def _observations(family: Family, slots: int) -> FloatArray:
    """Observations (STEPS, slots, observation_size) under random actions in meta-train tasks."""
    rng = np.random.default_rng(0)
    simulator = family.make_simulator(slots, threads=1)
    table = family.table("train")
    simulator.set_tasks(table[np.arange(slots) % len(table)])
    simulator.reset(sample_starts(simulator, rng, simulator.parameters))
    steps = rollout(simulator, lambda _: family.random_actions(rng, slots), STEPS)
    return np.stack([step.observations for step in steps])


def _run(
    agent: Agent, family: Family, contexts: Sequence[Context], observations: FloatArray
) -> Float32Array:
    """Actions (STEPS, slots, action_size) of the agent for observations of as many slots."""
    try:
        policy: Policy = checked_policy(agent, agent.adapt(contexts))
    except AgentError:
        raise
    except Exception as error:
        sizes = sorted({context.shots for context in contexts})
        hidden = contexts[0].actions is None
        why = ", without actions, since the agent's state_only is True," if hidden else ""
        raise AgentError(
            f"adapt failed on {len(contexts)} contexts of {sizes} demonstrations{why} (rules 1 and "
            f"2): {type(error).__name__}: {error}"
        ) from error
    actions = []
    for step, observation in enumerate(observations):
        given = observation.copy()
        try:
            raw = policy.act(given)
        except Exception as error:
            raise AgentError(
                f"act failed on observations {given.shape} (rule 3): "
                f"{type(error).__name__}: {error}"
            ) from error
        actions.append(checked_actions(family, raw, len(contexts), step).copy())
        if not np.array_equal(given, observation):
            raise AgentError("act changed the observations it was given (rule 4).")
    return np.stack(actions)


def _check_refusal(agent: Agent, family: Family, contexts: Sequence[Context]) -> None:
    other = next(name for name in all_families() if name != family.id)
    foreign = [replace(context, family=other) for context in contexts]
    try:
        agent.adapt(foreign)
    except Exception:
        return
    raise AgentError(
        f"adapt took contexts of {other} without an error (rule 6). Call "
        "smile_bench.agents.require_family(contexts, family) first."
    )


def _arrays(context: Context) -> dict[str, NDArray[Any] | None]:
    return {
        "observations": context.observations,
        "actions": context.actions,
        "next_observations": context.next_observations,
    }


def _frozen_copy(context: Context) -> Context:
    copies = {
        name: None if array is None else array.copy() for name, array in _arrays(context).items()
    }
    return replace(context, **copies)  # type: ignore[arg-type]


def _same(one: Context, other: Context) -> bool:
    pairs = zip(_arrays(one).values(), _arrays(other).values(), strict=True)
    return all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
        for a, b in pairs
    )
