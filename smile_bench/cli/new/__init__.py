"""``smile-bench new``: a package with an agent of one's own, ready to be trained and entered."""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import re
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.errors import InputError, shown

__all__ = ["add_new_command", "write_package"]

PLACES = {
    "README.md": "README.md",
    "agent.py": "{module}/agent.py",
    "checks.py": "tests/test_agent.py",
    "package.py": "{module}/__init__.py",
    "pyproject.toml": "pyproject.toml",
    "train.py": "{module}/train.py",
}
"""Each file of the template, and where it goes."""


def add_new_command(commands: Any) -> None:
    """Add ``new`` to the subcommands of the parser."""
    new = commands.add_parser("new", help="write a package with an agent of your own")
    new.add_argument("name", help="of the package and its folder, such as my_agent")
    new.add_argument("--family", default="SmileAntGoal-v0", help="that its commands name")
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    from smile_bench.envs import get_family

    folder = write_package(Path(arguments.name), get_family(arguments.family).id)
    print(f"wrote {folder}. Next:")
    print(f"  cd {folder} && pip install --editable '.[dev]' && pytest")
    print(f"  python -m {folder.name}.train --family {arguments.family} --author 'Your name'")
    return 0


def write_package(folder: Path, family: str) -> Path:
    """Write the package into a new folder, whole or not at all.

    Args:
        folder: its last part is the package's name.
        family: that its commands name.

    Returns:
        The folder.

    Raises:
        InputError: the name cannot be imported or is taken, or the folder is there already.
    """
    module = folder.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module) or keyword.iskeyword(module):
        raise InputError(
            f"{shown(module)} cannot name a package; give small letters, digits and underscores, a "
            "letter first, such as my_agent."
        )
    if folder.exists():
        raise InputError(f"{folder} is there already; give another name.")
    if module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None:
        raise InputError(
            f"a package {module} is installed already, and this one would hide it; give another "
            "name."
        )
    values = {
        "MODULE": module,
        "NAME": module.replace("_", "-"),
        "CLASS": "".join(part.capitalize() for part in module.split("_")),
        "FAMILY": family,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    template = resources.files(__package__) / "template"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{module}-") as draft:
        whole = Path(draft) / module
        for source, place in PLACES.items():
            target = whole / place.format(module=module)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = (template / f"{source}.txt").read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            target.write_text(text, encoding="utf-8")
        shutil.move(str(whole), folder)
    return folder
