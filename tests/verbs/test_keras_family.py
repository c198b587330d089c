"""The family `keras` goes the whole way, from file to stream: every task that it has, and beside the other family."""

import json
import shutil

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.verbs import score_stream
from benchmarks.swaps import recompute
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.artifacts import artifact
from schemas.schema import SERVING
from tests.support.use_case_folder import UseCaseFolder
from tests.verbs.test_tasks import CLASSES, NAMES, NUMBERS, SCHEMA, TRANSFORM, model, rows

QUICK = ("--family", "keras", "--rounds", "12", "--parameters", "layers=16,8", "batch_size=32", "learning_rate=0.01")
COLUMNS = {"price": NUMBERS, "sold": CLASSES}


@pytest.fixture(scope="module")
def keras_candidate(small_training_set, tmp_path_factory):
    """An evaluated candidate of the shipped taxi use case, trained with the other family by one option."""
    output = tmp_path_factory.mktemp("keras") / "candidate"
    on = ["--training-set", str(small_training_set)]
    assert main(["train", *on, "--output", str(output), *QUICK]) == 0
    assert main(["evaluate", *on, "--candidate", str(output)]) == 0
    return output


def test_a_shipped_use_case_takes_another_family_by_one_option(keras_candidate, capsys):
    found = artifact.open_artifact(keras_candidate, "candidate").manifest
    assert (found["model"]["family"], found["model"]["rounds"], found["model"]["early_stopping_rounds"]) == (
        *("keras", 12),
        5,
    )
    assert found["model"]["parameters"] == {"layers": [16, 8], "batch_size": 32, "learning_rate": 0.01}
    assert set(found["versions"]) == {"keras"}
    capsys.readouterr()
    assert main(["inspect", str(keras_candidate)]) == 0
    assert "network: mlp" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--family", "kera"], "model: family is 'kera', wanted one of xgboost, keras, did you mean keras?"),
        (["--family", "keras", "--parameters", "eta=0.1"], "parameter 'eta' is not one of family keras"),
        (["--family", "keras", "--parameters", "layers=64,x"], "'layers' is '64,x', wanted 1 to 10 sizes"),
    ],
)
def test_mistakes_are_one_line(small_training_set, tmp_path, capsys, change, said):
    argv = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "candidate"), *change]
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "candidate").exists()


@pytest.mark.needs_time
def test_both_families_serve_one_stream(registry, keras_candidate, taxi, trips, broker, topics, tmp_path):
    """Champion XGBoost, challenger Keras: every prediction is its own bundle's, scored alone, to the last bit."""
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    challenge = ["--registry", str(own.path), "--as", "challenger", "--weight", "0.5"]
    assert main(["release", "--candidate", str(keras_candidate), *challenge]) == 0
    source, predictions, rejected = (topics(name) for name in ("trips", "predictions", "rejected"))
    events = json_events(trips.slice(0, 500).select(taxi.schema.environment(SERVING).names))
    producer = Producer(broker)
    send_rows(producer, source, ((b"%d" % number, event) for number, event in enumerate(events)), 500)
    producer.close()
    result = score_stream.run(
        ScoreStream(
            bootstrap_servers=broker,
            registry=str(own.path),
            group=source,
            source_topic=source,
            predictions_topic=predictions,
            rejected_topic=rejected,
            accept_rejected_topic=True,
            until_caught_up=True,
        )
    )
    pointer = own.released()
    bundles = {bundle: Scorer.load(own.bundle_path(bundle)) for bundle in pointer.variants.bundles}
    found = recompute(read_topic(broker, source), read_topic(broker, predictions), bundles)
    assert (found["lost"], found["repeated"], found["differing"]) == (0, 0, 0)
    assert set(found["by_variant"]) == {"champion", "challenger"}
    assert min(result["by_variant"].values()) > 150


@pytest.mark.parametrize("column", ["sold", pytest.param("price", marks=pytest.mark.needs_time)])
def test_batch_and_stream_are_equal(column, broker, tmp_path, capsys):
    case = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM.replace("COLUMN", column), rows(), model(COLUMNS[column]))
    assert case.build() == 0
    assert case.verb("train", "--training-set", case.training_set, "--output", case.candidate, *QUICK) == 0
    assert case.verb("evaluate", "--training-set", case.training_set, "--candidate", case.candidate) == 0
    assert main(["release", "--candidate", str(case.candidate), "--registry", str(case.registry)]) == 0
    capsys.readouterr()
    argv = ["--data", str(case.data), "--registry", str(case.registry), "--bootstrap-servers", broker, "--json"]
    assert main(["check_skew", *argv]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["equal"]
    wanted = {"price": ["score"], "sold": [f"scores.{name}" for name in NAMES]}[column]
    assert found["columns"][2:] == wanted
    assert all(path[name]["compared"] == 900 for path in found["skew"].values() for name in wanted)
    assert case.score(tmp_path / "predictions", "--contributions", 2) == 0
