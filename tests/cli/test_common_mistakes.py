"""The commonest mistakes: each ends with one line that says what, where and what to do, and its exit code.

Those of `LIGHT` are told without TensorFlow, without Beam, within a second. One process of its own makes all of them,
one after the other, and tells what it has imported after each.
"""

import gzip
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from beam_jobs.cli import settings
from beam_jobs.cli.command_line import main
from schemas.artifacts.artifact import MARKER
from tests.support.use_case_folder import UseCaseFolder

ROOT = pathlib.Path(__file__).parents[2]
STREAM = "score_stream --registry {registry} --source-topic a --predictions-topic b --rejected-topic c"
BUILD = "build_training_set --use-case taxi --output {new} --data"
TRAIN = "train --training-set {training_set} --output"


class Mistake(NamedTuple):
    """A command line, its exit code, and how the only line on standard error goes on after `onegraph VERB: `."""

    words: str
    code: int
    said: str


LIGHT = (
    # the verb
    Mistake("trian", 2, r"'trian' is not a verb, did you mean train\?"),
    Mistake("frobnicate", 2, r"'frobnicate' is not a verb; known: new, validate, build_training_set, train, .*"),
    Mistake("--json train", 2, r"--json comes before the verb, wanted `onegraph VERB \[options\]`; see .*"),
    # options that are none
    Mistake(f"{STREAM} --max-batchs 10", 2, r"unknown option --max-batchs, did you mean --max-batch\?"),
    Mistake(f"{STREAM} --max_batch 10", 2, r"unknown option --max_batch, did you mean --max-batch\?"),
    Mistake(f"{STREAM} --bootstrap_servers=h:1", 2, r"unknown option --bootstrap_servers, did you mean --bootstrap-.*"),
    Mistake("tail t --from-strat", 2, r"unknown option --from-strat, did you mean --from-start\?"),
    Mistake(f"{BUILD} {{good}} --ouptut x", 2, r"unknown option --ouptut, did you mean --output\?"),
    Mistake("train --trainingset x --output y", 2, r"unknown option --trainingset, did you mean --training-set\?"),
    Mistake("status --frobnicate", 2, r"unknown option --frobnicate; see `onegraph status --help`"),
    Mistake(f"{STREAM} --region_ x", 2, r"one word too many: x; Beam's options have their value after =, .*"),
    Mistake("inspect a b", 2, r"one word too many: b; see `onegraph inspect --help`"),
    # outputs elsewhere
    Mistake("train --training-set gs://b/o --output {new}", 2, r"gs://b/o: an address, wanted .*; copy it here.*"),
    Mistake("train --training-set {training_set} --output gs://b/o", 2, r"gs://b/o: an address, wanted a dir.*"),
    Mistake("validate --use-case taxi --data {good} --previous gs://b/o", 2, r"gs://b/o: an address, wanted .*"),
    Mistake("report gs://b/o", 2, r"gs://b/o: an address, wanted a directory of this machine; copy it here.*"),
    Mistake("inspect gs://b/o", 2, r"gs://b/o: an address, wanted a directory of this machine; copy it here.*"),
    Mistake("evaluate --candidate {candidate} --training-set gs://b/o", 2, r"gs://b/o: an address, wanted a dir.*"),
    Mistake("tune --training-set {training_set} --output gs://b/o", 2, r"gs://b/o: an address, wanted a directory.*"),
    # what is missing
    Mistake("train", 2, r"--training-set DIR and --output DIR are missing; see `onegraph train --help`"),
    Mistake("score_stream --registry r", 2, r"--source-topic TOPIC, --predictions-topic TOPIC and --rejected-.*"),
    Mistake("rollback", 2, r"--registry is missing: directory of the registry; see .*"),
    Mistake("registry --registry r", 2, r"ACTION is missing, wanted one of list \(bundles and generations\), .*"),
    Mistake("services", 2, r"ACTION is missing, wanted one of up \(start what is not up\), down \(.*\), .*"),
    Mistake("send", 2, r"FILE and TOPIC are missing; see .*"),
    Mistake("tail t --limit", 2, r"--limit wants a value; .*"),
    # values
    Mistake("services statsu", 2, r"ACTION is 'statsu', wanted one of up, down, status, did you mean status\?"),
    Mistake(f"{BUILD} {{good}} --compression zip", 2, r"--compression is 'zip', wanted one of gzip, none.*"),
    Mistake("tune --training-set x --output {new} --sampler tpo", 2, r"--sampler is 'tpo', .*, did you mean tpe\?"),
    Mistake("cross_validate --training-set x --output {new} --folds 2", 2, r"--folds is 2, wanted 3 to 100"),
    Mistake("tail t --limit ten", 2, r"--limit is 'ten', wanted a whole number; see .*"),
    Mistake("tail t --limit -5", 2, r"--limit is -5, wanted 1 or more"),
    Mistake("send {good} t --use-case taxi --rate nan", 2, r"--rate is nan, wanted more than 0"),
    Mistake(f"{TRAIN} ", 2, r"--output is empty, wanted DIR: directory of the new candidate"),
    Mistake(f"{TRAIN} {{new}} --use-case=", 2, r"--use-case is empty, wanted NAME, or leave it out"),
    Mistake("tail t --bootstrap-servers 127.0.0.1:99999", 2, r".* '127.0.0.1:99999': a port is 1 to 65535"),
    Mistake("tail t --bootstrap-servers localhost", 2, r"--bootstrap-servers 'localhost': wanted HOST:PORT, .*"),
    Mistake(f"{STREAM} --runner fink", 2, r"--runner fink: no such runner, did you mean flink\?"),
    Mistake(f"{STREAM} --start-time noon --start timestamp", 2, r"'noon' is no time, wanted 2026-01-31T12:00:00Z.*"),
    Mistake(f"{STREAM} --start-time 2026-01-01", 2, r"--start timestamp and --start-time go together, got one of them"),
    Mistake("release --candidate {candidate} --registry {new} --as challenger --weight 1.5", 2,
            r"--weight is 1.5, wanted above 0 and at most 1"),
    Mistake("release --candidate {candidate} --registry {new} --as challenger", 2, r"--as challenger wants --weight.*"),
    Mistake("release --candidate {candidate} --registry {new} --weight 0.1", 2, r"--weight is for a challenger, .*"),
    Mistake("validate --data {good}", 2, r"--use-case and --schema: wanted one of them, got neither"),
    Mistake("validate --data {good} --use-case taxi --max-rejected x", 2, r"--max-rejected is 'x', wanted rows, .*"),
    # the file of options
    Mistake("train --config nowhere.toml", 2, r"--config nowhere.toml: no such file or directory; see .*"),
    Mistake("tail t --config {tmp}/unknown.toml", 2, r".*unknown.toml: unknown option 'limitt', did you mean limit\?"),
    Mistake("tail t --config {tmp}/wrong.toml", 2, r".*wrong.toml: limit is 'ten', wanted a whole number; see .*"),
    Mistake("tail t --config {tmp}/broken.toml", 2, r"--config .*broken.toml: not TOML: .*"),
    # paths
    Mistake(f"{BUILD} nowhere.csv", 1, r"nowhere.csv: no such file; check the path or quote the pattern"),
    Mistake(f"{BUILD} {{tmp}}", 1, r"{tmp}: a directory, wanted files; give a pattern, such as .*"),
    Mistake(f"{BUILD} -", 1, r"-: standard input is not read, since files are read twice; write it into a file"),
    Mistake("check_skew --data none.csv --registry {registry}", 1, r"none.csv: no such file; check the path or .*"),
    Mistake("train --training-set nowhere --output {new}", 1, r"nowhere: no such training_set directory"),
    Mistake("train --training-set {unfinished} --output {new}", 1, r".*: not a completed training_set \(no .*"),
    Mistake("train --training-set {candidate} --output {new}", 1, r".*: a candidate, wanted a training_set"),
    Mistake(f"{TRAIN} {{candidate}}", 1, r".*: already a completed candidate; choose another directory"),
    Mistake(f"{TRAIN} {{good}}", 1, r".*good.csv: a file, wanted a directory for the new candidate; .*"),
    Mistake(f"{TRAIN} {{good}}/x", 1, r".*good.csv/x: .*good.csv is a file, wanted a directory; choose another place"),
    Mistake("build_training_set --use-case taxi --data {locked}/good.csv --output {locked}/x", 1,
            r"{locked}/x: {locked} may not be written to; choose another place"),
    Mistake("release --candidate nowhere --registry {new}", 1, r"nowhere: no such candidate directory"),
    Mistake("release --candidate {training_set} --registry {new}", 1, r".*: a training_set, wanted a candidate"),
    Mistake("rollback --registry nowhere", 1, r"nowhere: no such directory, wanted a registry; .*"),
    Mistake("registry list --registry {tmp}", 1, r".*: not a registry, has neither live.json nor bundles; .*"),
    Mistake("send nowhere.csv t --use-case taxi", 1, r"nowhere.csv: no such file"),
    # the use case
    Mistake(f"{BUILD} {{good}} --use-case taxy", 1, r"use case 'taxy' is not among the shipped .* mean taxi\?"),
    Mistake(f"{BUILD} {{good}} --use-case-path {{tmp}}", 1,
            r"--use-case-path {tmp}: none of the three is in it, wanted the folder that holds .*"),
    Mistake(f"{BUILD} {{good}} --use-case Taxi-Trips", 1, r"use case 'Taxi-Trips': wanted a name of lower .*"),
    # the broker
    Mistake("tail t --bootstrap-servers 127.0.0.1:1", 1, r"no Kafka broker answers at 127.0.0.1:1 within 0.5 s.*"),
    Mistake(f"{STREAM} --runner FnApiRunner --bootstrap-servers {{broker}}", 1, r".*: (no topic|topics) 'a'.*"),
    Mistake("tail nowhere --bootstrap-servers {broker}", 1, r".*: no topic 'nowhere'; .*"),
    # files and artifacts
    Mistake(f"{BUILD} {{tmp}}/empty.csv", 1, r".*empty.csv: empty; its first line must name the columns"),
    Mistake(f"{BUILD} {{tmp}}/empty.csv --runner DirectRunner", 1, r".*empty.csv: empty; its first line must .*"),
    Mistake(f"{BUILD} {{tmp}}/headless.csv", 1, r".*headless.csv: its first line names none of .*; is it a row\? .*"),
    Mistake(f"{BUILD} {{tmp}}/short.csv", 1, r".*short.csv: its header lacks fare, which the schema names.*"),
    Mistake(f"{BUILD} {{tmp}}/trips.txt", 1, r".*trips.txt: not a raw file by its name; wanted \.csv, .*"),
    Mistake("inspect nowhere", 1, r"nowhere: no such file or directory.*"),
    Mistake("rollback --registry {unreleased}", 1, r".*: no bundle is released here.*"),
    Mistake("rollback --registry {registry} --to 0123456789ab", 1, r".*: no bundle '0123456789ab' to go back to; .*"),
    Mistake("registry show 0123456789ab --registry {registry}", 1, r".*: no bundle '0123456789ab'; .*"),
    Mistake("release --candidate {unevaluated} --registry {new}", 1, r".*: not evaluated .*; run `onegraph evalu.*"),
    # the three files
    Mistake(f"{BUILD} {{good}} --use-case-path {{tmp}}/mine", 1,
            r".*/mine/transforms/taxi.py: has no label \(see docs/use_case.md\), did you mean lable\?"),
)  # fmt: skip

