"""Many trainings of SMILe as one computation: each is what it would be alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.smile.config import (
    DemonstrationConfig,
    DiscriminatorConfig,
    SMILeConfig,
)
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.datasets import Dataset
from smile_bench.errors import DivergedError
from smile_bench.learning.loop import run_all
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.settings import replaced
from tests.helpers import synthetic
from tests.helpers.cycles import recorded_graphs
from tests.helpers.tiny import CONFIG, ENCODER, STATE_ONLY

EVERYTHING = replace(
    CONFIG,
    iterations=5,
    updates_per_iteration=3,
    reward_clip=0.5,
    stall_limit=3,
    ema_decay=0.5,
    augmentation=AugmentationConfig(constant_feature_noise=0.5, permuted_width=2),
    demonstrations=DemonstrationConfig(bc_weight=5.0, bc_first_states=2, bc_decay_iterations=3),
    discriminator=DiscriminatorConfig(
        final_state_weight=1.0, optimizer=AdamConfig(beta1=0.9, weight_decay=0.01)
    ),
    encoder=replace(ENCODER, sees_changes=True),
    sac=replace(CONFIG.sac, n_step=3, target_entropy=-4.0),
)
INFERRING = replace(
    EVERYTHING,
    state_only=True,
    inverse_dynamics=InverseDynamicsConfig(sees_task=True, updates=2),
    demonstrations=DemonstrationConfig(bc_weight=5.0),
)
CASES: Mapping[str, SMILeConfig] = {
    "plain": replace(CONFIG, demonstrations=DemonstrationConfig(bc_weight=5.0)),
    "state-only": replace(STATE_ONLY, demonstrations=DemonstrationConfig(bc_weight=5.0)),
    "everything": EVERYTHING,
    "everything state-only": INFERRING,
    "members with one replay": replace(INFERRING, members=2, shared_replay=True),
    "members": replace(EVERYTHING, members=2),
}


def made(configs: Sequence[SMILeConfig], data: Dataset | None = None) -> SMILe:
    dataset = data or synthetic.showing_dataset()
    state_only = configs[0].state_only
    accesses = [Access(synthetic.FAMILY, state_only=state_only, dataset=dataset) for _ in configs]
    return SMILe(configs, accesses)


def seeds(config: SMILeConfig, *given: int) -> list[SMILeConfig]:
    return [replace(config, seed=seed) for seed in given]


def tensors(state: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors and arrays of a state, by their place in it."""
    if isinstance(state, Mapping):
        for name, value in state.items():
            yield from tensors(value, f"{path}.{name}")
    elif isinstance(state, list | tuple):
        for number, value in enumerate(state):
            yield from tensors(value, f"{path}.{number}")
    elif isinstance(state, Tensor | np.ndarray):
        yield path, torch.as_tensor(state).clone()


def parts(training: SMILe, index: int = 0) -> dict[str, Tensor]:
    """Everything that continues an agent's training, by name."""
    return dict(tensors(training.state_dict(index)))


def logged(steps: Sequence[Any], index: int) -> list[Mapping[str, float]]:
    return [step[index] for step in steps]


