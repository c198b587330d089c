"""The three files that `new` writes work as they are: they build, train and score, whatever shape the data has."""

import ast
import csv
import json
import pathlib
import random
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from beam_jobs.cli.command_line import main
from models.use_case import find_model, find_schema
from schemas.artifacts import artifact
from schemas.schema import SERVING
from tests.support.use_case_folder import lines_of

ROWS = 300
Columns = Mapping[str, list[Any]]
long = pytest.mark.needs_time


def _signal() -> list[float]:
    chosen = random.Random(7)
    return [round(chosen.random(), 3) for _ in range(ROWS)]


def _binary(signal: list[float]) -> list[int]:
    return [int(value > 0.5) for value in signal]


def odd_names() -> Columns:
    """Names with blanks, dots, slashes, quotes; columns called `id` and `label`."""
    x = _signal()
    return {
        "id": [f"r{at}" for at in range(ROWS)],
        "a b": x,
        "x.y": [at % 5 for at in range(ROWS)],
        'say "a/b"': ["red" if value > 0.5 else "blue" for value in x],
        "größe": [at % 3 for at in range(ROWS)],
        "label": _binary(x),
    }


def dates() -> Columns:
    """Dates and times as text, one of them the event's."""
    x = _signal()
    return {
        "created_at": [f"2024-{1 + at % 12:02}-{1 + at % 28:02}T{at % 24:02}:00:00Z" for at in range(ROWS)],
        "born": [f"{1 + at % 28:02}.{1 + at % 12:02}.{1950 + at % 50}" if at % 9 else None for at in range(ROWS)],
        "x": x,
        "y": _binary(x),
    }


def lists() -> Columns:
    """Lists of words, of whole numbers, of numbers, and vectors."""
    x = _signal()
    return {
        "words": [["a", "b"][: 1 + at % 2] + (["high"] if value > 0.5 else []) for at, value in enumerate(x)],
        "whole": [[at % 4, at % 3] if at % 5 else [] for at in range(ROWS)],
        "numbers": [[value, value / 2][: 1 + at % 2] for at, value in enumerate(x)],
        "point": [[value, 1.5] for value in x],
        "y": _binary(x),
    }


def separated() -> Columns:
    """Several values in one cell."""
    x = _signal()
    return {
        "genres": ["|".join(["Comedy", "Drama"][: 1 + at % 2] + ["War"] * (v > 0.5)) for at, v in enumerate(x)],
        "point": [f"{value};1.5" for value in x],
        "y": _binary(x),
    }


def booleans() -> Columns:
    """True and false, yes and no, in values and in the label."""
    x = _signal()
    return {
        "flag": [value > 0.5 if at % 11 else None for at, value in enumerate(x)],
        "said": ["Yes" if at % 3 else "No" for at in range(ROWS)],
        "x": x,
        "y": [value > 0.5 for value in x],
    }


def gaps() -> Columns:
    """Whole numbers as pandas writes them where some are missing, and texts that stand for a missing value."""
    x = _signal()
    return {
        "rooms": [float(int(10 * value)) if at % 6 else None for at, value in enumerate(x)],
        "income": [int(1000 * value) if at % 5 else "NA" for at, value in enumerate(x)],
        "y": [float(value > 0.5) for value in x],
    }


def constant() -> Columns:
    """A column of one value."""
    x = _signal()
    return {"version": [3] * ROWS, "source": ["web"] * ROWS, "x": x, "y": _binary(x)}


def empty() -> Columns:
    """Columns without any value."""
    x = _signal()
    return {"nothing": [None] * ROWS, "token": ["NA"] * ROWS, "x": x, "y": _binary(x)}


def all_different() -> Columns:
    """Columns in which each row has a value of its own, an address of a person among them."""
    x = _signal()
    return {
        "word": [f"w{at * 7919 % 10_007}q" for at in range(ROWS)],
        "email": [f"p{at % 250}@example.org" for at in range(ROWS)],
        "x": x,
        "y": _binary(x),
    }


