"""Trainings by name, in detail: configurations, accesses, folders, recipes and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.access import Access
from smile_bench.baselines.registry import TrainingSpec
from smile_bench.errors import InputError
from smile_bench.provenance import training_recipe
from smile_bench.seeds import seeds_as_text

if TYPE_CHECKING:
    from smile_bench.learning.compute import Compute
    from smile_bench.learning.loop import RunReport

__all__ = ["ComputeOptions", "Plan", "Trained"]


@dataclass(frozen=True, kw_only=True)
class ComputeOptions:
    """How an agent computes that trains many at once. The algorithm stays the same."""

    graph: bool = True
    """Whether a GPU replays the updates as one CUDA graph; ``False`` to debug."""
    compile: bool | None = None
    """Whether losses are compiled; ``None`` for yes where it pays: on a CPU, where there is a
    compiler and the run is long."""
    precision: str = "float32"
    """Of products in training, ``"float32"`` or ``"bf16"``; the latter needs hardware for it."""
    threads: int | None = None
    """Native threads of the simulators; ``None`` for one on the CPU and, beside a GPU, for one per
    available processor."""

    def changed(self) -> list[str]:
        """The names of what was given."""
        default = ComputeOptions()
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(default, f.name)]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What trainings at once have left."""

    paths: Mapping[int, Path]
    """The weights of each seed whose training came to its end."""
    diverged: Mapping[int, str]
    """Why the training of a seed stopped at numbers that are not finite; it has no weights."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training, or several at once, of one agent on one family."""

    name: str
    """Of the agent."""
    spec: TrainingSpec
    access: Access
    directory: Path
    seeds: tuple[int, ...]
    apart: bool
    """Whether each seed has its own access and folder, as several trainings at once do."""
    device: str
    options: ComputeOptions
    configure: Callable[[Any], Any] | None
    settings: Mapping[str, Any]
    """What ``configure`` changes, for the command in the recipes."""
    loggers: tuple[str, ...] = ()
    """Names of ``smile_bench.learning.loop.loggers.LOGGERS``, besides TensorBoard."""

    def train(self, stop_after: int | None) -> Trained:
        """Train to the end and store weights, or continue.

        Raises:
            InputError, CheckpointError, DivergedError: as :func:`training.train`.
        """
        import torch

        from smile_bench.learning.loop.loggers import require_loggers

        require_loggers(self.loggers)
        configs = [self._config(seed) for seed in self.seeds]
        compute = self._compute(configs)
        try:
            return self._train(configs, compute, stop_after)
        except torch.OutOfMemoryError as error:
            why = str(error).partition(". ")[0]
        # Only now is the memory free again: the error held it.
        raise self._too_large(configs, compute, why)

    def _train(self, configs: list[Any], compute: Compute, stop_after: int | None) -> Trained:
        from smile_bench.learning.loop import run_all

        accesses = [self.access.fresh() if self.apart else self.access for _ in configs]
        trainings = self.spec.make_trainings(configs, accesses, compute)
        report = run_all(
            trainings,
            [self._folder(seed) for seed in self.seeds],
            subset=self.access.subset,
            extra={} if compute.precision == "float32" else {"precision": compute.precision},
            loggers=self.loggers,
            stop_after=stop_after,
        )
        diverged = {self.seeds[index]: reason for index, reason in report.diverged.items()}
        if trainings.iteration < trainings.iterations:
            return Trained(paths={}, diverged=diverged)
        paths: dict[int, Path] = {}
        for index, seed in enumerate(self.seeds):
            if seed not in diverged:
                paths[seed] = self._folder(seed) / f"{self.access.family.id}.safetensors"
                recipe = self._recipe(seed, accesses[index], compute, report)
                trainings.agent(index, recipe).save(paths[seed])
        return Trained(paths=paths, diverged=diverged)

    def _config(self, seed: int) -> Any:
        config = self.spec.make_preset(self.access.family.id, seed)
        return config if self.configure is None else self.configure(config)

    def _compute(self, configs: list[Any]) -> Compute:
        from smile_bench.learning.compute.hardware import find_compute

        if self.spec.trainings is None and (given := self.options.changed()):
            raise InputError(
                f"{self.name} chooses how it computes and takes only the device, not "
                f"{', '.join(given)}. Leave out these options."
            )
        return find_compute(
            self.device,
            graph=self.options.graph,
            compiled=self.options.compile,
            precision=self.options.precision,
            threads=self.options.threads,
            updates=sum(map(_updates, configs)),
        )

    def _folder(self, seed: int) -> Path:
        return self.directory / f"seed-{seed}" if self.apart else self.directory

    def _recipe(
        self, seed: int, access: Access, compute: Compute, report: RunReport
    ) -> dict[str, Any]:
        from smile_bench.learning import devices

        together = len(self.seeds)
        return {
            **training_recipe(self._command(), seed),
            **access.facts(),
            "device": devices.describe(compute.device),
            **({} if compute.precision == "float32" else {"precision": compute.precision}),
            **({"compiled": True} if compute.compile else {}),
            **({"trained_together": together} if together > 1 else {}),
            **report.costs(),
        }

    def _command(self) -> str:
        """The command that trains the same."""
        seeds = f"--seed{'s' if self.apart else ''} {seeds_as_text(self.seeds)}"
        parts = [f"smile-bench train --agent {self.name} --family {self.access.family.id} {seeds}"]
        if self.device != "cpu":
            parts.append(f"--device {self.device}")
        if self.options.precision != "float32":
            parts.append(f"--precision {self.options.precision}")
        if self.options.compile is not None:
            parts.append("--compile" if self.options.compile else "--no-compile")
        if not self.options.graph:
            parts.append("--no-graph")
        parts += [f"--{option} {value}" for option, value in self.access.subset.items()]
        parts += [f"--set {setting}={value}" for setting, value in self.settings.items()]
        return " ".join(parts)

    def _too_large(self, configs: list[Any], compute: Compute, why: str) -> InputError:
        """The error for trainings that the device's memory does not hold."""
        from smile_bench.learning.devices import describe
        from smile_bench.learning.loop.memory import trainings_that_fit

        number, place = len(configs), describe(compute.device)
        start = f"the memory of {place} does not hold "
        if number == 1:
            return InputError(
                f"{start}this training ({why}). Free memory, choose smaller settings, or train on "
                "the CPU."
            )

        def make(several: int) -> Any:
            accesses = [self.access.fresh() for _ in range(several)]
            return self.spec.make_trainings(configs[:several], accesses, compute)

        fit = trainings_that_fit(make, compute.device)
        if fit >= number:
            return InputError(
                f"{start}{number} trainings ({why}), though about {fit} fit now. Was another "
                "program using the device? Give the same command again to continue."
            )
        return InputError(
            f"{start}{number} trainings ({why}). About {fit} fit: give as many seeds at once, in "
            "folders of their own."
        )


def _updates(config: Any) -> int:
    """How many updates a configuration asks for, where its settings say so; 0 else."""
    total = getattr(config, "total_updates", None)
    if total is None:
        total = getattr(config, "iterations", 0) * getattr(config, "updates_per_iteration", 0)
    return int(total) * int(getattr(config, "members", 1))
