"""Agents that learn without rewards and demonstrations (CS285 notes, section 6.4)."""

from __future__ import annotations

from functools import partial
from typing import Any

from smile_bench.baselines.registry import AgentSpec, TrainingSpec
from smile_bench.baselines.unsupervised.diayn import AGENTS as SKILLS

__all__ = ["AGENTS"]


def _preset(name: str, family: str, seed: int) -> Any:
    from smile_bench.baselines.unsupervised.presets import preset

    return preset(name, family, seed)


def _trainings(name: str, module: str, configs: Any, accesses: Any, compute: Any) -> Any:
    from importlib import import_module

    explorers = import_module(f"{__name__}.explorers.{module}")
    return explorers.make_trainings(name, configs, accesses, compute)


def _declared(name: str, module: str, summary: str) -> AgentSpec:
    return AgentSpec(
        name=name,
        summary=summary,
        read="smile_bench.baselines.unsupervised.goal_reacher:GoalReacher.load",
        training=TrainingSpec(
            track="unsupervised",
            state_only=True,
            preset=partial(_preset, name),
            trainings=partial(_trainings, name, module),
        ),
    )


AGENTS = (
    _declared(
        "proposed-goals",
        "proposed_goals",
        "reaches goals that a model of the states it has reached proposes",
    ),
    _declared(
        "skew-fit",
        "proposed_goals",
        "the same with rare states weighted up, so that goals spread",
    ),
    _declared(
        "state-marginal-matching",
        "state_marginal",
        "reaches goals that an explorer found by visiting every place equally often",
    ),
    _declared(
        "model-error",
        "model_error",
        "reaches goals that an explorer found where its model of the dynamics errs",
    ),
    *SKILLS,
)
