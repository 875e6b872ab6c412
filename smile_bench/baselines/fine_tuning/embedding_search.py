"""Search for the task in the imitator's embeddings, by the rewards of episodes.

The imitator's policy already acts well under the embedding of every task that it knows, and the
demonstrations only have to say which. If they mislead, the reward says so: one of a few known
embeddings, or a point between two of them, is followed for a part of an episode, and its mean
reward is noted. A Gaussian process over the embeddings predicts the others. The next one is that
whose upper bound is highest (Srinivas et al. 2010, arXiv:0912.3995); the policy uses that whose
lower bound is highest, so that it leaves the demonstrations' own embedding only for good reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.agents import Context, Policy, RewardedEpisodes, require_family
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines.imitation.imitator import Imitator, ImitatorPolicy
from smile_bench.datasets import Dataset, load_dataset
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError
from smile_bench.learning.devices import to_device
from smile_bench.settings import AMOUNT, COUNT, POSITIVE, require_ranges

__all__ = ["EmbeddingSearch", "EmbeddingSearchConfig", "EmbeddingSearcher", "posterior"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingSearchConfig:
    """Settings of the search."""

    family: str
    """Id of the family."""
    imitator: str = "meta-bc"
    """The released agent whose embeddings are searched."""
    segment: int | None = None
    """Control steps that an embedding is followed for; None for a whole episode."""
    settling: int = 0
    """First steps of a segment whose reward does not count."""
    neighbours: int = 2
    """Nearest embeddings of each known one, between which further ones are tried."""
    between: tuple[float, ...] = (1 / 3, 2 / 3)
    """Where on the way to them."""
    length_scale: float = 0.5
    """Of the squared-exponential kernel, in median distances of the known embeddings."""
    noise: float = 0.05
    """Variance of a segment's mean reward, in variances of the rewards over embeddings."""
    optimism: float = 1.5
    """Standard deviations that are added to choose what to try."""
    caution: float = 0.5
    """Standard deviations that are subtracted to choose what to use."""


RANGES = {
    COUNT: ("segment",),
    AMOUNT: ("settling", "neighbours", "optimism", "caution"),
    POSITIVE: ("length_scale", "noise"),
}


class EmbeddingSearcher:
    """A fine-tuning agent.

    Args:
        name: what it is called.
        config: settings.
        imitator: whose embeddings are searched.
        dataset: whose meta-train demonstrations give the known embeddings; by default the family's.

    Raises:
        AgentError: an imitator of several networks.
        InputError: settings out of range, or of another family than the imitator.
    """

    def __init__(
        self,
        name: str,
        config: EmbeddingSearchConfig,
        imitator: Imitator,
        dataset: Dataset | None = None,
    ) -> None:
        require_ranges(config, RANGES)
        horizon = get_family(config.family).horizon
        length = horizon if config.segment is None else config.segment
        if horizon % length or config.settling >= length:
            raise InputError(
                f"a segment of {length} steps, {config.settling} of them for settling, does not "
                f"fit an episode of {horizon}; the segment must divide it and outlast the settling."
            )
        if imitator.config.family != config.family:
            raise InputError(
                f"the settings are for {config.family} and the imitator is for "
                f"{imitator.config.family}; give both for one family."
            )
        if len(imitator.members) != 1:
            raise AgentError(
                f"the search needs an imitator of one network, and this one has "
                f"{len(imitator.members)}; choose another imitator."
            )
        self.name, self.config, self.imitator = name, config, imitator
        self.segment = length
        self.known = _known_embeddings(imitator, dataset or load_dataset(config.family), config)
        """Embeddings of meta-train tasks and points between them, (C, Z)."""

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> EmbeddingSearch:
        """Begin in one slot per context. Nothing is random, so that the seeds change nothing.

        Raises:
            AgentError: contexts of another family, or without the actions that are needed.
        """
        require_family(contexts, self.config.family)
        return EmbeddingSearch(self, self.imitator.adapt(contexts))


