"""Every file of the manifest: one altered byte is noticed by the public call that reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smile_bench.io.shipped import MANIFEST, PACKAGE

pytest.importorskip("torch")

CALLS = {
    "envs/tables/": "gymnasium.make(family, split='test')",
    "datasets/data/": "smile_bench.load_dataset(family)",
    "protocol/data/": "read_meta_test(family, path.parent)",
    "protocol/fine_tuning/data/": "read_fine_tuning(family, contexts, path.parent)",
    "experts/weights/walker-dynamics-shared": "read_shared(path)",
    "experts/weights/": "read_expert(path)",
    "leaderboard/page/data/": "load_published()",
    "baselines/weights/": "smile_bench.load_agent(path.parent.name, family)",
}
"""Beginning of a file's name to the call that reads it; the first that fits."""

SCRIPT = """
import json, sys
from pathlib import Path
import gymnasium, smile_bench
from smile_bench.errors import SmileError
from smile_bench.experts.policy import read_expert
from smile_bench.experts.training.shared import read_shared
from smile_bench.leaderboard.page.published import load_published
from smile_bench.protocol.fine_tuning.frozen import read_fine_tuning
from smile_bench.protocol.meta_test import read_meta_test

package = Path(smile_bench.__file__).parent
assert package.parent == Path(sys.argv[1]), package
answers = []
for name, family, call in json.loads(sys.argv[2]):
    path = package / name
    contexts = path.stem.rpartition("-")[2]
    whole = path.read_bytes()
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    path.write_bytes(altered)
    try:
        eval(call)
        answers.append([name, "nothing was noticed"])
    except SmileError as error:
        answers.append([name, str(error)])
    path.write_bytes(whole)
    eval(call)  # The whole file is read.
print(json.dumps(answers))
"""


def family_of(name: str) -> str:
    """A family whose use reads a shipped file."""
    path = Path(name)
    if path.stem.startswith("Smile"):
        return path.stem.partition("-fine-tune-")[0]
    words = path.stem.replace("_", "-").split("-")
    titled = f"Smile{''.join(word.title() for word in words)}-v0"
    return titled if name.startswith("envs/") else "SmileGridGoal-v0"


@pytest.mark.slow
def test_an_altered_byte_of_any_shipped_file_is_noticed_by_what_reads_it(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    names = list(json.loads(MANIFEST.read_text(encoding="utf-8"))["files"])
    # What a process reads once is altered before anything else reads it.
    names.sort(key=lambda name: [name.startswith(kind) for kind in CALLS], reverse=True)
    cases = [
        (name, family_of(name), next(call for kind, call in CALLS.items() if name.startswith(kind)))
        for name in names
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(cases)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = dict(json.loads(done.stdout.splitlines()[-1]))
    assert answers.keys() == set(names)
    unnoticed = {
        name: answer
        for name, answer in answers.items()
        if not re.search(rf"{re.escape(str(package / name))} .*altered.*: its SHA-256", answer)
    }
    assert list(unnoticed.items()) == []
