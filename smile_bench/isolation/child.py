"""The agent's process: it imports the agent and answers the parent's requests."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smile_bench.agents import (
    Agent,
    Context,
    Policy,
    PrivilegedAgent,
    checked_actions,
    checked_policy,
    import_agent,
    is_state_only,
)
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, SmileError
from smile_bench.imports import working_directory_importable
from smile_bench.isolation.memory import Memory
from smile_bench.provenance import training_of, weights_of

__all__ = ["serve"]


def serve() -> None:
    """Be the agent's process: import the agent, then answer until the parent closes its pipe."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    # What the agent reads is empty, and what it prints goes to standard error.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    path, family, descriptor = sys.argv[1:]
    sys.argv[1:] = []
    served = _Served(path, family, Memory(int(descriptor)))
    for line in requests:
        request = json.loads(line)
        reply = {"call": request["call"], **served.answered(request)}
        content = json.dumps(reply).encode() + b"\n"
        while content:
            content = content[os.write(answers, content) :]


class _Served:
    """The agent and its policies, in its own process."""

    def __init__(self, path: str, family: str, memory: Memory) -> None:
        self.path, self.family, self.memory = path, family, memory
        self.policies: dict[int, Policy] = {}

    def answered(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the agent answers; its error is part of the answer."""
        for number in request["forget"]:
            self.policies.pop(number, None)
        self.memory.reach(request["size"], grow=False)
        try:
            facts: dict[str, Any] = getattr(self, request["do"])(request)
            return facts
        except SmileError as error:
            return {"error": str(error)}
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}, line {last.lineno}"
            return {"error": f"{type(error).__name__}: {error} ({where})"}

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Import the agent."""
        with working_directory_importable():
            for module in request["modules"]:
                importlib.import_module(module)
        agent = import_agent(self.path, self.family, seed=request["seed"])
        if isinstance(agent, PrivilegedAgent):
            raise AgentError("it sees the task, so isolating it means nothing; run it without.")
        self.agent: Agent = agent
        return {
            "name": str(getattr(agent, "name", type(agent).__name__)),
            "state_only": is_state_only(agent),
            "stochastic": bool(getattr(agent, "stochastic", False)),
            "recipe": training_of(agent),
            "weights_sha256": weights_of(agent),
            "uses_torch": "torch" in sys.modules,
        }

    def adapt(self, request: dict[str, Any]) -> dict[str, Any]:
        """Adapt to contexts."""
        policy = self.agent.adapt(list(self._contexts(request["arrays"])))
        self.policies[request["policy"]] = checked_policy(self.agent, policy)
        return {"uses_torch": "torch" in sys.modules}

    def act(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let a policy act; its actions are checked here and, as all numbers, in the parent."""
        observations = self.memory.view(request["arrays"]["observations"]).copy()
        actions = self.policies[request["policy"]].act(observations)
        target = self.memory.view(request["arrays"][""])
        family = get_family(self.family)
        target[...] = checked_actions(family, actions, len(target), request["step"])
        return {}

    def _contexts(self, places: dict[str, Any]) -> Iterator[Context]:
        arrays = {name: self.memory.view(place) for name, place in places.items()}
        shapes = arrays.pop("shapes")
        first = 0
        for shots, transitions in shapes.tolist():
            last = first + shots * transitions
            parts: dict[str, Any] = {"actions": None}
            for name, rows in arrays.items():
                # A copy: the memory is used again for the observations.
                parts[name] = rows[first:last].reshape(shots, transitions, -1).copy()
            yield Context(family=self.family, **parts)
            first = last
