"""Training the reference agents by name, through one metered access each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from smile_bench.access import Access
from smile_bench.baselines.devices import CPU, describe, find_device
from smile_bench.baselines.ensemble import ensemble
from smile_bench.baselines.imitator_training import ImitatorTraining
from smile_bench.baselines.meta_bc import MetaBCTraining
from smile_bench.baselines.meta_dagger import MetaDAggerTraining
from smile_bench.baselines.presets import members, meta_bc_preset, meta_dagger_preset
from smile_bench.baselines.smile import SMILe
from smile_bench.baselines.smile_config import PRESETS, SMILeConfig, preset
from smile_bench.baselines.tabular_smile import TabularSmileConfig, train_tabular_smile
from smile_bench.baselines.training import run
from smile_bench.errors import InputError, require_known
from smile_bench.protocol.provenance import training_recipe

__all__ = ["TRAININGS", "Trainable", "smile_members", "train", "train_agent"]


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """What training an agent takes."""

    track: str
    """The least access it needs, one of ``smile_bench.access.TRACKS``."""
    state_only: bool = False
    """It never sees the demonstrations' actions."""
    make: Callable[[Access, int, torch.device], ImitatorTraining] | None = None
    """Its training for an access, a seed and a device; None where it is done in seconds, without
    resuming and on the CPU."""

    def access(self, family: str) -> Access:
        """The access that it needs to a family."""
        return Access(family, track=self.track, state_only=self.state_only)


def smile_members(
    config: SMILeConfig, number: int, access: Access, device: torch.device = CPU
) -> ImitatorTraining:
    """SMILe's training of several members, which learn from each other if they are to share.

    Args:
        config: of all, as :func:`ensemble` takes it.
        number: of members.
        access: what all use together.
        device: what they compute on.

    Raises:
        InputError: no members, or settings that do not fit the access.
        UnknownNameError: no such reward.
    """
    made: list[SMILe] = []

    def member(each: SMILeConfig) -> SMILe:
        first = made[0] if config.shared and made else None
        made.append(SMILe(each, access, device, beside=first))
        return made[-1]

    return ensemble(config, number, member, access)


def _smile(name: str) -> Trainable:
    def make(access: Access, seed: int, device: torch.device) -> ImitatorTraining:
        config, number = preset(name, access.family.id, seed), members(name, access.family.id)
        return smile_members(config, number, access, device)

    return Trainable(track="interactive", state_only=name.endswith("state-only"), make=make)


def _meta_bc(access: Access, seed: int, device: torch.device) -> ImitatorTraining:
    family = access.family.id
    config, number = meta_bc_preset(family, seed), members("meta-bc", family)
    return ensemble(config, number, lambda each: MetaBCTraining(each, access, device), access)


def _meta_dagger(access: Access, seed: int, device: torch.device) -> ImitatorTraining:
    family = access.family.id
    config, number = meta_dagger_preset(family, seed), members("meta-dagger", family)
    return ensemble(config, number, lambda each: MetaDAggerTraining(each, access, device), access)


TRAININGS: dict[str, Trainable] = {
    "meta-bc": Trainable(track="offline", make=_meta_bc),
    "meta-dagger": Trainable(track="expert-queries", make=_meta_dagger),
    **{name: _smile(name) for name in PRESETS},
    "tabular-smile": Trainable(track="offline"),
}
"""Agent name to what training it takes."""


def train(
    name: str,
    access: Access,
    directory: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    stop_after: int | None = None,
) -> Path | None:
    """Train a reference agent, or go on with a training, and store its weights.

    What it used stands in ``access.counts`` afterwards, those before a resume included.

    Args:
        name: the agent's name.
        access: to the family, of the agent's track and with its state-only mode, or more.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. A training may be resumed on another one;
            weights and checkpoints are stored from the CPU.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such agent.
        InputError: the access does not allow what the agent needs, or there is no such device.
        DivergedError: the training met a number that is not finite; the last checkpoint stands.
    """
    require_known("trainable agent", [name], TRAININGS)
    place = find_device(device)
    path = directory / f"{access.family.id}.safetensors"
    command = f"smile-bench train --agent {name} --family {access.family.id} --seed {seed}"
    if place != CPU:
        command += f" --device {device}"
    recipe = {**training_recipe(command, seed), "track": access.track, "device": describe(place)}
    make = TRAININGS[name].make
    if make is None:
        if place != CPU:
            raise InputError(f"{name} is trained on the CPU alone, in seconds; give no device.")
        config = TabularSmileConfig(family=access.family.id, seed=seed)
        demonstrations = access.demonstrations()
        recipe |= {"settings": asdict(config), "access": asdict(access.counts)}
        train_tabular_smile(config, demonstrations, recipe).save(path)
        return path
    torch.set_num_threads(1)
    training = make(access, seed, place)
    seconds = run(training, directory, stop_after=stop_after)
    if training.iteration < training.iterations:
        return None
    training.agent({**recipe, "seconds": round(seconds)}).save(path)
    return path


def train_agent(
    name: str,
    family: str,
    directory: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    stop_after: int | None = None,
) -> Path | None:
    """As :func:`train`, through the least access that the agent needs.

    Raises:
        UnknownNameError: no such agent or family.
        DatasetError: no dataset of the family ships.
        InputError, DivergedError: as there.
    """
    require_known("trainable agent", [name], TRAININGS)
    access = TRAININGS[name].access(family)
    return train(name, access, directory, seed=seed, device=device, stop_after=stop_after)
