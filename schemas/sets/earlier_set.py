"""The statistics of an earlier set, to compare with: those of a training set's train split, or of a validation."""

import pathlib

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.address import check_here
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError
from schemas.plain_files import read_plain

_FILES = {ArtifactKind.TRAINING_SET: "train", ArtifactKind.VALIDATION: "data"}
_LARGEST = 1 << 30


def earlier_statistics(path: str | pathlib.Path) -> statistics_pb2.DatasetFeatureStatistics:
    """Return the statistics of a completed set; raises `ArtifactError` for a directory that is none.

    Raises `UsageError` for an address.
    """
    check_here(path)
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ArtifactError(f"{path}: no such directory, wanted a training set or what `validate --output` wrote")
    kind = artifact.kind_of(folder)
    if kind not in _FILES:
        raise ArtifactError(f"{path}: a {str(kind)[:40]}, wanted a training set or what `validate --output` wrote")
    artifact.open_artifact(folder, kind)
    file = folder / "statistics" / f"{_FILES[kind]}.pb"
    try:
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(read_plain(file, _LARGEST))
        return listed.datasets[0]
    except FileNotFoundError:
        raise ArtifactError(f"{file}: missing; copy the directory again") from None
    except (DecodeError, IndexError):
        raise ArtifactError(f"{file}: not statistics, or altered; copy the directory again") from None
