"""Freeze a family's protocol, as the shipped ones were frozen.

The committed files are the benchmark. Run this once for a new family or protocol version.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from smile_bench.protocol.freeze import freeze_protocol

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    parser.add_argument("--output", type=Path, help="folder of the two files; by default the data")
    arguments = parser.parse_args()
    meta_test = freeze_protocol(arguments.family, arguments.output)
    print(f"{meta_test.family}: {meta_test.version}")
