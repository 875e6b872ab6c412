"""Running an agent again: are the recorded actions its own, and does each slot stand alone?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from smile_bench.agents import Agent, FineTuningAgent, PrivilegedAgent, is_state_only
from smile_bench.agents.fine_tuning import require_fine_tuner
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.checks import Check
from smile_bench.datasets import Dataset
from smile_bench.envs import Family
from smile_bench.errors import AgentError, SmileError
from smile_bench.protocol.evaluation import Actor, adapt, evaluate
from smile_bench.protocol.fine_tuning import fine_tune
from smile_bench.protocol.meta_test import MetaTest
from smile_bench.protocol.replay import replay
from smile_bench.protocol.result import Result
from smile_bench.provenance import hardware, made_here, package_versions, training_of, weights_of

__all__ = ["learn_again", "rerun_agent"]

AnyAgent = Agent | PrivilegedAgent | FineTuningAgent

ALONE = 4
"""Episodes that are run again one by one."""
TOLERANCE = 1e-3
"""How far an action may lie from the recorded one: rounding in a network depends on the size of its
batch."""
FLIPPED, FLIPPED_ELSEWHERE = 0.01, 0.1
"""Share of the actions that may lie further: last bits decide choices between near ties. The second
holds where another processor, another size of batch or the physics rounds differently."""
FLIPPED_IN_EPISODE = 0.5
"""The same share for any one episode, so that no episode can be replaced. Retrieve-and-Play on a
standing ant has been seen to flip a quarter."""
TOLERANCE_ELSEWHERE = 0.05
"""The tolerance where observations differ too, because the physics rounds differently."""
DEVIATIONS, SLACK = 4.0, 0.01
"""A stochastic agent's score may differ by this many standard errors plus this much."""


class _Slots(NamedTuple):
    """A policy and the episodes in which it acts."""

    actor: Actor
    episodes: IntArray


def rerun_agent(
    family: Family,
    result: Result,
    meta_test: MetaTest,
    dataset: Dataset,
    load: Callable[[str, str], AnyAgent],
    exact: bool,
) -> Iterator[Check]:
    """Load a result's agent and compare what it does with what the result says.

    The agent sees the observations of the replay, so that a difference in one action does not cause
    further ones. It acts in a few episodes one by one, and in all episodes together: an agent that
    uses what it sees in other slots acts differently there. The single episodes come first, when
    the agent cannot have kept anything from the others.

    Args:
        family: the family.
        result: the result with its evidence.
        meta_test: the frozen meta-test set.
        dataset: the family's dataset.
        load: loads an agent, given its name and a family's id.
        exact: whether the replay meets the recorded states to the last bit.

    Yields:
        One check after another.
    """
    try:
        agent = _imitator(load(result.agent, family.id))
        yield _statements(agent, result)
        if getattr(agent, "stochastic", False):
            yield _score_again(agent, family, result)
            return
        every = np.arange(len(meta_test.tasks))
        chosen = np.linspace(0, len(every) - 1, ALONE).astype(np.int64)
        # The last one first: what an agent kept from the first episode would go unnoticed in it.
        apart = chosen[:0, None] if isinstance(agent, PrivilegedAgent) else chosen[::-1, None]
        alone = [_slots(agent, family, result, meta_test, dataset, one) for one in apart]
        groups = [_slots(agent, family, result, meta_test, dataset, every), *alone]
        differences = _differences(family, result, meta_test, groups, guided=not exact)
    except SmileError as error:
        yield Check("agent", False, str(error))
        return
    tolerance = TOLERANCE if exact else TOLERANCE_ELSEWHERE
    same = exact and _same_computer(agent, result)
    allowed = FLIPPED if same else FLIPPED_ELSEWHERE
    why = "" if same else ", because the result states another processor or other versions"
    yield _judge("actions again", differences[0], tolerance, allowed, why)
    if alone:
        apart_differences = np.concatenate(differences[1:])
        yield _judge(f"{ALONE} episodes alone", apart_differences, tolerance, FLIPPED_ELSEWHERE)


def _imitator(agent: AnyAgent) -> Agent | PrivilegedAgent:
    """An agent that can act without learning first.

    Raises:
        AgentError: it can only fine-tune.
    """
    if isinstance(agent, Agent | PrivilegedAgent):
        return agent
    raise AgentError(
        f"{type(agent).__name__} only fine-tunes, and the result is of an agent that imitates."
    )


