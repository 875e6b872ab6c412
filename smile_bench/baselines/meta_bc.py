"""Meta-BC: behavioural cloning of a context-conditioned policy (SMILe, eq. 2).

Encoder and policy are trained jointly to give the expert's actions in the expert's states. What is
regressed is the action that acts, squashed to [-1, 1], not the policy's value before squashing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smile_bench.agents import Context, pad_contexts, require_family
from smile_bench.baselines.checkpoint import (
    load_checkpoint,
    pack_generator,
    pack_module,
    pack_optimizer,
    save_checkpoint,
    unpack_generator,
    unpack_module,
    unpack_optimizer,
)
from smile_bench.baselines.encoder import ContextEncoder, EncoderConfig, context_features
from smile_bench.baselines.networks import linear
from smile_bench.baselines.normaliser import Normaliser
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.datasets.files import write_atomically
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError

__all__ = ["MetaBC", "MetaBCConfig", "MetaBCTraining"]

FORMAT = "smile-bench-meta-bc-1"


@dataclass(frozen=True, kw_only=True)
class MetaBCConfig:
    """Settings of a training."""

    family: str
    seed: int = 0
    updates: int = 12_000
    updates_per_iteration: int = 200
    """Updates between two log entries."""
    tasks_per_batch: int = 16
    states_per_task: int = 64
    context_timesteps: int = 50
    """Timesteps per demonstration that the encoder sees in training; all when acting."""
    hidden: int = 256
    """Width of the policy's two hidden layers."""
    learning_rate: float = 1e-3
    """Decayed to 0 along a cosine."""
    weight_decay: float = 1e-4
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    @classmethod
    def sized(cls, family: str, seed: int) -> MetaBCConfig:
        """The settings for a family: fewer updates of less where actions are a few choices."""
        if isinstance(get_family(family).action_space, spaces.Discrete):
            return cls(family=family, seed=seed, updates=600, hidden=128)
        return cls(family=family, seed=seed)


class MetaBCNetwork(nn.Module):
    """Encoder and deterministic policy on normalised observations."""

    def __init__(self, config: MetaBCConfig, generator: torch.Generator) -> None:
        super().__init__()
        family = get_family(config.family)
        observation_size, actions = family.observation_size, family.action_size
        self.encoder = ContextEncoder(2 * observation_size + actions, config.encoder, generator)
        self.policy = nn.Sequential(
            linear(observation_size + config.encoder.code, config.hidden, generator),
            nn.ReLU(),
            linear(config.hidden, config.hidden, generator),
            nn.ReLU(),
            linear(config.hidden, actions, generator),
            nn.Tanh(),
        )

    def act(self, observations: Tensor, codes: Tensor) -> Tensor:
        """Actions (..., nu) for normalised observations (..., O) and codes (..., code)."""
        actions: Tensor = self.policy(torch.cat((observations, codes), dim=-1))
        return actions


class MetaBCPolicy:
    """The trained policy under one code a slot."""

    def __init__(
        self, family: Family, network: MetaBCNetwork, normaliser: Normaliser, codes: Tensor
    ) -> None:
        self.family = family
        self.network, self.normaliser, self.codes = network, normaliser, codes

    @torch.no_grad()
    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float32]:
        """Actions (slots, nu) for observations (slots, observation_size)."""
        states = torch.from_numpy(self.normaliser(observations))
        actions: NDArray[np.float32] = self.network.act(states, self.codes).numpy()
        return self.family.admissible(actions)


