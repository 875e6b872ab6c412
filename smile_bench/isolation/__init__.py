"""Agents in a process of their own: they get arrays and return arrays, and reach nothing else.

The parent writes contexts and observations into shared memory and reads actions from it, as
float32 of a shape that it knows. Both sides send short lines of JSON through pipes. Nothing is
unpickled, so that the agent's process cannot run code in the parent.
"""

from smile_bench.isolation.agent import IsolatedAgent, isolated_agent

__all__ = ["IsolatedAgent", "isolated_agent"]
