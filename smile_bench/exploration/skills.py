"""Diverse skills in a table (CS285 notes, section 6.4.4; DIAYN, Eysenbach et al. 2018).

A skill z is chosen with probability p(z) and followed for an episode. Its state marginal p(s | z)
is the share of steps spent in s. DIAYN maximises E[log q(z | s) − log p(z)], a lower bound of
I(S; Z), over skills and over the discriminator q. Arrays have the axes (task, skill, …).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.quantities import mutual_information, require_distributions
from smile_bench.exploration.visitation import best_response, episode_visitation

__all__ = [
    "Alternation",
    "alternate",
    "bound",
    "improved_skills",
    "information",
    "posterior",
    "skill_marginals",
]

SMALLEST = 1e-300
"""What log q(z | s) takes for a posterior of zero."""


@dataclass(frozen=True, eq=False)
class Alternation:
    """Skills of B tasks after alternating discriminator and policies."""

    policies: FloatArray
    """π_t(a | s, z), (B, K, T, S, A)."""
    marginals: FloatArray
    """p(s | z), (B, K, S)."""
    information: FloatArray
    """I(S; Z) before the first step and after each, (I + 1, B)."""


def skill_marginals(mdp: MDP, policies: FloatArray, start: FloatArray) -> FloatArray:
    """p(s | z) of skills, (B, K, S).

    Args:
        mdp: dynamics of B tasks.
        policies: π_t(a | s, z), (B, K, T, S, A).
        start: distribution of s_1, (B, S).

    Raises:
        InputError: shapes that do not fit, or not a distribution.
    """
    if policies.ndim != 5 or len(policies) != mdp.tasks:
        raise InputError(
            f"policies of skills have shape ({mdp.tasks} tasks, skills, steps, states, actions), "
            f"got {policies.shape}."
        )
    number = policies.shape[1]
    flat = policies.reshape(-1, *policies.shape[2:])
    starts = np.repeat(mdp.require_start(start), number, axis=0)
    visits = episode_visitation(_repeated(mdp, number), flat, starts)
    return np.asarray(visits.sum(axis=2).reshape(mdp.tasks, number, mdp.states))


def posterior(marginals: FloatArray, prior: FloatArray) -> FloatArray:
    """q(z | s) ∝ p(z) p(s | z), (..., K, S): the best discriminator.

    It is p(z) in states where no skill goes.

    Args:
        marginals: p(s | z), (..., K, S).
        prior: p(z), (K,).

    Raises:
        InputError: not distributions, or shapes that do not fit.
    """
    joint = _joint(marginals, prior)
    total = joint.sum(axis=-2, keepdims=True)
    return np.where(total > 0.0, joint / np.where(total > 0.0, total, 1.0), prior[:, None])


def bound(marginals: FloatArray, prior: FloatArray, discriminator: FloatArray) -> FloatArray:
    """E[log q(z | s) − log p(z)], (...): DIAYN's objective, at most I(S; Z).

    Args:
        marginals: p(s | z), (..., K, S).
        prior: p(z), (K,).
        discriminator: q(z | s), (..., K, S).

    Raises:
        InputError: not distributions, or shapes that do not fit.
    """
    return np.asarray((_joint(marginals, prior) * _rewards(discriminator, prior)).sum((-2, -1)))


def information(marginals: FloatArray, prior: FloatArray) -> FloatArray:
    """I(S; Z), (...), of skills with marginals (..., K, S) and prior (K,).

    Raises:
        InputError: not distributions, or shapes that do not fit.
    """
    return mutual_information(_joint(marginals, prior))


def improved_skills(
    mdp: MDP, prior: FloatArray, start: FloatArray, horizon: int, discriminator: FloatArray
) -> FloatArray:
    """The policies that maximise E[log q(z | s) − log p(z)], (B, K, T, S, A), one for each skill.

    Args:
        mdp: dynamics of B tasks.
        prior: p(z), (K,).
        start: distribution of s_1, (B, S).
        horizon: T.
        discriminator: q(z | s), (B, K, S).

    Raises:
        InputError: not distributions, or shapes that do not fit.
    """
    number = len(_require_prior(prior))
    rewards = _rewards(discriminator, prior).reshape(mdp.tasks * number, mdp.states, 1)
    starts = np.repeat(mdp.require_start(start), number, axis=0)
    policy = best_response(_repeated(mdp, number), rewards, starts, horizon).policy
    return policy.reshape(mdp.tasks, number, *policy.shape[1:])


def alternate(
    mdp: MDP, policies: FloatArray, prior: FloatArray, start: FloatArray, iterations: int
) -> Alternation:
    """Alternate between the exact posterior and the exact policies. I(S; Z) never falls.

    Alternation can end in a local optimum, and it stays where all skills go the same way: begin
    with skills that differ.

    Args:
        mdp: dynamics of B tasks.
        policies: the first skills, (B, K, T, S, A).
        prior: p(z), (K,).
        start: distribution of s_1, (B, S).
        iterations: I.

    Raises:
        InputError: not distributions, or shapes that do not fit.
    """
    marginals = skill_marginals(mdp, policies, start)
    found = [information(marginals, prior)]
    for _ in range(iterations):
        discriminator = posterior(marginals, prior)
        policies = improved_skills(mdp, prior, start, policies.shape[2], discriminator)
        marginals = skill_marginals(mdp, policies, start)
        found.append(information(marginals, prior))
    return Alternation(policies, marginals, np.stack(found))


def _joint(marginals: FloatArray, prior: FloatArray) -> FloatArray:
    """p(s, z), (..., K, S)."""
    marginals, prior = require_distributions("marginals", marginals), _require_prior(prior)
    if marginals.ndim < 2 or marginals.shape[-2] != len(prior):
        raise InputError(
            f"marginals of {len(prior)} skills have shape (..., {len(prior)}, states), got "
            f"{marginals.shape}."
        )
    return np.asarray(prior[:, None] * marginals)


def _rewards(discriminator: FloatArray, prior: FloatArray) -> FloatArray:
    """log q(z | s) − log p(z), (..., K, S)."""
    chances = require_distributions("the discriminator", np.swapaxes(discriminator, -2, -1))
    logs = np.log(np.maximum(chances, SMALLEST)) - np.log(_require_prior(prior))
    return np.asarray(np.swapaxes(logs, -2, -1))


def _require_prior(prior: FloatArray) -> FloatArray:
    prior = require_distributions("the prior of skills", prior)
    if prior.ndim != 1 or prior.min() <= 0.0:
        raise InputError(
            f"the prior of skills must be one positive probability for each, got {prior.tolist()}: "
            "leave out skills that are never chosen."
        )
    return prior


def _repeated(mdp: MDP, number: int) -> MDP:
    """The dynamics of each task once for every skill."""
    return MDP(mdp.moves, np.repeat(mdp.mixing, number, axis=0))
