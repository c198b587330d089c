"""Clients of kafka-python, opened over a `Connection`: the library's mistakes mended, a refusal in one line."""

from typing import Any

from kafka import errors

from beam_jobs.kafka.client import CONNECT_S
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import unreachable
from beam_jobs.kafka.kafka_python import decoding, outage
from beam_jobs.kafka.probe import wait_for_broker


def connect(
    make: Any,
    servers: Connection | str,
    connect_s: float = CONNECT_S,
    first_answer_s: float | None = None,
    **options: Any,
) -> Any:
    """Make a client of kafka-python; raises `ServiceError` naming the servers when none answers in time.

    `first_answer_s` is shorter than `connect_s` where nobody gains by waiting for a server that is not there.
    """
    decoding.install()
    outage.install()
    connection = Connection.of(servers)
    security = {
        "security_protocol": connection.security_protocol,
        **wait_for_broker(connection, first_answer_s or connect_s),
    }
    if connection.tls:
        security["ssl_context"] = connection.ssl_context()
    try:
        return make(
            bootstrap_servers=connection.servers.split(","),
            bootstrap_timeout_ms=milliseconds(connect_s),
            reconnect_backoff_max_ms=1_000,
            **security,
            **options,
        )
    except errors.KafkaTimeoutError:
        why = "it takes connections and answers no client; does that port want another --security-protocol?"
        raise unreachable(connection, connect_s, why) from None
    except (errors.KafkaError, ValueError, OSError) as error:
        raise unreachable(connection, connect_s, str(error)) from None


def milliseconds(seconds: float) -> int:
    """Return a time as kafka-python takes it.

    >>> milliseconds(1.5)
    1500
    """
    return int(seconds * 1000)
