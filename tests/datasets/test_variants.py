"""Noisy and medium datasets as they are built, and the names of variants."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.cli.main import main
from smile_bench.datasets import Dataset, calibration, variants
from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.calibration import Calibration
from smile_bench.datasets.card import card_text
from smile_bench.datasets.format import read_dataset
from smile_bench.datasets.verify import verify_dataset
from smile_bench.envs import SPLITS, get_family
from smile_bench.errors import UnknownNameError
from smile_bench.experts.policy import load_expert
from tests.helpers import synthetic

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"


def failures(dataset: Dataset) -> list[str]:
    return [check.name for check in verify_dataset(dataset) if not check.passed]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("noisy") / "ant.h5"
    return build_dataset(BuildConfig.canonical(ANT, 2, 20, variant="noisy"), path)


def test_what_ships_is_the_experts() -> None:
    assert load_dataset(ANT).variant == "expert"


@pytest.mark.slow
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


@pytest.mark.slow
def test_medium_demonstrations_are_half_as_good_on_every_split(medium: Dataset) -> None:
    assert medium.variant == "medium"
    assert failures(medium) == []
    found, expert = Calibration.of(medium), load_dataset(GRID)
    assert abs(found.score - 0.5) < 0.1
    for split in SPLITS:
        reached = medium.split(split).metrics["episode_return"].mean()
        best = expert.split(split).metrics["episode_return"].mean()
        # The task-blind expert's return is near 0 on average on this family (see the protocol).
        assert 0.35 * best < reached < 0.65 * best


@pytest.mark.slow
def test_demonstrations_that_are_not_half_as_good_are_found(medium: Dataset) -> None:
    better = {"episode_return": medium.train.metrics["episode_return"] + 10.0}
    train = replace(medium.train, metrics=better)
    assert failures(replace(medium, splits={**medium.splits, "train": train})) == ["medium expert"]
    for stated in (None, {}, {**medium.attributes["calibration"], "expert": "much"}):
        attributes = {**medium.attributes, "calibration": stated}
        assert failures(replace(medium, attributes=attributes)) == ["medium expert"]


@pytest.mark.slow
def test_cards_say_what_a_variant_is(noisy: Dataset, medium: Dataset) -> None:
    text = card_text(noisy, "plot.png", None)
    assert "with noise of scale 0.6 on its actions" in text
    assert f"build {ANT} --demos 2 --subsample 20 --seed 0 --variant noisy --noise 0.6" in text
    found, text = Calibration.of(medium), card_text(medium, "plot.png", None)
    assert f"with probability {found.rate:g}" in text
    assert f"{found.score:.3f}" in text
    assert f"build {GRID} --demos 16 --subsample 1 --seed 0 --variant medium`" in text


@pytest.mark.slow
def test_stored_datasets_keep_their_former_name_and_are_read_without_a_warning(
    medium: Dataset,
) -> None:
    recipe = {**medium.attributes["recipe"], "variant": "half"}
    former = replace(medium, attributes={**medium.attributes, "recipe": recipe})
    assert former.variant == "medium"
    assert "--variant medium" in card_text(former, "plot.png", None)
    made = synthetic.dataset()
    assert (made.variant, "variant" in made.attributes["recipe"]) == ("expert", False)


def test_half_is_the_former_name_of_medium() -> None:
    medium = BuildConfig.canonical(GRID, 2, variant="medium")
    with pytest.warns(DeprecationWarning, match="'half' is now called 'medium'") as warned:
        assert BuildConfig.canonical(GRID, 2, variant="half") == medium
    with pytest.warns(DeprecationWarning, match="'half' is now called 'medium'") as also_warned:
        assert BuildConfig(**{**asdict(medium), "variant": "half"}) == medium
    for given in (warned, also_warned):
        assert [warning.filename for warning in given] == [__file__]


def test_names_that_moved_are_found_with_a_warning() -> None:
    expected = {
        "HALF": variants.MEDIUM,
        "Calibration": calibration.Calibration,
        "SCORE_RANGE": calibration.SCORE_RANGE,
        "calibrate": calibration.calibrate,
        "is_half": calibration.is_medium,
    }
    for name, value in expected.items():
        with pytest.warns(DeprecationWarning, match=rf"variants\.{name} is now "):
            assert getattr(variants, name) is value
    with pytest.raises(AttributeError, match="no attribute 'QUARTER'"):
        _ = variants.QUARTER  # type: ignore[attr-defined]


@pytest.mark.slow
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
        ([GRID, "--variant", "meduim"], "Did you mean 'medium'"),
        ([GRID, "--variant", "medium", "--noise", "0.1"], "noise is for the variant 'noisy'"),
        ([GRID, "--variant", "noisy", "--noise", "1.5"], "a probability above 0, got 1.5"),
        ([ANT, "--variant", "noisy", "--noise", "0"], "a standard deviation above 0, got 0"),
        ([ANT, "--variant", "noisy", "--noise", "nan"], "got nan"),
        ([GRID, "--variant", "medium", "--manifest"], "only the expert's demonstrations ship"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["datasets", "build", *arguments, "--output", str(tmp_path / "x.h5")]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_takes_the_former_name(tmp_path: Path, medium: Dataset) -> None:
    path = tmp_path / "x.h5"
    with pytest.warns(DeprecationWarning, match="'half' is now called 'medium'"):
        assert main(["datasets", "build", GRID, "--variant", "half", "--output", str(path)]) == 0
    assert read_dataset(path).digest() == medium.digest()
    assert read_dataset(path).attributes == medium.attributes


def test_an_unknown_variant_suggests_the_known(tmp_path: Path) -> None:
    config = BuildConfig.canonical(GRID, 2, variant="nosy")
    with pytest.raises(UnknownNameError, match="Did you mean 'noisy'"):
        build_dataset(config, tmp_path / "x.h5")
