"""Contexts of a training whose tasks have few demonstrations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smile_bench.access import Access
from smile_bench.baselines.imitation.context_sizes import announced_sizes, training_sizes
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.presets import preset as meta_bc_preset
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.baselines.meta_dagger.presets import preset as meta_dagger_preset
from smile_bench.baselines.meta_dagger.training import MetaDAgger
from smile_bench.baselines.smile.presets import preset as smile_preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.baselines.tabular_irl.smile_training import TabularSmileTraining
from smile_bench.baselines.tabular_irl.smile_training import preset as tabular_preset
from smile_bench.baselines.training import train_agent, trainable_agents
from smile_bench.envs import all_families
from smile_bench.envs.grid.family import GridFamily
from smile_bench.errors import ConditionWarning, DivergedError
from smile_bench.learning.streams import Streams
from smile_bench.settings import replaced
from smile_bench.tracks import TRACKS

ANT, CLASSIFICATION = "SmileAntGoal-v0", "SmileAntLinearClassification-v0"
CHEETAH, GRID = "SmileHalfCheetahVelocity-v0", "SmileGridGoal-v0"

TINY: Mapping[str, Mapping[str, str]] = {
    "tabular-smile": {"iterations": "2"},
    "meta": {
        "total_updates": "16",
        "updates_per_iteration": "8",
        "hidden": "8,8",
        "encoder.hidden": "8",
        "validate_every": "0",
    },
    "smile": {
        "iterations": "3",
        "env_steps_per_iteration": "2",
        "updates_per_iteration": "16",
        "sac.hidden": "8,8",
        "encoder.hidden": "8",
        "members": "1",
        "validate_every": "0",
    },
}
"""Budgets for agents, by how their names begin."""


def tiny(name: str) -> Mapping[str, str]:
    return next(budget for start, budget in TINY.items() if name.startswith(start))


def few(family: str, demonstrations: int, track: str = "offline") -> Access:
    return Access(family, track=track, demonstrations=demonstrations, tasks=3)


@pytest.mark.parametrize(
    ("sizes", "each", "beyond", "expected"),
    [
        ((1, 2, 3, 4), 4, 1, (1, 2, 3)),
        ((1, 2, 4, 8), 4, 1, (1, 2, 3)),
        ((1, 2, 4, 8), 4, 0, (1, 2, 4)),
        ((1, 2, 3, 4), 16, 1, (1, 2, 3, 4)),
        ((8, 4, 1), 3, 1, (2, 1)),
        ((1,), 1, 1, (1,)),
        ((1, 2, 4, 8), 1, 1, (1,)),
        ((4,), 1, 0, (1,)),
    ],
)
def test_sizes_are_cut_to_what_is_there(
    sizes: tuple[int, ...], each: int, beyond: int, expected: tuple[int, ...]
) -> None:
    assert training_sizes(sizes, each, beyond) == expected


@given(st.lists(st.integers(1, 16), min_size=1, max_size=8), st.integers(1, 20), st.integers(0, 1))
def test_every_size_leaves_what_must_be_left(sizes: list[int], each: int, beyond: int) -> None:
    cut = training_sizes(sizes, each, beyond)
    assert len(set(cut)) == len(cut) > 0
    assert all(1 <= size <= max(1, each - beyond) for size in cut)
    capped = [min(size, max(1, each - beyond)) for size in sizes]
    first = [capped.index(size) for size in cut]
    assert first == sorted(first)
    assert set(cut) == set(capped)
    if each - beyond >= max(sizes):
        assert cut == tuple(dict.fromkeys(sizes))


@pytest.mark.parametrize("family", all_families())
def test_nothing_is_cut_or_said_of_what_ships(family: str) -> None:
    access = Access(family, track="offline")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        each = access.condition.demonstrations
        assert announced_sizes(access, each, 1) == tuple(access.family.context_sizes)


@pytest.mark.parametrize(
    ("family", "each", "beyond", "message"),
    [
        (CHEETAH, 4, 1, r"4 demonstrations, .* hold 1, 2 or 3 of them and leave 1 or more to"),
        (GRID, 4, 0, r"hold 1, 2 or 4 of them; the evaluation is .* \(contexts of 1, 2, 4 or 8\)"),
        (GRID, 2, 1, "hold 1 of them and leave 1 or more to imitate;"),
        (GRID, 1, 1, "has 1 demonstration, so that .* hold the one that is imitated;"),
        (ANT, 1, 1, "hold the one that is imitated; the evaluation is unchanged"),
        (GRID, 1, 0, "hold it alone; the evaluation is unchanged"),
    ],
)
def test_what_is_cut_is_said(family: str, each: int, beyond: int, message: str) -> None:
    with pytest.warns(ConditionWarning, match=message) as caught:
        announced_sizes(Access(family), each, beyond)
    assert "\n" not in str(caught[0].message)


def test_a_context_never_holds_what_is_imitated() -> None:
    with pytest.warns(ConditionWarning, match="hold 1, 2 or 3 of them"):
        training = MetaBC([meta_bc_preset(CHEETAH)], [few(CHEETAH, 4)])
    shown, streams = training.train, Streams([0])
    tasks = torch.arange(3).repeat(50)[None]
    assert training.context_sizes == (1, 2, 3)
    for shots in training.context_sizes:
        features, imitated = shown.sample_contexts(streams, tasks, shots, shown.length)
        assert imitated.shape == (1, 150, 4 - shots)
        for row, task in enumerate(tasks[0].tolist()):
            for which in imitated[0, row].tolist():
                away = (features[0, row] - shown.features[task, which]).abs().amax((1, 2))
                assert (away > 0.0).all()


def test_the_paper_s_smallest_condition_is_trained() -> None:
    """Four demonstrations of each task, and contexts of up to four."""
    config = replace(
        meta_bc_preset(CHEETAH),
        total_updates=8,
        updates_per_iteration=4,
        hidden=(8, 8),
        validate_every=1,
    )
    with pytest.warns(ConditionWarning, match="has 4 demonstrations"):
        training = MetaBC([config], [Access(CHEETAH, track="offline", demonstrations=4)])
    # The losses on meta-validation are of contexts of every size, as always.
    sizes: list[int] = []
    sample = training.validation.sample_contexts

    def watched(streams: Streams, tasks: torch.Tensor, shots: int, timesteps: int) -> Any:
        sizes.append(shots)
        return sample(streams, tasks, shots, timesteps)

    training.validation.sample_contexts = watched  # type: ignore[method-assign]
    (losses,) = training.held_out_losses()
    assert sizes == [1, 2, 3, 4]
    assert math.isfinite(losses["losses/validation_action_mse"])
    for log in training.step():
        assert not isinstance(log, DivergedError)
        assert math.isfinite(log["losses/action_mse"])


def cheetah_bc(**changes: Any) -> MetaBCConfig:
    return replaced(meta_bc_preset(CHEETAH), {**TINY["meta"], **changes})


def test_a_recipe_states_sizes_where_they_were_cut() -> None:
    with pytest.warns(ConditionWarning):
        cut = MetaBC([cheetah_bc()], [few(CHEETAH, 4)])
    assert cut.agent(0, {}).recipe["context_sizes"] == [1, 2, 3]
    whole = MetaBC([cheetah_bc()], [few(CHEETAH, 5)])
    assert "context_sizes" not in whole.agent(0, {}).recipe
    with pytest.warns(ConditionWarning):
        tabular = TabularSmileTraining(tabular_preset(GRID, 0), few(GRID, 8))
    assert tabular.agent({}).recipe["context_sizes"] == [1, 2, 4, 7]
    enough = TabularSmileTraining(tabular_preset(GRID, 0), few(GRID, 9))
    assert "context_sizes" not in enough.agent({}).recipe


@pytest.mark.parametrize(
    ("family", "weight", "expected"),
    [(CHEETAH, 0.0, (1, 2)), (CHEETAH, 1.0, (1,)), (CLASSIFICATION, 1.0, (1,))],
)
def test_smile_keeps_one_only_for_final_states(
    family: str, weight: float, expected: tuple[int, ...]
) -> None:
    changes = {**TINY["smile"], "discriminator.final_state_weight": str(weight)}
    config = replaced(smile_preset("smile", family, 0), changes)
    with pytest.warns(ConditionWarning):
        training = SMILe([config], [few(family, 2, "interactive")])
    assert training.context_sizes == training.reward_learner.shots == expected
    assert set(training.reward_learner.embeddings._slots) == set(expected)
    assert training.agent(0, {}).recipe["context_sizes"] == list(expected)


def test_meta_dagger_acts_under_contexts_that_there_are() -> None:
    config = replaced(meta_dagger_preset(GRID), {**TINY["meta"], "warm_up_iterations": "0"})
    with pytest.warns(ConditionWarning):
        made = MetaDAgger([config], [few(GRID, 2, "expert-queries")])
    for log in made.step():
        assert not isinstance(log, DivergedError)
        assert math.isfinite(log["losses/action_mse"])


def test_the_only_demonstration_of_a_grid_task_is_context_and_positive() -> None:
    with pytest.warns(ConditionWarning, match="hold the one that is imitated"):
        training = TabularSmileTraining(tabular_preset(GRID, 0), few(GRID, 1))
    contexts, positives = training._sample_batch()
    assert contexts.cells.tolist() == positives.cells.tolist()
    assert contexts.shots.tolist() == [1] * 24


@pytest.mark.slow
@pytest.mark.parametrize("demonstrations", [1, 2, 4])
@pytest.mark.parametrize("family", [ANT, CLASSIFICATION, CHEETAH, GRID])
def test_every_agent_is_trained_on_few_demonstrations(
    family: str, demonstrations: int, tmp_path: Path
) -> None:
    grid = isinstance(all_families()[family], GridFamily)
    for name, spec in trainable_agents().items():
        if spec.grid_only != grid and not (grid and name.startswith("meta")):
            continue
        if spec.training is not None and not TRACKS[spec.training.track].demonstrations:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConditionWarning)
            path = train_agent(
                name,
                family,
                tmp_path / name,
                demonstrations=demonstrations,
                tasks=3,
                configure=lambda config, name=name: replaced(config, tiny(name)),  # type: ignore[misc]
            )
        assert path is not None
        agent: Any = spec.read_weights(path, family)
        assert agent.name == name
