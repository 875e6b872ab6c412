"""Learning without rewards, exactly: sections 6.4 and 6.5 of the CS285 notes, in tables."""
