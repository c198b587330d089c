"""Where the keys of hashed personal columns are: plain values that may travel, never a key.

A key is named, by file or environment variable, and read where it is used: in the worker.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import ServiceError, UsageError
from schemas.personal.keys import PersonalKey, key_named


@dataclasses.dataclass(frozen=True)
class PersonalKeys:
    """Names of files and environment variables, each with one key. Several are for the time that keys are changed."""

    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    def read(self) -> Sequence[PersonalKey]:
        """Return the keys as they are now; raises `ServiceError` naming file or variable, never its content."""
        return [*map(PersonalKey.read, self.files), *map(_of_variable, self.variables)]

    def check(self, manifest: Mapping[str, Any], what: str) -> None:
        """Raise `UsageError` if the key is not among these that an artifact was built with; `what` names it."""
        from schemas.personal.treatments import said_of  # Arrow, which options need not

        said = said_of(manifest, what)
        if said is None or said["key"] is None:
            return
        try:
            key_named(self.read(), said["key"], what)
        except ServiceError as error:
            raise UsageError(str(error)) from None


NO_KEYS = PersonalKeys()


def _of_variable(name: str) -> PersonalKey:
    return PersonalKey.of(os.environb.get(os.fsencode(name), b""), f"environment variable {name}")
