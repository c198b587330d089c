"""The far end of `worker_pool`: a process that imports modules and then is forked once per socket.

`python -m beam_jobs.process.pool_worker FD,FD MODULE ...`. A fork copies one thread only, so this process imports and
does nothing else before it; see `beam_jobs.runners.flink.fork_server`, which is Flink's. Every fork has a folder of its
own for temporary files, which TensorFlow leaves behind, and removes it at its end.
"""

import gc
import importlib
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from schemas.errors import OnegraphError


def main(descriptors: Sequence[int], modules: Sequence[str]) -> None:
    """Serve on every descriptor in a process of its own until the other ends are closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has the pool, which ends this one
    _import(modules)
    gc.collect()
    gc.freeze()  # the collector would write to, and so copy, every page that the workers share
    with tempfile.TemporaryDirectory(prefix="onegraph-workers-") as folder:
        children = [_forked(descriptors, descriptor, folder) for descriptor in descriptors]
        for descriptor in descriptors:
            os.close(descriptor)
        for child in children:
            os.waitpid(child, 0)


def _import(modules: Sequence[str]) -> None:
    """Import modules; what TensorFlow's libraries write meanwhile comes through only if one cannot be imported."""
    with tempfile.TemporaryFile() as held_back:
        terminal = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            for module in modules:
                importlib.import_module(module)
        except BaseException:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _forked(descriptors: Sequence[int], own: int, folder: str) -> int:
    pid = os.fork()
    if pid == 0:
        for other in descriptors:
            if other != own:
                os.close(other)
        tempfile.tempdir = folder
        _serve(Connection(own))
    return pid


def _serve(connection: Connection) -> NoReturn:
    prepared: dict[str, Callable[[Any], Any]] = {}
    code = 70
    try:
        while True:
            try:
                request = connection.recv_bytes()
            except EOFError:
                break
            connection.send_bytes(_answer(request, prepared))
        code = 0
    except (BrokenPipeError, ConnectionResetError):
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _answer(request: bytes, prepared: dict[str, Callable[[Any], Any]]) -> bytes:
    """Do what a request says; a process keeps what it has prepared for the task that it does, and for no other."""
    try:
        key, task, element = pickle.loads(request)
        if key not in prepared:
            prepared.clear()
            prepared[key] = pickle.loads(task).prepare()
        return pickle.dumps((False, prepared[key](element)), pickle.HIGHEST_PROTOCOL)
    except OnegraphError as error:
        return pickle.dumps((True, error))
    except Exception as error:
        trace = traceback.format_exc()
        return pickle.dumps((True, RuntimeError(f"{trace}\n{type(error).__name__}: {error}")))


if __name__ == "__main__":
    main([int(descriptor) for descriptor in sys.argv[1].split(",")], sys.argv[2:])
