"""What MLflow is told: by the verbs as they work, and later of what is there; by a database and by a real server."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from beam_jobs.cli.command_line import main
from beam_jobs.tracking import mlflow_runs
from beam_jobs.tracking.record import record_of
from models.evaluation.place import evaluation_path
from models.registry.registry import Registry
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ServiceError, UsageError
from tests.support.first_at_once import first_at_once
from tests.support.present import present
from tests.support.small_artifacts import with_fact
from tests.support.tracker import mlflow_server

# What SQLAlchemy says of MLflow's tables is no matter of ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> pathlib.Path:
    """A database with MLflow's tables, which take seconds to make."""
    path = tmp_path_factory.mktemp("tracker") / "runs.db"
    mlflow_runs.check_tracker(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(empty_database, tmp_path) -> str:
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'runs.db')}"


@pytest.fixture
def own(candidate, tmp_path) -> pathlib.Path:
    """A copy of the candidate, not evaluated yet."""
    return shutil.copytree(candidate, tmp_path / "candidate")


def runs(uri: str) -> list:
    client = MlflowClient(tracking_uri=uri)
    return client.search_runs([present(client.get_experiment_by_name("taxi")).experiment_id])


def files(uri: str, run_id: str, folder: str) -> set[str]:
    return {pathlib.PurePath(one.path).name for one in MlflowClient(tracking_uri=uri).list_artifacts(run_id, folder)}


def test_a_run_has_what_was_trained_measured_and_released(candidate, registry, database):
    record = record_of(candidate, Registry(registry))
    run_id = mlflow_runs.track(database, record)
    (run,) = runs(database)
    assert run.info.run_id == run_id
    assert run.info.status == "FINISHED"
    training = json.loads((candidate / "training.json").read_text())
    assert run.data.params["max_depth"] == str(training["parameters"]["max_depth"])
    history = MlflowClient(tracking_uri=database).get_metric_history(run_id, "eval/logloss")
    assert [(one.step, one.value) for one in history] == list(enumerate(training["eval"]["logloss"]))
    metrics = json.loads((evaluation_path(candidate) / "metrics.json").read_text())
    assert run.data.metrics["test/auc"] == metrics["auc"]
    champion = Registry(registry).released().champion
    assert (run.data.tags["onegraph.bundle"], run.data.tags["onegraph.gates"]) == (champion, "passed")
    for name in ("training_set_fingerprint", "schema_fingerprint", "graph_fingerprint"):
        assert len(run.data.tags[f"onegraph.{name}"]) == 64
    assert {"manifest.json", "model", "graph", "COMPLETED"} <= files(database, run_id, "bundle")
    assert "metrics.json" in files(database, run_id, "evaluation")


@pytest.mark.needs_time
def test_told_again_it_is_the_same_run(own, candidate, database):
    first = mlflow_runs.track(database, record_of(own))
    assert "test/auc" not in runs(database)[0].data.metrics
    shutil.copytree(evaluation_path(candidate), evaluation_path(own))
    assert mlflow_runs.track(database, record_of(own)) == first
    assert mlflow_runs.track(database, record_of(own)) == first
    (run,) = runs(database)
    assert "test/auc" in run.data.metrics
    assert len(MlflowClient(tracking_uri=database).get_metric_history(first, "test/auc")) == 1


def test_a_run_whose_first_telling_was_interrupted_gets_what_it_lacks(candidate, database, tmp_path):
    record = record_of(candidate)
    client = MlflowClient(tracking_uri=database)
    run = client.create_run(
        client.create_experiment("taxi", artifact_location=str(tmp_path / "files")),
        tags={"onegraph.candidate": record.candidate},
    )
    name, values = next(iter(record.history.items()))
    client.log_metric(run.info.run_id, f"eval/{name}", values[0], step=0)
    for _ in range(2):
        assert mlflow_runs.track(database, record) == run.info.run_id
        (found,) = runs(database)
        assert found.data.params == dict(record.parameters)
        for metric, wanted in record.history.items():
            history = client.get_metric_history(run.info.run_id, f"eval/{metric}")
            assert sorted((one.step, one.value) for one in history) == list(enumerate(wanted))


