"""The learner's speed: SMILe's updates per second, and their share of the machine's GEMM rate.

Run with ``pytest -s tests/benchmarks/test_learner_speed.py --benchmark-only``. Floating-point
operations are those of the matrix products alone, counted from their shapes; the rate that they are
held against is that of 256 × 256 × 256 products, measured in turn with the updates on one thread.
``python -m tools.learner_speed`` compares many trainings at once and the former learner.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.smile.presets import preset
from smile_bench.baselines.smile.reward_learner import REFRESH_EVERY
from smile_bench.baselines.smile.training import SMILe
from smile_bench.learning.products import product
from tools.learner_speed import count_flops

SIDE, ROUNDS, UPDATES = 256, 9, 40
BAR = 0.2
"""Asked for: a fifth of the GEMM rate at least, all else of the learner included."""


@pytest.fixture(
    params=[
        ("smile", "SmileAntGoal-v0"),
        ("smile", "SmileWalkerDynamics-v0"),
        ("smile-state-only", "SmileWalkerDynamics-v0"),
    ],
    ids="-".join,
)
def learner(request: Any) -> SMILe:
    """SMILe with a preset, one member, after a first iteration has filled the replay."""
    torch.set_num_threads(1)
    name, family = request.param
    chosen = replace(preset(name, family), members=1, shared_replay=False)
    config = replace(chosen, updates_per_iteration=1, validate_every=0)
    training = SMILe([config], [Access(family, state_only=config.state_only)])
    training.step()
    return training


def seconds(run: Callable[[], Any]) -> float:
    """Processor time of a call: what other programs take does not count."""
    began = time.process_time()
    run()
    return time.process_time() - began


def update(training: SMILe, number: int) -> None:
    """Updates, without the control steps between them."""
    for _ in range(number):
        training._update()


def gemm_flops(training: SMILe, number: int) -> float:
    """Operations of the matrix products of an update, on average over a whole period."""
    return count_flops(lambda: update(training, number)) / number


def critic_flops(training: SMILe) -> float:
    """The same of a critic update alone, by hand."""
    config = training.config
    rows = config.tasks_per_batch * config.transitions_per_task
    observed, actions = training.access.family.observation_size, training.access.family.action_size
    features = observed + config.encoder.embedding

    def products(sizes: tuple[int, ...]) -> float:
        return 2.0 * rows * sum(i * o for i, o in itertools.pairwise(sizes))

    policy = products((features, *config.sac.hidden, 2 * actions))
    critic = (features + actions, *config.sac.hidden, 1)
    # Two networks: the target's values, the critic's, and of these the gradients of every weight
    # and of every layer's input but the first.
    return policy + 2.0 * (products(critic) * 3.0 + products(critic[1:]))


def test_a_critic_update_counted_by_hand_agrees(learner: SMILe) -> None:
    batch = learner.batches.sample()
    counted = count_flops(lambda: learner.sac.update_critic(batch))
    assert counted == pytest.approx(critic_flops(learner), rel=1e-6)


def test_updates_and_their_share_of_the_gemm_rate(learner: SMILe, benchmark: Any) -> None:
    config = learner.config
    period = config.discriminator.update_every * REFRESH_EVERY
    flops = gemm_flops(learner, period)
    square = torch.rand(1, SIDE, SIDE)
    products = round(UPDATES * flops / (2.0 * SIDE**3))

    def multiply() -> None:
        for _ in range(products):
            product(square, square)

    update(learner, UPDATES)
    multiply()
    pairs = [(seconds(lambda: update(learner, UPDATES)), seconds(multiply)) for _ in range(ROUNDS)]
    ours, gemm = (float(np.median(column)) for column in zip(*pairs, strict=True))
    share = float(np.median([b / a for a, b in pairs]))
    benchmark.extra_info |= {
        "updates per second": round(UPDATES / ours, 1),
        "MFLOP per update": round(flops / 1e6, 1),
        "sgemm GFLOP/s": round(products * 2.0 * SIDE**3 / gemm / 1e9, 1),
        "share of it": round(share, 3),
        "bar": BAR,
    }
    print(benchmark.extra_info)
    benchmark.pedantic(update, args=(learner, UPDATES), rounds=3)
    assert share >= BAR
