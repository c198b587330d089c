"""Treatments: what each leaves of values and of the schema, and which tags are none."""

import hashlib
import hmac

import numpy as np
import pyarrow as pa
import pytest

from schemas.errors import ArtifactError, InputError, ServiceError, UsageError
from schemas.personal import treatments
from schemas.personal.keys import PersonalKey, key_named
from schemas.personal.treatment import may_be_told
from schemas.personal.treatments import Treatments
from schemas.schema import Schema

KEY = PersonalKey.of(b"0123456789abcdef0123456789abcdef\n", "tests")


def _schema(*features):
    return Schema.from_text("\n".join(f"feature {{ {feature} }}" for feature in features), "c.pbtxt")


def _tag(*tags):
    return "annotation { " + " ".join(f'tag: "{tag}"' for tag in tags) + " }"


def _treated(feature, values, key=None):
    schema = _schema(f'name: "x" {feature}')
    made = Treatments.of(schema, key)
    batch = pa.RecordBatch.from_arrays([pa.array(values, schema["x"].arrow_type)], schema=schema.arrow_schema)
    out = made(batch)
    assert out.schema.equals(made.schema.arrow_schema)
    return out.column("x").to_pylist()


@pytest.mark.parametrize(
    ("feature", "values", "wanted"),
    [
        ("type: INT " + _tag("personal:bucket:10"), [47, 40, -1, None, -(2**63)], [40, 40, -10, None, -(2**63)]),
        ("type: FLOAT " + _tag("personal:bucket:0.1"), [0.7, 0.69, -0.05, 0.0], [0.7, 0.6, -0.1, 0.0]),
        ("type: FLOAT " + _tag("personal:bucket:1000"), [47_011.25, 999.99, -1e-9, 3.4e38], [47_000, 0, -1000, 3.4e38]),
        (
            "type: INT int_domain { min: 0 max: 120 } " + _tag("personal:bucket:0,18,65"),
            [0, 17, 18, 64, 65, 120, None],
            [0, 0, 18, 18, 65, 65, None],
        ),
        (
            "type: FLOAT float_domain { min: 0.1 } " + _tag("personal:bucket:0.1,0.7"),
            [0.1, 0.69, 0.7, 9.0],
            [0.1, 0.1, 0.7, 0.7],
        ),
        ("type: INT " + _tag("personal:bucket:month", "time:day"), [0, 30, 31, -1], [0, 0, 31, -31]),
        ("type: INT " + _tag("personal:bucket:year", "time:day"), [364, 365, -1], [0, 365, -365]),
        (
            "type: INT " + _tag("personal:bucket:day", "event_time:s"),
            [1_400_269_500, 1_400_198_400],
            [1_400_198_400, 1_400_198_400],
        ),
        ("type: INT " + _tag("personal:bucket:hour", "event_time:ms"), [1_400_269_500_123], [1_400_266_800_000]),
        ("type: BYTES " + _tag("personal:truncate:3"), ["SW1A 1AA", "É€", "", None], ["SW1", "É€", "", None]),
        ("type: BYTES value_count { min: 0 } " + _tag("personal:truncate:1"), [["ab", "c"], None], [["a", "c"], None]),
        ("type: INT value_count { min: 0 } " + _tag("personal:bucket:5"), [[1, 7], [9]], [[0, 5], [5]]),
    ],
)
def test_values(feature, values, wanted):
    found = _treated(feature, values)
    assert found == [pytest.approx(value, rel=1e-7) if isinstance(value, float) else value for value in wanted]


def test_hashes_are_hmacs_of_the_text_and_of_the_number_as_text():
    digest = hmac.new(KEY.secret, b"4711", hashlib.sha256).digest()
    text = _treated("type: BYTES " + _tag("personal:hash"), ["4711", None, "", "4711"], KEY)
    assert text[0] == text[3] == digest.hex()[:32]
    assert text[1] is None
    assert text[2] not in (None, "", text[0])
    number = _treated("type: INT " + _tag("personal:hash"), [4711, None, -4711], KEY)
    assert number[0] == int.from_bytes(digest[:8], "big") >> 11
    assert number[1] is None
    assert 0 <= number[2] < 2**53
    assert number[2] != number[0]
    other = PersonalKey.of(b"another key of sixteen bytes and more", "tests")
    assert _treated("type: INT " + _tag("personal:hash"), [4711], other) != number[:1]
    assert other.id != KEY.id
    (several,) = _treated("type: INT value_count { min: 0 } " + _tag("personal:hash"), [[4711, 1]], KEY)
    assert several[0] == number[0]