def test_the_evaluation_of_an_older_candidate_at_that_path_is_left_out(own, candidate, caplog):
    other = shutil.copytree(evaluation_path(candidate), evaluation_path(own))
    with_fact(other, ArtifactKind.EVALUATION, "candidate", "0" * 64)
    record = record_of(own)
    assert (record.metrics, record.folders) == ({}, {})
    assert "gates" not in record.tags
    assert f"{other}: evaluates another candidate" in caplog.text


SECRETS = ["http://ann:secret@127.0.0.1:9", "http://ann:p@secret@127.0.0.1:9/x", "postgresql://u:secret@h@h/d"]


@pytest.mark.parametrize("uri", SECRETS)
def test_no_password_is_shown(uri, candidate, monkeypatch, capsys, database, tmp_path):
    with pytest.raises(ServiceError) as caught:
        mlflow_runs.check_tracker(uri)
    assert "secret" not in str(caught.value)
    monkeypatch.setattr(mlflow_runs, "check_tracker", lambda uri: None)
    assert main(["track", "--candidate", str(candidate), "--track", uri, "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert "experiment taxi" in captured.out
    assert "secret" not in captured.out + captured.err
    client = MlflowClient(tracking_uri=database)
    client.delete_experiment(client.create_experiment("taxi", artifact_location=str(tmp_path / "files")))
    monkeypatch.setattr(mlflow_runs, "_client", lambda uri: client)
    with pytest.raises(ServiceError, match="was deleted there") as caught:
        mlflow_runs.track(uri, record_of(candidate))
    assert "secret" not in str(caught.value)


@pytest.mark.needs_time
def test_train_evaluate_and_release_tell_a_server(small_training_set, tmp_path, capsys):
    candidate, registry = tmp_path / "candidate", tmp_path / "registry"
    train = ["train", "--training-set", str(small_training_set), "--output", str(candidate), "--rounds", "60"]
    evaluate = ["evaluate", "--candidate", str(candidate), "--training-set", str(small_training_set)]
    release = ["release", "--candidate", str(candidate), "--registry", str(registry)]
    with mlflow_server(tmp_path) as server:
        assert main([*train, "--track", server, "--json"]) == 0
        run_id = json.loads(capsys.readouterr().out)["run"]
        assert main([*evaluate, "--track", server]) == 0
        (run,) = runs(server)
        assert run.info.run_id == run_id
        assert "test/auc" in run.data.metrics
        assert main([*release, "--track", server]) == 0
        assert runs(server)[0].data.tags["onegraph.bundle"] == Registry(registry).released().champion
        assert "model" in files(server, run_id, "bundle")
        assert main(["track", "--candidate", str(candidate), "--track", server]) == 0
        assert f"run {run_id} of experiment taxi" in capsys.readouterr().out


TRACKERS = (
    "sqlite:///{here}",
    "sqlite:///{here}/text.db",
    "http://127.0.0.1:9",
    "{here}/files",
    "postgresql://u:secret@h/d",
)


@pytest.mark.parametrize("uri", first_at_once(TRACKERS))
def test_a_tracker_that_does_not_answer_is_refused_before_anything_is_made(uri, small_training_set, tmp_path, capsys):
    (tmp_path / "text.db").write_text("no database " * 100)
    train = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "candidate")]
    began = time.monotonic()
    assert main([*train, "--track", uri.format(here=tmp_path)]) == 1
    assert time.monotonic() - began < 60  # MLflow alone tries a file that does not open for 100 s
    error = capsys.readouterr().err
    assert error.startswith("onegraph train: --track ")
    assert error.count("\n") == 1
    assert "secret" not in error
    assert not (tmp_path / "candidate").exists()


def test_a_tracker_that_fails_afterwards_is_a_warning(small_training_set, tmp_path, monkeypatch, capsys, database):
    def fails(uri, record):
        raise ServiceError("--track: gone")

    monkeypatch.setattr(mlflow_runs, "track", fails)
    train = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "c"), "--rounds", "2"]
    assert main([*train, "--track", database]) == 0
    assert f"gone; `onegraph track --candidate {tmp_path}/c` tells it again" in capsys.readouterr().err
    assert (tmp_path / "c" / "COMPLETED").exists()


def test_without_mlflow_one_line_says_what_to_install(monkeypatch, database):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'onegraph\[track\]'"):
        mlflow_runs.check_tracker(database)


def test_verbs_import_no_mlflow():
    program = "import sys; import beam_jobs.verbs.train, beam_jobs.verbs.track; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
