"""The schema that raw files suggest is the one that TFX's SchemaGen made of the same taxi trips."""

import pathlib
from typing import Any

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.first_draft.inferred_schema import inferred_schema
from beam_jobs.raw_files.finding import find_files
from schemas.schema import Schema


@pytest.mark.needs_data
def test_types_presence_and_domains_are_those_of_tfx(data_folder: pathlib.Path) -> None:
    taxi = data_folder / "chicago_taxi"
    theirs = Schema.load(taxi / "tfx_testdata" / "schema_gen" / "schema.pbtxt")
    inferred = Schema.from_text(inferred_schema(find_files([str(taxi / "data.csv.gz")]))["schema"])
    assert sorted(inferred.names) == sorted(theirs.names)
    for feature in theirs.proto.feature:
        ours = inferred[feature.name]
        assert ours.kind is theirs[feature.name].kind, feature.name
        assert ours.domain == theirs[feature.name].domain, feature.name
        # To TFX a missing value is there, as an empty list: it is `value_count` that says which are never empty.
        assert ours.required == (feature.value_count.min == 1), feature.name


def test_a_schema_is_printed_that_its_own_rows_fit(tmp_path: pathlib.Path, capsys: Any) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,size,at\n1,2.5,2024-01-01\n2,NA,2024-01-02\n3,4,2024-01-03\n")
    assert main(["validate", "--infer", "--data", str(rows)]) == 0
    (tmp_path / "rows.pbtxt").write_text(capsys.readouterr().out)
    assert main(["validate", "--schema", str(tmp_path / "rows.pbtxt"), "--data", str(rows)]) == 0
    assert "kept 3, rejected 0" in capsys.readouterr().out
    assert main(["validate", "--infer", "--use-case", "taxi", "--data", str(rows)]) == 2
    assert "--infer goes without --use-case, --schema and --output" in capsys.readouterr().err
