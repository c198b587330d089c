"""The settings of the verbs about this machine: local services, its check, the demo."""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Services:
    """Start, stop or show the local Kafka and, if wanted, a local Flink (both real, loopback only)."""

    action: str = argument("what to do", choices=("up", "down", "status"))
    port: int | None = option("of the broker, its controller takes the next one; as last time, else 9092", None)
    folder: str = option("where data, logs and process ids are kept", ".onegraph")
    wipe: bool = option("with down: remove what is in the folder too, topics and offsets, checkpoints and logs", False)
    flink: bool = option("with up: a Flink cluster beside Kafka", False)
    flink_port: int | None = option("of Flink's REST interface; as last time, else 8081, where not given", None)


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