def text() -> Columns:
    """Sentences, and a label of three words."""
    words = ["good", "bad", "fine"]
    return {
        "review": [f"this number {at} film was {words[at % 3]} and long" for at in range(ROWS)],
        "stars": [at % 3 for at in range(ROWS)],
        "verdict": [words[at % 3] for at in range(ROWS)],
    }


def written(folder: pathlib.Path, columns: Columns, form: str) -> pathlib.Path:
    """Write columns as CSV or JSON lines."""
    path = folder / f"rows.{form}"
    rows = list(zip(*columns.values(), strict=True))
    with path.open("w", newline="") as file:
        if form == "csv":
            csv.writer(file).writerows([list(columns), *rows])
        else:
            file.writelines(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    return path


def made(folder: pathlib.Path, data: pathlib.Path, label: str) -> pathlib.Path:
    """Let `new` write a use case `own`."""
    mine = folder / "mine"
    assert main(["new", "own", "--data", str(data), "--label", label, "--use-case-path", str(mine)]) == 0
    return mine


def scored(folder: pathlib.Path, mine: pathlib.Path, data: pathlib.Path) -> list[dict[str, Any]]:
    """Go from the three files to scores of all rows; return the predictions."""
    use_case, ts, candidate = ["--use-case-path", str(mine)], str(folder / "ts"), str(folder / "candidate")
    registry, scores = str(folder / "registry"), folder / "scores"
    for argv in (
        ["build_training_set", "--use-case", "own", *use_case, "--data", str(data), "--output", ts],
        ["train", *use_case, "--training-set", ts, "--output", candidate],
        ["evaluate", "--candidate", candidate, "--training-set", ts],
        ["release", "--candidate", candidate, "--registry", registry],
        ["score_batch", "--data", str(data), "--registry", registry, "--output", str(scores), "--format", "jsonl"],
    ):
        assert main(argv) == 0, argv[0]
    assert artifact.open_artifact(ts, "training_set").manifest["rows"]["rejected"] == 0
    return lines_of(scores, "predictions")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("shape", "form", "label"),
    [
        (odd_names, "csv", "label"),
        pytest.param(lists, "jsonl", "y", marks=long),
        pytest.param(text, "csv", "verdict", marks=long),
        pytest.param(dates, "csv", "y", marks=long),
        pytest.param(separated, "csv", "y", marks=long),
        pytest.param(booleans, "jsonl", "y", marks=long),
        pytest.param(gaps, "csv", "y", marks=long),
        pytest.param(constant, "csv", "y", marks=long),
        pytest.param(empty, "csv", "y", marks=long),
        pytest.param(all_different, "jsonl", "y", marks=long),
    ],
)
def test_from_data_to_scores(tmp_path: pathlib.Path, shape: Callable[[], Columns], form: str, label: str) -> None:
    columns = shape()
    data = written(tmp_path, columns, form)
    mine = made(tmp_path, data, label)
    for file in mine.rglob("*.py"):
        assert max(map(len, file.read_text().splitlines())) <= 120
        ast.parse(file.read_text())
    found = scored(tmp_path, mine, data)
    assert len(found) == ROWS
    said = [one["label"] for one in found]
    right = [one in (str(wanted), int(wanted)) if wanted in (0, 1) else one == wanted
             for one, wanted in zip(said, columns[label], strict=True)]  # fmt: skip
    assert sum(right) > 0.9 * ROWS, "the label follows from the columns"


