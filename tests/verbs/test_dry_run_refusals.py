"""A dry run refuses what the verb would, in the same words, and warns once; of every verb that has a plan."""

import pathlib
import shutil
from typing import NamedTuple

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import VERBS
from beam_jobs.cli.verbs import load_verb
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MANIFEST, open_artifact


class Refusal(NamedTuple):
    """A command line, and what its only line says: what no settings tell, but what stands at their paths or topics."""

    words: str
    said: str


REFUSALS = (
    Refusal("new own --use-case-path {new} --label frae --data {csv}", ", did you mean fare?"),
    Refusal("validate --use-case taxi --data {short} --output {new}", "its header lacks fare"),
    Refusal("simulate --topic nowhere {broker}", "no topic 'nowhere'"),
    Refusal("report {training_set} --output {csv}", "is there and no page of onegraph report"),
    Refusal(
        "build_training_set --use-case own --use-case-path {folder} --data {csv} --output {new}",
        "output 'fare' has shape (None, None)",
    ),
    Refusal("train --training-set {training_set} --output {new} --parameters max_deepth=4", "did you mean max_depth"),
    Refusal("tune --training-set {training_set} --output {new} --metric acu", "--metric is 'acu', wanted one of auc"),
    Refusal("cross_validate --training-set {training_set} --output {new} --group-by cmpany", "'cmpany'"),
    Refusal("track --candidate {candidate} --track sqlite:///{folder}", "--track sqlite:///"),
    Refusal("retrain --use-case taxi --data {short} --registry {new} --runs {new}", "its header lacks fare"),
    Refusal("evaluate --candidate {candidate} --training-set {training_set}", "already a completed evaluation"),
    Refusal("score_batch --registry {registry} --data {short} --output {new}", "its header lacks fare"),
    Refusal("release --candidate {unevaluated} --registry {registry}", "not evaluated"),
    Refusal("rollback --registry {registry}", "has no predecessor"),
    Refusal("registry promote b --registry {registry}", "bundle b does not serve here"),
    Refusal("stop --savepoint --drain", "--savepoint"),
    Refusal("send {csv} nowhere --use-case taxi {broker}", "no topic 'nowhere'"),
    Refusal("send {csv} {topic} --use-case taxi --key frae {broker}", ", did you mean fare?"),
    Refusal("send {txt} {topic} --use-case taxi {broker}", "not a raw file by its name; wanted .csv, .jsonl"),
    Refusal("send {short} {topic} --use-case taxi {broker}", "its header lacks fare"),
    Refusal("send {empty} {topic} --use-case taxi {broker}", "no rows to send"),
    Refusal("skip_to {topic} --partition 7 --offset 1 {broker}", "has no partition 7"),
    Refusal("replay_rejected --rejected-topic {topic} --source-topic nowhere {broker}", "no topic 'nowhere'"),
    Refusal("services down --flink", "--flink goes with `services up`"),
    Refusal(
        "score_stream --registry {registry} --source-topic nowhere --predictions-topic {topic} --rejected-topic b "
        "{broker}",
        "no topic 'nowhere'",
    ),
    Refusal("tail nowhere {broker}", "no topic 'nowhere'"),
)

MATRIX = """
import tensorflow as tf


def preprocessing_fn(inputs):
    return {"fare": tf.sparse.to_dense(inputs["fare"])}


def label(batch):
    return batch.column("tips")
"""


@pytest.fixture(scope="module")
def places(
    candidate: pathlib.Path, registry: pathlib.Path, small_training_set: pathlib.Path, trip_lines: list[bytes],
    broker: str, tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, object]:  # fmt: skip
    tmp = tmp_path_factory.mktemp("refusals")
    (tmp / "good.csv").write_bytes(b"\n".join(trip_lines[:50]))
    (tmp / "short.csv").write_bytes(trip_lines[0].replace(b"fare,", b"") + b"\n1")
    (tmp / "empty.csv").write_bytes(trip_lines[0] + b"\n")
    (tmp / "trips.txt").write_bytes(b"a")
    shutil.copytree(candidate, tmp / "unevaluated")
    for name, text in {
        "schemas/own.pbtxt": (pathlib.Path("schemas") / "taxi.pbtxt").read_text(),
        "transforms/own.py": MATRIX,
        "models/own.py": "from models.spec import ModelSpec\n\nMODEL = ModelSpec()\n",
    }.items():
        (tmp / "own" / name).parent.mkdir(parents=True)
        (tmp / "own" / name).write_text(text)
    return {
        "candidate": candidate, "registry": registry, "training_set": small_training_set, "new": tmp / "new",
        "csv": tmp / "good.csv", "short": tmp / "short.csv", "empty": tmp / "empty.csv", "txt": tmp / "trips.txt",
        "unevaluated": tmp / "unevaluated", "folder": tmp / "own", "broker": f"--bootstrap-servers {broker}",
    }  # fmt: skip


def test_every_verb_with_a_plan_is_among_them() -> None:
    planned = {verb for verb in VERBS if hasattr(load_verb(verb), "plan")}
    assert planned == {refusal.words.split()[0] for refusal in REFUSALS}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.words)
def test_a_dry_run_refuses_in_the_same_words(
    refusal: Refusal, places: dict[str, object], topics, capsys: pytest.CaptureFixture[str]
) -> None:
    words = refusal.words.format(**places, topic=topics("there")).split()
    found = []
    for dry_run in ([], ["--dry-run"]):
        code = main([*words, *dry_run])
        out, err = capsys.readouterr()
        found.append((code, err))
        assert (out, err.count("\n")) == ("", 1), err
    assert found[0] == found[1]
    assert found[0][0] in (1, 2)
    assert refusal.said in found[0][1]
    new = places["new"]
    assert isinstance(new, pathlib.Path)
    assert not new.exists()


def test_a_dry_run_warns_once(
    places: dict[str, object], small_training_set: pathlib.Path, tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = str(places["csv"])
    other = shutil.copytree(small_training_set, tmp_path / "set")
    manifest = dict(open_artifact(other, "training_set").manifest) | {"schema_fingerprint": "0" * 64}
    (other / MANIFEST).unlink()
    (other / artifact.MARKER).unlink()
    artifact.complete(other, "training_set", {name: manifest[name] for name in manifest if name != "files"})
    given = {
        "build_training_set": ["--use-case", "taxi", "--data", file, file],
        "score_batch": ["--registry", str(places["registry"]), "--data", file, file],
        "train": ["--training-set", str(other)],
    }
    for verb, words in given.items():
        assert main([verb, *words, "--output", str(tmp_path / "new"), "--dry-run"]) == 0
        said = "is named twice; it is read once" if "--data" in words else "was built with another schema"
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
