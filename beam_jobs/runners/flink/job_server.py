"""Beam's job server for Flink: whether one answers."""

import contextlib
from typing import Any


def answers(endpoint: str, timeout_s: float = 5) -> bool:
    """Say whether a Beam job server answers at "host:port" and knows Flink's options."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        options: Any = stub.DescribePipelineOptions(request, timeout=timeout_s, wait_for_ready=True).options
        return any(option.name == "checkpointing_interval" for option in options)
    return False
