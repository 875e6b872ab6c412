"""Checkpoints of trainings that run together: one round is all of theirs at one iteration.

A round writes every checkpoint beside the former one and then renames one after another. Whenever
a run is killed, each folder has either its former or its new checkpoint of one round, as the
checkpoint or beside it, and the newest round that is complete is the one to continue from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from smile_bench.errors import CheckpointError
from smile_bench.learning.loop.clock import Spent
from smile_bench.learning.loop.folder import Folder, Stored
from smile_bench.learning.loop.trainings import Trainings

__all__ = ["latest_round", "save_round"]


def save_round(folders: Sequence[Folder], trainings: Trainings, spent: Spent) -> None:
    """Write the checkpoints of all trainings that have not stopped.

    Args:
        folders: of the trainings, in order.
        trainings: whose states are stored.
        spent: by the run until now.
    """
    running = [(n, folder) for n, folder in enumerate(folders) if folder.reason is None]
    for index, folder in running:
        # A run of one has nothing to agree with.
        path = folder.checkpoint if len(folders) == 1 else folder.next
        folder.write(path, trainings.state_dict(index), trainings.iteration, spent)
    if len(folders) > 1:
        _rename(folder for _, folder in running)


def latest_round(folders: Sequence[Folder]) -> list[Stored] | None:
    """The newest complete round, of which a killed run may have left a part to rename.

    It leaves the folders as a run that ended with this round would have.

    Returns:
        A checkpoint of each training, that of a stopped one being of an earlier round; None where
        there is none.

    Raises:
        CheckpointError: a checkpoint is damaged, of another run or of other settings, only some
            folders have one, or those that there are do not agree.
    """
    stated = [folder.stopped_at() for folder in folders]
    if not _begun(folders):
        for folder in folders:
            folder.clear_leftovers()
            folder.clear_stop()
        return None
    found = [_read(folder) for folder in folders]
    _require_all(folders, found)
    chosen = _newest(found, stated)
    if chosen is None:
        rounds = ", ".join(
            f"{folder.directory.name}: {' and '.join(map(str, sorted(own)))}"
            for folder, own in zip(folders, found, strict=True)
        )
        raise CheckpointError(
            f"the checkpoints below {folders[0].directory.parent} are of different iterations "
            f"({rounds}), so that no run left them. Restore the files, or give another folder."
        )
    _settle(folders, chosen, stated)
    return chosen


def _begun(folders: Sequence[Folder]) -> bool:
    """Whether there is a checkpoint, or a first round that lacks its renames alone."""
    if any(folder.checkpoint.exists() for folder in folders):
        return True
    return len(folders) > 1 and all(folder.next.exists() for folder in folders)


def _read(folder: Folder) -> dict[int, Stored]:
    """A folder's checkpoints by iteration."""
    paths = [folder.checkpoint] if folder.place.of == 1 else [folder.checkpoint, folder.next]
    read = [folder.read(path) for path in paths if path.exists()]
    return {stored.iteration: stored for stored in reversed(read)}


def _require_all(folders: Sequence[Folder], found: Sequence[Mapping[int, Stored]]) -> None:
    missing = [f.directory.name for f, own in zip(folders, found, strict=True) if not own]
    if missing:
        there = [f.directory.name for f, own in zip(folders, found, strict=True) if own]
        raise CheckpointError(
            f"of {len(folders)} trainings below {folders[0].directory.parent}, "
            f"{', '.join(there)} have checkpoints and {', '.join(missing)} have none. Restore "
            "these, remove the others to start from scratch, or give another folder."
        )


def _newest(
    found: Sequence[Mapping[int, Stored]], stopped: Sequence[int | None]
) -> list[Stored] | None:
    """The checkpoints of the newest round that every training is part of, or stopped before."""
    for iteration in sorted({iteration for own in found for iteration in own}, reverse=True):
        chosen: list[Stored] = []
        for own, stop in zip(found, stopped, strict=True):
            if iteration in own:
                chosen.append(own[iteration])
            elif stop is not None and stop <= iteration and min(own) < iteration:
                chosen.append(own[max(at for at in own if at < iteration)])
        if len(chosen) == len(found):
            return chosen
    return None


def _settle(
    folders: Sequence[Folder], chosen: Sequence[Stored], stated: Sequence[int | None]
) -> None:
    """Rename what belongs to the round, and remove what came after it."""
    latest = max(stored.iteration for stored in chosen)
    _rename(f for f, stored in zip(folders, chosen, strict=True) if stored.path == f.next)
    for folder, stored, stop in zip(folders, chosen, stated, strict=True):
        folder.clear_leftovers()
        if stop is not None and (stop > latest or stored.iteration == latest):
            folder.clear_stop()


def _rename(folders: Iterable[Folder]) -> None:
    for folder in folders:
        folder.next.replace(folder.checkpoint)
