"""``smile-bench watch``: how trainings stand, in the terminal."""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_bench.errors import InputError, clipped

__all__ = ["Watched", "add_watch_command", "look", "table_of"]

LOG = "progress.csv"
QUIET_SECONDS = 600.0
"""After so long without a row a training counts as not running. Rows come with checkpoints."""
BARS = "▁▂▃▄▅▆▇█"
CURVE = 24
"""Characters of a curve."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A training as its folder shows it."""

    folder: Path
    state: str
    """``"finished"``, ``"diverged"``, ``"running"`` or ``"not running"``."""
    iteration: int
    seconds: float
    metric: str | None
    """Name of the first validation metric; None before there is one."""
    values: tuple[float, ...]
    """All that were measured of it."""
    loss: tuple[str, float] | None
    """Name and last value of the first loss."""


def add_watch_command(commands: Any) -> None:
    """Add ``watch`` to the subcommands of the parser."""
    watch = commands.add_parser(
        "watch",
        help="show how trainings stand",
        description="Show every training at or below some folders, again and again until all have "
        "ended. The same numbers are in TensorBoard: tensorboard --logdir FOLDER.",
    )
    watch.add_argument("folders", nargs="+", metavar="RUN", help="folders of trainings or studies")
    watch.add_argument(
        "--every", type=float, default=5.0, metavar="SECONDS", help="between looks (5)"
    )
    watch.add_argument("--once", action="store_true", help="look once")
    watch.set_defaults(run=_watch)


def _watch(arguments: argparse.Namespace) -> int:
    folders = [Path(folder) for folder in arguments.folders]
    if not 0.1 <= arguments.every < math.inf:
        raise InputError(f"--every is {arguments.every}; give seconds, 0.1 or more.")
    live = not arguments.once and sys.stdout.isatty()
    while True:
        found = look(folders)
        if live:
            print("\x1b[2J\x1b[H", end="")
        print(table_of(found), flush=True)
        if not live or all(one.state in ("finished", "diverged") for one in found):
            return 0
        time.sleep(arguments.every)


def look(folders: list[Path]) -> list[Watched]:
    """Every training at or below some folders.

    Raises:
        InputError: a folder is missing, or there is no training in any.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder; give the folder of a training.")
    logs = sorted({path for folder in folders for path in folder.rglob(LOG)})
    if not logs:
        raise InputError(
            f"no {LOG} lies in {', '.join(map(str, folders))}: no training has begun there, or "
            "none has written its first rows yet."
        )
    return [_read(path) for path in logs]


def table_of(found: list[Watched]) -> str:
    """Trainings as lines of text."""
    shared = os.path.commonpath([one.folder.parent for one in found])
    names = [os.path.relpath(one.folder, shared) for one in found]
    width = max(map(len, ("training", *names))) + 2
    lines = [f"{'training':{width}}{'state':12}{'iteration':>9}{'time':>11}"]
    for name, one in zip(names, found, strict=True):
        best = ""
        if one.metric is not None:
            best = f"{one.metric} {one.values[-1]:.4g}  {curve(one.values)}"
        elif one.loss is not None:
            best = f"{one.loss[0]} {one.loss[1]:.4g}"
        minutes = one.seconds / 60
        lines.append(f"{name:{width}}{one.state:12}{one.iteration:9d}{minutes:7.1f} min  {best}")
    return "\n".join(lines)


def curve(values: tuple[float, ...]) -> str:
    """Values as a line of bars, from the lowest to the highest."""
    last = len(values) - 1
    number = min(CURVE, len(values))
    chosen = [values[round(i * last / max(1, number - 1))] for i in range(number)]
    low, span = min(chosen), max(chosen) - min(chosen)
    return "".join(BARS[round((v - low) / span * 7) if span else 0] for v in chosen)


def _read(path: Path) -> Watched:
    """What a log says. Its last row may be half-written, and is then left out."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row.get("iteration") and None not in row.values()]
    names = reader.fieldnames or []
    metric = next((name for name in names if name.startswith("validation/")), None)
    loss = next((name for name in names if name.startswith("losses/")), None)
    values = [] if metric is None else _numbers(rows, metric)
    losses = [] if loss is None else _numbers(rows, loss)
    return Watched(
        folder=path.parent,
        state=_state(path),
        iteration=int((_numbers(rows, "iteration") or [0])[-1]),
        seconds=(_numbers(rows, "seconds") or [0.0])[-1],
        metric=None if metric is None or not values else clipped(metric, 40),
        values=tuple(values),
        loss=None if loss is None or not losses else (clipped(loss, 40), losses[-1]),
    )


def _numbers(rows: list[dict[str, Any]], name: str) -> list[float]:
    found = []
    for row in rows:
        try:
            value = float(row.get(name) or "")
        except ValueError:
            continue
        if math.isfinite(value):
            found.append(value)
    return found


def _state(path: Path) -> str:
    if (path.parent / "diverged.json").exists():
        return "diverged"
    weights = [file for file in path.parent.glob("*.safetensors") if file.stem != "checkpoint"]
    if weights:
        return "finished"
    recent = max(file.stat().st_mtime for file in path.parent.iterdir())
    return "running" if time.time() - recent < QUIET_SECONDS else "not running"
