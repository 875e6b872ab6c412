"""The exact corner's speed: MaxEnt IRL of many tasks at once, and every agent from nothing.

Run with ``pytest tests/benchmarks/test_grid_speed.py --benchmark-only -s``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench import evaluate, load_agent
from smile_bench.arrays import FloatArray
from smile_bench.baselines import get_agent
from smile_bench.baselines.tabular_irl.contexts import require_grid
from smile_bench.baselines.tabular_irl.maxent import log_likelihood
from smile_bench.baselines.training import train_agent

FAMILY = require_grid("SmileGridGoal-v0")
TASKS, STEPS, RATE, ROUNDS = 100, 3, 0.02, 5
BAR = 20.0
SECONDS = 60.0
CONTEXT_AGENTS = (
    "retrieve-and-play",
    "feature-matching",
    "max-margin-irl",
    "maxent-irl",
    "causal-maxent-irl",
    "guided-cost-learning",
    "gan-irl",
    "gan-plain",
)


def problem() -> tuple[FloatArray, FloatArray]:
    """Slips (100,) and demonstrations' feature expectations (100, K)."""
    rng = np.random.default_rng(0)
    return rng.uniform(0.0, 0.3, TASKS), rng.uniform(0.0, 4.0, (TASKS, 7))


def at_once(slips: FloatArray, counts: FloatArray) -> FloatArray:
    """Algorithm 37 with fixed steps on all tasks together."""
    mdp, start = FAMILY.mdp(slips), np.tile(FAMILY.start, (TASKS, 1))
    features, weights = FAMILY.features[:, None], np.zeros(counts.shape)
    for _ in range(STEPS):
        gradient = log_likelihood(mdp, features, counts, start, weights, FAMILY.horizon)[1]
        weights = weights + RATE * gradient
    return weights


def task_by_task_in_arrays(slips: FloatArray, counts: FloatArray) -> FloatArray:
    """The same task by task, each with NumPy on its full transition tensor."""
    weights = np.zeros(counts.shape)
    horizon, start = FAMILY.horizon, FAMILY.start
    for i, slip in enumerate(slips):
        transitions = FAMILY.mdp(slip[None]).tensor[0]
        for _ in range(STEPS):
            reward = FAMILY.features @ weights[i]
            value, log_betas = np.zeros(FAMILY.cells), []
            for _ in range(horizon):
                top = value.max()
                log_beta = reward[:, None] + np.log(transitions @ np.exp(value - top)) + top
                best = log_beta.max(axis=1)
                value = best + np.log(np.exp(log_beta - best[:, None]).sum(axis=1))
                log_betas.append(log_beta)
            alpha, visits = start / np.exp(value), np.zeros(FAMILY.cells)
            for log_beta in log_betas[::-1]:
                visits += alpha * np.exp(log_beta).sum(axis=1)
                flow = np.repeat((alpha * np.exp(reward))[:, None], 5, axis=1)
                alpha = np.einsum("sa,saz->z", flow, transitions)
            weights[i] += RATE * (counts[i] - visits @ FAMILY.features)
    return weights


def task_by_task_in_loops(slips: FloatArray, counts: FloatArray) -> FloatArray:
    """The same as Algorithm 37 is written: loops over tasks, steps, states, actions and moves."""
    cells, actions, horizon = FAMILY.cells, range(5), FAMILY.horizon
    moves, features = FAMILY.moves.tolist(), FAMILY.features.tolist()
    kinds, start = range(7), FAMILY.start.tolist()
    weights = np.zeros(counts.shape)
    for i, slip in enumerate(slips.tolist()):
        mixing = [[(1 - slip) * (a == m) + slip / 5 for m in actions] for a in actions]
        for _ in range(STEPS):
            psi = weights[i].tolist()
            reward = [math.exp(sum(psi[k] * features[s][k] for k in kinds)) for s in range(cells)]
            betas = [[1.0] * cells]
            for _ in range(horizon):
                after, now = betas[-1], []
                for s in range(cells):
                    total = 0.0
                    for a in actions:
                        for m in actions:
                            total += mixing[a][m] * after[moves[s][m]]
                    now.append(reward[s] * total)
                betas.append(now)
            alpha = [start[s] / betas[-1][s] for s in range(cells)]
            visits = [0.0] * cells
            for beta in betas[:0:-1]:
                for s in range(cells):
                    visits[s] += alpha[s] * beta[s]
                following = [0.0] * cells
                for s in range(cells):
                    for a in actions:
                        for m in actions:
                            following[moves[s][m]] += alpha[s] * reward[s] * mixing[a][m]
                alpha = following
            for k in kinds:
                made = sum(visits[s] * features[s][k] for s in range(cells))
                weights[i, k] += RATE * (counts[i, k] - made)
    return weights


def seconds(run: Callable[[], Any]) -> float:
    """Processor time of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def test_maxent_of_a_hundred_tasks(benchmark: Any) -> None:
    slips, counts = problem()
    ours = at_once(slips, counts)
    np.testing.assert_allclose(task_by_task_in_arrays(slips, counts), ours, atol=1e-9)
    np.testing.assert_allclose(task_by_task_in_loops(slips, counts), ours, atol=1e-9)
    loops = seconds(lambda: task_by_task_in_loops(slips, counts))
    pairs = [
        (
            seconds(lambda: task_by_task_in_arrays(slips, counts)),
            seconds(lambda: at_once(slips, counts)),
        )
        for _ in range(ROUNDS)
    ]
    mine = float(np.median([b for _, b in pairs]))
    benchmark.extra_info |= {
        "milliseconds a gradient of 100 tasks": round(1e3 * mine / STEPS, 2),
        "times Python loops": round(loops / mine, 1),
        "times NumPy task by task": round(float(np.median([a / b for a, b in pairs])), 2),
        "bar": BAR,
    }
    print(benchmark.extra_info)
    benchmark.pedantic(at_once, args=(slips, counts), rounds=ROUNDS)
    assert loops / mine >= BAR


def test_every_agent_trained_and_scored(benchmark: Any, tmp_path: Path) -> None:
    took: dict[str, float] = {}

    def everything() -> None:
        for name in (*CONTEXT_AGENTS, "meta-bc", "tabular-smile"):
            began = time.perf_counter()
            if name in CONTEXT_AGENTS:
                agent = load_agent(name, FAMILY.id)
            else:
                path = train_agent(name, FAMILY.id, tmp_path / name)
                assert path is not None
                agent = get_agent(name).read_weights(path, FAMILY.id)
            evaluate(agent, FAMILY.id)
            took[name] = round(time.perf_counter() - began, 2)

    benchmark.pedantic(everything, rounds=1)
    benchmark.extra_info |= {**took, "in all": round(sum(took.values()), 1), "bar": SECONDS}
    print(benchmark.extra_info)
    assert sum(took.values()) < SECONDS
