"""The settings of the streaming job and of the verbs that look after it."""

import dataclasses

from beam_jobs.cli import paths
from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.quantities import milliseconds
from beam_jobs.cli.shared_settings import Broker, Explained, Personal, Runner, Trial, Trust
from beam_jobs.runners import names
from schemas.errors import UsageError
from schemas.rejection import Reason

TOMBSTONES = {"reject": "they are rejected", "drop": "they are counted and dropped"}
BREAKER = {"hold": "wait for a rollback, then stop", "stop": "end at once", "off": "go on"}
STARTS = ("earliest", "latest", "timestamp", "committed")
VALUE_FORMATS = ("json", "avro", "avro-single-object", "avro-confluent")

_TOPICS, _BEGIN, _READING, _WRITING = "topics", "where to begin", "reading", "writing"
_TROUBLE, _MONITORING, _FLINK = "when things break", "monitoring", "Flink"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreStream(Runner, Broker, Trust, Trial, Personal, Explained):
    """Score Kafka events as they arrive with the live bundle."""

    registry: str = option("directory of the registry, or its address", metavar="DIR")
    source_topic: str = option("topic of raw events", metavar="TOPIC")
    predictions_topic: str = option("topic of predictions", metavar="TOPIC")
    rejected_topic: str = option("topic of rejected records", metavar="TOPIC")
    shadow_topic: str | None = option(
        "topic of the shadows' predictions; they are only counted without", None, metavar="TOPIC", group=_TOPICS
    )
    create_topics: bool = option("make missing topics with the settings that this job needs", False, group=_TOPICS)
    partitions: int = option("of topics that --create-topics makes", 4, minimum=1, group=_TOPICS)
    accept_rejected_topic: bool = option(
        "take a rejected topic that may lose, refuse or change records", False, group=_TOPICS
    )
    group: str = option(
        "consumer group whose committed offsets say where to go on", "onegraph", metavar="NAME", group=_BEGIN
    )
    start: str = option(
        "where to begin where the group has committed nothing",
        "earliest",
        choices={
            "earliest": "at the oldest event",
            "latest": "at the next one",
            "timestamp": "at --start-time",
            "committed": "refuse then",
        },
        group=_BEGIN,
    )
    start_time: str | None = option(
        "of --start timestamp: 2026-01-31T12:00:00Z or milliseconds since 1970", None, metavar="TIME", group=_BEGIN
    )
    until_caught_up: bool = option("end at the offsets that the topic has when the job starts", False, group=_BEGIN)
    accept_lost_offsets: bool = option(
        "go on where offsets are lost, at the first that is left; what retention took is counted", False, group=_BEGIN
    )
    from_savepoint: str | None = option(
        "go on where this savepoint or checkpoint stands", None, metavar="PATH", group=_FLINK
    )
    services_folder: str = option(
        "of `services up --flink`: its cluster is meant where no other is named",
        ".onegraph",
        metavar="DIR",
        group=_FLINK,
    )
    value_format: str = option("of the events' values", "json", choices=VALUE_FORMATS, group=_READING)
    avro_schema: tuple[str, ...] = option(
        "writers' schema files (.avsc); ID=FILE for avro-confluent", (), metavar="FILE", group=_READING
    )
    event_time_min: str | None = option(
        "records with an earlier timestamp are rejected as TIME_RANGE", None, metavar="TIME", group=_READING
    )
    event_time_max: str | None = option(
        "records with a later timestamp are rejected as TIME_RANGE", None, metavar="TIME", group=_READING
    )
    tombstones: str = option("what becomes of events with a null value", "reject", choices=TOMBSTONES, group=_READING)
    partition_groups: int = option("groups of partitions that are read side by side", 1, minimum=1, group=_READING)
    max_batch: int = option(
        "events in one batch at most; below that it grows with the load", 4_000, minimum=1, group=_READING
    )
    max_batch_bytes: int = option(
        "bytes of its events, decompressed, at which a batch ends as well",
        8 << 20,
        metavar="BYTES",
        minimum=1,
        group=_READING,
    )
    read_budget_ms: int | None = option(
        "how long one call of the reader may last; 1,000 on Flink, else 5,000",
        None,
        metavar="MS",
        minimum=1,
        group=_READING,
    )
    look_for_partitions_ms: int = option(
        "how often new partitions of the source topic are looked for", 30_000, metavar="MS", minimum=1, group=_READING
    )
    stall_ms: int = option(
        "how long a partition may stand still behind its end before it is opened anew",
        60_000,
        metavar="MS",
        minimum=1,
        group=_READING,
    )
    registry_copy: str | None = option(
        "folder where a worker keeps what served last; with the registry away at a start, that serves",
        None,
        metavar="DIR",
        group="scoring",
    )
    registry_wait_ms: int = option(
        "with --registry-copy: how long a registry that is away at a start is waited for",
        60_000,
        metavar="MS",
        minimum=0,
        group="scoring",
    )
    pointer_poll_ms: int = option(
        "how often the registry's pointer is looked at", 1_000, metavar="MS", minimum=1, group="scoring"
    )
    batch_deadline_ms: int = option(
        "how long a batch may be scored before this process ends; it hangs",
        60_000,
        metavar="MS",
        minimum=1,
        group="scoring",
    )
    marker_folder: str | None = option(
        "where batches in hand are named; of the user's own where not given", None, metavar="DIR", group="scoring"
    )
    pass_header: tuple[str, ...] = option(
        "headers of events that their predictions get too, as traceparent", (), metavar="NAME", group=_WRITING
    )
    breaker: str = option("what to do when too large a share is rejected", "hold", choices=BREAKER, group=_TROUBLE)
    breaker_share: float = option(
        "share of the events of a minute that may be rejected",
        0.05,
        metavar="SHARE",
        minimum=0,
        maximum=1,
        group=_TROUBLE,
    )
    breaker_events: int = option("fewer events in a minute never trip the breaker", 1_000, minimum=1, group=_TROUBLE)
    hold_ms: int = option(
        "how long to wait for a broker or a rollback before the job ends",
        300_000,
        metavar="MS",
        minimum=1,
        group=_TROUBLE,
    )
    metrics_port: int | None = option(
        "serve /metrics, /healthz, /readyz and /status there; 0 takes a free port",
        None,
        metavar="PORT",
        minimum=0,
        maximum=65_535,
        group=_MONITORING,
    )
    metrics_host: str = option(
        "address that serves the metrics; all but loopback is open to others",
        "127.0.0.1",
        metavar="HOST",
        group=_MONITORING,
    )

    def check(self) -> None:
        """Refuse a registry that is not there, topics that are one, times that are none."""
        super().check()
        if len(set(self.topics)) != len(self.topics):
            raise UsageError(
                f"source, predictions, rejected and shadow topic must differ, got {', '.join(self.topics)}"
            )
        if (self.start_time is None) == (self.start == "timestamp"):
            raise UsageError("--start timestamp and --start-time go together, got one of them")
        for time in (self.start_time, self.event_time_min, self.event_time_max):
            if time is not None:
                milliseconds(time)
        if self.from_savepoint is not None and names.beams_name(self.runner) != names.FLINK:
            raise UsageError(f"--from-savepoint with --runner {self.runner}: only Flink has savepoints")
        if self.registry_copy is None:
            paths.check_registry(self.registry)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the job: source, predictions, rejected and, if any, that of the shadows."""
        topics = self.source_topic, self.predictions_topic, self.rejected_topic
        return topics if self.shadow_topic is None else (*topics, self.shadow_topic)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop(Settings):
    """End a streaming job.

    One of this machine ends when all that it read is committed. One on Flink ends as the options say: another job goes
    on from a savepoint; without one it goes on from the group's committed offsets.
    """

    job: str | None = argument(
        "id, beginning of an id, name, or process id of a job; the only running one where not given", None
    )
    group: str | None = option("the local job that has this consumer group", None, metavar="NAME")
    wait_seconds: float = option(
        "how long to wait for the end of a local job, which is never killed",
        60.0,
        metavar="SECONDS",
        above=0,
        maximum=86_400,
    )
    savepoint: bool = option("write a savepoint and end exactly there, for score_stream --from-savepoint", False)
    drain: bool = option("end when all that was read is written and committed", False)
    savepoint_folder: str | None = option(
        "where savepoints go; the cluster's own place where not given", None, metavar="DIR"
    )
    flink_master: str | None = option(
        "Flink's REST interface; the local one where not given", None, metavar="HOST:PORT"
    )
    services_folder: str = option("of `services up --flink`", ".onegraph", metavar="DIR")

    def check(self) -> None:
        """Refuse options that do not go together."""
        super().check()
        if self.savepoint and self.drain:
            raise UsageError("--savepoint and --drain: give one of them")
        if self.savepoint_folder is not None and not (self.savepoint or self.drain):
            raise UsageError("--savepoint-folder without --savepoint: nothing would be written there")
        if self.flink_only and self.group is not None:
            raise UsageError(
                f"--group names a job of this machine, {self.flink_only[0]} one on Flink; give one of them"
            )

    @property
    def flink_only(self) -> list[str]:
        """The options given that only a job on Flink can follow."""
        flags = [f"--{name}" for name in ("savepoint", "drain") if getattr(self, name)]
        return flags if self.flink_master is None else [*flags, "--flink-master"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status(Settings):
    """Show the streaming jobs of this machine.

    Shown of each: rates, lag, latencies, rejected events, swaps.
    """

    watch: bool = option("show it every second until Ctrl-C: drawn anew, or line by line where nobody looks", False)
    registry: str | None = option("directory of a registry whose pointer is shown too", None, metavar="DIR")
    metrics: tuple[str, ...] = option("HOST:PORT or URL of jobs' metrics on other machines", (), metavar="ADDRESS")
    as_json: bool = False  # `--json`: with --watch an object a second

    def check(self) -> None:
        """Refuse addresses that are none."""
        super().check()
        for address in self.metrics:
            scheme, there, rest = address.rpartition("://")
            if (there and scheme not in ("http", "https")) or not rest:
                raise UsageError(f"--metrics {address}: wanted host:port or a URL that begins with http:// or https://")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayRejected(Broker):
    """Send rejected events again after their cause was mended.

    They go back to their topic as they were. A second run sends nothing again.
    """

    rejected_topic: str = option("topic of rejected records", metavar="TOPIC")
    source_topic: str = option("topic that they came from and go back to", metavar="TOPIC")
    reason: tuple[str, ...] = option(
        "send only those of these reasons; all where not given",
        (),
        choices=[reason.value for reason in Reason],
        metavar="REASON",
    )
    attempts: int = option("an event that was rejected so many times is left", 3, minimum=1)
    group: str = option("consumer groups GROUP.REASON remember what was sent", "onegraph-replay", metavar="NAME")

    def check(self) -> None:
        """Refuse topics that are one."""
        super().check()
        if self.source_topic == self.rejected_topic:
            raise UsageError(f"source and rejected topic must differ, got {self.source_topic} twice")