def assert_close(one: Mapping[str, Tensor], other: Mapping[str, Tensor], rtol: float) -> None:
    """Tensors to a relative error, and what was sampled to the bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name.endswith("generator"):
            assert torch.equal(value, other[name]), name
        else:
            torch.testing.assert_close(value, other[name], rtol=rtol, atol=rtol, msg=name)


def assert_logs_close(one: Mapping[str, float], other: Mapping[str, float], rtol: float) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        # Accuracies jump where a logit crosses 0.
        loose = 0.1 if "accuracy" in name else rtol
        assert value == pytest.approx(other[name], rel=loose, abs=loose), name


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_seed_gives_the_same_training_alone_and_among_others(case: str) -> None:
    config = CASES[case]
    given = (5, 0, 2)
    together = made(seeds(config, *given))
    alone = [made([own]) for own in seeds(config, *given)]
    for index, own in enumerate(alone):
        first, second = parts(together, index), parts(own)
        initial = [name for name in first if "adam" in name or "sac" in name or "target" in name]
        assert len(initial) > 10
        for name in initial:
            assert torch.equal(first[name], second[name]), name
    # Some ten updates; more would let differences in the last bit grow.
    steps = [together.step() for _ in range(4)]
    assert together.updates == 3 * config.updates_per_iteration
    for index, own in enumerate(alone):
        alike = [own.step()[0] for _ in range(4)]
        for mine, theirs in zip(logged(steps, index), alike, strict=True):
            assert not isinstance(theirs, DivergedError)
            assert_logs_close(mine, theirs, 1e-3)
        assert_close(parts(together, index), parts(own), 1e-4)
        assert together.accesses[index].counts == own.accesses[0].counts


@pytest.mark.slow
def test_without_episodes_a_seed_stays_itself_to_the_last_digits() -> None:
    """Physics lets differences grow; ten updates on the same transitions do not."""
    config = replace(EVERYTHING, demonstrations=DemonstrationConfig(bc_weight=5.0))
    together = made(seeds(config, 5, 0, 2))
    alone = [made([own]) for own in seeds(config, 5, 0, 2)]
    for training in (together, *alone):
        training.step()
        training.iteration = 1
        training._begin_updates()
        for _ in range(10):
            training._update()
    for index, own in enumerate(alone):
        first, second = parts(together, index), parts(own)
        assert_close(first, second, 1e-5)
        replays = [name for name in first if ".replay." in name or "rng" in name]
        assert replays
        for name in replays:
            assert torch.equal(first[name], second[name]), name


DIFFERENT: Mapping[str, Sequence[object]] = {
    "seed": (3, 3, 8),
    "reward_clip": (0.5, 0.05, 2.0),
    "reward_scale": (1.0, 4.0, 0.3),
    "final_lr_fraction": (1.0, 0.1, 0.5),
    "discriminator.gradient_penalty": (0.0, 4.0, 1.0),
    "discriminator.optimizer.learning_rate": (1e-3, 1e-4, 3e-4),
    "demonstrations.bc_weight": (1.0, 50.0, 5.0),
    "sac.discount": (0.9, 0.99, 0.5),
    "sac.polyak": (0.005, 0.5, 0.1),
    "sac.learning_rate": (1e-3, 1e-4, 3e-4),
    "sac.entropy_weight": (0.1, 1.0, 0.01),
}


@pytest.mark.slow
@pytest.mark.parametrize("base", [EVERYTHING, INFERRING], ids=["state-action", "state-only"])
def test_trainings_that_differ_in_scalars_are_those_that_each_is_alone(base: SMILeConfig) -> None:
    configs = [
        replaced(base, {name: values[index] for name, values in DIFFERENT.items()})
        for index in range(3)
    ]
    together, alone = made(configs), [made([config]) for config in configs]
    for training in (together, *alone):
        training.step()
        training.iteration = 2
        training._begin_updates()
        for _ in range(10):
            training._update()
    for index, own in enumerate(alone):
        assert_close(parts(together, index), parts(own), 1e-5)
    weights = [parts(together, index)[".members.0.sac.policy.parameters"] for index in range(3)]
    assert not torch.allclose(weights[0], weights[1], rtol=1e-3)
    assert together.settings[1]["sac"]["discount"] == 0.99


def poisoned(config: SMILeConfig, place: int) -> tuple[SMILe, SMILe]:
    """Three trainings of which one diverges, and the same with that one healthy.

    The healthy one has another learning rate, too, so that both take the same operations.
    """
    sick, healthy = (
        [
            replaced(own, {"sac.learning_rate": rate} if index == place else {})
            for index, own in enumerate(seeds(config, 5, 0, 2))
        ]
        for rate in (1e30, 1e-3)
    )
    return made(sick), made(healthy)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("updates", [1, 4])
def test_one_that_diverges_leaves_the_others_as_they_are(place: int, updates: int) -> None:
    config = replace(CONFIG, iterations=7, updates_per_iteration=updates, validate_every=1)
    sick, healthy = poisoned(config, place)
    steps, expected = ([training.step() for _ in range(6)] for training in (sick, healthy))
    for index in range(3):
        mine, theirs = (logged(each, index) for each in (steps, expected))
        if index == place:
            failed = [log for log in mine if isinstance(log, DivergedError)]
            assert failed
            # Always the same error, from the iteration on that met the number.
            assert mine[-len(failed) :] == failed
            assert len({id(error) for error in failed}) == 1
            assert "non-finite in iteration" in str(failed[0])
            for log in mine[: -len(failed)]:
                assert all(math.isfinite(value) for value in log.values())
            continue
        assert mine == theirs
        first, second = parts(sick, index), parts(healthy, index)
        assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_one_that_has_stopped_is_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    sick, _ = poisoned(replace(CONFIG, iterations=7, validate_every=1), 1)
    scored: list[int] = []
    agent = sick.agent

    def watched(index: int, recipe: Mapping[str, Any]) -> Any:
        scored.append(index)
        return agent(index, recipe)

    monkeypatch.setattr(sick, "agent", watched)
    for _ in range(5):
        scored.clear()
        logs = sick.step()
        running = [index for index, log in enumerate(logs) if not isinstance(log, DivergedError)]
        assert scored == running
        for log in logs:
            if not isinstance(log, DivergedError):
                assert any(name.startswith("validation/") for name in log)
    assert scored == [0, 2]


@pytest.mark.parametrize("size", [math.nan, 1e30])
def test_weights_that_no_loss_has_seen_stop_their_training_alone(size: float) -> None:
    """The last update of an iteration leaves them; 1e30 is finite and its products are not."""
    training = made(seeds(replace(CONFIG, iterations=7, validate_every=1), 5, 0))
    training.step()
    first, iterate = training.sac._policy_adam.rows, training.iterate

    def spoilt() -> list[dict[str, float]]:
        logs = iterate()
        with torch.no_grad():
            first[1].mul_(size)
        training.ema.update()
        return logs

    training.iterate = spoilt  # type: ignore[method-assign]
    healthy, sick = training.step()
    assert isinstance(healthy, Mapping)
    assert any(name.startswith("validation/") for name in healthy)
    what = "weights" if math.isnan(size) else "actions"
    assert isinstance(sick, DivergedError)
    assert str(sick).startswith(f"{what} became non-finite in iteration 2.")


def test_a_resumed_run_continues_around_a_training_that_stopped() -> None:
    """Its state is an earlier one, even that of the beginning."""
    config = replace(CONFIG, iterations=7)
    for place in (0, 2):
        beginning, whole = made(seeds(config, 5, 0, 2)), made(seeds(config, 5, 0, 2))
        states = [beginning.state_dict(place)]
        for _ in range(3):
            whole.step()
        resumed = made(seeds(config, 5, 0, 2))
        resumed.load_state_dict(
            [states[0] if index == place else whole.state_dict(index) for index in range(3)]
        )
        assert resumed.iteration == 3
        others = [index for index in range(3) if index != place]
        for _ in range(2):
            mine, theirs = resumed.step(), whole.step()
            assert [mine[index] for index in others] == [theirs[index] for index in others]
        for index in others:
            first, second = parts(resumed, index), parts(whole, index)
            assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_resumed_run_does_not_score_one_that_stopped(tmp_path: Path) -> None:
    config = replace(CONFIG, iterations=7, validate_every=1)

    def trained(name: str, stop_after: int | None = None) -> SMILe:
        training = made(seeds(config, 5, 0, 2))
        iterate = training.iterate

        def spoilt() -> list[dict[str, float]]:
            logs = iterate()
            if training.iteration == 2:
                with torch.no_grad():
                    training.sac._policy_adam.rows[1].fill_(math.nan)
                training.ema.update()
            return logs

        training.iterate = spoilt  # type: ignore[method-assign]
        folders = [tmp_path / name / str(index) for index in range(3)]
        report = run_all(training, folders, checkpoint_seconds=0.0, stop_after=stop_after)
        assert report.diverged.keys() == {1}
        return training

    whole, cut = trained("whole"), trained("cut", stop_after=4)
    resumed = trained("cut")
    assert (cut.iteration, resumed.iteration) == (4, 7)
    for index in (0, 2):
        first, second = parts(resumed, index), parts(whole, index)
        assert all(torch.equal(value, second[name]) for name, value in first.items())
        assert resumed.accesses[index].counts == whole.accesses[index].counts
    steps = [each.accesses[1].counts.validation_env_steps for each in (whole, cut, resumed)]
    assert len({*steps}) == 1
    assert steps[0] < whole.accesses[0].counts.validation_env_steps


def test_members_act_by_their_mean_and_are_trainings_of_their_own() -> None:
    config = replace(CONFIG, members=2, seed=3)
    agent, singles = made([config]), made(seeds(CONFIG, 6, 7))
    for _ in range(2):
        (log,) = agent.step()
        each = singles.step()
    assert not isinstance(log, DivergedError)
    for name, value in log.items():
        if name.startswith("losses/"):
            both = [single[name] for single in each if not isinstance(single, DivergedError)]
            assert value == pytest.approx(sum(both) / 2.0, rel=1e-5)
    assert len(agent.agent(0, {}).members) == 2
    first, second = (parts(singles, index) for index in range(2))
    together = parts(agent)
    for single, number in ((first, 0), (second, 1)):
        name = ".members.{}.sac.policy.parameters"
        torch.testing.assert_close(together[name.format(number)], single[name.format(0)])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["everything", "everything state-only", "members with one replay"])
def test_replayed_as_graphs_trainings_give_the_bits_of_eager_ones(case: str) -> None:
    """With a stand-in for CUDA graphs, which shows what a graph would not repeat."""
    config = replace(CASES[case], iterations=8, updates_per_iteration=12, validate_every=3)
    configs = seeds(config, 4, 1)
    eager = made(configs)
    logs = [eager.step() for _ in range(5)]
    with recorded_graphs() as graphs:
        replayed = made(configs)
        assert [replayed.step() for _ in range(5)] == logs
    assert len(graphs) >= 3
    assert sum(graph.replays for graph in graphs) > 10
    for index in range(2):
        first, second = parts(eager, index), parts(replayed, index)
        assert all(torch.equal(value, second[name]) for name, value in first.items())