def test_a_part_of_a_batch_is_treated_as_the_whole():
    schema = _schema(
        'name: "a" type: BYTES value_count { min: 0 } ' + _tag("personal:hash"),
        'name: "b" type: INT ' + _tag("personal:bucket:7"),
    )
    rows = {"a": [["x", "y"], None, [], ["x"], ["z"] * 3], "b": [1, None, 20, 33, -8]}
    batch = pa.RecordBatch.from_pydict(rows, schema=schema.arrow_schema)
    made = Treatments.of(schema, KEY)
    whole = made(batch)
    parts = [made(batch.slice(start, 2)) for start in (0, 2, 4)]
    assert pa.Table.from_batches(parts).to_pydict() == whole.to_pydict()
    assert made(batch.slice(0, 0)).num_rows == 0


def test_a_dropped_column_is_in_no_batch_and_no_schema():
    schema = _schema('name: "a" type: INT', 'name: "b" type: BYTES ' + _tag("id", "personal:drop"))
    made = Treatments.of(schema)
    assert made(pa.RecordBatch.from_pydict({"a": [1], "b": ["x"]})).to_pydict() == {"a": [1]}
    assert made.schema.names == ("a",)
    assert made.facts() == {"personal": {"columns": {"b": "drop"}, "key": None}}


def test_the_schema_behind_has_the_limits_of_what_is_left():
    schema = _schema(
        'name: "who" type: BYTES string_domain { value: "eve" value: "adam" } ' + _tag("id", "personal:hash"),
        'name: "card" type: INT int_domain { min: 5 max: 9 } ' + _tag("personal:hash", "accepts:number_text"),
        'name: "post" type: BYTES string_domain { value: "SW1A" value: "SW1B" } ' + _tag("personal:truncate:3"),
        'name: "age" type: INT int_domain { min: 18 max: 99 } ' + _tag("personal:bucket:10"),
        'name: "secret" type: INT ' + _tag("personal:hidden"),
    )
    behind = Treatments.of(schema, KEY).schema
    assert (behind["who"].domain, behind["who"].roles) == (None, ("id", "personal:hashed"))
    assert (behind["card"].minimum, behind["card"].maximum) == (0, 2**53 - 1)
    assert (behind["post"].domain, behind["post"].roles) == (frozenset({"SW1"}), ())
    assert (behind["age"].minimum, behind["age"].maximum) == (10, 90)
    assert behind["secret"] == schema["secret"]
    assert [may_be_told(column) for column in behind.columns] == [True, True, True, True, False]
    assert behind.fingerprint == treatments.treated(schema).fingerprint


def test_a_schema_without_treatments_is_its_own_and_costs_nothing():
    schema = _schema('name: "a" type: INT', 'name: "b" type: INT ' + _tag("personal:hidden"))
    made, batch = Treatments.of(schema), pa.RecordBatch.from_pydict({"a": [1], "b": [2]})
    assert made.schema is schema
    assert made(batch) is batch
    assert (made.facts(), made.act) == ({}, False)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (
            "type: BYTES " + _tag("personal:hsh"),
            "tag personal:hsh: no treatment, wanted personal:drop, personal:hash, ",
        ),
        ("type: BYTES " + _tag("personal:hash:sha1"), "tag personal:hash:sha1: hash takes nothing behind it"),
        ("type: FLOAT " + _tag("personal:hash"), "tag personal:hash: a number of type FLOAT names nobody"),
        ("type: INT " + _tag("event_time:s", "personal:hash"), "tag personal:hash: the hash of a time is no time"),
        ("type: INT " + _tag("personal:truncate:3"), "tag personal:truncate:3: of type INT, and text is truncated"),
        ("type: BYTES " + _tag("personal:truncate"), "tag personal:truncate: wanted how many characters stay"),
        ("type: BYTES " + _tag("personal:truncate:0"), "tag personal:truncate:0: wanted how many characters stay"),
        ("type: BYTES " + _tag("personal:bucket:10"), "tag personal:bucket:10: of text, and numbers have buckets"),
        ("type: INT bool_domain { } " + _tag("personal:bucket:2"), "tag personal:bucket:2: a column of 0 and 1"),
        ("type: INT " + _tag("personal:bucket:dya"), "tag personal:bucket:dya: wanted a width (personal:bucket:10)"),
        ("type: INT " + _tag("personal:bucket:0.5"), "tag personal:bucket:0.5: of type INT, wanted whole numbers"),
        ("type: INT " + _tag("personal:bucket:0"), "tag personal:bucket:0: wanted a width above 0"),
        ("type: INT " + _tag("personal:bucket:nan"), "tag personal:bucket:nan: wanted numbers below 2^53"),
        ("type: INT " + _tag("personal:bucket:5,5"), "tag personal:bucket:5,5: wanted starts that rise"),
        (
            "type: INT " + _tag("personal:bucket:18,65"),
            "tag personal:bucket:18,65: values below 18 would have no bucket",
        ),
        ("type: INT " + _tag("personal:bucket:day"), "tag personal:bucket:day: of what is no time"),
        ("type: INT " + _tag("event_time:s", "personal:bucket:60"), "tag personal:bucket:60: of a time, wanted"),
        ("type: INT " + _tag("time:day", "personal:bucket:hour"), "tag personal:bucket:hour: of a time in days"),
    ],
)
def test_a_tag_that_is_no_treatment_is_refused_with_its_column(feature, message):
    with pytest.raises(InputError) as raised:
        treatments.check(_schema(f'name: "x" {feature}'), "c.pbtxt")
    assert str(raised.value).startswith(f"c.pbtxt: x: {message}")


