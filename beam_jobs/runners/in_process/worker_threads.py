"""Beam workers in this process, started on demand by a runner outside it, listening on loopback only.

What Beam's LOOPBACK environment does, except that Beam's own server listens on every interface.
"""

import contextlib
from collections.abc import Iterator

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils import thread_pool_executor

from beam_jobs.process.loopback import HOST


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """Serve until the block ends; yields "host:port" for the EXTERNAL environment."""
    pings = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0)]
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=pings)
    port = server.add_insecure_port(f"{HOST}:0")
    servicer = BeamFnExternalWorkerPoolServicer(use_process=False, data_buffer_time_limit_ms=-1)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    server.start()
    try:
        yield f"{HOST}:{port}"
    finally:
        server.stop(grace=1).wait()
