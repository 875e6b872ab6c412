"""What a fine-tuning agent is: it imitates contexts and then learns from rewarded episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from smile_bench.agents.interface import Policy
from smile_bench.agents.rewarded import RewardedEpisodes
from smile_bench.datasets.contexts import Context
from smile_bench.errors import AgentError

__all__ = ["FineTuning", "FineTuningAgent", "checked_fine_tuning", "require_fine_tuner"]


@runtime_checkable
class FineTuning(Protocol):
    """Learners that stand in the slots of one call of :meth:`FineTuningAgent.begin`."""

    def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
        """Learn from more rewarded episodes.

        Args:
            environments: the slots' tasks, with a budget of ``episodes`` a slot. They are new in
                every call.
            episodes: how many more episodes may be used in every slot. Fewer are allowed.
        """

    def policy(self) -> Policy:
        """The policy as it stands now, in the same slots, deterministic, for one episode.

        Learning continues afterwards as if it had not been asked for.
        """


@runtime_checkable
class FineTuningAgent(Protocol):
    """Learns in the task that it was shown.

    Slots are independent: what is learned in a slot must follow from that slot's context, seed and
    episodes alone.
    """

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> FineTuning:
        """Begin to learn in one slot per context.

        Args:
            contexts: one a slot.
            seeds: training seed of each slot, for whatever is random in its learning.
        """


def require_fine_tuner(agent: object) -> FineTuningAgent:
    """Make sure that an object is a fine-tuning agent.

    Raises:
        AgentError: it has no method ``begin``, or it is a class.
    """
    if isinstance(agent, type) or not isinstance(agent, FineTuningAgent):
        what = agent.__name__ if isinstance(agent, type) else type(agent).__name__
        raise AgentError(
            f"{what} is not a fine-tuning agent: an object with a method begin(contexts, seeds) is "
            "expected; see smile_bench.agents.FineTuningAgent. smile_bench.evaluate scores agents "
            "that only imitate."
        )
    return agent


def checked_fine_tuning(agent: object, begun: object) -> FineTuning:
    """Make sure that ``begin`` returned learners.

    Args:
        agent: the agent, for the message.
        begun: what its ``begin`` returned.

    Raises:
        AgentError: the returned object has no ``improve`` or no ``policy``.
    """
    if not isinstance(begun, FineTuning):
        raise AgentError(
            f"{type(agent).__name__}.begin returned {type(begun).__name__}, which lacks "
            "improve(environments, episodes) or policy(). Return an object that has both."
        )
    return begun
