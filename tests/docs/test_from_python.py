"""README's examples in Python run as written, and what people import by it stays where it is."""

import importlib
import pathlib
import re

import pytest

from models.registry.registry import Registry

README = pathlib.Path(__file__).parents[2] / "README.md"
STAYS = {
    "models.scorer": ["Scorer", "Scored"],
    "models.spec": ["ModelSpec", "Gate"],
    "models.splits": ["TimeSplit", "GroupSplit", "ColumnSplit", "before", "between", "since"],
    "transforms.missing": ["fill"],
    "transforms.many_valued": ["word_ids", "hashed_ids", "bag_of_words", "one_hot", "words", "count", "total", "mean"],
    "transforms.calendar": ["calendar"],
    "schemas.personal.keys": ["PersonalKey"],
    "beam_jobs.cli.verbs": ["run_verb"],
    "schemas.errors": [
        "ArtifactError",
        "GateRefusal",
        "InputError",
        "OnegraphError",
        "ServiceError",
        "UsageError",
    ],
    "beam_jobs.cli.settings": [
        "BuildTrainingSet",
        "CheckSkew",
        "Demo",
        "Doctor",
        "Evaluate",
        "Inspect",
        "New",
        "RegistryVerb",
        "Release",
        "ReplayRejected",
        "Report",
        "Rollback",
        "ScoreBatch",
        "ScoreStream",
        "Send",
        "Services",
        "Simulate",
        "SkipTo",
        "Status",
        "Stop",
        "Tail",
        "Train",
        "Validate",
    ],
}


def section() -> str:
    found = re.search(r"^## From Python\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("module", STAYS)
def test_what_people_import_stays(module: str) -> None:
    assert f"`{module}`" in section()
    imported = importlib.import_module(module)
    assert [name for name in STAYS[module] if not hasattr(imported, name)] == []


@pytest.mark.needs_time
def test_the_examples_run_as_written(
    registry: pathlib.Path, small_training_set: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "registry").symlink_to(registry)
    (tmp_path / "training_set").symlink_to(small_training_set)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", section(), re.DOTALL | re.MULTILINE)
    names: dict = {}
    for block in blocks:
        exec(block.replace("BUNDLE_ID", Registry(registry).released().champion), names)
    assert len(blocks) == 2
    assert names["scores"].shape == (1,)
    assert 0 < names["scores"][0] < 1
    assert names["described"]["kind"] == "training_set"
    first = next(iter(names["examples"]))
    assert {name: len(values) for name, values in first.items()} == dict.fromkeys(("fare", "trip_miles", "label"), 1024)