class EmbeddingSearch:
    """The search in M slots.

    Args:
        searcher: settings and known embeddings.
        imitation: the imitator's policies in the slots.
    """

    def __init__(self, searcher: EmbeddingSearcher, imitation: ImitatorPolicy) -> None:
        self.config, self._segment = searcher.config, searcher.segment
        self._imitation = imitation
        _, own = imitation.members[0]
        own_first = np.asarray(own.cpu().numpy(), np.float64)[:, None]
        known = np.broadcast_to(searcher.known, (len(own_first), *searcher.known.shape))
        self.candidates: FloatArray = np.concatenate((own_first, known), axis=1)
        """The slots' own embeddings and then the known ones, (M, 1 + C, Z)."""
        self._kernel = _kernel(self.candidates, searcher.known, self.config.length_scale)
        self.counts: FloatArray = np.zeros(self.candidates.shape[:2])
        """Segments of each candidate so far, (M, 1 + C)."""
        self._sums: FloatArray = np.zeros(self.candidates.shape[:2])

    def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
        """Try embeddings in more episodes.

        Raises:
            InputError: the budget is smaller than ``episodes``.
        """
        slots = np.arange(len(self.candidates))
        for _ in range(episodes):
            observations = environments.reset()
            while not environments.ended.any():
                tried = self._best(self.config.optimism)
                policy, total = self._under(tried), np.zeros(len(slots))
                for step in range(self._segment):
                    observations = environments.step(policy.act(observations))
                    if step >= self.config.settling:
                        total += environments.rewards
                self.counts[slots, tried] += 1.0
                self._sums[slots, tried] += total / (self._segment - self.config.settling)

    def policy(self) -> Policy:
        """The imitator under the embedding that is best for sure."""
        return self._under(self._best(-self.config.caution))

    def _best(self, deviations: float) -> IntArray:
        """The candidate (M,) with the highest mean plus some standard deviations.

        Before the first segment it is the slot's own embedding.
        """
        if not self.counts.any():
            return np.zeros(len(self.counts), np.int64)
        means = self._sums / np.maximum(self.counts, 1.0)
        mean, deviation = posterior(self._kernel, self.counts, means, self.config.noise)
        return np.asarray(np.argmax(mean + deviations * deviation, axis=1))

    def _under(self, chosen: IntArray) -> ImitatorPolicy:
        """The imitator under candidates (M,)."""
        if not chosen.any():
            return self._imitation
        (network, own), imitation = self._imitation.members[0], self._imitation
        rows = self.candidates[np.arange(len(chosen)), chosen].astype(np.float32)
        members = [(network, to_device(rows, own.device))]
        return ImitatorPolicy(imitation.family, members, imitation.normaliser)


def posterior(
    kernel: FloatArray, counts: FloatArray, means: FloatArray, noise: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of Gaussian processes with unit variance, (M, C) each.

    The observed means are centred and divided by their standard deviation first; where that is 0,
    as after one observation, they are only centred.

    Args:
        kernel: covariances of the candidates, (M, C, C).
        counts: observations of each, (M, C), at least one in each row.
        means: of these observations, (M, C).
        noise: variance of an observation.
    """
    share = counts / counts.sum(axis=1, keepdims=True)
    centre = (share * means).sum(axis=1, keepdims=True)
    spread = np.sqrt((share * (means - centre) ** 2).sum(axis=1, keepdims=True))
    observed = np.where(counts > 0.0, means - centre, 0.0) / np.where(spread > 0.0, spread, 1.0)
    # Rows without an observation have precision 0 and drop out.
    root = np.sqrt(counts / noise)
    system = np.eye(counts.shape[1]) + root[:, :, None] * kernel * root[:, None, :]
    weighted = kernel * root[:, None, :]
    mean = (weighted @ np.linalg.solve(system, (root * observed)[..., None]))[..., 0]
    explained = weighted * np.linalg.solve(system, weighted.transpose(0, 2, 1)).transpose(0, 2, 1)
    variance = np.diagonal(kernel, axis1=1, axis2=2) - explained.sum(axis=2)
    return mean, np.sqrt(np.maximum(variance, 0.0))


def _kernel(candidates: FloatArray, known: FloatArray, length_scale: float) -> FloatArray:
    """Squared-exponential covariances (M, C, C)."""
    scale = length_scale * np.median(_distances(known)[~np.eye(len(known), dtype=bool)])
    return np.asarray(np.exp(-0.5 * (_distances(candidates) / scale) ** 2))


def _distances(points: FloatArray) -> FloatArray:
    """Euclidean distances (..., C, C) of points (..., C, Z)."""
    squares = (points**2).sum(axis=-1)
    products = points @ np.swapaxes(points, -1, -2)
    apart = squares[..., :, None] + squares[..., None, :] - 2.0 * products
    return np.asarray(np.sqrt(np.maximum(apart, 0.0)))


def _known_embeddings(
    imitator: Imitator, dataset: Dataset, config: EmbeddingSearchConfig
) -> FloatArray:
    """Embeddings of the meta-train tasks, and points on the way to their neighbours, (C, Z)."""
    train = dataset.train
    number = min(max(get_family(config.family).context_sizes), train.demonstrations)
    contexts = [train.context(task, list(range(number))) for task in range(train.tasks)]
    (_, embeddings) = imitator.adapt(contexts).members[0]
    tasks = np.asarray(embeddings.cpu().numpy(), np.float64)
    nearest = np.argsort(_distances(tasks), axis=1)[:, 1 : 1 + config.neighbours]
    between = [
        tasks[one] + share * (tasks[other] - tasks[one])
        for one, others in enumerate(nearest.tolist())
        for other in others
        for share in config.between
        # Of two that are each other's neighbours, once.
        if one < other or one not in nearest[other]
    ]
    return np.concatenate((tasks, np.stack(between))) if between else tasks
