"""A TCP proxy on loopback that can make a connection slow, cut what is open, or refuse what is new."""

import contextlib
import socket
import threading
import time

from beam_jobs.process.loopback import HOST

_BYTES = 1 << 16


class Proxy:
    """Hands everything that comes to `port` on to `target`, as many connections as there are, a thread a direction."""

    def __init__(self, target: int, port: int = 0):
        self.target = target
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0  # of every piece that passes
        self.bytes_per_s = 0.0  # of every direction of a connection; 0: no limit
        self.loses_answers = False  # what the target says does not arrive
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    def reset(self) -> int:
        """Cut every open connection with a TCP reset, answers on their way included; returns how many."""
        with self._lock:
            cut, self._open = self._open, set()
        for one in cut:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # no polite end
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        return len(cut) // 2

    def close(self) -> None:
        """Take no more connections and cut those that are open."""
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection((HOST, self.target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            for one, other, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(one, other, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BYTES):
                wait = self.delay_s + (len(data) / self.bytes_per_s if self.bytes_per_s else 0.0)
                if wait:
                    time.sleep(wait)
                if not (answers and self.loses_answers):
                    sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
