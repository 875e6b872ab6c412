"""DIAYN: diverse skills without rewards, one of which a demonstration chooses."""

from smile_bench.baselines.registry import AgentSpec, TrainingSpec

__all__ = ["AGENTS"]

AGENTS = (
    AgentSpec(
        name="diayn",
        summary="follows the one of its diverse skills that a demonstration shows",
        read="smile_bench.baselines.unsupervised.diayn.skill_imitator:SkillImitator.load",
        training=TrainingSpec(
            track="unsupervised",
            preset="smile_bench.baselines.unsupervised.diayn.presets:preset",
            trainings="smile_bench.baselines.unsupervised.diayn.training:make_trainings",
        ),
    ),
)
