"""The fine-tuners by name: their settings for each family, and how they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smile_bench.baselines.fine_tuning.config import CloningConfig, FineTuneConfig
from smile_bench.baselines.fine_tuning.embedding_search import (
    EmbeddingSearchConfig,
    EmbeddingSearcher,
)
from smile_bench.baselines.fine_tuning.fine_tuner import FineTuner
from smile_bench.baselines.fine_tuning.policy_gradient import (
    PolicyGradientConfig,
    PolicyGradientTuner,
)
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.registry import get_agent
from smile_bench.errors import AgentError, require_known
from smile_bench.learning.sac import SACConfig

__all__ = [
    "METHODS",
    "load_embedding_search",
    "load_policy_gradient",
    "load_sac",
    "preset",
    "search_preset",
]

SAC_SETTINGS = SACConfig(
    layer_norm=True,
    discount=0.97,
    # The targets must follow a critic that gets few updates.
    polyak=0.02,
    # A critic that has seen few episodes must not move the imitator's policy far.
    policy_every=20,
    entropy_weight=0.001,
)
METHODS: dict[str, dict[str, Any]] = {
    "pretrain-fine-tune": {},
    "demonstrations-in-replay": {"demonstration_share": 0.5},
    "hybrid-loss": {"cloning": CloningConfig(weight=100.0, half_life=10.0)},
    "sac-from-nothing": {"from_nothing": True, "sac": replace(SAC_SETTINGS, policy_every=1)},
}
"""What each method changes."""

FAMILIES: dict[str, dict[str, Any]] = {
    "SmileAntGoal-v0": {
        "warm_up_episodes": 3,
        "warm_up_updates": 200,
        "early_updates": 60,
        "late_updates": 60,
    },
    "SmileGridGoal-v0": {
        "warm_up_episodes": 3,
        "warm_up_updates": 100,
        "early_updates": 20,
        "late_updates": 20,
        "batch": 64,
        "sac": replace(SAC_SETTINGS, hidden=(128, 128)),
    },
}
"""What families change. Updates after an episode are set so that 100 episodes of 8 tasks take some
minutes on a core."""

SEGMENTS = {"segment": 100, "settling": 40}
"""Of a search where the reward says at every step how good the embedding is."""
SEARCHES: dict[str, dict[str, Any]] = {
    "SmileHalfCheetahVelocity-v0": SEGMENTS,
    # Moves slip, so that one episode says little.
    "SmileGridGoal-v0": {"noise": 0.5, "caution": 1.0},
}


def preset(name: str, family: str) -> FineTuneConfig:
    """The settings of a fine-tuner by soft actor-critic, for a family.

    Raises:
        UnknownNameError: no such fine-tuner.
    """
    require_known("fine-tuner", [name], METHODS)
    config = FineTuneConfig(family=family, sac=SAC_SETTINGS)
    return replace(config, **{**FAMILIES.get(family, {}), **METHODS[name]})


def search_preset(family: str) -> EmbeddingSearchConfig:
    """The settings of the search for a family."""
    return EmbeddingSearchConfig(family=family, **SEARCHES.get(family, {}))


def load_sac(name: str, family: str) -> FineTuner:
    """A fine-tuner by soft actor-critic.

    Raises:
        AgentError: no weights of its imitator ship for the family.
    """
    config = preset(name, family)
    return FineTuner(name, config, _imitator(config.imitator, family))


def load_embedding_search(family: str) -> EmbeddingSearcher:
    """The search in a released imitator's embeddings.

    Raises:
        AgentError: no weights of its imitator ship for the family.
    """
    config = search_preset(family)
    return EmbeddingSearcher("embedding-search", config, _imitator(config.imitator, family))


def load_policy_gradient(family: str) -> PolicyGradientTuner:
    """The policy gradient on a grid.

    Raises:
        AgentError: the family is not a grid, or no weights of the imitator ship for it.
    """
    config = PolicyGradientConfig(family=family)
    name = "off-policy-policy-gradient"
    return PolicyGradientTuner(name, config, _imitator(config.imitator, family))


def _imitator(name: str, family: str) -> Imitator:
    agent = get_agent(name).make(family)
    if not isinstance(agent, Imitator):
        raise AgentError(
            f"fine-tuning begins from a trained imitator, and {name} is not one; choose meta-bc, "
            "meta-dagger or smile."
        )
    return agent
