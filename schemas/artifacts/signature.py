"""Signatures: whose keys vouch for an artifact.

They are Ed25519, over the bytes of the manifest, which has the sha256 of every file. They are beside the manifest in a
file of their own that is no part of the content, so signing changes no id. Each is one line: `ed25519`, the public key
and the signature, both in base64. A key's fingerprint is the sha256 of its DER form, what `openssl pkey -pubin -outform
DER | sha256sum` prints.
"""

import base64
import binascii
import dataclasses
import pathlib
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas import fingerprint
from schemas.errors import ArtifactError, InputError

FILE = "SIGNATURES"
LARGEST = 64 * 1024

_SCHEME = b"ed25519"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_SHORT = 16
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
_DER = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo


def load_private_key(path: str | pathlib.Path) -> Ed25519PrivateKey:
    """Read the PEM file of a private key; raises `InputError` for another kind of key, or one that is encrypted."""
    try:
        key = serialization.load_pem_private_key(_bytes_of(path, "the private key"), None)
    except TypeError:
        raise InputError(f"{path}: the key is encrypted; wanted one without a passphrase in a file of yours") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{path}: no private key in PEM; `openssl genpkey -algorithm ed25519` makes one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one")
    return key


def key_fingerprint(key: Ed25519PublicKey) -> str:
    """Return the sha256, in hexadecimal, of a public key's DER form."""
    return fingerprint.of_bytes(key.public_bytes(*_DER))


def with_signature(signatures: bytes, manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the file's content with this key's signature of a manifest added; the same one again adds nothing."""
    public = key.public_key().public_bytes(*_RAW)
    line = b" ".join([_SCHEME, base64.b64encode(public), base64.b64encode(key.sign(manifest))])
    kept = [one for one in signatures.splitlines() if one.split()[1:2] != line.split()[1:2]]
    return b"".join(one + b"\n" for one in [*kept, line])


@dataclasses.dataclass(frozen=True)
class Signer:
    """A key that signed, by its fingerprint; `name` is that of its file if it is a trusted one."""

    key: str
    name: str | None = None

    def __str__(self) -> str:
        """Return it for people, the fingerprint shortened.

        >>> str(Signer("f" * 64, "release.pem")), str(Signer("f" * 64))
        ('release.pem (ffffffffffffffff)', 'key ffffffffffffffff')
        """
        return f"{self.name} ({self.key[:_SHORT]})" if self.name else f"key {self.key[:_SHORT]}"


def signers(signatures: bytes, manifest: bytes, where: str, trusted: "TrustedKeys | None" = None) -> tuple[Signer, ...]:
    """Return whose keys signed a manifest, in the order of the lines. Anybody has some key: `trusted` have names.

    Raises `ArtifactError` naming `where` for anything that is not a signature, or is one of another manifest.
    """
    found = []
    for key, signature in _parsed(signatures, where):
        found.append(_signer(key, trusted))
        if not _fits(key, signature, manifest):
            raise ArtifactError(f"{where}: the signature of {found[-1]} {_OF_ANOTHER}")
    return tuple(found)


@dataclasses.dataclass(frozen=True)
class TrustedKeys:
    """Public keys of those who may sign, by the names of their files; plain values that travel to workers."""

    keys: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, keys: str | pathlib.Path | None) -> "TrustedKeys | None":
        """Read a PEM file, or all `*.pem` of a folder; None for None.

        Raises `InputError` for a path without keys, and for any key but a public Ed25519 key.
        """
        if keys is None:
            return None
        path = pathlib.Path(keys)
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        found = tuple((file.name, key) for file in files for key in _public_keys(file))
        if not found:
            raise InputError(f"{keys}: no public key in it; wanted PEM files of those who may sign")
        return cls(found)

    def check(self, signatures: bytes, manifest: bytes, where: str) -> Signer:
        """Return who of them signed a manifest; raises `ArtifactError` naming `where` if none did."""
        names = {raw: name for name, raw in self.keys}
        wanted = f"wanted a signature by one of {', '.join(sorted(set(names.values())))}"
        if not signatures:
            raise ArtifactError(f"{where}: not signed, {wanted}; sign it with `onegraph registry sign`")
        found = _parsed(signatures, where)
        ours = [(key, signature) for key, signature in found if key.public_bytes(*_RAW) in names]
        for key, signature in ours:
            if _fits(key, signature, manifest):
                return _signer(key, self)
        if ours:
            raise ArtifactError(f"{where}: the signature of {_signer(ours[0][0], self)} {_OF_ANOTHER}")
        strangers = ", ".join(str(_signer(key, self)) for key, _ in found)
        raise ArtifactError(f"{where}: signed by strangers only ({strangers}), {wanted}; do not use it")


_OF_ANOTHER = "does not fit the manifest: one of the two was altered; copy it again or do not use it"


def _bytes_of(path: str | pathlib.Path, what: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'not readable').lower()}; wanted {what} in PEM") from None


def _public_keys(path: pathlib.Path) -> list[bytes]:
    found = []
    for block in _PEM.finditer(_bytes_of(path, "public keys")):
        if block[1] != b"PUBLIC KEY":
            raise InputError(f"{path}: holds a {block[1].decode().lower()}; wanted public keys, `openssl pkey -pubout`")
        try:
            key = serialization.load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(f"{path}: a public key in it cannot be read; copy it again") from None
        if not isinstance(key, Ed25519PublicKey):
            raise InputError(f"{path}: not an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one")
        found.append(key.public_bytes(*_RAW))
    if not found:
        raise InputError(f"{path}: no public key in PEM; `openssl pkey -in KEY.pem -pubout` writes one")
    return found


def _parsed(signatures: bytes, where: str) -> list[tuple[Ed25519PublicKey, bytes]]:
    if len(signatures) > LARGEST:
        raise ArtifactError(f"{where}: its signatures are over {LARGEST} bytes; remove the file and sign again")
    found = []
    for line in signatures.splitlines():
        try:
            scheme, key, signature = line.split(b" ")
            if scheme != _SCHEME:
                raise ValueError
            public = Ed25519PublicKey.from_public_bytes(_decoded(key))
            found.append((public, _decoded(signature)))
        except (ValueError, binascii.Error):
            raise ArtifactError(f"{where}: line {len(found) + 1} of its signatures is none; sign again") from None
    return found


def _decoded(text: bytes) -> bytes:
    """Return what base64 stands for; raises `ValueError` for text that is not the one way to write it."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value) != text:  # the last bits before the padding mean nothing
        raise ValueError
    return value


def _signer(key: Ed25519PublicKey, trusted: TrustedKeys | None) -> Signer:
    names = {raw: name for name, raw in trusted.keys} if trusted is not None else {}
    return Signer(key_fingerprint(key), names.get(key.public_bytes(*_RAW)))


def _fits(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True
