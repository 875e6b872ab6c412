"""Errors, global options and the two ways to start the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import smile_bench
from smile_bench.cli import build_parser, main

FAMILY = "SmileAntGoal-v0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command. See `smile-bench --help`."),
        (["familys"], "invalid choice: 'familys' (choose from "),
        (["train", "--agent", "meta-bc"], "required: --family. See `smile-bench train --help`."),
        (["evaluate", "--family", FAMILY, "--shots", "x"], "--shots: invalid int value: 'x'"),
        (["--import", "no_such_module", "agents"], "cannot import 'no_such_module'"),
        (["evaluate", "--agent", "expert", "--family", "SmileAnt-v0"], "Did you mean"),
        (["evaluate", "--agent", "exprt", "--family", FAMILY], "Did you mean 'expert'"),
        (["evaluate", "--agent", "no.such:agent", "--family", FAMILY], "import 'no.such:agent'"),
        (["datasets", "build", "SmileAnt-v0"], "Did you mean"),
        (["datasets", "verify", "--path", "none.h5"], "none.h5"),
        (["experts", "train", "SmileAnt-v0"], "Did you mean"),
        (["train", "--agent", "meta-cb", "--family", FAMILY], "Did you mean 'meta-bc'"),
        (["train", "--agent", "meta-bc", "--family", "SmileAnt-v0"], "Did you mean"),
        (["train", "--agent", "expert", "--family", FAMILY], "expert is not trained. Agents that"),
        (
            ["train", "--agent", "meta-bc", "--family", FAMILY, "--device", "cuda:99"],
            "the device 'cuda:99' is not available",
        ),
    ],
)
def test_an_error_that_the_user_can_mend_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "train" in arguments:
        pytest.importorskip("torch")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("smile-bench: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    without_torch = (
        "import sys; sys.modules['torch'] = None; from smile_bench.cli import main; "
        f"sys.exit(main(['train', '--agent', 'meta-bc', '--family', '{FAMILY}']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", without_torch], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert run.stderr.startswith("smile-bench: this needs torch")
    assert "smile-bench[baselines]" in run.stderr
    assert run.stderr.count("\n") == 1


def test_the_working_directory_is_importable_during_a_command_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "module_of_the_user.py").write_text("import module_beside_it\n")
    (tmp_path / "module_beside_it.py").write_text("import no_such_module\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert main(["--import", "module_of_the_user", "agents"]) == 2
    assert "cannot import 'module_of_the_user': No module named 'no_such_module'" in (
        capsys.readouterr().err
    )
    (tmp_path / "module_beside_it.py").write_text("")
    assert main(["--import", "module_of_the_user", "agents"]) == 0
    assert sys.path == before
    for name in ("module_of_the_user", "module_beside_it"):
        monkeypatch.delitem(sys.modules, name)


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"smile-bench {smile_bench.__version__}\n"


def test_every_command_documents_itself() -> None:
    def described(parser: object) -> None:
        for action in getattr(parser, "_actions"):  # noqa: B009 (argparse offers no other way)
            if isinstance(action.choices, dict):
                listed = {choice.dest: choice.help for choice in action._choices_actions}
                for name, inner in action.choices.items():
                    assert listed[name], f"{name} has no help"
                    described(inner)
            elif action.dest != "help":
                documented.append((action.dest, action.help))

    documented: list[tuple[str, str | None]] = []
    described(build_parser())
    plain = {"family", "seed"}
    assert len(documented) > 30
    assert [name for name, text in documented if not text and name not in plain] == []


@pytest.mark.slow
def test_the_package_is_a_command_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "smile_bench"]
    run = subprocess.run(
        [*command, "families"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(FAMILY)
    wrong = subprocess.run([*command, "familys"], cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("smile-bench: argument command: invalid choice")
    assert not list(tmp_path.iterdir())


def test_a_reader_that_stops_early_meets_no_error(tmp_path: Path) -> None:
    shown = subprocess.run(
        f"{sys.executable} -m smile_bench agents --json | head -1",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (shown.stdout, shown.stderr) == ("[\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp932"])
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["families"], "SmileAntGoal-v0"),
        (["agents"], "meta-bc"),
        (
            ["evaluate", "--family", "SmileGridGoal-v0", "--agent", "retrieve-and-play"],
            "episode_return",
        ),
    ],
)
def test_any_encoding_can_be_printed_to(encoding: str, command: list[str], shown: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smile_bench", *command],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert shown in text
    assert "?" not in text


def test_what_no_encoding_can_show_is_a_question_mark() -> None:
    code = "import sys; from smile_bench.cli import main; main(['families'])\nprint('↑ − 漢')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("^ - ?\n")
