"""What a probe says of a server before a client is made; secure brokers are in test_connection.py."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable
from beam_jobs.kafka.probe import probe, wait_for_broker
from beam_jobs.process.loopback import free_port


@contextlib.contextmanager
def server(answer: Callable[[socket.socket], object], port: int = 0) -> Iterator[int]:
    """A server on loopback that answers every connection and closes it; yields its port."""

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                link, _ = listening.accept()
                with link, contextlib.suppress(OSError):
                    answer(link)

    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=serve, args=[listening])
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def closes(link: socket.socket) -> None:
    link.recv(1_000)


def speaks_http(link: socket.socket) -> None:
    link.recv(1_000)
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def says_it_is_endless(link: socket.socket) -> None:
    link.recv(1_000)
    link.sendall(struct.pack(">ii", 2**31 - 1, 1))


def ends_in_the_middle(link: socket.socket) -> None:
    link.recv(1_000)
    link.sendall(struct.pack(">ii", 100, 1) + b"half")


def test_a_broker_that_answers(broker: str) -> None:
    assert probe(Connection(servers=broker), None, {}) == ""
    assert wait_for_broker(Connection(servers=broker), 5) == {}


def test_one_of_several_servers_is_enough(broker: str) -> None:
    assert probe(Connection(servers=f"127.0.0.1:{free_port()}, {broker}"), None, {}) == ""


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (closes, "closed without an answer; does that port want another --security-protocol?"),
        (speaks_http, "an answer that is none of Kafka's; does that port want another --security-protocol?"),
        (says_it_is_endless, "an answer that is none of Kafka's; does that port want another --security-protocol?"),
        (ends_in_the_middle, "closed without an answer; does that port want another --security-protocol?"),
    ],
)
def test_what_does_not_speak_kafka_is_named(answer: Callable[[socket.socket], object], says: str) -> None:
    with server(answer) as port:
        assert probe(Connection(servers=f"127.0.0.1:{port}"), None, {}) == f"127.0.0.1:{port}: {says}"


def test_a_server_that_closes_while_tls_begins() -> None:
    with server(closes) as port:
        connection = Connection(servers=f"127.0.0.1:{port}", security_protocol="SSL")
        why = probe(connection, ssl.create_default_context(), {})
        assert why == f"127.0.0.1:{port}: closed during the TLS handshake; does that port speak TLS?"


@pytest.mark.parametrize("servers", ["127.0.0.1", "127.0.0.1:broker"])
def test_an_address_that_is_none(servers: str) -> None:
    assert probe(Connection(servers=servers), None, {}).startswith(f"{servers}: ")


def test_when_the_time_is_up_the_last_reason_is_named() -> None:
    servers, began = f"127.0.0.1:{free_port()}", time.monotonic()
    with pytest.raises(Unavailable, match=rf"no Kafka broker answers at {servers} within 0\.5 s \(.*refused\); start"):
        wait_for_broker(Connection(servers=servers), 0.5)
    assert time.monotonic() - began >= 0.5


def test_a_server_that_comes_later_is_waited_for() -> None:
    port, there = free_port(), contextlib.ExitStack()

    def versions(link: socket.socket) -> None:
        link.recv(1_000)
        link.sendall(struct.pack(">ii", 8, 1) + b"\0" * 4)

    begin = threading.Timer(0.5, lambda: there.enter_context(server(versions, port)))
    with there:
        begin.start()
        assert wait_for_broker(Connection(servers=f"127.0.0.1:{port}"), 30) == {}
        begin.join()
