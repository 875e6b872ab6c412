"""Training the experts that ship with the families."""
