"""``smile-bench datasets``."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.cli import main

FAMILY = "SmileAntGoal-v0"


@pytest.mark.slow
def test_a_dataset_is_built_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.h5"
    arguments = ["datasets", "build", FAMILY, "--demos", "1", "--subsample", "50"]
    assert main([*arguments, "--output", str(path)]) == 0
    assert path.exists()
    assert "32 tasks × 1 demonstrations" in capsys.readouterr().out


def test_only_the_expert_s_demonstrations_enter_the_manifest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["datasets", "build", FAMILY, "--variant", "noisy", "--manifest"]) == 2
    assert "leave out --manifest" in capsys.readouterr().err
