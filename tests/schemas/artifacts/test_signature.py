"""Signatures: what openssl makes and checks is what we make and check; everything else is refused with its reason."""

import hashlib
import pickle
import shutil

import pytest

from schemas.artifacts import artifact, signature
from schemas.artifacts.signature import Signer, TrustedKeys, load_private_key
from schemas.errors import ArtifactError, InputError
from tests.support.present import present
from tests.support.signing_keys import make_key, openssl

MANIFEST = b'{"kind": "bundle", "files": {}}\n'


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two key pairs, `ours` and a stranger's."""
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder, "ours"), make_key(folder, "stranger")


@pytest.fixture(scope="module")
def trusted(keys):
    return TrustedKeys.of(keys[0].public)


def signed(pair, manifest=MANIFEST, before=b""):
    return signature.with_signature(before, manifest, load_private_key(pair.private))


def test_signed_and_trusted(keys, trusted):
    der = openssl("pkey", "-pubin", "-in", keys[0].public, "-outform", "DER")
    signer = trusted.check(signed(keys[0]), MANIFEST, "b")
    assert signer == Signer(hashlib.sha256(der).hexdigest(), "ours.pem")
    assert pickle.loads(pickle.dumps(trusted)) == trusted
    assert TrustedKeys.of(None) is None


def test_openssl_agrees(keys, tmp_path):
    """A signature can be checked without us."""
    (tmp_path / "manifest").write_bytes(MANIFEST)
    (tmp_path / "line").write_bytes(signed(keys[0]).split()[2])
    openssl("base64", "-d", "-A", "-in", tmp_path / "line", "-out", tmp_path / "signature")
    said = openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", keys[0].public, "-rawin",
        "-in", tmp_path / "manifest", "-sigfile", tmp_path / "signature",
    )  # fmt: skip
    assert b"Verified Successfully" in said


def test_several_sign_and_one_is_enough(keys, trusted):
    both = signed(keys[0], before=signed(keys[1]))
    assert trusted.check(both, MANIFEST, "b").name == "ours.pem"
    assert [one.name for one in signature.signers(both, MANIFEST, "b", trusted)] == [None, "ours.pem"]
    assert signed(keys[0], before=both) == both
    assert signed(keys[1], before=both).splitlines() == both.splitlines()[::-1]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda pairs: b"", "b: not signed, wanted a signature by one of ours.pem"),
        (lambda pairs: signed(pairs[1]), "signed by strangers only .key [0-9a-f]{16}., wanted a signature by one of"),
        (lambda pairs: signed(pairs[0], MANIFEST + b" "), "the signature of ours.pem .* does not fit the manifest"),
        (lambda pairs: renamed(signed(pairs[1]), signed(pairs[0])), "the signature of ours.pem .* does not fit"),
        (lambda pairs: b"ed25519 a b\n", "line 1 of its signatures is none"),
        (lambda pairs: signed(pairs[0]) + b"\n", "line 2 of its signatures is none"),
        (lambda pairs: b"rsa" + signed(pairs[0])[7:], "line 1 of its signatures is none"),
        (lambda pairs: signed(pairs[0]) * 1000, "its signatures are over 65536 bytes"),
        (lambda pairs: b"\xff" * 100, "line 1 of its signatures is none"),
    ],
    ids=["none", "stranger", "other manifest", "stranger as ours", "no base64", "empty line", "rsa", "long", "bytes"],
)
def test_refused(keys, trusted, made, said):
    with pytest.raises(ArtifactError, match=said) as caught:
        trusted.check(made(keys), MANIFEST, "b")
    assert "\n" not in str(caught.value)


def renamed(theirs, ours):
    """A stranger's signature under our key."""
    return b" ".join([*ours.split()[:2], theirs.split()[2]]) + b"\n"


def test_any_bit_that_is_turned_is_refused(keys, trusted):
    lines = signed(keys[0])
    for signatures, manifest in [(lines, one) for one in turned(MANIFEST)] + [(one, MANIFEST) for one in turned(lines)]:
        with pytest.raises(ArtifactError):
            trusted.check(signatures, manifest, "b")


def turned(data: bytes) -> list[bytes]:
    """Return data with each of its bits turned."""
    whole = int.from_bytes(data, "big")
    return [(whole ^ 1 << bit).to_bytes(len(data), "big") for bit in range(len(data) * 8)]


