"""The one table of settings' former names, as stored weights and sealed results still have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["FORMER_SETTINGS", "current_name", "renamed_settings"]

FORMER_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "average": ("ema_decay",),
    "capacity": (),
    "clamp": ("reward_clip",),
    "codes_per_task": (),
    "context_sizes": (),
    "decay_to": ("final_lr_fraction",),
    "demonstrated": ("demonstrations.fraction",),
    "density_form": (),
    "discriminator_every": ("discriminator.update_every",),
    "discriminator_hidden": (),
    "discriminator_momentum": ("discriminator.optimizer.beta1",),
    "discriminator_rate": ("discriminator.optimizer.learning_rate",),
    "early_noise": (),
    "early_states": ("first_state_fraction",),
    "early_steps": (),
    "encoder.across": ("encoder.pooling",),
    "encoder.changes": ("encoder.sees_changes",),
    "encoder.code": ("encoder.embedding",),
    "episode_noise": ("augmentation.constant_feature_noise",),
    "episode_vectors": ("augmentation.permuted_width",),
    "hidden": ("sac.hidden", "hidden"),
    "imitated": (),
    "imitated_first": ("demonstrations.bc_first_states",),
    "imitation": ("demonstrations.bc_weight",),
    "imitation_begins": (),
    "imitation_iterations": ("demonstrations.bc_decay_iterations",),
    "inverse_told": ("inverse_dynamics.sees_task",),
    "inverse_updates": ("inverse_dynamics.updates",),
    "name": (),
    "other_tasks": ("discriminator.mismatched_negatives",),
    "outcome": ("discriminator.final_state_weight", "final_state_weight"),
    "outcomes_per_task": (),
    "patience": ("stall_limit",),
    "penalty": ("discriminator.gradient_penalty",),
    "projection": (),
    "random_iterations": (),
    "refresh": (),
    "return_steps": ("sac.n_step",),
    "reward": (),
    "sac.entropy_weight_floor": (),
    "shared": ("shared_replay",),
    "snapshot_every": (),
    "snapshots": (),
    "steps": ("env_steps_per_iteration",),
    "threads": (),
    "trimmed": ("augmentation.outlier_fraction",),
    "updates": ("total_updates", "updates_per_iteration"),
    "visited": ("visited_fraction",),
    "warm_up": ("warm_up_iterations",),
    "weight_decay": ("discriminator.optimizer.weight_decay", "weight_decay"),
}
"""Former name to the names that stand for it now, those of one agent before those of another; none
where the setting is gone. Nested settings have dots."""


def current_name(former: str, known: Collection[str]) -> str | None:
    """What a setting is called now.

    Args:
        former: a name, perhaps a former one.
        known: the settings of a configuration.

    Returns:
        The name among ``known``, or None if there is none.
    """
    if former in known:
        return former
    return next((name for name in FORMER_SETTINGS.get(former, ()) if name in known), None)


def renamed_settings(stored: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Stored settings under their names of today; those that are gone are left out.

    Where a former name and a current one stand for the same setting, the former one counts: SMILe's
    ``hidden`` was the width of all its networks, whatever ``sac.hidden`` stated.

    Args:
        stored: settings by name, nested ones with dots.
        known: the settings of the configuration that they are of.
    """
    former_last = sorted(stored, key=lambda name: name not in known)
    named = {current_name(name, known): stored[name] for name in former_last}
    return {name: value for name, value in named.items() if name is not None}
