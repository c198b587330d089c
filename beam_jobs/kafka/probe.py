"""A broker probed before a client is made: does it answer, over TLS if wanted, and does it take our login?

Clients hide the reason of a refusal behind a timeout. The probe sends four requests of Kafka's protocol by itself and
names the reason at once.
"""

import socket
import ssl
import struct
import time
from typing import Any

from kafka import errors
from kafka.net.sasl import get_sasl_mechanism

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import refused_login, unreachable
from beam_jobs.kafka.login import login_options
from schemas.errors import ServiceError

_VERSIONS, _HANDSHAKE, _AUTHENTICATE = (18, 0), (17, 1), (36, 0)
_LARGEST_ANSWER = 1 << 20
_MAX_LOGIN_STEPS = 8  # SCRAM takes three
_TIMEOUT_S = 3.0
_PAUSE_S = 0.2


def wait_for_broker(connection: Connection, connect_s: float) -> dict[str, Any]:
    """Return kafka-python's options of the login once a server has taken it, the secret among them, read now.

    Raises `ServiceError` naming the servers and why not. Ask before a client is made: clients try for their whole
    time, hide why, and kafka-python leaks its socket when it gives up.
    """
    context = connection.ssl_context() if connection.tls else None
    login = login_options(connection)
    until = time.monotonic() + connect_s
    why = probe(connection, context, login)
    while why and time.monotonic() < until:
        time.sleep(min(_PAUSE_S, connect_s))
        why = probe(connection, context, login)
    if why:
        raise unreachable(connection, connect_s, why)
    return login


def probe(connection: Connection, context: ssl.SSLContext | None, login: dict[str, Any]) -> str:
    """Return why none of the servers takes a connection, or nothing if one does.

    `login` are kafka-python's options of the login. Raises `ServiceError` for what waiting does not cure: a certificate
    or a login that is refused, a server that speaks something else.
    """
    why = ""
    for server in connection.servers.split(","):
        host, _, port = server.strip().rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=_TIMEOUT_S) as plain:
                if context is None:
                    _log_in(plain, connection, host, login)
                else:
                    with context.wrap_socket(plain, server_hostname=host) as secure:
                        _log_in(secure, connection, host, login)
        except ssl.SSLEOFError:
            why = f"{server}: closed during the TLS handshake; does that port speak TLS?"
        except ssl.SSLError as error:
            raise _no_tls(connection, server, error) from None
        except (OSError, ValueError) as error:
            why = f"{server}: {error}"
        else:
            return ""
    return why


def _log_in(link: socket.socket, connection: Connection, host: str, login: dict[str, Any]) -> None:
    _ask(link, _VERSIONS, b"")
    if not connection.sasl:
        return
    name = str(connection.sasl_mechanism)
    answer = _ask(link, _HANDSHAKE, struct.pack(">h", len(name)) + name.encode())
    if struct.unpack_from(">h", answer)[0]:
        raise refused_login(connection, f"it does not offer {name}")
    mechanism = get_sasl_mechanism(name)(host=host, **login)
    for _ in range(_MAX_LOGIN_STEPS):
        if mechanism.is_done():
            break
        message = mechanism.auth_bytes()
        answer = _ask(link, _AUTHENTICATE, struct.pack(">i", len(message)) + message)
        code, length = struct.unpack_from(">hh", answer)
        end = 4 + max(length, 0)
        if code:
            raise refused_login(connection, answer[4:end].decode(errors="replace") or errors.for_code(code).__name__)
        try:
            mechanism.receive(answer[end + 4 :])
        except Exception as error:  # the server's proof is wrong: it does not know our password
            raise refused_login(connection, f"{type(error).__name__} in its answer") from None
    if not mechanism.is_authenticated():
        raise refused_login(connection, "the exchange did not come to an end")


def _ask(link: socket.socket, request: tuple[int, int], body: bytes) -> bytes:
    link.sendall(struct.pack(">ihhih", 10 + len(body), *request, 1, -1) + body)
    length, correlation = struct.unpack(">ii", _receive(link, 8))
    if correlation != 1 or not 4 <= length <= _LARGEST_ANSWER:
        raise ConnectionError("an answer that is none of Kafka's; does that port want another --security-protocol?")
    return _receive(link, length - 4)


def _receive(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = link.recv(count - len(found))
        if not part:
            raise ConnectionError("closed without an answer; does that port want another --security-protocol?")
        found += part
    return found


def _no_tls(connection: Connection, server: str, error: ssl.SSLError) -> ServiceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        cure = f"is it the right server, and {connection.ssl_ca_file or 'the system'} the authority that signed it?"
    elif "ALERT" in str(error.reason):
        why = f"the server refused us ({error.reason})"
        cure = "does it want --ssl-cert-file, and know the authority that signed ours?"
    else:
        why, cure = str(error.reason or error), "does that port speak TLS?"
    return ServiceError(f"{server}: no TLS connection: {why}; {cure}")
