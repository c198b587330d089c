"""Who takes part in the streaming benchmarks: our job on its runners and clients, and the rivals, as `Contender`s."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

from beam_jobs import score_stream
from beam_jobs.kafka_client import Consumer
from beam_jobs.settings import ScoreStream
from benchmarks.rivals import handwritten_loop, handwritten_loop_confluent, per_event_loop
from benchmarks.stream_bench import Contender, Job
from models.registry import Registry
from models.scorer import Scorer


def settings_of(job: Job, client: str = "kafka-python") -> ScoreStream:
    """Return our job's settings: those that a user gets without options."""
    settings = ScoreStream(
        bootstrap_servers=job.servers,
        registry=str(job.registry),
        source_topic=job.source,
        predictions_topic=job.predictions,
        rejected_topic=f"{job.source}.rejected",
        group=job.predictions,
        until_caught_up=job.drain,
    )
    return settings if client == "kafka-python" else dataclasses.replace(settings, kafka_client=client)


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


ours_confluent = functools.partial(ours, client="confluent")
loop = rival(handwritten_loop.run)
loop_confluent = rival(handwritten_loop_confluent.run)
loop_confluent_arrow = rival(
    functools.partial(handwritten_loop_confluent.run, decode=handwritten_loop_confluent.decode_arrow)
)
one_by_one = rival(per_event_loop.run)
