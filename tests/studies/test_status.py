"""Where a study stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.studies.claims import try_claim
from smile_bench.studies.folder import DONE, FAILED, PENDING, RUNNING, StudyFolder
from smile_bench.studies.status import JobStatus, Status, duration, look
from smile_bench.studies.study import Job
from tests.helpers.studies import opened


def log(folder: StudyFolder, job: Job, text: str) -> None:
    place = folder.of(job) / f"seed-{job.seeds[0]}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "progress.csv").write_text(text)


def test_every_job_is_looked_at(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    done, failed, running, pending, _ = folder.jobs
    (folder.of(done) / "seed-0" / "primary").mkdir(parents=True)
    (folder.of(done) / "seed-0" / "primary" / "result.json").touch()
    log(folder, done, "iteration,seconds\n1,10.0\n3,40.0\n")
    folder.fail(failed, "no luck")
    log(folder, running, "iteration,seconds\n2,30.5\n")
    claim = try_claim(folder.of(running), lambda: None)
    assert claim is not None
    with claim:
        status = look(folder)
    assert [one.state for one in status.jobs] == [DONE, FAILED, RUNNING, PENDING, PENDING]
    assert status.of(FAILED)[0].failure == "no luck"
    (one,) = status.of(RUNNING)
    assert (one.iteration, one.seconds, one.host) == (2, 30.5, claim.holder.host)
    assert status.jobs[0].seconds == 40.0
    assert pending == status.of(PENDING)[0].job


HEADER = "iteration,seconds\n"


@pytest.mark.parametrize(
    "text",
    ["", "\0", HEADER, HEADER + "x,y\n", HEADER + "1\n", "a\n1\n", "\xff", '"' + "x" * 200_000],
)
def test_a_damaged_log_says_nothing(tmp_path: Path, text: str) -> None:
    folder = opened(tmp_path)
    log(folder, folder.jobs[0], "")
    place = folder.of(folder.jobs[0]) / "seed-0" / "progress.csv"
    place.write_bytes(text.encode("latin-1"))
    assert (look(folder).jobs[0].iteration, look(folder).jobs[0].seconds) == (0, 0.0)


def test_the_time_left_follows_from_jobs_that_are_done(tmp_path: Path) -> None:
    smile, other, _, _, copied = opened(tmp_path).jobs

    def of(job: Job, state: str, seconds: float = 0.0) -> JobStatus:
        return JobStatus(job=job, state=state, seconds=seconds)

    nothing = Status(jobs=[of(smile, PENDING)])
    assert nothing.seconds_left is None
    assert nothing.summary() == "1 pending"
    known = [of(smile, DONE, 100.0), of(other, RUNNING, 30.0)]
    assert Status(jobs=known).seconds_left == 70.0
    assert Status(jobs=known).summary() == "1 done, 1 running, about 70 s left with 1 at once"
    # Of another agent nothing is known: as long as what is known.
    assert Status(jobs=[known[0], of(copied, PENDING)]).seconds_left == 100.0
    assert Status(jobs=[known[0], of(smile, RUNNING, 300.0)]).seconds_left == 0.0
    ended = Status(jobs=[known[0], of(other, FAILED)])
    assert ended.summary() == "1 done, 1 failed"
    assert Status(jobs=[]).summary() == "no jobs"


def test_durations_are_text() -> None:
    assert [duration(s) for s in (0.4, 89, 600, 5400, 36000)] == [
        "0 s", "89 s", "10 min", "1.5 h", "10.0 h",
    ]  # fmt: skip
