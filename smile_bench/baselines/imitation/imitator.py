"""The trained imitator that Meta-BC, Meta-DAgger and SMILe share: encoders and policies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from smile_bench.agents import Context, pad_contexts, require_family
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.imitation.encoder import (
    ContextEncoder,
    EncoderConfig,
)
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.baselines.imitation.stored import (
    as_tensors,
    require_numbers,
    take_network,
    take_normaliser,
    taken,
    write_agent,
)
from smile_bench.batches.stacked import context_features
from smile_bench.compat.settings import renamed_settings
from smile_bench.envs import Family, get_family
from smile_bench.errors import AgentError
from smile_bench.io.tensors import read_tensors
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.networks import Source, SquashedGaussianPolicy
from smile_bench.learning.normaliser import Normaliser

__all__ = [
    "Imitator",
    "ImitatorConfig",
    "ImitatorPolicy",
    "Member",
    "make_encoder",
    "make_policy",
]

FORMAT, FORMER_FORMAT = "smile-bench-imitator-2", "smile-bench-imitator-1"
"""The first format has former names of settings, and of the outlier filter."""
FILTER, FORMER_FILTER = "outlier_filter", "trimming"

Tensors = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class ImitatorConfig:
    """What an imitator's networks are; enough to rebuild them."""

    family: str
    state_only: bool = False
    """Whether contexts come without actions."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the policy's layers."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


class Member(NamedTuple):
    """An encoder and the policy that sees its embeddings."""

    encoder: ContextEncoder
    policy: SquashedGaussianPolicy


def make_encoder(
    config: ImitatorConfig, source: Source, device: torch.device = CPU
) -> ContextEncoder:
    """An encoder on the device, or a stack of them, with initial weights from ``source``."""
    family = get_family(config.family)
    observed = family.observation_size
    seen = 2 * observed + (0 if config.state_only else family.action_size)
    return ContextEncoder(seen, config.encoder, source, observed).to(device)


def make_policy(
    config: ImitatorConfig, source: Source, device: torch.device = CPU
) -> SquashedGaussianPolicy:
    """A policy on the device, or a stack of them, with initial weights from ``source``."""
    family = get_family(config.family)
    inputs = family.observation_size + config.encoder.embedding
    policy = SquashedGaussianPolicy(inputs, family.action_size, config.hidden, source)
    return policy.to(device)


class ImitatorPolicy:
    """The policies' most likely actions under one embedding a slot; of several, the mean."""

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
        actions = [
            policy.act(torch.cat((states, embeddings), -1)) for policy, embeddings in self.members
        ]
        return self.family.admissible(torch.stack(actions).mean(0).cpu().numpy())


class Imitator:
    """An agent that encodes its context and acts by a policy that sees the embedding.

    An agent of several members acts by the mean of their actions, each under its own embedding.

    Args:
        name: of the algorithm that trained it.
        config: its networks.
        members: pairs of encoder and policy, all on one device.
        normaliser: of the meta-train demonstrations.
        recipe: command, versions, settings, seed and access of the training.
        outlier_filter: what it leaves out of its contexts, if anything.

    Raises:
        AgentError: no member.
    """

    def __init__(
        self,
        name: str,
        config: ImitatorConfig,
        members: Sequence[Member],
        normaliser: Normaliser,
        recipe: Mapping[str, Any],
        outlier_filter: OutlierFilter | None = None,
    ) -> None:
        if not members:
            raise AgentError(f"{name} has no encoder and policy; give at least one pair.")
        self.name, self.config, self.recipe = name, config, recipe
        self.members, self.normaliser, self.outlier_filter = members, normaliser, outlier_filter
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
        if self.outlier_filter is not None:
            kept = to_device(self.outlier_filter.kept(stacked.observations), device)
        members = [(policy, encoder(features, there, kept)) for encoder, policy in self.members]
        return ImitatorPolicy(get_family(self.config.family), members, self.normaliser)

    def save(self, path: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        tensors: Tensors = {}
        for index, member in enumerate(self.members):
            for part, network in zip(Member._fields, member, strict=True):
                tensors |= as_tensors(_stored(part, index), network)
        tensors |= as_tensors("normaliser", self.normaliser)
        if self.outlier_filter is not None:
            for name, value in vars(self.outlier_filter).items():
                tensors[f"{FILTER}.{name}"] = torch.as_tensor(value, dtype=torch.float64)
        write_agent(path, FORMAT, self, tensors)

    @classmethod
    def load(cls, path: Path) -> Imitator:
        """Read what :meth:`save` wrote, in this version's format or the former one.

        Raises:
            AgentError: the file is missing, damaged or of another agent.
        """
        formats = (FORMAT, FORMER_FORMAT)
        what = "an imitator's weights"
        file = read_tensors(path, what, AgentError, formats=formats, framework="pt")
        name, recipe, stored = file.text("name"), file.document("recipe"), file.document("config")
        tensors = {_current(key): value for key, value in file.tensors.items()}
        with file.understanding():
            config, number = _read_config(stored, tensors)
            members = [_read_member(config, index, tensors) for index in range(number)]
            observed = get_family(config.family).observation_size
            outlier_filter = _read_filter(tensors, observed)
            normaliser = take_normaliser("normaliser", tensors, observed)
            if tensors:
                raise ValueError(f"it has tensors of other networks: {', '.join(sorted(tensors))}")
        agent = cls(name, config, members, normaliser, recipe, outlier_filter)
        agent.weights_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return agent


def _stored(part: str, index: int) -> str:
    """How a file names the tensors of a member's network."""
    return f"{index}.{part}" if index else part


def _current(key: str) -> str:
    """The name of a tensor in today's format."""
    former = f"{FORMER_FILTER}."
    return f"{FILTER}.{key[len(former) :]}" if key.startswith(former) else key


def _read_config(stored: dict[str, Any], tensors: Tensors) -> tuple[ImitatorConfig, int]:
    """The configuration, and the number of members."""
    parts = (name.split(".") for name in tensors)
    number = 1 + len({part[0] for part in parts if part[1:2] == ["encoder"]})
    # The former format also states the number.
    if (members := stored.pop("members", number)) != number:
        raise ValueError(f"it states {members} members and holds {number}")
    given = {f"encoder.{name}": value for name, value in stored["encoder"].items()}
    named = renamed_settings(given, [f"encoder.{each.name}" for each in fields(EncoderConfig)])
    if len(named) < len(given):
        raise ValueError(f"it has unknown settings of the encoder among {', '.join(given)}")
    encoder = {name.removeprefix("encoder."): value for name, value in named.items()}
    stored = {**stored, "hidden": tuple(stored["hidden"]), "encoder": EncoderConfig(**encoder)}
    return ImitatorConfig(**stored), number


def _read_member(config: ImitatorConfig, index: int, tensors: Tensors) -> Member:
    # Networks without memory take the file's tensors: no stated width allocates anything.
    meta = torch.device("meta")
    member = Member(make_encoder(config, None, meta), make_policy(config, None, meta))
    for part, network in zip(Member._fields, member, strict=True):
        take_network(_stored(part, index), tensors, network)
    return member


def _read_filter(tensors: Tensors, observed: int) -> OutlierFilter | None:
    parts = taken(FILTER, tensors)
    if not parts:
        return None
    shapes = {"location": (observed,), "precision": (observed, observed), "bound": ()}
    for name, value in parts.items():
        require_numbers(f"{FILTER}.{name}", value, shapes[name], torch.float64)
    values: dict[str, Any] = {name: value.numpy() for name, value in parts.items()}
    return OutlierFilter(**{**values, "bound": float(parts["bound"])})
