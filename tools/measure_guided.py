"""Measure how far guided replays on this MuJoCo version lie from the recorded states.

Run it with the MuJoCo version that made the results and with another one: the second shows what
versions change, the first what rounding the recorded states to single precision alone does.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import mujoco
import numpy as np

from smile_bench import get_family, read_result
from smile_bench.arrays import FloatArray
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.protocol.evaluation import load_frozen
from smile_bench.protocol.replay import replay
from smile_bench.protocol.verification.guided import (
    MOST_EPISODES,
    body_layout,
    compare_guided,
    deviations,
    travel_excess,
)


def measure(folders: list[Path]) -> None:
    """Replay results guided, and print for each family the largest deviations and failed checks.

    A line has the largest deviation of a stretch, its largest sum over an episode, and the largest,
    over results, of that sum in nine of ten episodes.
    """
    largest: dict[str, dict[str, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
    failed = 0
    for folder in folders:
        result = read_result(folder, evidence=True)
        family = get_family(result.family)
        if not isinstance(family, MujocoFamily) or result.evidence is None:
            continue
        meta_test, _ = load_frozen(family)
        found, layout = replay(family, meta_test, result.evidence, guided=True), body_layout(family)
        excess = travel_excess(layout, found, meta_test.initial_states, family.control_seconds)
        for name, apart in {**deviations(layout, found), "travel excess": excess}.items():
            largest[family.id][name].append(apart)
        for check in compare_guided(family, result, found, meta_test):
            if check.name.startswith(("metric", "score")) or not check.passed:
                print(f"{'' if check.passed else 'FAIL '}{folder}: {check.name}: {check.detail}")
            failed += not check.passed
    print(f"MuJoCo {mujoco.__version__}; {len(folders)} results, {failed} failed checks")
    for family_id, of_name in largest.items():
        for name, parts in of_name.items():
            stretch = max(apart.max() for apart in parts)
            episode = max(apart.sum(axis=1).max() for apart in parts)
            most = max(np.quantile(apart.sum(axis=1), MOST_EPISODES) for apart in parts)
            print(f"{family_id} {name}: {stretch:.2g}, episode {episode:.2g}, most {most:.2g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path, help="of a result with its evidence")
    measure(parser.parse_args().folder)
