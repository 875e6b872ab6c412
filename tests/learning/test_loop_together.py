"""Trainings that run together: folders as if alone, rounds that survive kills, divergence."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import CheckpointError, DivergedError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop import Alone, Interleaved, RunReport, run, run_all

KILLED = 9


class Walk:
    """A random walk; it diverges in iteration ``ends_in``, by an error or by what it logs."""

    iterations = 6

    def __init__(self, seed: int, ends_in: int | None = None, logs: float | None = None) -> None:
        self.settings: Mapping[str, Any] = {"seed": seed, "size": 1.0}
        self.ends_in, self.logs = ends_in, logs
        self.rng, self.at, self.iteration, self.steps = np.random.default_rng(seed), 0.0, 0, 0

    def step(self) -> dict[str, float]:
        self.steps += 1
        if self.iteration + 1 == self.ends_in and self.logs is None:
            raise DivergedError(f"the walk left in iteration {self.ends_in}.")
        self.at += float(self.rng.normal())
        self.iteration += 1
        bad = self.logs is not None and self.iteration == self.ends_in
        return {"losses/at": self.logs if bad and self.logs is not None else self.at}

    def state_dict(self) -> dict[str, Any]:
        rng = self.rng.bit_generator.state
        return {"iteration": self.iteration, "at": self.at, "rng": rng}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration, self.at = state["iteration"], state["at"]
        self.rng.bit_generator.state = state["rng"]


Make = Callable[[int], Walk]


def together(
    folder: Path,
    seeds: Sequence[int] = (0, 1, 2),
    make: Make = Walk,
    *,
    stop_after: int | None = None,
    checkpoint_seconds: float = 0.0,
) -> RunReport:
    return run_all(
        Interleaved([make(seed) for seed in seeds]),
        folders(folder, seeds),
        stop_after=stop_after,
        checkpoint_seconds=checkpoint_seconds,
    )


def folders(folder: Path, seeds: Sequence[int] = (0, 1, 2)) -> list[Path]:
    return [folder / f"seed-{seed}" for seed in seeds]


def state(folder: Path) -> Any:
    return load_checkpoint(folder / "checkpoint.safetensors")["training"]


def rows(folder: Path) -> list[tuple[str, str]]:
    text = (folder / "progress.csv").read_text(encoding="utf-8")
    return [(row["iteration"], row["losses/at"]) for row in csv.DictReader(text.splitlines())]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


LEFT = {"checkpoint.safetensors", "progress.csv", "tensorboard"}


def test_each_training_leaves_what_it_leaves_alone(tmp_path: Path) -> None:
    report = together(tmp_path / "together")
    assert report.diverged == {}
    assert report.seconds > 0.0
    for seed, folder in enumerate(folders(tmp_path / "together")):
        alone = tmp_path / "alone" / str(seed)
        run(Walk(seed), alone)
        assert state(folder) == state(alone)
        assert rows(folder) == rows(alone)
        assert names(folder) == names(alone) == LEFT
        assert [path.name.split(".")[0] for path in (folder / "tensorboard").iterdir()] == [
            "events"
        ]


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether work in a child ended with the ``number``-th rename, before it, without clean-up."""
    child = os.fork()
    if child == 0:
        rename, done = os.replace, [0]

        def counted(*given: Any, **named: Any) -> None:
            done[0] += 1
            if done[0] == number:
                os._exit(KILLED)
            rename(*given, **named)

        os.replace = counted
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED)
    return status == KILLED


class Short(Walk):
    iterations = 3


def stops(seed: int) -> Walk:
    """The second of three diverges in its second iteration."""
    return Short(seed, ends_in=2 if seed == 1 else None)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("make", [Short, stops])
def test_after_a_kill_at_any_rename_a_run_ends_with_the_same_numbers(
    tmp_path: Path, make: Make
) -> None:
    expected = together(tmp_path / "whole", make=make).diverged
    number, begun = 1, set()
    while killed_at(number, partial(together, tmp_path / str(number), make=make)):
        trainings = [make(seed) for seed in range(3)]
        cut = folders(tmp_path / str(number))
        report = run_all(Interleaved(trainings), cut, checkpoint_seconds=0.0)
        assert report.diverged == expected
        # Those that did not stop begin at one iteration.
        running = [t.iterations - t.steps for t in trainings if t.settings["seed"] not in expected]
        assert len({*running}) == 1
        begun.add(running[0])
        for folder, whole in zip(cut, folders(tmp_path / "whole"), strict=True):
            assert state(folder) == state(whole)
            # A log that was not written yet lacks its rows; what there is, is right.
            assert {*rows(folder)} <= {*rows(whole)}
            assert names(folder) == names(whole)
        number += 1
    assert begun == {0, 1, 2, 3}
    # Two renames a checkpoint and one a log.
    assert number > 3 * 3 * 3 - 3


