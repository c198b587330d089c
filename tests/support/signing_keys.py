"""Key pairs as people make them, with openssl's own program."""

import pathlib
import subprocess
from typing import NamedTuple


class KeyPair(NamedTuple):
    """The PEM files of a private and its public key."""

    private: pathlib.Path
    public: pathlib.Path


def make_key(folder: pathlib.Path, name: str = "release") -> KeyPair:
    """Make a key pair, `folder/<name>-key.pem` and `folder/<name>/<name>.pem`, the latter alone in its folder."""
    public = folder / name / f"{name}.pem"
    public.parent.mkdir(parents=True)
    private = folder / f"{name}-key.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return KeyPair(private, public)


def openssl(*words: object) -> bytes:
    """Run openssl; return what it prints."""
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout
