"""kafka-python, mended: what is closed is closed at once, whatever was still to be written."""

import socket

from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaTCPTransport

from beam_jobs.kafka.kafka_python import outage


def test_a_connection_that_is_closed_with_a_request_to_be_written_leaves_no_socket():
    outage.install()
    net = NetworkSelector()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = KafkaTCPTransport(net, ours)
    connection.write(b"a request")
    connection.close()
    net.close()
    theirs.close()
    assert ours.fileno() == -1
