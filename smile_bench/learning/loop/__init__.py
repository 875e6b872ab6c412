"""The loop around every training: progress, logs, checkpoints, resuming, Ctrl-C."""

from __future__ import annotations

from smile_bench.learning.loop.running import RunReport, run, run_all
from smile_bench.learning.loop.trainings import Alone, Interleaved, Training, Trainings

__all__ = ["Alone", "Interleaved", "RunReport", "Training", "Trainings", "run", "run_all"]
