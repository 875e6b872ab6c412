"""What an agent declares: what it is called, how it is loaded and how it is trained."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.agents import Agent, FineTuningAgent, PrivilegedAgent
from smile_bench.agents.fine_tuning import require_fine_tuner
from smile_bench.envs import get_family
from smile_bench.envs.grid.family import GridFamily
from smile_bench.errors import AgentError, InputError
from smile_bench.tracks import require_track

__all__ = ["AgentSpec", "AnyAgent", "TrainingSpec"]

AnyAgent = Agent | PrivilegedAgent

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Of an agent."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How an agent is trained. Both functions may be given as ``"package.module:name"``."""

    track: str
    """The least access that it needs, a name of ``smile_bench.tracks.TRACKS``."""
    preset: str | Callable[[str, int], Any]
    """Called with a family's id and a seed; returns the configuration, a frozen dataclass."""
    trainer: str | Callable[..., Any] | None = None
    """Called with a configuration, a metered access and a torch device; returns the training, a
    ``smile_bench.learning.loop.Training`` with a method ``agent(recipe)``, whose agent has a method
    ``save(path)``."""
    trainings: str | Callable[..., Any] | None = None
    """In place of ``trainer``, for an agent that trains many at once. Called with configurations
    that differ in their seeds, one metered access for each and a
    ``smile_bench.learning.compute.Compute``; returns ``smile_bench.learning.loop.Trainings`` with a
    method ``agent(index, recipe)``."""
    state_only: bool = False
    """Whether it never sees the demonstrations' actions."""

    def __post_init__(self) -> None:
        if (self.trainer is None) == (self.trainings is None):
            raise InputError(
                "the declaration of a training needs either trainer, called with one "
                "configuration, or trainings, called with several; give one of them."
            )

    def make_preset(self, family: str, seed: int) -> Any:
        """The configuration for a family.

        Raises:
            AgentError: the path of ``preset`` leads nowhere.
        """
        return _resolved(self.preset)(family, seed)

    def make_trainings(self, configs: Sequence[Any], accesses: Sequence[Any], compute: Any) -> Any:
        """The trainings of configurations, as one computation where the agent has it.

        Args:
            configs: one a training.
            accesses: one a training.
            compute: how to compute; an agent with ``trainer`` gets its device.

        Returns:
            A ``smile_bench.learning.loop.Trainings`` with a method ``agent(index, recipe)``.

        Raises:
            AgentError: the path of ``trainer`` or ``trainings`` leads nowhere.
        """
        if self.trainings is not None:
            return _resolved(self.trainings)(configs, accesses, compute)
        from smile_bench.learning.loop import Interleaved

        make = _resolved(self.trainer)
        pairs = zip(configs, accesses, strict=True)
        return Interleaved([make(config, access, compute.device) for config, access in pairs])

    def make_trainer(self, config: Any, access: Any, device: Any) -> Any:
        """The training of one configuration on a torch device.

        Returns:
            A ``smile_bench.learning.loop.Training`` with a method ``agent(recipe)``.

        Raises:
            AgentError: the path of ``trainer`` or ``trainings`` leads nowhere.
        """
        if self.trainer is not None:
            return _resolved(self.trainer)(config, access, device)
        from smile_bench.learning.compute import Compute
        from smile_bench.learning.loop import Alone

        compute = Compute(device=device)
        return Alone(self.make_trainings([config], [access], compute))


