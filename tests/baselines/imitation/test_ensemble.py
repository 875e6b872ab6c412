"""Several trainings that act together, counted and resumed as one, each alone or sharing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from smile_bench.access import Access
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.ensemble import Ensemble, ensemble
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.meta_bc.training import MetaBC, MetaBCConfig
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.baselines.smile.presets import preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.baselines.training import smile_members
from smile_bench.envs import get_family
from smile_bench.errors import CheckpointError, InputError
from smile_bench.learning.checkpoint import load_checkpoint
from smile_bench.learning.loop import run
from tests.helpers import synthetic

SMALL: dict[str, Any] = {
    "hidden": (8, 8),
    "encoder": EncoderConfig(hidden=8, pooled=8, code=4),
    "tasks_per_batch": 2,
    "validate_every": 2,
}
CLONING: dict[str, Any] = {**SMALL, "updates": 6, "updates_per_iteration": 2, "states_per_task": 4}


def smile_config(seed: int) -> Any:
    small = {"iterations": 3, "updates": 2, "steps": 2, "discriminator_hidden": (8, 8)}
    config = preset("smile", synthetic.FAMILY, seed)
    return replace(config, **{**SMALL, **small, "encoder": EncoderConfig(hidden=8, pooled=8)})


Made = tuple[Callable[[int], Any], Callable[[Any, Access], ImitatorTrainer], str]
KINDS: dict[str, Made] = {
    "smile": (smile_config, SMILe, "interactive"),
    "meta-bc": (
        lambda seed: MetaBCConfig(family=synthetic.FAMILY, seed=seed, **CLONING),
        MetaBC,
        "offline",
    ),
    "meta-dagger": (
        lambda seed: MetaDAggerConfig(family=synthetic.FAMILY, seed=seed, warm_up=1, **CLONING),
        MetaDAgger,
        "expert-queries",
    ),
}


def access_for(kind: str) -> Access:
    return Access(synthetic.FAMILY, track=KINDS[kind][2], dataset=synthetic.dataset())


def training(kind: str, *, seed: int = 0, members: int = 2) -> ImitatorTrainer:
    configured, make, _ = KINDS[kind]
    access = access_for(kind)
    return ensemble(configured(seed), members, lambda each: make(each, access), access)


def weights(made: ImitatorTrainer, path: Path) -> dict[str, torch.Tensor]:
    made.agent({}).save(path)
    return load_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_each_member_is_what_it_would_be_alone(kind: str, tmp_path: Path) -> None:
    whole = training(kind, seed=3)
    assert isinstance(whole, Ensemble)
    while whole.iteration < whole.iterations:
        whole.step()
    configured, make, _ = KINDS[kind]
    stored = weights(whole, tmp_path / "whole")
    for member, seed in enumerate((6, 7)):
        alone = make(configured(seed), access_for(kind))
        while alone.iteration < alone.iterations:
            alone.step()
        start = f"{member}." if member else ""
        for name, tensor in weights(alone, tmp_path / "alone").items():
            where = name if name.startswith("normaliser") else start + name
            assert torch.equal(stored[where], tensor)
    assert not torch.equal(stored["1.policy.layers.0.weight"], stored["policy.layers.0.weight"])


def stored_after_cuts(make: Callable[[], ImitatorTrainer], path: Path) -> dict[str, torch.Tensor]:
    """What a training leaves in its checkpoint, which must be the same if it is stopped between."""
    for name, stops in (("whole", [None]), ("cut", [1, 2, None])):
        for stop in stops:
            made = make()
            run(made, path / name, stop_after=stop)
        weights(made, path / f"{name}.safetensors")
    whole, cut = (load_file(path / f"{name}.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
    tensors, state = load_checkpoint(path / "whole" / "checkpoint.safetensors")
    again, same = load_checkpoint(path / "cut" / "checkpoint.safetensors")
    assert state == same
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensor, again[name]) for name, tensor in tensors.items())
    return tensors


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_to_the_same_numbers(kind: str, tmp_path: Path) -> None:
    assert stored_after_cuts(lambda: training(kind), tmp_path)


def test_what_all_members_use_is_counted() -> None:
    whole, alone = training("meta-dagger", members=3), training("meta-dagger", members=1)
    logs = []
    for made in (whole, alone):
        while made.iteration < made.iterations:
            log = made.step()
        logs.append(log)
    for name in ("charts/env_steps", "charts/expert_queries"):
        assert logs[0][name] == 3 * logs[1][name] > 0.0
    used = whole.agent({}).recipe["access"]
    assert used["env_steps"] == logs[0]["charts/env_steps"]
    # Scored together, once.
    tasks = synthetic.dataset().validation.tasks
    assert used["validation_env_steps"] == tasks * get_family(synthetic.FAMILY).horizon


def test_it_logs_means_and_is_scored_as_a_whole() -> None:
    whole = training("meta-bc", members=3)
    assert isinstance(whole, Ensemble)
    logs = [whole.step() for _ in range(2)]
    assert not any(name.startswith("validation/") for name in logs[0])
    metrics = whole.access.validate(whole.agent({}))
    scored = {name: value for name, value in logs[1].items() if name.startswith("validation/")}
    assert scored == {f"validation/{name}": value for name, value in metrics.items()}
    apart = training("meta-bc", members=3)
    assert isinstance(apart, Ensemble)
    losses = [member.step()["losses/action_mse"] for member in apart.members]
    assert logs[0]["losses/action_mse"] == float(np.mean(losses))
    assert len(set(losses)) == 3


def test_losses_on_held_out_demonstrations_are_means_too() -> None:
    whole = training("meta-bc", members=3)
    assert isinstance(whole, Ensemble)
    logs = [whole.step() for _ in range(2)]
    held_out = [member.held_out_losses() for member in whole.members]
    name = "losses/validation_action_mse"
    assert logs[1][name] == float(np.mean([losses[name] for losses in held_out]))
    assert name not in logs[0]


def sharing(state_only: bool = False) -> Ensemble:
    name = "smile-state-only" if state_only else "smile"
    config = replace(smile_config(0), name=name, state_only=state_only, shared=True)
    access = Access(synthetic.FAMILY, state_only=state_only, dataset=synthetic.dataset())
    made = smile_members(config, 3, access)
    assert isinstance(made, Ensemble)
    return made


def test_members_that_share_learn_from_what_all_do() -> None:
    whole = sharing(state_only=True)
    first, *others = whole.members
    assert isinstance(first, SMILe)
    learnt = list(first.inverse_dynamics.network.parameters())
    for count in range(1, 3):
        before = [weight.detach().clone() for weight in learnt]
        whole.step()
        # Two control steps of each of the three, one member's after another's.
        assert first.replay.added == count * 3 * 2
        moved = any(not torch.equal(*pair) for pair in zip(before, learnt, strict=True))
        # No update in the first iteration, whose actions are random.
        assert moved is (count > 1)
    for other in others:
        assert isinstance(other, SMILe)
        assert other.replay is first.replay
        assert other.collector.replay is first.replay
        assert other.inverse_dynamics is first.inverse_dynamics
        assert other.sac is not first.sac


@pytest.mark.parametrize("state_only", [False, True])
def test_what_is_shared_is_stored_once_and_goes_on_exactly(
    state_only: bool, tmp_path: Path
) -> None:
    tensors = stored_after_cuts(lambda: sharing(state_only), tmp_path)
    assert [name for name in tensors if name.endswith("replay")] == ["0.replay"]
    assert {name[0] for name in tensors if ".inverse." in name} == {"0"}


def test_trainings_that_differ_in_more_than_their_seed_can_not_share() -> None:
    access, config = access_for("smile"), smile_config(0)
    first = SMILe(config, access)
    with pytest.raises(InputError, match=r"differ in capacity, inverse_told\."):
        SMILe(replace(config, capacity=9, inverse_told=True), access, beside=first)
    assert SMILe(replace(config, seed=1), access, beside=first).replay is first.replay


def test_no_members_are_refused() -> None:
    with pytest.raises(InputError, match="can not have 0 members"):
        training("meta-bc", members=0)


def test_one_member_is_the_training_itself() -> None:
    assert isinstance(training("smile", members=1), SMILe)


def test_a_checkpoint_of_another_number_of_members_is_refused(tmp_path: Path) -> None:
    run(training("meta-bc"), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="members: 2 stored, 3 given"):
        run(training("meta-bc", members=3), tmp_path)
