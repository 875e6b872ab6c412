"""Training the experts, base policies and shared policies that ship with the suite."""
