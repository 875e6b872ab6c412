"""What every test shares."""

from __future__ import annotations

import smile_bench  # noqa: F401  (registers the families)
