"""The settings of the verbs about this machine: local services, its check, the demo."""

import dataclasses

from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.shared_settings import Broker
from schemas.artifacts.making import check_writable
from schemas.errors import UsageError

_PORTS = 65_535


@dataclasses.dataclass(frozen=True, kw_only=True)
class Services(Settings):
    """Start, stop or show a local Kafka and, if wanted, Flink.

    Both are real and reached from this machine only.
    """

    action: str = argument(
        "what to do",
        choices={
            "up": "start what is not up",
            "down": "stop it; its data stays",
            "status": "show what is up, and where",
        },
    )
    port: int | None = option(
        "of the broker, its controller takes the next one; as last time, else 9092, where not given",
        None,
        metavar="PORT",
        minimum=1,
        maximum=_PORTS - 1,
    )
    folder: str = option("where data, logs and process ids are kept", ".onegraph", metavar="DIR")
    wipe: bool = option("with down: remove what is in the folder too, topics and offsets, checkpoints and logs", False)
    flink: bool = option("with up: a Flink cluster beside Kafka", False)
    flink_port: int | None = option(
        "of Flink's REST interface; as last time, else 8081, where not given",
        None,
        metavar="PORT",
        minimum=1,
        maximum=_PORTS,
    )

    def check(self) -> None:
        """Refuse options that say nothing with the action."""
        super().check()
        if self.flink and self.action == "down":
            raise UsageError("--flink goes with `services up`; `services down` stops Kafka and Flink")
        if self.flink_port is not None and not self.flink:
            raise UsageError("--flink-port goes with --flink")
        if self.wipe and self.action != "down":
            raise UsageError(f"--wipe goes with `services down`, got `services {self.action}`")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(Broker):
    """Check this machine: versions, Java, Maven, Prism, broker."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo(Broker):
    """Everything in a row on shipped data, ending with a report.

    Build a training set, train, release, stream, swap the model, prove that batch and stream agree.
    """

    output: str = option("directory for everything that the demo makes", "demo_output", metavar="DIR")
    rate: float = option("events per second to replay", 100.0, above=0)
    runner: str = option("where the stream runs", "local", choices=("local", "prism", "flink"))
    services_folder: str = option(
        "of `services up --flink`; its Flink is started where it is not up", ".onegraph", metavar="DIR"
    )

    def check(self) -> None:
        """Refuse an output that cannot be written."""
        super().check()
        check_writable(self.output)
