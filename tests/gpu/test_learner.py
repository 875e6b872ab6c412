"""The learner on a GPU: graphs equal eager updates, nothing waits, trainings resume and differ.

Without a GPU these tests are skipped; ``tools/gpu_check.sh`` runs them where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.meta_bc.presets import preset as meta_bc_preset
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.baselines.smile.presets import preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import DivergedError
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]

AGENTS = [
    ("smile", "SmileAntGoal-v0"),
    ("smile-state-only", "SmileAntGoal-v0"),
    ("smile", "SmileAntLinearClassification-v0"),
    ("smile-state-only", "SmileWalkerDynamics-v0"),
]


def trainings(name: str, family: str, seeds: Sequence[int], *, graph: bool = True) -> SMILe:
    """A preset with few control steps and many updates, so that graphs are replayed."""
    configs = [
        replace(
            preset(name, family, seed),
            members=1,
            shared_replay=False,
            iterations=4,
            env_steps_per_iteration=10,
            updates_per_iteration=60,
            validate_every=0,
        )
        for seed in seeds
    ]
    accesses = [Access(family, state_only=config.state_only) for config in configs]
    return SMILe(configs, accesses, Compute(device=torch.device("cuda"), graph=graph))


def weights(training: SMILe, index: int = 0) -> Tensor:
    """Everything that a training of the stack has learnt."""
    parts: list[Tensor] = []

    def gather(state: Any) -> None:
        for value in state.values():
            if isinstance(value, dict):
                gather(value)
            elif isinstance(value, Tensor):
                parts.append(value.detach().float().flatten().cpu())

    state = training.member_state(index)
    gather({name: state[name] for name in ("sac", "reward_learner", "inverse_dynamics", "ema")})
    return torch.cat(parts)


@pytest.mark.parametrize(("name", "family"), AGENTS)
def test_replayed_graphs_equal_eager_updates(name: str, family: str) -> None:
    graphs, eager = (trainings(name, family, [3, 4], graph=graph) for graph in (True, False))
    for _ in range(2):
        graphs.step()
        eager.step()
    assert graphs.cycles._captured
    for index in range(2):
        torch.testing.assert_close(
            weights(graphs, index), weights(eager, index), rtol=1e-3, atol=1e-4
        )


@pytest.fixture
def strict_cycles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Within cycles, whatever waits for the GPU is an error. Gives how many cycles ran."""
    ran: list[int] = []
    run = Cycles.run

    def strict(self: Cycles, key: Any, cycle: Callable[[], Any]) -> Any:
        if key not in self._captured:  # A capture waits by itself.
            return run(self, key, cycle)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return run(self, key, cycle)
        finally:
            torch.cuda.set_sync_debug_mode("default")
            ran.append(1)

    monkeypatch.setattr(Cycles, "run", strict)
    return ran


@pytest.mark.parametrize(("name", "family"), AGENTS)
def test_replays_do_not_wait(name: str, family: str, strict_cycles: list[int]) -> None:
    training = trainings(name, family, [0])
    for _ in range(2):
        training.step()
    assert strict_cycles


def test_eager_cycles_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Cycles.run

    def strict(self: Cycles, key: Any, cycle: Callable[[], Any]) -> Any:
        torch.cuda.set_sync_debug_mode("error")
        try:
            return run(self, key, cycle)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Cycles, "run", strict)
    training = trainings("smile", "SmileAntGoal-v0", [0], graph=False)
    for _ in range(2):
        training.step()


def test_a_training_resumes_to_equal_bits() -> None:
    whole = trainings("smile", "SmileAntGoal-v0", [0, 1, 2])
    for _ in range(4):
        whole.step()
    first = trainings("smile", "SmileAntGoal-v0", [0, 1, 2])
    for _ in range(2):
        first.step()
    states = [first.state_dict(index) for index in range(3)]
    second = trainings("smile", "SmileAntGoal-v0", [0, 1, 2])
    second.load_state_dict(states)
    for _ in range(2):
        second.step()
    for index in range(3):
        assert torch.equal(weights(whole, index), weights(second, index))


def test_a_seed_alone_and_among_others() -> None:
    alone, others = (
        trainings("smile", "SmileAntGoal-v0", [1]),
        trainings("smile", "SmileAntGoal-v0", [0, 1, 2]),
    )
    assert torch.equal(weights(alone), weights(others, 1))
    for training in (alone, others):
        training.step()
        training._begin_updates()
        for _ in range(10):
            training._update()
    torch.testing.assert_close(weights(alone), weights(others, 1), rtol=1e-3, atol=1e-4)


def test_one_that_diverges_leaves_the_others() -> None:
    healthy = trainings("smile", "SmileAntGoal-v0", [0, 1])
    config = healthy.config
    configs = [config, replace(config, seed=1, sac=replace(config.sac, learning_rate=1e30))]
    accesses = [Access(config.family) for _ in configs]
    broken = SMILe(configs, accesses, Compute(device=torch.device("cuda")))
    for _ in range(3):
        log = broken.step()
    assert isinstance(log[1], DivergedError)
    assert not isinstance(log[0], DivergedError)
    assert weights(broken, 0).isfinite().all()


def test_meta_bc_learns() -> None:
    family = "SmileAntGoal-v0"
    configs = [
        replace(meta_bc_preset(family, seed), total_updates=400, validate_every=0)
        for seed in (0, 1)
    ]
    accesses = [Access(family, track="offline") for _ in configs]
    training = MetaBC(configs, accesses, Compute(device=torch.device("cuda")))
    logs = [training.step() for _ in range(training.iterations)]
    for index in range(2):
        first, last = logs[0][index], logs[-1][index]
        assert not isinstance(first, DivergedError)
        assert not isinstance(last, DivergedError)
        assert last["losses/action_mse"] < 0.8 * first["losses/action_mse"]
