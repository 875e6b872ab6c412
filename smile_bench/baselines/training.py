"""Training an agent by name, through one metered access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.access import Access
from smile_bench.baselines.registry import AgentSpec, TrainingSpec, all_agents, get_agent
from smile_bench.compat import deprecated
from smile_bench.errors import require_known
from smile_bench.provenance import training_recipe

__all__ = ["train", "train_agent", "trainable_agents"]


def trainable_agents() -> dict[str, AgentSpec]:
    """The agents that can be trained, by name."""
    return {name: spec for name, spec in all_agents().items() if spec.training is not None}


def train(
    name: str,
    access: Access,
    directory: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    configure: Callable[[Any], Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    stop_after: int | None = None,
) -> Path | None:
    """Train an agent, or continue a training, and store its weights.

    What it used stands in ``access.counts`` afterwards, counts from before a resume included.

    Args:
        name: the agent's name.
        access: to the family, on the agent's track or one that allows more.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. A training may be resumed on another one;
            weights and checkpoints are stored from the CPU.
        configure: changes the preset configuration.
        settings: what ``configure`` changes, for the command in the recipe.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such agent.
        InputError: the access does not allow what the agent needs, or there is no such device.
        CheckpointError: the directory holds another training, or a damaged one.
        DivergedError: the training met a number that is not finite; the last checkpoint stands.
    """
    from smile_bench.learning.devices import describe, find_device
    from smile_bench.learning.loop import run

    spec = _training(name)
    place = find_device(device)
    config = spec.make_preset(access.family.id, seed)
    if configure is not None:
        config = configure(config)
    trainer = spec.make_trainer(config, access, place)
    seconds = run(trainer, directory, subset=access.subset, stop_after=stop_after)
    if trainer.iteration < trainer.iterations:
        return None
    recipe = {
        **training_recipe(_command(name, access, seed, device, settings or {}), seed),
        "track": access.track,
        **({"subset": dict(access.subset)} if access.subset else {}),
        "device": describe(place),
        "seconds": round(seconds),
    }
    path = directory / f"{access.family.id}.safetensors"
    trainer.agent(recipe).save(path)
    return path


def train_agent(
    name: str,
    family: str,
    directory: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    configure: Callable[[Any], Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    demonstrations: int | None = None,
    tasks: int | None = None,
    stop_after: int | None = None,
) -> Path | None:
    """As :func:`train`, through the least access that the agent needs.

    ``demonstrations`` and ``tasks`` limit that access, as :class:`smile_bench.access.Access` says.

    Raises:
        UnknownNameError: no such agent or family.
        DatasetError: no dataset of the family ships.
        InputError, CheckpointError, DivergedError: as there.
    """
    training = _training(name)
    access = Access(
        family,
        track=training.track,
        state_only=training.state_only,
        demonstrations=demonstrations,
        tasks=tasks,
    )
    return train(
        name,
        access,
        directory,
        seed=seed,
        device=device,
        configure=configure,
        settings=settings,
        stop_after=stop_after,
    )


def _command(name: str, access: Access, seed: int, device: str, settings: Mapping[str, Any]) -> str:
    """The command that trains the same."""
    parts = [f"smile-bench train --agent {name} --family {access.family.id} --seed {seed}"]
    if device != "cpu":
        parts.append(f"--device {device}")
    parts += [f"--{option} {number}" for option, number in access.subset.items()]
    parts += [f"--set {setting}={value}" for setting, value in settings.items()]
    return " ".join(parts)


def _training(name: str) -> TrainingSpec:
    require_known("trainable agent", [name], trainable_agents())
    training = get_agent(name).training
    assert training is not None
    return training


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
