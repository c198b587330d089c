"""Which column is the label, the id, the time of the event; and the schema that says so."""

import datetime

import pytest

from schemas import roles
from schemas.errors import InputError
from schemas.inference.finding import Use
from schemas.inference.inferred import infer
from schemas.inference.sample import Sample
from schemas.inference.written import written
from schemas.schema import SERVING, Schema
from tests.support.present import present


def sample(**columns):
    made = Sample("loans.csv")
    made.add_texts(columns, len(next(iter(columns.values()))))
    return made


def numbers(count, first=0):
    return [str(number) for number in range(first, first + count)]


def schema_of(inferred):
    schema = Schema.from_text(written(inferred, "loans"), "loans.pbtxt")
    roles.check(schema.columns, "loans.pbtxt")
    return schema


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["0", "1", "1"], "binary", (0, 1)),
        (["1", "2", "1"], "binary", (1, 2)),
        (["yes", "no", "no"], "binary", (0, 1)),
        (["paid", "late", "paid"], "binary", ("paid", "late")),
        (["a", "b", "c"], "multiclass", ("a", "b", "c")),
        (["3", "1", "2"], "multiclass", (1, 2, 3)),
        (numbers(11), "regression", ()),
        (["0.5", "1.5", "2.5"], "regression", ()),
        (["0.0", "1.0", "1.0"], "binary", (0, 1)),
        (["0.0", None, "1.0"], "binary", (0, 1)),
        (["0.0", "1.0", "2.0"], "multiclass", (0, 1, 2)),
        (["1.0", "2.0", "2.0"], "binary", (1, 2)),
        (["a", "b", "c", "", "b"], "multiclass", ("a", "b", "c")),
        (["a", "b", ""], "binary", ("a", "b")),
    ],
)
def test_the_task_by_the_label(cells, task, classes):
    target = present(infer(sample(x=["a"] * len(cells), y=cells), "y").target)
    assert (target.task, target.classes) == (task, classes)


def test_a_class_of_very_few_rows_is_none():
    target = present(infer(sample(y=["1"] * 3000 + ["2"] * 1500 + ["0"]), "y").target)
    assert (target.task, target.classes, target.left_out, target.as_it_is) == ("binary", (1, 2), 1, False)


def test_an_empty_text_is_no_class():
    target = present(infer(sample(y=["a", "b", "c", "", "b"]), "y").target)
    assert (target.left_out, target.as_it_is) == (1, False)
    assert target.look_at == ("values that are no classes, of too few rows or empty: 1; these rows have no label",)


def test_a_given_task_is_kept():
    assert present(infer(sample(y=["1", "2", "3"]), "y", "regression").target).task == "regression"


@pytest.mark.parametrize(
    ("cells", "task", "said"),
    [
        (["1", "1"], None, "label column 'y' has the same value in all rows, nothing can be learnt; give another"),
        ([None, None], None, "label column 'y' is empty, wanted one number or class per row; give another --label"),
        (["a|b", "b", "a|c"], None, "label column 'y' is list of words, wanted one number or class"),
        (["2024-01-01", "2024-01-02"], None, "label column 'y' is time, wanted one number or class"),
        (["a", "a\x07", "a\\x07"], None, "label column 'y' has different values that would be called alike as classes"),
        (["a", "a", ""], None, "label column 'y' has the same value in all rows"),
        (["a", "b"], "regression", "label column 'y' is text, wanted numbers for --task regression"),
        (["a", "b", "c"], "binary", "label column 'y' has 3 different values, wanted two for --task binary"),
        (["0.5", "1.5", "2"], "multiclass", "label column 'y' has 3 different values, too many or no classes"),
        ([f"w{n}" for n in range(101)], None, "label column 'y' has 101 different values, too many or no classes"),
    ],
)
def test_what_cannot_be_a_label(cells, task, said):
    with pytest.raises(InputError) as refused:
        infer(sample(y=cells), "y", task)
    assert said in str(refused.value)


