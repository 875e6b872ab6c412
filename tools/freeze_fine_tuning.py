"""Freeze the fine-tuning sets of families, as the shipped ones were frozen.

The committed files are the benchmark. Run this once for a new family, then `write_manifest.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from smile_bench.protocol.fine_tuning.freeze import freeze_fine_tuning

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", nargs="+")
    parser.add_argument("--output", type=Path, help="folder of the files; by default the data")
    parser.add_argument(
        "--parts", type=Path, default=Path("build/fine-tune"), help="folder for finished parts"
    )
    arguments = parser.parse_args()
    for family in arguments.family:
        parts = arguments.parts / family
        for frozen in freeze_fine_tuning(family, arguments.output, parts=parts):
            print(
                f"{family}, contexts of the {frozen.contexts} demonstrator: {frozen.version}, "
                f"demonstrator's score {frozen.demonstrator_score:.3f}"
            )
