"""Fine-tuning: rewarded episodes in meta-test tasks, metered, and the score after each number."""

from smile_bench.protocol.fine_tuning.curve import FineTuned, area_under_curve
from smile_bench.protocol.fine_tuning.frozen import (
    BUDGET,
    CONTEXTS,
    EPISODES,
    FineTuningSet,
    load_fine_tuning,
)
from smile_bench.protocol.fine_tuning.running import fine_tune

__all__ = [
    "BUDGET",
    "CONTEXTS",
    "EPISODES",
    "FineTuned",
    "FineTuningSet",
    "area_under_curve",
    "fine_tune",
    "load_fine_tuning",
]
