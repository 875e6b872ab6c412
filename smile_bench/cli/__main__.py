"""``python -m smile_bench.cli``: the former name of ``python -m smile_bench``."""

import sys
import warnings

from smile_bench.cli import main

warnings.warn(
    "`python -m smile_bench.cli` is now `python -m smile_bench`. The old name will be removed.",
    DeprecationWarning,
    stacklevel=1,
)
sys.exit(main())
