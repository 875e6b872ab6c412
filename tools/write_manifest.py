"""Write ``smile_bench/manifest.json``, which lists the SHA-256 of every data file that ships.

Run it after a change to shipped weights, task tables, protocol files or datasets that you mean.
"""

from __future__ import annotations

from smile_bench.io.shipped import MANIFEST, shipped_files, write_manifest


def main() -> None:
    """Write the manifest."""
    write_manifest()
    print(f"wrote {MANIFEST}: {len(shipped_files())} files")


if __name__ == "__main__":
    main()
