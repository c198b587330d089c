"""Keys of hashed personal columns: what a key is called, and how one is read. No key is ever written or shown.

A key's id is made of the key: two keys never share one by mistake, and a key under another's name is no such key.
"""

import dataclasses
import hashlib
import hmac
import pathlib
from collections.abc import Sequence

from schemas.errors import ServiceError

FEWEST_BYTES = 16
_ID_BYTES = 4
_NAMING = b"onegraph personal key"


@dataclasses.dataclass(frozen=True, repr=False)
class PersonalKey:
    """A key and its id, 8 hexadecimal digits.

    >>> key = PersonalKey.of(b"0123456789abcdef", "docs")
    >>> key
    PersonalKey(f27a6ab2)
    """

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"PersonalKey({self.id})"

    @classmethod
    def of(cls, secret: bytes, where: str) -> "PersonalKey":
        """Return a key by its bytes, line ends cut off; raises `ServiceError` naming `where` if it is too short."""
        secret = secret.strip(b"\r\n")
        if len(secret) < FEWEST_BYTES:
            raise ServiceError(
                f"{where}: a key of {len(secret)} bytes, wanted {FEWEST_BYTES} or more, as `openssl rand -hex 32` makes"
            )
        return cls(hmac.digest(secret, _NAMING, hashlib.sha256)[:_ID_BYTES].hex(), secret)

    @classmethod
    def read(cls, path: str | pathlib.Path) -> "PersonalKey":
        """Read a key file; raises `ServiceError` naming it."""
        try:
            secret = pathlib.Path(path).read_bytes()
        except OSError as error:
            raise ServiceError(f"key file {path}: {(error.strerror or str(error)).lower()}") from None
        return cls.of(secret, f"key file {path}")


def key_named(keys: Sequence[PersonalKey], key_id: str, what: str) -> PersonalKey:
    """Return the key of an id; `what` needs it, as in "bundle X". Raises `ServiceError` if it is not among them."""
    for key in keys:
        if key.id == key_id:
            return key
    given = f"the keys given are {', '.join(key.id for key in keys)}" if keys else "no key is given"
    raise ServiceError(
        f"{what} has personal columns hashed with key {key_id}, {given}; give that key too (--personal-key-file or "
        "--personal-key-env), another one makes other features of the same record"
    )
