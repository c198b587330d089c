"""librdkafka's options of a connection, the same for reading and for writing."""

import time
from typing import Any

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.probe import wait_for_broker

_TOKEN_S = 300.0  # a token is read again before this time is over


def shared_options(connection: Connection, connect_s: float) -> dict[str, Any]:
    """Return librdkafka's options of a connection, the secret among them, once a server has taken it."""
    wait_for_broker(connection, connect_s)
    options: dict[str, Any] = {
        "bootstrap.servers": connection.servers,
        "security.protocol": connection.security_protocol,
        "allow.auto.create.topics": False,
        "socket.nagle.disable": True,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.refresh.interval.ms": 30_000,
        "log_level": 0,  # what it gives up on comes as an error
        "error_cb": lambda _: None,
    }
    if connection.tls:
        options |= {"ssl.endpoint.identification.algorithm": "https", "enable.ssl.certificate.verification": True}
        for name, path in (
            ("ssl.ca.location", connection.ssl_ca_file),
            ("ssl.certificate.location", connection.ssl_cert_file),
            ("ssl.key.location", connection.ssl_key_file),
        ):
            if path:
                options[name] = path
    if connection.sasl:
        options["sasl.mechanism"] = connection.sasl_mechanism
        if connection.sasl_mechanism == "OAUTHBEARER":
            options["oauth_cb"] = lambda _: (connection.token(), time.time() + _TOKEN_S)
        else:
            options |= {"sasl.username": connection.sasl_username, "sasl.password": connection.password()}
    return options
