"""Who takes part in the streaming benchmarks: our job on its runners and clients, and the rivals, as `Contender`s."""

import functools
import pathlib
from collections.abc import Callable

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.verbs import score_stream
from benchmarks.rivals import handwritten_loop, handwritten_loop_confluent, per_event_loop
from benchmarks.stream_bench import Contender, Job
from models.registry.registry import Registry
from models.scoring.scorer import Scorer


def settings_of(job: Job, client: str = "kafka-python") -> ScoreStream:
    """Return our job's settings: those that a user gets who names the client and nothing else."""
    return ScoreStream(
        bootstrap_servers=job.servers,
        kafka_client=client,
        registry=str(job.registry),
        source_topic=job.source,
        predictions_topic=job.predictions,
        rejected_topic=f"{job.source}.rejected",
        group=job.predictions,
        until_caught_up=job.drain,
    )


def ours(job: Job, client: str = "kafka-python") -> None:
    """Our job on FnApiRunner, in this process."""
    score_stream.run(settings_of(job, client), job.stop)


def rival(run: Callable[..., int]) -> Contender:
    """Return a loop of benchmarks/rivals as a contender."""

    def contender(job: Job) -> None:
        until = None
        if job.drain:
            consumer = Consumer(job.servers, job.source)
            until = consumer.end_offsets(consumer.partitions)
            consumer.close()
        run(job.servers, job.source, job.predictions, job.predictions, live(job.registry), job.stop, until)

    return contender


@functools.cache
def live(registry: pathlib.Path) -> Scorer:
    """Return a registry's champion, loaded once."""
    return Scorer.load(Registry(registry).champion())


_with_arrow = functools.partial(handwritten_loop_confluent.run, decode=handwritten_loop_confluent.decode_arrow)
LOOP, LOOP_CONFLUENT = "handwritten_loop_kafka_python", "handwritten_loop_confluent"
LOOP_CONFLUENT_ARROW, PER_EVENT_LOOP = "handwritten_loop_confluent_arrow", "per_event_loop"
OURS, OURS_CONFLUENT = "onegraph", "onegraph_confluent"
ALL: dict[str, Contender] = {
    OURS: ours,
    LOOP: rival(handwritten_loop.run),
    OURS_CONFLUENT: functools.partial(ours, client="confluent"),
    LOOP_CONFLUENT: rival(handwritten_loop_confluent.run),
    LOOP_CONFLUENT_ARROW: rival(_with_arrow),
    PER_EVENT_LOOP: rival(per_event_loop.run),
}
AGAINST = {  # a rival, and who is compared with it
    LOOP: OURS,
    LOOP_CONFLUENT: OURS_CONFLUENT,
    LOOP_CONFLUENT_ARROW: OURS_CONFLUENT,
    PER_EVENT_LOOP: OURS,
}