def test_something_must_be_left():
    with pytest.raises(InputError, match="personal:drop leaves no column to score by"):
        treatments.check(_schema('name: "x" type: INT ' + _tag("personal:drop")), "c.pbtxt")


def test_an_artifact_of_before_hides_and_nothing_more():
    schema = _schema('name: "x" type: INT ' + _tag("personal:hash"), 'name: "y" type: INT ' + _tag("personal:email"))
    made = Treatments.of_manifest(schema, {"use_case": "taxi"}, "bundle")
    batch = pa.RecordBatch.from_pydict({"x": [4711], "y": [1]})
    assert made(batch) is batch
    assert made.keyed([], "bundle").schema is schema


def test_what_a_manifest_says_must_be_what_the_schema_says():
    schema = _schema('name: "x" type: INT ' + _tag("personal:hash"), 'name: "y" type: INT')
    said = {"personal": {"columns": {"x": "hash"}, "key": KEY.id}}
    made = Treatments.of_manifest(schema, said, "b")
    assert made.key_id == KEY.id
    with pytest.raises(ServiceError, match=f"b has personal columns hashed with key {KEY.id}, no key is given; give"):
        made.keyed([], "b")
    keyed = made.keyed([PersonalKey.of(b"x" * 16, "t"), KEY], "b")
    batch = pa.RecordBatch.from_pydict({"x": [4711], "y": [1]})
    assert keyed(batch) == Treatments.of(schema, KEY)(batch)
    for wrong in (
        {"columns": {"y": "drop"}, "key": None},
        {"columns": {}, "key": KEY.id},
        {"columns": {"x": "hash"}, "key": None},
        {"columns": {"x": "blur"}, "key": None},
        {"columns": {"x": "hash"}, "key": 7},
        "hash",
    ):
        with pytest.raises(ArtifactError, match=r"^b: its manifest has .*; make it anew$"):
            Treatments.of_manifest(schema, {"personal": wrong}, "b")


def test_keys_are_long_enough_and_never_shown(tmp_path):
    (tmp_path / "key").write_bytes(KEY.secret + b"\r\n")
    assert PersonalKey.read(tmp_path / "key") == KEY
    assert "0123" not in repr(KEY) + str(KEY) + f"{[KEY]}"
    (tmp_path / "short").write_bytes(b"hunter2\n")
    with pytest.raises(ServiceError, match="short: a key of 7 bytes, wanted 16 or more, as `openssl rand -hex 32`"):
        PersonalKey.read(tmp_path / "short")
    with pytest.raises(ServiceError, match="none: no such file or directory"):
        PersonalKey.read(tmp_path / "none")
    other = PersonalKey.of(b"y" * 16, "tests")
    with pytest.raises(ServiceError, match=f"bundle 1 has .* with key {KEY.id}, the keys given are {other.id}; give"):
        key_named([other], KEY.id, "bundle 1")


def test_a_build_takes_one_key_if_it_hashes_and_none_else():
    hashing, plain = _schema('name: "x" type: INT ' + _tag("personal:hash")), _schema('name: "x" type: INT')
    assert treatments.the_key(hashing, [KEY], "use case own") == KEY
    assert treatments.the_key(plain, [KEY], "use case own") is None
    for keys, got in (([], "none"), ([KEY, KEY], "2")):
        with pytest.raises(UsageError, match=f"^use case own: personal:hash of x needs one key, got {got}; give "):
            treatments.the_key(hashing, keys, "use case own")


def test_buckets_hold_the_values_whose_start_they_are():
    random = np.random.default_rng(0)
    values = (random.normal(size=100_000) * 10.0 ** random.integers(-3, 6, 100_000)).astype(np.float32)
    schema = _schema('name: "x" type: FLOAT ' + _tag("personal:bucket:0.25"))
    starts = Treatments.of(schema)(pa.RecordBatch.from_arrays([pa.array(values)], ["x"])).column("x").to_numpy()
    wide = np.abs(values) < 2**20  # where a float32 can tell two buckets apart
    assert (starts[wide] <= values[wide]).all()
    assert (values[wide] < starts[wide] + 0.25).all()
