"""smile-bench: a benchmark suite for few-shot meta-imitation in continuous control.

Importing it registers the families with Gymnasium.
"""

from smile_bench.envs import all_families, get_family, register_families

__version__ = "0.1.0"

__all__ = ["__version__", "all_families", "get_family"]

register_families()
