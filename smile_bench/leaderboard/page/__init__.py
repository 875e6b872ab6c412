"""What a build writes: the document (JSON), the page (HTML), the Markdown table."""

from typing import TYPE_CHECKING

from smile_bench.compat import deprecated

if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
