"""Workers in this process listen on loopback only."""

import pathlib

from beam_jobs.runners.in_process import worker_threads


def test_workers_listen_on_loopback_only():
    with worker_threads.serve() as address:
        assert address.startswith("127.0.0.1:")
        assert listeners(int(address.partition(":")[2])) in (["0100007F"], ["0000000000000000FFFF00000100007F"])


def listeners(port):
    """Return the local addresses, in hexadecimal, on which anything listens on a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            address, _, hexadecimal = local.partition(":")
            if state == "0A" and int(hexadecimal, 16) == port:
                found.append(address)
    return found