def test_an_error_within_a_round_leaves_one_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together(tmp_path, stop_after=2)
    rename, renamed = os.replace, list[Any]()

    def failing(source: Any, target: Any) -> None:
        if Path(source).name.endswith(".next"):
            if len(renamed) == 1:
                raise OSError("no space left")
            renamed.append(target)
        rename(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        together(tmp_path, stop_after=3)
    monkeypatch.undo()
    assert [state(folder)["iteration"] for folder in folders(tmp_path)] == [3, 2, 2]
    trainings = [Walk(seed) for seed in range(3)]
    run_all(Interleaved(trainings), folders(tmp_path), stop_after=3)
    assert [training.steps for training in trainings] == [0, 0, 0]
    assert [state(folder)["iteration"] for folder in folders(tmp_path)] == [3, 3, 3]
    assert [names(folder) for folder in folders(tmp_path)] == [LEFT] * 3


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    together(tmp_path, stop_after=2)
    first, second, _ = folders(tmp_path)
    for name in (".checkpoint.safetensors.next.ab12.part", ".progress.csv.ab12.part"):
        (second / name).write_bytes(b"half")
    # Of the next round only one checkpoint was written.
    later = tmp_path / "later"
    together(later, stop_after=3)
    written = (later / "seed-0" / "checkpoint.safetensors").read_bytes()
    (first / "checkpoint.safetensors.next").write_bytes(written)
    trainings = [Walk(seed) for seed in range(3)]
    run_all(Interleaved(trainings), folders(tmp_path))
    assert [training.steps for training in trainings] == [4, 4, 4]
    assert [names(folder) for folder in folders(tmp_path)] == [LEFT] * 3


@pytest.mark.parametrize("logs", [None, float("nan")])
def test_one_that_diverges_is_stopped_and_the_others_continue(
    tmp_path: Path, logs: float | None
) -> None:
    made: list[Walk] = []

    def make(seed: int) -> Walk:
        made.append(Walk(seed, ends_in=4 if seed == 1 else None, logs=logs))
        return made[-1]

    def ended() -> RunReport:
        return together(tmp_path / "cut", make=make)

    whole = together(tmp_path / "whole", make=make, checkpoint_seconds=1000.0)
    assert whole.diverged.keys() == {1}
    assert [walk.steps for walk in made] == [6, 4, 6]
    together(tmp_path / "cut", make=make, stop_after=5)
    report = ended()
    assert report.diverged.keys() == {1}
    # After the resume the stopped one was not tried again.
    assert [walk.steps for walk in made[-3:]] == [1, 0, 1]
    assert [walk.iteration for walk in made[-3:]] == [6, 3, 6]
    _, stopped, other = folders(tmp_path / "cut")
    document = json.loads((stopped / "diverged.json").read_text(encoding="utf-8"))
    assert document["message"] == report.diverged[1]
    assert ("left in iteration 4" if logs is None else "at became non-finite at iteration 4") in (
        report.diverged[1]
    )
    assert names(stopped) == {*LEFT, "diverged.json"}
    assert document["iteration"] == 4 or logs is None
    assert state(stopped)["iteration"] == 3
    assert [row[0] for row in rows(stopped)] == [*"123"]
    run(Walk(2), tmp_path / "alone")
    assert state(other) == state(tmp_path / "alone")
    assert rows(other) == rows(tmp_path / "alone")
    # It has a checkpoint even where it diverges before the first round after the beginning.
    assert state(tmp_path / "whole" / "seed-1")["iteration"] == 0
    assert ended().diverged == report.diverged


def test_divergence_in_work_that_is_repeated_is_forgotten(tmp_path: Path) -> None:
    class Cut(Walk):
        def step(self) -> dict[str, float]:
            if self.iteration == 3 and self.settings["seed"] == 2:
                raise KeyboardInterrupt
            return super().step()

    together(tmp_path, stop_after=1)
    with pytest.raises(KeyboardInterrupt):
        together(
            tmp_path,
            make=lambda seed: Cut(seed, ends_in=2 if seed == 0 else None),
            checkpoint_seconds=1000.0,
        )
    assert (tmp_path / "seed-0" / "diverged.json").exists()
    assert [row[0] for row in rows(tmp_path / "seed-1")] == [*"123"]
    # The newest round is of iteration 1, before the divergence; this time there is none.
    assert together(tmp_path).diverged == {}
    run(Walk(0), tmp_path / "alone")
    assert rows(tmp_path / "seed-0") == rows(tmp_path / "alone")
    assert names(tmp_path / "seed-0") == LEFT


def test_when_all_have_diverged_the_run_ends(tmp_path: Path) -> None:
    message = r"all 2 trainings have diverged\. seed-0: .*iteration 3\.; seed-1: .*iteration 2\."
    for _ in range(2):
        with pytest.raises(DivergedError, match=message):
            together(tmp_path, (0, 1), lambda seed: Walk(seed, ends_in=3 - seed))


def test_a_single_training_raises_its_own_error(tmp_path: Path) -> None:
    error = "the walk left in iteration 3"
    for training in (Walk(0, ends_in=3), Alone(Interleaved([Walk(0, ends_in=3)]))):
        with pytest.raises(DivergedError, match=error):
            run(training, tmp_path, checkpoint_seconds=0.0)
    assert names(tmp_path) == LEFT
    assert state(tmp_path)["iteration"] == 2


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ((0, 1, 2), (0, 1), "is of training 1 of 3, seeds 0-2.*Continue it with --seeds 0-2, or"),
        (
            (0, 1),
            (0, 1, 2),
            "this run has training 1 of 3, seeds 0-2.*Continue it with --seeds 0,1",
        ),
        ((0, 1, 2), (2, 1, 0), "training 3 of 3, seeds 0-2, and this run has training 1 of 3"),
        ((0, 1, 2), (1,), "is of training 2 of 3, seeds 0-2, and .* has a training alone, seed 1"),
        ((1,), (0, 1), "is of a training alone, seed 1.*Continue it with --seed 1, or give"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    tmp_path: Path, first: Sequence[int], then: Sequence[int], message: str
) -> None:
    together(tmp_path, first, stop_after=1)
    stored = {path: path.read_bytes() for path in tmp_path.glob("*/*.*")}
    with pytest.raises(CheckpointError, match=message):
        together(tmp_path, then)
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*.*")} == stored


def test_other_settings_are_refused(tmp_path: Path) -> None:
    together(tmp_path, stop_after=1)

    def larger(seed: int) -> Walk:
        made = Walk(seed)
        made.settings = {**made.settings, "size": 2.0 if seed == 2 else 1.0}
        return made

    with pytest.raises(CheckpointError, match=r"seed-2.* \(size: 1\.0 stored, 2\.0 given\)"):
        together(tmp_path, make=larger)
    made, where = Interleaved([Walk(0), Walk(1), Walk(2)]), folders(tmp_path)
    with pytest.raises(CheckpointError, match=r"precision: None stored, 'bf16' given"):
        run_all(made, where, extra={"precision": "bf16"})


def test_missing_checkpoints_are_named(tmp_path: Path) -> None:
    together(tmp_path, stop_after=1)
    (tmp_path / "seed-1" / "checkpoint.safetensors").unlink()
    message = "of 3 trainings below .*, seed-0, seed-2 have checkpoints and seed-1 have none"
    with pytest.raises(CheckpointError, match=message):
        together(tmp_path)
    for seed in (0, 2):
        (tmp_path / f"seed-{seed}" / "checkpoint.safetensors").unlink()
    assert together(tmp_path).diverged == {}


def test_checkpoints_of_different_rounds_are_refused(tmp_path: Path) -> None:
    together(tmp_path, stop_after=1)
    former = (tmp_path / "seed-1" / "checkpoint.safetensors").read_bytes()
    together(tmp_path, stop_after=3)
    (tmp_path / "seed-1" / "checkpoint.safetensors").write_bytes(former)
    with pytest.raises(CheckpointError, match=r"different iterations \(seed-0: 3, seed-1: 1, "):
        together(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"message": "x"}', '{"iteration": "2", "message": "x"}', "\xff"]
)
def test_a_damaged_reason_is_refused(tmp_path: Path, text: str) -> None:
    together(tmp_path, stop_after=1)
    (tmp_path / "seed-1" / "diverged.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match="cannot read why a training has stopped"):
        together(tmp_path)


@pytest.mark.parametrize("run_of", [{}, {"position": 0}, {"position": 0, "of": "3"}, None])
def test_a_checkpoint_that_does_not_say_its_place_is_refused(tmp_path: Path, run_of: Any) -> None:
    together(tmp_path, stop_after=1)
    path = tmp_path / "seed-0" / "checkpoint.safetensors"
    save_checkpoint(path, {**load_checkpoint(path), "run": run_of})
    with pytest.raises(CheckpointError, match="is not the checkpoint of a training"):
        together(tmp_path)


def test_a_state_of_another_iteration_than_its_round_is_refused(tmp_path: Path) -> None:
    together(tmp_path, stop_after=2)
    for folder in folders(tmp_path):
        stored = load_checkpoint(folder / "checkpoint.safetensors")
        stored["training"]["iteration"] = 1
        save_checkpoint(folder / "checkpoint.safetensors", stored)
    with pytest.raises(CheckpointError, match=r"not its state.*it is at iteration 1"):
        together(tmp_path)


def test_a_checkpoint_from_before_trainings_ran_together_continues(tmp_path: Path) -> None:
    walk = Walk(0)
    for _ in range(4):
        walk.step()
    former = {"settings": walk.settings, "seconds": 9.0, "training": walk.state_dict()}
    save_checkpoint(tmp_path / "checkpoint.safetensors", former)
    resumed = Walk(0)
    assert run(resumed, tmp_path) >= 9.0
    assert resumed.steps == 2
    # A run of one still writes what earlier versions read.
    stored = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert stored.keys() == {"settings", "seconds", "training"}


def test_writing_checkpoints_takes_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, rounds = [0.0], list[tuple[int, float]]()

    class Timed(Walk):
        iterations = 300

        def step(self) -> dict[str, float]:
            clock[0] += 0.25
            return super().step()

    def saved(_: object, trainings: Interleaved, __: object) -> None:
        clock[0] += 2.0
        rounds.append((trainings.iteration, clock[0]))

    running = "smile_bench.learning.loop.running"
    monkeypatch.setattr(f"{running}.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(f"{running}.save_round", saved)
    together(tmp_path / "a", range(4), Timed, checkpoint_seconds=10.0)
    # A round takes 2 s, so that 40 s pass between two; an iteration of four takes 1 s.
    assert [iteration for iteration, _ in rounds] == [0, *range(40, 300, 40), 300]
    rounds.clear()
    together(tmp_path / "b", range(4), Timed, checkpoint_seconds=100.0)
    assert [iteration for iteration, _ in rounds] == [0, 100, 200, 300, 300]


def test_the_bar_shows_means_and_how_many_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []

    class Bar:
        def __init__(self, **given: Any) -> None:
            assert given["total"] == 3

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...
        def update(self) -> None: ...
        def set_postfix(self, values: Mapping[str, str]) -> None:
            shown.append(dict(values))

    monkeypatch.setattr("smile_bench.learning.loop.running.tqdm", Bar)
    together(tmp_path, make=stops)
    assert [values.get("stopped") for values in shown] == [None, "1", "1"]
    walks = [Walk(seed) for seed in range(3)]
    mean = np.mean([walk.step()["losses/at"] for walk in walks])
    assert shown[0] == {"at": f"{mean:.3g}"}


def test_trainings_and_folders_belong_together(tmp_path: Path) -> None:
    pair = Interleaved([Walk(0), Walk(1)])
    for where in ([tmp_path], [tmp_path, tmp_path]):
        with pytest.raises(InputError, match="got 2 trainings and 1 folders"):
            run_all(pair, where)
    with pytest.raises(InputError, match="need the same number of iterations; got no training"):
        Interleaved([])
    shorter = Walk(1)
    shorter.iterations = 5
    with pytest.raises(InputError, match="the same number of iterations; got 5, 6"):
        Interleaved([Walk(0), shorter])
    with pytest.raises(InputError, match="a computation of one training; got 2"):
        Alone(pair)
    assert not list(tmp_path.iterdir())
