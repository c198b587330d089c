"""`onegraph replay_rejected`: rejected events go back to their topic, after what rejected them was mended."""

from typing import Any

from beam_jobs.cli.settings import ReplayRejected
from beam_jobs.kafka.groups.takeover import one_at_a_time
from beam_jobs.kafka.topics import topics
from beam_jobs.stream.replay import Replay, Replayed, looked_through, send_back
from schemas.rejection import Reason
from schemas.rejection_counts import rejections, rejections_text


def check(settings: ReplayRejected) -> None:
    """Refuse a missing topic before anything is sent."""
    topics.required(settings.connection, [settings.source_topic, settings.rejected_topic])


def run(settings: ReplayRejected) -> dict[str, Any]:
    """Send what the rejected topic has now, was not sent before, and is of the reasons asked for.

    Each event goes back with value, key, timestamp and headers as they were, and an attempt more. What was looked at
    is committed per reason, behind acknowledged sends: a second run sends nothing again, a killed one at most the
    1,000 records of its last step. A second one of the group on this machine waits for the first, a minute at most,
    then raises `ServiceError`.
    """
    check(settings)
    with one_at_a_time(settings.connection, settings.rejected_topic, settings.group):
        done = send_back(settings.connection, _replay(settings))
    return _result(settings, done)


def plan(settings: ReplayRejected) -> list[str]:
    """Say what would be sent and what would be left; the topic is read through, nothing is sent or committed."""
    check(settings)
    result = _result(settings, looked_through(settings.connection, _replay(settings)))
    return [describe(result).replace("sent ", "would send ", 1)]


def _replay(settings: ReplayRejected) -> Replay:
    source = topics.required(settings.connection, [settings.source_topic])[settings.source_topic]
    reasons = frozenset(map(Reason, settings.reason or Reason))
    return Replay(settings.rejected_topic, source, reasons, settings.attempts, settings.group)


def _result(settings: ReplayRejected, done: Replayed) -> dict[str, Any]:
    faults, left = rejections(done.sent), dict(done.left)
    return {"topic": settings.source_topic, "sent": done.sent.total(), "rejections": faults, "left": left}


def describe(result: dict[str, Any]) -> str:
    """Say what was sent and what was left, and why."""
    reasons = rejections_text(result["rejections"])
    left = ", ".join(f"{count:,} {why}" for why, count in sorted(result["left"].items()))
    return (
        f"sent {result['sent']:,} events to {result['topic']} again{f' ({reasons})' if reasons else ''}; "
        f"left: {left or 'nothing'}"
    )
