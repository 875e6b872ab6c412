"""What context-conditioned imitators share."""
