"""The settings of every verb: one frozen dataclass each, read by the command line and by people who script.

Imports nothing heavy, so that `onegraph VERB --help` answers at once.
"""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker, Runner, Trial, Trust, UseCase
from models.variants.variants import CHAMPION, ROLES

REGISTRY_ACTIONS = ("list", "show", "verify", "sign", "promote", "weigh", "remove")
TOMBSTONES = ("reject", "drop")
BREAKER = ("hold", "stop", "off")
STARTS = ("earliest", "latest", "timestamp", "committed")
VALUE_FORMATS = ("json", "avro", "avro-single-object", "avro-confluent")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildTrainingSet(UseCase, Runner):
    """Turn raw files into a TFRecord training set with its graph, statistics and rejected rows."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    output: str = option("directory of the new training set")
    compression: str = option("of the TFRecord shards", "gzip", choices=("gzip", "none"))
    rows_per_shard: int = option("rows in one shard at most", 250_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(UseCase):
    """Train a model on a training set; writes a candidate."""

    training_set: str = option("directory of the training set")
    output: str = option("directory of the new candidate")
    seed: int | None = option("instead of the use case's own", None)
    rounds: int | None = option("trees at most, instead of the use case's own", None)
    early_stopping_rounds: int | None = option("stop after so many without a gain, instead of the use case's own", None)
    parameters: tuple[str, ...] = option("family parameters instead of the use case's own, name=value", ())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(UseCase):
    """Evaluate a candidate on the test split, per slice, and let the gates speak (exit 3: they said no)."""

    candidate: str = option("directory of the candidate")
    training_set: str = option("directory of the training set that it was trained on")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release(Trial):
    """Make a bundle of an evaluated candidate and let it serve: the registry's next generation."""

    candidate: str = option("directory of the candidate")
    registry: str = option("directory of the registry")
    as_: str = option("what the bundle is to be", CHAMPION, choices=ROLES)
    weight: float | None = option("share of keys that a challenger gets, above 0, at most 1", None)
    experiment: str | None = option("name that deals the keys; a new name deals them anew", None)
    sign_key_file: str | None = option("PEM file of an Ed25519 private key that signs the bundle", None)
    why: str = option("one line kept in the pointer's history", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """Let the variants of an earlier generation serve again, whole: the registry's next generation."""

    registry: str = option("directory of the registry")
    to: str | None = option("champion to go back to; the variants before the present ones where not given", None)
    why: str = option("one line kept in the pointer's history", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegistryVerb(Trust, Trial):
    """Look into a registry, or change who serves in it.

    list: bundles and generations. show: what a bundle is. verify: every byte of one bundle or all.
    sign: a released bundle gets a signature; its id stays.
    promote: a challenger or shadow becomes champion. weigh: a challenger gets another share of keys.
    remove: a challenger or shadow serves no longer. The last three write the next generation.
    """

    action: str = argument("what to do", choices=REGISTRY_ACTIONS)
    bundle: str | None = argument("bundle id; without one the champion is shown, all are verified", None)
    registry: str = option("directory of the registry")
    sign_key_file: str | None = option("with sign: PEM file of an Ed25519 private key", None)
    weight: float | None = option("with weigh: the challenger's share of keys, above 0, at most 1", None)
    why: str = option("with promote, weigh, remove: one line kept in the pointer's history", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreBatch(UseCase, Runner, Trust):
    """Score raw files with a released bundle."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    registry: str = option("directory of the registry")
    bundle: str | None = option("bundle id; the champion where not given", None)
    output: str = option("directory of the new predictions")
    format: str = option("of the predictions", "parquet", choices=("parquet", "jsonl"))
    with_features: bool = option("add the features that the model saw", False)
    contributions: int | None = option("name so many features that made the score, in log-odds", None)
    contribution_share: float | None = option("in this share of predictions, by a hash of the id", None)
    contribution_above: float | None = option("in predictions of this score or more", None)


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stop:
    """End a job on Flink: at once, or with a savepoint from which another job goes on."""

    job: str | None = argument("id, beginning of an id, or name; the only running job where not given", None)
    savepoint: bool = option("write a savepoint and end exactly there, for score_stream --from-savepoint", False)
    drain: bool = option("end when all that was read is written and committed", False)
    savepoint_folder: str | None = option("where savepoints go; the cluster's own place where not given", None)
    flink_master: str | None = option("host:port of Flink's REST interface; the local one where not given", None)
    services_folder: str = option("of `services up --flink`", ".onegraph")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """Show the streaming jobs that run on this machine: rates, lag, latencies, rejected events, swaps."""

    watch: bool = option("draw it anew every second until Ctrl-C", False)
    registry: str | None = option("directory of a registry whose pointer is shown too", None)
    metrics: tuple[str, ...] = option("host:port or URL of jobs' metrics on other machines", ())


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayRejected(Broker):
    """Send rejected events to their topic again, after what rejected them was mended."""

    rejected_topic: str = option("topic of rejected records")
    source_topic: str = option("topic that they came from and go back to")
    reason: tuple[str, ...] = option("send only those of these reasons; all where not given", ())
    attempts: int = option("an event that was rejected so many times is left", 3)
    group: str = option("consumer groups GROUP.REASON remember what was sent", "onegraph-replay")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckSkew(UseCase, Broker, Trust):
    """Send the same raw rows through batch, stream and the reloaded graph; exit 3 where any bit differs."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    registry: str = option("directory of the registry")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Services:
    """Start, stop or show the local Kafka and, if wanted, a local Flink (both real, loopback only)."""

    action: str = argument("what to do", choices=("up", "down", "status"))
    port: int = option("of the broker; its controller takes the next one", 9092)
    folder: str = option("where data, logs and process ids are kept", ".onegraph")
    wipe: bool = option("with down: remove the data too", False)
    flink: bool = option("with up: a Flink cluster beside Kafka", False)
    flink_port: int | None = option("of Flink's REST interface; as last time, else 8081, where not given", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Send(Broker):
    """Send a file's rows to a topic as JSON events."""

    file: str = argument("CSV file (.csv, .csv.gz) or JSON lines (.jsonl)")
    topic: str = argument("where to")
    use_case: str = option("whose schema gives the columns their types", "taxi")
    use_case_path: str | None = option("folder that holds schemas/, transforms/ and models/ of your own", None)
    rate: float | None = option("events per second; as fast as it goes where not given", None)
    limit: int | None = option("send no more rows than this", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail(Broker):
    """Show a topic's records, readable, oldest first or as they come."""

    topic: str = argument("which topic")
    from_start: bool = option("begin with the oldest record instead of the next one", False)
    limit: int | None = option("stop after so many records", None)
    until_end: bool = option("stop at the end that the topic has now", False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkipTo(Broker):
    """Move a group's committed offset of one partition ahead, over events that cannot be decoded."""

    topic: str = argument("which topic")
    group: str = option("consumer group of the job, which must be down", "onegraph")
    partition: int = option("of the topic")
    offset: int = option("where the group goes on; all before it is left out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspect:
    """Show what is in a TFRecord file, a training set, a candidate, a bundle or a registry."""

    path: str = argument("file or directory")
    limit: int = option("records of a TFRecord file to show", 3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(Broker):
    """Check this machine: versions, Java, Maven, Prism, broker."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo(Broker):
    """Everything in a row on the shipped taxi trips: build, train, release, stream, swap, prove, report."""

    output: str = option("directory for everything that the demo makes", "demo_output")
    rate: float = option("events per second to replay", 100.0)
    runner: str = option("where the stream runs", "local", choices=("local", "prism", "flink"))
    services_folder: str = option("of `services up --flink`; its Flink is started where it is not up", ".onegraph")


VERBS: dict[str, type] = {
    "demo": Demo,
    "services": Services,
    "build_training_set": BuildTrainingSet,
    "train": Train,
    "evaluate": Evaluate,
    "release": Release,
    "rollback": Rollback,
    "registry": RegistryVerb,
    "score_batch": ScoreBatch,
    "score_stream": ScoreStream,
    "stop": Stop,
    "status": Status,
    "replay_rejected": ReplayRejected,
    "check_skew": CheckSkew,
    "send": Send,
    "tail": Tail,
    "skip_to": SkipTo,
    "inspect": Inspect,
    "doctor": Doctor,
}
