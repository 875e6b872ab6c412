"""SMILe: meta inverse reinforcement learning through context-conditional policies."""

from functools import partial

from smile_bench.baselines.registry import AgentSpec, TrainingSpec

__all__ = ["AGENTS"]


def _preset(name: str, family: str, seed: int) -> object:
    from smile_bench.baselines.smile.presets import preset

    return preset(name, family, seed)


def _declared(name: str, summary: str) -> AgentSpec:
    return AgentSpec(
        name=name,
        summary=summary,
        read="smile_bench.baselines.imitation.imitator:Imitator.load",
        training=TrainingSpec(
            track="interactive",
            state_only=name.endswith("state-only"),
            preset=partial(_preset, name),
            trainer="smile_bench.baselines.smile.training:make_trainer",
        ),
    )


AGENTS = (
    _declared("smile", "SMILe with what this suite found to help"),
    _declared("smile-state-only", "the same from observations alone"),
    _declared("smile-paper", "SMILe as published"),
    _declared("smile-paper-state-only", "SMILe as published, from observations alone"),
)
