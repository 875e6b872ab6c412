"""Running an agent again where a result has no evidence: does it give the numbers that are stated?

A replay cannot check such a result. The agents that ship are run on the same frozen episodes, and
the two results are compared task by task.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smile_bench.checks import Check
from smile_bench.errors import SmileError
from smile_bench.protocol.evaluation import evaluate
from smile_bench.protocol.result import Result
from smile_bench.protocol.verification import AgentLoader
from smile_bench.provenance import weights_of

__all__ = ["rerun_without_evidence"]

SCORE = 0.02
"""How far the stated score, a mean over tasks, may lie from that of the agent's second run."""
TASKS = 0.1
"""The same for single tasks, as the mean absolute difference. Networks round differently on another
processor, and contacts amplify that within an episode."""


def rerun_without_evidence(result: Result, load: AgentLoader) -> Iterator[Check]:
    """Evaluate a result's agent again and compare what it scores with what the result says.

    Args:
        result: the result; its evidence is not needed.
        load: loads an agent, given its name and a family's id.

    Yields:
        One check after another.
    """
    try:
        agent = load(result.agent, result.family)
        same = weights_of(agent) == result.weights
        yield Check("weights", same, "are those that ship" if same else "differ from those here")
        shots = None if result.evaluation == "primary" else int(result.evaluation.split()[0])
        again = evaluate(agent, result.family, shots=shots)
    except SmileError as error:
        yield Check("agent", False, str(error))
        return
    differences = (again.scores - result.scores)[np.isfinite(result.scores)]
    mean, task = abs(float(differences.mean())), float(np.abs(differences).mean())
    detail = (
        f"{result.score:.3f} stated, {again.score:.3f} when run again (at most {SCORE:g} apart), "
        f"{task:.3g} apart on a task on average (at most {TASKS:g})"
    )
    yield Check("score again", mean <= SCORE and task <= TASKS, detail)
