from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.cli.main import main
from smile_bench.datasets import Dataset, build, variants
from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.card import card_text
from smile_bench.datasets.format import read_dataset
from smile_bench.datasets.variants import Calibration, calibrate
from smile_bench.datasets.verify import verify_dataset
from smile_bench.envs import SPLITS, get_family
from smile_bench.errors import DatasetError, UnknownNameError
from smile_bench.experts.noisy import Medium
from smile_bench.experts.policy import load_expert
from smile_bench.io.files import write_atomically

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("noisy") / "ant.h5"
    return build_dataset(BuildConfig.canonical(ANT, 2, 20, variant="noisy"), path)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("half") / "grid.h5"
    return build_dataset(BuildConfig.canonical(GRID, variant="half"), path)


def failures(dataset: Dataset) -> list[str]:
    return [check.name for check in verify_dataset(dataset) if not check.passed]


def test_what_ships_is_the_experts() -> None:
    assert load_dataset(ANT).variant == "expert"


def test_noisy_demonstrations_hold_what_was_applied(noisy: Dataset) -> None:
    assert noisy.variant == "noisy"
    assert noisy.attributes["recipe"]["noise"] == get_family(ANT).dataset_recipe.noise == 0.6
    # Replays start from stored states and apply stored actions, so the noise must be in them.
    assert failures(noisy) == []
    part = noisy.train
    expert = load_expert(ANT).act(
        part.observations.reshape(-1, 29).astype(np.float64),
        np.repeat(part.task_parameters, part.actions[0, ..., 0].size, axis=0),
    )
    spread = part.actions.reshape(-1, 8) - expert
    assert 0.3 < spread.std() < 0.6
    # Visibly worse than the expert, and still nothing like one that does not know the goal.
    means = {split: noisy.split(split).metrics["min_distance"].mean() for split in SPLITS}
    assert all(0.05 < mean < 0.5 for mean in means.values()), means


def test_half_an_expert_lies_halfway_on_every_split(half: Dataset) -> None:
    assert half.variant == "half"
    assert failures(half) == []
    found, expert = Calibration.of(half), load_dataset(GRID)
    assert abs(found.score - 0.5) < 0.1
    for split in SPLITS:
        reached = half.split(split).metrics["episode_return"].mean()
        best = expert.split(split).metrics["episode_return"].mean()
        # The task-blind expert's return is near 0 on average on this family (see the protocol).
        assert 0.35 * best < reached < 0.65 * best


def test_calibration_is_deterministic(half: Dataset) -> None:
    found = calibrate(get_family(GRID))
    assert found == Calibration.of(half)
    assert half.attributes["calibration"] == {**asdict(found), "score": found.score}


def test_calibration_of_a_success_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "CALIBRATION_EPISODES", 64)
    monkeypatch.setattr(variants, "CALIBRATION_STEPS", 0)
    found = calibrate(get_family("SmileAntLinearClassification-v0"))
    assert found.metric == "success"
    assert 0.4 <= found.score <= 0.6
    assert found.blind < found.reached < found.expert


def test_calibration_refuses_an_expert_that_is_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "expert_metrics", lambda *_, **__: np.ones((64, 8)))
    with pytest.raises(DatasetError, match="the expert reaches 1, the task-blind one 1"):
        calibrate(get_family(GRID))


def test_calibration_says_when_no_rate_comes_near(monkeypatch: pytest.MonkeyPatch) -> None:
    # All or nothing: between the ends the score never lies near one half.
    def jump(family: object, policy: Medium, *_: object, **__: object) -> object:
        return np.full((64, 8), 1.0 if policy.rate < 0.3 else 0.0)

    monkeypatch.setattr(variants, "expert_metrics", jump)
    with pytest.raises(DatasetError, match="no rate gives half an expert"):
        calibrate(get_family(GRID))