def test_a_folder_and_a_file_of_several_keys(keys, tmp_path):
    shutil.copy(keys[0].public, tmp_path / "a.pem")
    shutil.copy(keys[1].public, tmp_path / "b.pem")
    (tmp_path / "note.txt").write_text("not looked at")
    found = present(TrustedKeys.of(tmp_path))
    assert [name for name, _ in found.keys] == ["a.pem", "b.pem"]
    both = tmp_path / "both"
    both.write_bytes(b"comment\n" + keys[0].public.read_bytes() + keys[1].public.read_bytes())
    assert [raw for _, raw in present(TrustedKeys.of(both)).keys] == [raw for _, raw in found.keys]


def test_places_without_trusted_keys(keys, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "rsa").mkdir()
    openssl("genpkey", "-algorithm", "RSA", "-out", tmp_path / "rsa-key.pem")
    openssl("pkey", "-in", tmp_path / "rsa-key.pem", "-pubout", "-out", tmp_path / "rsa" / "rsa.pem")
    (tmp_path / "bent.pem").write_text("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n")
    (tmp_path / "text.pem").write_text("no key")
    for place, said in (
        (tmp_path / "nowhere", "nowhere: no such file or directory; wanted public keys in PEM"),
        (tmp_path / "empty", "empty: no public key in it"),
        (tmp_path / "text.pem", "text.pem: no public key in PEM"),
        (tmp_path / "rsa", "rsa.pem: not an Ed25519 key"),
        (tmp_path / "bent.pem", "bent.pem: a public key in it cannot be read"),
        (keys[0].private, "ours-key.pem: holds a private key; wanted public keys"),
    ):
        with pytest.raises(InputError, match=said):
            TrustedKeys.of(place)


def test_files_that_are_no_key_to_sign_with(keys, tmp_path):
    locked, rsa = tmp_path / "locked.pem", tmp_path / "rsa.pem"
    openssl("pkey", "-in", keys[0].private, "-aes256", "-passout", "pass:x", "-out", locked)
    openssl("genpkey", "-algorithm", "RSA", "-out", rsa)
    for path, said in (
        (tmp_path / "nowhere", "nowhere: no such file or directory; wanted the private key"),
        (locked, "the key is encrypted"),
        (rsa, "not an Ed25519 key"),
        (keys[0].public, "no private key in PEM"),
    ):
        with pytest.raises(InputError, match=said):
            load_private_key(path)


@pytest.fixture
def made(tmp_path):
    path = artifact.create(tmp_path / "a", "bundle")
    (path / "model.ubj").write_bytes(b"trees")
    return artifact.complete(path, "bundle", {})


def test_signing_changes_neither_content_nor_id(made, keys, trusted):
    content = artifact.content_id(made.manifest)
    for pair in keys:
        artifact.sign(made.path, "bundle", content, load_private_key(pair.private))
    opened = artifact.open_artifact(made.path, "bundle", trusted)
    opened.verify()
    assert artifact.content_id(opened.manifest) == content
    assert [one.name for one in artifact.signers(made.path, trusted)] == ["ours.pem", None]
    assert [path.name for path in made.path.parent.iterdir()] == ["a"]


def test_what_is_altered_is_not_signed(made, keys):
    key, content = load_private_key(keys[0].private), artifact.content_id(made.manifest)
    with pytest.raises(ArtifactError, match="wanted 0123456789ab"):
        artifact.sign(made.path, "bundle", "0123456789ab", key)
    (made.path / "model.ubj").write_bytes(b"treez")
    with pytest.raises(ArtifactError, match=r"model.ubj: its bytes are not those in the manifest"):
        artifact.sign(made.path, "bundle", content, key)
    assert not (made.path / artifact.SIGNATURES).exists()


def test_a_signature_is_looked_at_before_anything_is_parsed(made, keys, trusted):
    """Neither JSON nor the marker tells who wrote it."""
    for text in ("{", "[" * 100_000):
        (made.path / artifact.MANIFEST).write_text(text)
        with pytest.raises(ArtifactError, match="not signed"):
            artifact.open_artifact(made.path, "bundle", trusted)


def test_signatures_that_are_no_plain_file(made, trusted, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"")
    (made.path / artifact.SIGNATURES).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="SIGNATURES: no plain file"):
        artifact.open_artifact(made.path, "bundle", trusted)
    (made.path / artifact.SIGNATURES).unlink()
    (made.path / artifact.SIGNATURES).mkdir()
    with pytest.raises(ArtifactError, match="SIGNATURES: no plain file"):
        artifact.open_artifact(made.path, "bundle", trusted)
