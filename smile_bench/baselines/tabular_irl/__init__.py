"""Inverse reinforcement learning on the grid, where it is exact (CS285 notes, chapter 11)."""

from functools import partial
from typing import Any

from smile_bench.baselines.registry import AgentSpec, AnyAgent, TrainingSpec

__all__ = ["AGENTS"]

HERE = "smile_bench.baselines.tabular_irl"


def _load(path: str, family: str, **settings: Any) -> AnyAgent:
    import pkgutil

    agent: AnyAgent = pkgutil.resolve_name(f"{HERE}.{path}")(family, **settings)
    return agent


def _declared(name: str, summary: str, path: str, **settings: Any) -> AgentSpec:
    load = partial(_load, path, **settings)
    return AgentSpec(name=name, summary=summary, load=load, grid_only=True)


AGENTS = (
    _declared(
        "feature-matching",
        "a mixture of policies with the context's feature expectations (11.1.1)",
        "max_margin:FeatureMatching",
    ),
    _declared(
        "max-margin-irl", "maximum-margin planning with slack (11.1.3)", "max_margin:MaxMarginIRL"
    ),
    _declared(
        "maxent-irl", "maximum-entropy inverse RL by messages (Algorithm 37)", "maxent:MaxEntIRL"
    ),
    _declared(
        "causal-maxent-irl",
        "maximum causal entropy, for random dynamics",
        "maxent:MaxEntIRL",
        causal=True,
    ),
    _declared(
        "guided-cost-learning",
        "importance-sampled gradients, the policy improved step by step (11.3)",
        "sampled:GuidedCostLearning",
    ),
    _declared("gan-irl", "a density-form discriminator (11.4.6)", "sampled:GanIRL"),
    _declared("gan-plain", "a plain classifier (11.4)", "sampled:PlainDiscriminator"),
    AgentSpec(
        name="tabular-smile",
        summary="SMILe with exact soft policies in place of networks",
        read=f"{HERE}.smile:TabularSmile.load",
        grid_only=True,
        training=TrainingSpec(
            track="offline",
            preset=f"{HERE}.smile_training:preset",
            trainer=f"{HERE}.smile_training:make_trainer",
        ),
    ),
)
