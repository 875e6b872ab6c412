"""The trained imitator that Meta-BC, Meta-DAgger and SMILe share: encoders and policies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor

from smile_bench.agents import Context, pad_contexts, require_family
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig, context_features
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError
from smile_bench.io.files import write_atomically
from smile_bench.io.tensors import read_tensors
from smile_bench.learning.checkpoint import Tensors, pack_module, unpack_module
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import SquashedGaussianPolicy
from smile_bench.learning.normaliser import Normaliser

__all__ = ["Acting", "Imitator", "ImitatorConfig", "ImitatorPolicy", "make_networks"]

FORMAT = "smile-bench-imitator-1"


@dataclass(frozen=True, kw_only=True)
class ImitatorConfig:
    """What an imitator's networks are; enough to rebuild them."""

    family: str
    state_only: bool = False
    """Contexts come without actions."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the policy's layers."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    members: int = 1
    """How many encoders, each with its policy, act together."""


class Acting(NamedTuple):
    """The networks that act."""

    encoder: ContextEncoder
    """Contexts to codes."""
    policy: SquashedGaussianPolicy
    """Of normalised observation and code."""


def make_networks(
    config: ImitatorConfig, generator: torch.Generator, device: torch.device = CPU
) -> Acting:
    """Encoder and policy on the device, with fresh weights drawn from ``generator``."""
    family = get_family(config.family)
    observed, actions = family.observation_size, family.action_size
    seen = 2 * observed + (0 if config.state_only else actions)
    encoder = ContextEncoder(seen, config.encoder, generator, observed)
    policy = SquashedGaussianPolicy(
        observed + config.encoder.code, actions, config.hidden, generator
    )
    return Acting(encoder.to(device), policy.to(device))


class ImitatorPolicy:
    """The policy's most likely action under one code a slot; of several policies, the mean."""

    def __init__(
        self,
        family: Family,
        members: Sequence[tuple[SquashedGaussianPolicy, Tensor]],
        normaliser: Normaliser,
    ) -> None:
        self.family, self.members, self.normaliser = family, members, normaliser

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, A) for observations (slots, observation_size)."""
        states = to_device(self.normaliser(observations), self.members[0][1].device)
        actions = [policy.act(torch.cat((states, codes), -1)) for policy, codes in self.members]
        return self.family.admissible(torch.stack(actions).mean(0).cpu().numpy())


class Imitator:
    """An agent that encodes its context and acts by a policy that sees the code.

    With several pairs of encoder and policy, each acts under its own code, and what is done is the
    mean of their actions.

    Args:
        name: of the algorithm that trained it.
        config: its networks.
        members: the pairs, as many as ``config`` says, all on one device.
        normaliser: of the meta-train demonstrations.
        recipe: command, versions, settings, seed and access of the training.
        trimming: what it leaves out of its contexts, if anything.

    Raises:
        AgentError: no member, or another number than ``config`` says.
    """

    def __init__(
        self,
        name: str,
        config: ImitatorConfig,
        members: Sequence[Acting],
        normaliser: Normaliser,
        recipe: Mapping[str, Any],
        trimming: OutlierFilter | None = None,
    ) -> None:
        if not members or len(members) != config.members:
            raise AgentError(
                f"{name} has {len(members)} pairs of encoder and policy, where its configuration "
                f"says {config.members}; at least one is needed."
            )
        self.name, self.config, self.recipe = name, config, recipe
        self.members, self.normaliser, self.trimming = members, normaliser, trimming
        self.state_only = config.state_only
        self.weights_sha256: str | None = None
        """SHA-256 of the file that it was loaded from."""

    @torch.no_grad()
    def adapt(self, contexts: Sequence[Context]) -> ImitatorPolicy:
        """Encode each context.

        Raises:
            AgentError: contexts of another family, or without the actions that it needs.
        """
        require_family(contexts, self.config.family)
        stacked, present = pad_contexts(contexts)
        if stacked.actions is None and not self.state_only:
            raise AgentError(f"{self.name} needs the demonstrations' actions.")
        device = next(self.members[0].encoder.parameters()).device
        actions = None
        if stacked.actions is not None and not self.state_only:
            actions = to_device(stacked.actions, device)
        features = context_features(
            to_device(self.normaliser(stacked.observations), device),
            actions,
            to_device(self.normaliser(stacked.next_observations), device),
        )
        there, kept = to_device(present, device), None
        if self.trimming is not None:
            kept = to_device(self.trimming.kept(stacked.observations), device)
        members = [(policy, encoder(features, there, kept)) for encoder, policy in self.members]
        return ImitatorPolicy(get_family(self.config.family), members, self.normaliser)

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        tensors: Tensors = {}
        for index, (encoder, policy) in enumerate(self.members):
            tensors |= pack_module(_stored("encoder", index), encoder)
            tensors |= pack_module(_stored("policy", index), policy)
        tensors["normaliser.mean"] = torch.from_numpy(self.normaliser.mean)
        tensors["normaliser.scale"] = torch.from_numpy(self.normaliser.scale)
        if self.trimming is not None:
            for name, value in vars(self.trimming).items():
                tensors[f"trimming.{name}"] = torch.as_tensor(value, dtype=torch.float64)
        metadata = {
            "format": FORMAT,
            "name": self.name,
            "config": json.dumps(asdict(self.config)),
            "recipe": json.dumps(self.recipe),
        }
        write_atomically(path, save(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> Imitator:
        """Read what :meth:`save` wrote.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        file = read_tensors(
            path, "an imitator's weights", AgentError, formats=(FORMAT,), framework="pt"
        )
        name, recipe, stored = file.text("name"), file.document("recipe"), file.document("config")
        with file.understanding():
            stored["hidden"] = tuple(stored["hidden"])
            config = ImitatorConfig(**{**stored, "encoder": EncoderConfig(**stored["encoder"])})
            members = [make_networks(config, torch.Generator()) for _ in range(config.members)]
            for index, (encoder, policy) in enumerate(members):
                unpack_module(_stored("encoder", index), encoder, file.tensors)
                unpack_module(_stored("policy", index), policy, file.tensors)
            used = sum(len(network.state_dict()) for member in members for network in member)
            trimming = None
            if any(name.startswith("trimming.") for name in file.tensors):
                trimming = OutlierFilter(
                    file.tensor("trimming.location").numpy(),
                    file.tensor("trimming.precision").numpy(),
                    float(file.tensor("trimming.bound")),
                )
                used += len(fields(trimming))
            if len(file.tensors) != used + len(("mean", "scale")):
                raise file.damaged(f"it holds other networks than {config.members} of this kind")
            normaliser = Normaliser(
                file.tensor("normaliser.mean").numpy(), file.tensor("normaliser.scale").numpy()
            )
        agent = cls(name, config, members, normaliser, recipe, trimming)
        agent.weights_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return agent


def _stored(name: str, index: int) -> str:
    """How the tensors of a member's network are called in a file."""
    return f"{index}.{name}" if index else name
