"""`--track URI` of the verbs that make a candidate more: the tracker is asked before, and told after.

MLflow is imported only where a URI is given.
"""

import importlib
import logging
import pathlib
from typing import Any

from beam_jobs.tracking.record import record_of
from models.registry.registry import Registry
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)


def check_tracker(uri: str | None) -> None:
    """Raise for a tracker that does not answer, before the work that it is to be told of."""
    if uri is not None:
        _mlflow().check_tracker(uri)


def tell(uri: str | None, candidate: str | pathlib.Path, registry: str | None = None) -> dict[str, str]:
    """Send what is known of a candidate by now; return the run's id as `{"run": id}`, nothing without a URI.

    What was made stays made: a tracker that fails now is a warning that says how to tell it later.
    """
    if uri is None:
        return {}
    try:
        return {"run": _mlflow().track(uri, record_of(candidate, None if registry is None else Registry(registry)))}
    except ServiceError as error:
        more = "" if registry is None else f" --registry {registry}"
        _log.warning("%s; `onegraph track --candidate %s%s` tells it again", error, candidate, more)
        return {}


def _mlflow() -> Any:
    return importlib.import_module("beam_jobs.tracking.mlflow_runs")
