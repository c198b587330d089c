"""What can go wrong with Kafka: the errors that a job tells apart, and every message about a topic, in one wording.

Whatever a client library raises comes out as `ServiceError`, one line that names the servers.
"""

from collections.abc import Iterable

from kafka import errors

from beam_jobs.kafka.connection import Connection
from schemas.errors import ServiceError
from schemas.nearest import did_you_mean

_WAY_ON = "put the group where you want it (onegraph skip_to), or take another --group"
_MISSING = (errors.UnknownTopicOrPartitionError.errno, -188)  # the second is librdkafka's own


class Unavailable(ServiceError):
    """A broker that may be well again soon: it did not answer, or asked to be tried again."""


class OffsetsLost(ServiceError):
    """The log no longer has, or never had, the offset `wanted`; `goes_on_at` is the first later one that it has."""

    def __init__(self, message: str, partition: int = -1, wanted: int = -1, goes_on_at: int | None = None):
        super().__init__(message)
        self.partition, self.wanted, self.goes_on_at = partition, wanted, goes_on_at


def offsets_lost(
    servers: Connection | str, topic: str, partition: int, wanted: int, first: int, end: int
) -> OffsetsLost:
    """The error for an offset outside of what the log has now, `first` to `end`."""
    where = f"{servers}: topic {topic!r} partition {partition}"
    if wanted < first:
        return OffsetsLost(
            f"{where}: offsets {wanted} to {first - 1} are lost, the log now begins at {first} (retention "
            "passed the reader); --accept-lost-offsets goes on there",
            partition,
            wanted,
            first,
        )
    what = f"the log ends at {end}" if wanted > end else "the log has other records before it"
    return OffsetsLost(
        f"{where}: wanted offset {wanted}, {what} (was the topic made anew or cut?); {_WAY_ON}",
        partition,
        wanted,
    )


def topic_made_anew(servers: Connection | str, topic: str, group: str | None, was: str, now: str) -> ServiceError:
    """The error for a group whose offsets are those of another topic of that name."""
    return ServiceError(
        f"{servers}: topic {topic!r} was made anew: the offsets of group {group!r} are those of the topic with the id "
        f"{was}, it now has the id {now}; --accept-lost-offsets reads the new one from its start, or {_WAY_ON}"
    )


def undecodable(servers: Connection | str, topic: str, partition: int, first: int, last: int, why: str) -> ServiceError:
    """The error for a batch that cannot be read; going on would lose its events without a word."""
    return ServiceError(
        f"{servers}: topic {topic!r} partition {partition}: the batch of offsets {first} to {last} cannot be decoded "
        f"({why}); install what is missing, or step over it: onegraph skip_to {topic} --group GROUP --partition "
        f"{partition} --offset {last + 1}"
    )


def refused_records(where: str, first: str, last: str, why: str) -> ServiceError:
    """The error for one record, or for some if the broker does not say which; both are named by their events."""
    records = f"the record of {first}" if first == last else f"one or more of the records of {first} to {last}"
    return ServiceError(
        f"{where} refused {records}: {why}; nothing behind it was committed: mend the topic's settings, then start "
        "again"
    )


def not_acknowledged(where: str, timeout_s: float) -> ServiceError:
    """The error for a batch that the broker did not answer in time."""
    return ServiceError(
        f"{where} did not acknowledge a batch within {timeout_s:g} s; nothing behind it was committed, start again "
        "once the broker is well"
    )


def refused_login(connection: Connection, why: str) -> ServiceError:
    """The error for a login that the broker did not take."""
    who = f" of {connection.sasl_username!r}" if connection.sasl_username else ""
    kept = connection.sasl_password_file or connection.sasl_password_env or connection.sasl_token_file
    return ServiceError(
        f"{connection}: the broker refused the {connection.sasl_mechanism} login{who} ({why or 'no reason given'}); "
        f"check user, mechanism and what is kept in {kept or connection.sasl_token_command}"
    )


def unreachable(connection: Connection, connect_s: float, why: str) -> Unavailable:
    """The error for servers of which none took a connection in time."""
    return Unavailable(
        f"no Kafka broker answers at {connection} within {connect_s:g} s ({why}); start it (`onegraph services up` "
        "starts one on this machine) or give the right --bootstrap-servers"
    )


def unusable_topic(servers: Connection | str, topic: str, code: int) -> ServiceError:
    """The error for a topic that cannot be used since the broker answers with that number of Kafka's protocol."""
    if code == errors.TopicAuthorizationFailedError.errno:
        return not_allowed(servers, "Describe", topic)
    if is_missing(code):
        return missing_topic(servers, topic)
    if code == 0:
        return Unavailable(f"{servers}: the partitions of topic {topic!r} are not known yet; try again")
    kind = errors.for_code(code)
    error = Unavailable if issubclass(kind, errors.RetriableError) else ServiceError
    return error(f"{servers}: topic {topic!r} cannot be used: {kind.__name__}")


def not_allowed(servers: Connection | str, what: str, topic: str) -> ServiceError:
    """The error for a topic whose access list does not have that operation for us."""
    return ServiceError(f"{servers}: this user may not {what} topic {topic!r}; have its access list changed")


def missing_topic(servers: Connection | str, topic: str, known: Iterable[str] = ()) -> ServiceError:
    """The error for a topic that is not there; of those that are `known`, the one most like it is told."""
    meant = did_you_mean(topic, (name for name in known if not name.startswith("__")))
    return ServiceError(
        f"{servers}: no topic {topic!r}; create it, check the name, or give --create-topics where the verb has it"
        f"{meant}"
    )


def is_missing(code: int) -> bool:
    """Say whether a number of Kafka's protocol, or of a client's own, says that there is no such topic."""
    return code in _MISSING
