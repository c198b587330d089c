"""The login of a `Connection` as kafka-python wants it, the secret read at that moment and kept from every log."""

import logging
from typing import Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from beam_jobs.kafka.connection import Connection


def login_options(connection: Connection) -> dict[str, Any]:
    """Return kafka-python's options of the login, the secret among them; none without SASL.

    From then on, kafka-python writes no debug log: it has values, keys and headers, and the password of a login.
    """
    _limit_logs()
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


def _limit_logs() -> None:
    top = logging.getLogger("kafka")
    top.setLevel(max(top.getEffectiveLevel(), logging.INFO))
    for name, log in list(logging.root.manager.loggerDict.items()):
        if name.startswith("kafka.") and isinstance(log, logging.Logger) and log.level:  # one that somebody set
            log.setLevel(max(log.level, logging.INFO))
