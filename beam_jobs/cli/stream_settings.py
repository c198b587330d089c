"""The settings of the streaming job and of the verbs that look after it."""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker, Runner, Trial, Trust

TOMBSTONES = ("reject", "drop")
BREAKER = ("hold", "stop", "off")
STARTS = ("earliest", "latest", "timestamp", "committed")
VALUE_FORMATS = ("json", "avro", "avro-single-object", "avro-confluent")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreStream(Runner, Broker, Trust, Trial):
    """Score Kafka events as they arrive, with the registry's live bundle."""

    registry: str = option("directory of the registry")
    source_topic: str = option("topic of raw events")
    predictions_topic: str = option("topic of predictions")
    rejected_topic: str = option("topic of rejected records")
    shadow_topic: str | None = option("topic of the shadows' predictions; they are only counted without", None)
    group: str = option("consumer group whose committed offsets say where to go on", "onegraph")
    partition_groups: int = option("groups of partitions that are read side by side", 1)
    start: str = option(
        "where to begin where the group has committed nothing; committed: refuse then", "earliest", choices=STARTS
    )
    start_time: str | None = option("of --start timestamp: 2026-01-31T12:00:00Z or milliseconds since 1970", None)
    accept_lost_offsets: bool = option(
        "go on where offsets are lost, at the first that is left; what retention took is counted", False
    )
    look_for_partitions_ms: int = option("how often new partitions of the source topic are looked for", 30_000)
    stall_ms: int = option("how long a partition may stand still behind its end before it is opened anew", 60_000)
    read_budget_ms: int | None = option("how long one call of the reader may last; 1,000 on Flink, else 5,000", None)
    max_batch: int = option("events in one batch at most; below that it grows with the load", 4_000)
    max_batch_bytes: int = option("bytes of its events, decompressed, at which a batch ends as well", 8 << 20)
    pointer_poll_ms: int = option("how often the registry's pointer is looked at", 1_000)
    until_caught_up: bool = option("end at the offsets that the topic has when the job starts", False)
    accept_rejected_topic: bool = option("take a rejected topic that may lose, refuse or change records", False)
    create_topics: bool = option("make missing topics with the settings that this job needs", False)
    partitions: int = option("of topics that --create-topics makes", 4)
    with_features: bool = option("add the features that the model saw to every prediction", False)
    contributions: int | None = option("name so many features that made the score, in log-odds", None)
    contribution_share: float | None = option("in this share of predictions, by a hash of the id", None)
    contribution_above: float | None = option("in predictions of this score or more", None)
    value_format: str = option("of the events' values", "json", choices=VALUE_FORMATS)
    avro_schema: tuple[str, ...] = option("writers' schema files (.avsc); ID=FILE for avro-confluent", ())
    batch_deadline_ms: int = option("how long a batch may be scored before this process ends; it hangs", 60_000)
    tombstones: str = option("events with a null value: rejected, or counted and dropped", "reject", choices=TOMBSTONES)
    breaker: str = option("when too large a share is rejected: hold (then stop), stop, off", "hold", choices=BREAKER)
    breaker_share: float = option("share of the events of a minute that may be rejected", 0.05)
    breaker_events: int = option("fewer events in a minute never trip the breaker", 1_000)
    hold_ms: int = option("how long to wait for a broker or a rollback before the job ends", 300_000)
    event_time_min: str | None = option("records with an earlier timestamp are rejected as TIME_RANGE", None)
    event_time_max: str | None = option("records with a later timestamp are rejected as TIME_RANGE", None)
    marker_folder: str | None = option("where batches in hand are named; of the user's own where not given", None)
    pass_header: tuple[str, ...] = option("headers of events that their predictions get too, as traceparent", ())
    metrics_port: int | None = option("serve /metrics, /healthz, /readyz and /status there; 0 takes a free port", None)
    metrics_host: str = option("address that serves the metrics; all but loopback is open to others", "127.0.0.1")
    from_savepoint: str | None = option("on Flink: go on where this savepoint or checkpoint stands", None)
    services_folder: str = option("of `services up --flink`: its cluster is meant where no other is named", ".onegraph")

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the job: source, predictions, rejected and, if any, that of the shadows."""
        names = self.source_topic, self.predictions_topic, self.rejected_topic
        return names if self.shadow_topic is None else (*names, self.shadow_topic)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop:
    """End a streaming job: one of this machine when all it read is committed, one on Flink as the options say."""

    job: str | None = argument(
        "id, beginning of an id, name, or process id of a job; the only running one where not given", None
    )
    group: str | None = option("the local job that has this consumer group", None)
    wait_seconds: float = option("how long to wait for the end of a local job, which is never killed", 60.0)
    savepoint: bool = option("write a savepoint and end exactly there, for score_stream --from-savepoint", False)
    drain: bool = option("end when all that was read is written and committed", False)
    savepoint_folder: str | None = option("where savepoints go; the cluster's own place where not given", None)
    flink_master: str | None = option("host:port of Flink's REST interface; the local one where not given", None)
    services_folder: str = option("of `services up --flink`", ".onegraph")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """Show the streaming jobs that run on this machine: rates, lag, latencies, rejected events, swaps."""

    watch: bool = option("show it every second until Ctrl-C: drawn anew, or line by line where nobody looks", False)
    registry: str | None = option("directory of a registry whose pointer is shown too", None)
    metrics: tuple[str, ...] = option("host:port or URL of jobs' metrics on other machines", ())
    as_json: bool = False  # `--json`: with --watch an object a second


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayRejected(Broker):
    """Send rejected events to their topic again, after what rejected them was mended."""

    rejected_topic: str = option("topic of rejected records")
    source_topic: str = option("topic that they came from and go back to")
    reason: tuple[str, ...] = option("send only those of these reasons; all where not given", ())
    attempts: int = option("an event that was rejected so many times is left", 3)
    group: str = option("consumer groups GROUP.REASON remember what was sent", "onegraph-replay")
