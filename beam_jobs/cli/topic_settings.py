"""The settings of the verbs that put records into a topic, show them, or step over them."""

import dataclasses

from beam_jobs.cli import paths
from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker, UseCaseChoice


@dataclasses.dataclass(frozen=True, kw_only=True)
class Send(UseCaseChoice, Broker):
    """Send a file's rows to a topic as JSON events.

    The schema of the use case gives the columns their types.
    """

    file: str = argument("CSV file (.csv, .csv.gz) or JSON lines (.jsonl)")
    topic: str = argument("where to")
    rate: float | None = option("events per second; as fast as it goes where not given", None, above=0)
    limit: int | None = option("send no more rows than this", None, minimum=1)

    def check(self) -> None:
        """Refuse a file that is not there."""
        super().check()
        paths.check_file(self.file)
        self.check_use_case()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail(Broker):
    """Show a topic's records as readable lines."""

    topic: str = argument("which topic")
    from_start: bool = option("begin with the oldest record instead of the next one", False)
    limit: int | None = option("stop after so many records", None, minimum=1)
    until_end: bool = option("stop at the end that the topic has now", False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkipTo(Broker):
    """Move a group's offset over events that cannot be decoded.

    The committed offset of one partition moves ahead, while the job of the group is down.
    """

    topic: str = argument("which topic")
    group: str = option("consumer group of the job, which must be down", "onegraph", metavar="NAME")
    partition: int = option("number of the partition", minimum=0)
    offset: int = option("where the group goes on; all before it is left out", minimum=0)
