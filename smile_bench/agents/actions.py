"""Whether the actions of a policy can be applied."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family
from smile_bench.errors import AgentError

__all__ = ["checked_actions"]

TOLERANCE = 1e-6
"""How far beyond ±1 rounding may carry an action. Such an action is clipped."""


def checked_actions(family: Family, actions: object, slots: int, step: int) -> Float32Array:
    """Make sure that a policy's actions can be applied.

    Args:
        family: the family of the environments.
        actions: what ``act`` returned.
        slots: number of environments.
        step: control step, for the message.

    Returns:
        The actions (slots, action_size) as float32, in [-1, 1].

    Raises:
        AgentError: the actions have another shape, are not numbers, not finite or out of range.
    """
    if hasattr(actions, "detach"):
        raise AgentError(
            "act returned a PyTorch tensor; return a NumPy array, such as "
            "actions.detach().cpu().numpy()."
        )
    try:
        given = np.asarray(actions)
    except (TypeError, ValueError) as error:
        raise AgentError(f"act must return an array of numbers: {error}") from error
    if given.dtype.kind not in "fiu":
        raise AgentError(f"act must return an array of real numbers, not of {given.dtype}.")
    array = given.astype(np.float64)
    if array.ndim and not np.isfinite(array).all():
        bad = np.unique(np.nonzero(~np.isfinite(array))[0]).tolist()
        raise AgentError(
            f"act returned NaN or infinity at step {step} in slots {bad[:8]}: check the policy's "
            "inputs and weights."
        )
    if isinstance(family.action_space, spaces.Discrete):
        return _checked_choices(family, array, slots, step)
    shape = (slots, family.action_size)
    if array.shape != shape:
        raise AgentError(
            f"act returned actions of shape {array.shape} at step {step}; for {slots} "
            f"observations of {family.id} it must return {shape}."
        )
    largest = float(np.abs(array).max())
    if largest > 1.0 + TOLERANCE:
        raise AgentError(
            f"act returned an action of {largest:.6g} at step {step}; actions must lie in "
            "[-1, 1]. Squash or clip them in the policy."
        )
    return np.clip(array, -1.0, 1.0).astype(np.float32)


def _checked_choices(family: Family, array: FloatArray, slots: int, step: int) -> Float32Array:
    """Discrete actions as one-hot rows (slots, n), from indices (slots,) or one-hot rows."""
    n = family.action_size
    eye = np.eye(n, dtype=np.float32)
    if array.shape == (slots,):
        if not np.isin(array, np.arange(n)).all():
            bad = array[~np.isin(array, np.arange(n))][:8].tolist()
            raise AgentError(
                f"act returned {bad} at step {step}; actions of {family.id} are the integers 0 to "
                f"{n - 1}."
            )
        chosen: Float32Array = eye[array.astype(np.int64)]
        return chosen
    if array.shape != (slots, n):
        raise AgentError(
            f"act returned actions of shape {array.shape} at step {step}; for {slots} observations "
            f"of {family.id} it must return integers ({slots},) or one-hot rows ({slots}, {n})."
        )
    rows: Float32Array = eye[np.argmax(array, axis=1)]
    if not np.array_equal(rows, array):
        raise AgentError(
            f"act returned rows at step {step} that are not one-hot; {family.id} has {n} discrete "
            "actions. Return the chosen index, or 1 for it and 0 for the others."
        )
    return rows
