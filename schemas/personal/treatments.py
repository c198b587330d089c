"""The treatments of a schema's personal columns, between validation and all that follows, for batch and stream alike.

Behind them stands another schema: without what was dropped, with the limits of what is left. Graph, statistics, splits,
golden rows and predictions know that one only.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas.errors import ArtifactError, InputError, UsageError
from schemas.personal.keys import PersonalKey, key_named
from schemas.personal.left import left
from schemas.personal.treating import treated_array
from schemas.personal.treatment import DROP, HASH, WORDS, Treatment, treatment
from schemas.schema import SERVING, Schema, is_column

FACT = "personal"
"""What manifests call their treatments: the columns with theirs, and the id of the key, null without a hash."""


class Treatments:
    """What becomes of the personal columns of a schema's raw batches.

    `raw` is the schema of what is decoded and validated, `schema` that of what leaves, `key_id` names the key of the
    hashes, if any. A schema without personal columns, or of an artifact that was made before there were treatments,
    is its own: nothing is touched.
    """

    def __init__(
        self, raw: Schema, found: Mapping[str, Treatment], key_id: str | None = None, key: PersonalKey | None = None
    ):
        self.raw = raw
        self.schema = left(raw, found) if found else raw
        self.key_id = key_id
        self._found, self._key = found, key

    @classmethod
    def untouched(cls, raw: Schema) -> "Treatments":
        """Return those of a schema whose personal columns are only hidden."""
        return cls(raw, {})

    @classmethod
    def of(cls, raw: Schema, key: PersonalKey | None = None, where: str = "schema") -> "Treatments":
        """Return those that a schema asks for; raises `InputError` naming `where` for a tag that is none.

        >>> schema = Schema.from_text('feature { name: "age" type: INT annotation { tag: "personal:bucket:10" } }')
        >>> Treatments.of(schema)(pa.RecordBatch.from_pydict({"age": [47, None]})).to_pydict()
        {'age': [40, None]}
        """
        found = acting(raw, where)
        needs = any(one.word == HASH for one in found.values())
        return cls(raw, found, key.id if needs and key is not None else None, key if needs else None)

    @classmethod
    def of_manifest(cls, raw: Schema, manifest: Mapping[str, Any], where: str) -> "Treatments":
        """Return those that an artifact was made with, still without a key; raises `ArtifactError` if they differ."""
        said = said_of(manifest, where)
        if said is None:
            return cls.untouched(raw)
        try:
            found = acting(raw, where)
        except InputError as error:
            raise ArtifactError(f"{error}; make it anew") from None
        columns = {name: word for name, word in said["columns"].items() if name in raw}
        if columns != {name: raw[name].role("personal") for name in found}:
            raise ArtifactError(f"{where}: its manifest has other treatments than its schema; make it anew")
        needs = any(one.word == HASH for one in found.values())
        if needs and said["key"] is None:
            raise ArtifactError(f"{where}: its manifest has a hash without the id of its key; make it anew")
        return cls(raw, found, said["key"] if needs else None)

    def keyed(self, keys: Sequence[PersonalKey], what: str) -> "Treatments":
        """Return these with the key that they need; raises `ServiceError`, naming `what`, if it is not given."""
        if self.key_id is None or self._key is not None:
            return self
        return Treatments(self.raw, self._found, self.key_id, key_named(keys, self.key_id, what))

    @property
    def act(self) -> bool:
        """Whether anything is touched."""
        return bool(self._found)

    def treatment(self, name: str) -> Treatment | None:
        """Return what changes a column, None if nothing does."""
        return self._found.get(name)

    @property
    def treated_key(self) -> tuple[str, bool] | None:
        """The personal column that says whose record it is, if one does, and whether its treated values may be shown.

        One that is dropped is not there, one that is hidden is not to be seen.
        """
        for column in self.raw.with_role("key"):
            if column.role("personal") is not None:
                return column.name, column.name in self._found and column.name in self.schema
        return None

    def facts(self) -> dict[str, Any]:
        """Return what the manifest of an artifact says of them, nothing if nothing is touched; never a key."""
        if not self._found:
            return {}
        columns = {name: self.raw[name].role("personal") for name in self._found}
        return {FACT: {"columns": columns, "key": self.key_id}}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a raw batch treated, rows in their order; what is not the schema's stays as it is."""
        if not self._found:
            return batch
        names, arrays = [], []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            one = self._found.get(name)
            if one is None or one.word != DROP:
                names.append(name)
                arrays.append(array if one is None else treated_array(array, one, self._key))
        return pa.RecordBatch.from_arrays(arrays, names) if arrays else batch.select([])


@functools.lru_cache(maxsize=64)
def acting(schema: Schema, where: str = "schema") -> Mapping[str, Treatment]:
    """Return the treatments that change a column, by its name; raises `InputError` naming `where`."""
    found = {}
    for column, feature in zip(schema.columns, filter(is_column, schema.proto.feature), strict=True):
        one = treatment(column, feature, where)
        if one is not None and one.acts:
            found[column.name] = one
    return found


def needs_key(schema: Schema) -> bool:
    """Whether a schema has a column that is hashed."""
    return any(one.word == HASH for one in acting(schema).values())


def treated(schema: Schema) -> Schema:
    """Return the schema of what leaves a schema's treatments: itself if nothing is touched."""
    found = acting(schema)
    return left(schema, found) if found else schema


def check(schema: Schema, where: str) -> None:
    """Raise `InputError`, naming `where` and the column, for tags that are no treatment or leave nothing to score."""
    acting(schema, where)
    serving = schema.environment(SERVING)
    if serving.columns and not treated(serving).columns:
        raise InputError(f"{where}: personal:drop leaves no column to score by; keep one, or treat it in another way")


def the_key(schema: Schema, keys: Sequence[PersonalKey], where: str) -> PersonalKey | None:
    """Return the key to build with, None if the schema needs none; raises `UsageError` unless one is given then."""
    if not needs_key(schema):
        return None
    if len(keys) != 1:
        names = ", ".join(name for name, one in acting(schema).items() if one.word == HASH)
        raise UsageError(
            f"{where}: personal:hash of {names} needs one key, got {len(keys) or 'none'}; give --personal-key-file "
            "FILE or --personal-key-env NAME"
        )
    return keys[0]


def said_of(manifest: Mapping[str, Any], where: str) -> Mapping[str, Any] | None:
    """Return what a manifest says of treatments, None if it says nothing; raises `ArtifactError` for what is no such.

    >>> said_of({"personal": {"columns": {"card": "hash"}, "key": "f27a6ab2"}}, "b/1")["key"]
    'f27a6ab2'
    """
    said = manifest.get(FACT)
    if said is None:
        return None
    columns = said.get("columns") if isinstance(said, Mapping) else None
    if (
        not isinstance(columns, Mapping)
        or not all(isinstance(word, str) and word.partition(":")[0] in WORDS for word in columns.values())
        or not isinstance(said.get("key"), str | None)
    ):
        raise ArtifactError(f"{where}: its manifest has {FACT!r} that names no treatments; make it anew")
    return said
