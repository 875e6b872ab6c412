"""An agent in a process of its own, as evaluations see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Context, require_family
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError
from smile_bench.isolation.parent import Child
from smile_bench.provenance import training_of, weights_of

__all__ = ["TIMEOUT", "IsolatedAgent", "IsolatedPolicy", "isolated_agent"]

TIMEOUT = 3600.0
"""Seconds that an agent has for each answer, by default."""


def isolated_agent(
    path: str,
    family: str | Family,
    *,
    timeout: float = TIMEOUT,
    modules: Sequence[str] = (),
    seed: int | None = None,
) -> IsolatedAgent:
    """Start an agent in a process of its own.

    The agent acts as it does in this process, to the last bit. Frames, the garbage collector and
    changed modules of this process are out of its reach. It is not a sandbox: the process has the
    rights of the user, and can read files.

    Args:
        path: the agent's import path, as :func:`smile_bench.agents.import_agent` takes it.
        family: the family or its id.
        timeout: seconds for each answer: the import, ``adapt``, and each ``act``.
        modules: imported there first, such as one that registers the family.
        seed: training seed, for a function that takes one.

    Returns:
        The agent. Use it in a ``with`` block, or call its ``close``.

    Raises:
        UnknownNameError: no such family.
        InputError: ``timeout`` is not a positive number, or the system is not a POSIX one.
        AgentError: the agent cannot be imported, sees the task, or ends its process.
    """
    found = get_family(family)
    child = Child(path, found.id, timeout)
    try:
        return IsolatedAgent(child, found, modules=list(modules), seed=seed)
    except BaseException:
        child.close()
        raise


class IsolatedAgent:
    """An agent in a process of its own; see :func:`isolated_agent`.

    Its attributes ``name``, ``state_only``, ``stochastic``, ``recipe`` and ``weights_sha256`` are
    those that the agent states.
    """

    def __init__(self, child: Child, family: Family, **how: Any) -> None:
        self.family, self._child = family, child
        facts = child.ask("be imported", "start", **how)
        self.name, self.recipe = facts.get("name"), facts.get("recipe")
        self.weights_sha256 = facts.get("weights_sha256")
        self.state_only = facts.get("state_only") is True
        self.stochastic = facts.get("stochastic") is True
        self.uses_torch = facts.get("uses_torch") is True
        """Whether its process has imported PyTorch, whose version is then part of a result."""
        if not isinstance(self.name, str):
            self._child.fail("did not say its name", "be imported")
        training_of(self)
        weights_of(self)

    def adapt(self, contexts: Sequence[Context]) -> IsolatedPolicy:
        """Return a policy that acts in one slot per context.

        Raises:
            AgentError: the agent fails, breaks the interface, takes too long or ends its process;
                or contexts are of another family.
        """
        require_family(contexts, self.family.id)
        if not contexts:
            raise AgentError("adapt was given no contexts; give one per environment slot.")
        arrays: dict[str, NDArray[Any]] = {
            "shapes": np.array([c.observations.shape[:2] for c in contexts], np.int64)
        }
        for name in ("observations", "actions", "next_observations"):
            given = [getattr(context, name) for context in contexts]
            if any(array is None for array in given):
                continue
            arrays[name] = np.concatenate([array.reshape(-1, array.shape[-1]) for array in given])
        policy = IsolatedPolicy(self._child, self.family, len(contexts))
        facts = self._child.ask("adapt", "adapt", arrays, policy=policy.number)
        self.uses_torch = facts.get("uses_torch") is True
        return policy

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def __enter__(self) -> IsolatedAgent:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class IsolatedPolicy:
    """A policy of an agent in a process of its own."""

    def __init__(self, child: Child, family: Family, slots: int) -> None:
        self._child, self.family, self.slots, self.steps = child, family, slots, 0
        self.number = child.new_number()

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, action_size) for observations (slots, observation_size).

        Raises:
            AgentError: the policy fails, its actions cannot be applied, it takes too long or ends
                its process.
        """
        shape = (self.slots, self.family.action_size)
        actions = np.empty(shape, np.float32)
        asked = f"act at step {self.steps}"
        arrays = {"observations": np.asarray(observations)}
        facts = {"policy": self.number, "step": self.steps}
        self._child.ask(asked, "act", arrays, actions, **facts)
        self.steps += 1
        return actions

    def __del__(self) -> None:
        self._child.forgotten.append(self.number)
