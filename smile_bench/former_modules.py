"""Old paths of modules that the documentation named: they work for one release."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["FORMER_MODULES", "find_former_modules"]

FORMER_MODULES: Mapping[str, str] = {
    "smile_bench.baselines.agent_training": "smile_bench.baselines.training",
    "smile_bench.baselines.grid_evidence": "smile_bench.baselines.tabular_irl.contexts",
    "smile_bench.baselines.max_margin": "smile_bench.baselines.tabular_irl.max_margin",
    "smile_bench.baselines.maxent_irl": "smile_bench.baselines.tabular_irl.maxent",
    "smile_bench.baselines.sampled_irl": "smile_bench.baselines.tabular_irl.sampled",
    "smile_bench.baselines.tabular_smile": "smile_bench.baselines.tabular_irl.smile",
    "smile_bench.envs.tabular": "smile_bench.envs.grid.planning",
}
"""Old path to new path."""


def find_former_modules() -> None:
    """Let the import system find the modules of :data:`FORMER_MODULES`, with a warning."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # Last: it is asked only for what nothing else finds.
        sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in FORMER_MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the moved module in the place of ``module``; the import system hands that out."""
        former = module.__name__
        now = FORMER_MODULES[former]
        warnings.warn(f"{former} is now {now}.", DeprecationWarning, stacklevel=2)
        sys.modules[former] = importlib.import_module(now)