HEAVY = (
    Mistake("score_batch --data {good} --output {new} --registry {registry} --bundle 0123456789ab", 1,
            r".*: no bundle '0123456789ab'; .*"),
    Mistake(f"{STREAM} --frobnicate=1", 2, r"unknown option --frobnicate=1; ours are in --help with hyphens, .*"),
    Mistake(f"{TRAIN} {{new}} --parameters max_deepth=9", 1, r".*parameter 'max_deepth' .* did you mean max_depth.*"),
)  # fmt: skip

PROGRAM = """
import contextlib, io, json, os, sys, time
from beam_jobs.kafka import client
client.FIRST_ANSWER_S = 0.5
from beam_jobs.cli.command_line import main
def run(words):
    out, err, began = io.StringIO(), io.StringIO(), time.process_time()
    user = os.geteuid()
    if user == 0 and any(sys.argv[1] in word for word in words):
        os.seteuid(65534)  # to the superuser nothing is locked
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    os.seteuid(user)
    heavy = sorted({"tensorflow", "apache_beam"} & set(sys.modules))
    return [code, out.getvalue(), err.getvalue(), heavy, time.process_time() - began]
print(json.dumps([run(words) for words in json.load(sys.stdin)]))
"""


class Done(NamedTuple):
    """What came of a mistake: exit code, both streams, which heavy packages were imported by then, seconds of work."""

    code: int
    out: str
    err: str
    heavy: list[str]
    seconds: float


