"""Who acts without rewards, and how it learns to."""
