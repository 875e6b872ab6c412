"""An agent that is scored during its training, and may have diverged without any loss having shown
it yet: its last update can leave weights that no loss has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smile_bench.agents import Agent, Context, Policy, is_state_only
from smile_bench.arrays import Float32Array, FloatArray

__all__ = ["WatchedAgent"]


class WatchedAgent:
    """Acts as the agent does; where an action is not finite, it acts by 0 and notes that.

    Args:
        agent: whom to watch.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent, self.state_only = agent, is_state_only(agent)
        self.diverged = False
        """Whether an action was not finite."""

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        """Adapt the agent."""
        return _WatchedPolicy(self, self._agent.adapt(contexts))


class _WatchedPolicy:
    def __init__(self, watched: WatchedAgent, policy: Policy) -> None:
        self._watched, self._policy = watched, policy

    def act(self, observations: FloatArray) -> Float32Array:
        actions = self._policy.act(observations)
        finite = np.isfinite(actions)
        if finite.all():
            return actions
        self._watched.diverged = True
        return np.where(finite, actions, np.float32(0.0))