def test_demonstrations_that_are_not_half_as_good_are_found(half: Dataset) -> None:
    better = {"episode_return": half.train.metrics["episode_return"] + 10.0}
    altered = replace(half, splits={**half.splits, "train": replace(half.train, metrics=better)})
    assert failures(altered) == ["half an expert"]
    for calibration in (None, {}, {**half.attributes["calibration"], "expert": "much"}):
        attributes = {**half.attributes, "calibration": calibration}
        assert failures(replace(half, attributes=attributes)) == ["half an expert"]


def test_a_resumed_build_calibrates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = BuildConfig.canonical(GRID, 2, variant="half")
    whole = build_dataset(config, tmp_path / "whole.h5")

    def full(path: Path, content: bytes | str) -> None:
        if path.name.startswith("test"):
            raise OSError(28, "No space left on device")
        write_atomically(path, content)

    monkeypatch.setattr(build, "write_atomically", full)
    with pytest.raises(DatasetError, match="make room"):
        build_dataset(config, tmp_path / "cut.h5")
    monkeypatch.setattr(build, "write_atomically", write_atomically)
    monkeypatch.setattr(build, "calibrate", lambda _: pytest.fail("calibrated again"))
    resumed = build_dataset(config, tmp_path / "cut.h5")
    assert resumed.digest() == whole.digest()
    assert resumed.attributes == whole.attributes


def test_parts_of_another_variant_are_not_mixed_in(tmp_path: Path) -> None:
    parts = tmp_path / "grid.h5.parts"
    parts.mkdir()
    config = BuildConfig.canonical(GRID, 2)
    (parts / "build.json").write_text(json.dumps({"recipe": asdict(config)}))
    with pytest.raises(DatasetError, match="another configuration"):
        build_dataset(replace(config, variant="noisy"), tmp_path / "grid.h5")


def test_cards_say_what_a_variant_is(noisy: Dataset, half: Dataset) -> None:
    text = card_text(noisy, "plot.png", None)
    assert "under action noise of scale 0.6" in text
    assert f"build {ANT} --demos 2 --subsample 20 --seed 0 --variant noisy --noise 0.6" in text
    found, text = Calibration.of(half), card_text(half, "plot.png", None)
    assert f"at a rate of {found.rate:g}" in text
    assert f"{found.score:.3f}" in text
    assert f"build {GRID} --demos 16 --subsample 1 --seed 0 --variant half`" in text


def test_the_command_builds_a_variant_beside_the_experts_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["datasets", "build", GRID, "--demos", "2", "--variant", "noisy", "--noise", "0.3"]
    assert main(command) == 0
    path = tmp_path / f"{GRID}-noisy.h5"
    dataset = read_dataset(path)
    assert dataset.variant == "noisy"
    assert dataset.attributes["recipe"]["noise"] == 0.3
    assert main(["datasets", "verify", "--path", str(path)]) == 0
    card = ["datasets", "card", GRID, "--path", str(path), "--output", "card.md"]
    assert main(card) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([GRID, "--variant", "medium"], "unknown variant 'medium'"),
        ([GRID, "--variant", "half", "--noise", "0.1"], "noise is for the variant 'noisy'"),
        ([GRID, "--variant", "noisy", "--noise", "1.5"], "a probability above 0, got 1.5"),
        ([ANT, "--variant", "noisy", "--noise", "0"], "a standard deviation above 0, got 0"),
        ([ANT, "--variant", "noisy", "--noise", "nan"], "got nan"),
        ([GRID, "--variant", "half", "--manifest"], "only the expert's demonstrations ship"),
    ],
)
def test_what_can_not_be_built_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["datasets", "build", *arguments, "--output", str(tmp_path / "x.h5")]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_variant_suggests_the_known(tmp_path: Path) -> None:
    config = BuildConfig.canonical(GRID, 2, variant="nosy")
    with pytest.raises(UnknownNameError, match="Did you mean 'noisy'"):
        build_dataset(config, tmp_path / "x.h5")
