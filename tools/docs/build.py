"""Builds the documentation site: stages hand-written and generated pages, then runs MkDocs.

The staged folder is plain Markdown with a complete ``mkdocs.yml``, so that another generator which
reads that format can build it as well.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.docs.fragments import with_fragments
from tools.docs.pages import generated_pages

__all__ = ["build", "stage"]

ROOT = Path(__file__).parents[2]
EVERY_PAGE = re.compile(r"^( *- )([\w/]+/)\*$", re.MULTILINE)
"""An entry of the navigation that stands for every generated page of a folder."""


def stage(folder: Path) -> None:
    """Write ``mkdocs.yml`` and ``docs`` into a folder, which is replaced."""
    if folder.exists():
        shutil.rmtree(folder)
    docs = folder / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("*.py"))
    for page in docs.rglob("*.md"):
        page.write_text(with_fragments(page.read_text(encoding="utf-8")), encoding="utf-8")
    generated = generated_pages()
    for name, content in generated.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(_with_every_page(configuration, generated), encoding="utf-8")


def _with_every_page(configuration: str, generated: Mapping[str, object]) -> str:
    def pages(entry: re.Match[str]) -> str:
        indent, below = entry.groups()
        names = [n for n in generated if n.startswith(below) and n.endswith(".md")]
        return "\n".join(f"{indent}{name}" for name in names)

    return EVERY_PAGE.sub(pages, configuration)


def build(work: Path, site: Path) -> None:
    """Stage the pages in ``work`` and build the site from them; a warning is an error.

    Raises:
        subprocess.CalledProcessError: MkDocs found something wrong, and has said what.
    """
    stage(work)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict"]
    command += ["--config-file", str(work / "mkdocs.yml"), "--site-dir", str(site.absolute())]
    # MkDocs itself is at its last version, which mkdocs.yml pins; its notice would fill the log.
    subprocess.run(command, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})


def main() -> None:
    """Build the site into ``build/site``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "docs")
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "site")
    arguments = parser.parse_args()
    build(arguments.work, arguments.site)
    print(f"open {arguments.site / 'index.html'}")


if __name__ == "__main__":
    main()
