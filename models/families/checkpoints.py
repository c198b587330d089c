"""Checkpoints: what a training saves as it goes, so that it can be ended at any time and go on in another process.

There is one at a time, a folder that is whole or not there. It says of which training it is: data, spec, versions and
whatever else the model's bytes depend on; a checkpoint of another training is never gone on from.
"""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from schemas import fingerprint
from schemas.errors import ArtifactError, Interrupted
from schemas.plain_files import parse_json, read_plain, sync, write_whole

_log = logging.getLogger(__name__)

_ABOUT = "checkpoint.json"
_LARGEST = 4 << 30  # bytes of a file of a checkpoint
_UNFINISHED = "."


def never_asked() -> bool:
    """Nobody asks a training to end."""
    return False


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a training saved after so many rounds: the family's files by name."""

    rounds: int
    files: Mapping[str, bytes]


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """The checkpoint of one training in `folder`, saved anew every so many rounds.

    `training` is what the model depends on, as a plain JSON value. `asked_to_end` says, between two rounds, whether the
    training shall save itself and end. Without a folder nothing is saved.
    """

    folder: pathlib.Path | None = None
    every: int = 0
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    asked_to_end: Callable[[], bool] = never_asked

    def due(self, rounds: int) -> bool:
        """Say whether a training saves itself after so many rounds."""
        return self.folder is not None and self.every > 0 and rounds % self.every == 0

    def save(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint in place of the last one; an `OSError` says where, and the last one is still there."""
        if self.folder is None:
            return
        name = f"{checkpoint.rounds:08}"
        unfinished = self.folder / (_UNFINISHED + name)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(parents=True)
            for file, data in checkpoint.files.items():
                write_whole(unfinished / file, data)
            sums = {file: fingerprint.of_bytes(data) for file, data in checkpoint.files.items()}
            about = {"rounds": checkpoint.rounds, "training": dict(self.training), "files": sums}
            write_whole(unfinished / _ABOUT, (json.dumps(about, sort_keys=True) + "\n").encode())
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(self.folder / name, ignore_errors=True)
        os.rename(unfinished, self.folder / name)
        sync(self.folder)
        for other in self._folders():
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)

    def last(self) -> Checkpoint | None:
        """Return the last checkpoint of this training, None if there is none; one that cannot be used is told."""
        for folder in self._folders():
            try:
                return self._read(folder)
            except (ArtifactError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                why = error if isinstance(error, ArtifactError) else "it is damaged"
                _log.warning("%s: not gone on from: %s; training begins anew", folder, why)
        return None

    def interrupted(self, rounds: int) -> Interrupted:
        """Return what a training raises that was asked to end; so many rounds are saved."""
        if self.folder is None:
            return Interrupted("stopped by SIGTERM; nothing is left")
        if not rounds:
            return Interrupted("stopped by SIGTERM before its first checkpoint; the same command begins anew")
        return Interrupted(
            f"stopped by SIGTERM, {rounds:,} rounds are in {self.folder}; the same command goes on from there"
        )

    def remove(self) -> None:
        """Remove all of it: the training has come to its end, or begins anew."""
        if self.folder is not None and os.path.lexists(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _folders(self) -> list[pathlib.Path]:
        """Return the folders of whole checkpoints, the last one first."""
        if self.folder is None:
            return []
        with contextlib.suppress(FileNotFoundError):
            found = [one for one in self.folder.iterdir() if one.is_dir() and one.name.isdecimal()]
            return sorted(found, key=lambda one: int(one.name), reverse=True)
        return []

    def _read(self, folder: pathlib.Path) -> Checkpoint:
        about = parse_json(read_plain(folder / _ABOUT, _LARGEST))
        theirs, ours = about["training"], json.loads(json.dumps(dict(self.training)))
        if theirs != ours:
            other = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
            raise ArtifactError(f"it is of a training with another {', '.join(other)}")
        files = {}
        for name, wanted in about["files"].items():
            if pathlib.PurePath(name).name != name:
                raise ValueError("a file elsewhere")
            files[name] = read_plain(folder / name, _LARGEST)
            if fingerprint.of_bytes(files[name]) != wanted:
                raise ValueError("altered")
        return Checkpoint(int(about["rounds"]), files)


NO_CHECKPOINTS = Checkpoints()
"""A training that cannot be gone on with."""
