"""Meta-BC: behavioural cloning of a context-conditioned policy (SMILe, eq. 2)."""

from typing import TYPE_CHECKING

from smile_bench.baselines.registry import AgentSpec, TrainingSpec
from smile_bench.compat import deprecated

__all__ = ["AGENTS"]

AGENTS = (
    AgentSpec(
        name="meta-bc",
        summary="clones the demonstrated actions with a policy that sees the task embedding",
        read="smile_bench.baselines.imitation.imitator:Imitator.load",
        training=TrainingSpec(
            track="offline",
            preset="smile_bench.baselines.meta_bc.presets:preset",
            trainings="smile_bench.baselines.meta_bc.training:make_trainings",
        ),
    ),
)


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
