"""The ``smile-bench`` command."""

from smile_bench.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
