"""`onegraph score_stream`: read events, score them with the live bundle, write predictions and rejected records."""

import pathlib
import threading
from typing import Any

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.process.loopback import HOST, why_taken
from beam_jobs.runners.names import in_this_process
from models.registry.pointer import LIVE_FILE, Pointer, read_live
from models.variants.variants import CHAMPION
from schemas.address import is_remote
from schemas.errors import ArtifactError, ServiceError
from schemas.rejection_counts import rejected_text

JOB = "beam_jobs.stream.job.running"
"""The module that brings Beam and TensorFlow, which takes seconds."""


def check(settings: ScoreStream) -> None:
    """Refuse what cannot work before anything is read or made; all that needs no Beam before it is imported."""
    _checked(settings)


def plan(settings: ScoreStream) -> list[str]:
    """Say what would be read, from where, scored by whom and written; nothing is made, committed or taken."""
    there, released = _checked(settings)
    from beam_jobs.stream.job import plan as plans  # Beam is there by now

    return plans.plan(settings, there, released)


def run(settings: ScoreStream, stop: threading.Event | None = None) -> dict[str, Any]:
    """Score until stopped, by SIGTERM, Ctrl-C or `stop`, or until caught up; returns the counts of this run.

    On Flink a stop ends only the watching: the job goes on there.

    Whatever the end, the next run goes on from the group's committed offsets. If an earlier one was killed, events
    behind the last commit are scored again, to the same bytes if the same bundle is live.
    """
    _, released = _checked(settings)
    _job().keep(settings, released)
    return _job().run(settings, stop)


def describe(result: dict[str, Any]) -> str:
    """Say how many were scored and rejected, and why; of a job on Flink, what became of it."""
    if "flink" in result and result["batches"] is None:
        from beam_jobs.stream.job import flink

        return flink.describe(result["flink"])
    if "submitted" in result:
        from beam_jobs.runners import dataflow

        return dataflow.describe(result)
    dropped = f", {result['dropped']:,} dropped" if result["dropped"] else ""
    end = "stopped" if result["stopped"] else "caught up"
    batches = f"{result['batches']:,} batch{'' if result['batches'] == 1 else 'es'}"
    shares = ", ".join(f"{variant} {count:,}" for variant, count in result["by_variant"].items())
    variants = f" ({shares})" if set(result["by_variant"]) - {CHAMPION} else ""
    return (
        f"{end}: {result['predictions']:,} events scored{variants} in {batches}, "
        f"{rejected_text(result['rejected'], result['rejections'])}{dropped}; "
        f"offsets of group {result['group']!r} are committed behind them"
    )


def _checked(settings: ScoreStream) -> tuple[dict[str, Topic], Pointer]:
    """Return the topics that exist and what is released, once nothing is wrong that can be told."""
    # First a wrong option of Beam's, which no broker is needed for, and what workers elsewhere cannot reach: this
    # machine's broker may be none of theirs. With neither, Beam is imported after the broker was asked.
    runner_first = bool(settings.beam_args) or not in_this_process(settings.runner)
    if runner_first:
        _job().check_runner(settings)
    _check_here(settings)
    there = _topics(settings)
    if not runner_first:
        _job().check_runner(settings)
    return there, _job().check(settings)


def _job() -> Any:
    return import_quietly(JOB)


def _check_here(settings: ScoreStream) -> None:
    """Refuse a port that is taken, and a registry of this machine with nothing released; both in no time."""
    port = settings.metrics_port
    if port and settings.metrics_host == HOST and in_this_process(settings.runner):
        why = why_taken(port)
        if why is not None:
            raise ServiceError(
                f"--metrics-port {port}: cannot listen on {HOST}: {why}; choose another one, or 0 for a free one"
            )
    if settings.registry_copy is not None:  # then the registry may be away
        return
    if not is_remote(settings.registry) and read_live(pathlib.Path(settings.registry)) is None:
        raise ArtifactError(
            f"{settings.registry}: no bundle is released here (no {LIVE_FILE}); run `onegraph release` first"
        )


def _topics(settings: ScoreStream) -> dict[str, Topic]:
    """Return the job's topics that exist; refuses those that are missing or would lose records."""
    names = settings.topics
    found = (topics.describe if settings.create_topics else topics.required)(settings.connection, names)
    topics.check_written([found[name] for name in names[1:] if name in found])
    if settings.rejected_topic in found and settings.source_topic in found and not settings.accept_rejected_topic:
        topics.check_rejected(found[settings.source_topic], found[settings.rejected_topic])
    return found
