"""Several seeds of an agent at once: folders, recipes, divergence, options, too little memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access, AccessCounts
from smile_bench.baselines import (
    AgentSpec,
    ComputeOptions,
    Trained,
    TrainingSpec,
    all_agents,
    register_agent,
    registry,
    train,
    train_agent,
)
from smile_bench.errors import CheckpointError, DivergedError, InputError, UnknownNameError
from smile_bench.learning import devices
from smile_bench.learning.compute import Compute, hardware
from smile_bench.learning.loop import Alone, Interleaved, memory

GRID = "SmileGridGoal-v0"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of a training."""

    family: str
    seed: int = 0
    iterations: int = 3
    diverging: tuple[int, ...] = ()
    """Seeds that diverge in the second iteration."""


@dataclass(frozen=True)
class Mean:
    """An agent that is stored and does nothing."""

    config: Config
    value: float
    recipe: Mapping[str, Any]

    def adapt(self, contexts: Sequence[object]) -> None:
        raise NotImplementedError

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"value": self.value, "recipe": self.recipe}))


class MeanTraining:
    """A random walk among the demonstrations' actions."""

    def __init__(self, config: Config, access: Access, device: object) -> None:
        self.config, self.access, self.device = config, access, device
        self.actions = access.demonstrations().actions
        self.rng, self.value, self.iteration = np.random.default_rng(config.seed), 0.0, 0

    @property
    def settings(self) -> dict[str, Any]:
        return asdict(self.config)

    @property
    def iterations(self) -> int:
        return self.config.iterations

    def step(self) -> dict[str, float]:
        if self.config.seed in self.config.diverging and self.iteration == 1:
            raise DivergedError("the value left the numbers in iteration 2.")
        assert self.actions is not None
        self.value += float(self.rng.choice(self.actions.ravel())) + float(self.rng.normal())
        self.iteration += 1
        return {"losses/value": self.value}

    def agent(self, recipe: Mapping[str, Any]) -> Mean:
        used = {"settings": self.settings, "access": asdict(self.access.counts)}
        return Mean(self.config, self.value, {**recipe, **used})

    def state_dict(self) -> dict[str, Any]:
        rng, counts = self.rng.bit_generator.state, asdict(self.access.counts)
        return {"iteration": self.iteration, "value": self.value, "rng": rng, "access": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration, self.value = state["iteration"], state["value"]
        self.rng.bit_generator.state = state["rng"]
        self.access.restore(state["access"])


made: list[Compute] = []


def make_trainings(
    configs: Sequence[Config], accesses: Sequence[Access], compute: Compute
) -> Interleaved:
    made.append(compute)
    pairs = zip(configs, accesses, strict=True)
    return Interleaved([MeanTraining(config, access, None) for config, access in pairs])


SINGLE = TrainingSpec(
    track="offline",
    preset=lambda family, seed: Config(family=family, seed=seed),
    trainer=MeanTraining,
)
STACKED = replace(SINGLE, trainer=None, trainings=make_trainings)
KINDS = {"single": SINGLE, "stacked": STACKED}


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    made.clear()
    for name, training in KINDS.items():
        register_agent(
            AgentSpec(name=name, summary="a mean", load=lambda family: None, training=training)  # type: ignore[arg-type,return-value]
        )


def stored(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_seed_has_the_folder_and_the_numbers_of_a_training_alone(
    kind: str, tmp_path: Path
) -> None:
    trained = train_agent(kind, GRID, tmp_path / "many", seeds=range(3), tasks=8)
    assert trained.diverged == {}
    assert trained.paths == {
        seed: tmp_path / "many" / f"seed-{seed}" / f"{GRID}.safetensors" for seed in range(3)
    }
    for seed, path in trained.paths.items():
        alone = train_agent(kind, GRID, tmp_path / f"alone-{seed}", seed=seed, tasks=8)
        assert alone is not None
        assert stored(path)["value"] == stored(alone)["value"]
        recipe, other = stored(path)["recipe"], stored(alone)["recipe"]
        assert recipe["command"] == (
            f"smile-bench train --agent {kind} --family {GRID} --seeds 0-2 --tasks 8"
        )
        assert (recipe["seed"], recipe["trained_together"]) == (seed, 3)
        assert "trained_together" not in other
        own = {"command", "seconds", "cpu_seconds", "trained_together"}
        assert {k: v for k, v in recipe.items() if k not in own} == {
            k: v for k, v in other.items() if k not in own
        }
        # Each counted what it used itself.
        assert recipe["access"]["demonstrations"] == 8 * 16


def test_the_access_that_was_given_counts_nothing_of_several(tmp_path: Path) -> None:
    access = Access(GRID, track="offline", tasks=4)
    trained = train("stacked", access, tmp_path, seeds=[5, 3])
    assert [stored(path)["recipe"]["access"]["demonstrations"] for path in trained.paths.values()]
    assert access.counts == AccessCounts()
    # One seed is a list of one, too.
    assert train("stacked", access, tmp_path / "one", seeds=[7]).paths.keys() == {7}
    assert (tmp_path / "one" / "seed-7" / f"{GRID}.safetensors").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_interrupted_and_continue(kind: str, tmp_path: Path) -> None:
    whole = train_agent(kind, GRID, tmp_path / "whole", seeds=(0, 1))
    cut = train_agent(kind, GRID, tmp_path / "cut", seeds=(0, 1), stop_after=2)
    assert cut == Trained(paths={}, diverged={})
    with pytest.raises(CheckpointError, match="Continue it with --seeds 0,1, or"):
        train_agent(kind, GRID, tmp_path / "cut", seeds=(0, 1, 2))
    resumed = train_agent(kind, GRID, tmp_path / "cut", seeds=(0, 1))
    for seed in (0, 1):
        first, second = (stored(trained.paths[seed]) for trained in (whole, resumed))
        assert first["value"] == second["value"]
        assert first["recipe"]["access"] == second["recipe"]["access"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_diverges_has_no_weights_and_the_others_have(kind: str, tmp_path: Path) -> None:
    def configure(config: Config) -> Config:
        return replace(config, diverging=(1,))

    for _ in range(2):  # The second time continues a run that has ended.
        trained = train_agent(kind, GRID, tmp_path, seeds=range(3), configure=configure)
        assert trained.paths.keys() == {0, 2}
        assert trained.diverged == {1: "the value left the numbers in iteration 2."}
        assert not (tmp_path / "seed-1" / f"{GRID}.safetensors").exists()
        assert (tmp_path / "seed-1" / "diverged.json").exists()
    with pytest.raises(DivergedError, match="in iteration 2"):
        train_agent(kind, GRID, tmp_path / "one", seed=1, configure=configure)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"seeds": [0, 1, 0]}, "given twice among the seeds: 0"),
        ({"seeds": [0, -1]}, "-1 is not a seed"),
        ({"seeds": []}, "no seed was given"),
        ({"seeds": "0-3"}, "'0-3' is not a seed"),
        ({"seed": -1}, "-1 is not a seed"),
        ({"seed": 0, "seeds": [1]}, "both seed and seeds were given"),
    ],
)
def test_wrong_seeds_are_refused(seeds: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        train_agent("stacked", GRID, tmp_path, **seeds)
    assert not list(tmp_path.iterdir())


def test_a_stacked_agent_is_told_how_to_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(hardware, "lacks_for_compiling", lambda device: None)
    options = ComputeOptions(graph=False, compile=True, precision="bf16", threads=3)
    path = train_agent("stacked", GRID, tmp_path, compute=options)
    assert path is not None
    assert made == [Compute(graph=False, compile=True, precision="bf16", threads=3)]
    recipe = stored(path)["recipe"]
    assert recipe["command"].endswith("--seed 0 --precision bf16 --compile --no-graph")
    assert (recipe["precision"], recipe["compiled"]) == ("bf16", True)
    # The numbers depend on the precision, so that it stays the same in a resumed training.
    with pytest.raises(CheckpointError, match="precision: 'bf16' stored, None given"):
        train_agent("stacked", GRID, tmp_path)
    train_agent("stacked", GRID, tmp_path / "usual", stop_after=1)
    assert made[-1] == Compute()


@pytest.mark.parametrize("kind", KINDS)
def test_the_device_stands_in_the_recipe(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = torch.device("meta")
    monkeypatch.setattr(devices, "find_device", lambda name: place)
    monkeypatch.setattr(devices, "describe", lambda device: f"{device} (a card)")
    trained = train_agent(kind, GRID, tmp_path, seeds=[3], device="cuda:1")
    recipe = stored(trained.paths[3])["recipe"]
    assert recipe["device"] == "meta (a card)"
    assert recipe["command"].endswith("--seeds 3 --device cuda:1")
    assert [compute.device for compute in made] == ([place] if kind == "stacked" else [])


def test_an_agent_that_is_trained_alone_takes_its_device_only(tmp_path: Path) -> None:
    options = ComputeOptions(precision="bf16", threads=2)
    with pytest.raises(InputError, match=r"single chooses how it computes.*not precision, threads"):
        train_agent("single", GRID, tmp_path, compute=options)


def test_a_declaration_names_one_way_to_train() -> None:
    for parts in ({"trainer": None}, {"trainings": make_trainings}):
        with pytest.raises(InputError, match=r"either trainer, .*, or trainings, .*give one"):
            replace(SINGLE, **parts)


def test_each_way_makes_one_training_and_several() -> None:
    config, access, place = Config(family=GRID), Access(GRID, track="offline"), torch.device("cpu")
    for training in KINDS.values():
        one = training.make_trainer(config, access, place)
        one.step()
        assert one.agent({"x": 1}).recipe["x"] == 1
        several = training.make_trainings([config] * 2, [access] * 2, Compute())
        logs = several.step()
        assert logs[0] == logs[1]
        assert several.agent(1, {}).value == one.agent({}).value
    assert isinstance(STACKED.make_trainer(config, access, place), Alone)
    assert made[0] == Compute(device=place)


def out_of_memory(most: int, what: list[int]) -> TrainingSpec:
    """A training of which ``most`` fit."""

    def make(configs: Any, accesses: Any, compute: Compute) -> Any:
        what.append(len(configs))
        if len(configs) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. More.")
        return make_trainings(configs, accesses, compute)

    return replace(STACKED, trainings=make)


@pytest.mark.parametrize(("most", "seeds"), [(1, 2), (5, 8)])
def test_too_little_memory_says_how_many_fit(
    most: int, seeds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    spec = replace(all_agents()["stacked"], name="large", training=out_of_memory(most, asked))
    register_agent(spec)
    gib = 2**30
    # One training takes 3 GiB, each more 2 GiB, and 12 GiB are free.
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (12 * gib, 80 * gib))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: (1 + 2 * asked[-1]) * gib)
    message = (
        rf"the memory of cpu does not hold {seeds} trainings \(CUDA out of memory\)\. About "
        rf"{most} fit: give as many seeds at once"
    )
    with pytest.raises(InputError, match=message):
        train_agent("large", GRID, tmp_path, seeds=range(seeds))
    assert asked == [seeds, 1, 2]
    asked.clear()
    register_agent(replace(spec, name="larger", training=out_of_memory(0, asked)))
    with pytest.raises(InputError, match=r"does not hold this training \(CUDA out of memory\)"):
        train_agent("larger", GRID, tmp_path)
    with pytest.raises(InputError, match="About 0 fit"):
        train_agent("larger", GRID, tmp_path, seeds=[0, 1])


def test_memory_is_measured_on_steps_that_update(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    class Counted(Interleaved):
        def step(self) -> Any:
            steps.append(len(self.trainings))
            return super().step()

    access = Access(GRID, track="offline", tasks=2)

    def make(number: int) -> Counted:
        return Counted([MeanTraining(Config(family=GRID), access, None) for _ in range(number)])

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 100 * steps[-1])
    assert memory.trainings_that_fit(make, torch.device("cpu")) == 9
    assert steps == [1, 1, 2, 2]


def test_no_such_precision(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown precision 'fp16'"):
        train_agent("stacked", GRID, tmp_path, compute=ComputeOptions(precision="fp16"))
