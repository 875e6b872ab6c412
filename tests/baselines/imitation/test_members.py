"""Members are trainings of one computation that act together, counted and resumed as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from smile_bench.arrays import FloatArray
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.smile.training import SMILe
from smile_bench.envs import get_family
from smile_bench.errors import CheckpointError, DivergedError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop import Alone, run
from tests.helpers import synthetic
from tests.helpers.tiny import config_for, shrink, trainings

KINDS = ("smile", "meta-bc", "meta-dagger")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def made_of(kind: str, seeds: list[int], *, members: int = 1) -> ImitatorTrainings:
    longer = {"iterations": 3} if kind == "smile" else {"total_updates": 6}
    configs = [replace(config_for(kind, seed=seed), members=members, **longer) for seed in seeds]
    return trainings(kind, configs)


def step(made: ImitatorTrainings) -> list[dict[str, float]]:
    """An iteration in which no training stops."""
    logs = []
    for log in made.step():
        assert not isinstance(log, DivergedError)
        logs.append(dict(log))
    return logs


def finish(made: ImitatorTrainings) -> list[dict[str, float]]:
    """Train to the end; the last logs."""
    while made.iteration < made.iterations:
        logs = step(made)
    return logs


def weights(made: ImitatorTrainings, index: int) -> list[dict[str, Tensor]]:
    """The weights of an agent's members."""
    members = made.agent(index, {}).members
    return [
        {
            f"{part}.{name}": tensor
            for part, network in zip(member._fields, member, strict=True)
            for name, tensor in network.state_dict().items()
        }
        for member in members
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_members_are_trainings_with_their_seeds(kind: str) -> None:
    whole, apart = made_of(kind, [2], members=3), made_of(kind, [6, 7, 8])
    assert whole.seeds == apart.seeds == [6, 7, 8]
    logs = [finish(whole), finish(apart)]
    members = weights(whole, 0)
    for index, member in enumerate(members):
        (alone,) = weights(apart, index)
        assert alone.keys() == member.keys()
        assert all(torch.equal(tensor, member[name]) for name, tensor in alone.items())
    assert not torch.equal(*(member["policy.layers.0.weight"] for member in members[:2]))
    for name in (name for name in logs[0][0] if name.startswith("losses/")):
        assert logs[0][0][name] == float(np.mean([log[name] for log in logs[1]]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_trainings_continue_to_the_same_numbers(kind: str, tmp_path: Path) -> None:
    whole, cut = (made_of(kind, [0, 4], members=2) for _ in range(2))
    finish(whole)
    for stop in (1, 2):
        while cut.iteration < stop:
            step(cut)
        for index in range(2):
            save_checkpoint(tmp_path / f"{index}", cut.state_dict(index))
        cut = made_of(kind, [0, 4], members=2)
        cut.load_state_dict([load_checkpoint(tmp_path / f"{index}") for index in range(2)])
    finish(cut)
    for index in range(2):
        for name, made in (("whole", whole), ("cut", cut)):
            save_checkpoint(tmp_path / name, made.state_dict(index))
        assert (tmp_path / "whole").read_bytes() == (tmp_path / "cut").read_bytes()


@pytest.mark.slow
def test_the_use_of_all_members_is_counted() -> None:
    whole, alone = made_of("meta-dagger", [0], members=3), made_of("meta-dagger", [0])
    (ours,), (own,) = finish(whole), finish(alone)
    for name in ("charts/env_steps", "charts/expert_queries"):
        assert ours[name] == 3 * own[name] > 0.0
    used = whole.agent(0, {}).recipe["access"]
    assert used["env_steps"] == ours["charts/env_steps"]
    # Scored together, once.
    tasks = synthetic.dataset().validation.tasks
    assert used["validation_env_steps"] == tasks * get_family(synthetic.FAMILY).horizon


def test_members_are_scored_as_a_whole() -> None:
    whole = made_of("meta-bc", [0], members=3)
    logs = [step(whole)[0] for _ in range(2)]
    assert not any(name.startswith("validation/") for name in logs[0])
    metrics = whole.accesses[0].validate(whole.agent(0, {}))
    scored = {name: value for name, value in logs[1].items() if name.startswith("validation/")}
    assert scored == {f"validation/{name}": value for name, value in metrics.items()}
    held_out = [losses["losses/validation_action_mse"] for losses in whole.held_out_losses()]
    assert logs[1]["losses/validation_action_mse"] == float(np.mean(held_out))
    assert len(set(held_out)) == 3
    assert "losses/validation_action_mse" not in logs[0]


def sharing(seeds: list[int], *, shared: bool = True, state_only: bool = False) -> SMILe:
    kind = "smile-state-only" if state_only else "smile"
    configs = [
        replace(config_for(kind, seed=s), members=3, shared_replay=shared, iterations=3)
        for s in seeds
    ]
    made = trainings(kind, configs)
    assert isinstance(made, SMILe)
    return made


def acted(made: SMILe, index: int) -> FloatArray:
    """First coordinate of the actions that a member has stored."""
    rows = made.replay.state_dict(index)["rows"].flatten(0, 1)
    column: FloatArray = rows[:, get_family(synthetic.FAMILY).observation_size].numpy()
    return column


def first_actions(made: SMILe, tasks: Tensor) -> FloatArray:
    """First coordinate of the actions that members sample."""
    sampled = made.replay.sample(made.streams, tasks).actions
    assert sampled is not None
    column: FloatArray = sampled[..., 0].numpy()
    return column


def test_members_that_share_learn_from_what_all_do() -> None:
    made = sharing([0, 1])
    step(made)
    # Two control steps of each member, kept in a ring each.
    assert made.replay.added == 2
    # Random actions mark whose transitions they are.
    marked = [acted(made, m) for m in range(6)]
    for m in range(6):
        assert len(set(marked[m].tolist()) & set(marked[(m + 1) % 6].tolist())) == 0
    tasks = torch.zeros((6, 400), dtype=torch.long)
    sampled = first_actions(made, tasks)
    for m in range(6):
        group = range(m // 3 * 3, m // 3 * 3 + 3)
        shown = [np.isin(sampled[m], marked[other]).mean() for other in range(6)]
        # Each member's share is a third, and the other agent's is nothing.
        assert [share > 0.2 for share in shown] == [other in group for other in range(6)]
        assert sum(shown) == pytest.approx(1.0)
    alone = sharing([0], shared=False)
    step(alone)
    own = first_actions(alone, tasks[:3])
    assert np.isin(own[1], acted(alone, 1)).all()


def states_after_cuts(make: Callable[[], ImitatorTrainings], path: Path) -> dict[str, Any]:
    """The last checkpoint, which must be the same whether the training was interrupted or not."""
    for name, stops in (("whole", [None]), ("cut", [1, 2, None])):
        for stop in stops:
            made = Alone(make())
            run(made, path / name, stop_after=stop)
        made.agent({}).save(path / f"{name}.safetensors")
        save_checkpoint(path / f"{name}.state", made.state_dict())
    assert (path / "whole.state").read_bytes() == (path / "cut.state").read_bytes()
    first, second = (load_file(path / f"{name}.safetensors") for name in ("whole", "cut"))
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
    state: dict[str, Any] = load_checkpoint(path / "whole" / "checkpoint.safetensors")["training"]
    return state


@pytest.mark.slow
@pytest.mark.parametrize("state_only", [False, True])
def test_a_shared_replay_continues_exactly(state_only: bool, tmp_path: Path) -> None:
    members = states_after_cuts(lambda: sharing([0], state_only=state_only), tmp_path)["members"]
    assert len(members) == 3
    assert all("replay" in member for member in members)


@pytest.mark.parametrize("kind", KINDS)
def test_trainings_that_differ_in_more_than_numbers_cannot_be_stacked(kind: str) -> None:
    first = config_for(kind)
    for change, message in (
        ({"context_timesteps": 9}, r"has context_timesteps 9 and training 0"),
        ({"members": 2}, "has members 2 and training 0 1"),
        ({"validate_every": 1}, "has validate_every 1"),
    ):
        with pytest.raises(InputError, match=message):
            trainings(kind, [first, replace(first, **change)])
    made = trainings(kind, [first, replace(first, seed=9)])
    assert [settings["seed"] for settings in made.settings] == [0, 9]


def test_what_one_training_of_smile_leaves_out_the_others_leave_out() -> None:
    first = config_for("smile")
    assert first.clones
    uncloned = replace(first, demonstrations=replace(first.demonstrations, bc_weight=0.0))
    scaled = replace(first, reward_scale=2.0)
    for other, message in ((uncloned, "bc_weight 0"), (scaled, "no reward_scale")):
        for pair in ([first, other], [other, first]):
            with pytest.raises(InputError, match=message):
                trainings("smile", pair)
    trainings("smile", [scaled, replace(first, reward_scale=3.0)])


@pytest.mark.slow
def test_a_checkpoint_of_another_number_of_members_is_refused(tmp_path: Path) -> None:
    run(Alone(made_of("meta-bc", [0], members=2)), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="members: 2 stored, 3 given"):
        run(Alone(made_of("meta-bc", [0], members=3)), tmp_path)
