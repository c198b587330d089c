"""What a column is taken for, by its name and its values."""

import pytest

from schemas.column import Kind, ValueCount
from schemas.inference.finding import Use
from schemas.inference.judgement import judge
from schemas.inference.sample import ColumnSample, Sample

BYTES, FLOAT, INT = Kind.BYTES, Kind.FLOAT, Kind.INT


def found(name, cells):
    """Judge cells of CSV."""
    column = ColumnSample(name, typed=False)
    column.add_texts(cells)
    return judge(column).finding


def found_typed(name, values):
    """Judge values as JSON has them."""
    column = ColumnSample(name, typed=True)
    column.add(values)
    return judge(column).finding


def texts(form, count):
    return [form.format(number) for number in range(count)]


MAILS = texts("p{}@example.org", 40)
CARDS = ["4111111111111111", "5500000000000004", "6011000000000004", "5105105105105100"]
UUIDS = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in range(40)]
SENTENCES = [f"the {number} quick brown foxes jump {number % 7}" for number in range(200)]


@pytest.mark.parametrize(
    ("name", "cells", "kind", "use", "tags"),
    [
        ("amount", ["1.5", "2", "-3e2"], FLOAT, Use.NUMBER, ()),
        ("rooms", ["1", "2", "2"], INT, Use.NUMBER, ()),
        ("rooms", ["1", "", None, "NA", "2"], BYTES, Use.CATEGORY, ("missing:NA",)),  # a quoted empty cell is a text
        ("rooms", ["1", None, "NA", "-", "2"], INT, Use.NUMBER, ("missing:NA", "missing:-")),
        ("rooms", ["1.0", None, "20.0"], INT, Use.NUMBER, ("accepts:whole_float",)),
        ("price", ["1.0", "20.0"], FLOAT, Use.NUMBER, ()),
        ("zip", ["01234", "99999", "01234"], BYTES, Use.CATEGORY, ()),
        ("zip_code", ["11234", "99999", "11234"], INT, Use.CODE, ()),
        ("tract", ["17031839100", "17031081500", "17031081500"], INT, Use.CODE, ()),
        ("big", ["99999999999999999999999", "1", "1"], FLOAT, Use.NUMBER, ()),
        ("owns", ["yes", "no", "no"], INT, Use.YES_NO, ("accepts:boolean",)),
        ("owns", ["True", "False", "NA"], INT, Use.YES_NO, ("accepts:boolean", "missing:NA")),
        ("colour", ["red", "?", "blue"], BYTES, Use.CATEGORY, ("missing:?",)),
        ("kind", ["none", "some", "none"], BYTES, Use.CATEGORY, ()),
        ("day", ["2024-01-31", "2024-02-01", None], INT, Use.TIME, ()),
        ("at", ["2024-01-31T10:00:00Z", "2024-02-01T00:00:00Z"], INT, Use.TIME, ()),
        ("day", ["20240131", "20240201"], INT, Use.TIME, ()),
        ("sold", ["20240131", "20240201", "20240201"], INT, Use.CODE, ()),
        ("created_at", ["1700000000", "1700000060"], INT, Use.TIME, ()),
        ("created_ms", ["1700000000000", "1700000060000", "1700000060000"], INT, Use.TIME, ()),
        ("ts", ["1700000000000", "1700000060000"], INT, Use.TIME, ()),
        ("Id", ["7", "9", "12"], INT, Use.ID, ()),
        ("order_id", ["a7", "b9", "c12"], BYTES, Use.ID, ()),
        ("whatever", UUIDS, BYTES, Use.ID, ()),
        ("whatever", texts("{}", 40), INT, Use.ID, ()),
        ("customer_id", ["7", "9", "7", "8"], INT, Use.KEY, ()),
        ("movieId", ["7", "9", "7", "8"], INT, Use.CODE, ()),
        ("genres", ["a|b", "a", "b|c", "c"], BYTES, Use.LIST, ("separator:|",)),
        ("sizes", ["1;2", "3", "1;4"], INT, Use.CODES, ("separator:;",)),
        ("point", ["1.5;2", "3;1", "1;4"], FLOAT, Use.VECTOR, ("separator:;",)),
        ("note", SENTENCES, BYTES, Use.TEXT, ()),
        ("note", texts("w{}", 200), BYTES, Use.DISTINCT, ()),
        ("name", [*texts("w{}", 150), *texts("w{}", 150)], BYTES, Use.CATEGORY, ()),
        ("version", ["3", "3"], INT, Use.CONSTANT, ()),
        ("flag", ["3", None], INT, Use.NUMBER, ()),
        ("nothing", [None, None], BYTES, Use.EMPTY, ()),
        ("nothing", ["NA", None], BYTES, Use.EMPTY, ("missing:NA",)),
        ("contact", MAILS, BYTES, Use.PERSONAL, ("personal:drop",)),
        ("contact_id", MAILS, BYTES, Use.PERSONAL, ("personal:drop",)),
        ("phone", [*texts("0{}", 30), *texts("0{}", 30)], BYTES, Use.PERSONAL, ("personal:drop",)),
        ("phone", [*texts("{}", 98), "ask Ann Smith", "98"], BYTES, Use.PERSONAL, ("personal:drop",)),
        ("payment", CARDS, BYTES, Use.PERSONAL, ("personal:drop",)),
        ("first_name", ["Ann", "Bob"] * 30, BYTES, Use.PERSONAL, ("personal:drop",)),
        ("email", ["Yes", "No"] * 30, INT, Use.YES_NO, ("accepts:boolean",)),
        ("PhoneService", ["Yes", "No"] * 30, INT, Use.YES_NO, ("accepts:boolean",)),
        ("Street", ["Pave", "Grvl", "Pave", "Pave"], BYTES, Use.CATEGORY, ()),
        ("capital", [*texts("{}", 200), *["0"] * 400, "100000001"], INT, Use.LONG_TAIL, ()),
    ],
)
def test_a_column_of_csv(name, cells, kind, use, tags):
    finding = found(name, cells)
    assert (finding.kind, finding.use, finding.tags) == (kind, use, tags)


