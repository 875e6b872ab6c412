"""A family from outside with everything that an evaluation needs: expert, dataset and protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.loading import add_to_manifest
from smile_bench.envs import Family
from smile_bench.experts.policy import Expert, load_expert, write_expert
from smile_bench.protocol.freeze import freeze_protocol
from tests.helpers.outside_family import EXPERT, ID, make_family, registered

__all__ = ["frozen_family"]


@contextmanager
def frozen_family(data: Path) -> Iterator[Family]:
    """The outside family, registered, with its own files in a folder.

    Its expert is that of ant goal, whose tasks have the same parameters.

    Args:
        data: an empty folder.
    """
    expert = load_expert("SmileAntGoal-v0")
    assert isinstance(expert, Expert)
    with registered(make_family(data)) as family:
        write_expert(data / f"{EXPERT}.safetensors", replace(expert, family=ID))
        path = data / f"{ID}.h5"
        build_dataset(BuildConfig.canonical(ID), path)
        add_to_manifest(path)
        freeze_protocol(family, blind_episodes=60)
        yield family
