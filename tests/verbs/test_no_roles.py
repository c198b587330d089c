"""A use case whose columns have no role at all, neither id nor event_time, goes from file to stream."""

import pathlib
import random

import numpy as np
import pytest

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet
from tests.support.use_case_folder import UseCaseFolder, lines_of

SCHEMA = """
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }
feature { name: "late" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
from transforms.missing import fill

def preprocessing_fn(inputs):
    return {"amount": fill(inputs["amount"], 0.0)}

def label(batch):
    return batch.column("late")
"""


def rows():
    draw = random.Random(3)
    yield "purpose", "amount", "late"
    for number in range(900):
        amount = draw.randrange(300)
        yield "car" if number % 3 else "", amount, int(draw.random() < (0.8 if amount > 150 else 0.2))


def test_no_column_has_a_role(tmp_path: pathlib.Path, broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = UseCaseFolder.released(tmp_path, SCHEMA, TRANSFORM, rows())
    opened = TrainingSet.open(case.training_set)
    splits = {name: opened.load(name).features[:, 0] for name in ("train", "eval", "test")}
    assert sum(map(len, splits.values())) == 900
    assert min(len(split) for split in splits.values()) > 60

    shuffled = UseCaseFolder(tmp_path / "again", SCHEMA, TRANSFORM, rows())
    head, *body = shuffled.lines
    random.Random(5).shuffle(body)
    (shuffled.folder / "part-1.csv").write_text("\n".join([head, *body[:300], ""]))
    shuffled.data.write_text("\n".join([head, *body[300:], ""]))
    parts = ["--data", shuffled.data, shuffled.folder / "part-1.csv"]
    assert shuffled.verb("build_training_set", *parts, "--output", shuffled.training_set) == 0
    again = TrainingSet.open(shuffled.training_set)
    for name, values in splits.items():
        assert np.sort(again.load(name).features[:, 0]).tolist() == np.sort(values).tolist(), "whatever file or order"

    assert case.score(tmp_path / "scores", "--format", "jsonl") == 0
    scored = lines_of(tmp_path / "scores", "predictions")
    assert [one["id"] for one in scored][:2] == ["rows.csv/0", "rows.csv/1"]
    assert set(scored[0]) == {"id", "score", "label", "bundle", "variant"}
    capsys.readouterr()
    argv = ["--data", str(case.data), "--registry", str(case.registry), "--bootstrap-servers", broker]
    assert main(["check_skew", *argv]) == 0
    assert "100 % equal: 900 records" in "".join(capsys.readouterr())
