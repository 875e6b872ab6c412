"""The families: one module each, found by itself; adding a module adds a family."""
