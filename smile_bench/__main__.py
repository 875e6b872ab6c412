"""``python -m smile_bench``: the ``smile-bench`` command."""

import sys

from smile_bench.cli import main

sys.exit(main())
