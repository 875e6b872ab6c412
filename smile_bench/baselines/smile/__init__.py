"""SMILe: meta inverse reinforcement learning through context-conditional policies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from smile_bench.baselines.registry import AgentSpec, TrainingSpec
from smile_bench.compat import deprecated

__all__ = ["AGENTS"]


def _preset(name: str, family: str, seed: int) -> Any:
    from smile_bench.baselines.smile.presets import preset

    return preset(name, family, seed)


def _trainings(name: str, configs: Any, accesses: Any, compute: Any) -> Any:
    from smile_bench.baselines.smile.training import make_trainings

    return make_trainings(configs, accesses, compute, name)


def _declared(name: str, summary: str) -> AgentSpec:
    return AgentSpec(
        name=name,
        summary=summary,
        read="smile_bench.baselines.imitation.imitator:Imitator.load",
        training=TrainingSpec(
            track="interactive",
            state_only=name.endswith("state-only"),
            preset=partial(_preset, name),
            trainings=partial(_trainings, name),
        ),
    )


AGENTS = (
    _declared("smile", "SMILe with what this suite found to help"),
    _declared("smile-state-only", "the same from observations alone"),
    _declared("smile-paper", "SMILe as published"),
    _declared("smile-paper-state-only", "SMILe as published, from observations alone"),
)


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
