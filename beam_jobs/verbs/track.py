"""`onegraph track`: tell MLflow of a candidate that is there: parameters, metrics, evaluation, bundle.

`train`, `evaluate` and `release` tell it themselves with `--track`; this tells what they could not.
"""

from typing import Any

from beam_jobs.cli.settings import Track
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.registries.registry_address import check_local
from beam_jobs.tracking.record import Record, record_of
from beam_jobs.tracking.shown_uri import shown_uri
from models.registry.registry import Registry


def check(settings: Track) -> None:
    """Raise for what is no candidate, a registry that is none, and a tracker that does not answer."""
    _record(settings)
    import_quietly("beam_jobs.tracking.mlflow_runs").check_tracker(settings.track)


def plan(settings: Track) -> list[str]:
    """Return what would be sent."""
    check(settings)
    record = _record(settings)
    parts = [f"{len(record.parameters)} parameters", f"{len(record.metrics)} metrics of the test split"]
    parts += [f"the files of its {name}" for name in record.folders]
    return [
        f"{shown_uri(settings.track)}, experiment {record.use_case}: candidate {record.name} with {', '.join(parts)}"
    ]


def run(settings: Track) -> dict[str, Any]:
    """Send it; return the id of its run."""
    record = _record(settings)
    run_id = import_quietly("beam_jobs.tracking.mlflow_runs").track(settings.track, record)
    sent = sorted(record.folders)
    return {"candidate": settings.candidate, "experiment": record.use_case, "run": run_id, "sent": sent}


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    sent = " and ".join(["parameters and metrics", *(f"the files of its {name}" for name in result["sent"])])
    return f"{result['candidate']}: run {result['run']} of experiment {result['experiment']} has {sent}"


def _record(settings: Track) -> Record:
    if settings.registry is not None:
        check_local(settings.registry)
    return record_of(settings.candidate, None if settings.registry is None else Registry(settings.registry))
