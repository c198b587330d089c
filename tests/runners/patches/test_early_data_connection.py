"""A worker is connected before its DoFns are set up; on a real cluster: `tests/services/test_local_flink.py`."""

import pytest
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.bundle_processor import DATA_INPUT_URN, DATA_OUTPUT_URN
from apache_beam.runners.worker.sdk_worker import BundleProcessorCache, StateHandlerFactory

from beam_jobs.runners.patches import early_data_connection


class Connections:
    """A factory of data channels that writes down whom it was to connect to."""

    def __init__(self):
        self.made: list[str] = []

    def create_data_channel(self, port, _=None):
        self.made.append(port.api_service_descriptor.url)


class NoState(StateHandlerFactory):
    def create_state_handler(self, _):
        raise AssertionError("no state is asked for")

    def close(self):
        pass


def stage_that_cannot_be_set_up() -> beam_fn_api_pb2.ProcessBundleDescriptor:
    stage = beam_fn_api_pb2.ProcessBundleDescriptor(id="stage")
    for name, urn in (("read", DATA_INPUT_URN), ("write", DATA_OUTPUT_URN)):  # without the coder that each must have
        stage.transforms[name].spec.urn = urn
        port = beam_fn_api_pb2.RemoteGrpcPort()
        port.api_service_descriptor.url = f"127.0.0.1:1/{name}"
        stage.transforms[name].spec.payload = port.SerializeToString()
    return stage


@pytest.fixture
def connections():
    return Connections()


@pytest.fixture
def cache(connections):
    made = BundleProcessorCache(frozenset(), NoState(), connections, {"stage": stage_that_cannot_be_set_up()})
    yield made
    made.shutdown()


def test_connected_though_the_set_up_fails(cache, connections, monkeypatch):
    monkeypatch.setattr(BundleProcessorCache, "get", BundleProcessorCache.get)
    early_data_connection.install()
    with pytest.raises(KeyError, match="No such coder"):
        cache.get("bundle-1", "stage")
    assert sorted(connections.made) == ["127.0.0.1:1/read", "127.0.0.1:1/write"]
