"""Training an agent by name, through one metered access; with one seed or many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from smile_bench.access import Access
from smile_bench.baselines.plan import ComputeOptions, Plan, Trained
from smile_bench.baselines.registry import AgentSpec, TrainingSpec, all_agents, get_agent
from smile_bench.compat import deprecated
from smile_bench.datasets import Condition
from smile_bench.errors import InputError, require_known
from smile_bench.seeds import checked_seeds

__all__ = ["ComputeOptions", "Trained", "train", "train_agent", "trainable_agents"]

Configure = Callable[[Any], Any]

USUAL = ComputeOptions()


def trainable_agents() -> dict[str, AgentSpec]:
    """The agents that can be trained, by name."""
    return {name: spec for name, spec in all_agents().items() if spec.training is not None}


@overload
def train(
    name: str,
    access: Access,
    directory: Path,
    *,
    seed: int | None = None,
    seeds: None = None,
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Path | None: ...


@overload
def train(
    name: str,
    access: Access,
    directory: Path,
    *,
    seed: None = None,
    seeds: Sequence[int],
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Trained: ...


def train(
    name: str,
    access: Access,
    directory: Path,
    *,
    seed: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Path | Trained | None:
    """Train an agent, or continue a training, and store its weights.

    What it used stands in ``access.counts`` afterwards, counts from before a resume included.

    With ``seeds`` as many trainings run at once, as one computation where the agent has it. Each
    has an access of its own of the same kind, which its recipe counts, and a folder ``seed-N`` in
    ``directory`` as if it were trained alone. One that diverges is stopped and the others continue.
    The same seed alone gives slightly other weights, because sums are taken in another order.

    Args:
        name: the agent's name.
        access: to the family, on the agent's track or one that allows more.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training, by default 0.
        seeds: of several trainings at once, in place of ``seed``.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. A training may be resumed on another one;
            weights and checkpoints are stored from the CPU.
        compute: how to compute, for agents that train many at once.
        configure: changes the preset configuration.
        settings: what ``configure`` changes, for the command in the recipe.
        loggers: trackers that get the logged numbers, too: ``"wandb"``, ``"trackio"``.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end. With ``seeds``,
        the paths of all and which trainings diverged.

    Raises:
        UnknownNameError: no such agent, precision or tracker.
        InputError: the access does not allow what the agent needs; a seed is negative or given
            twice; or the device is not there, lacks what ``compute`` asks for, or has too little
            memory, in which case the message says how many trainings fit.
        CheckpointError: the directory holds another training or another number of them, or a
            damaged one.
        DivergedError: the training met a number that is not finite, or all trainings did; the last
            checkpoint stands.

    Warns:
        ConditionWarning: a task has too few demonstrations for the family's contexts, so that those
            of the training are smaller.
    """
    return _train(
        name,
        access,
        directory,
        seed,
        seeds,
        stop_after,
        device=device,
        options=compute,
        configure=configure,
        settings=settings or {},
        loggers=tuple(loggers),
    )


@overload
def train_agent(
    name: str,
    family: str,
    directory: Path,
    *,
    seed: int | None = None,
    seeds: None = None,
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    condition: str | Condition | None = None,
    demonstrations: int | None = None,
    tasks: int | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Path | None: ...


@overload
def train_agent(
    name: str,
    family: str,
    directory: Path,
    *,
    seed: None = None,
    seeds: Sequence[int],
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    condition: str | Condition | None = None,
    demonstrations: int | None = None,
    tasks: int | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Trained: ...


def train_agent(
    name: str,
    family: str,
    directory: Path,
    *,
    seed: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    compute: ComputeOptions = USUAL,
    configure: Configure | None = None,
    settings: Mapping[str, Any] | None = None,
    condition: str | Condition | None = None,
    demonstrations: int | None = None,
    tasks: int | None = None,
    loggers: Sequence[str] = (),
    stop_after: int | None = None,
) -> Path | Trained | None:
    """As :func:`train`, through the least access that the agent needs.

    ``condition``, or ``demonstrations`` and ``tasks``, say which demonstrations it hands out, as in
    :class:`smile_bench.access.Access`.

    Raises:
        UnknownNameError: no such agent or family.
        DatasetError: no dataset of the family ships, or the condition's cannot be built or read.
        InputError, CheckpointError, DivergedError: as there.

    Warns:
        ConditionWarning: as there.
    """
    training = _training(name)
    access = Access(
        family,
        track=training.track,
        state_only=training.state_only,
        condition=condition,
        demonstrations=demonstrations,
        tasks=tasks,
    )
    return _train(
        name,
        access,
        directory,
        seed,
        seeds,
        stop_after,
        device=device,
        options=compute,
        configure=configure,
        settings=settings or {},
        loggers=tuple(loggers),
    )


def _train(
    name: str,
    access: Access,
    directory: Path,
    seed: int | None,
    seeds: Sequence[int] | None,
    stop_after: int | None,
    **how: Any,
) -> Path | Trained | None:
    if seed is not None and seeds is not None:
        raise InputError("both seed and seeds were given; give one of them.")
    plan = Plan(
        name=name,
        spec=_training(name),
        access=access,
        directory=directory,
        seeds=checked_seeds([0 if seed is None else seed] if seeds is None else seeds),
        apart=seeds is not None,
        **how,
    )
    trained = plan.train(stop_after)
    return trained if plan.apart else trained.paths.get(plan.seeds[0])


def _training(name: str) -> TrainingSpec:
    require_known("trainable agent", [name], trainable_agents())
    training = get_agent(name).training
    assert training is not None
    return training


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