def test_what_is_in_the_files(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = made(tmp_path, written(tmp_path, {**all_different(), "colour": ["red", "blue"] * (ROWS // 2)}, "csv"), "y")
    said = capsys.readouterr().out
    schema = find_schema("own", mine)
    assert schema["email"].role("personal") == "drop"
    assert "y" not in schema.environment(SERVING)
    assert find_model("own", mine).slices == ("colour",)
    assert "example.org" not in said + "".join(file.read_text() for file in mine.rglob("*.*"))
    assert re.search(r"email +BYTES +- +250 +personal", said)
    assert "email: personal data, e-mail addresses, by their form; dropped" in said
    assert re.search(r"next: onegraph build_training_set --use-case own --use-case-path \S+ --data \S+", said)


def test_an_id_that_is_personal_is_dropped(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"user_id": [f"p{at}@example.org" for at in range(ROWS)], **constant()}
    mine = made(tmp_path, written(tmp_path, columns, "csv"), "y")
    said = capsys.readouterr().out
    assert find_schema("own", mine)["user_id"].roles == ("personal:drop",)
    assert "--personal-key-file" not in said
    assert "user_id: personal data, e-mail addresses, by their form; dropped" in said


@pytest.mark.parametrize("header", ["none", "label-first"])
def test_what_comes_next_works_without_a_header(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], header: str
) -> None:
    data, mine = tmp_path / "rows.csv", str(tmp_path / "mine")
    rows = [f"{at % 2},{at / 7:.3f},,{'abc'[at % 3]}" for at in range(60)]  # the third is empty, and no column
    data.write_text("\n".join(rows) + "\n")
    named = ["--data", str(data), "--csv-header", header, "--use-case-path", mine]
    assert main(["new", "own", *named, "--label", "c1"]) == 0
    following = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("next: onegraph "))
    assert following[following.index("--csv-columns") + 1] == "c1,c2,c3,c4"
    assert main(["validate", *following[1:-2]]) == 0


def test_a_label_that_is_said_to_be_first_and_is_not(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("1.5,0\n2.5,1\n3.5,0\n")
    argv = ["new", "own", "--data", str(tmp_path / "rows.csv"), "--use-case-path", str(tmp_path / "mine")]
    assert main([*argv, "--csv-header", "label-first", "--label", "c2"]) == 2
    assert capsys.readouterr().err.count("--csv-header label-first, and the label is 'c2'; wanted c1") == 1


def test_a_plan_writes_nothing(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = written(tmp_path, constant(), "csv")
    argv = ["new", "own", "--data", str(data), "--label", "y", "--use-case-path", str(tmp_path / "mine")]
    assert main([*argv, "--dry-run"]) == 0
    assert "schemas/own.pbtxt would be written" in capsys.readouterr().out
    assert not (tmp_path / "mine").exists()


def test_without_a_folder_a_new_one_has_the_name(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "own", "--data", str(written(tmp_path, constant(), "csv")), "--label", "y", "--json"]) == 0
    assert find_schema("own", "own").names == ("version", "source", "x", "y")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "new own --data {data} --label Y",
            "rows.csv: no column is called 'Y' (it has version, source, x, y), did you",
        ),
        ("new Own --data {data} --label y", "use case 'Own': wanted a name of lower case letters, digits and unders"),
        ("new own --data {tmp}/none.csv --label y", "none.csv: no such file; check the path or quote the pattern"),
        ("new own --data {data} --label version", "label column 'version' has the same value in all rows"),
        ("new own --data {data} --label y --use-case-path {data}", "a file, wanted a folder, new or not"),
        ("new own --data {data} --label y --use-case-path {taken}", "already there; give another name, or another"),
        ("new own --data {tmp}/header.csv --label y", "header.csv: no rows that can be read; give files with data"),
        ("new own --data {tmp}/label.csv --label y", "label.csv: no column that a feature can be made of"),
    ],
)
def test_mistakes(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    data = written(tmp_path, constant(), "csv")
    (tmp_path / "header.csv").write_text("x,y\n")
    (tmp_path / "label.csv").write_text("y\n1\n0\n")
    (tmp_path / "taken" / "models").mkdir(parents=True)
    (tmp_path / "taken" / "models" / "own.py").write_text("")
    code = main(words.format(data=data, tmp=tmp_path, taken=tmp_path / "taken").split())
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (1, 1)
    assert said in err


def test_two_rows_are_told_what_is_missing(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.csv").write_text("amount,kind,y\n1.5,a,0\n2.5,b,1\n")
    mine = made(tmp_path, tmp_path / "two.csv", "y")
    assert "2 rows: too few to judge by, and to split in three; give more" in capsys.readouterr().out
    output = str(tmp_path / "ts")
    named = ["--use-case", "own", "--use-case-path", str(mine)]
    assert main(["build_training_set", *named, "--data", str(tmp_path / "two.csv"), "--output", output]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "is empty, 2 rows read; give more data" in err
