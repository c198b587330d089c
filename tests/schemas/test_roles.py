"""Roles: tags that are none are refused where the schema is read, and times have limits in their own unit."""

import pyarrow as pa
import pytest

from models import use_case
from schemas import roles
from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import Schema
from schemas.validation import validate


def schema(*tags, kind="INT", name="at", domain=""):
    listed = " ".join(f'tag: "{tag}"' for tag in tags)
    return Schema.from_text(f'feature {{ name: "{name}" type: {kind} {domain} annotation {{ {listed} }} }}')


def time_column(unit, domain=""):
    return schema(f"event_time:{unit}", domain=domain)


@pytest.mark.parametrize(
    "tags",
    [("id",), ("key", "id"), ("event_time:s", "id"), ("event_time:ms",), ("personal:hash", "id"), ("computed:window",)],
)
def test_roles_that_are_known(tags):
    roles.check(schema(*tags).columns, "here")


@pytest.mark.parametrize(
    ("tag", "kind", "said"),
    [
        (
            "event_time:iso",
            "INT",
            "no role; known: id, unique, key, query, split, weight, event_time:s",
        ),
        ("event_time", "INT", "no role"),
        ("event_time:us", "INT", "no role"),
        ("evnt_time:s", "INT", "'evnt_time:s' is no role"),
        ("presonal:hash", "BYTES", "no role"),
        ("personal", "BYTES", "no role"),
        ("personal:", "BYTES", "no role"),
        ("id:trip", "INT", "no role"),
        ("ID", "INT", "no role"),
        ("weigth", "FLOAT", "no role"),
        ("event_time:s", "BYTES", "text is not read as time"),
        ("event_time:ms", "FLOAT", "float32 holds today's seconds only to 128"),
    ],
)
def test_a_tag_that_is_no_role_is_one_line(tag, kind, said):
    with pytest.raises(InputError, match="here: at: ") as caught:
        roles.check(schema(tag, kind=kind).columns, "here")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_roles_that_contradict_each_other_are_refused():
    with pytest.raises(InputError, match="event_time:s, event_time:ms name a role twice"):
        roles.check(schema("event_time:s", "event_time:ms").columns, "here")
    two = [schema("event_time:s", name=name).columns[0] for name in ("at", "begun")]
    with pytest.raises(InputError, match="at and begun are both event time; wanted one column of type INT"):
        roles.check(two, "here")
    milliseconds = "int_domain { min: 1356998400000 max: 4102444800000 }"
    with pytest.raises(InputError, match="at: its int_domain has no time of the years 1 to 9999"):
        roles.check(time_column("s", milliseconds).columns, "here")
    roles.check(time_column("ms", milliseconds).columns, "here")
    dropped = Schema.from_text('feature { name: "w" type: FLOAT annotation { tag: "weight" tag: "personal:drop" } }')
    with pytest.raises(InputError, match=r"here: w: tags weight and personal:drop: .*; take out one of them"):
        roles.check(dropped.columns, "here")


def test_a_use_case_with_a_wrong_tag_is_refused_when_it_is_found(tmp_path):
    for name in ("schemas/mine.pbtxt", "transforms/mine.py", "models/mine.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    (tmp_path / "schemas/mine.pbtxt").write_text(schema("event_time:iso", kind="BYTES").text())
    with pytest.raises(InputError, match=r"mine\.pbtxt: at: tag 'event_time:iso' is no role"):
        use_case.find_schema("mine", tmp_path)


@pytest.mark.parametrize(
    ("unit", "domain", "good", "bad"),
    [
        ("s", "", [31_536_000, 1_700_000_000, 253_402_300_799], [0, -1, 1_700_000_000_000, 2**62, 2**63 - 1, -(2**63)]),
        ("ms", "", [31_536_000_000, 1_700_000_000_000], [0, 1_700_000_000, 253_402_300_800_000, 2**62]),
        ("s", "int_domain { min: 0 }", [0, 1], [-1, 1_700_000_000_000]),
        ("s", "int_domain { min: -9223372036854775808 }", [-62_135_596_800], [-62_135_596_801]),
        ("ms", "int_domain { max: 1700000000000 }", [1_700_000_000_000], [1_700_000_000_001, 1_700_000_000]),
    ],
)
def test_times_have_limits_in_their_own_unit(unit, domain, good, bad):
    column = time_column(unit, domain)
    rows = pa.RecordBatch.from_pydict({"at": pa.array([*good, *bad, None], pa.int64())})
    validated = validate(rows, column)
    assert validated.batch.column("at").to_pylist() == [*good, None]
    assert [(one.reason, one.path) for one in validated.rejections] == [(Reason.TIME_RANGE, "/at")] * len(bad)
