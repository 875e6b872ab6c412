"""Demonstrations are those of single episodes, however many are collected together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smile_bench.datasets.calibration import Calibration
from smile_bench.datasets.collection import Block, collect, demonstrator
from smile_bench.envs import get_family
from smile_bench.experts.noisy import Medium, Noisy
from smile_bench.experts.policy import load_expert

FAMILY = get_family("SmileGridGoal-v0")
EXPERT = load_expert(FAMILY)
BLOCK = Block(split="train", first=3, last=5, demonstrations=2, subsample=1, seed=7)


def test_a_block_has_every_transition_of_its_episodes() -> None:
    arrays = collect(FAMILY, EXPERT, BLOCK)
    assert "replay_actions" not in arrays
    for task in range(2):
        for d in range(2):
            simulator = FAMILY.make_simulator(1)
            simulator.set_tasks(FAMILY.table("train")[3 + task][None])
            simulator.reset(arrays["initial_states"][task, d][None])
            for t in range(FAMILY.horizon):
                np.testing.assert_array_equal(
                    simulator.observe()[0].astype(np.float32), arrays["observations"][task, d, t]
                )
                result = simulator.step(arrays["actions"][task, d, t][None])
                np.testing.assert_array_equal(
                    simulator.observe()[0].astype(np.float32),
                    arrays["next_observations"][task, d, t],
                )
                assert np.float32(result.rewards[0]) == arrays["rewards"][task, d, t]
            assert arrays["timesteps"][task, d].tolist() == list(range(FAMILY.horizon))
            for metric in FAMILY.metrics:
                assert arrays[f"metrics/{metric.name}"][task, d] == result.info[metric.name][0]


def test_subsampling_keeps_transitions_of_the_same_episodes() -> None:
    every = collect(FAMILY, EXPERT, BLOCK)
    # The offsets are sampled after the initial states, so the episodes stay the same.
    some = collect(FAMILY, EXPERT, replace(BLOCK, subsample=4))
    times = some["timesteps"]
    assert times.shape == (2, 2, FAMILY.horizon // 4)
    assert (np.diff(times) == 4).all()
    np.testing.assert_array_equal(some["replay_actions"], every["actions"][:, 0])
    for name in ("observations", "actions", "next_observations"):
        kept = np.take_along_axis(every[name], times[..., None].astype(np.int64), axis=2)
        np.testing.assert_array_equal(some[name], kept)
    np.testing.assert_array_equal(some["metrics/episode_return"], every["metrics/episode_return"])


def test_who_demonstrates_follows_from_the_variant() -> None:
    assert demonstrator(FAMILY, EXPERT, BLOCK, noise=None, calibration=None) is EXPERT
    noisy = demonstrator(FAMILY, EXPERT, BLOCK, noise=0.1, calibration=None)
    assert isinstance(noisy, Noisy)
    assert noisy.scale == 0.1
    found = Calibration(
        rate=0.3, metric="episode_return", reached=1.0, expert=2.0, blind=0.0, episodes=4
    )
    medium, again = (
        demonstrator(FAMILY, EXPERT, BLOCK, noise=None, calibration=found) for _ in range(2)
    )
    assert isinstance(medium, Medium)
    assert isinstance(again, Medium)
    assert medium.rate == 0.3
    own = np.repeat(FAMILY.table("train")[3:5], 2, axis=0)
    assert medium.mismatched_tasks.shape == own.shape
    assert not (medium.mismatched_tasks == own).all(axis=1).any()
    np.testing.assert_array_equal(medium.mismatched_tasks, again.mismatched_tasks)
