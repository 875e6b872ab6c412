"""Privileged policies: they demonstrate, and they define the scores 1 and 0."""
