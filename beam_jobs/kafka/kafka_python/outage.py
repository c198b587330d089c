"""kafka-python while brokers are away, mended: it waits between attempts, sleeps meanwhile, and closes its sockets."""

import functools
import socket
from collections.abc import Callable
from typing import Any

from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.manager import KafkaConnectionManager
from kafka.net.transport import KafkaTCPTransport

_ANSWER_MS = 100.0  # an answer, and a record to send, end the wait at once
_forget_failures = KafkaConnectionManager.reset_backoff
_connect = KafkaNetSocket.sock_connect
_close = KafkaTCPTransport.close


@functools.cache
def install() -> None:
    """Have every client of the process wait before it connects again, and close the socket of every connection.

    A connection that is closed before its first answer counts as made in kafka-python, which makes another at once, for
    as long as a balancer or proxy takes connections for a broker that is away. Here it counts as failed. Sockets that
    did not connect, or were closed with a request still to be written, are left to the garbage collector there.
    """
    KafkaConnectionManager.reset_backoff = _forget_failures_once_answered
    KafkaNetSocket.sock_connect = _connect_or_close
    KafkaTCPTransport.close = _close_at_once


def wait_for_brokers(producer: KafkaProducer) -> None:
    """Have a producer's thread sleep while there is no broker to send to, or that has enough to answer.

    The library takes seconds for milliseconds when a broker is not to be asked yet, does not wait at all while it is
    connected to or has all requests that it may have, and wakes itself by asking who leads a partition that has no
    leader: in each case the thread takes a whole core, and the job's lock of Python with it.
    """
    client, metadata = producer._sender._client, producer._sender._metadata
    client.connection_delay = functools.partial(_wait_ms, client)
    metadata.request_update = functools.partial(_ask_once, metadata, metadata.request_update)


def _forget_failures_once_answered(manager: KafkaConnectionManager, node: object) -> None:
    connection = manager._conns.get(node)
    if connection is not None and connection.connected:
        _forget_failures(manager, node)
    else:
        manager.update_backoff(node)


async def _connect_or_close(maker: KafkaNetSocket, net: Any, made: socket.socket, *where: Any, **until: Any) -> Any:
    try:
        return await _connect(maker, net, made, *where, **until)
    except BaseException:
        made.close()
        raise


def _close_at_once(transport: KafkaTCPTransport) -> None:
    transport._write_buffer.clear()  # a client is closed when all answers that matter are there
    _close(transport)


def _wait_ms(client: KafkaNetClient, node: object) -> float:
    waits_for_event = node in client._manager._conns
    return _ANSWER_MS if waits_for_event else 1_000 * client._manager.connection_delay(node)


def _ask_once(metadata: ClusterMetadata, ask: Callable[[], Future]) -> Future:
    asked = metadata._future
    return asked if metadata.need_update and asked is not None and not asked.is_done else ask()
