"""`onegraph demo`: everything in a row on the shipped taxi trips, ending with a table and a report."""

import contextlib
import pathlib
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np

import schemas
from beam_jobs.cli import progress, settings
from beam_jobs.cli.options import words
from beam_jobs.demo import flink
from beam_jobs.demo.replay import HeldOut, held_out, observe
from beam_jobs.demo.report import Numbers, write_report
from beam_jobs.kafka.client import Producer
from beam_jobs.kafka.clients.choice import open_consumer, open_producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.stream.job.process import StreamProcess
from beam_jobs.verbs import build_training_set, check_skew, evaluate, release, send, train
from models import use_case
from models.evaluation import metrics
from schemas.errors import ArtifactError, ServiceError, UsageError

_MARKER = ".onegraph-demo"
_USE_CASE = "taxi"
_PARTITIONS = 4
_WAIT_S = 120.0
_SECOND = ("max_depth=4", "eta=0.05")  # another model of the same graph, to have something to swap in


def check(given: settings.Demo) -> pathlib.Path:
    """Refuse a rate that makes no sense, a folder that is not a demo's, and a broker that is down."""
    if given.rate <= 0:
        raise UsageError(f"--rate is {given.rate}, wanted more than 0")
    output = pathlib.Path(given.output)
    if output.exists() and not (output / _MARKER).is_file():
        raise ArtifactError(f"{output}: exists and is not an earlier demo's; choose another --output")
    topics.describe(given.connection, [])
    return output


def run(given: settings.Demo) -> dict[str, Any]:
    """Run all steps; an earlier demo in the same folder is replaced."""
    output = check(given)
    if output.exists():
        shutil.rmtree(output)
    output.mkdir(parents=True)
    (output / _MARKER).touch()
    step = _Steps(6)
    data = str(pathlib.Path(schemas.__file__).parent / "data" / f"{_USE_CASE}.csv.gz")
    with step("build the training set"):
        built = build_training_set.run(_build(output, data))
    with step("train two models, evaluate them on the test split"):
        evaluations = [
            _candidate(output, name, parameters) for name, parameters in (("first", ()), ("second", _SECOND))
        ]
    with step("release the first"):
        first = _release(output, "first")
    rows = held_out(data, use_case.find(_USE_CASE))
    names = tuple(f"demo-{uuid.uuid4().hex[:6]}-{part}" for part in ("trips", "predictions", "rejected"))
    try:
        with step(f"replay {len(rows.events):,} test trips at {given.rate:g}/s, swap the model meanwhile"):
            sent, second, summary = _stream(given, output, names, rows)
            seen = observe(*(read_topic(given.connection, name) for name in names[:2]))
    finally:
        topics.delete(given.connection, names)
    with step("prove that batch and stream agree, record by record"):
        skew = check_skew.run(_skew(given, output, data))
    numbers = Numbers(
        built=built,
        evaluations=evaluations,
        bundles=(first, second),
        sent=sent,
        summary=summary,
        streamed=metrics.of_scores(rows.labels[seen.rows], seen.scores, 0.5),
        # The first event woke the job up; its wait says nothing about the others.
        milliseconds=seen.milliseconds[seen.rows != 0],
        by_bundle={bundle: int(np.sum(seen.bundles == bundle)) for bundle in (first, second)},
        skew=skew,
    )
    with step("write the report"):
        write_report(output / "report.html", numbers, rows.labels[seen.rows], seen.scores)
    return {"report": str(output / "report.html"), **numbers.as_json()}


def describe(result: dict[str, Any]) -> str:
    """Return the table for people."""
    lines = [f"  {name:<34}{value:>22}" for name, value in result["table"]]
    return "\n".join(["", *lines, "", f"report: {result['report']}"])


def _build(output: pathlib.Path, data: str) -> settings.BuildTrainingSet:
    return settings.BuildTrainingSet(data=(data,), output=str(output / "training_set"))


def _candidate(output: pathlib.Path, name: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    training_set, candidate = str(output / "training_set"), str(output / name)
    train.run(settings.Train(training_set=training_set, output=candidate, parameters=parameters))
    return evaluate.run(settings.Evaluate(candidate=candidate, training_set=training_set))


def _release(output: pathlib.Path, name: str) -> str:
    why = f"demo: the {name} model"
    given = settings.Release(candidate=str(output / name), registry=str(output / "registry"), why=why)
    return release.run(given)["bundle"]


def _skew(given: settings.Demo, output: pathlib.Path, data: str) -> settings.CheckSkew:
    return settings.CheckSkew(data=(data,), registry=str(output / "registry"), **given.broker_options())


def _stream(
    given: settings.Demo, output: pathlib.Path, names: tuple[str, ...], rows: HeldOut
) -> tuple[send.Sent, str, dict[str, Any]]:
    """Replay the events through a streaming job; return what was sent, the second bundle, and the job's summary."""
    servers = given.connection
    source, predictions, rejected = names
    topics.create(servers, topics.for_scoring(source, predictions, rejected, _PARTITIONS, topics.DEFAULT_MESSAGE_BYTES))
    pairs = rows.keyed()
    options = [
        *words(settings.Broker, given.broker_options()),
        *("--registry", str(output / "registry")),
        *("--source-topic", source, "--predictions-topic", predictions, "--rejected-topic", rejected),
        *("--group", source),
        *flink.options(given, source),
    ]
    producer = open_producer(servers)
    try:
        log = output / "score_stream.log"
        with (
            flink.cluster(given),
            StreamProcess(options, log) as job,
            flink.cancelled_on_error(given, source),
        ):
            send.send_rows(producer, source, pairs[:1])
            _await_outcomes(servers, (predictions, rejected), 1, job)
            replay = _Replay(producer, source, pairs[1:], given.rate)
            replay.join(len(pairs) / given.rate / 4)
            second = _release(output, "second")
            replay.join()
            _await_outcomes(servers, (predictions, rejected), len(pairs), job)
            return replay.sent(), second, flink.end(given, source, job)
    finally:
        producer.close()


class _Replay(threading.Thread):
    """Sends in the background, so that a release can happen while events flow."""

    def __init__(self, producer: Producer, topic: str, pairs: list[tuple[bytes, bytes]], rate: float):
        super().__init__(name="replay", daemon=True)
        self._send = lambda: send.send_rows(producer, topic, pairs, rate)
        self._result: send.Sent | Exception = ServiceError("replay: still sending")
        self.start()

    def run(self) -> None:
        try:
            self._result = self._send()
        except Exception as error:
            self._result = error

    def sent(self) -> send.Sent:
        """Return what was sent; raises what stopped it."""
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def _await_outcomes(servers: Connection | str, outputs: tuple[str, str], count: int, job: StreamProcess) -> None:
    """Return once predictions and rejected records together are as many as the events sent."""
    consumers = [open_consumer(servers, topic) for topic in outputs]
    ends = time.monotonic() + _WAIT_S
    try:
        while (found := sum(sum(one.end_offsets(one.partitions).values()) for one in consumers)) < count:
            job.check_running()
            if time.monotonic() > ends:
                raise ServiceError(f"{found} of {count} events answered after {_WAIT_S:g} s; see score_stream.log")
            time.sleep(0.1)
    finally:
        for consumer in consumers:
            consumer.close()


class _Steps:
    """The numbered steps of the demo, each with its seconds on standard error, on a terminal or not."""

    def __init__(self, count: int):
        self._count, self._number = count, 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._number += 1
        with progress.step(f"{self._number}/{self._count} {name}", always=True):
            yield
