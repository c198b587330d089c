"""Making clients of a `Connection`: first see who answers and takes our login, and say in one line why not."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from kafka import errors
from kafka.net.sasl.oauth import AbstractTokenProvider

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable, refused_login
from beam_jobs.kafka.probe import knock
from schemas.errors import ServiceError

CONNECT_S = 15.0


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


def connect(make: Any, where: Connection | str, connect_s: float = CONNECT_S, **options: Any) -> Any:
    """Make a client of kafka-python; raises `ServiceError` naming the servers when none answers in time."""
    connection = Connection.of(where)
    login = reach(connection, connect_s)
    security = {"security_protocol": connection.security_protocol, **login}
    if connection.tls:
        security["ssl_context"] = connection.ssl_context()
    try:
        return make(
            bootstrap_servers=connection.servers.split(","),
            bootstrap_timeout_ms=int(connect_s * 1000),
            reconnect_backoff_max_ms=1_000,
            **security,
            **options,
        )
    except errors.KafkaTimeoutError:
        why = "it takes connections and answers no client; does that port want another --security-protocol?"
        raise _unreachable(connection, connect_s, why) from None
    except (errors.KafkaError, ValueError, OSError) as error:
        raise _unreachable(connection, connect_s, str(error)) from None


def reach(connection: Connection, connect_s: float) -> dict[str, Any]:
    """Return kafka-python's options of the login once a server takes it, the secret among them, read now.

    Raises `ServiceError` naming the servers and why not. Asked before a client is made: clients try for their whole
    time, hide why, and kafka-python leaks its socket when it gives up.
    """
    _keep_to_itself()
    context = connection.ssl_context() if connection.tls else None
    login = _login(connection)
    until = time.monotonic() + connect_s
    why = knock(connection, context, login)
    while why and time.monotonic() < until:
        time.sleep(min(0.2, connect_s))
        why = knock(connection, context, login)
    if why:
        raise _unreachable(connection, connect_s, why)
    return login


def _unreachable(connection: Connection, connect_s: float, why: str) -> Unavailable:
    return Unavailable(
        f"no Kafka broker answers at {connection} within {connect_s:g} s ({why}); start it or give the right "
        "--bootstrap-servers"
    )


def _login(connection: Connection) -> dict[str, Any]:
    if not connection.sasl:
        return {}
    options: dict[str, Any] = {
        "security_protocol": connection.security_protocol,
        "sasl_mechanism": connection.sasl_mechanism,
    }
    if connection.sasl_mechanism == "OAUTHBEARER":
        return options | {"sasl_oauth_token_provider": _Token(connection)}
    return options | {
        "sasl_plain_username": connection.sasl_username,
        "sasl_plain_password": connection.password(),
    }


class _Token(AbstractTokenProvider):
    """Reads the token anew for every connection, so that a renewed one is taken."""

    def __init__(self, connection: Connection):
        super().__init__()
        self._connection = connection

    def token(self) -> str:
        return self._connection.token()


def _keep_to_itself() -> None:
    """Keep kafka-python from its debug log: it has values, keys and headers, and the password of a login."""
    top = logging.getLogger("kafka")
    top.setLevel(max(top.getEffectiveLevel(), logging.INFO))
    for name, log in list(logging.root.manager.loggerDict.items()):
        if name.startswith("kafka.") and isinstance(log, logging.Logger) and log.level:  # one that somebody set
            log.setLevel(max(log.level, logging.INFO))
