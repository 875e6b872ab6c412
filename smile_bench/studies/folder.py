"""The folder of a study: what is done, what has failed, and who works on what."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_bench import __version__
from smile_bench.errors import StudyError, clipped, shown
from smile_bench.io.files import read_bounded, write_atomically
from smile_bench.protocol.result import RESULT_FILE
from smile_bench.studies.claims import alive_holder
from smile_bench.studies.reading import parse_study
from smile_bench.studies.study import Cell, Job, Study

__all__ = ["DONE", "FAILED", "PENDING", "RUNNING", "STATES", "StudyFolder"]

FORMAT = "smile-bench-study-1"
NOTE = "study.json"
LIMIT = 4 << 20
STATES = DONE, RUNNING, PENDING, FAILED = "done", "running", "pending", "failed"


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder, with the study that it belongs to."""

    path: Path
    study: Study
    together: int | None
    """Seeds of one computation where a cell does not say; None for all."""

    @classmethod
    def make(cls, path: Path, study: Study, together: int | None) -> StudyFolder:
        """Make a study's folder, or open the one that is there.

        A study may have gained or lost cells and seeds since; what is done stays done.

        Raises:
            StudyError: the folder is of another study, holds something else, or is damaged.
        """
        note = path / NOTE
        if note.exists():
            named = _document(note)["name"]
            if named != study.name:
                raise StudyError(
                    f"{path} is the folder of the study {shown(named)}, not of {study.name!r}. "
                    "Give another folder."
                )
        elif path.exists() and _foreign(path):
            raise StudyError(
                f"{path} is not empty and not the folder of a study. Give another one."
            )
        document = {
            "format": FORMAT,
            "name": study.name,
            "version": __version__,
            "together": together,
            "text": study.text,
        }
        text = json.dumps(document, indent=1) + "\n"
        if not note.exists() or note.read_bytes() != text.encode():
            write_atomically(note, text)
        return cls(path, study, together)

    @classmethod
    def open(cls, path: str | Path) -> StudyFolder:
        """Open the folder of a study that was begun.

        Raises:
            StudyError: there is none, or it is damaged.
        """
        path = Path(path)
        document = _document(path / NOTE)
        study = parse_study(document["text"], str(path / NOTE))
        return cls(path, study, document["together"])

    def current(self) -> StudyFolder:
        """The folder with the study as it stands there now.

        Another ``study run`` may have changed it: this folder itself if none has.
        """
        document = _document(self.path / NOTE)
        if (document["text"], document["together"]) == (self.study.text, self.together):
            return self
        return StudyFolder.open(self.path)

    @property
    def jobs(self) -> list[Job]:
        """Every job, in the order of the file."""
        return self.study.jobs(self.together)

    def of(self, job: Job) -> Path:
        """Where a job works."""
        return self.path / job.folder

    def result(self, cell: Cell, seed: int) -> Path | None:
        """The folder with the sealed result of a seed, whichever job it came from; None without."""
        pattern = f"seeds-*/seed-{seed}/primary/{RESULT_FILE}"
        found = sorted((self.path / cell.folder).glob(pattern))
        return found[0].parent if found else None

    def diverged(self, cell: Cell, seed: int) -> bool:
        """Whether the training of a seed has stopped at numbers that are not finite."""
        pattern = f"seeds-*/seed-{seed}/diverged.json"
        return any((self.path / cell.folder).glob(pattern))

    def seeds_left(self, job: Job) -> tuple[int, ...]:
        """The seeds that a job trains: those that no other block of the cell has finished.

        A seed that the job itself has begun stays one of them, so that its block can continue.
        """
        own = self.of(job)

        def elsewhere(seed: int) -> bool:
            found = self.result(job.cell, seed)
            return found is not None and own not in found.parents

        return tuple(
            seed for seed in job.seeds if (own / f"seed-{seed}").exists() or not elsewhere(seed)
        )

    def done(self, job: Job) -> bool:
        """Whether every seed of a job has a result, or a training that will never have one."""
        return all(
            self.result(job.cell, seed) is not None or self.diverged(job.cell, seed)
            for seed in job.seeds
        )

    def state(self, job: Job) -> str:
        """One of :data:`STATES`."""
        if self.done(job):
            return DONE
        if self.failure(job) is not None:
            return FAILED
        return PENDING if alive_holder(self.of(job)) is None else RUNNING

    def failure(self, job: Job) -> str | None:
        """The last line of what went wrong with a job, or None."""
        path = self.of(job) / "failed.json"
        if not path.exists():
            return None
        try:
            return clipped(str(json.loads(read_bounded(path, LIMIT, StudyError))["message"]))
        except (StudyError, ValueError, KeyError, TypeError, RecursionError):
            return f"{path} is damaged; run the study with --retry"

    def fail(self, job: Job, message: str) -> None:
        """Note that a job has failed; it is tried again only on demand."""
        facts = {"message": clipped(message), "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        write_atomically(self.of(job) / "failed.json", json.dumps(facts) + "\n")

    def forgive(self, job: Job) -> None:
        """Let a job that has failed be tried again."""
        (self.of(job) / "failed.json").unlink(missing_ok=True)

    def describe(self, job: Job) -> None:
        """Write ``cell.json``, which says what the folder of a cell holds."""
        path = self.path / job.cell.folder / "cell.json"
        facts: dict[str, Any] = {**job.cell.facts, "changes": dict(job.cell.changes)}
        facts["condition"] = {
            **job.cell.condition.on(job.cell.family).to_dict(),
            "sha256": facts["condition"],
        }
        if not path.exists():
            write_atomically(path, json.dumps(facts, indent=1) + "\n")


def _foreign(path: Path) -> bool:
    """Whether a folder without a note holds something else than the results of a study."""
    if any(path.glob("*/*/*/cell.json")):  # The note was damaged, and its reader removed it.
        return False
    # Hidden files: another run is about to write the note.
    return any(not one.name.startswith(".") for one in path.iterdir())


def _document(note: Path) -> Mapping[str, Any]:
    """The note of a study's folder.

    Raises:
        StudyError: it is missing or damaged.
    """
    if not note.exists():
        raise StudyError(
            f"{note.parent} is not the folder of a study: {NOTE} is missing. Give the folder "
            "that `smile-bench study run` named."
        )
    try:
        document = json.loads(read_bounded(note, LIMIT, StudyError))
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {shown(document['format'])}")
        kinds = {"name": str, "text": str, "together": int | None}
        for key, kind in kinds.items():
            if not isinstance(document[key], kind):
                raise TypeError(f"{key} is {shown(document[key])}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(
            f"{note} is damaged ({clipped(str(error), 80)}). Remove it and run the study's file "
            "into this folder again; results stay."
        ) from error
    return dict(document)
