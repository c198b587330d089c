"""`send`: a file's rows as events on a real broker."""

import gzip
import json

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.kafka.partitions import partition_of_key
from schemas.schema import SERVING
from tests.support.kafka_records import read
from tests.support.present import present
from tests.support.printed import for_people

HEADER = (
    "pickup_community_area,fare,trip_start_month,trip_start_hour,trip_start_day,trip_start_timestamp,pickup_latitude,"
    "pickup_longitude,dropoff_latitude,dropoff_longitude,trip_miles,pickup_census_tract,dropoff_census_tract,"
    "payment_type,company,trip_seconds,dropoff_community_area,tips\n"
)
GOOD = '8,12.45,5,19,6,1400269500,,,,,0.1,,,Credit Card,"Say ""Taxi"", Inc.",600,,2.0\n'
BAD = "8,dear,5,19,6,1400269500,,,,,0.1,,,Cash,,600,,2.0\n"


@pytest.fixture
def topic(topics):
    return topics("sent", partitions=3)


def run(broker, file, topic, *options):
    options = options if "--registry" in options or file.suffix == ".JSONL" else ("--use-case", "taxi", *options)
    return main(["send", str(file), topic, "--bootstrap-servers", broker, "--json", *options])


def test_csv_rows_become_typed_events(broker, topic, tmp_path, capsys):
    file = tmp_path / "trips.csv.gz"
    file.write_bytes(gzip.compress((HEADER + GOOD + BAD + GOOD).encode()))
    assert run(broker, file, topic) == 0
    out = capsys.readouterr().out
    assert {**json.loads(out), "seconds": 0} == {"topic": topic, "sent": 2, "unreadable": 1, "seconds": 0}
    assert "1 rows do not fit the schema and were not sent" in for_people("send", out)
    found = {present(record.key): record for record in read(broker, topic)}
    assert sorted(found) == [b"0", b"2"]
    assert json.loads(present(found[b"0"].value)) == {
        "pickup_community_area": 8,
        "fare": 12.45,
        "trip_start_month": 5,
        "trip_start_hour": 19,
        "trip_start_day": 6,
        "trip_start_timestamp": 1400269500,
        "trip_miles": 0.1,
        "payment_type": "Credit Card",
        "company": 'Say "Taxi", Inc.',
        "trip_seconds": 600,
    }
    assert found[b"2"].partition == partition_of_key(b"2", 3)


def test_json_lines_go_as_they_are(broker, topic, tmp_path):
    file = tmp_path / "EVENTS.JSONL"
    file.write_bytes(b'{"fare":  1}\n{"broken\r\n\xff\n')
    assert run(broker, file, topic, "--rate", "500") == 0
    assert {record.key: record.value for record in read(broker, topic)} == {
        b"0": b'{"fare":  1}',
        b"1": b'{"broken',
        b"2": b"\xff",
    }


def test_events_are_keyed_by_a_column(broker, topic, tmp_path):
    file = tmp_path / "trips.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("8,12.45,", ",12.450,") + BAD)
    assert run(broker, file, topic, "--key", "fare") == 0
    found = read(broker, topic)
    assert [record.key for record in found] == [b"12.45", b"12.45"]
    assert {record.partition for record in found} == {partition_of_key(b"12.45", 3)}
    assert run(broker, file, topic, "--key", "pickup_community_area") == 0
    assert {record.key for record in read(broker, topic)} == {b"12.45", b"8", None}
    assert run(broker, file, topic, "--key", "tips") == 2, "no event has the label"


def test_a_limit(broker, topic, tmp_path):
    file = tmp_path / "trips.csv"
    file.write_text(HEADER + GOOD * 5)
    assert run(broker, file, topic, "--limit", "3") == 0
    assert len(read(broker, topic)) == 3


def test_the_shipped_trips_keep_every_float(taxi, trips):
    serving = trips.slice(0, 500).select(taxi.schema.environment(SERVING).names)
    for event, row in zip(map(json.loads, json_events(serving)), serving.to_pylist(), strict=True):
        assert set(event) == {name for name, value in row.items() if value is not None}
        for name, value in event.items():
            is_float = serving.schema.field(name).type == "float"
            assert (
                serving.schema.field(name).type.to_pandas_dtype()(value) == row[name]
                if is_float
                else value == row[name]
            )


@pytest.mark.parametrize(
    ("content", "options", "code", "message"),
    [
        (None, [], 1, "no such file"),
        ("", [], 1, "empty; its first line must name the columns"),
        (HEADER, [], 1, "no rows to send"),
        ("a,b\n1,2\n", [], 1, "its first line names none of the columns"),
        (HEADER + GOOD, ["--rate", "0"], 2, "--rate is 0.0, wanted more than 0"),
        (HEADER + GOOD, ["--limit", "0"], 2, "--limit is 0, wanted 1 or more"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_line(broker, topic, tmp_path, content, options, code, message, capsys):
    file = tmp_path / "file.csv"
    if content is not None:
        file.write_text(content)
    assert run(broker, file, topic, *options) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_other_files_and_missing_topics(broker, topic, tmp_path, capsys):
    file = tmp_path / "trips.parquet"
    file.write_text("")
    assert run(broker, file, topic) == 1
    assert "trips.parquet: near row 0: not a Parquet file" in capsys.readouterr().err
    good = tmp_path / "trips.csv"
    good.write_text(HEADER + GOOD)
    assert run(broker, good, "nowhere") == 1
    assert "no topic 'nowhere'" in capsys.readouterr().err
    broken = tmp_path / "trips.csv.gz"
    broken.write_bytes(gzip.compress((HEADER + GOOD * 99).encode())[:-20])
    assert run(broker, broken, topic) == 1
    assert "gzip stream ends too early" in capsys.readouterr().err


def test_the_columns_are_those_of_a_registry_too(broker, topic, tmp_path, registry, capsys):
    file = tmp_path / "trips.csv"
    file.write_text(HEADER + GOOD)
    assert run(broker, file, topic, "--registry", str(registry)) == 0
    (record,) = read(broker, topic)
    assert json.loads(present(record.value))["trip_start_timestamp"] == 1400269500
    assert run(broker, file, topic, "--registry", str(registry), "--use-case", "loans") == 2
    assert "is of use case 'taxi', --use-case is 'loans'; give one of the two" in capsys.readouterr().err
    assert main(["send", str(file), topic, "--bootstrap-servers", broker]) == 2
    assert capsys.readouterr().err == (
        "onegraph send: whose columns? give --registry, whose champion has the schema, or --use-case\n"
    )
