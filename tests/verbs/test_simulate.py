"""`simulate`: files in every format and events hold the same transactions; mistakes are one line."""

import gzip
import json

import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from tests.support.kafka_records import read
from tests.support.present import present

SMALL = ["--customers", "200", "--terminals", "500", "--days", "12", "--seed", "7"]


def simulate(capsys, *argv):
    code = main(["simulate", *map(str, argv), "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code == 0 else printed.err


def test_every_format_has_the_same_rows(tmp_path, capsys, broker, topics):
    results = []
    for name in ("t.parquet", "t.csv", "t.csv.gz", "t.jsonl.gz"):
        code, result = simulate(capsys, *SMALL, "--features", "--output", tmp_path / name)
        assert (code, result.pop("path")) == (0, str(tmp_path / name))
        results.append(result)
    assert results == results[:1] * 4
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert (len(table), table.num_columns) == (results[0]["rows"], 9 + 14)
    rows = [
        {name: int(value.timestamp() * 1000) if name == "TX_DATETIME" else value for name, value in row.items()}
        for row in table.to_pylist()
    ]
    assert pyarrow.csv.read_csv(tmp_path / "t.csv").to_pylist() == rows
    assert gzip.decompress((tmp_path / "t.csv.gz").read_bytes()) == (tmp_path / "t.csv").read_bytes()
    lines = gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes()).splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert sum(row["TX_FRAUD"] for row in rows) == results[0]["frauds"] == sum(results[0]["scenarios"].values())
    assert {(row["TX_FRAUD_SCENARIO"] > 0) == (row["TX_FRAUD"] == 1) for row in rows} == {True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.csv.gz", "t.jsonl.gz", "t.parquet"]

    topic = topics("cards", partitions=2)
    argv = ["--topic", topic, "--bootstrap-servers", broker, "--rate", 100_000]
    code, result = simulate(capsys, *SMALL, "--features", *argv)
    assert (code, result["rows"], result["topic"]) == (0, len(rows), topic)
    records = read(broker, topic)
    assert sorted(present(record.value) for record in records) == sorted(lines)
    assert all(json.loads(present(one.value))["CUSTOMER_ID"] == int(present(one.key)) for one in records)


def test_rows_are_the_first_of_a_longer_run(tmp_path, capsys):
    size = ["--customers", 200, "--terminals", 500, "--seed", 7]
    assert simulate(capsys, *size, "--days", 12, "--output", tmp_path / "days.csv")[0] == 0
    code, result = simulate(capsys, *size, "--rows", 1_000, "--output", tmp_path / "rows.csv")
    assert (code, result["rows"]) == (0, 1_000)
    assert (tmp_path / "days.csv").read_bytes().startswith((tmp_path / "rows.csv").read_bytes())
    assert simulate(capsys, *size, "--rows", 1_000, "--features", "--output", tmp_path / "wide.parquet")[0] == 0
    assert len(pyarrow.parquet.read_table(tmp_path / "wide.parquet")) == 1_000


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ([], 2, "where to? give --output FILE or --topic TOPIC, one of them"),
        (["--output", "t.csv", "--topic", "t"], 2, "where to? give --output FILE or --topic TOPIC, one of them"),
        (["--output", "t.csv", "--rate", "5"], 2, "--rate without --topic: a file is written as fast as it goes"),
        (["--output", "t.txt"], 2, "--output t.txt: its name says no format, wanted one of .csv, .csv.gz, .jsonl,"),
        (["--output", "there.csv"], 1, "there.csv: is there already; remove it or choose another name"),
        (["--output", "no/t.csv"], 1, "no: no such directory; make it or choose another one"),
        (
            ["--output", "t.csv", "--first-day", "2018-02-30"],
            2,
            "--first-day '2018-02-30': wanted a date as 2018",
        ),
        (["--output", "t.csv", "--days", "0"], 2, "--days is 0, wanted 1 to 300000"),
        (
            ["--output", "t.csv", "--customers", "1", "--terminals", "1"],
            2,
            "of 1 customers none has one of 1 termi",
        ),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(argv, code, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("")
    got, err = simulate(capsys, *argv)
    assert (got, said in err, err.count("\n")) == (code, True, 1), err
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_dry_run_says_what_would_be_made(tmp_path, capsys):
    assert main(["simulate", *SMALL, "--output", str(tmp_path / "t.csv"), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert f"12 days of 200 customers at 500 terminals, seed 7, would be written to {tmp_path}/t.csv" in out
    assert not list(tmp_path.iterdir())
