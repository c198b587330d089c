"""What can go wrong, one class per kind of failure.

Every message is one line: what was got, what was wanted, where, and what to do. The command line prints it and
turns the class into an exit code; library users catch the class.
"""

from collections.abc import Mapping
from typing import Any


class OnegraphError(Exception):
    """Base of every error that a person can act on; exit code 1."""

    exit_code = 1


class UsageError(OnegraphError):
    """An option or argument that makes no sense, known before any work starts; exit code 2."""

    exit_code = 2


class GateRefusal(OnegraphError):
    """The work was done and the answer is no: a gate failed, a difference was found; exit code 3.

    `findings` is the result that the verb would have returned; the command line prints it before the refusal.
    """

    exit_code = 3

    def __init__(self, message: str, findings: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.findings = findings


class InputError(OnegraphError):
    """Input that cannot be used as a whole: missing file, no rows, columns that do not fit the schema."""


class ArtifactError(OnegraphError):
    """A training set, candidate or bundle that is incomplete, altered, or already there."""


class ServiceError(OnegraphError):
    """A broker, topic or other service that is not there or does not answer."""


class Interrupted(OnegraphError):
    """Work that SIGTERM has ended before its end, and that the same command goes on with; exit code 143."""

    exit_code = 143
