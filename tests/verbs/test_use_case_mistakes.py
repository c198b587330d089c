"""Mistakes in a use case's three files: one line on the command line, and TensorFlow only where it is needed."""

# ruff: noqa: E501  messages stand here as they are printed

import pathlib
import subprocess
import sys

import pytest

from beam_jobs.cli.command_line import main

SCHEMA = """
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT }
feature { name: "late" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
from transforms.missing import fill

def preprocessing_fn(inputs):
    return {"amount": fill(inputs["amount"], 0.0)}

def label(batch):
    return batch.column("late")
"""
MODEL = "from models.spec import Gate, ModelSpec\nMODEL = ModelSpec(slices=('purpose',))\n"


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A use case `own` in `mine`, and a file of one row, as the working folder."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"schemas/own.pbtxt": SCHEMA, "transforms/own.py": TRANSFORM, "models/own.py": MODEL}.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    (tmp_path / "rows.csv").write_text("purpose,amount,late\ncar,1,0\n")
    return tmp_path


BUILD = ["build_training_set", "--data", "rows.csv", "--output", "out", "--use-case-path", "mine"]
LIGHT = """
import sys
from beam_jobs.cli.command_line import main
code = main(sys.argv[1:])
assert not {"tensorflow", "apache_beam", "xgboost"} & set(sys.modules), "something heavy was imported"
raise SystemExit(code)
"""


def test_what_needs_no_tensorflow_is_told_without_it(folder: pathlib.Path) -> None:
    own = [*BUILD, "--use-case", "own"]
    for file, change, argv, code, said in (
        (None, (), BUILD, 2, "--use-case is missing: which use case, by the name of its three files; see "),
        (None, (), [*BUILD, "--use-case", "onw"], 1, "use case 'onw' is not among those in mine (own): no file mine/schemas/onw.pbtxt, nor the other two, did you mean own?"),
        ("models/own.py", ("purpose", "purpos"), own, 1, "mine/models/own.py: slice 'purpos' is no column of the schema ("),
        ("models/own.py", ("slices", "slice"), own, 1, "mine/models/own.py line 2: ModelSpec has no 'slice' (it has "),
        ("schemas/own.pbtxt", ("FLOAT", "FLAOT"), own, 1, "mine/schemas/own.pbtxt line 3: 'FLAOT' is no feature type, did you mean FLOAT?"),
        ("transforms/own.py", ("def label", "def lable"), own, 1, "mine/transforms/own.py: has no label (see docs/use_case.md), did you mean lable?"),
        ("transforms/own.py", ("label(batch):", "label(batch)"), own, 1, "mine/transforms/own.py line 7: does not import: "),
        (None, (), ["send", "rows.csv", "topic"], 2, "whose columns? give --registry, whose champion has the schema, or "),
    ):  # fmt: skip
        path = folder / "mine" / (file or "models/own.py")
        whole = path.read_text()
        path.write_text(whole.replace(*change) if change else whole)
        done = subprocess.run([sys.executable, "-c", LIGHT, *argv], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"onegraph {argv[0]}: {said}")
        path.write_text(whole)
    assert not (folder / "out").exists()


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_what_a_function_does_wrong_is_told_before_data_is_read(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], dry_run: list[str]
) -> None:
    path = folder / "mine/transforms/own.py"
    for old, new, said in (
        (
            'inputs["amount"]',
            'inputs["amuont"]',
            (
                "mine/transforms/own.py line 5: preprocessing_fn wants column 'amuont', which is not in the schema "
                "(purpose, amount), did you mean amount?"
            ),
        ),
        (
            'inputs["amount"]',
            'inputs["late"]',
            (
                "mine/transforms/own.py line 5: preprocessing_fn wants column 'late', which serving does not have, training alone; "
                "serving has: purpose, amount"
            ),
        ),
        ("0.0)", '"")', "mine/transforms/own.py line 5: preprocessing_fn ended in "),
        (
            '"late"',
            '"lat"',
            "mine/transforms/own.py line 8: label() wants column 'lat', which is not in the schema (purpose, amount, late), did you mean late?",
        ),
        (
            'batch.column("late")',
            '["no"] * len(batch)',
            (
                "mine/transforms/own.py: label() returned values of type str, wanted a float array with one number per row: "
                "0, 1 or, if a row has no label, NaN"
            ),
        ),
    ):
        path.write_text(TRANSFORM.replace(old, new))
        assert main([*BUILD, "--use-case", "own", *dry_run]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"onegraph build_training_set: {said}")
    assert not (folder / "out").exists()


def test_the_traceback_is_there_for_those_who_ask(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "mine/transforms/own.py").write_text(TRANSFORM.replace("return {", "1 / 0; return {"))
    assert main([*BUILD, "--use-case", "own", "-v"]) == 1
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("mine/transforms/own.py line 5: preprocessing_fn ended in ZeroDivisionError: division by zero")
    )
    assert "Traceback (most recent call last)" in caplog.text
