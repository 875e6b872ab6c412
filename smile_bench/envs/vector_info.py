"""Infos of vector environments, in Gymnasium's form: an array per key, and a mask ``_key``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smile_bench.arrays import BoolArray, FloatArray

__all__ = ["masked_info", "replaced_info", "with_final"]


def masked_info(
    values: Mapping[str, FloatArray], mask: BoolArray, *, everywhere: bool = False
) -> dict[str, Any]:
    """An info that holds in the environments of a mask.

    Args:
        values: an array (N,) per key.
        mask: the environments, (N,). Kept, not copied.
        everywhere: whether the mask is known to hold everywhere.

    Returns:
        Each array with zeros outside the mask, and the mask under ``_key``.
    """
    full = everywhere or bool(mask.all())
    info: dict[str, Any] = {}
    for key, array in values.items():
        info[key] = array if full else np.where(mask, array, 0.0)
        info[f"_{key}"] = mask
    return info


def replaced_info(
    stepped: Mapping[str, Any], fresh: Mapping[str, Any], mask: BoolArray, everywhere: BoolArray
) -> dict[str, Any]:
    """The info of a step in which some environments were reset.

    Args:
        stepped: the info of the step, in all environments.
        fresh: the info of the reset.
        mask: the environments that were reset, (N,).
        everywhere: a mask that holds everywhere, (N,), for keys of both infos.

    Returns:
        ``fresh`` in the mask, ``stepped`` elsewhere. Final observations and infos stay.
    """
    merged = {}
    kept = ~mask
    for key, array in stepped.items():
        if key.startswith(("_", "final_")):
            continue
        if key in fresh:
            merged[key], merged[f"_{key}"] = np.where(mask, fresh[key], array), everywhere
        elif kept.any():
            merged[key], merged[f"_{key}"] = np.where(mask, 0.0, array), kept
    for key in ("final_obs", "_final_obs", "final_info", "_final_info"):
        if key in stepped:
            merged[key] = stepped[key]
    return merged


def with_final(
    info: Mapping[str, Any], observations: FloatArray, mask: BoolArray
) -> dict[str, Any]:
    """The info of a step after which some episodes are over.

    Args:
        info: the info of the step.
        observations: the last observations, (N, observation_size).
        mask: whose episodes are over, (N,).

    Returns:
        The info with ``final_obs`` and ``final_info``.
    """
    final_obs = np.full(len(mask), None, dtype=object)
    for i in np.flatnonzero(mask):
        final_obs[i] = observations[i]
    values = {key: array for key, array in info.items() if not key.startswith("_")}
    return {
        **info,
        "final_obs": final_obs,
        "_final_obs": mask.copy(),
        "final_info": masked_info(values, mask.copy()),
        "_final_info": mask.copy(),
    }
