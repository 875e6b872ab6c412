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
from smile_bench.baselines.imitation.ensemble import Ensemble
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.training import SMILe, make_trainer
from smile_bench.envs import get_family
from smile_bench.errors import CheckpointError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop import run
from tests.helpers import synthetic
from tests.helpers.tiny import access_for, config_for, shrink, trainer

KINDS = ("smile", "meta-bc", "meta-dagger")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def training(kind: str, *, seed: int = 0, members: int = 2) -> ImitatorTrainer:
    config = replace(config_for(kind, seed=seed), members=members)
    longer = {"iterations": 3} if kind == "smile" else {"total_updates": 6}
    return trainer(kind, replace(config, **longer))


def weights(made: ImitatorTrainer, path: Path) -> dict[str, torch.Tensor]:
    made.agent({}).save(path)
    return load_file(path)


def finish(made: ImitatorTrainer) -> dict[str, float]:
    """Train to the end; the last log."""
    while made.iteration < made.iterations:
        log = made.step()
    return log


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_member_is_what_it_would_be_alone(kind: str, tmp_path: Path) -> None:
    whole = training(kind, seed=3)
    assert isinstance(whole, Ensemble)
    finish(whole)
    stored = weights(whole, tmp_path / "whole")
    for member, seed in enumerate((6, 7)):
        alone = training(kind, seed=seed, members=1)
        finish(alone)
        start = f"{member}." if member else ""
        for name, tensor in weights(alone, tmp_path / "alone").items():
            where = name if name.startswith("normaliser") else start + name
            assert torch.equal(stored[where], tensor)
    assert not torch.equal(stored["1.policy.layers.0.weight"], stored["policy.layers.0.weight"])


def states_after_cuts(make: Callable[[], ImitatorTrainer], path: Path) -> dict[str, Any]:
    """The last checkpoint, which must be the same whether the training was interrupted or not."""
    for name, stops in (("whole", [None]), ("cut", [1, 2, None])):
        for stop in stops:
            made = make()
            run(made, path / name, stop_after=stop)
        weights(made, path / f"{name}.safetensors")
        save_checkpoint(path / f"{name}.state", made.state_dict())
    for name in ("{}.safetensors", "{}.state"):
        tensors = (path / name.format(which) for which in ("whole", "cut"))
        first, second = (load_file(file) for file in tensors)
        assert first.keys() == second.keys()
        assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
    state: dict[str, Any] = load_checkpoint(path / "whole" / "checkpoint.safetensors")["training"]
    return state


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_continues_to_the_same_numbers(kind: str, tmp_path: Path) -> None:
    assert len(states_after_cuts(lambda: training(kind), tmp_path)["members"]) == 2


@pytest.mark.slow
def test_the_use_of_all_members_is_counted() -> None:
    whole, alone = training("meta-dagger", members=3), training("meta-dagger", members=1)
    logs = [finish(made) for made in (whole, alone)]
    for name in ("charts/env_steps", "charts/expert_queries"):
        assert logs[0][name] == 3 * logs[1][name] > 0.0
    used = whole.agent({}).recipe["access"]
    assert used["env_steps"] == logs[0]["charts/env_steps"]
    # Scored together, once.
    tasks = synthetic.dataset().validation.tasks
    assert used["validation_env_steps"] == tasks * get_family(synthetic.FAMILY).horizon


@pytest.mark.slow
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
    config = replace(
        config_for("smile-state-only" if state_only else "smile"),
        members=3,
        shared_replay=True,
        iterations=3,
    )
    made = make_trainer(config, access_for("smile-state-only" if state_only else "smile"))
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
        changed = any(not torch.equal(*pair) for pair in zip(before, learnt, strict=True))
        # No update in the first iteration, whose actions are random.
        assert changed is (count > 1)
    for other in others:
        assert isinstance(other, SMILe)
        assert other.replay is first.replay
        assert other.collector.replay is first.replay
        assert other.inverse_dynamics is first.inverse_dynamics
        assert other.sac is not first.sac


@pytest.mark.slow
@pytest.mark.parametrize("state_only", [False, True])
def test_a_shared_replay_is_stored_once_and_continues_exactly(
    state_only: bool, tmp_path: Path
) -> None:
    members = states_after_cuts(lambda: sharing(state_only), tmp_path)["members"]
    assert ["replay" in member for member in members] == [True, False, False]
    assert ["inverse_dynamics" in member for member in members] == [True, False, False]


def test_trainings_that_differ_in_more_than_their_seed_cannot_share() -> None:
    access: Access = access_for("smile")
    config: SMILeConfig = config_for("smile")
    first = SMILe(config, access)
    other = replace(config, stall_limit=9, reward_clip=1.0)
    with pytest.raises(InputError, match=r"differ in stall_limit, reward_clip\."):
        SMILe(other, access, shares_with=first)
    assert SMILe(replace(config, seed=1), access, shares_with=first).replay is first.replay


def test_no_members_are_refused() -> None:
    with pytest.raises(InputError, match="cannot have 0 members"):
        training("meta-bc", members=0)


def test_one_member_is_the_training_itself() -> None:
    assert isinstance(training("smile", members=1), SMILe)


def test_a_checkpoint_of_another_number_of_members_is_refused(tmp_path: Path) -> None:
    run(training("meta-bc"), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="members: 2 stored, 3 given"):
        run(training("meta-bc", members=3), tmp_path)
