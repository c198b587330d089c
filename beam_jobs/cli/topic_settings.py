"""The settings of the verbs that put records into a topic, show them, or step over them."""

import dataclasses

from beam_jobs.cli import paths
from beam_jobs.cli.file_settings import FileFormat, are_json_lines
from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker
from schemas.address import is_remote
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Send(FileFormat, Broker):
    """Send a file's rows to a topic as JSON events.

    A schema gives the columns their types: that of a registry's champion, or of a use case. JSON lines are sent as
    they are.
    """

    file: str = argument("file of rows (CSV, JSON lines, Parquet, Avro, TFRecord)")
    topic: str = argument("where to")
    registry: str | None = option("its champion has the schema of the columns", None, metavar="DIR", group="use case")
    use_case: str | None = option("or the use case that has it", None, metavar="NAME", group="use case")
    use_case_path: str | None = option(
        "folder that holds schemas/, transforms/ and models/ of your own", None, metavar="DIR", group="use case"
    )
    key: str | None = option(
        "column whose value is the event's key; the number of the row where not given", None, metavar="COLUMN"
    )
    rate: float | None = option("events per second; as fast as it goes where not given", None, above=0)
    limit: int | None = option("send no more rows than this", None, minimum=1)

    def check(self) -> None:
        """Refuse a file that is not there, and columns that nothing says the types of."""
        super().check()
        if not is_remote(self.file):
            paths.check_file(self.file)
        if self.registry is not None:
            paths.check_registry(self.registry)
        elif self.use_case is not None:
            from models.use_case import find_schema  # brings NumPy and PyArrow

            find_schema(self.use_case, self.use_case_path)
        elif self.needs_schema:
            raise UsageError("whose columns? give --registry, whose champion has the schema, or --use-case")

    @property
    def needs_schema(self) -> bool:
        """Whether cells or keys are to be typed; JSON lines are sent as they are."""
        return self.key is not None or not are_json_lines(self.file, self.file_options)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail(Broker):
    """Show a topic's records as readable lines."""

    topic: str = argument("which topic")
    from_start: bool = option("begin with the oldest record instead of the next one", False)
    limit: int | None = option("stop after so many records", None, minimum=1)
    until_end: bool = option("stop at the end that the topic has now", False)
    as_json: bool = False  # `--json`: every record an object, as it comes


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkipTo(Broker):
    """Move a group's offset over events that cannot be decoded.

    The committed offset of one partition moves ahead, while the job of the group is down.
    """

    topic: str = argument("which topic")
    group: str = option("consumer group of the job, which must be down", "onegraph", metavar="NAME")
    partition: int = option("number of the partition", minimum=0)
    offset: int = option("where the group goes on; all before it is left out", minimum=0)
