"""Meta-DAgger: Meta-BC on the states that the learner itself visits (Ross et al. 2011)."""

from typing import TYPE_CHECKING

from smile_bench.baselines.registry import AgentSpec, TrainingSpec
from smile_bench.compat import deprecated

__all__ = ["AGENTS"]

AGENTS = (
    AgentSpec(
        name="meta-dagger",
        summary="Meta-BC on the states that it visits itself, labelled by the experts",
        read="smile_bench.baselines.imitation.imitator:Imitator.load",
        training=TrainingSpec(
            track="expert-queries",
            preset="smile_bench.baselines.meta_dagger.presets:preset",
            trainings="smile_bench.baselines.meta_dagger.training:make_trainings",
        ),
    ),
)


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
