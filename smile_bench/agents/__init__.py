"""The agent interface: an agent sees contexts and returns a policy, which acts in their tasks."""

from smile_bench.agents.actions import checked_actions
from smile_bench.agents.fine_tuning import FineTuning, FineTuningAgent
from smile_bench.agents.importing import import_agent, import_fine_tuner
from smile_bench.agents.interface import (
    Agent,
    Policy,
    PrivilegedAgent,
    checked_policy,
    is_state_only,
    pad_contexts,
    require_family,
)
from smile_bench.agents.rewarded import RewardedEpisodes
from smile_bench.datasets.contexts import Context

__all__ = [
    "Agent",
    "Context",
    "FineTuning",
    "FineTuningAgent",
    "Policy",
    "PrivilegedAgent",
    "RewardedEpisodes",
    "checked_actions",
    "checked_policy",
    "import_agent",
    "import_fine_tuner",
    "is_state_only",
    "pad_contexts",
    "require_family",
]
