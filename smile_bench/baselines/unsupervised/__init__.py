"""Agents that learn without rewards and demonstrations (CS285 notes, section 6.4)."""