@pytest.mark.parametrize(
    ("name", "values", "kind", "use", "tags"),
    [
        ("amount", [1.5, 2, None], FLOAT, Use.NUMBER, ()),
        ("rooms", [1, 2, 2], INT, Use.NUMBER, ()),
        ("rooms", [1.0, None, 2.0], INT, Use.NUMBER, ("accepts:whole_float",)),
        ("price", [1.0, 2.0], FLOAT, Use.NUMBER, ()),
        ("price", ["1.50", "2"], FLOAT, Use.NUMBER, ("accepts:number_text",)),
        ("price", ["1.50", 2, 2.5], FLOAT, Use.NUMBER, ("accepts:number_text",)),
        ("code", ["17", "18", "18"], BYTES, Use.CATEGORY, ()),
        ("owns", [True, False, None], INT, Use.YES_NO, ("accepts:boolean",)),
        ("owns", [True, 0, 1], INT, Use.YES_NO, ("accepts:boolean",)),
        ("genres", [["a", "b"], ["a"], [], None], BYTES, Use.LIST, ()),
        ("point", [[1.5, 2], [3, 4]], FLOAT, Use.VECTOR, ()),
        ("sizes", [[1, 2], [3]], INT, Use.CODES, ()),
        ("nested", [{"a": 1}, {"a": 2}], BYTES, Use.NESTED, ()),
        ("at", ["2024-01-31 10:00:00", "2024-02-01 00:00:00"], INT, Use.TIME, ()),
    ],
)
def test_a_column_of_a_typed_format(name, values, kind, use, tags):
    finding = found_typed(name, values)
    assert (finding.kind, finding.use, finding.tags) == (kind, use, tags)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2, "x"], "1 values are text among numbers"),
        (["x", "y", 1], "1 values are numbers among text"),
        ([[1, 2], 3, [4]], "1 rows hold one value and no list"),
        ([1, {"a": 1}, 2], "1 rows hold objects"),
        ([1, 2, True], "1 values are true or false among numbers"),
        ([1, 2, 2**63], "1 values are beyond 64 bits (or infinite), and would be rejected"),
        ([1.5, float("inf"), -1e39], "2 values are beyond 64 bits (or infinite), and would be rejected"),
        (["1.5", float("inf"), 2.5], "1 values are beyond 64 bits (or infinite), and would be rejected"),
    ],
)
def test_rows_that_would_be_rejected_are_told(values, said):
    assert any(said in note for note in found_typed("x", values).look_at)


