"""Reference agents, one readable module each, over shared parts."""

from smile_bench.baselines.registry import AGENTS, load_agent

__all__ = ["AGENTS", "load_agent"]
