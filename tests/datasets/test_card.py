from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench import load_dataset
from smile_bench.datasets.card import write_card

pytest.importorskip("matplotlib")


def test_a_card_says_what_the_file_says(tmp_path: Path) -> None:
    dataset = load_dataset("SmileAntGoal-v0")
    write_card(dataset, tmp_path / "card.md", size=11_800_000)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert dataset.digest() in text
    assert "16 demonstrations per task with 100 transitions each (all kept), 11.8 MB" in text
    assert "The task is to walk to a goal on a circle of radius 2 m. They are given by an" in text
    test = dataset.test.metrics["min_distance"].mean(axis=1)
    assert f"| test | 16 | {test.mean():.4g}, {test.max():.4g} |" in text
    assert (tmp_path / "card.png").read_bytes().startswith(b"\x89PNG")
