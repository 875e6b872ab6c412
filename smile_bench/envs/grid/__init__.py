"""Gridworld families, in which every quantity can be computed."""
