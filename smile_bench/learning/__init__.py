"""PyTorch tools that know no task and no demonstration."""
