"""The agent that Meta-BC, Meta-DAgger and SMILe share: contexts in, policy out, files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from smile_bench.agents import Context
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.imitator import (
    Imitator,
    ImitatorConfig,
    Member,
    make_encoder,
    make_policy,
)
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.errors import AgentError
from smile_bench.learning.normaliser import Normaliser
from tests.helpers import synthetic
from tests.helpers.stand_in import stand_in_device

CONFIG = ImitatorConfig(
    family=synthetic.FAMILY,
    hidden=(16, 8),
    encoder=EncoderConfig(hidden=16, pooled=8, embedding=4, sees_changes=True),
)


def agent(*, state_only: bool = False, members: int = 1, filtered: bool = False) -> Imitator:
    config = replace(CONFIG, state_only=state_only)
    generator = torch.Generator().manual_seed(0)
    acting = [
        Member(make_encoder(config, generator), make_policy(config, generator))
        for _ in range(members)
    ]
    for encoder, _ in acting:
        encoder.change_scale.uniform_(0.1, 1.0, generator=generator)
    shown = synthetic.demonstrations("train").observations
    outlier_filter = OutlierFilter(np.zeros(29), np.eye(29), 100.0) if filtered else None
    normaliser = Normaliser.of(shown)
    return Imitator("smile", config, acting, normaliser, {"command": "none"}, outlier_filter)


def act(made: Imitator, contexts: list[Context]) -> np.ndarray:
    observations = np.random.default_rng(0).standard_normal((len(contexts), 29))
    return made.adapt(contexts).act(observations)


@pytest.mark.parametrize("filtered", [False, True])
def test_the_order_of_demonstrations_and_timesteps_does_not_matter(filtered: bool) -> None:
    test, made = synthetic.demonstrations("test"), agent(filtered=filtered)
    whole = test.context(0, [0, 1, 2])
    if made.outlier_filter is not None:
        whole.observations[1, 3] = 9.0
        assert made.outlier_filter.kept(whole.observations).sum() == 14

    def permuted(demonstrations: list[int], timesteps: list[int]) -> Context:
        where = np.ix_(demonstrations, timesteps)
        assert whole.actions is not None
        return Context(
            family=whole.family,
            observations=whole.observations[where],
            actions=whole.actions[where],
            next_observations=whole.next_observations[where],
        )

    expected = act(made, [whole])
    for demonstrations, timesteps in (
        ([2, 0, 1], [0, 1, 2, 3, 4]),
        ([0, 1, 2], [4, 2, 0, 1, 3]),
        ([1, 2, 0], [3, 4, 2, 1, 0]),
    ):
        np.testing.assert_allclose(
            act(made, [permuted(demonstrations, timesteps)]), expected, atol=1e-6
        )
    assert np.abs(act(made, [test.context(1, [0, 1, 2])]) - expected).max() > 1e-5


def test_slots_do_not_depend_on_each_other_or_on_the_padding() -> None:
    test, made = synthetic.demonstrations("test"), agent()
    contexts = [test.context(0, [0]), test.context(1, [0, 1, 2])]
    together = act(made, contexts)
    np.testing.assert_allclose(together[:1], act(made, contexts[:1]), atol=1e-6)


def test_a_state_only_agent_never_reads_actions() -> None:
    test, made = synthetic.demonstrations("test"), agent(state_only=True)
    context = test.context(0, [0, 1])
    expected = act(made, [context.state_only()])
    assert context.actions is not None
    context.actions[:] = np.nan
    np.testing.assert_array_equal(act(made, [context]), expected)
    assert np.isfinite(expected).all()


def test_what_is_left_out_of_a_context_changes_nothing() -> None:
    context = synthetic.demonstrations("test").context(0, [0, 1])
    context.observations[:, 2] = 9.0
    made, whole = agent(filtered=True), agent()
    assert made.outlier_filter is not None
    np.testing.assert_array_equal(
        ~made.outlier_filter.kept(context.observations), [[0, 0, 1, 0, 0]] * 2
    )
    expected, before = act(made, [context]), act(whole, [context])
    assert context.actions is not None
    context.actions[:, 2], context.next_observations[:, 2] = -0.5, -3.0
    np.testing.assert_array_equal(act(made, [context]), expected)
    assert np.abs(act(whole, [context]) - before).max() > 1e-5
    left = np.array([0, 1, 3, 4])
    alone = Context(
        context.family,
        context.observations[:, left],
        context.actions[:, left],
        context.next_observations[:, left],
    )
    np.testing.assert_allclose(act(whole, [alone]), expected, atol=1e-6)


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("members", [1, 3])
def test_weights_survive_saving(members: int, filtered: bool, tmp_path: Path) -> None:
    made = agent(members=members, filtered=filtered)
    path = tmp_path / "agent.safetensors"
    made.save(path)
    loaded = Imitator.load(path)
    contexts = [synthetic.demonstrations("test").context(0, [0])]
    contexts[0].observations[:, 1] = 9.0
    assert (loaded.outlier_filter is not None) is filtered
    np.testing.assert_array_equal(act(loaded, contexts), act(made, contexts))
    assert (loaded.name, loaded.config) == ("smile", CONFIG)
    assert len(loaded.members) == members
    assert loaded.recipe == {"command": "none"}
    assert loaded.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert made.weights_sha256 is None


def test_several_members_act_by_the_mean_of_their_actions() -> None:
    contexts = [synthetic.demonstrations("test").context(task, [0, 1]) for task in (0, 1)]
    whole, parts = agent(members=3), []
    for acting in whole.members:
        one = Imitator("smile", CONFIG, [acting], whole.normaliser, {})
        parts.append(act(one, contexts))
    np.testing.assert_allclose(act(whole, contexts), np.mean(parts, axis=0), atol=1e-6)
    assert np.ptp(parts, axis=0).max() > 1e-3


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Tensor]], None]) -> None:
    """Change the metadata and tensors of a file of two members."""
    agent(members=2, filtered=True).save(path)
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    document = {**metadata, "config": json.loads(metadata["config"])}
    change(document, tensors)
    path.write_bytes(save(tensors, {**document, "config": json.dumps(document["config"])}))


def to_type(tensors: dict[str, Tensor], name: str, kind: torch.dtype) -> None:
    tensors[name] = tensors[name].to(kind)


def as_before(document: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """The former format: other names of settings and of the filter, and the number of members."""
    document["format"] = "smile-bench-imitator-1"
    names = {"embedding": "code", "pooling": "across", "sees_changes": "changes"}
    config = document["config"]
    config["encoder"] = {names.get(name, name): v for name, v in config["encoder"].items()}
    config["members"] = 2
    for name in [name for name in tensors if name.startswith("outlier_filter.")]:
        tensors[name.replace("outlier_filter", "trimming")] = tensors.pop(name)


def test_files_of_the_former_format_are_read(tmp_path: Path) -> None:
    path, contexts = tmp_path / "agent", [synthetic.demonstrations("test").context(0, [0])]
    rewritten(path, as_before)
    loaded = Imitator.load(path)
    assert loaded.config == CONFIG
    assert loaded.outlier_filter is not None
    expected = act(agent(members=2, filtered=True), contexts)
    np.testing.assert_array_equal(act(loaded, contexts), expected)


@pytest.mark.parametrize("said", [-1, 0, 1, 3, "two"])
def test_a_file_that_states_another_number_of_members_is_damaged(
    said: object, tmp_path: Path
) -> None:
    def change(document: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        as_before(document, tensors)
        document["config"]["members"] = said

    rewritten(tmp_path / "agent", change)
    with pytest.raises(AgentError, match=f"states {said} members and holds 2"):
        Imitator.load(tmp_path / "agent")


@pytest.mark.parametrize(
    "change",
    [
        lambda document, tensors: tensors.pop("1.policy.layers.0.weight"),
        lambda document, tensors: tensors.pop("normaliser.mean"),
        lambda document, tensors: tensors.pop("outlier_filter.bound"),
        lambda document, tensors: tensors.update({"more": torch.zeros(1)}),
        lambda document, tensors: tensors.update({"outlier_filter.more": torch.zeros(1)}),
        lambda document, tensors: document["config"]["encoder"].update(depth=3),
        lambda document, tensors: document["config"].update(depth=3),
        lambda document, tensors: document["config"].pop("family"),
        lambda document, tensors: document.update(format="smile-bench-imitator-9"),
        lambda document, tensors: document["config"].update(family="SmileFoo-v0"),
        lambda document, tensors: document["config"].update(family="SmileHalfCheetahVelocity-v0"),
        lambda document, tensors: document["config"].update(hidden=3),
        lambda document, tensors: document["config"].update(hidden=[16, "8"]),
        lambda document, tensors: document["config"].update(hidden=[10**6, 10**6]),
        lambda document, tensors: document["config"].update(hidden=[2**70]),
        lambda document, tensors: document["config"].update(encoder=None),
        lambda document, tensors: document["config"]["encoder"].update(pooling="max"),
        lambda document, tensors: document["config"]["encoder"].update(code=4),
        lambda document, tensors: tensors.update(
            {"normaliser.mean": torch.zeros(28), "normaliser.scale": torch.ones(28)}
        ),
        lambda document, tensors: tensors["normaliser.scale"].zero_(),
        lambda document, tensors: tensors.update({"normaliser.clip": torch.ones(29)}),
        lambda document, tensors: tensors["policy.layers.0.bias"].fill_(torch.nan),
        lambda document, tensors: tensors["1.encoder.change_scale"].fill_(torch.inf),
        lambda document, tensors: to_type(tensors, "policy.layers.0.weight", torch.bfloat16),
        lambda document, tensors: to_type(tensors, "policy.layers.0.weight", torch.float64),
        lambda document, tensors: to_type(tensors, "outlier_filter.location", torch.float32),
        lambda document, tensors: tensors.update({"outlier_filter.precision": torch.eye(28)}),
        lambda document, tensors: tensors.update({"outlier_filter.bound": torch.ones(2)}),
    ],
)
def test_a_file_that_does_not_fit_together_is_one_clear_error(
    change: Callable[[dict[str, Any], dict[str, Tensor]], None], tmp_path: Path
) -> None:
    rewritten(tmp_path / "agent", change)
    with pytest.raises(AgentError, match="imitator's weights"):
        Imitator.load(tmp_path / "agent")


def test_an_agent_without_members_is_refused() -> None:
    made = agent()
    with pytest.raises(AgentError, match="give at least one pair"):
        Imitator("smile", CONFIG, [], made.normaliser, {})


@pytest.mark.parametrize("content", [None, b"", b"no weights at all", b"\x10" + b"\x00" * 40])
def test_damaged_weights_are_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "agent.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AgentError, match="cannot read an imitator's weights"):
        Imitator.load(path)


def test_cut_and_changed_files_are_read_or_one_clear_error(tmp_path: Path) -> None:
    """A changed bit of a weight cannot be seen; everything else can."""
    path, rng = tmp_path / "agent", np.random.default_rng(0)
    agent(members=2, filtered=True).save(path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    places = np.concatenate((np.arange(16), rng.integers(header, size=300)))
    changed = [bytearray(content) for _ in places]
    for copied, place in zip(changed, places, strict=True):
        copied[place] ^= 1 << int(rng.integers(8))
    refused = 0
    for damaged in changed:
        path.write_bytes(damaged)
        try:
            Imitator.load(path)
        except AgentError:
            refused += 1
    # What is left is in the recipe or the agent's name.
    assert refused > 0.9 * len(changed)
    for length in rng.integers(len(content), size=50):
        path.write_bytes(content[:length])
        with pytest.raises(AgentError, match="cannot read an imitator's weights"):
            Imitator.load(path)


@pytest.mark.parametrize(("state_only", "members"), [(False, 1), (True, 2)])
def test_on_another_device_it_acts_and_is_stored_as_on_the_cpu(
    state_only: bool, members: int, tmp_path: Path
) -> None:
    test = synthetic.demonstrations("test")
    contexts = [test.context(0, [0, 1, 2]), test.context(1, [3])]
    made = agent(state_only=state_only, members=members)
    expected = act(made, contexts)
    with stand_in_device() as elsewhere:
        for network in (network for member in made.members for network in member):
            network.to(elsewhere)
        np.testing.assert_array_equal(act(made, contexts), expected)
        made.save(tmp_path / "agent.safetensors")
    loaded = Imitator.load(tmp_path / "agent.safetensors")
    np.testing.assert_array_equal(act(loaded, contexts), expected)


def test_it_refuses_contexts_that_it_cannot_use() -> None:
    made = agent()
    with pytest.raises(AgentError, match="smile needs the demonstrations' actions"):
        made.adapt([synthetic.demonstrations("test").context(0, [0]).state_only()])
    other = synthetic.demonstrations("test", family="SmileHalfCheetahVelocity-v0")
    with pytest.raises(AgentError, match="SmileHalfCheetahVelocity-v0"):
        made.adapt([other.context(0, [0])])
