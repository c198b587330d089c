"""The settings of the verbs that put records into a topic, show them, or step over them."""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Send(Broker):
    """Send a file's rows to a topic as JSON events."""

    file: str = argument("CSV file (.csv, .csv.gz) or JSON lines (.jsonl)")
    topic: str = argument("where to")
    use_case: str = option("whose schema gives the columns their types", "taxi")
    use_case_path: str | None = option("folder that holds schemas/, transforms/ and models/ of your own", None)
    key: str | None = option("column whose value is the event's key; the number of the row where not given", None)
    rate: float | None = option("events per second; as fast as it goes where not given", None)
    limit: int | None = option("send no more rows than this", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail(Broker):
    """Show a topic's records, readable, oldest first or as they come."""

    topic: str = argument("which topic")
    from_start: bool = option("begin with the oldest record instead of the next one", False)
    limit: int | None = option("stop after so many records", None)
    until_end: bool = option("stop at the end that the topic has now", False)
    as_json: bool = False  # `--json`: every record an object, as it comes


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkipTo(Broker):
    """Move a group's committed offset of one partition ahead, over events that cannot be decoded."""

    topic: str = argument("which topic")
    group: str = option("consumer group of the job, which must be down", "onegraph")
    partition: int = option("of the topic")
    offset: int = option("where the group goes on; all before it is left out")
