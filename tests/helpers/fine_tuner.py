"""A small fine-tuning agent for tests: it imitates until it has found better moves by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Context, Policy, RewardedEpisodes
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines import load_agent

__all__ = ["BestOfChance", "Repeat", "make_agent"]

GRID = "SmileGridGoal-v0"


class Repeat:
    """Imitates by Retrieve-and-Play."""

    def __init__(self, family: str = GRID) -> None:
        self.imitator: Any = load_agent("retrieve-and-play", family)

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        policy: Policy = self.imitator.adapt(contexts)
        return policy


class BestOfChance:
    """Tries random moves, and repeats those of the best episode in each slot."""

    name = "best-of-chance"

    def __init__(self, family: str = GRID) -> None:
        self.imitator = Repeat(family)

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> Learning:
        return Learning(self.imitator, contexts, seeds)


class Learning:
    def __init__(self, imitator: Repeat, contexts: Sequence[Context], seeds: Sequence[int]) -> None:
        self.imitator, self.contexts = imitator, contexts
        self.rngs = [np.random.default_rng(seed) for seed in seeds]
        self.best: list[float] = [-np.inf] * len(seeds)
        self.moves: list[IntArray | None] = [None] * len(seeds)
        self.asked: list[int] = []

    def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
        self.asked.append(episodes)
        for _ in range(episodes):
            environments.reset()
            moves, total = [], np.zeros(environments.slots)
            while not environments.ended.any():
                moves.append(np.array([rng.integers(5) for rng in self.rngs]))
                environments.step(moves[-1])
                total += environments.rewards
            for slot, reached in enumerate(total):
                if reached > self.best[slot]:
                    self.best[slot] = float(reached)
                    self.moves[slot] = np.array([move[slot] for move in moves])

    def policy(self) -> Moves:
        return Moves(self.imitator.adapt(self.contexts), list(self.moves))


class Moves:
    def __init__(self, imitated: Policy, moves: list[IntArray | None]) -> None:
        self.imitated, self.moves, self.time = imitated, moves, 0

    def act(self, observations: FloatArray) -> NDArray[Any]:
        chosen = np.array(self.imitated.act(observations))
        chosen = chosen.argmax(axis=1) if chosen.ndim == 2 else chosen
        for slot, moves in enumerate(self.moves):
            if moves is not None:
                chosen[slot] = moves[self.time]
        self.time += 1
        return chosen


def make_agent(family: str) -> BestOfChance:
    return BestOfChance(family)
