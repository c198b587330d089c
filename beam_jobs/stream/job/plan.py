"""What a streaming job would do, said before it begins; it looks only: no topic is made, no group is taken."""

from collections.abc import Mapping

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.groups.lease import is_dead, latest
from beam_jobs.kafka.groups.position_note import Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.stream.job.pipeline import read_settings, stream_job
from beam_jobs.stream.read.source import where_to_begin
from models.registry.pointer import Pointer

_SHOWN = 12


def plan(settings: ScoreStream, there: Mapping[str, Topic], released: Pointer) -> list[str]:
    """Return it in lines; `there` are the job's topics that exist."""
    made = [name for name in settings.topics if name not in there]
    source = there.get(settings.source_topic)
    lines = [f"would create topic{'s' if len(made) > 1 else ''} {', '.join(made)}"] if made else []
    if source is None:
        lines.append(f"would read {settings.source_topic} from its start as group {settings.group}")
    else:
        lines += _reading(settings, source)
    variants = released.variants
    others = [f"challenger {one.bundle[:12]} ({one.weight:.0%})" for one in variants.challengers]
    others += [f"shadow {bundle[:12]}" for bundle in variants.shadows]
    serves = ", ".join([f"champion {variants.champion[:12]}", *others])
    lines.append(f"would score with generation {released.generation}: {serves}")
    lines.append(f"would write {settings.predictions_topic} and, what is rejected, {settings.rejected_topic}")
    if settings.shadow_topic is not None:
        lines.append(f"would write what shadows make of it to {settings.shadow_topic}")
    return lines


def _reading(settings: ScoreStream, source: Topic) -> list[str]:
    job = stream_job(settings, "plan", dict.fromkeys(settings.topics, source))  # only the source is looked at
    consumer = Consumer(settings.connection, source.name, settings.group)
    try:
        kept = consumer.committed_notes(consumer.partitions)
        begin = where_to_begin(job, read_settings(settings), consumer)  # refuses what it does of a savepoint too
        ends = consumer.end_offsets(consumer.partitions)
    finally:
        consumer.close()
    partitions = f"{source.partitions} partition{'s' if source.partitions > 1 else ''}"
    if settings.from_savepoint is not None:  # the job before has ended, says who gives it: nobody is waited for
        at = f"where savepoint {settings.from_savepoint} stands"
        return [f"would read {source.name} ({partitions}) from {at} as group {settings.group}"]
    lag = sum(max(ends[partition] - offset, 0) for partition, offset in begin.items())
    offsets = [str(begin[partition]) for partition in sorted(begin)[:_SHOWN]] + ["..."] * (len(begin) > _SHOWN)
    of = "committed offsets" if kept else f"the {settings.start} offsets, nothing is committed:"
    read = f"would read {source.name} ({partitions}) from {of} {', '.join(offsets)} (lag {lag:,})"
    lines = [f"{read} as group {settings.group}"]
    holder = latest(Note.read(text).lease for _, text in kept.values())
    if holder is not None and not is_dead(holder):
        lines.append(f"group {settings.group} is held by {holder} now; unless that has ended, the start is refused")
    return lines