@dataclass(frozen=True, kw_only=True)
class AgentSpec:
    """The declaration of an agent. Functions may be given as ``"package.module:name"``.

    Give ``load`` for an agent that is made from the family's id alone, ``read`` for one whose
    weights are files of ``weights``, one a family, or ``fine_tune`` for one that learns in the
    meta-test tasks.

    Raises:
        InputError: a part is missing or does not fit the others.
    """

    name: str
    """How commands and results call it: letters, digits, ``-``, ``_`` and ``.``, because folders
    are named after it."""
    summary: str
    """One sentence for tables."""
    load: str | Callable[[str], AnyAgent] | None = None
    """Called with a family's id."""
    read: str | Callable[[Path], AnyAgent] | None = None
    """Called with the path of a weights file. The agent that it returns says by its attributes
    ``name`` and ``config.family`` what the weights are of."""
    fine_tune: str | Callable[[str], FineTuningAgent] | None = None
    """Called with a family's id; returns a fine-tuning agent, which ``load_fine_tuner`` gives."""
    weights: Path | None = None
    """Folder of the files ``FAMILY.safetensors``; by default the one that ships."""
    training: TrainingSpec | None = None
    """None for an agent that is not trained."""
    grid_only: bool = False
    """Whether it needs a gridworld family."""

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise InputError(
                f"{self.name!r} cannot be the name of an agent; give letters, digits, '-', '_' and "
                "'.', a letter or digit first."
            )
        if not self.summary:
            raise InputError(
                f"the declaration of agent {self.name!r} lacks a summary; give one sentence."
            )
        if (self.load, self.read, self.fine_tune).count(None) != 2:
            raise InputError(
                f"the declaration of agent {self.name!r} needs either load, called with a family's "
                "id, or read, called with the path of its weights, or fine_tune, called with a "
                "family's id; give one of them."
            )
        if self.training is not None:
            require_track(self.training.track)

    def weights_path(self, family: str) -> Path:
        """Where its weights for a family lie."""
        folder = self.weights or Path(str(resources.files(__package__) / "weights")) / self.name
        return folder / f"{family}.safetensors"

    def make(self, family: str) -> AnyAgent:
        """The agent for a family, ready to be evaluated.

        Raises:
            UnknownNameError: no such family.
            AgentError: there are no weights for the family, they are of another agent, the family
                is not one that the agent is made for, PyTorch is missing, or what the declaration
                names is not an agent.
        """
        if self.fine_tune is not None:
            raise AgentError(
                f"{self.name} learns from rewarded episodes in the meta-test tasks, so it is not "
                f"evaluated alone. Use `smile-bench fine-tune --agent {self.name} --family "
                f"{family}`."
            )
        with self._made_for(family) as found:
            if self.load is not None:
                return self._checked(_resolved(self.load)(found))
            return self._read(found)

    def make_fine_tuner(self, family: str) -> FineTuningAgent:
        """The fine-tuning agent for a family.

        Raises:
            UnknownNameError: no such family.
            AgentError: the agent does not fine-tune, or as :meth:`make`.
        """
        if self.fine_tune is None:
            return require_fine_tuner(self.make(family))
        with self._made_for(family) as found:
            return require_fine_tuner(_resolved(self.fine_tune)(found))

    @contextmanager
    def _made_for(self, family: str) -> Iterator[str]:
        """Make an agent in this block: refuse a wrong family, and say if PyTorch is missing."""
        found = get_family(family)
        if self.grid_only and not isinstance(found, GridFamily):
            raise AgentError(
                f"{self.name} needs a gridworld family, such as SmileGridGoal-v0, and {found.id} "
                "is not one. Choose a gridworld family or another agent."
            )
        try:
            yield found.id
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise AgentError(
                f"{self.name} needs PyTorch. Install it with "
                "`pip install 'smile-bench[baselines]'`."
            ) from error

    def _read(self, family: str) -> AnyAgent:
        path = self.weights_path(family)
        if not path.exists():
            raise AgentError(
                f"no {self.name} weights for {family} ship with this version of smile-bench. Train "
                f"it with `smile-bench train --agent {self.name} --family {family}`."
            )
        return self.read_weights(path, family)

    def read_weights(self, path: Path, family: str) -> AnyAgent:
        """The agent in a weights file, wherever it lies.

        Raises:
            AgentError: the agent has no weights files, or the file is of another agent or family.
        """
        if self.read is None:
            raise AgentError(f"{self.name} has no weights files; use it without one.")
        agent: Any = self._checked(_resolved(self.read)(path))
        try:
            held = f"{agent.name} for {agent.config.family}"
        except AttributeError as error:
            raise AgentError(
                f"the agent in {path} does not say what it is ({error}); give its class the "
                "attributes name and config.family."
            ) from error
        if held != (asked := f"{self.name} for {family}"):
            raise AgentError(f"{path} holds {held}, not {asked}.")
        made: AnyAgent = agent
        return made

    def _checked(self, made: Any) -> AnyAgent:
        """Make sure that a function of the declaration made an agent."""
        if not isinstance(made, Agent | PrivilegedAgent):
            raise AgentError(
                f"the declaration of {self.name} makes {type(made).__name__}, which has no method "
                "adapt(contexts) -> policy."
            )
        return made


def _resolved(function: Any) -> Callable[..., Any]:
    """A function that may be given by its path; a missing package raises ModuleNotFoundError."""
    found: Callable[..., Any] = function
    if isinstance(function, str):
        try:
            found = pkgutil.resolve_name(function)
        except (AttributeError, ImportError, ValueError) as error:
            module = function.partition(":")[0]
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            if missing is not None and not f"{module}.".startswith(f"{missing}."):
                raise
            raise AgentError(
                f"the declaration of an agent names {function!r}, which cannot be imported: "
                f"{error}. Give it as package.module:name."
            ) from error
    return found
