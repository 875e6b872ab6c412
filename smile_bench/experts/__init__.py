"""Policies that see the task: the experts (score 1) and the task-blind policies (score 0)."""
