"""A build from 100 made-up entries: three families, three seeds each, no replays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.verification import Verifier
from tests.helpers.made_entries import write_entry

ENTRIES = 100
SEEDS = (0, 1, 2)


def test_a_build_of_100_entries(benchmark: Any, tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    for number in range(ENTRIES):
        write_entry(root, f"entry-{number}", level=number / ENTRIES, spread=0.1, seeds=SEEDS)
    started, processor = time.perf_counter(), time.process_time()
    rows = benchmark.pedantic(
        build_leaderboard, args=(root, site, Verifier(replay=False)), rounds=1
    )
    assert len(rows) == ENTRIES
    assert sorted(row.rank for row in rows) == list(range(1, ENTRIES + 1))
    figures = {
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "page_bytes": (site / "index.html").stat().st_size,
    }
    benchmark.extra_info.update(figures)
    print("\n" + ", ".join(f"{name} {value:,}" for name, value in figures.items()))
