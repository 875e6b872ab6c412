"""Entropy, mutual information, channel capacity and empowerment (CS285 notes, section 6.4.1).

All are in nats, and 0 log 0 = 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP, TOLERANCE
from smile_bench.errors import ConvergenceWarning, InputError

__all__ = [
    "Capacity",
    "channel_capacity",
    "divergence",
    "empowerment",
    "entropy",
    "mutual_information",
    "require_distributions",
]


def require_distributions(name: str, given: FloatArray) -> FloatArray:
    """Check distributions over the last axis, (..., n), and return them as an array.

    Raises:
        InputError: no axis, or numbers that are negative, not finite or do not sum to 1.
    """
    given = np.asarray(given, np.float64)
    if given.ndim == 0 or given.shape[-1] == 0:
        raise InputError(f"{name} must have a last axis of probabilities, got {given.shape}.")
    if not np.isfinite(given).all() or (given < 0.0).any():
        raise InputError(f"{name} must be probabilities: finite and not negative.")
    residual = np.abs(given.sum(axis=-1) - 1.0)
    if residual.size and residual.max() > TOLERANCE:
        raise InputError(
            f"{name} must sum to 1 over the last axis, but misses it by {residual.max():.3g}: "
            "divide by the sum."
        )
    return given


def entropy(distribution: FloatArray) -> FloatArray:
    """H(p) = −Σ p log p, (...), of distributions (..., n): how broad p is.

    Of a state distribution it is the coverage of a policy.

    Raises:
        InputError: not distributions.
    """
    return np.asarray(-_plogp(require_distributions("the distribution", distribution)).sum(axis=-1))


def divergence(distribution: FloatArray, target: FloatArray) -> FloatArray:
    """D_KL(p ‖ q) = Σ p log(p / q), (...), of distributions (..., n).

    It is infinite where q is zero and p is not.

    Raises:
        InputError: not distributions.
    """
    p = require_distributions("the distribution", distribution)
    q = require_distributions("the target", target)
    return np.asarray(_log_ratios(p, q).sum(axis=-1))


def mutual_information(joint: FloatArray) -> FloatArray:
    """I(x; y) = D_KL(p(x, y) ‖ p(x) p(y)), (...), of joint distributions (..., X, Y).

    Raises:
        InputError: fewer than two axes, or not distributions.
    """
    joint = np.asarray(joint, np.float64)
    if joint.ndim < 2:
        raise InputError(f"a joint distribution has two axes or more, got shape {joint.shape}.")
    require_distributions("the joint distribution", joint.reshape(*joint.shape[:-2], -1))
    product = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    return np.asarray(_log_ratios(joint, product).sum(axis=(-2, -1)))


@dataclass(frozen=True, eq=False)
class Capacity:
    """Capacities of channels, with the inputs that reach them."""

    nats: FloatArray
    """I(x; y) under ``inputs``, (...). The capacity lies at most ``gap`` above it."""
    inputs: FloatArray
    """The distribution of inputs, (..., X)."""
    gap: FloatArray
    """max_x D_KL(p(y | x) ‖ p(y)) − I(x; y), (...): the certificate."""


def channel_capacity(
    channel: FloatArray, *, tolerance: float = 1e-10, iterations: int = 100_000
) -> Capacity:
    """max over p(x) of I(x; y), by the algorithm of Blahut and Arimoto (1972).

    Each step multiplies p(x) by exp D_KL(p(y | x) ‖ p(y)). No p(x) has more information than the
    largest of these divergences, which gives the certificate. If the gap of a channel is above the
    tolerance after the last iteration, a ``ConvergenceWarning`` says so.

    Args:
        channel: p(y | x), (..., X, Y).
        tolerance: the largest gap accepted.
        iterations: when to stop at the latest.

    Raises:
        InputError: fewer than two axes, not distributions, or a tolerance that is not positive.
    """
    channel = require_distributions("the channel", channel)
    if channel.ndim < 2:
        raise InputError(f"a channel has two axes or more, got shape {channel.shape}.")
    if not tolerance > 0.0:
        raise InputError(f"the tolerance must be positive, got {tolerance}.")
    rows = channel.reshape(-1, *channel.shape[-2:])
    inputs = np.full(rows.shape[:2], 1.0 / rows.shape[1])
    nats, gap = np.zeros(len(rows)), np.full(len(rows), np.inf)
    left, own = np.arange(len(rows)), _plogp(rows).sum(axis=2)
    for _ in range(iterations):
        p = inputs[left]
        outputs = np.matmul(p[:, None], rows[left])[:, 0]
        # An output that no input with a positive chance gives: its rows are zero there, or p is.
        logs = np.log(np.where(outputs > 0.0, outputs, np.finfo(np.float64).tiny))
        each = own[left] - np.matmul(rows[left], logs[:, :, None])[:, :, 0]
        nats[left] = (p * each).sum(axis=1)
        gap[left] = each.max(axis=1) - nats[left]
        more = gap[left] > tolerance
        if not more.any():
            break
        left, grown = left[more], (p * np.exp(each))[more]
        inputs[left] = grown / grown.sum(axis=1, keepdims=True)
    if len(rows) and gap.max() > tolerance:
        warnings.warn(
            f"the capacity is certain to {gap.max():.3g} only after {iterations} iterations, and "
            f"{tolerance:.3g} was asked for: allow more iterations or a larger tolerance.",
            ConvergenceWarning,
            stacklevel=2,
        )
    shape = channel.shape[:-2]
    return Capacity(
        np.maximum(nats, 0.0).reshape(shape),
        inputs.reshape(channel.shape[:-1]),
        np.maximum(gap, 0.0).reshape(shape),
    )


def empowerment(mdp: MDP, *, tolerance: float = 1e-10) -> Capacity:
    """max over p(a) of I(s′; a) in every state of B tasks, (B, S): how much control there is.

    The inputs (B, S, A) are the distributions of actions that reach it.

    Args:
        mdp: dynamics of B tasks.
        tolerance: the largest gap accepted of any state.
    """
    # Moves that lead to the same state are one output of the channel.
    same = mdp.moves[:, :, None] == mdp.moves[:, None]
    output = np.eye(mdp.moves.shape[1])[same.argmax(axis=2)]
    return channel_capacity(np.matmul(mdp.mixing, output), tolerance=tolerance)


def _plogp(p: FloatArray) -> FloatArray:
    return p * np.log(np.where(p > 0.0, p, 1.0))


def _log_ratios(p: FloatArray, q: FloatArray) -> FloatArray:
    """p log(p / q) of every entry."""
    with np.errstate(divide="ignore"):
        return np.asarray(_plogp(p) - np.where(p > 0.0, p * np.log(np.where(p > 0.0, q, 1.0)), 0.0))