@pytest.fixture(scope="module")
def places(
    candidate: pathlib.Path, registry: pathlib.Path, small_training_set: pathlib.Path, trip_lines: list[bytes],
    broker: str, tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The paths that the mistakes name."""
    tmp = tmp_path_factory.mktemp("mistakes")
    good = tmp / "good.csv"
    good.write_bytes(b"\n".join(trip_lines[:20]))
    (tmp / "empty.csv").write_bytes(b"")
    (tmp / "headless.csv").write_bytes(b"\n".join(trip_lines[1:20]))
    (tmp / "short.csv").write_bytes(trip_lines[0].replace(b"fare,", b"") + b"\n1")
    (tmp / "trips.txt").write_bytes(gzip.compress(b"a"))
    (tmp / "unknown.toml").write_text("limitt = 1")
    (tmp / "wrong.toml").write_text('limit = "ten"')
    (tmp / "broken.toml").write_text("limit = [")
    shutil.copytree(small_training_set, tmp / "unfinished")
    (tmp / "unfinished" / MARKER).unlink()
    shutil.copytree(candidate, tmp / "unevaluated")
    (tmp / "unreleased" / "bundles").mkdir(parents=True)
    for folder, ending in (("schemas", "pbtxt"), ("transforms", "py"), ("models", "py")):
        (tmp / "mine" / folder).mkdir(parents=True)
        text = (ROOT / folder / f"taxi.{ending}").read_text()
        (tmp / "mine" / folder / f"taxi.{ending}").write_text(text.replace("def label(", "def lable("))
    locked = pathlib.Path(tempfile.mkdtemp())  # not below the tests' own folder, which is for one user alone
    shutil.copy(good, locked)
    locked.chmod(0o555)
    yield {
        "tmp": tmp, "good": good, "candidate": candidate, "registry": registry, "training_set": small_training_set,
        "unfinished": tmp / "unfinished", "unevaluated": tmp / "unevaluated", "unreleased": tmp / "unreleased",
        "new": tmp / "new", "broker": broker, "locked": locked,
    }  # fmt: skip
    locked.chmod(0o755)
    shutil.rmtree(locked)


def words_of(mistake: Mistake, places: dict[str, Any]) -> list[str]:
    return [word.format(**places) for word in mistake.words.split(" ")]


@pytest.fixture(scope="module")
def told(places: dict[str, Any]) -> dict[Mistake, Done]:
    """All light mistakes, made in one process of its own, one after the other."""
    command = [sys.executable, "-c", PROGRAM, str(places["locked"])]
    given = json.dumps([words_of(mistake, places) for mistake in LIGHT])
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    return {mistake: Done(*found) for mistake, found in zip(LIGHT, json.loads(done.stdout), strict=True)}


@pytest.mark.parametrize("mistake", LIGHT, ids=lambda mistake: mistake.words)
def test_a_mistake_is_one_line_at_once(mistake: Mistake, told: dict[Mistake, Done], places: dict[str, Any]) -> None:
    done = told[mistake]
    check(mistake, places, done.code, done.out, done.err)
    assert done.heavy == [], "imported, and not needed to tell"
    assert done.seconds < 1


@pytest.mark.parametrize("mistake", HEAVY, ids=lambda mistake: mistake.words)
def test_a_mistake_is_one_line(mistake: Mistake, places: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(words_of(mistake, places))
    check(mistake, places, code, *capsys.readouterr())


def check(mistake: Mistake, places: dict[str, Any], code: int, out: str, err: str) -> None:
    verb = mistake.words.split(" ")[0]
    start = f"onegraph {verb}" if verb in settings.VERBS else "onegraph"
    said = mistake.said
    for name in ("tmp", "locked"):
        said = said.replace(f"{{{name}}}", re.escape(str(places[name])))
    assert re.fullmatch(f"{start}: {said}\n", err), err
    assert (code, out) == (mistake.code, "")
    assert not places["new"].exists(), "something was made"


SCHEMA = """
feature { name: "rid" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } }
feature { name: "y" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
import numpy as np
from transforms.missing import fill

WINDOWS = ()


def preprocessing_fn(inputs):
    return {"amount": fill(inputs["amount"], 0.0)}


def label(batch):
    return batch.column("y").cast("float32").to_numpy(zero_copy_only=False).astype(np.float32)
"""
LABEL = TRANSFORM.partition("    return batch")[0]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "transforms",
            'inputs["amount"]',
            'inputs["amuont"]',
            r".*transforms/own.py line 9: .*amuont.*did you mean '?amount.*",
        ),
        ("transforms", 'inputs["amount"]', 'inputs["y"]', r".*transforms/own.py line 9: .*\by\b.*"),
        ("models", '"purpose"', '"purpos"', r".*models/own.py: .*purpos.*did you mean '?purpose.*"),
        ("transforms", TRANSFORM, f'{LABEL}    return "yes"\n', r".*transforms/own.py: label.*(str|text).*"),
        ("transforms", TRANSFORM, f'{LABEL}    return batch.column("purpose")\n', r".*transforms/own.py: label.*"),
    ],
    ids=["column", "label as a column", "slice", "label of text", "label of an Arrow column"],
)
def test_a_mistake_in_the_three_files_is_one_line(
    file: str, right: str, wrong: str, said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("rid", "purpose", "amount", "y"), *((row, "car", row * 1.5, row % 2) for row in range(60))]
    case = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows)
    path = tmp_path / file / "own.py"
    path.write_text(path.read_text().replace(right, wrong))
    assert case.build() == 1
    err = capsys.readouterr().err
    assert re.fullmatch(f"onegraph build_training_set: {said}\n", err), err
    assert "yes" not in err.partition("label")[2], "a value of data"
    assert not case.training_set.exists()
