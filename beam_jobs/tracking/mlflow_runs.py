"""MLflow as the tracker: one run per candidate, found again by the candidate's fingerprint.

MLflow is an extra (`onegraph[track]`) and takes a second to import: this module is imported where `--track` is given.
Nothing is sent to anyone but the server or database that is named; MLflow's own telemetry is off.
"""

import contextlib
import importlib
import importlib.util
import logging
import os
import pathlib
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator
from typing import Any

from beam_jobs.tracking.record import Record
from beam_jobs.tracking.shown_uri import shown_uri
from schemas.errors import ServiceError, UsageError

_AT_ONCE = 500  # of 1,000 metrics that a call may have
_PARAMETERS = 100
_LONGEST = 500
_TAG = "onegraph.candidate"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # of its own it tries for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_CONFIGURE_LOGGING": "false",
}
_FILE = "sqlite:///"
_LETTERS = re.compile(r"[^\w\-./ ]")


def check_tracker(uri: str) -> None:
    """Raise `UsageError` if MLflow is not installed, `ServiceError` for a tracker that does not answer."""
    with _told(uri):
        _client(uri).search_experiments(max_results=1)


def _check_file(uri: str) -> None:
    """Open a database of this machine: MLflow tries one that does not open again and again, for two minutes."""
    path = pathlib.Path(uri.removeprefix(_FILE).partition("?")[0])
    if uri.startswith(_FILE) and path.parent.is_dir():  # MLflow makes one that is not there
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("pragma schema_version")


def track(uri: str, record: Record) -> str:
    """Send what is known of a candidate and return the id of its run; a run that has it already is brought up to date.

    Raises what `check_tracker` raises.
    """
    with _told(uri):
        client = _client(uri)
        experiment = _experiment(client, uri, record.use_case)
        found = client.search_runs([experiment], f"tags.`{_TAG}` = '{record.candidate}'", max_results=1)
        run = found[0] if found else client.create_run(experiment, run_name=record.name, tags={_TAG: record.candidate})
        _log_training(client, run, record)
        _log_metrics(client, run.info.run_id, record, known=run.data.metrics)
        for name, value in record.tags.items():
            client.set_tag(run.info.run_id, f"onegraph.{name}", value[:_LONGEST])
        for name, folder in record.folders.items():
            client.log_artifacts(run.info.run_id, str(folder), name)
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)


def _log_training(client: Any, run: Any, record: Record) -> None:
    """Send the parameters and steps of the history that a run lacks: all, or the rest if a telling was interrupted."""
    entities = importlib.import_module("mlflow.entities")
    named = {_name(name): value[:_LONGEST] for name, value in record.parameters.items()}
    given = [entities.Param(name, value) for name, value in named.items() if name not in run.data.params]
    for at in range(0, len(given), _PARAMETERS):
        client.log_batch(run.info.run_id, params=given[at : at + _PARAMETERS])
    now = int(time.time() * 1000)
    steps = []
    for name, values in record.history.items():
        key = f"eval/{_name(name)}"
        known = client.get_metric_history(run.info.run_id, key) if key in run.data.metrics else []
        there = {one.step for one in known}
        steps += [entities.Metric(key, value, now, step) for step, value in enumerate(values) if step not in there]
    for at in range(0, len(steps), _AT_ONCE):
        client.log_batch(run.info.run_id, metrics=steps[at : at + _AT_ONCE])


def _log_metrics(client: Any, run_id: str, record: Record, known: Any) -> None:
    now = int(time.time() * 1000)
    for name, value in record.metrics.items():
        if known.get(f"test/{_name(name)}") != value:
            client.log_metric(run_id, f"test/{_name(name)}", value, timestamp=now)


def _experiment(client: Any, uri: str, use_case: str) -> str:
    """Return the id of a use case's experiment; one that is made in a database of this machine has its files beside."""
    for _ in range(2):
        found = client.get_experiment_by_name(use_case)
        if found is not None and found.lifecycle_stage == "active":
            return str(found.experiment_id)
        with contextlib.suppress(importlib.import_module("mlflow.exceptions").MlflowException):  # made by another one
            return str(client.create_experiment(use_case, artifact_location=_beside(uri)))
    raise ServiceError(
        f"--track {shown_uri(uri)}: experiment {use_case!r} was deleted there; restore it, or name another tracker"
    )


def _beside(uri: str) -> str | None:
    return f"{pathlib.Path(uri.removeprefix(_FILE)).absolute()}.artifacts" if uri.startswith(_FILE) else None


def _client(uri: str) -> Any:
    if importlib.util.find_spec("mlflow") is None:
        raise UsageError("--track wants MLflow, which is not installed; pip install 'onegraph[track]'")
    _check_file(uri)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    return importlib.import_module("mlflow").MlflowClient(tracking_uri=uri)


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Tell what MLflow, its database or its server says in one line; a password in the URI is not shown.

    What the libraries below it warn of or log beside it (deprecations, tries again) is nothing that a person can mend.
    """
    shown = shown_uri(uri)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UsageError, ServiceError):
        raise
    except OSError as error:
        raise ServiceError(f"--track {shown}: {error.strerror or type(error).__name__}") from None
    except Exception as error:  # of the database's driver, of requests, of MLflow itself
        said = next(iter(str(error).strip().splitlines()), "").replace(uri.rstrip("/"), shown.rstrip("/"))[:200]
        raise ServiceError(
            f"--track {shown}: {type(error).__name__}: {said}; wanted sqlite:///FILE or the address of an MLflow server"
        ) from None


def _name(name: str) -> str:
    """Return a name as MLflow takes it.

    >>> _name("genre/Sci-Fi (old)")
    'genre/Sci-Fi _old_'
    """
    return _LETTERS.sub("_", name)[:_LONGEST] or "_"
