from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import smile_bench
from smile_bench.envs import Family
from smile_bench.errors import ProtocolError
from smile_bench.protocol.freeze import freeze_protocol
from smile_bench.protocol.meta_test import load_meta_test, protocol_folder, read_meta_test
from tests.helpers.frozen_family import frozen_family
from tests.helpers.outside_family import ID, make_family, registered

GRID = "SmileGridGoal-v0"


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    with frozen_family(tmp_path_factory.mktemp("ring")) as made:
        yield made


def test_freezing_the_grid_gives_the_shipped_files_to_the_byte(tmp_path: Path) -> None:
    frozen = freeze_protocol(GRID, tmp_path)
    assert frozen.version == load_meta_test(GRID).version
    for name in (f"{GRID}.json", f"{GRID}.safetensors"):
        assert (tmp_path / name).read_bytes() == (protocol_folder() / name).read_bytes()


@pytest.mark.slow
def test_the_seed_decides_what_is_frozen(family: Family, tmp_path: Path) -> None:
    one = freeze_protocol(ID, tmp_path / "one", seed=1, blind_episodes=12)
    again = freeze_protocol(ID, tmp_path / "again", seed=1, blind_episodes=12)
    other = freeze_protocol(ID, tmp_path / "other", seed=2, blind_episodes=12)
    assert one.version == again.version != other.version
    assert read_meta_test(family, tmp_path / "one").version == one.version
    for name in (f"{ID}.json", f"{ID}.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_an_outside_family_is_evaluated_saved_read_and_verified(
    family: Family, tmp_path: Path
) -> None:
    result = smile_bench.evaluate(smile_bench.load_agent("retrieve-and-play", ID), ID)
    assert result.protocol_version == load_meta_test(family).version
    assert set(result.episodes) == {"min_distance", "final_distance"}
    assert np.isfinite(result.score)
    result.save(tmp_path)
    assert smile_bench.read_result(tmp_path).to_dict() == result.to_dict()
    found = smile_bench.verify_result(tmp_path, rerun=smile_bench.load_agent)
    assert found.passed, found.findings
    assert found.exact


def test_the_references_of_an_outside_family_score_one_and_zero(family: Family) -> None:
    expert = smile_bench.evaluate(smile_bench.load_agent("expert", ID), family)
    assert expert.score == 1.0
    blind = smile_bench.evaluate(smile_bench.load_agent("task-blind", ID), family)
    assert abs(blind.score) < 0.3


def test_freezing_again_replaces_what_was_loaded(family: Family) -> None:
    before = load_meta_test(family)
    assert freeze_protocol(family, seed=7, blind_episodes=60).version == load_meta_test(ID).version
    assert load_meta_test(family).version != before.version
    assert freeze_protocol(family, blind_episodes=60).version == before.version


def test_an_outside_family_without_a_protocol_is_named(tmp_path: Path) -> None:
    with (
        registered(replace(make_family(tmp_path), id="RingGoal-v9")) as other,
        pytest.raises(ProtocolError, match=r"RingGoal-v9 has no frozen protocol in .*freeze_"),
    ):
        smile_bench.evaluate(object(), other)  # type: ignore[arg-type]
