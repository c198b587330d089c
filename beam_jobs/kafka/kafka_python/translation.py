"""What kafka-python raises, as our errors: one line each, and `Unavailable` if trying again may help."""

import contextlib
from collections.abc import Iterator

import kafka
from kafka import errors

from beam_jobs.kafka.client import CONNECT_S
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable, is_missing, missing_topic, refused_login, unusable_topic
from beam_jobs.kafka.kafka_python.opening import connect
from schemas.errors import ServiceError


@contextlib.contextmanager
def one_line(servers: Connection | str, doing: str) -> Iterator[None]:
    """Turn what the client library raises in the block into a `ServiceError`."""
    try:
        yield
    except errors.KafkaTimeoutError as error:
        raise Unavailable(
            f"{servers}: no answer while {doing} ({error}); is the broker up and the address right?"
        ) from None
    except errors.SaslAuthenticationFailedError as error:
        raise refused_login(Connection.of(servers), str(error)) from None
    except errors.AuthorizationError as error:
        raise ServiceError(
            f"{servers}: {type(error).__name__} while {doing}: this user may not do that; have its access list changed"
        ) from None
    except errors.KafkaError as error:
        kind = Unavailable if isinstance(error, errors.RetriableError) else ServiceError
        raise kind(f"{servers}: {type(error).__name__} while {doing}: {error}") from None


@contextlib.contextmanager
def admin_client(
    servers: Connection | str, doing: str, connect_s: float = CONNECT_S, first_answer_s: float | None = None
) -> Iterator[kafka.KafkaAdminClient]:
    """Open kafka-python's admin client for the block, and turn what it raises there into a `ServiceError`."""
    admin = connect(kafka.KafkaAdminClient, servers, connect_s, first_answer_s)
    try:
        with one_line(servers, doing):
            yield admin
    finally:
        admin.close()


def why_unusable(servers: Connection | str, topic: str) -> ServiceError:
    """Ask for this one topic: an answer about all topics leaves out those that this user may not see."""
    with admin_client(servers, f"describing topic {topic!r}") as admin:
        [found] = admin.describe_topics([topic])
        code = found["error_code"]
        if is_missing(code):
            return missing_topic(servers, topic, admin.list_topics())
        return unusable_topic(servers, topic, code)