def _statements(agent: AnyAgent, result: Result) -> Check:
    """Compare what the result says about its agent with what the agent says about itself."""
    pairs = {
        "privileged": (result.privileged, isinstance(agent, PrivilegedAgent)),
        "state_only": (result.state_only, is_state_only(agent)),
        "training": (result.training, training_of(agent)),
        "weights_sha256": (result.weights, weights_of(agent)),
    }
    wrong = [name for name, (stated, own) in pairs.items() if stated != own]
    detail = f"{', '.join(pairs)} agree"
    if wrong:
        detail = f"the result's {', '.join(wrong)} differ from what the agent states"
    return Check("statements", not wrong, detail)


def _slots(
    agent: Agent | PrivilegedAgent,
    family: Family,
    result: Result,
    meta_test: MetaTest,
    dataset: Dataset,
    episodes: IntArray,
) -> _Slots:
    some = meta_test.select(episodes)
    policy = adapt(agent, family, some, dataset, result.shots[episodes])
    return _Slots(Actor(family, policy, len(episodes)), episodes)


def _differences(
    family: Family,
    result: Result,
    meta_test: MetaTest,
    groups: Sequence[_Slots],
    *,
    guided: bool,
) -> list[Float32Array]:
    """For each group, the largest difference of each recorded action, (its episodes, T)."""
    evidence = result.evidence
    assert evidence is not None
    differences = [np.zeros((len(g.episodes), family.horizon), np.float32) for g in groups]

    def ask(step: int, observations: FloatArray) -> None:
        for group, difference in zip(groups, differences, strict=True):
            actions = group.actor(observations[group.episodes])
            recorded = evidence.actions[group.episodes, step]
            difference[:, step] = np.abs(actions - recorded).max(axis=1)

    replay(family, meta_test, evidence, guided=guided, watch=ask)
    return differences


def _judge(
    name: str, difference: Float32Array, tolerance: float, allowed: float, why: str = ""
) -> Check:
    beyond = difference > tolerance
    share, worst = float(beyond.mean()), float(beyond.mean(axis=1).max())
    detail = (
        f"{int(beyond.sum())} of {beyond.size} actions differ by more than {tolerance:g} "
        f"({allowed:.0%} may{why}), {worst:.0%} in one episode ({FLIPPED_IN_EPISODE:.0%} may)"
    )
    return Check(name, share <= allowed and worst <= FLIPPED_IN_EPISODE, detail)


def _same_computer(agent: Agent | PrivilegedAgent, result: Result) -> bool:
    """Whether processor and versions equal the result's, so that networks round alike."""
    own = package_versions(torch=getattr(agent, "uses_torch", False))
    stated = dict(result.versions)
    same = all(stated.get(name) == own.get(name) for name in ("numpy", "torch"))
    here = hardware()["processor"] == result.hardware["processor"]
    return same and here and made_here(stated["mujoco"], result.hardware["machine"])


def _score_again(agent: Agent | PrivilegedAgent, family: Family, result: Result) -> Check:
    """Compare a stochastic agent's score with those of two further evaluations.

    How far it may differ follows from these two alone, because a result chooses what it states: if
    its own spread counted, it could excuse episodes of another agent in some of the tasks. A task's
    scores in two evaluations differ with variance 2 σ². The stated mean over n tasks differs from
    that of both with variance 3/2 Σ σ² / n².
    """
    first, second = (evaluate(agent, family, shots=result.same_shots).scores for _ in range(2))
    return _near(first, second, result.scores)


def learn_again(
    family: Family, result: Result, load: Callable[[str, str], AnyAgent]
) -> Iterator[Check]:
    """Load a fine-tuning agent, let it learn again and compare scores.

    It learns with the result's training seed and with the next one. Rounding may lead a learner
    elsewhere, so scores are compared and not actions, as those of a stochastic agent.

    Yields:
        One check after another.
    """
    facts = result.fine_tuning
    assert facts is not None
    try:
        agent = load(result.agent, family.id)
        yield _statements(agent, result)
        found = fine_tune(
            require_fine_tuner(agent),
            family,
            contexts=facts.contexts,
            seeds=(facts.seed, facts.seed + 1),
            episodes=facts.schedule,
        )
        first, second = (row[-1].scores for row in found.results.values())
        yield _near(first, second, result.scores)
    except SmileError as error:
        yield Check("agent", False, str(error))


def _near(first: FloatArray, second: FloatArray, stated: FloatArray) -> Check:
    """Compare stated scores (tasks,) with those of two further evaluations."""
    scored = np.isfinite(first) & np.isfinite(second)
    apart = (first - second)[scored]
    error = float(np.sqrt(0.75 * np.square(apart).sum()) / len(apart))
    bound = DEVIATIONS * error + SLACK
    difference = float(np.abs((0.5 * (first + second) - stated)[scored].mean()))
    detail = f"differs by {difference:.3g} from two further evaluations (at most {bound:.3g})"
    return Check("score again", difference <= bound, detail)