def test_a_label_that_is_not_there():
    with pytest.raises(InputError, match=r"loans.csv: no column is called 'Y' \(it has x, y\), did you mean y\?"):
        infer(sample(x=["1"], y=["2"]), "Y")


def test_one_id_and_one_time_of_the_event():
    inferred = infer(
        sample(
            row=numbers(30),
            loan_id=numbers(30, 7),
            due_date=["2024-05-01"] * 15 + ["2024-05-02"] * 15,
            created_at=numbers(30, 1_700_000_000),
            customer_id=["1", "2", "3"] * 10,
        )
    )
    schema = schema_of(inferred)
    assert [column.name for column in schema.with_role("id")] == ["row"]
    assert [column.name for column in schema.with_role("key")] == ["customer_id"]
    assert schema.event_time == ("created_at", 1000)
    assert schema["due_date"].reading.time.unit == "day"
    assert {finding.name: finding.use for finding in inferred.findings}["loan_id"] is Use.DISTINCT


@pytest.mark.parametrize(
    ("cells", "tags"),
    [
        (["1950-05-01", "1980-05-02"], ("time:day",)),
        (["1970-12-31", "1980-05-02"], ("time:day",)),
        (["1971-01-01", "1980-05-02"], ("event_time:s",)),
        (["-5", "1700000000"], ()),
    ],
)
def test_a_time_that_starts_before_1971_is_none_of_the_event(cells, tags):
    finding = infer(sample(seen_on=cells)).findings[0]
    assert finding.tags == tags


def test_times_of_parquet_before_1971_are_none_of_the_event():
    made = Sample("people.parquet")
    made.add_records([{"on": datetime.date(1950 + at, 1, 1)} for at in range(40)])
    assert infer(made).findings[0].tags == ("time:day",)


def test_whether_the_time_is_that_of_the_event_is_asked_unless_its_name_says_so():
    asked = "taken for the time of the event; is it?"
    days = ["2024-05-01", "2024-05-02"]
    assert infer(sample(sold=days)).findings[0].look_at == (asked,)
    assert infer(sample(created_at=days)).findings[0].look_at == ()
    assert asked in infer(sample(created_at=days, sold=days)).findings[0].look_at


def test_the_schema_has_what_was_found():
    inferred = infer(
        sample(
            **{
                'a "b"': ["red", "blue", "red", None],
                "x.y": ["1", "2", "NA", "4"],
                "flag": ["Y", "N", "N", "Y"],
                "genres": ["a|b", "a", "b", "c|a"],
                "email": ["a@example.org", "b@example.org", "c@example.org", "a@example.org"],
                "nothing": [None] * 4,
                "y": ["0", "1", "0", "1"],
            }
        ),
        "y",
    )
    text = written(inferred, "loans")
    schema = schema_of(inferred)
    assert schema.names == ('a "b"', "x.y", "flag", "genres", "email", "y")
    assert schema['a "b"'].domain == {"red", "blue"}
    assert not schema['a "b"'].required
    assert schema["x.y"].reading.missing == {"NA"}
    assert schema["flag"].reading.words == ("N", "Y")
    assert schema["genres"].reading.separator == "|"
    assert schema["email"].roles == ("personal:drop",)
    assert "y" not in schema.environment(SERVING)
    assert "example.org" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_personal_column_is_no_id_and_codes_show_no_numbers():
    mails = [f"p{at}@example.org" for at in range(40)]
    numbers = [str(7 * at) for at in range(40)]
    zips = [str(90_000 + at % 7) for at in range(40)]
    inferred = infer(sample(user_id=mails, order_id=numbers, zip_code=zips, y=["0", "1"] * 20), "y")
    schema = schema_of(inferred)
    assert [column.name for column in schema.with_role("id")] == ["order_id"]
    assert schema["user_id"].roles == ("personal:drop",)
    text = written(inferred, "orders")
    assert "in the sample" not in text
    assert "90,0" not in text
    alone = infer(sample(user_id=mails, y=["0", "1"] * 20), "y")
    assert not schema_of(alone).with_role("id")
