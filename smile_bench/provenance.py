"""Provenance of results and weights: hardware, versions, and what an agent states about itself."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from smile_bench.errors import AgentError

__all__ = [
    "hardware",
    "made_here",
    "package_versions",
    "training_of",
    "training_recipe",
    "version_of",
    "weights_of",
]

PACKAGES = ("smile-bench", "mujoco", "gymnasium", "numpy")
LONGEST = 200
"""Characters of a fact about the computer."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def hardware() -> dict[str, Any]:
    """Machine type, processor model, number of processors and system of this computer."""
    return {
        "machine": _printable(platform.machine()),
        "processor": _printable(_processor()),
        "cpus": os.cpu_count() or 1,
        "system": _printable(platform.system()),
    }


def version_of(package: str) -> str:
    """Version of a package that results depend on.

    It is that of the code that runs: where a package is used from its source, without the metadata
    that an installation leaves, it is its ``__version__``.

    Args:
        package: its name on PyPI, such as ``"smile-bench"``.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(import_module(package.replace("-", "_")).__version__)


def package_versions(*, torch: bool = False) -> dict[str, str]:
    """Versions of the packages that results depend on.

    Args:
        torch: whether PyTorch is in use elsewhere; its version is given then, or if it is imported
            here.
    """
    versions = {package: version_of(package) for package in PACKAGES}
    versions["python"] = platform.python_version()
    if torch or "torch" in sys.modules:
        versions["torch"] = version_of("torch")
    return versions


def made_here(mujoco: str, machine: str) -> bool:
    """Whether this computer has the same MuJoCo version and machine type.

    If so, a simulation here gives the same bits as where something was made.

    Args:
        mujoco: version of MuJoCo there.
        machine: machine type there, as :func:`hardware` states it.
    """
    return mujoco == version_of("mujoco") and machine == _printable(platform.machine())


def training_recipe(command: str, seed: int) -> dict[str, Any]:
    """Recipe to store with weights: command and seed of the training, versions and hardware."""
    return {"command": command, "seed": seed, "versions": package_versions(), **hardware()}


def training_of(agent: object) -> dict[str, Any] | None:
    """Read an agent's optional attribute ``recipe``: facts of its training as JSON-able data.

    Raises:
        AgentError: the attribute is not a mapping of JSON-able data.
    """
    recipe = getattr(agent, "recipe", None)
    if recipe is None:
        return None
    if not isinstance(recipe, Mapping):
        raise AgentError(f"an agent's recipe must be a mapping, got {type(recipe).__name__}.")
    try:
        training: dict[str, Any] = json.loads(json.dumps(dict(recipe), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentError(
            f"an agent's recipe must be JSON-able: text, finite numbers, lists and mappings "
            f"({error})."
        ) from error
    return training


def weights_of(agent: object) -> str | None:
    """Read an agent's optional attribute ``weights_sha256``: the SHA-256 of its weights file.

    Raises:
        AgentError: the attribute is not a SHA-256.
    """
    weights = getattr(agent, "weights_sha256", None)
    if weights is None:
        return None
    if not isinstance(weights, str) or not SHA256.fullmatch(weights):
        raise AgentError(
            f"an agent's weights_sha256 must be 64 hexadecimal digits, got {weights!r}."
        )
    return weights


def _printable(text: str) -> str:
    """Text that result files can hold: printable, not empty and not too long."""
    return "".join(filter(str.isprintable, text))[:LONGEST].strip() or "unknown"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text(encoding="utf-8"))
        if found:
            return found[1].strip()
    return platform.processor() or "unknown"