class MetaBC:
    """A trained Meta-BC agent.

    Args:
        config: how it was trained.
        network: encoder and policy.
        normaliser: of the meta-train demonstrations.
        recipe: command, versions and cost of the training.
    """

    name = "meta-bc"

    def __init__(
        self,
        config: MetaBCConfig,
        network: MetaBCNetwork,
        normaliser: Normaliser,
        recipe: Mapping[str, Any],
    ) -> None:
        self.config, self.network, self.normaliser = config, network, normaliser
        self.recipe = recipe

    @torch.no_grad()
    def adapt(self, contexts: Sequence[Context]) -> MetaBCPolicy:
        """Encode each context.

        Raises:
            AgentError: contexts of another family, or without actions.
        """
        require_family(contexts, self.config.family)
        stacked, present = pad_contexts(contexts)
        if stacked.actions is None:
            raise AgentError("meta-bc needs the demonstrations' actions.")
        features = context_features(
            torch.from_numpy(self.normaliser(stacked.observations)),
            torch.from_numpy(stacked.actions),
            torch.from_numpy(self.normaliser(stacked.next_observations)),
        )
        codes = self.network.encoder(features, torch.from_numpy(present))
        family = get_family(self.config.family)
        return MetaBCPolicy(family, self.network, self.normaliser, codes)

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        tensors = pack_module("network", self.network)
        tensors["normaliser.mean"] = torch.from_numpy(self.normaliser.mean)
        tensors["normaliser.scale"] = torch.from_numpy(self.normaliser.scale)
        config, recipe = json.dumps(asdict(self.config)), json.dumps(self.recipe)
        content = save(tensors, {"format": FORMAT, "config": config, "recipe": recipe})
        write_atomically(path, content)

    @classmethod
    def load(cls, path: Path) -> MetaBC:
        """Read what :meth:`save` wrote.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise AgentError(f"can not read agent weights from {path}: {error}") from error
        if metadata.get("format") != FORMAT:
            raise AgentError(f"{path} does not hold a meta-bc agent (format 1).")
        settings = json.loads(metadata["config"])
        config = MetaBCConfig(**{**settings, "encoder": EncoderConfig(**settings["encoder"])})
        network = MetaBCNetwork(config, torch.Generator())
        unpack_module("network", network, tensors)
        normaliser = Normaliser(
            tensors["normaliser.mean"].numpy(), tensors["normaliser.scale"].numpy()
        )
        return cls(config, network, normaliser, json.loads(metadata["recipe"]))


class MetaBCTraining:
    """A training that can be saved at any iteration and resumed to the same numbers.

    Args:
        config: settings.
        dataset: the family's; only its meta-train demonstrations are learned from, its
            meta-validation demonstrations give the logged validation loss.
    """

    def __init__(self, config: MetaBCConfig, dataset: Dataset) -> None:
        self.config = config
        self.normaliser = Normaliser.of(dataset.train.observations)
        self.train = _Batches(dataset.train, self.normaliser, config)
        self.validation = _Batches(dataset.validation, self.normaliser, config)
        self.rng = np.random.default_rng(config.seed)
        self.iteration = 0
        generator = torch.Generator().manual_seed(config.seed)
        self.network = MetaBCNetwork(config, generator)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as data."""
        return asdict(self.config)

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.updates // self.config.updates_per_iteration

    def step(self) -> dict[str, float]:
        """One iteration: some updates, and the loss on validation tasks."""
        losses = []
        for k in range(self.config.updates_per_iteration):
            done = (self.iteration * self.config.updates_per_iteration + k) / self.config.updates
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * 0.5 * (1.0 + np.cos(np.pi * done))
            loss = self._loss(self.train, self.rng)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            losses.append(loss.detach())
        self.iteration += 1
        with torch.no_grad():
            # The same draw each time, so that the curve is comparable along the training.
            validation = self._loss(self.validation, np.random.default_rng(self.config.seed))
        return {
            "losses/action_mse": float(torch.stack(losses).mean()),
            "losses/validation_action_mse": float(validation),
            "charts/updates": float(self.iteration * self.config.updates_per_iteration),
        }

    def agent(self, recipe: Mapping[str, Any]) -> MetaBC:
        """The agent as it stands."""
        return MetaBC(self.config, self.network, self.normaliser, recipe)

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = pack_module("network", self.network) | pack_optimizer("optimizer", self.optimizer)
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "rng": pack_generator(self.rng),
        }
        save_checkpoint(path, tensors, state)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, state = load_checkpoint(path)
        unpack_module("network", self.network, tensors)
        unpack_optimizer("optimizer", self.optimizer, tensors)
        self.iteration = state["iteration"]
        unpack_generator(self.rng, state["rng"])

    def _loss(self, batches: _Batches, rng: np.random.Generator) -> Tensor:
        features, states, actions = batches.draw(rng)
        codes = self.network.encoder(features)
        codes = codes[:, None].expand(-1, states.shape[1], -1)
        return (self.network.act(states, codes) - actions).square().mean()


class _Batches:
    """Draws contexts and, of other demonstrations of the same tasks, states to imitate in."""

    def __init__(
        self, demonstrations: Demonstrations, normaliser: Normaliser, config: MetaBCConfig
    ) -> None:
        self.config = config
        self.sizes = get_family(config.family).context_sizes
        self.states = torch.from_numpy(normaliser(demonstrations.observations))
        self.actions = torch.from_numpy(demonstrations.actions)
        following = torch.from_numpy(normaliser(demonstrations.next_observations))
        self.features = context_features(self.states, self.actions, following)

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Context features (B, K, t, F), states (B, n, O) and expert actions (B, n, nu)."""
        config = self.config
        number, per_task, length, _ = self.features.shape
        tasks = rng.integers(number, size=config.tasks_per_batch)[:, None]
        shots = int(rng.choice(self.sizes))
        order = rng.random((config.tasks_per_batch, per_task)).argsort(axis=1)
        context, rest = order[:, :shots], order[:, shots:]
        seen = min(config.context_timesteps, length)
        times = rng.random((config.tasks_per_batch, shots, length)).argsort(axis=2)[..., :seen]
        features = self.features[tasks[..., None], context[..., None], times]
        where = rng.integers(rest.shape[1], size=(config.tasks_per_batch, config.states_per_task))
        chosen = np.take_along_axis(rest, where, axis=1)
        instants = rng.integers(length, size=where.shape)
        return (
            features,
            self.states[tasks, chosen, instants],
            self.actions[tasks, chosen, instants],
        )