def test_numbers_that_no_column_holds_are_no_values_of_the_sample():
    whole = found_typed("x", [1, 2, 2**64])
    assert (whole.kind, whole.distinct, whole.high) == (INT, 2, 2)
    assert (found_typed("x", [1.0, None, float("inf")]).kind, found_typed("x", [1.0, None, 1e300]).kind) == (INT, INT)
    assert found_typed("x", [1.0, None, 1e30]).kind is FLOAT  # whole, but floats of that size lack whole numbers
    assert found_typed("x", [1.5, 2**63]).high == 2**63  # a column of floats takes it
    assert found("x", ["1.5", "1e999"]).high == 1.5


def test_a_form_of_times_that_two_readings_fit_is_told():
    finding = found("day", ["05/06/2024", "07/08/2024"])
    assert finding.form == "%m/%d/%Y"
    assert finding.look_at == ("could be %d/%m/%Y as well as %m/%d/%Y",)
    assert found("day", ["05/06/2024", "27/08/2024"]).form == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("form", "cell", "unit"),
    [
        ("%Y-%m-%d", "2024-02-29", "day"),
        ("%d.%m.%Y", "29.02.2024", "day"),
        ("%Y-%m-%d %H:%M", "2024-02-29 23:59", "s"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-02-29T23:59:59Z", "s"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-02-29T23:59:59+01:00", "s"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-02-29T23:59:59.125Z", "ms"),
    ],
)
def test_the_form_and_the_unit_of_times(form, cell, unit):
    finding = found("seen", [cell, None])
    assert (finding.form, finding.unit) == (form, unit)


def test_a_few_texts_among_numbers_stand_for_missing_values():
    finding = found("income", [*texts("{}", 300), "n.a.", "n.a."])
    assert (finding.kind, finding.missing, finding.tags) == (INT, 2, ("missing:n.a.",))
    assert finding.look_at == ("2 rows hold text among numbers: missing values, declared so",)


def test_nines_far_from_all_else_stand_for_missing_values():
    finding = found("income", [*texts("{}", 300), "99999999", "99999999"])
    assert (finding.kind, finding.missing, finding.tags) == (INT, 2, ("missing:99999999",))
    assert found("income", [*texts("{}", 300), "999", "999"]).missing == 0
    assert found("income", [*texts("{}", 9998), "9999", "9999"]).missing == 0


def test_namibia_is_no_missing_value():
    countries = ["DE", "FR", "NA", "IT", "ES", "PT", "PL", "GB", "US", "CA", "MX", "BR", "AR"]
    assert found("country", countries * 3).missing == 0


def test_valency():
    assert found_typed("x", [[1.5, 2.0], [3.0, 4.0]]).value_count == ValueCount(2, 2)
    assert found_typed("x", [["a", "b"], ["c", "d"]]).value_count == ValueCount(1, None)  # words are no vector
    assert found("x", ["a|b", "a", "b|c", "c"]).value_count == ValueCount(1, None)
    assert found("x", ["1", "2"]).value_count is None


def test_a_domain_has_few_texts_and_never_those_of_persons():
    assert found("colour", ["red", "blue", "red"]).domain == ("blue", "red")
    assert found("word", [*texts("w{}", 101), *texts("w{}", 101)]).domain == ()
    assert found("email", MAILS).domain == ()


def test_a_field_that_comes_late_is_missing_before():
    sample = Sample("x.jsonl")
    sample.add_records([{"a": 1}, {"a": 2}])
    sample.add_records([{"b": "x"}, {"a": 3, "b": None}])
    a, b = (judge(sample.columns[name]).finding for name in "ab")
    assert (a.rows, a.missing, b.rows, b.missing) == (4, 1, 4, 3)


def test_of_a_personal_column_no_value_is_left():
    for finding in (
        found("phone", [*texts("{}", 98), "ask Ann Smith", "98"]),
        found("phone", [*texts("555{}", 40), "99999999", "99999999"]),
        found_typed("card_number", [int(card) for card in CARDS] * 9 + [9999999999999999999] * 2),
    ):
        assert (finding.use, finding.tags, finding.low, finding.high) == (Use.PERSONAL, ("personal:drop",), None, None)
        assert finding.domain == ()


def test_a_label_is_never_personal():
    column = ColumnSample("first_name", typed=False)
    column.add_texts(["Ann", "Bob"] * 30)
    assert judge(column, "first_name").finding.use is Use.CATEGORY
